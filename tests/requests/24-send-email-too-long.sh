# A body over the limit of its endpoint (2 MiB), which is not read as JSON.
# needs API_BASE_URL JWT_TOKEN
# expect 400 The body has more than 2097152 bytes
# and "success":false
# and access-control-allow-origin: http://localhost:3000
head -c 2097153 /dev/zero | tr '\0' '1' | curl -sS -i -w '\n' "$API_BASE_URL/outreach/send-email" \
    -H "Authorization: Bearer $JWT_TOKEN" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    -H 'Expect:' \
    --data-binary @-
