# What a browser asks before it sends a mail.
# needs API_BASE_URL
# expect 204 access-control-allow-origin: http://localhost:3000
# and access-control-allow-methods
curl -sS -i -w '\n' -X OPTIONS "$API_BASE_URL/outreach/send-email" -H 'Origin: http://localhost:3000' \
    -H 'Access-Control-Request-Method: POST' -H 'Access-Control-Request-Headers: authorization,content-type'
