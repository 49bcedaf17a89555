# With a key of the usage plan.
# needs DN_API_BASE_URL DN_API_KEY
# expect 200 "success":true
curl -sS -i -w '\n' "$DN_API_BASE_URL/health" -H "x-api-key: $DN_API_KEY"
