# What a mailbox provider posts (RFC 8058).
# needs API_BASE_URL UNSUBSCRIBE_TOKEN
# expect 200 "success":true
curl -sS -i -w '\n' -X POST "$API_BASE_URL/outreach/unsubscribe?data=$UNSUBSCRIBE_TOKEN" -d 'List-Unsubscribe=One-Click'
