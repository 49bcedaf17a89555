//! What tests of handlers stand on: the other side of HTTP calls, tables of the contract's shapes, and
//! documents that are nearly right.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use aws_sdk_sesv2::types::{SubscriptionStatus, Topic};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use contract::{
    stream::Stream,
    table::{Attribute, Table, Type},
};
use serde_json::Value;

use crate::{Aws, http::Http};

/// Method, URL and body of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    pub url: String,
    pub authorization: String,
    pub body: String,
}

/// Status, `Cache-Control` and body; `None` loses the connection.
pub type Answering = Arc<dyn Fn(&Asked) -> Option<(u16, &'static str, String)> + Send + Sync>;

#[derive(Clone)]
pub struct StandIn {
    answering: Answering,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl std::fmt::Debug for StandIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StandIn")
    }
}

impl StandIn {
    pub fn new(
        answering: impl Fn(&Asked) -> Option<(u16, &'static str, String)> + Send + Sync + 'static,
    ) -> Self {
        Self { answering: Arc::new(answering), asked: Arc::default() }
    }

    #[must_use]
    pub fn http(&self) -> Http {
        Http::of(SharedHttpConnector::new(self.clone()))
    }

    /// Every call so far.
    ///
    /// # Panics
    /// When a test that used it panicked.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl HttpConnector for StandIn {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name| request.headers().get(name).unwrap_or_default().to_owned();
        let asked = Asked {
            method: request.method().to_owned(),
            url: request.uri().to_owned(),
            authorization: header("authorization"),
            body: String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned(),
        };
        self.asked.lock().expect("no panic").push(asked.clone());
        let answer = (self.answering)(&asked);
        HttpConnectorFuture::ready(match answer {
            Some((status, cache, body)) => {
                let status = status.try_into().expect("a status");
                let mut response = HttpResponse::new(status, SdkBody::from(body));
                response.headers_mut().insert("cache-control", cache);
                Ok(response)
            }
            None => Err(ConnectorError::io("lost".into())),
        })
    }
}

/// The contact list and the key of [`furnish`].
pub const LIST: &str = "people";
pub const KEY: &str = "alias/dn-unsubscribe";

/// The name and value of the secret of [`furnish`] that hashes in logs are made with.
pub const LOG_HASHES: &str = "log-hashes";
pub const LOG_KEY: &str = r#"{"key":"the key of a stand-in"}"#;

/// Makes what handlers of mail expect: tables, the key of tokens and that of hashes, the contact list with its topics.
///
/// # Panics
/// When something of it cannot be made.
pub async fn furnish(aws: &Aws, tables: &[Table]) {
    for shape in tables {
        add_table(aws, shape).await;
    }
    let secret = aws.secrets().create_secret().name(LOG_HASHES).secret_string(LOG_KEY);
    secret.send().await.expect("a secret");
    let key = aws.kms().create_key().send().await.expect("a key").key_metadata.expect("a key").key_id;
    aws.kms().create_alias().alias_name(KEY).target_key_id(key).send().await.expect("an alias");
    let topic = |stream: Stream| {
        let topic = Topic::builder().topic_name(stream.topic()).display_name(stream.title());
        topic.default_subscription_status(SubscriptionStatus::OptIn).build().expect("a topic")
    };
    let topics = Stream::ALL.map(topic).to_vec();
    let list = aws.mail().create_contact_list().contact_list_name(LIST).set_topics(Some(topics));
    list.send().await.expect("a list");
}

