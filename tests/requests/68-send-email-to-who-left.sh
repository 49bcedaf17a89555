# Nobody is left to send to.
# needs API_BASE_URL JWT_TOKEN TEST_EMAIL UNSUBSCRIBE_TOKEN
# expect 400 No recipient may be sent to
curl -sS -i -w '\n' "$API_BASE_URL/outreach/send-email" \
    -H "Authorization: Bearer $JWT_TOKEN" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"to":"$TEST_EMAIL","subject":"Hello","text":"Hello"}
EOF
