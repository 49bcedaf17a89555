//! Items of several tables in one call: batches, and writes that happen together or not at all.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    World,
    expression::Given,
    invalid, items,
    items::{asked_key, id, key_of, usable},
    query::only,
};
use crate::services::{Refusal, text};

/// Keys of one `BatchGetItem`.
const GETS: usize = 100;
/// Requests of one `BatchWriteItem`.
const WRITES: usize = 25;
/// Actions of one transaction.
const ACTIONS: usize = 100;

fn too_many(what: &str, most: usize) -> Refusal {
    invalid(format!("Too many items requested for the {what} call: at most {most}"))
}

fn twice() -> Refusal {
    invalid("Provided list of item keys contains duplicates")
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let asked = input["RequestItems"].as_object().cloned().unwrap_or_default();
    let count: usize = asked.values().map(|one| one["Keys"].as_array().map_or(0, Vec::len)).sum();
    if count > GETS {
        return Err(too_many("BatchGetItem", GETS));
    }
    let (mut responses, mut seen) = (Map::new(), BTreeSet::new());
    for (name, one) in &asked {
        let (kept_as, table) = usable(&json!({ "TableName": name }), world)?;
        let given = Given::of(one);
        let only = only(text(one, "ProjectionExpression"), &given)?;
        given.check_used()?;
        let mut found = Vec::new();
        for key in one["Keys"].as_array().into_iter().flatten() {
            let id = id(asked_key(&table, key)?);
            if !seen.insert((name.clone(), id.clone())) {
                return Err(twice());
            }
            let Some(kept) = world.get(&super::items_of(&kept_as), &id) else { continue };
            let mut item = kept["item"].clone();
            if let (Some(only), Some(members)) = (&only, item.as_object_mut()) {
                members.retain(|name, _| only.contains(name));
            }
            found.push(item);
        }
        responses.insert(name.clone(), found.into());
    }
    Ok(json!({ "Responses": responses, "UnprocessedKeys": {} }))
}

pub(super) fn write(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let asked = input["RequestItems"].as_object().cloned().unwrap_or_default();
    let count: usize = asked.values().map(|one| one.as_array().map_or(0, Vec::len)).sum();
    if count > WRITES {
        return Err(too_many("BatchWriteItem", WRITES));
    }
    let mut seen = BTreeSet::new();
    for (name, requests) in &asked {
        let (_, table) = usable(&json!({ "TableName": name }), world)?;
        for request in requests.as_array().into_iter().flatten() {
            let (put, key) = (&request["PutRequest"]["Item"], &request["DeleteRequest"]["Key"]);
            let id = id(if put.is_null() { asked_key(&table, key)? } else { key_of(&table, put)? });
            if !seen.insert((name.clone(), id)) {
                return Err(twice());
            }
            if put.is_null() {
                items::delete(&json!({ "TableName": name, "Key": key }), world)?;
            } else {
                items::put(&json!({ "TableName": name, "Item": put }), world)?;
            }
        }
    }
    Ok(json!({ "UnprocessedItems": {} }))
}

/// Every action's condition is checked against what was there before; one that fails undoes all.
pub(super) fn transact(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let actions = input["TransactItems"].as_array().cloned().unwrap_or_default();
    if actions.is_empty() || actions.len() > ACTIONS {
        return Err(too_many("TransactWriteItems", ACTIONS));
    }
    let (mut reasons, mut seen) = (Vec::new(), BTreeSet::new());
    for action in &actions {
        let (kind, asked) = action
            .as_object()
            .and_then(|kinds| kinds.iter().find(|(_, asked)| !asked.is_null()))
            .ok_or_else(|| invalid("TransactItems can only contain one of Check, Put, Update or Delete"))?;
        let (name, table) = usable(asked, world)?;
        let key = match kind.as_str() {
            "Put" => key_of(&table, &asked["Item"])?,
            _ => asked_key(&table, &asked["Key"])?,
        };
        if !seen.insert((name, id(key))) {
            return Err(invalid("Transaction request cannot include multiple operations on one item"));
        }
        let done = match kind.as_str() {
            "Put" => items::put(asked, world).map(drop),
            "Update" => items::update(asked, world).map(drop),
            "Delete" => items::delete(asked, world).map(drop),
            _ => items::check(asked, world),
        };
        reasons.push(match done {
            Ok(()) => json!({ "Code": "None" }),
            Err(refusal) if refusal.code == "ConditionalCheckFailedException" => json!({
                "Code": "ConditionalCheckFailed",
                "Message": refusal.message,
                "Item": refusal.details["Item"],
            }),
            Err(refusal) => return Err(refusal),
        });
    }
    if reasons.iter().all(|reason| reason["Code"] == "None") {
        return Ok(json!({}));
    }
    let codes: Vec<&str> = reasons.iter().map(|reason| text(reason, "Code")).collect();
    let message = "Transaction cancelled, please refer cancellation reasons for specific reasons";
    let message = format!("{message} [{}]", codes.join(", "));
    // Edits of a call that is refused are not kept.
    Err(Refusal::new("TransactionCanceledException", message).with(json!({ "CancellationReasons": reasons })))
}
