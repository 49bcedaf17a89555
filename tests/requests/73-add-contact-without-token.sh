# Nobody.
# needs FINANCIAL_BASE_URL TEST_EMAIL
# expect 401 Authorization token is required
curl -sS -i -w '\n' "$FINANCIAL_BASE_URL/financial/add-contact" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"email":"$TEST_EMAIL"}
EOF
