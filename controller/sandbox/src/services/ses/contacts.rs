//! Contacts of a list and their preferences. Codes and messages were seen on AWS (floci-io/floci pull request
//! 1723).

use serde_json::{Value, json};

use super::{bad, lists, missing, paging};
use crate::services::{Refusal, World, page, text};

const CONTACTS: &str = "ses/contacts";

fn id(list: &str, email: &str) -> String {
    format!("{list}/{email}")
}

/// A list's contacts by id, in the order of their addresses.
fn of<'w>(list: &str, world: &'w World<'_>) -> Vec<(&'w str, &'w Value)> {
    let prefix = id(list, "");
    world.all(CONTACTS).into_iter().filter(|(id, _)| id.starts_with(&prefix)).collect()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn check_email(email: &str) -> Result<(), Refusal> {
    if email.trim().is_empty() {
        return Err(bad("EmailAddress can't be blank."));
    }
    let shape = email.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty()
            && !domain.contains('@')
            && domain.contains('.')
            && !email.contains(char::is_whitespace)
    });
    if shape { Ok(()) } else { Err(bad(format!("EmailAddress <{email}> is invalid"))) }
}

/// Checks a contact's input; returns the name of its list.
fn check(input: &Value, world: &World<'_>) -> Result<String, Refusal> {
    for (number, preference) in items(&input["TopicPreferences"]).enumerate() {
        if !["OPT_IN", "OPT_OUT"].contains(&text(preference, "SubscriptionStatus")) {
            return Err(bad(format!(
                "1 validation error detected: Value at 'topicPreferences.{}.member.subscriptionStatus' failed \
                 to satisfy constraint: Member must satisfy enum value set: [OPT_OUT, OPT_IN]",
                number + 1
            )));
        }
    }
    check_email(text(input, "EmailAddress"))?;
    let (name, list) = lists::existing(input, world)?;
    for preference in items(&input["TopicPreferences"]) {
        check_topic(&name, list, text(preference, "TopicName"))?;
    }
    Ok(name)
}

fn check_topic(name: &str, list: &Value, topic: &str) -> Result<(), Refusal> {
    if items(&list["topics"]).any(|one| text(one, "TopicName") == topic) {
        return Ok(());
    }
    Err(bad(format!("List: {name} doesn't contain Topic: {topic}")))
}

fn existing<'w>(list: &str, input: &Value, world: &'w World<'_>) -> Result<(String, &'w Value), Refusal> {
    let email = text(input, "EmailAddress");
    check_email(email)?;
    let id = id(list, email);
    let contact = world.get(CONTACTS, &id);
    Ok((id, contact.ok_or_else(|| missing(format!("{email} doesn't exist in List.")))?))
}

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let list = check(input, world)?;
    let email = text(input, "EmailAddress");
    if world.get(CONTACTS, &id(&list, email)).is_some() {
        return Err(Refusal::new("AlreadyExistsException", format!("{email} already exists in List.")));
    }
    let contact = json!({
        "email": email,
        "preferences": input.get("TopicPreferences").cloned().unwrap_or_else(|| json!([])),
        "unsubscribed": input["UnsubscribeAll"].as_bool().unwrap_or_default(),
        "attributes": input["AttributesData"],
        "created": world.now_s(),
        "updated": world.now_s(),
    });
    world.put(CONTACTS, &id(&list, email), contact);
    Ok(json!({}))
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (name, list) = lists::existing(input, world)?;
    let (_, contact) = existing(&name, input, world)?;
    let mut answer = shown(contact, list);
    answer["ContactListName"] = name.into();
    answer["AttributesData"] = contact["attributes"].clone();
    answer["CreatedTimestamp"] = contact["created"].clone();
    Ok(answer)
}

fn shown(contact: &Value, list: &Value) -> Value {
    let own = |topic: &str| items(&contact["preferences"]).any(|one| text(one, "TopicName") == topic);
    let defaults: Vec<Value> = items(&list["topics"])
        .filter(|topic| !own(text(topic, "TopicName")))
        .map(|topic| {
            json!({
                "TopicName": topic["TopicName"],
                "SubscriptionStatus": topic["DefaultSubscriptionStatus"],
            })
        })
        .collect();
    json!({
        "EmailAddress": contact["email"],
        "TopicPreferences": contact["preferences"],
        "TopicDefaultPreferences": defaults,
        "UnsubscribeAll": contact["unsubscribed"],
        "LastUpdatedTimestamp": contact["updated"],
    })
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (name, list) = lists::existing(input, world)?;
    let filter = &input["Filter"];
    let topic = text(&filter["TopicFilter"], "TopicName");
    if !topic.is_empty() {
        check_topic(&name, list, topic)?;
    }
    let passes = |contact: &Value| passes(contact, list, filter);
    let all: Vec<Value> = of(&name, world)
        .into_iter()
        .filter(|(_, contact)| passes(contact))
        .map(|(_, contact)| shown(contact, list))
        .collect();
    let (size, token) = paging(input);
    let (all, next) = page(&all, token, size);
    Ok(json!({ "Contacts": all, "NextToken": next }))
}

