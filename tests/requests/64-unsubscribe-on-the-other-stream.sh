# The token of one stream does not work in another.
# needs FINANCIAL_BASE_URL UNSUBSCRIBE_TOKEN
# expect 400 "success":false
curl -sS -i -w '\n' -X POST "$FINANCIAL_BASE_URL/financial/unsubscribe?data=$UNSUBSCRIBE_TOKEN" -d 'List-Unsubscribe=One-Click'
