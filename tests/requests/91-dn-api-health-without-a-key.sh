# The gateway lets nobody in without a key.
# needs DN_API_BASE_URL
# expect 401
curl -sS -i -w '\n' "$DN_API_BASE_URL/health"
