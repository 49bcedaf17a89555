# Numbers of campaigns.
# needs API_BASE_URL JWT_TOKEN
# expect 200 "totalSent":
# and "success":true
# and "deliveryRate":
# and "campaigns":[
# and "name":"spring"
curl -sS -i -w '\n' "$API_BASE_URL/outreach/campaign-stats?limit=10" -H "Authorization: Bearer $JWT_TOKEN" -H 'Origin: http://localhost:3000'
