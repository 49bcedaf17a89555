# The same for a page of the CRM.
# needs API_BASE_URL UNSUBSCRIBE_TOKEN
# expect 200 "topicPreferences":{
# and access-control-allow-origin
# and OPT_IN
curl -sS -i -w '\n' "$API_BASE_URL/outreach/unsubscribe?data=$UNSUBSCRIBE_TOKEN" -H 'Accept: application/json' -H 'Origin: http://localhost:3000'
