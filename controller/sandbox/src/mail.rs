//! What was sent, and what happens to mail outside AWS: published DNS records, and the review that lets an account
//! write to anybody.

use std::{collections::BTreeMap, io};

use serde::Deserialize;

use crate::{Account, services::ses};

/// One message that SES accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SentMail {
    pub message_id: String,
    /// As given, with a display name where there was one.
    pub from: String,
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub bcc: Vec<String>,
    pub reply_to: Vec<String>,
    /// The custom headers of a simple message, all of a raw one, in order.
    pub headers: Vec<(String, String)>,
    pub subject: String,
    pub html: Option<String>,
    pub text: Option<String>,
    /// Message tags, by name.
    pub tags: BTreeMap<String, String>,
    /// The one that was named, or the default of the sender's identity.
    pub configuration_set: Option<String>,
    /// Recipients whom SES does not write to: on the suppression list, or opted out of the topic. SES accepts the
    /// message all the same, and tells of a bounce.
    pub withheld: Vec<String>,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

impl Account {
    /// Every message that SES accepted, in order.
    #[must_use]
    pub fn sent_mail(&self) -> Vec<SentMail> {
        let kept = self.documents().remove(ses::SENT).unwrap_or_default();
        let read = |mail: &std::sync::Arc<serde_json::Value>| SentMail::deserialize(mail.as_ref()).ok();
        kept.values().filter_map(read).collect()
    }

    /// The DNS records that SES asked for are published for a domain (of an identity, or of its MAIL FROM), or the
    /// owner of an address opened the link that SES sent. It may be said before the identity is made. Of a domain of
    /// API Gateway, the record that leads to it is published.
    ///
    /// # Errors
    /// When the account is kept in a directory that cannot be read or written.
    pub fn publish_dns(&self, name: &str) -> io::Result<()> {
        self.edit(|world| world.put(ses::DNS, name, world.now_ms.into()))
    }

    /// Whether SES lets the account write to anybody, or only to verified addresses, as new accounts may.
    ///
    /// # Errors
    /// When the account is kept in a directory that cannot be read or written.
    pub fn set_mail_production(&self, production: bool) -> io::Result<()> {
        self.edit(|world| ses::change_settings(world, |kept| kept["production"] = production.into()))
    }
}
