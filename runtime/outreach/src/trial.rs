//! What the tests of handlers stand on: an embedded account, Google's keys and Mailgun played by a
//! stand-in, requests.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{function::Deployed, table, variable::Variables};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use sandbox::Account;
use serde_json::{Value, json};
use support::{
    Aws, Call, Clock, Failed, Reply, Request, keyed,
    stand_in::{Asked, KEY, LIST, LOG_HASHES, StandIn, furnish},
};

/// When the trials take place: 2023-10-24T14:00:45.123Z, in milliseconds since 1970.
pub(crate) const NOW: i64 = 1_698_156_045_123;

const SIGNING_KEY: &str = "signing-key";
const KEYS_URL: &str = "https://keys.example/x509";
const MAILGUN_URL: &str = "https://mailgun.example";
const TOKEN_KEY: &[u8] = include_bytes!("../../support/tests/vectors/token-key.pem");
const CERTIFICATE: &str = include_str!("../../support/tests/vectors/token-certificate.pem");

/// A row as JSON by attribute.
pub(crate) type Row = BTreeMap<String, Value>;

/// What Mailgun answers: status and body; `None` loses the connection.
type Answer = Option<(u16, String)>;

pub(crate) struct Trial {
    pub(crate) account: Account,
    pub(crate) other: StandIn,
    mailgun: Arc<Mutex<Answer>>,
}

impl Trial {
    pub(crate) async fn begin() -> Self {
        let account = Account::in_memory("000000000000", "us-east-1", sandbox::Clock::simulated());
        let taken = json!({ "id": "<m1@mg.example>", "message": "Queued. Thank you." }).to_string();
        let mailgun = Arc::new(Mutex::new(Some((200, taken))));
        let told = mailgun.clone();
        let other = StandIn::new(move |asked| match asked.url.as_str() {
            KEYS_URL => Some((200, "max-age=3600", json!({ "k1": CERTIFICATE }).to_string())),
            _ => told.lock().expect("no panic").clone().map(|(status, body)| (status, "", body)),
        });
        let trial = Self { account, other, mailgun };
        let aws = trial.aws();
        let tables = [
            table::CONTACTS,
            table::AUDIT,
            table::SUPPRESSION,
            table::RATE_LIMITS,
            table::MESSAGES,
            table::EVENTS,
            table::WEBHOOK_TOKENS,
        ];
        furnish(&aws, &tables).await;
        let secret = json!({ "apiKey": "api-key", "webhookSigningKey": SIGNING_KEY }).to_string();
        let secret = aws.secrets().create_secret().name("mailgun").secret_string(secret);
        secret.send().await.expect("a secret");
        trial.account.forget_served();
        trial
    }

    pub(crate) fn aws(&self) -> Aws {
        Aws::of(self.account.sdk_config())
    }

    /// What Mailgun answers from now on.
    pub(crate) fn mailgun_answers(&self, answer: Option<(u16, &str)>) {
        let answer = answer.map(|(status, body)| (status, body.to_owned()));
        *self.mailgun.lock().expect("no panic") = answer;
    }

    /// What a handler is called with, at this time.
    pub(crate) fn call<F: Deployed>(&self, now_ms: i64) -> Arc<Call<F>> {
        let look_up = |name: &str| {
            let value = match name {
                "STAGE" => "dev",
                "CORS_ALLOWED_ORIGINS" => "https://crm.example.com",
                "FIREBASE_PROJECT_ID" => "dn",
                "FIREBASE_KEYS_URL" => KEYS_URL,
                "SECRETS_MANAGER_SECRET_NAME" => "mailgun",
                "LOG_HASH_SECRET_NAME" => LOG_HASHES,
                "MAILGUN_URL" => MAILGUN_URL,
                "MAILGUN_DOMAIN" => "mg.example",
                "DEFAULT_SENDER" => "News <news@mg.example>",
                "POSTAL_ADDRESS" => "1 Main Street",
                "UNSUBSCRIBE_BASE_URL" => "https://api.example/dev/outreach/unsubscribe",
                "UNSUBSCRIBE_MAILBOX" => "leave@mg.example",
                "UNSUBSCRIBE_KMS_KEY_ID" => KEY,
                "SES_CONTACT_LIST_NAME" => LIST,
                "TRACKING_TTL_DAYS" => "90",
                "SUPPRESSION_DAYS" => "180",
                "CONTACTS_TABLE" => "contacts",
                "UNSUBSCRIBE_AUDIT_TABLE" => "audit",
                "FINANCIAL_SUPPRESSION_TABLE" => "suppression",
                "RATE_LIMITS_TABLE" => "rate-limits",
                "MESSAGES_TABLE" => "messages",
                "EVENTS_TABLE" => "events",
                "WEBHOOK_TOKENS_TABLE" => "webhook-tokens",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let variables = F::Variables::read(&look_up).expect("the variables");
        Arc::new(Call::new(variables, Clock::Fixed(now_ms), self.aws(), self.other.http()))
    }

    /// Every row of a table, in the order of their text.
    pub(crate) async fn rows(&self, table: &str) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let scan = self.aws().dynamodb().scan().table_name(table).set_exclusive_start_key(after);
            let page = scan.send().await.expect("rows");
            let row = |item: &std::collections::HashMap<String, AttributeValue>| {
                item.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<Row>()
            };
            rows.extend(page.items().iter().map(row));
            after = page.last_evaluated_key;
            if after.is_none() {
                break;
            }
        }
        rows.sort_by_key(|row| format!("{row:?}"));
        rows
    }

