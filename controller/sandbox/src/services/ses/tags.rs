//! Tags of everything in SES that has some, by ARN.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{bad, identities::IDENTITIES, lists::LISTS, missing, sets::SETS};
use crate::services::{Refusal, Tagged, World, strings, text};

const TAGS_MAX: usize = 50;

/// What an ARN begins with after the account, and where such things are kept.
const TAGGABLE: &[(&str, &str)] =
    &[("contact-list/", LISTS), ("configuration-set/", SETS), ("identity/", IDENTITIES)];

/// The `Tags` member of an input.
pub(super) fn given(input: &Value) -> Result<BTreeMap<String, String>, Refusal> {
    let tags = read(input);
    check(&tags)?;
    Ok(tags)
}

fn read(input: &Value) -> BTreeMap<String, String> {
    let items = input["Tags"].as_array().into_iter().flatten();
    items.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())).collect()
}

fn check(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() > TAGS_MAX || tags.keys().any(|key| key.starts_with("aws:")) {
        return Err(bad("The tags are too many, or one is reserved."));
    }
    Ok(())
}

pub(super) fn out(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

fn by_arn(input: &Value, world: &World<'_>) -> Result<(&'static str, String, Value), Refusal> {
    let arn = text(input, "ResourceArn");
    let found = TAGGABLE.iter().find_map(|(start, kept)| {
        let name = arn.strip_prefix(&world.arn("ses", start))?;
        Some((*kept, name.to_owned(), world.get(kept, name)?.clone()))
    });
    found.ok_or_else(|| missing(format!("{arn} doesn't exist.")))
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (_, _, found) = by_arn(input, world)?;
    Ok(json!({ "Tags": out(&strings(found.get("tags"))) }))
}

pub(super) fn tag(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    retag(input, world, |tags| tags.extend(read(input)))
}

pub(super) fn untag(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    // One key comes as a string, several as a list.
    let keys = match &input["TagKeys"] {
        Value::Array(keys) => keys.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    };
    retag(input, world, |tags| tags.retain(|key, _| !keys.contains(&key.as_str())))
}

fn retag(
    input: &Value,
    world: &mut World<'_>,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<Value, Refusal> {
    let (kept, name, found) = by_arn(input, world)?;
    let mut tags = strings(found.get("tags"));
    change(&mut tags);
    check(&tags)?;
    world.edit(kept, &name, |found| found["tags"] = json!(tags));
    Ok(json!({}))
}

pub(super) fn tagged(world: &World<'_>) -> Vec<Tagged> {
    let of = |(start, kept): &(&str, &str)| {
        let all = world.all(kept).into_iter();
        let one = |(name, found): (&str, &Value)| {
            (world.arn("ses", &format!("{start}{name}")), strings(found.get("tags")))
        };
        all.map(one).collect::<Vec<_>>()
    };
    TAGGABLE.iter().flat_map(of).collect()
}
