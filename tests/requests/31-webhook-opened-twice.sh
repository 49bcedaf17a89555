# The same event twice is one event.
# needs API_BASE_URL WEBHOOK_SIGNING_KEY TEST_EMAIL MESSAGE_ID
# expect 200 "eventType":"opened"
now=$(date +%s) token=$(printf '%s' "opened $MESSAGE_ID" | openssl dgst -sha256 | sed 's/.*= //' | cut -c1-50)
signature=$(printf '%s%s' "$now" "$token" | openssl dgst -sha256 -hmac "$WEBHOOK_SIGNING_KEY" | sed 's/.*= //')
for time in 1 2; do
curl -sS -i -w '\n' "$API_BASE_URL/outreach/webhook" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"signature":{"timestamp":"$now","token":"$token","signature":"$signature"},
 "event-data":{"event":"opened","timestamp":$now.25,"id":"opened-$MESSAGE_ID","recipient":"$TEST_EMAIL","tags":["welcome"],
  "message":{"headers":{"message-id":"$MESSAGE_ID","to":"$TEST_EMAIL","from":"crm@example.com","subject":"Hello"}}}}
EOF
done
