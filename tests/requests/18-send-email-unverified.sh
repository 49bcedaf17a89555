# Somebody whose address is not verified.
# needs API_BASE_URL UNVERIFIED_TOKEN TEST_EMAIL
# expect 403 Email verification required for outreach operations
# and "success":false
curl -sS -i -w '\n' "$API_BASE_URL/outreach/send-email" \
    -H "Authorization: Bearer $UNVERIFIED_TOKEN" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"to":"$TEST_EMAIL","subject":"Hello","html":"<p>Hello</p>","text":"Hello","tags":["welcome"],
 "customVariables":{"campaignId":"spring"},"trackingSettings":{"opens":true,"clicks":false}}
EOF
