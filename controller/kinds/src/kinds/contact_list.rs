//! The SES contact list.
//!
//! Surprises (aws-semantics 2): an account has one list in a Region, so observing finds *the* list, whatever
//! its name; a list cannot be renamed, and deleting it destroys every contact and preference, so another name
//! is blocked; an update replaces description and topics as a whole; every call but sending is paced at one a
//! second.

use std::collections::BTreeMap;

use aws_sdk_sesv2::{
    error::BuildError,
    operation::{get_contact::GetContactOutput, get_contact_list::GetContactListOutput},
    types::{SubscriptionStatus, Tag, Topic as WireTopic},
};
use futures::future::try_join;
use model::{Address, Fault, Fields, Holds, Outputs, Tags};
use serde::{Deserialize, Serialize};

use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads, tag_changes, whole_account},
};

reads!(aws_sdk_sesv2:
    list_contact_lists ListContactListsFluentBuilder,
    get_contact_list GetContactListFluentBuilder,
    get_contact GetContactFluentBuilder,
    list_contacts ListContactsFluentBuilder,
    list_tags_for_resource ListTagsForResourceFluentBuilder,
);

const ABSENT: &[&str] = &["NotFoundException"];

/// Counting stops here: at one call a second, ten pages are ten seconds.
const COUNT_MAX: usize = 10_000;
const COUNT_PAGE: i32 = 1_000;

const MOVING: &str = "AWS keeps one list in an account and Region and renames none. To keep it, declare \
    its name; to move, export the contacts (CreateExportJob), delete the list by hand, apply, and \
    import (CreateImportJob)";

/// The contacts that mail goes to, and what they can subscribe to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContactList {
    /// The name in AWS: the computed one, or the environment's name for it. Changing it would destroy all
    /// contacts.
    pub name: String,
    /// At most 500 characters.
    pub description: Option<String>,
    /// By name, at most 20. A name is for ever: another name is another topic, and removing a topic drops the
    /// preferences of all contacts for it.
    pub topics: BTreeMap<String, Topic>,
}

/// What a contact can subscribe to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// What a contact sees on the page of preferences; at most 128 characters.
    pub display_name: String,
    pub description: Option<String>,
    /// Changing it changes what every contact without a preference of their own gets.
    pub default: Subscription,
}

/// Whether a contact gets mail of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subscription {
    OptIn,
    OptOut,
}

impl Topic {
    fn read(wire: &WireTopic) -> Self {
        Self {
            display_name: wire.display_name().to_owned(),
            description: filled(wire.description()),
            default: match wire.default_subscription_status() {
                SubscriptionStatus::OptIn => Subscription::OptIn,
                // The safe reading of a status this program does not know.
                _ => Subscription::OptOut,
            },
        }
    }

    fn wire(&self, name: &str) -> Result<WireTopic, BuildError> {
        WireTopic::builder()
            .topic_name(name)
            .display_name(&self.display_name)
            .set_description(self.description.clone())
            .default_subscription_status(match self.default {
                Subscription::OptIn => SubscriptionStatus::OptIn,
                Subscription::OptOut => SubscriptionStatus::OptOut,
            })
            .build()
    }
}

