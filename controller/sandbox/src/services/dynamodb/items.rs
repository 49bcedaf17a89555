//! Items, one at a time: enough to fill a table and to look into it.

use serde_json::{Map, Value, json};

use super::{World, bad_values, existing, invalid, items_of, named, status};
use crate::services::{Refusal, text};

/// The table, where items can be read and written.
fn usable(input: &Value, world: &World<'_>) -> Result<(String, Value), Refusal> {
    let name = named(input).to_owned();
    let table = existing(world, &name)?;
    match status(world, &table) {
        "ACTIVE" | "UPDATING" => Ok((name, table)),
        "INACCESSIBLE_ENCRYPTION_CREDENTIALS" => {
            Err(Refusal::new("AccessDeniedException", "The KMS key of the table is not accessible"))
        }
        _ => Err(Refusal::new("ResourceNotFoundException", "Requested resource not found")),
    }
}

/// The key members of an item, each of the type that the table defines.
fn key_of(table: &Value, item: &Value) -> Result<Map<String, Value>, Refusal> {
    let definitions = table["definitions"].as_array().into_iter().flatten();
    let types: Vec<(&str, &str)> =
        definitions.map(|one| (text(one, "AttributeName"), text(one, "AttributeType"))).collect();
    let mut key = Map::new();
    for element in table["keys"].as_array().into_iter().flatten() {
        let name = text(element, "AttributeName");
        let value =
            item.get(name).ok_or_else(|| bad_values(format!("Missing the key {name} in the item")))?;
        let of = types.iter().find(|(one, _)| *one == name).map_or("", |(_, of)| of);
        if value.get(of).is_none() {
            let message = format!("Type mismatch for key {name} expected: {of}");
            return Err(bad_values(message));
        }
        key.insert(name.to_owned(), value.clone());
    }
    Ok(key)
}

/// The key of `GetItem` and `DeleteItem`: just the key members.
fn asked_key(table: &Value, input: &Value) -> Result<String, Refusal> {
    let key = key_of(table, &input["Key"])?;
    if input["Key"].as_object().is_some_and(|asked| asked.len() != key.len()) {
        return Err(invalid("The provided key element does not match the schema"));
    }
    Ok(id(key))
}

fn id(key: Map<String, Value>) -> String {
    Value::Object(key).to_string()
}

/// Only `attribute_not_exists(name)` is understood, on a key attribute: "not there yet".
fn check_condition(input: &Value, kept: Option<&Value>) -> Result<(), Refusal> {
    let condition = text(input, "ConditionExpression").trim();
    if condition.is_empty() {
        return Ok(());
    }
    let inside = condition.strip_prefix("attribute_not_exists(").and_then(|rest| rest.strip_suffix(')'));
    let Some(given) = inside.map(str::trim) else {
        return Err(invalid("the embedded account knows only attribute_not_exists(name)"));
    };
    let name = input["ExpressionAttributeNames"][given].as_str().unwrap_or(given);
    if kept.is_some_and(|kept| kept["item"].get(name).is_some()) {
        return Err(Refusal::new("ConditionalCheckFailedException", "The conditional request failed"));
    }
    Ok(())
}

pub(super) fn put(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, table) = usable(input, world)?;
    let item = &input["Item"];
    let (collection, id) = (items_of(&name), id(key_of(&table, item)?));
    let kept = world.get(&collection, &id);
    check_condition(input, kept)?;
    let since = kept.and_then(|kept| kept["since_ms"].as_u64()).unwrap_or(world.now_ms);
    world.put(&collection, &id, json!({ "item": item, "since_ms": since }));
    Ok(json!({}))
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (name, table) = usable(input, world)?;
    let kept = world.get(&items_of(&name), &asked_key(&table, input)?);
    Ok(json!({ "Item": kept.map(|kept| kept["item"].clone()) }))
}

pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, table) = usable(input, world)?;
    let id = asked_key(&table, input)?;
    check_condition(input, world.get(&items_of(&name), &id))?;
    if world.get(&items_of(&name), &id).is_some() {
        world.remove(&items_of(&name), &id);
    }
    Ok(json!({}))
}

pub(super) fn scan(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (name, table) = usable(input, world)?;
    if ["FilterExpression", "IndexName", "ProjectionExpression"].iter().any(|one| !input[one].is_null()) {
        return Err(invalid("the embedded account scans without index, filter and projection"));
    }
    let limit = input["Limit"].as_u64();
    if limit == Some(0) {
        return Err(invalid(
            "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint",
        ));
    }
    let start = &input["ExclusiveStartKey"];
    let after = if start.is_null() { String::new() } else { id(key_of(&table, start)?) };
    let all = world.all(&items_of(&name));
    let mut rest = all.into_iter().filter(|(id, _)| *id > after.as_str());
    let size = usize::try_from(limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let found: Vec<Value> = rest.by_ref().take(size).map(|(_, kept)| kept["item"].clone()).collect();
    // As DynamoDB does: a page that is full names its last key, even when nothing follows.
    let full = limit.is_some_and(|limit| found.len() as u64 == limit);
    let last = found.last().filter(|_| full).map(|item| key_of(&table, item)).transpose()?;
    let counts = text(input, "Select") == "COUNT";
    Ok(json!({
        "Count": found.len(),
        "ScannedCount": found.len(),
        "LastEvaluatedKey": last,
        "Items": (!counts).then_some(found),
    }))
}
