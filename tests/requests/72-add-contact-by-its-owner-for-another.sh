# The token is for one address only.
# needs FINANCIAL_BASE_URL UNSUBSCRIBE_TOKEN
# expect 403 "success":false
curl -sS -i -w '\n' "$FINANCIAL_BASE_URL/financial/add-contact" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"email":"other@example.com","data":"$UNSUBSCRIBE_TOKEN"}
EOF
