# One mail to several, who do not see each other.
# needs API_BASE_URL JWT_TOKEN TEST_EMAIL
# expect 200 "success":true
curl -sS -i -w '\n' "$API_BASE_URL/outreach/send-email" \
    -H "Authorization: Bearer $JWT_TOKEN" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"to":["$TEST_EMAIL","second.$TEST_EMAIL","third.$TEST_EMAIL"],"subject":"Hello","text":"Hello"}
EOF