/// Makes a table of this shape, under its own name.
///
/// # Panics
/// When it cannot be made.
pub async fn add_table(aws: &Aws, shape: &Table) {
    let mut attributes = BTreeMap::new();
    let mut schema = |hash: Attribute, range: Option<Attribute>| {
        let element = |of: Attribute, kind: KeyType| {
            KeySchemaElement::builder().attribute_name(of.name).key_type(kind).build().expect("a key")
        };
        attributes.insert(hash.name, hash.of);
        let range = range.map(|range| {
            attributes.insert(range.name, range.of);
            element(range, KeyType::Range)
        });
        [element(hash, KeyType::Hash)].into_iter().chain(range).collect::<Vec<_>>()
    };
    let keys = schema(shape.hash, shape.range);
    let all = Projection::builder().projection_type(ProjectionType::All).build();
    let index = |index: &contract::table::Index| {
        let keys = schema(index.hash, index.range);
        let made = GlobalSecondaryIndex::builder().index_name(index.name).set_key_schema(Some(keys));
        made.projection(all.clone()).build().expect("an index")
    };
    let indexes: Vec<GlobalSecondaryIndex> = shape.indexes.iter().map(index).collect();
    let definitions = attributes.into_iter().map(|(name, of)| {
        let of = if of == Type::Text { ScalarAttributeType::S } else { ScalarAttributeType::N };
        AttributeDefinition::builder().attribute_name(name).attribute_type(of).build().expect("one")
    });
    let table = aws.dynamodb().create_table().table_name(shape.name).set_key_schema(Some(keys));
    let table = table.set_attribute_definitions(Some(definitions.collect()));
    let table = table.set_global_secondary_indexes(Some(indexes).filter(|all| !all.is_empty()));
    table.billing_mode(BillingMode::PayPerRequest).send().await.expect("a table");
}

/// Chance that can be had again: the same seed, the same requests (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice {
    seed: u64,
    state: u64,
}

/// Says which seed it was when a test fails.
impl Drop for Dice {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {}", self.seed);
        }
    }
}

impl Dice {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    pub fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 on, less than `most`.
    pub fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.roll() % most.max(1) as u64).unwrap_or_default()
    }

    /// Once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// # Panics
    /// When there is nothing to pick.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Characters that somebody forgets: signs, controls, other scripts, more than 16 bits.
    pub fn text(&mut self, most: usize) -> String {
        let one = |dice: &mut Self| match dice.below(8) {
            0 => char::from_u32(u32::try_from(dice.roll() % 0x11_0000).unwrap_or_default())
                .unwrap_or('\u{fffd}'),
            1 => *dice.pick(&['\0', '\r', '\n', '"', '\'', '<', '%', '\\', '\u{202e}', '\u{7f}', '@', ',']),
            _ => char::from(u8::try_from(0x20 + dice.roll() % 0x5f).unwrap_or(b' ')),
        };
        (0..self.below(most + 1)).map(|_| one(self)).collect()
    }

    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.roll().to_le_bytes()[0]).collect()
    }

    /// Any JSON, not deep.
    pub fn json(&mut self) -> Value {
        self.json_within(3)
    }

    fn json_within(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 7 } else { 9 }) {
            0 => Value::Null,
            1 => self.once_in(2).into(),
            2 => self.roll().cast_signed().into(),
            3 => f64::from_bits(self.roll()).into(),
            4 => {
                (*self.pick(&["a@b.example", "", "OPT_IN", "financial", "PASS", "1", "2025-11-21T00:00:00Z"]))
                    .into()
            }
            5 | 6 => self.text(24).into(),
            7 => (0..self.below(4)).map(|_| self.json_within(depth - 1)).collect(),
            _ => (0..self.below(4)).map(|_| (self.text(8), self.json_within(depth - 1))).collect(),
        }
    }

    /// A document with one of its members, at any depth, replaced.
    pub fn mutated(&mut self, mut document: Value) -> Value {
        let depth = self.below(5);
        self.replace(&mut document, depth);
        document
    }

    fn replace(&mut self, inside: &mut Value, depth: usize) {
        let length = match inside {
            Value::Object(members) => members.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        if depth == 0 || length == 0 {
            *inside = self.json();
            return;
        }
        let at = self.below(length);
        match inside {
            Value::Object(members) => {
                if let Some(member) = members.values_mut().nth(at) {
                    self.replace(member, depth - 1);
                }
            }
            other => self.replace(&mut other[at], depth - 1),
        }
    }

    /// A text with some of its bytes changed, gone or doubled.
    pub fn damaged(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(3) {
                0 if !bytes.is_empty() => bytes[at] = self.roll().to_le_bytes()[0],
                1 => bytes.truncate(at),
                _ => {
                    let tail = bytes[at.min(bytes.len())..].to_vec();
                    bytes.extend(tail);
                }
            }
        }
        bytes
    }
}
