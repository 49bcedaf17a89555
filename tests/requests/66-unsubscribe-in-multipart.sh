# The other legal encoding, and again: nothing more happens.
# needs API_BASE_URL UNSUBSCRIBE_TOKEN
# expect 200 "success":true
curl -sS -i -w '\n' -X POST "$API_BASE_URL/outreach/unsubscribe?data=$UNSUBSCRIBE_TOKEN" -F 'List-Unsubscribe=One-Click'
