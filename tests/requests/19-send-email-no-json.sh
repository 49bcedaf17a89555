# A body that is no JSON.
# needs API_BASE_URL JWT_TOKEN TEST_EMAIL
# expect 400 "success":false
curl -sS -i -w '\n' "$API_BASE_URL/outreach/send-email" \
    -H "Authorization: Bearer $JWT_TOKEN" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"to":
EOF
