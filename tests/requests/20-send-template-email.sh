# A mail from a template.
# needs API_BASE_URL JWT_TOKEN TEST_EMAIL TEST_TEMPLATE
# expect 200 "message":"Template email sent successfully"
curl -sS -i -w '\n' "$API_BASE_URL/outreach/send-template-email" \
    -H "Authorization: Bearer $JWT_TOKEN" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"to":"$TEST_EMAIL","template":"$TEST_TEMPLATE","subject":"Welcome","templateVariables":{"name":"Ada <b>","since":2024},"tags":["welcome"]}
EOF
