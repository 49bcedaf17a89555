//! What functions call: an account in memory, Google's keys and Mailgun, on the loopback; it counts the time
//! that it takes itself.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use contract::{resource::SealingKey, stream::Stream, table, variable::Variable};
use http::{HeaderValue, Request, Response};
use sandbox::Account;
use serde_json::json;
use serve::{endpoint, http_server};
use subscription::{Recipient, Sealer};
use support::{
    Aws,
    stand_in::{KEY, LIST, LOG_HASHES, furnish},
};
use tokio::sync::watch;

const CERTIFICATE: &str = include_str!("../../../support/tests/vectors/token-certificate.pem");
pub(crate) const SIGNING_KEY: &str = "signing-key";

/// An account of its own, and what is not AWS.
pub(crate) struct Around {
    account: Account,
    /// `http://127.0.0.1:PORT`, of all of it.
    pub(crate) url: String,
    busy_ns: Arc<AtomicU64>,
    counted: Arc<Mutex<BTreeMap<String, u64>>>,
    _stop: watch::Sender<bool>,
}

impl Around {
    pub(crate) async fn new() -> Self {
        let account = Account::in_memory("000000000000", "us-east-1", sandbox::Clock::Wall);
        let aws = Aws::of(account.sdk_config());
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
        aws.secrets().create_secret().name("mailgun").secret_string(secret).send().await.expect("a secret");
        let (listener, address) = http_server::bind(0).await.expect("a port");
        let (stop, ending) = watch::channel(false);
        let around = Self {
            account,
            url: format!("http://{address}"),
            busy_ns: Arc::default(),
            counted: Arc::default(),
            _stop: stop,
        };
        let (account, busy_ns, counted) =
            (around.account.clone(), around.busy_ns.clone(), around.counted.clone());
        tokio::spawn(http_server::listen(listener, ending, 1 << 24, move |request, _| {
            let (account, busy_ns, counted) = (account.clone(), busy_ns.clone(), counted.clone());
            async move {
                let begun = Instant::now();
                let name = name(&request);
                let answer = answer(&account, request).await;
                *counted.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
                let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
                busy_ns.fetch_add(took, Ordering::Relaxed);
                answer
            }
        }));
        around
    }

    /// Nanoseconds that calls took here so far.
    pub(crate) fn busy_ns(&self) -> u64 {
        self.busy_ns.load(Ordering::Relaxed)
    }

    /// Calls by name since the last time.
    pub(crate) fn counted(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The token of a link that was mailed to this address now.
    pub(crate) async fn token(&self, address: &str, stream: Stream) -> String {
        let key = SealingKey::parse(Some(KEY.to_owned())).expect("a key");
        let who = Recipient::parse(address).expect("an address");
        let sealer = Sealer::new(&Aws::of(self.account.sdk_config()), &key);
        let now_ms = i64::try_from(self.account.clock().now_ms()).expect("a time");
        sealer.seal(&who, stream, now_ms).await.expect("a token").text().to_owned()
    }

    /// The environment of every function.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let url = |path: &str| format!("{}{path}", self.url);
        let mut all = vec![
            ("AWS_ENDPOINT_URL", url("")),
            ("FIREBASE_KEYS_URL", url("/keys")),
            ("MAILGUN_URL", url("")),
        ];
        let fixed = [
            ("AWS_REGION", "us-east-1"),
            // Node 20 is what the functions that these replace run on.
            ("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true"),
            ("AWS_ACCESS_KEY_ID", "AKIASANDBOX"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("STAGE", "dev"),
            ("VERSION", "1"),
            ("CORS_ALLOWED_ORIGINS", "https://crm.example.com"),
            ("FIREBASE_PROJECT_ID", "dn"),
            ("SECRETS_MANAGER_SECRET_NAME", "mailgun"),
            ("LOG_HASH_SECRET_NAME", LOG_HASHES),
            ("MAILGUN_DOMAIN", "mg.example"),
            ("DEFAULT_SENDER", "News <news@mg.example>"),
            ("POSTAL_ADDRESS", "1 Main Street"),
            ("UNSUBSCRIBE_BASE_URL", "https://api.example/dev/outreach/unsubscribe"),
            ("UNSUBSCRIBE_MAILBOX", "leave@mg.example"),
            ("UNSUBSCRIBE_KMS_KEY_ID", KEY),
            ("UNSUBSCRIBE_TOKEN_MAX_AGE_DAYS", "30"),
            ("SES_CONTACT_LIST_NAME", LIST),
            ("TRACKING_TTL_DAYS", "90"),
            ("SUPPRESSION_DAYS", "180"),
            ("CONTACTS_TABLE", "contacts"),
            ("UNSUBSCRIBE_AUDIT_TABLE", "audit"),
            ("FINANCIAL_SUPPRESSION_TABLE", "suppression"),
            ("RATE_LIMITS_TABLE", "rate-limits"),
            ("MESSAGES_TABLE", "messages"),
            ("EVENTS_TABLE", "events"),
            ("WEBHOOK_TOKENS_TABLE", "webhook-tokens"),
        ];
        all.extend(fixed.map(|(name, value)| (name, value.to_owned())));
        all
    }
}

/// `GetItem`; method and path where the protocol names no operation, without addresses.
fn name(request: &Request<Bytes>) -> String {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    if let Some(operation) = target.and_then(|target| target.rsplit('.').next()) {
        return operation.to_owned();
    }
    let path = request.uri().path();
    let contact = path.split("/contacts").next().filter(|list| list.len() < path.len());
    format!("{} {}", request.method(), contact.map_or(path.to_owned(), |list| format!("{list}/contacts")))
}

async fn answer(account: &Account, request: Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path();
    if path == "/keys" {
        let mut keys = Response::new(Bytes::from(json!({ "k1": CERTIFICATE }).to_string()));
        keys.headers_mut().insert("cache-control", HeaderValue::from_static("max-age=3600"));
        return keys;
    }
    if path.starts_with("/v3/") {
        let taken = json!({ "id": "<m1@mg.example>", "message": "Queued. Thank you." });
        return Response::new(Bytes::from(taken.to_string()));
    }
    endpoint::answer(account, request).await
}
