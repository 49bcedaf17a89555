# The link of a financial mail.
# needs FINANCIAL_BASE_URL FINANCIAL_TOKEN
# expect 200 content-type: text/html
curl -sS -i -w '\n' "$FINANCIAL_BASE_URL/financial/unsubscribe?data=$FINANCIAL_TOKEN" -H 'Accept: text/html'