/// An empty text is how a description is cleared.
fn filled(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn arn_of(scope: &Scope, name: &str) -> String {
    scope.arn("ses", &format!("contact-list/{name}"))
}

impl ContactList {
    fn read(name: &str, found: &GetContactListOutput) -> Self {
        let topics = found.topics().iter().map(|topic| (topic.topic_name().to_owned(), Topic::read(topic)));
        Self { name: name.to_owned(), description: filled(found.description()), topics: topics.collect() }
    }

    fn wire_topics(&self) -> Vec<WireTopic> {
        let all = self.topics.iter().map(|(name, topic)| topic.wire(name));
        all.collect::<Result<_, _>>().expect("every required member is given")
    }
}

impl Resource for ContactList {
    const KIND: &'static str = "contact list";
    const IRREVERSIBLE: Option<&'static str> = Some("every contact and every preference in it is gone");

    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([("arn".to_owned(), arn_of(scope, physical)), ("name".to_owned(), physical.to_owned())])
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        let (_, name) = arn.strip_prefix("arn:aws:ses:")?.split_once(":contact-list/")?;
        Some(name.to_owned())
    }

    fn list(&self, to: &mut Fields) {
        let Self { name, description, topics } = self;
        to.blocked("name", name);
        to.field("description", description);
        to.each("topic", topics);
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let Some(name) = the_list(at, aws).await? else { return Ok(None) };
        let get = async {
            let ask = || aws.ses().get_contact_list().contact_list_name(&name).send();
            let found = aws.read(&at.address, "ses", "GetContactList", ask).await;
            found.absent_on(ABSENT)
        };
        let another = name != at.name();
        let at_most = match (aws.looks_inside(), another) {
            (false, _) => 0,
            (true, true) => COUNT_MAX,
            (true, false) => 1,
        };
        let (found, contacts) = try_join(get, count(at, &name, at_most, aws)).await?;
        let (Some(found), Some(contacts)) = (found, contacts) else { return Ok(None) };
        let tags = match found.tags {
            Some(ref tags) => read_tags(tags),
            None => tags_of(at, &arn_of(aws.scope(), &name), aws).await?,
        };
        let mut live = Live::new(Self::read(&name, &found), Self::known(aws.scope(), &name), None);
        if contacts > 0 {
            live.holds = Holds::Data(if another { counted(contacts) } else { "contacts".to_owned() });
        }
        if another {
            let owner = match (aws.scope().foreign_owner(&tags), aws.scope().owned_address(&tags)) {
                (Some(owner), _) => format!("of {owner}"),
                (None, Some(address)) => format!("of {address}"),
                (None, None) => "without an owner's tags".to_owned(),
            };
            let list = format!("the contact list of this account is {name}, {owner}");
            live.findings.push(format!("{list}: another name would destroy {}", counted(contacts)));
        }
        live.tags = Some(tags);
        Ok(Some(live))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        if self.name != at.name() {
            let text = format!("declares the name {} and is called {} here", self.name, at.name());
            return Err(Fault::refused(&at.address, text)
                .hint("write the same name into the stack and into the environment's `names`"));
        }
        let Some(live) = live else {
            return self.create(at, aws).await;
        };
        if live.actual.name != self.name {
            let text = format!("another name would destroy the contacts of {}", live.actual.name);
            return Err(Fault::refused(&at.address, text).hint(MOVING));
        }
        if self.description != live.actual.description || self.topics != live.actual.topics {
            // The API model says that what is left out is cleared; field reports say that it is kept. Nothing
            // is left out, so that both are right.
            aws.write(at, "ses", "UpdateContactList", || {
                let ask = aws.ses().update_contact_list().contact_list_name(&self.name);
                ask.description(self.description.clone().unwrap_or_default())
                    .set_topics(Some(self.wire_topics()))
                    .send()
            })
            .await?;
        }
        sync_tags(at, &live.outputs["arn"], live.tags.as_ref(), aws).await?;
        Ok(live.outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        // The account's list is not the one that was made here: that one is gone already.
        if live.actual.name != at.name() {
            return Ok(());
        }
        aws.write(at, "ses", "DeleteContactList", || {
            aws.ses().delete_contact_list().contact_list_name(at.name()).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

impl ContactList {
    async fn create(&self, at: &Place, aws: &Writer) -> Result<Outputs, Fault> {
        aws.write(at, "ses", "CreateContactList", || {
            let ask = aws.ses().create_contact_list().contact_list_name(&self.name);
            ask.set_description(self.description.clone())
                .set_topics(Some(self.wire_topics()))
                .set_tags(Some(wire_tags(&at.tags)))
                .send()
        })
        .await?;
        Ok(Self::known(aws.scope(), &self.name))
    }
}

/// Tags of anything in SES.
pub(super) async fn sync_tags(at: &Place, arn: &str, live: Option<&Tags>, aws: &Writer) -> Result<(), Fault> {
    let (set, unset) = tag_changes(live.unwrap_or(&Tags::new()), &at.tags);
    if !unset.is_empty() {
        aws.write(at, "ses", "UntagResource", || {
            aws.ses().untag_resource().resource_arn(arn).set_tag_keys(Some(unset.clone())).send()
        })
        .await?;
    }
    if !set.is_empty() {
        aws.write(at, "ses", "TagResource", || {
            aws.ses().tag_resource().resource_arn(arn).set_tags(Some(wire_tags(&set))).send()
        })
        .await?;
    }
    Ok(())
}

/// Tags as SES answers with them.
pub(super) fn read_tags(wire: &[Tag]) -> Tags {
    wire.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

pub(super) fn wire_tags(tags: &Tags) -> Vec<Tag> {
    let one = |(key, value)| Tag::builder().key(key).value(value).build().expect("key and value are given");
    tags.iter().map(one).collect()
}

fn counted(contacts: usize) -> String {
    match contacts {
        1 => "1 contact".to_owned(),
        COUNT_MAX.. => "at least 10,000 contacts".to_owned(),
        some => format!("{some} contacts"),
    }
}

/// The name of the list that is there: the named one, or else another.
async fn the_list(at: &Place, aws: &Reader) -> Result<Option<String>, Fault> {
    let names = if aws.alone() {
        list_names(&whole_account("contact-lists"), aws).await?
    } else {
        aws.once("ses:ListContactLists", list_names(&whole_account("contact-lists"), aws))
            .await?
            .as_ref()
            .clone()
    };
    let named = names.iter().find(|name| *name == at.name());
    Ok(named.or(names.first()).cloned())
}

async fn list_names(at: &Address, aws: &Reader) -> Result<Vec<String>, Fault> {
    let (mut names, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = aws
            .read(at, "ses", "ListContactLists", || {
                aws.ses().list_contact_lists().set_next_token(token.clone()).send()
            })
            .await?;
        names.extend(page.contact_lists().iter().filter_map(|list| list.contact_list_name.clone()));
        token = page.next_token;
        if token.is_none() {
            return Ok(names);
        }
    }
}

/// How many contacts the list has, counted as far as `at_most`; `None` when the list is gone.
async fn count(at: &Place, list: &str, at_most: usize, aws: &Reader) -> Result<Option<usize>, Fault> {
    if at_most == 0 {
        return Ok(Some(0));
    }
    let size = i32::try_from(at_most).map_or(COUNT_PAGE, |most| most.min(COUNT_PAGE));
    let (mut contacts, mut token) = (0, None::<String>);
    loop {
        let page = aws
            .read(&at.address, "ses", "ListContacts", || {
                let ask = aws.ses().list_contacts().contact_list_name(list).page_size(size);
                ask.set_next_token(token.clone()).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(page) = page else { return Ok(None) };
        contacts += page.contacts().len();
        token = page.next_token;
        if token.is_none() || contacts >= at_most {
            return Ok(Some(contacts));
        }
    }
}

async fn tags_of(at: &Place, arn: &str, aws: &Reader) -> Result<Tags, Fault> {
    let answer = aws
        .read(&at.address, "ses", "ListTagsForResource", || {
            aws.ses().list_tags_for_resource().resource_arn(arn).send()
        })
        .await
        .absent_on(ABSENT)?;
    let tags = answer.map(|answer| answer.tags).unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// What the list says of one contact. It does not print itself.
pub struct Contact(GetContactOutput);

impl Contact {
    /// Whether mail of any topic is not wanted.
    #[must_use]
    pub fn opted_out(&self) -> bool {
        let out = |status: &SubscriptionStatus| *status == SubscriptionStatus::OptOut;
        self.0.unsubscribe_all()
            || self.0.topic_preferences().iter().any(|one| out(one.subscription_status()))
    }

    /// As JSON, for who asked for it.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let said = self.0.topic_preferences().iter();
        let said: BTreeMap<&str, &str> =
            said.map(|one| (one.topic_name(), one.subscription_status().as_str())).collect();
        serde_json::json!({
            "email": self.0.email_address(),
            "topicPreferences": said,
            "unsubscribeAll": self.0.unsubscribe_all(),
            "attributes": self.0.attributes_data(),
            "createdAt": self.0.created_timestamp().map(ToString::to_string),
            "lastUpdatedAt": self.0.last_updated_timestamp().map(ToString::to_string),
        })
    }
}

/// The contact of this address, which SES tells apart by its spelling.
///
/// # Errors
/// When SES does not answer.
pub async fn contact_of(aws: &Reader, at: &Place, address: &str) -> Result<Option<Contact>, Fault> {
    let found = aws
        .read(&at.address, "ses", "GetContact", || {
            aws.ses().get_contact().contact_list_name(at.name()).email_address(address).send()
        })
        .await
        .absent_on(ABSENT)?;
    Ok(found.map(Contact))
}

/// Deletes a contact; one that is gone is fine.
///
/// # Errors
/// When SES does not answer.
pub async fn forget_contact(aws: &Writer, at: &Place, address: &str) -> Result<(), Fault> {
    aws.write(at, "ses", "DeleteContact", || {
        aws.ses().delete_contact().contact_list_name(at.name()).email_address(address).send()
    })
    .await
    .absent_on(ABSENT)
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_by_people_and_stop_somewhere() {
        let texts = [0, 1, 9_999, COUNT_MAX].map(counted);
        assert_eq!(texts, ["0 contacts", "1 contact", "9999 contacts", "at least 10,000 contacts"]);
    }

    #[test]
    fn the_name_is_read_from_the_arn() {
        let arn = "arn:aws:ses:us-east-1:123456789012:contact-list/crm";
        assert_eq!(ContactList::physical_of_arn(arn).as_deref(), Some("crm"));
        assert_eq!(ContactList::physical_of_arn("arn:aws:ses:us-east-1:123456789012:identity/a.b"), None);
    }
}
