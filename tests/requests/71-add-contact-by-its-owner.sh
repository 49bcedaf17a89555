# Whoever has the token subscribes again by themselves.
# needs FINANCIAL_BASE_URL UNSUBSCRIBE_TOKEN
# expect 200 "success":true
curl -sS -i -w '\n' "$FINANCIAL_BASE_URL/financial/add-contact" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"data":"$UNSUBSCRIBE_TOKEN"}
EOF
