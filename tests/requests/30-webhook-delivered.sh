# Mailgun tells that a message was delivered.
# needs API_BASE_URL WEBHOOK_SIGNING_KEY TEST_EMAIL MESSAGE_ID
# expect 200 "eventType":"delivered"
# and Webhook processed successfully
# and "version":"1.0.0"
now=$(date +%s) token=$(printf '%s' "delivered $MESSAGE_ID" | openssl dgst -sha256 | sed 's/.*= //' | cut -c1-50)
signature=$(printf '%s%s' "$now" "$token" | openssl dgst -sha256 -hmac "$WEBHOOK_SIGNING_KEY" | sed 's/.*= //')
curl -sS -i -w '\n' "$API_BASE_URL/outreach/webhook" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"signature":{"timestamp":"$now","token":"$token","signature":"$signature"},
 "event-data":{"event":"delivered","timestamp":$now.25,"id":"delivered-$MESSAGE_ID","recipient":"$TEST_EMAIL","tags":["welcome"],
  "message":{"headers":{"message-id":"$MESSAGE_ID","to":"$TEST_EMAIL","from":"crm@example.com","subject":"Hello"}},
  "delivery-status":{"attempt-no":1,"code":250,"message":"OK","description":""}}}
EOF
