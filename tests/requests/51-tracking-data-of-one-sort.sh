# Only one sort of event, of one recipient.
# needs API_BASE_URL JWT_TOKEN TEST_EMAIL WEBHOOK_SIGNING_KEY MESSAGE_ID
# expect 200 "event":"opened"
# and "limit":1
curl -sS -i -w '\n' -G "$API_BASE_URL/outreach/tracking-data" -H "Authorization: Bearer $JWT_TOKEN" \
    --data-urlencode "recipientEmail=$TEST_EMAIL" --data-urlencode "eventType=opened" --data-urlencode "limit=1"
