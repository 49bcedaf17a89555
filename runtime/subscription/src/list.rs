//! The contact list of SES: the copy of the mirror that SES's own links and headers change (R70).

use std::time::Duration;

use aws_sdk_sesv2::{
    Client,
    types::{Contact, SubscriptionStatus, TopicPreference},
};
use contract::{resource::UpdateContactList, stream::Stream, subscription::Status};
use support::{
    Aws, Failed,
    aws::{code_of, failed, is_faulty},
};

use crate::{Preferences, Recipient, Wish};

/// How long a caller waits for the contact list: its calls are limited to about one a second (standards 2.2),
/// and what does not get through is told later.
const PATIENCE: Duration = Duration::from_secs(3);

/// Attempts when somebody else changes the same contact.
const ATTEMPTS: u32 = 3;

/// The most that `ListContacts` answers at once.
pub const PAGE: i32 = 1000;

/// The contact list.
#[derive(Clone, Debug)]
pub struct List {
    ses: Client,
    name: String,
}

/// A contact as the list has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Listed {
    pub who: Recipient,
    /// The address as the list spells it.
    pub spelling: String,
    /// What the list says of streams and of everything.
    pub says: Wish,
    /// Milliseconds since 1970.
    pub changed_ms: i64,
}

/// Why the list was not told of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Untold {
    /// SES does not take this address: it will not tomorrow either, and says nothing of other addresses.
    Refused(Failed),
    /// SES is busy, cannot be reached, or refuses us altogether.
    Failed(Failed),
}

impl Untold {
    fn of(failed: Failed, faulty: bool) -> Self {
        if faulty { Self::Refused(failed) } else { Self::Failed(failed) }
    }

    pub(crate) fn failed(self) -> Failed {
        match self {
            Self::Refused(failed) | Self::Failed(failed) => failed,
        }
    }
}

impl List {
    #[must_use]
    pub fn of(variable: &UpdateContactList, aws: &Aws) -> Self {
        Self { ses: aws.mail().clone(), name: variable.name().to_owned() }
    }

    /// Makes a contact what these preferences say, whatever it was, also when there was none.
    ///
    /// # Errors
    /// When SES refuses or does not answer in time.
    pub(crate) async fn put(&self, address: &str, preferences: &Preferences) -> Result<(), Untold> {
        match tokio::time::timeout(PATIENCE, self.put_patiently(address, preferences)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Untold::Failed(Failed::unavailable("UpdateContact: timed out"))),
        }
    }

    async fn put_patiently(&self, address: &str, preferences: &Preferences) -> Result<(), Untold> {
        // All topics, each time: SES forgets those that are left out (API reference, UpdateContact).
        let topics: Vec<TopicPreference> =
            Stream::ALL.into_iter().map(|stream| preference(stream, preferences.status(stream))).collect();
        let nothing = preferences.left_everything();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let update = self.ses.update_contact().contact_list_name(&self.name).email_address(address);
            let update = update.set_topic_preferences(Some(topics.clone())).unsubscribe_all(nothing);
            let error = match update.send().await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            match code_of(&error) {
                Some("ConcurrentModificationException") if attempt < ATTEMPTS => continue,
                Some("NotFoundException") => {}
                _ => return Err(Untold::of(failed("UpdateContact", &error), is_faulty(&error))),
            }
            let create = self.ses.create_contact().contact_list_name(&self.name).email_address(address);
            let create = create.set_topic_preferences(Some(topics.clone())).unsubscribe_all(nothing);
            match create.send().await {
                Ok(_) => return Ok(()),
                // Somebody else made it meanwhile, perhaps with other preferences.
                Err(error) if code_of(&error) == Some("AlreadyExistsException") && attempt < ATTEMPTS => {}
                Err(error) => return Err(Untold::of(failed("CreateContact", &error), is_faulty(&error))),
            }
        }
    }

    /// One page of contacts, and where the next one begins.
    ///
    /// # Errors
    /// When SES refuses or does not answer.
    pub async fn page(&self, token: Option<&str>) -> Result<(Vec<Listed>, Option<String>), Failed> {
        let ask = self.ses.list_contacts().contact_list_name(&self.name).page_size(PAGE);
        let page = ask.set_next_token(token.map(str::to_owned)).send().await;
        let page = page.map_err(|error| failed("ListContacts", &error))?;
        let next = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        Ok((page.contacts().iter().filter_map(Listed::of).collect(), next))
    }
}

impl Listed {
    fn of(contact: &Contact) -> Option<Self> {
        let spelling = contact.email_address()?.to_owned();
        let said = contact.topic_preferences().iter().filter_map(|one| {
            let status = match one.subscription_status() {
                SubscriptionStatus::OptOut => Status::OptOut,
                SubscriptionStatus::OptIn => Status::OptIn,
                _ => return None,
            };
            Some((Stream::of_topic(one.topic_name())?, status))
        });
        let says = match contact.unsubscribe_all() {
            true => Wish::leave_everything(),
            false => Wish { streams: said.collect(), everything: None },
        };
        let changed = contact.last_updated_timestamp().and_then(|at| at.to_millis().ok());
        Some(Self {
            who: Recipient::parse(&spelling)?,
            spelling,
            says,
            changed_ms: changed.unwrap_or_default(),
        })
    }
}

fn preference(stream: Stream, status: Status) -> TopicPreference {
    let status = match status {
        Status::OptIn => SubscriptionStatus::OptIn,
        Status::OptOut => SubscriptionStatus::OptOut,
    };
    let preference = TopicPreference::builder().topic_name(stream.topic()).subscription_status(status);
    preference.build().expect("name and status are given")
}
