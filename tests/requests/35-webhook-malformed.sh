# No webhook at all.
# needs API_BASE_URL
# expect 400 Invalid webhook payload
# and "success":false
curl -sS -i -w '\n' "$API_BASE_URL/outreach/webhook" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
[]
EOF
