# Nobody.
# needs API_BASE_URL TEST_EMAIL
# expect 401 Authorization token is required
# and "success":false
# and "version":"1.0.0"
# and access-control-allow-origin
curl -sS -i -w '\n' "$API_BASE_URL/outreach/send-email" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"to":"$TEST_EMAIL","subject":"Hello","html":"<p>Hello</p>","text":"Hello","tags":["welcome"],
 "customVariables":{"campaignId":"spring"},"trackingSettings":{"opens":true,"clicks":false}}
EOF
