# The legacy form.
# needs API_BASE_URL WEBHOOK_SIGNING_KEY TEST_EMAIL MESSAGE_ID
# expect 200 "eventType":"clicked"
now=$(date +%s) token=$(printf '%s' "clicked $MESSAGE_ID" | openssl dgst -sha256 | sed 's/.*= //' | cut -c1-50)
signature=$(printf '%s%s' "$now" "$token" | openssl dgst -sha256 -hmac "$WEBHOOK_SIGNING_KEY" | sed 's/.*= //')
curl -sS -i -w '\n' "$API_BASE_URL/outreach/webhook" --data-urlencode "event=clicked" --data-urlencode "recipient=$TEST_EMAIL" \
    --data-urlencode "timestamp=$now" --data-urlencode "token=$token" --data-urlencode "signature=$signature" \
    --data-urlencode "Message-Id=<$MESSAGE_ID>" --data-urlencode "url=https://example.com"
