//! Contact lists: one in an account and Region.
//!
//! Codes and messages are those that were seen on AWS (floci-io/floci pull request 1638; the message about
//! one list also in scripts in the field), which are not those that the API model names.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{bad, contacts, is_name, missing, paging, tags};
use crate::services::{Refusal, World, page, strings, text};

pub(super) const LISTS: &str = "ses/contact-lists";

const TOPICS_MAX: usize = 20;
const DISPLAY_NAME_MAX: usize = 128;
const DESCRIPTION_MAX: usize = 500;

/// The list that a call names.
pub(super) fn existing<'w>(input: &Value, world: &'w World<'_>) -> Result<(String, &'w Value), Refusal> {
    let name = text(input, "ContactListName");
    check_name(name, "ContactListName")?;
    let list = world.get(LISTS, name);
    Ok((name.to_owned(), list.ok_or_else(|| missing(format!("List with name: {name} doesn't exist.")))?))
}

fn check_name(name: &str, what: &str) -> Result<(), Refusal> {
    if name.trim().is_empty() {
        return Err(bad(format!("{what} can't be blank.")));
    }
    if is_name(name) {
        return Ok(());
    }
    Err(bad(format!(
        "{what} can contain up to 64 characters. Only alphanumeric characters, underscores(_) and hyphens(-) \
         are allowed."
    )))
}

fn check(input: &Value) -> Result<(), Refusal> {
    let topics = input["Topics"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (number, topic) in topics.iter().enumerate() {
        if !["OPT_IN", "OPT_OUT"].contains(&text(topic, "DefaultSubscriptionStatus")) {
            return Err(bad(format!(
                "1 validation error detected: Value at 'topics.{}.member.defaultSubscriptionStatus' failed to \
                 satisfy constraint: Member must satisfy enum value set: [OPT_OUT, OPT_IN]",
                number + 1
            )));
        }
    }
    check_name(text(input, "ContactListName"), "ContactListName")?;
    if topics.len() > TOPICS_MAX {
        return Err(bad(format!("Maximum of <{TOPICS_MAX}> topics allowed per ContactList")));
    }
    let mut names = BTreeSet::new();
    for topic in topics {
        check_name(text(topic, "TopicName"), "TopicName")?;
        if text(topic, "DisplayName").chars().count() > DISPLAY_NAME_MAX {
            let message = format!("Topic DisplayName can contain up to <{DISPLAY_NAME_MAX}> characters.");
            return Err(bad(message));
        }
        if !names.insert(text(topic, "TopicName")) {
            return Err(bad("Duplicate topic names are not allowed within a List."));
        }
    }
    if text(input, "Description").chars().count() > DESCRIPTION_MAX {
        return Err(bad("List description can contain up to 500 characters."));
    }
    Ok(())
}

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    check(input)?;
    let tags = tags::given(input)?;
    // The same name meets this limit too, before anything says that the list exists.
    if !world.all(LISTS).is_empty() {
        return Err(bad("A maximum of 1 Lists allowed per account."));
    }
    let topics = input.get("Topics").cloned().unwrap_or_else(|| json!([]));
    let list = json!({
        "description": input["Description"], "topics": topics, "tags": tags,
        "created": world.now_s(), "updated": world.now_s(),
    });
    world.put(LISTS, text(input, "ContactListName"), list);
    Ok(json!({}))
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Value {
    let all = world.all(LISTS).into_iter();
    let one = |(name, list): (&str, &Value)| {
        json!({
            "ContactListName": name,
            "LastUpdatedTimestamp": list["updated"],
        })
    };
    let all: Vec<Value> = all.map(one).collect();
    let (size, token) = paging(input);
    let (all, next) = page(&all, token, size);
    json!({ "ContactLists": all, "NextToken": next })
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (name, list) = existing(input, world)?;
    Ok(json!({
        "ContactListName": name,
        "Description": list["description"],
        "Topics": list["topics"],
        "Tags": tags::out(&strings(list.get("tags"))),
        "CreatedTimestamp": list["created"],
        "LastUpdatedTimestamp": list["updated"],
    }))
}

/// A complete replacement, as the API model says: what is left out is cleared.
pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    check(input)?;
    let (name, _) = existing(input, world)?;
    let now = world.now_s();
    let topics = input.get("Topics").cloned().unwrap_or_else(|| json!([]));
    contacts::drop_topics(&name, &topics, world);
    world.edit(LISTS, &name, |list| {
        list["description"] = input["Description"].clone();
        list["topics"] = topics;
        list["updated"] = now.into();
    });
    Ok(json!({}))
}

pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, _) = existing(input, world)?;
    contacts::drop_all(&name, world);
    world.remove(LISTS, &name);
    Ok(json!({}))
}
