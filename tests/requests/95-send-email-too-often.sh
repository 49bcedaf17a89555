# More than one user may send in a minute; the last answer tells when to come back.
# needs API_BASE_URL LIMITED_TOKEN
# expect 429 retry-after:
# and "success":false
# and Too many requests from this user
count=0
# 25 a minute; a minute may end meanwhile, and another begins.
while [ $count -lt 60 ]; do
    answer=$(curl -sS -i "$API_BASE_URL/outreach/send-email" -H "Authorization: Bearer $LIMITED_TOKEN" \
        -H 'Content-Type: application/json' -d '{}')
    case $answer in *' 429 '*) break ;; esac
    count=$((count + 1))
done
printf '%s\n' "$answer"
