# What is no address.
# needs FINANCIAL_BASE_URL JWT_TOKEN
# expect 400 "success":false
curl -sS -i -w '\n' "$FINANCIAL_BASE_URL/financial/add-contact" \
    -H "Authorization: Bearer $JWT_TOKEN" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"email":"nobody"}
EOF
