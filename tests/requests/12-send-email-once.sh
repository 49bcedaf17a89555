# With an Idempotency-Key, a repetition is answered as the first was, and sends nothing.
# needs API_BASE_URL JWT_TOKEN TEST_EMAIL
# expect 200 "success":true
# and the same message
for time in 1 2; do
curl -sS -i -w '\n' "$API_BASE_URL/outreach/send-email" \
    -H "Authorization: Bearer $JWT_TOKEN" -H "Idempotency-Key: collection-$$" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"to":"$TEST_EMAIL","subject":"Hello","html":"<p>Hello</p>","text":"Hello","tags":["welcome"],
 "customVariables":{"campaignId":"spring"},"trackingSettings":{"opens":true,"clicks":false}}
EOF
done | awk '/messageId/ { split($0, part, "\"messageId\":\""); split(part[2], id, "\""); ids[id[1]]++ } { print } END { for (one in ids) if (ids[one] == 2) print "the same message" }'
