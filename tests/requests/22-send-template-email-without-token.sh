# Nobody.
# needs API_BASE_URL TEST_EMAIL TEST_TEMPLATE
# expect 401 Authorization token is required
curl -sS -i -w '\n' "$API_BASE_URL/outreach/send-template-email" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"to":"$TEST_EMAIL","template":"$TEST_TEMPLATE","subject":"Welcome","templateVariables":{"name":"Ada <b>","since":2024},"tags":["welcome"]}
EOF
