//! The messages that Mailgun took, a copy for each recipient: what each of them reads.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use serde::Serialize;
use serde_json::Value;

/// The newest are kept.
const MOST: usize = 10_000;

/// A message, as one recipient gets it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Message {
    /// From 1 on, in the order of coming.
    pub number: u64,
    /// Without angle brackets; all copies of one call have the same.
    pub id: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    pub domain: String,
    pub recipient: String,
    pub from: String,
    /// Whom the recipient sees as addressed.
    pub to: Vec<String>,
    pub subject: String,
    pub headers: Vec<(String, String)>,
    pub text: Option<String>,
    pub html: Option<String>,
    /// Name and variables.
    pub template: Option<(String, Value)>,
    pub tags: Vec<String>,
    /// `v:` variables, which webhooks carry.
    pub variables: BTreeMap<String, String>,
    /// `o:` options but tags.
    pub options: BTreeMap<String, String>,
    /// Webhooks that were sent of it: the event, and what came of it.
    pub told: Vec<(String, String)>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    messages: VecDeque<Message>,
}

impl Outbox {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes copies, and gives them their numbers.
    pub fn take(&self, copies: Vec<Message>) {
        let mut kept = self.kept();
        for copy in copies {
            kept.last += 1;
            let number = kept.last;
            kept.messages.push_back(Message { number, ..copy });
            if kept.messages.len() > MOST {
                kept.messages.pop_front();
            }
        }
    }

    /// The newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Message> {
        self.kept().messages.iter().rev().cloned().collect()
    }

    #[must_use]
    pub fn one(&self, number: u64) -> Option<Message> {
        self.kept().messages.iter().find(|message| message.number == number).cloned()
    }

    /// Remembers what came of a webhook.
    pub fn told(&self, number: u64, event: &str, outcome: String) {
        let mut kept = self.kept();
        if let Some(message) = kept.messages.iter_mut().find(|message| message.number == number) {
            message.told.push((event.to_owned(), outcome));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept() {
        let outbox = Outbox::default();
        outbox.take(vec![Message::default(); MOST + 2]);
        let all = outbox.all();
        assert_eq!((all.len(), all[0].number, outbox.one(2)), (MOST, MOST as u64 + 2, None));
        outbox.told(3, "opened", "200".into());
        assert_eq!(outbox.one(3).expect("a message").told, [("opened".to_owned(), "200".to_owned())]);
    }
}
