# Nobody.
# needs API_BASE_URL
# expect 401 "success":false
curl -sS -i -w '\n' "$API_BASE_URL/outreach/campaign-stats" -H 'Origin: http://localhost:3000'
