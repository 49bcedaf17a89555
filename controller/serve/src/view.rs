//! What is deployed, read again when it changes: a request costs a look at a counter, not at the documents.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::deployed::{Api, EventSource, Function, Mapping, Schedule, Usage};

/// Where what is deployed is read from.
pub trait Deployed: Send + Sync {
    /// Grows whenever anything that is read here changes.
    fn changes(&self) -> u64;
    /// Id, name and stage of every stage of every REST API.
    fn apis(&self) -> Vec<(String, String, String)>;
    fn api(&self, id: &str, stage: &str) -> Option<Api>;
    /// Where custom domains lead.
    fn mappings(&self) -> Vec<Mapping>;
    /// What the plans let the key with this value do.
    fn usage(&self, key: &str, api: &str, stage: &str) -> Option<Usage>;
    /// The version that an ARN means now; of an alias, the one it points to.
    fn function(&self, arn: &str) -> Option<Function>;
    /// Whether the function's policy lets `principal` call it on behalf of `source`.
    fn may_invoke(&self, arn: &str, principal: &str, source: &str) -> bool;
    /// The zip of an artefact by its SHA-256, as functions name it.
    fn artefact(&self, sha256: &str) -> Option<Bytes>;
    /// Those that are enabled.
    fn event_sources(&self) -> Vec<EventSource>;
    /// Those that are enabled.
    fn schedules(&self) -> Vec<Schedule>;
}

/// What has been read, until something changes.
pub struct View {
    from: Arc<dyn Deployed>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    changes: Option<u64>,
    apis: Option<Arc<[(String, String, String)]>>,
    api: BTreeMap<(String, String), Option<Arc<Api>>>,
    mappings: Option<Arc<[Mapping]>>,
    usage: BTreeMap<(String, String, String), Option<Arc<Usage>>>,
    function: BTreeMap<String, Option<Arc<Function>>>,
    may_invoke: BTreeMap<(String, String, String), bool>,
    event_sources: Option<Arc<[EventSource]>>,
    schedules: Option<Arc<[Schedule]>>,
}

/// What is kept of keys that somebody tries: more are not kept, but read.
const KEYS_MAX: usize = 1000;

impl View {
    #[must_use]
    pub fn new(from: Arc<dyn Deployed>) -> Self {
        Self { from, seen: Mutex::default() }
    }

    /// What was read, forgotten if anything has changed since.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        let changes = self.from.changes();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.changes != Some(changes) {
            *seen = Seen { changes: Some(changes), ..Seen::default() };
        }
        seen
    }

    pub fn apis(&self) -> Arc<[(String, String, String)]> {
        self.seen().apis.get_or_insert_with(|| self.from.apis().into()).clone()
    }

    pub fn api(&self, id: &str, stage: &str) -> Option<Arc<Api>> {
        let read = || self.from.api(id, stage).map(Arc::new);
        self.seen().api.entry((id.to_owned(), stage.to_owned())).or_insert_with(read).clone()
    }

    pub fn mappings(&self) -> Arc<[Mapping]> {
        self.seen().mappings.get_or_insert_with(|| self.from.mappings().into()).clone()
    }

    pub fn usage(&self, key: &str, api: &str, stage: &str) -> Option<Arc<Usage>> {
        let mut seen = self.seen();
        if seen.usage.len() > KEYS_MAX {
            seen.usage.clear();
        }
        let read = || self.from.usage(key, api, stage).map(Arc::new);
        let at = (key.to_owned(), api.to_owned(), stage.to_owned());
        seen.usage.entry(at).or_insert_with(read).clone()
    }

    pub fn function(&self, arn: &str) -> Option<Arc<Function>> {
        let read = || self.from.function(arn).map(Arc::new);
        self.seen().function.entry(arn.to_owned()).or_insert_with(read).clone()
    }

    pub fn may_invoke(&self, arn: &str, principal: &str, source: &str) -> bool {
        let at = (arn.to_owned(), principal.to_owned(), source.to_owned());
        *self.seen().may_invoke.entry(at).or_insert_with(|| self.from.may_invoke(arn, principal, source))
    }

    #[must_use]
    pub fn artefact(&self, sha256: &str) -> Option<Bytes> {
        self.from.artefact(sha256)
    }

    pub fn event_sources(&self) -> Arc<[EventSource]> {
        self.seen().event_sources.get_or_insert_with(|| self.from.event_sources().into()).clone()
    }

    pub fn schedules(&self) -> Arc<[Schedule]> {
        self.seen().schedules.get_or_insert_with(|| self.from.schedules().into()).clone()
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("View")
    }
}
