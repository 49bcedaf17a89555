# Following the link shows a page, and changes nothing.
# needs API_BASE_URL UNSUBSCRIBE_TOKEN
# expect 200 content-type: text/html
# and content-security-policy
# and referrer-policy: no-referrer
# and cache-control: no-store
curl -sS -i -w '\n' "$API_BASE_URL/outreach/unsubscribe?data=$UNSUBSCRIBE_TOKEN" -H 'Accept: text/html'
