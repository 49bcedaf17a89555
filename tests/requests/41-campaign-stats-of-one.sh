# Numbers of one campaign.
# needs API_BASE_URL JWT_TOKEN MESSAGE_ID WEBHOOK_SIGNING_KEY
# expect 200 "delivered":1
# and "opens":1
# and "clicks":1
curl -sS -i -w '\n' "$API_BASE_URL/outreach/campaign-stats?campaignId=spring" -H "Authorization: Bearer $JWT_TOKEN" -H 'Origin: http://localhost:3000'
