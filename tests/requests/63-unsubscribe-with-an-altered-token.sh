# A token that is none.
# needs API_BASE_URL UNSUBSCRIBE_TOKEN
# expect 400 "success":false
curl -sS -i -w '\n' -X POST "$API_BASE_URL/outreach/unsubscribe?data=AAAA$UNSUBSCRIBE_TOKEN" -d 'List-Unsubscribe=One-Click'
