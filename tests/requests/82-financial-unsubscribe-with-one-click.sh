# One click of a financial mail.
# needs FINANCIAL_BASE_URL FINANCIAL_TOKEN
# expect 200 "success":true
curl -sS -i -w '\n' -X POST "$FINANCIAL_BASE_URL/financial/unsubscribe?data=$FINANCIAL_TOKEN" -d 'List-Unsubscribe=One-Click'
