//! Good requests as events of API Gateway.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use support::keyed;

use crate::around::SIGNING_KEY;

const KEY: &[u8] = include_bytes!("../../../support/tests/vectors/token-key.pem");
/// Fewer than a user has in a minute.
const OF_ONE_USER: usize = 20;

#[expect(clippy::disallowed_methods, reason = "the functions that are measured look at the clock")]
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn event(method: &str, path: &str, query: Value, headers: Value, body: String, number: usize) -> Value {
    json!({
        "resource": path, "path": path, "httpMethod": method, "headers": headers, "multiValueHeaders": null,
        "queryStringParameters": query, "multiValueQueryStringParameters": null, "pathParameters": null,
        "requestContext": {
            "stage": "dev", "requestId": format!("r{number}"), "httpMethod": method, "resourcePath": path,
            "domainName": "id.execute-api.us-east-1.amazonaws.com", "identity": { "sourceIp": "192.0.2.1" },
        },
        "body": if body.is_empty() { Value::Null } else { body.into() }, "isBase64Encoded": false,
    })
}

/// Makes events; what costs time to make is made before anything is measured.
pub(crate) struct Requests {
    users: Vec<String>,
    pub(crate) tokens: Vec<String>,
}

impl Requests {
    pub(crate) fn new(requests: usize, tokens: Vec<String>) -> Self {
        let now_s = now_s();
        let token = |number: usize| {
            let claims = json!({
                "iss": "https://securetoken.google.com/dn", "aud": "dn", "sub": format!("u{number}"),
                "exp": now_s + 3600, "iat": now_s - 10, "auth_time": now_s - 10,
                "email": "staff@mg.example", "email_verified": true,
            });
            let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::RS256) };
            encode(&header, &claims, &EncodingKey::from_rsa_pem(KEY).expect("a key")).expect("a token")
        };
        Self { users: (0..=requests / OF_ONE_USER).map(token).collect(), tokens }
    }

    /// The event of this number for a function.
    pub(crate) fn of(&self, function: &str, number: usize) -> Value {
        let bearer = format!("Bearer {}", self.users[number / OF_ONE_USER % self.users.len()]);
        let staff = json!({ "Authorization": bearer, "Content-Type": "application/json" });
        let token = &self.tokens[number % self.tokens.len()];
        let to = format!("r{number}@b.example");
        match function {
            "send-email" => {
                let mail = json!({ "to": to, "subject": "s", "html": "<p>Hello</p>", "text": "Hello" });
                event("POST", "/outreach/send-email", Value::Null, staff, mail.to_string(), number)
            }
            "send-template-email" => {
                let mail = json!({ "to": to, "template": "welcome", "templateVariables": { "a": "b" } });
                event("POST", "/outreach/send-template-email", Value::Null, staff, mail.to_string(), number)
            }
            "campaign-stats" => {
                let query = json!({ "startDate": day() });
                event("GET", "/outreach/campaign-stats", query, staff, String::new(), number)
            }
            "tracking-data" => {
                let query = json!({ "messageId": "m1@mg.example" });
                event("GET", "/outreach/tracking-data", query, staff, String::new(), number)
            }
            "webhook" => {
                let (at, token) = (now_s().to_string(), format!("{number:050}"));
                let signature = keyed::sign(SIGNING_KEY, &format!("{at}{token}"));
                let body = json!({
                    "signature": { "timestamp": at, "token": token, "signature": signature },
                    "event-data": {
                        "event": "delivered", "id": format!("e{number}"), "timestamp": now_s(),
                        "recipient": to, "tags": ["welcome"],
                        "message": { "headers": { "message-id": format!("m{number}@mg.example") } },
                        "delivery-status": { "code": 250, "message": "OK", "description": "" },
                    },
                });
                let headers = json!({ "Content-Type": "application/json" });
                event("POST", "/outreach/webhook", Value::Null, headers, body.to_string(), number)
            }
            "outreach-unsubscribe" | "financial-unsubscribe" => {
                let headers = json!({ "Content-Type": "application/x-www-form-urlencoded" });
                let body = "List-Unsubscribe=One-Click".to_owned();
                let path = format!("/{}", function.replace('-', "/"));
                event("POST", &path, json!({ "data": token }), headers, body, number)
            }
            "outreach-health" => {
                event("GET", "/outreach/health", Value::Null, json!({}), String::new(), number)
            }
            "dn-api-health" => event("GET", "/health", Value::Null, json!({}), String::new(), number),
            "outreach-unsubscribe (page)" => {
                let headers = json!({ "Accept": "text/html" });
                event(
                    "GET",
                    "/outreach/unsubscribe",
                    json!({ "data": token }),
                    headers,
                    String::new(),
                    number,
                )
            }
            "financial-add-contact" => {
                let body = json!({ "email": to }).to_string();
                event("POST", "/financial/add-contact", Value::Null, staff, body, number)
            }
            other => panic!("no requests for {other}"),
        }
    }
}

/// Today, as a query has it.
fn day() -> String {
    let at = i64::try_from(now_s()).expect("a time");
    support::time::iso(at * 1000)[..10].to_owned()
}