/// Whether a contact has the filter's status: for the whole list, or for one topic.
fn passes(contact: &Value, list: &Value, filter: &Value) -> bool {
    let wanted = text(filter, "FilteredStatus");
    if wanted.is_empty() {
        return true;
    }
    let whole = if contact["unsubscribed"] == true { "OPT_OUT" } else { "OPT_IN" };
    let topic = text(&filter["TopicFilter"], "TopicName");
    if topic.is_empty() || whole == "OPT_OUT" {
        return whole == wanted;
    }
    let in_topic = |of: &Value, status: &str| {
        let one = items(of).find(|one| text(one, "TopicName") == topic);
        one.map(|one| text(one, status).to_owned())
    };
    let own = in_topic(&contact["preferences"], "SubscriptionStatus");
    let by_default = filter["TopicFilter"]["UseDefaultIfPreferenceUnavailable"] == true;
    let status =
        own.or_else(|| by_default.then(|| in_topic(&list["topics"], "DefaultSubscriptionStatus")).flatten());
    status.is_some_and(|status| status == wanted)
}

/// Preferences are merged by topic; the rest is replaced, so that what is left out is cleared.
pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let list = check(input, world)?;
    let (id, contact) = existing(&list, input, world)?;
    let mut preferences: Vec<Value> = items(&contact["preferences"]).cloned().collect();
    for given in items(&input["TopicPreferences"]) {
        preferences.retain(|kept| kept["TopicName"] != given["TopicName"]);
        preferences.push(given.clone());
    }
    let now = world.now_s();
    world.edit(CONTACTS, &id, |contact| {
        contact["preferences"] = preferences.into();
        contact["unsubscribed"] = input["UnsubscribeAll"].as_bool().unwrap_or_default().into();
        contact["attributes"] = input["AttributesData"].clone();
        contact["updated"] = now.into();
    });
    Ok(json!({}))
}

pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (list, _) = lists::existing(input, world)?;
    let (id, _) = existing(&list, input, world)?;
    world.remove(CONTACTS, &id);
    Ok(json!({}))
}

/// Forgets preferences for topics that the list no longer has.
pub(super) fn drop_topics(list: &str, topics: &Value, world: &mut World<'_>) {
    let kept = |preference: &Value| items(topics).any(|topic| topic["TopicName"] == preference["TopicName"]);
    let stale = of(list, world).into_iter().filter(|(_, contact)| !items(&contact["preferences"]).all(kept));
    for id in stale.map(|(id, _)| id.to_owned()).collect::<Vec<_>>() {
        world.edit(CONTACTS, &id, |contact| {
            contact["preferences"] =
                items(&contact["preferences"]).filter(|one| kept(one)).cloned().collect();
        });
    }
}

pub(super) fn drop_all(list: &str, world: &mut World<'_>) {
    let ids: Vec<String> = of(list, world).into_iter().map(|(id, _)| id.to_owned()).collect();
    ids.iter().for_each(|id| world.remove(CONTACTS, id));
}

/// Those of `recipients` who want no mail of the list's topic. Who is not on the list yet is put there.
pub(super) fn unwilling(
    management: &Value,
    recipients: &[String],
    world: &mut World<'_>,
) -> Result<Vec<String>, Refusal> {
    let (name, list) = lists::existing(management, world)?;
    let (list, topic) = (list.clone(), text(management, "TopicName"));
    if !topic.is_empty() {
        check_topic(&name, &list, topic)?;
    }
    let filter = json!({
        "FilteredStatus": "OPT_OUT",
        "TopicFilter": { "TopicName": topic, "UseDefaultIfPreferenceUnavailable": true },
    });
    let mut unwilling = Vec::new();
    for address in recipients {
        match world.get(CONTACTS, &id(&name, address)) {
            Some(contact) if passes(contact, &list, &filter) => unwilling.push(address.clone()),
            Some(_) => {}
            None => drop(create(&json!({ "ContactListName": name, "EmailAddress": address }), world)?),
        }
    }
    Ok(unwilling)
}
