//! What AWS keeps and what it refuses, one file a service.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde_json::Value;

use crate::{
    blobs::Blobs,
    store::{Documents, Edit},
    trail::Trail,
    weather::Weather,
    wire::{Protocol, Reply, Request},
};

mod apigateway;
mod cloudfront;
mod cloudtrail;
mod cognito;
mod dynamodb;
mod grants;
mod iam;
mod kms;
mod lambda;
mod logs;
mod monitoring;
mod s3;
mod scheduler;
mod secretsmanager;
pub(crate) mod ses;
mod sns;
mod sqs;
mod sts;
mod tagging;

pub use apigateway::{DeployedApi, DeployedRoute, GatewayAnswer, Limit, Usage, Validator};
pub use lambda::{DeployedFunction, EventSource};
pub use scheduler::Schedule;
pub(crate) use scheduler::schedules;
pub use sns::Notification;

/// One service: how it is spoken to, and what it does.
pub(crate) struct Service {
    /// The name in the credential scope of a signature.
    pub signing: &'static str,
    pub protocol: Protocol,
    pub handle: fn(&Request, &mut World<'_>) -> Result<Reply, Refusal>,
    /// What the tagging API sees of it: ARNs and tags.
    pub tagged: fn(&World<'_>) -> Vec<Tagged>,
}

/// An ARN and the tags of what it names.
pub(crate) type Tagged = (String, BTreeMap<String, String>);

/// Every service of the account.
pub(crate) const SERVICES: &[Service] = &[
    apigateway::SERVICE,
    cloudfront::SERVICE,
    cloudtrail::SERVICE,
    cognito::SERVICE,
    dynamodb::SERVICE,
    iam::SERVICE,
    kms::SERVICE,
    lambda::SERVICE,
    logs::SERVICE,
    monitoring::SERVICE,
    s3::SERVICE,
    scheduler::SERVICE,
    secretsmanager::SERVICE,
    ses::SERVICE,
    ses::VERSION_1,
    sns::SERVICE,
    sqs::SERVICE,
    sts::SERVICE,
    tagging::SERVICE,
];

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: String,
    pub message: String,
    pub status: u16,
    /// Further members of the answer, where a JSON service has some.
    pub details: Value,
}

impl Refusal {
    /// The usual client error, HTTP 400.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), status: 400, details: Value::Null }
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn with(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}

/// The account during one call. Edits are kept only when the call succeeds.
pub struct World<'a> {
    base: &'a Documents,
    edits: BTreeMap<(String, String), Option<Arc<Value>>>,
    pub now_ms: u64,
    pub account: &'a str,
    pub region: &'a str,
    pub weather: &'a Weather,
    pub(crate) blobs: Blobs,
    pub(crate) trail: Trail,
}

impl<'a> World<'a> {
    pub(crate) fn new(
        base: &'a Documents,
        now_ms: u64,
        account: &'a str,
        region: &'a str,
        weather: &'a Weather,
    ) -> Self {
        let (edits, blobs, trail) = (BTreeMap::new(), Blobs::default(), Trail::default());
        Self { base, edits, now_ms, account, region, weather, blobs, trail }
    }

    /// One document.
    #[must_use]
    pub fn get(&self, collection: &str, id: &str) -> Option<&Value> {
        match self.edits.get(&(collection.to_owned(), id.to_owned())) {
            Some(edited) => edited.as_deref(),
            None => self.base.get(collection)?.get(id).map(Arc::as_ref),
        }
    }

    /// Writes one document.
    pub fn put(&mut self, collection: &str, id: &str, value: Value) {
        self.edits.insert((collection.to_owned(), id.to_owned()), Some(Arc::new(value)));
    }

    /// Edits one document in place; false when it is not there.
    pub fn edit(&mut self, collection: &str, id: &str, change: impl FnOnce(&mut Value)) -> bool {
        let Some(value) = self.get(collection, id) else { return false };
        let mut value = value.clone();
        change(&mut value);
        self.put(collection, id, value);
        true
    }

    pub fn remove(&mut self, collection: &str, id: &str) {
        self.edits.insert((collection.to_owned(), id.to_owned()), None);
    }

