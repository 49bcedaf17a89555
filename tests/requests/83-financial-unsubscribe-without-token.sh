# A link that lost its token.
# needs FINANCIAL_BASE_URL
# expect 400 "success":false
curl -sS -i -w '\n' -X POST "$FINANCIAL_BASE_URL/financial/unsubscribe" -d 'List-Unsubscribe=One-Click'
