# Somebody whose address is not verified.
# needs API_BASE_URL UNVERIFIED_TOKEN
# expect 403 "success":false
curl -sS -i -w '\n' "$API_BASE_URL/outreach/campaign-stats" -H "Authorization: Bearer $UNVERIFIED_TOKEN" -H 'Origin: http://localhost:3000'
