# A body over the limit of its endpoint (256 KiB): nobody asks whether it is signed.
# needs API_BASE_URL
# expect 400 The body has more than 262144 bytes
# and "success":false
head -c 262145 /dev/zero | tr '\0' '1' | curl -sS -i -w '\n' "$API_BASE_URL/outreach/webhook" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    -H 'Expect:' \
    --data-binary @-
