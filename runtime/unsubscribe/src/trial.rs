//! What the tests of handlers stand on: an embedded account with tables, key and contact list, and requests.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sesv2::types::SubscriptionStatus;
use contract::{
    function::Deployed,
    resource::SealingKey,
    stream::Stream,
    table,
    variable::{Variable, Variables},
};
use http::{HeaderMap, Method};
use sandbox::Account;
use serde_json::json;
use subscription::{Recipient, Sealer};
use support::{
    Aws, Call, Clock, Request,
    stand_in::{KEY, LIST, LOG_HASHES, StandIn, furnish},
};

/// When the trials take place: 2025-11-22T00:00:00Z, in milliseconds since 1970.
pub(crate) const NOW: i64 = 1_763_769_600_000;
pub(crate) const DAY: i64 = 24 * 60 * 60 * 1000;

const CERTIFICATE: &str = include_str!("../../support/tests/vectors/token-certificate.pem");

/// A row as text by attribute, for comparison.
pub(crate) type Row = BTreeMap<String, String>;

pub(crate) struct Trial {
    pub(crate) account: Account,
}

impl Trial {
    pub(crate) async fn begin() -> Self {
        let trial =
            Self { account: Account::in_memory("000000000000", "us-east-1", sandbox::Clock::simulated()) };
        let tables = [table::CONTACTS, table::AUDIT, table::SUPPRESSION, table::RATE_LIMITS];
        furnish(&trial.aws(), &tables).await;
        trial.account.forget_served();
        trial
    }

    pub(crate) fn aws(&self) -> Aws {
        Aws::of(self.account.sdk_config())
    }

    /// What a handler is called with, at this time.
    pub(crate) fn call<F: Deployed>(&self, now_ms: i64) -> Arc<Call<F>> {
        self.call_with(now_ms, &[])
    }

    pub(crate) fn call_with<F: Deployed>(&self, now_ms: i64, set: &[(&str, &str)]) -> Arc<Call<F>> {
        let look_up = |name: &str| {
            let set = set.iter().find(|(one, _)| *one == name).map(|(_, value)| *value);
            let usual = match name {
                "STAGE" => "dev",
                "CORS_ALLOWED_ORIGINS" => "https://crm.example.com",
                "UNSUBSCRIBE_KMS_KEY_ID" => KEY,
                "UNSUBSCRIBE_TOKEN_MAX_AGE_DAYS" => "30",
                "SUPPRESSION_DAYS" => "180",
                "LOG_HASH_SECRET_NAME" => LOG_HASHES,
                "SES_CONTACT_LIST_NAME" => LIST,
                "CONTACTS_TABLE" => "contacts",
                "UNSUBSCRIBE_AUDIT_TABLE" => "audit",
                "FINANCIAL_SUPPRESSION_TABLE" => "suppression",
                "RATE_LIMITS_TABLE" => "rate-limits",
                "FIREBASE_PROJECT_ID" => "dn-test",
                "FIREBASE_KEYS_URL" => "https://keys.example.com",
                _ => return set.map(str::to_owned),
            };
            Some(set.unwrap_or(usual).to_owned())
        };
        let variables = F::Variables::read(&look_up).expect("the variables");
        let google = StandIn::new(|_| Some((200, "max-age=3600", json!({ "k1": CERTIFICATE }).to_string())));
        Arc::new(Call::new(variables, Clock::Fixed(now_ms), self.aws(), google.http()))
    }

    /// A token as mail has it.
    pub(crate) async fn token(&self, address: &str, stream: Stream, made_ms: i64) -> String {
        let key = SealingKey::parse(Some(KEY.to_owned())).expect("a key");
        let who = Recipient::parse(address).expect("an address");
        let token = Sealer::new(&self.aws(), &key).seal(&who, stream, made_ms).await.expect("a token");
        token.text().to_owned()
    }

    /// Every row of a table.
    pub(crate) async fn rows(&self, table: &str) -> Vec<Row> {
        let scan = self.aws().dynamodb().scan().table_name(table).send().await.expect("rows");
        let row = |item: &std::collections::HashMap<String, AttributeValue>| {
            item.iter().map(|(name, value)| (name.clone(), text(value))).collect()
        };
        scan.items().iter().map(row).collect()
    }

    /// All rows that must not depend on the order and number of deliveries. Left out is what tells of the way there:
    /// how often a contact was written, what the contact list is still to be told, and what each event met when it
    /// came (`subscription::audit` says why).
    pub(crate) async fn settled(&self) -> Vec<Row> {
        let mut all = Vec::new();
        for (table, passing) in [
            ("contacts", &["version", "pending", "pendingSince"] as &[&str]),
            ("audit", &["result", "gets"]),
            ("suppression", &[]),
        ] {
            let mut rows = self.rows(table).await;
            for row in &mut rows {
                row.retain(|name, _| !passing.contains(&name.as_str()));
                row.insert("#table".to_owned(), table.to_owned());
            }
            all.extend(rows);
        }
        all.sort();
        all
    }

    /// One attribute of every record, in the order of time.
    pub(crate) async fn audited(&self, attribute: &str) -> Vec<String> {
        let mut rows = self.rows("audit").await;
        rows.sort_by_key(|row| row["at"].clone());
        rows.iter().map(|row| row.get(attribute).cloned().unwrap_or_default()).collect()
    }

    /// What the contact list says: the topics that are left, and `ALL`; `None` without such a contact.
    pub(crate) async fn listed(&self, address: &str) -> Option<Vec<String>> {
        let aws = self.aws();
        let contact =
            aws.mail().get_contact().contact_list_name(LIST).email_address(address).send().await.ok()?;
        let out = |status: &SubscriptionStatus| *status == SubscriptionStatus::OptOut;
        let topics = contact.topic_preferences().iter().filter(|one| out(one.subscription_status()));
        let mut left: Vec<String> = topics.map(|one| one.topic_name().to_owned()).collect();
        left.sort();
        left.extend(contact.unsubscribe_all().then(|| "ALL".to_owned()));
        Some(left)
    }

    /// `Operation`s that were asked for since the last time, without those of the trial itself and without the key
    /// of hashes: a process asks for it once, and each call of a trial is a process of its own.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.account.served().into_iter().map(|served| served.operation);
        let asked = asked.filter(|operation| operation != "GetSecretValue").collect();
        self.account.forget_served();
        asked
    }
}

/// The same text for the same value, whatever order its members come in.
fn text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.clone(),
        AttributeValue::M(members) => {
            let members: Row = members.iter().map(|(name, value)| (name.clone(), text(value))).collect();
            format!("{members:?}")
        }
        AttributeValue::L(items) => format!("{:?}", items.iter().map(text).collect::<Vec<_>>()),
        other => format!("{other:?}"),
    }
}

/// A request with this token.
pub(crate) fn request(method: &str, token: &str) -> Request {
    Request {
        id: "request-1".to_owned(),
        method: method.parse::<Method>().expect("a method"),
        path: "/outreach/unsubscribe".to_owned(),
        headers: HeaderMap::new(),
        query: BTreeMap::from([("data".to_owned(), vec![token.to_owned()])]),
        body: Vec::new(),
        source_ip: "192.0.2.1".to_owned(),
        base_url: "https://id.execute-api/dev".to_owned(),
    }
}

impl Trial {
    /// One click of a mailbox provider.
    pub(crate) fn one_click(token: &str) -> Request {
        Request { body: b"List-Unsubscribe=One-Click".to_vec(), ..request("POST", token) }
    }
}
