# What happened to a message.
# needs API_BASE_URL JWT_TOKEN MESSAGE_ID WEBHOOK_SIGNING_KEY
# expect 200 "event":"delivered"
# and "event":"opened"
# and "event":"clicked"
# and "hasMore":
curl -sS -i -w '\n' "$API_BASE_URL/outreach/tracking-data?messageId=$MESSAGE_ID" -H "Authorization: Bearer $JWT_TOKEN" -H 'Origin: http://localhost:3000'
