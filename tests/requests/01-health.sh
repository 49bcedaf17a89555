# Whether gateway, permission and function work together.
# needs API_BASE_URL
# expect 200 "success":true
curl -sS -i -w '\n' "$API_BASE_URL/outreach/health" -H 'Origin: http://localhost:3000'
