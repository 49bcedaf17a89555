# Whether the financial API works.
# needs FINANCIAL_BASE_URL
# expect 200 "success":true
curl -sS -i -w '\n' "$FINANCIAL_BASE_URL/financial/health" -H 'Origin: http://localhost:3000'
