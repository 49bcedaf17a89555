# More than one user may send in a minute; the last answer tells when to come back.
# needs API_BASE_URL LIMITED_TOKEN
# expect 429 retry-after:
# and "success":false
# and Too many requests from this user
count=0
while [ $count -lt 27 ]; do
curl -sS -i -w '\n' "$API_BASE_URL/outreach/send-email" \
    -H "Authorization: Bearer $LIMITED_TOKEN" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{}
EOF
    count=$((count + 1))
done
