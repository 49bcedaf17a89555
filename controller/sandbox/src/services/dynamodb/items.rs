//! Items, one at a time: put, get, update, delete, each with its condition.

use serde_json::{Map, Value, json};

use super::{
    World, bad_values, change::Changes, condition::Condition, existing, expression::Given, invalid, items_of,
    named, status, values,
};
use crate::services::{Refusal, text};

/// The table, where items can be read and written.
pub(super) fn usable(input: &Value, world: &World<'_>) -> Result<(String, Value), Refusal> {
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

/// Names and types of the attributes that keys are made of.
fn types(table: &Value) -> Vec<(&str, &str)> {
    let definitions = table["definitions"].as_array().into_iter().flatten();
    definitions.map(|one| (text(one, "AttributeName"), text(one, "AttributeType"))).collect()
}

/// The key members of an item, each of the type that the table defines.
pub(super) fn key_of(table: &Value, item: &Value) -> Result<Map<String, Value>, Refusal> {
    let types = types(table);
    let mut key = Map::new();
    for element in table["keys"].as_array().into_iter().flatten() {
        let name = text(element, "AttributeName");
        let value =
            item.get(name).ok_or_else(|| bad_values(format!("Missing the key {name} in the item")))?;
        let of = types.iter().find(|(one, _)| *one == name).map_or("", |(_, of)| of);
        let Some(inside) = value.get(of) else {
            return Err(bad_values(format!("Type mismatch for key {name} expected: {of}")));
        };
        if inside == "" {
            let why = "One or more parameter values are not valid. The AttributeValue for a key attribute \
                       cannot contain an empty string value";
            return Err(invalid(format!("{why}. Key: {name}")));
        }
        values::check(value)?;
        key.insert(name.to_owned(), value.clone());
    }
    Ok(key)
}

/// The key of `GetItem`, `UpdateItem` and `DeleteItem`: just the key members.
pub(super) fn asked_key(table: &Value, asked: &Value) -> Result<Map<String, Value>, Refusal> {
    let short =
        asked.as_object().is_none_or(|asked| asked.len() != table["keys"].as_array().map_or(0, Vec::len));
    if short {
        return Err(invalid("The provided key element does not match the schema"));
    }
    key_of(table, asked)
}

/// Under which id an item is kept.
pub(super) fn id(key: Map<String, Value>) -> String {
    Value::Object(key).to_string()
}

/// Refuses what no item of the table may be.
fn check_item(table: &Value, item: &Value) -> Result<(), Refusal> {
    item.as_object().into_iter().flatten().try_for_each(|(_, value)| values::check(value))?;
    for (name, of) in types(table) {
        if let Some(value) = item.get(name)
            && value.get(of).is_none()
        {
            return Err(bad_values(format!("Type mismatch for Index Key {name} Expected: {of}")));
        }
        if item.get(name).is_some_and(|value| value[of] == "") {
            return Err(bad_values(format!("Type mismatch: index key {name} may not be empty")));
        }
    }
    if item.to_string().len() > 400 * 1024 {
        return Err(invalid("Item size has exceeded the maximum allowed size"));
    }
    Ok(())
}

/// Refuses a write whose condition does not hold for what is there.
fn check_condition(input: &Value, given: &Given<'_>, kept: Option<&Value>) -> Result<(), Refusal> {
    let condition = text(input, "ConditionExpression");
    if condition.trim().is_empty() {
        return Ok(());
    }
    let item = kept.map_or(&Value::Null, |kept| &kept["item"]);
    if Condition::parse(condition, given)?.holds(item) {
        return Ok(());
    }
    let refusal = Refusal::new("ConditionalCheckFailedException", "The conditional request failed");
    let shown = text(input, "ReturnValuesOnConditionCheckFailure") == "ALL_OLD" && !item.is_null();
    Err(if shown { refusal.with(json!({ "Item": item })) } else { refusal })
}

/// What a write did to one item.
struct Written {
    before: Value,
    after: Value,
    /// The attributes that an update expression named.
    touched: Vec<String>,
}

impl Written {
    /// What `ReturnValues` asks for.
    fn answer(&self, input: &Value) -> Value {
        let named = |item: &Value| -> Value {
            let members = item.as_object().into_iter().flatten();
            members
                .filter(|(name, _)| self.touched.contains(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect::<Map<_, _>>()
                .into()
        };
        let attributes = match text(input, "ReturnValues") {
            "ALL_OLD" => self.before.clone(),
            "ALL_NEW" => self.after.clone(),
            "UPDATED_OLD" => named(&self.before),
            "UPDATED_NEW" => named(&self.after),
            _ => Value::Null,
        };
        json!({ "Attributes": attributes })
    }
}

/// Refuses values of `ReturnValues` that an operation does not have.
fn check_returns(input: &Value, allowed: &[&str]) -> Result<(), Refusal> {
    let asked = text(input, "ReturnValues");
    if asked.is_empty() || allowed.contains(&asked) {
        return Ok(());
    }
    Err(invalid("Return values set to invalid value"))
}

pub(super) fn put(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    check_returns(input, &["NONE", "ALL_OLD"])?;
    let (name, table) = usable(input, world)?;
    let (item, given) = (&input["Item"], Given::of(input));
    let (collection, id) = (items_of(&name), id(key_of(&table, item)?));
    check_item(&table, item)?;
    let kept = world.get(&collection, &id);
    check_condition(input, &given, kept)?;
    given.check_used()?;
    let before = kept.map_or(Value::Null, |kept| kept["item"].clone());
    let since = kept.and_then(|kept| kept["since_ms"].as_u64()).unwrap_or(world.now_ms);
    world.put(&collection, &id, json!({ "item": item, "since_ms": since }));
    Ok(Written { before, after: item.clone(), touched: Vec::new() }.answer(input))
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (name, table) = usable(input, world)?;
    let kept = world.get(&items_of(&name), &id(asked_key(&table, &input["Key"])?));
    Ok(json!({ "Item": kept.map(|kept| kept["item"].clone()) }))
}

pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    check_returns(input, &["NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"])?;
    let (name, table) = usable(input, world)?;
    let key = asked_key(&table, &input["Key"])?;
    let (collection, id, given) = (items_of(&name), id(key.clone()), Given::of(input));
    let kept = world.get(&collection, &id);
    let changes = Changes::parse(text(input, "UpdateExpression"), &given)?;
    check_condition(input, &given, kept)?;
    given.check_used()?;
    let touched = changes.attributes();
    if let Some(name) = touched.iter().find(|name| key.contains_key(*name)) {
        return Err(bad_values(format!("Cannot update attribute {name}. This attribute is part of the key")));
    }
    let before = kept.map_or(Value::Null, |kept| kept["item"].clone());
    let since = kept.and_then(|kept| kept["since_ms"].as_u64()).unwrap_or(world.now_ms);
    let after = Value::Object(changes.apply(before.as_object().unwrap_or(&key))?);
    check_item(&table, &after)?;
    world.put(&collection, &id, json!({ "item": after, "since_ms": since }));
    Ok(Written { before, after, touched }.answer(input))
}

pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    check_returns(input, &["NONE", "ALL_OLD"])?;
    let (name, table) = usable(input, world)?;
    let (id, given) = (id(asked_key(&table, &input["Key"])?), Given::of(input));
    let kept = world.get(&items_of(&name), &id);
    check_condition(input, &given, kept)?;
    given.check_used()?;
    let before = kept.map_or(Value::Null, |kept| kept["item"].clone());
    if !before.is_null() {
        world.remove(&items_of(&name), &id);
    }
    Ok(Written { before, after: Value::Null, touched: Vec::new() }.answer(input))
}

/// A condition of a transaction that writes nothing.
pub(super) fn check(input: &Value, world: &World<'_>) -> Result<(), Refusal> {
    let (name, table) = usable(input, world)?;
    let (id, given) = (id(asked_key(&table, &input["Key"])?), Given::of(input));
    check_condition(input, &given, world.get(&items_of(&name), &id))?;
    given.check_used()
}
