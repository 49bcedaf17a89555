# The newest mail on the page of `dn serve`: its unsubscribe link has the token.
# needs MAIL_URL
# expect 200 unsubscribe?data=
# keeps UNSUBSCRIBE_TOKEN unsubscribe?data=\([A-Za-z0-9_-]*\)
curl -sS -i "$MAIL_URL/mail.json" | grep -ao 'HTTP/1.1 [0-9]*\|unsubscribe?data=[A-Za-z0-9_-]*' | head -n 2
