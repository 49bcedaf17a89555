# Neither text nor HTML.
# needs API_BASE_URL JWT_TOKEN TEST_EMAIL
# expect 400 Either text or html content is required
# and "success":false
# and access-control-allow-origin
curl -sS -i -w '\n' "$API_BASE_URL/outreach/send-email" \
    -H "Authorization: Bearer $JWT_TOKEN" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"to":"$TEST_EMAIL","subject":"Hello"}
EOF
