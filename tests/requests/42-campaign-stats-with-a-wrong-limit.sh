# A limit beyond 1,000.
# needs API_BASE_URL JWT_TOKEN
# expect 400 "success":false
# and access-control-allow-origin
curl -sS -i -w '\n' "$API_BASE_URL/outreach/campaign-stats?limit=1001" -H "Authorization: Bearer $JWT_TOKEN" -H 'Origin: http://localhost:3000'
