# A sort of event that is none.
# needs API_BASE_URL JWT_TOKEN
# expect 400 "success":false
curl -sS -i -w '\n' "$API_BASE_URL/outreach/tracking-data?eventType=exploded" -H "Authorization: Bearer $JWT_TOKEN" -H 'Origin: http://localhost:3000'
