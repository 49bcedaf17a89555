# Signed with no key that we know.
# needs API_BASE_URL TEST_EMAIL MESSAGE_ID
# expect 401 Invalid webhook signature
WEBHOOK_SIGNING_KEY=another
now=$(date +%s) token=$(printf '%s' "unsigned $MESSAGE_ID" | openssl dgst -sha256 | sed 's/.*= //' | cut -c1-50)
signature=$(printf '%s%s' "$now" "$token" | openssl dgst -sha256 -hmac "$WEBHOOK_SIGNING_KEY" | sed 's/.*= //')
curl -sS -i -w '\n' "$API_BASE_URL/outreach/webhook" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"signature":{"timestamp":"$now","token":"$token","signature":"$signature"},
 "event-data":{"event":"delivered","timestamp":$now.25,"id":"unsigned-$MESSAGE_ID","recipient":"$TEST_EMAIL","tags":["welcome"],
  "message":{"headers":{"message-id":"$MESSAGE_ID","to":"$TEST_EMAIL","from":"crm@example.com","subject":"Hello"}}}}
EOF