    /// All documents of a collection, by id.
    #[must_use]
    pub fn all(&self, collection: &str) -> BTreeMap<&str, &Value> {
        let base = self.base.get(collection).into_iter().flatten();
        let mut all: BTreeMap<&str, &Value> = base.map(|(id, value)| (id.as_str(), value.as_ref())).collect();
        for ((of, id), value) in &self.edits {
            if of != collection {
                continue;
            }
            match value {
                Some(value) => all.insert(id, value),
                None => all.remove(id.as_str()),
            };
        }
        all
    }

    /// A number that no earlier call got: the seed of every id that the account invents.
    pub fn next_number(&mut self) -> u64 {
        let last = self.get("account", "numbers").and_then(Value::as_u64).unwrap_or_default();
        self.put("account", "numbers", (last + 1).into());
        last + 1
    }

    /// An invented id in the shape of a UUID.
    pub fn next_uuid(&mut self) -> String {
        let number = self.next_number();
        format!("{number:08x}-0000-4000-8000-{number:012x}")
    }

    /// `arn:aws:service:region:account:resource`.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    /// Seconds since 1970, as the JSON protocols write time.
    #[must_use]
    pub fn now_s(&self) -> f64 {
        self.now_ms as f64 / 1000.0
    }

    /// Whether something made at `created_ms` can be seen by reads yet.
    #[must_use]
    pub fn visible(&self, created_ms: u64) -> bool {
        u128::from(self.now_ms) >= u128::from(created_ms) + self.weather.invisible.as_millis()
    }

    /// Whether what was made at `created_ms` is known to other services yet.
    #[must_use]
    pub fn settled(&self, created_ms: u64) -> bool {
        u128::from(self.now_ms) >= u128::from(created_ms) + self.weather.propagation.as_millis()
    }

    /// Keeps a large body beside the documents, and names it by its digest.
    pub(crate) fn keep_blob(&self, body: &Bytes) -> Result<String, Refusal> {
        let failed =
            |error| Refusal::new("InternalError", format!("a body was not kept: {error}")).status(500);
        self.blobs.keep(body).map_err(failed)
    }

    /// Whether something changed at `changed_ms` is still being worked at, as functions are for a while.
    #[must_use]
    pub(crate) fn is_working(&self, changed_ms: u64) -> bool {
        u128::from(self.now_ms) < u128::from(changed_ms) + self.weather.function.as_millis()
    }

    pub(crate) fn into_edits(self) -> Vec<Edit> {
        let one = |((collection, id), value)| Edit { collection, id, value };
        self.edits.into_iter().map(one).collect()
    }
}

/// A string member of a request, or empty.
pub(crate) fn text<'v>(input: &'v Value, member: &str) -> &'v str {
    input.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// The string members of an object, as a map.
pub(crate) fn strings(value: Option<&Value>) -> BTreeMap<String, String> {
    let members = value.and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// One page of `items`: those after `token`, at most `size`, and the next token.
pub(crate) fn page<T: Clone>(items: &[T], token: &str, size: usize) -> (Vec<T>, Option<String>) {
    let start = token.parse().unwrap_or(0).min(items.len());
    let end = (start + size.max(1)).min(items.len());
    (items[start..end].to_vec(), (end < items.len()).then(|| end.to_string()))
}

/// Asking a service without the wire, for tests of what it refuses.
#[cfg(test)]
pub(crate) mod asking {
    use serde_json::Value;

    use super::{Refusal, Service, World};
    use crate::wire::{Reply, Request};

    pub(crate) fn ask(
        service: &Service,
        world: &mut World<'_>,
        operation: &str,
        input: Value,
    ) -> Result<Value, Refusal> {
        let request = Request { operation: operation.to_owned(), input, ..Request::default() };
        match (service.handle)(&request, world)? {
            Reply::Value(value) => Ok(value),
            Reply::Raw { .. } => panic!("{operation} answers with a value"),
        }
    }

    #[track_caller]
    pub(crate) fn refused(
        service: &Service,
        world: &mut World<'_>,
        operation: &str,
        input: Value,
        wanted: (&str, &str),
    ) {
        let (code, part) = wanted;
        let refusal = ask(service, world, operation, input.clone()).expect_err(operation);
        assert_eq!(refusal.code, code, "{operation} {input}: {}", refusal.message);
        assert!(refusal.message.contains(part), "{operation} {input}: {}", refusal.message);
    }
}
