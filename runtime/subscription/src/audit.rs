//! Records of every opt-in, opt-out and failure of one, kept for ever (R73).
//!
//! Records are history: what came when, by which way, and what it met. So `result` and `gets` of a record tell of the
//! moment at which it was worked off, and of two events that come in another order they may say something else. All
//! else of a record, and how many there are, is the same whatever the order and number of deliveries; and so is all
//! that decides: the contact's choices, the contact list, the suppressed addresses.

use std::collections::BTreeMap;

use contract::{
    stream::Stream,
    subscription::Status,
    table::Audit,
    variable::{Table, Writes},
};
use serde::{Deserialize, Serialize};
use support::{Aws, Clock, Failed, Request, table::Writer, time};

use crate::{Preferences, Recipient, Wish};

/// Under which records are kept that no address is known for.
pub const UNKNOWN: &str = "unknown";

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Less mail.
    Unsubscribe,
    /// Mail again.
    Subscribe,
    /// Some of each.
    Update,
    /// A contact that was not there.
    Add,
    /// Telling the contact list what the mirror holds.
    List,
}

impl Action {
    /// What a wish comes to.
    #[must_use]
    pub fn of(wish: &Wish) -> Self {
        let has = |wanted: Status| wish.streams.values().any(|status| *status == wanted);
        match (has(Status::OptIn), has(Status::OptOut)) {
            (true, false) => Self::Subscribe,
            (false, true) => Self::Unsubscribe,
            _ => Self::Update,
        }
    }
}

/// By which way it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A mailbox provider's one click.
    OneClick,
    /// The preference page.
    Page,
    /// `add-contact` with an unsubscribe token.
    Owner,
    /// `add-contact` with a Firebase token.
    Staff,
    /// Mail to the unsubscribe address.
    Mailto,
    /// SES told it: its own link or header was used.
    Ses,
    /// A webhook of Mailgun.
    Mailgun,
    /// The contact list differed from the mirror.
    Reconciliation,
}

impl Source {
    /// Whether the contact list knew it first.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, Self::Ses | Self::Reconciliation)
    }
}

/// What made a mail an opt-out (R66).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detection {
    /// Without tokens, and cut.
    pub subject: String,
    pub topics: Vec<String>,
    pub reason: String,
    /// How the sender was known: `token`, or the verdict that passed.
    pub known_by: String,
}

/// Where a change comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Names it among all events of a contact: what is delivered twice has the same one.
    pub id: String,
    pub action: Action,
    pub source: Source,
    pub ip: Option<String>,
    /// The user id of staff.
    pub actor: Option<String>,
    /// When the token was made, in milliseconds since 1970.
    pub token_ms: Option<i64>,
    pub detection: Option<Detection>,
}

impl Event {
    #[must_use]
    pub fn new(id: impl Into<String>, action: Action, source: Source) -> Self {
        Self { id: id.into(), action, source, ip: None, actor: None, token_ms: None, detection: None }
    }

    /// A request to an endpoint.
    #[must_use]
    pub fn of_request(request: &Request, action: Action, source: Source) -> Self {
        let ip = Some(request.source_ip.clone()).filter(|ip| !ip.is_empty());
        Self { ip, ..Self::new(request.id.clone(), action, source) }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Result {
    Done,
    /// It was so already, or a later choice stands.
    Unchanged,
    Failed,
}

/// One record, as its row. It does not print itself: it holds addresses.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub contact: String,
    /// Time and event id: in the order of time, and the same for what is delivered twice.
    pub at: String,
    pub day: String,
    pub action: Action,
    pub source: Source,
    pub result: Result,
    /// What was asked for.
    pub topics: BTreeMap<Stream, Status>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsubscribe_all: Option<bool>,
    /// What the contact gets afterwards, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gets: Option<Vec<Stream>>,
    pub request_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_timestamp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<Detection>,
    /// Why it failed: a code, never a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Record {
    /// Of an event at this time, in milliseconds since 1970.
    #[must_use]
    pub fn of(who: Option<&Recipient>, event: &Event, at_ms: i64, result: Result) -> Self {
        let at = time::iso(at_ms);
        Self {
            contact: who.map_or(UNKNOWN, Recipient::address).to_owned(),
            day: at.get(..10).unwrap_or_default().to_owned(),
            at: format!("{at}#{}", event.id),
            action: event.action,
            source: event.source,
            result,
            topics: BTreeMap::new(),
            unsubscribe_all: None,
            gets: None,
            request_id: event.id.clone(),
            ip: event.ip.clone(),
            actor: event.actor.clone(),
            token_timestamp: event.token_ms.map(time::iso),
            detection: event.detection.clone(),
            reason: None,
        }
    }

    #[must_use]
    pub fn asking(self, wish: &Wish) -> Self {
        let unsubscribe_all = wish.everything.map(|status| status == Status::OptOut);
        Self { topics: wish.streams.clone(), unsubscribe_all, ..self }
    }

    #[must_use]
    pub fn leaving(self, preferences: &Preferences) -> Self {
        let gets = Stream::ALL.into_iter().filter(|stream| preferences.wants(*stream)).collect();
        Self { gets: Some(gets), ..self }
    }
}

/// Writes records that go with no change.
#[derive(Clone)]
pub struct Log {
    pub(crate) rows: Writer<Audit>,
}

impl Log {
    #[must_use]
    pub fn of<M: Writes>(table: &Table<Audit, M>, aws: &Aws, clock: Clock) -> Self {
        Self { rows: Writer::of(table, aws, clock) }
    }

    /// Adds a record; one that is there stays.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn add(&self, record: &Record) -> std::result::Result<bool, Failed> {
        self.rows.add(record).await
    }

    /// Records that something asked for was not done. What is tried again later and done has a record beside
    /// it. `who` is somebody who is known for certain; the wish is empty where nothing that can be told was asked.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn failure(
        &self,
        who: Option<&Recipient>,
        event: &Event,
        wish: &Wish,
        at_ms: i64,
        reason: &str,
    ) -> std::result::Result<(), Failed> {
        let record = Record::of(who, event, at_ms, Result::Failed).asking(wish);
        let (at, reason) = (format!("{}/failed", record.at), Some(reason.to_owned()));
        self.add(&Record { at, reason, ..record }).await.map(drop)
    }
}
