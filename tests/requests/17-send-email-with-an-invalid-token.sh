# Somebody with a token that nobody signed.
# needs API_BASE_URL TEST_EMAIL
# expect 401 Invalid or expired authentication token
# and "success":false
curl -sS -i -w '\n' "$API_BASE_URL/outreach/send-email" \
    -H 'Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.e30.AAAA' \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"to":"$TEST_EMAIL","subject":"Hello","html":"<p>Hello</p>","text":"Hello","tags":["welcome"],
 "customVariables":{"campaignId":"spring"},"trackingSettings":{"opens":true,"clicks":false}}
EOF
