# Staff subscribes somebody again.
# needs FINANCIAL_BASE_URL JWT_TOKEN TEST_EMAIL
# expect 200 "success":true
# and "topicPreferences":{
# and access-control-allow-origin
curl -sS -i -w '\n' "$FINANCIAL_BASE_URL/financial/add-contact" \
    -H "Authorization: Bearer $JWT_TOKEN" \
    -H 'Content-Type: application/json' \
    -H 'Origin: http://localhost:3000' \
    --data-binary @- <<EOF
{"email":"$TEST_EMAIL"}
EOF
