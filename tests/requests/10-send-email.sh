# A mail to one recipient.
# needs API_BASE_URL JWT_TOKEN TEST_EMAIL
# expect 200 "message":"Email sent successfully"
# and "success":true
# and "version":"1.0.0"
# and access-control-allow-origin: http://localhost:3000
# and vary: origin
# keeps MESSAGE_ID "messageId":"\([^"]*\)"
curl -sS -i -w '\n' "$API_BASE_URL/outreach/send-email" \
    -H "Authorization: Bearer $JWT_TOKEN" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"to":"$TEST_EMAIL","subject":"Hello","html":"<p>Hello</p>","text":"Hello","tags":["welcome"],
 "customVariables":{"campaignId":"spring"},"trackingSettings":{"opens":true,"clicks":false}}
EOF
