# A path that nobody serves: the gateway refuses it.
# needs API_BASE_URL JWT_TOKEN
# expect 404 "code":"NotFound"
# and "success":false
curl -sS -i -w '\n' "$API_BASE_URL/outreach/nothing" -H "Authorization: Bearer $JWT_TOKEN" -H 'Origin: http://localhost:3000'
