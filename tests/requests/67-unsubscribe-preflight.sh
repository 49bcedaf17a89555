# What a browser asks before it posts.
# needs API_BASE_URL
# expect 204 access-control-allow-origin
curl -sS -i -w '\n' -X OPTIONS "$API_BASE_URL/outreach/unsubscribe" -H 'Origin: http://localhost:3000' -H 'Access-Control-Request-Method: POST'
