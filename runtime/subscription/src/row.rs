//! A contact as a row of the mirror.

use std::collections::BTreeMap;

use contract::{stream::Stream, subscription::Status};
use serde::{Deserialize, Serialize};

use crate::{Preferences, Recipient, preferences::Choice};

/// What the contact list does not know of a contact yet. The value is the partition of the index that finds
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pending {
    /// A choice.
    Change,
    /// That it exists: it was sent to, and has said nothing.
    New,
}

impl Pending {
    /// In the order of their urgency.
    pub(crate) const ALL: [Self; 2] = [Self::Change, Self::New];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::New => "new",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    status: Status,
    at: i64,
}

impl From<Choice> for Said {
    fn from(choice: Choice) -> Self {
        Self { status: choice.status, at: choice.at_ms }
    }
}

impl From<Said> for Choice {
    fn from(said: Said) -> Self {
        Self { status: said.status, at_ms: said.at }
    }
}

/// The row of a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub email: String,
    /// Counts the writes: whoever changes a row writes it only where it is as it was read.
    pub version: i64,
    #[serde(default)]
    topics: BTreeMap<String, Said>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    everything: Option<Said>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// From when on the list is told, in milliseconds since 1970: when it was marked, or, after the list refused
    /// the address, some time later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_since: Option<i64>,
    /// Since when the list refuses the address, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_since: Option<i64>,
    /// How the contact list spells the address, where it spells it otherwise: SES tells `A@b.c` from `a@b.c`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed_as: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

impl Row {
    pub(crate) fn new(who: &Recipient, now_ms: i64) -> Self {
        Self {
            email: who.address().to_owned(),
            version: 0,
            topics: BTreeMap::new(),
            everything: None,
            pending: None,
            pending_since: None,
            refused_since: None,
            listed_as: None,
            created_at: now_ms,
        }
    }

    /// Names that are no stream any more are passed over.
    pub(crate) fn preferences(&self) -> Preferences {
        let stream = |(topic, said): (&String, &Said)| Some((Stream::of_topic(topic)?, (*said).into()));
        Preferences {
            streams: self.topics.iter().filter_map(stream).collect(),
            everything: self.everything.map(Choice::from),
        }
    }

    pub(crate) fn set(&mut self, preferences: &Preferences) {
        let topic = |(stream, choice): (&Stream, &Choice)| (stream.topic().to_owned(), (*choice).into());
        self.topics.extend(preferences.streams.iter().map(topic));
        self.everything = preferences.everything.map(Said::from);
    }

    pub(crate) fn mark(&mut self, pending: Pending, now_ms: i64) {
        self.pending = Some(pending);
        self.pending_since = Some(now_ms);
        self.refused_since = None;
    }

    /// The address as the contact list spells it.
    pub(crate) fn listed(&self) -> &str {
        self.listed_as.as_deref().unwrap_or(&self.email)
    }
}