    /// The calls that Mailgun got, as forms.
    pub(crate) fn mailed(&self) -> Vec<Vec<(String, String)>> {
        let asked = self.other.asked().into_iter().filter(|asked| asked.url.starts_with(MAILGUN_URL));
        let form = |asked: Asked| form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
        asked.map(form).collect()
    }

    /// `Operation`s that were asked for since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.account.served().into_iter().map(|served| served.operation).collect();
        self.account.forget_served();
        asked
    }
}

fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => text.as_str().into(),
        AttributeValue::N(number) => serde_json::from_str(number).expect("a number"),
        AttributeValue::Bool(of) => (*of).into(),
        AttributeValue::L(list) => list.iter().map(plain).collect(),
        AttributeValue::M(members) => {
            members.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
        }
        other => format!("{other:?}").into(),
    }
}

/// A token of this user, whose address is verified.
pub(crate) fn token(uid: &str) -> String {
    token_with(json!({ "sub": uid }))
}

pub(crate) fn token_with(changes: Value) -> String {
    let now_s = NOW / 1000;
    let mut claims = json!({
        "iss": "https://securetoken.google.com/dn", "aud": "dn", "sub": "u1", "exp": now_s + 20_000_000,
        "iat": now_s - 5_000_000, "auth_time": now_s - 5_000_000, "email": "staff@mg.example",
        "email_verified": true,
    });
    for (name, value) in changes.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::RS256) };
    encode(&header, &claims, &EncodingKey::from_rsa_pem(TOKEN_KEY).expect("a key")).expect("a token")
}

fn request(method: Method, headers: &[(&'static str, String)], body: Vec<u8>) -> Request {
    let header = |(name, value): &(&'static str, String)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header"))
    };
    Request {
        id: "request-1".to_owned(),
        method,
        path: "/".to_owned(),
        headers: headers.iter().map(header).collect::<HeaderMap>(),
        query: BTreeMap::new(),
        body,
        source_ip: "192.0.2.1".to_owned(),
        base_url: "https://id.execute-api/dev".to_owned(),
    }
}

/// A post of a user.
pub(crate) fn post(uid: &str, body: &Value) -> Request {
    post_by(&token(uid), body.to_string().into_bytes())
}

/// A post of who has this token.
pub(crate) fn post_by(token: &str, body: Vec<u8>) -> Request {
    request(Method::POST, &[("authorization", format!("Bearer {token}"))], body)
}

/// The same with a name.
pub(crate) fn post_once(uid: &str, name: &str, body: &Value) -> Request {
    let mut request = post(uid, body);
    request.headers.insert("idempotency-key", HeaderValue::from_str(name).expect("a header"));
    request
}

/// A query of a user.
pub(crate) fn get(uid: &str, query: &[(&str, &str)]) -> Request {
    get_by(&token(uid), query)
}

/// A query of who has this token.
pub(crate) fn get_by<V: AsRef<str>>(token: &str, query: &[(&str, V)]) -> Request {
    let mut request = request(Method::GET, &[("authorization", format!("Bearer {token}"))], Vec::new());
    for (name, value) in query {
        request.query.entry((*name).to_owned()).or_default().push(value.as_ref().to_owned());
    }
    request
}

/// A signature as Mailgun makes it, at this time with this token.
pub(crate) fn signature(at_s: i64, token: &str) -> Value {
    let signature = keyed::sign(SIGNING_KEY, &format!("{at_s}{token}"));
    json!({ "timestamp": at_s.to_string(), "token": token, "signature": signature })
}

/// A webhook in the JSON form, signed now under a token that the event's id makes.
pub(crate) fn webhook(data: &Value) -> Request {
    let token = format!("token-{}", data["id"].as_str().unwrap_or_default());
    webhook_signed(&signature(NOW / 1000, &token), data)
}

pub(crate) fn webhook_signed(signature: &Value, data: &Value) -> Request {
    let body = json!({ "signature": signature, "event-data": data });
    request(Method::POST, &[("content-type", "application/json".to_owned())], body.to_string().into_bytes())
}

/// A webhook in a form.
pub(crate) fn webhook_form(fields: &[(&str, &str)]) -> Request {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let media = [("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
    request(Method::POST, &media, body.into_bytes())
}

/// An event of the message of [`Trial::begin`], as Mailgun tells it.
pub(crate) fn event(id: &str, kind: &str, recipient: &str, after_s: f64) -> Value {
    json!({
        "event": kind,
        "timestamp": NOW as f64 / 1000.0 + after_s,
        "id": id,
        "message": { "headers": {
            "message-id": "m1@mg.example", "to": recipient, "from": "news@mg.example", "subject": "Hello",
        } },
        "recipient": recipient,
        "domain": "mg.example",
        "tags": ["welcome"],
        "delivery-status": { "attempt-no": 1, "message": "OK", "code": 250, "description": "delivered" },
    })
}

/// A reply's body.
pub(crate) fn body(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).expect("JSON")
}

/// Status and text of a failure, as the caller gets them.
pub(crate) fn told(failed: &Failed) -> (u16, String) {
    let reply = failed.reply(Clock::Fixed(NOW));
    let body: Value = body(&reply);
    assert_eq!((&body["success"], &body["version"]), (&json!(false), &json!("1.0.0")));
    (reply.status, body["error"].as_str().expect("a text").to_owned())
}
