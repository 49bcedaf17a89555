//! DynamoDB: tables with their indexes, expiry, recovery, streams and tags, and the data plane without
//! transactions of reads.
//!
//! A table is one document in `dynamodb/tables`; its items are in a collection of their own,
//! `dynamodb/items/{table}`. States that take time are kept as the moment of their end and computed at each
//! look.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, page, strings, text};
use crate::wire::{Protocol, Reply, Request};

mod capacity;
mod change;
mod condition;
mod create;
mod describe;
mod expression;
mod indexes;
mod items;
mod keys;
mod many;
mod query;
mod settings;
#[cfg(test)]
mod tests;
mod update;
mod values;

pub(crate) const SERVICE: Service =
    Service { signing: "dynamodb", protocol: Protocol::Json { version: "1.0" }, handle, tagged };

const TABLES: &str = "dynamodb/tables";

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    let answer = match request.operation.as_str() {
        "CreateTable" => create::create(input, world)?,
        "DescribeTable" => {
            let name = named(input);
            json!({ "Table": describe::table(world, name, &seen(world, name)?) })
        }
        "UpdateTable" => update::update(input, world)?,
        "DeleteTable" => delete(input, world)?,
        "ListTables" => list(input, world),
        "UpdateTimeToLive" => settings::update_ttl(input, world)?,
        "DescribeTimeToLive" => settings::ttl(input, world)?,
        "UpdateContinuousBackups" => settings::update_backups(input, world)?,
        "DescribeContinuousBackups" => settings::backups(input, world)?,
        "TagResource" | "UntagResource" => settings::retag(input, world)?,
        "ListTagsOfResource" => settings::tags(input, world)?,
        "PutItem" => items::put(input, world)?,
        "GetItem" => items::get(input, world)?,
        "DeleteItem" => items::delete(input, world)?,
        "UpdateItem" => items::update(input, world)?,
        "Scan" => query::scan(input, world)?,
        "Query" => query::query(input, world)?,
        "BatchGetItem" => many::get(input, world)?,
        "BatchWriteItem" => many::write(input, world)?,
        "TransactWriteItems" => many::transact(input, world)?,
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}

/// The usual beginning of DynamoDB's refusals of a value.
fn bad_values(message: impl std::fmt::Display) -> Refusal {
    invalid(format!("One or more parameter values were invalid: {message}"))
}

fn not_found(name: &str) -> Refusal {
    let message = format!("Requested resource not found: Table: {name} not found");
    Refusal::new("ResourceNotFoundException", message)
}

fn in_use(what: &str, name: &str) -> Refusal {
    let message =
        format!("Attempt to change a resource which is still in use: Table is being {what}: {name}");
    Refusal::new("ResourceInUseException", message)
}

/// The table's name, given as it is or at the end of an ARN.
fn named(input: &Value) -> &str {
    let given = text(input, "TableName");
    given.split_once(":table/").map_or(given, |(_, name)| name)
}

fn milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn ms(value: &Value, member: &str) -> u64 {
    value[member].as_u64().unwrap_or_default()
}

fn items_of(name: &str) -> String {
    format!("dynamodb/items/{name}")
}

/// Whether a deletion has come to its end.
fn gone(world: &World<'_>, table: &Value) -> bool {
    table["busy"]["status"] == "DELETING" && world.now_ms >= ms(&table["busy"], "until_ms")
}

/// `TableStatus` at this moment. `status` in the document is what a foreign hand put there.
fn status<'t>(world: &World<'_>, table: &'t Value) -> &'t str {
    let busy = world.now_ms < ms(&table["busy"], "until_ms");
    table["status"].as_str().unwrap_or(if busy { text(&table["busy"], "status") } else { "ACTIVE" })
}

/// The table as it is now: without indexes whose deletion is over.
fn existing(world: &World<'_>, name: &str) -> Result<Value, Refusal> {
    let mut table = world.get(TABLES, name).filter(|table| !gone(world, table)).cloned();
    if let Some(indexes) = table.as_mut().and_then(|table| table["indexes"].as_object_mut()) {
        indexes.retain(|_, index| index["gone_ms"].as_u64().is_none_or(|at| world.now_ms < at));
    }
    table.ok_or_else(|| not_found(name))
}

/// The table, where reads find it by now.
fn seen(world: &World<'_>, name: &str) -> Result<Value, Refusal> {
    existing(world, name).and_then(|table| {
        if world.visible(ms(&table, "created_ms")) { Ok(table) } else { Err(not_found(name)) }
    })
}

/// The table, where it takes changes.
fn changeable(world: &World<'_>, name: &str) -> Result<Value, Refusal> {
    let table = existing(world, name)?;
    match status(world, &table) {
        "CREATING" => Err(in_use("created", name)),
        "UPDATING" => Err(in_use("updated", name)),
        "DELETING" => Err(in_use("deleted", name)),
        "ACTIVE" => Ok(table),
        other => Err(invalid(format!("Table {name} is {other}"))),
    }
}

/// Makes the table busy for as long as changes take.
fn busy(world: &World<'_>, table: &mut Value, status: &str) {
    table["busy"] = json!({ "status": status, "until_ms": world.now_ms + milliseconds(world.weather.table) });
}

fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = named(input).to_owned();
    let mut table = existing(world, &name)?;
    match status(world, &table) {
        "CREATING" => return Err(in_use("created", &name)),
        "UPDATING" => return Err(in_use("updated", &name)),
        "DELETING" => return Ok(json!({ "TableDescription": describe::table(world, &name, &table) })),
        _ => {}
    }
    if table["protected"] == true {
        return Err(invalid(
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion \
             protection first.",
        ));
    }
    table["status"] = Value::Null;
    busy(world, &mut table, "DELETING");
    let answer = json!({ "TableDescription": describe::table(world, &name, &table) });
    if gone(world, &table) {
        purge(world, &name);
    } else {
        world.put(TABLES, &name, table);
    }
    Ok(answer)
}

/// Removes what is left of a deleted table.
fn purge(world: &mut World<'_>, name: &str) {
    world.remove(TABLES, name);
    let items: Vec<String> = world.all(&items_of(name)).into_keys().map(str::to_owned).collect();
    items.iter().for_each(|item| world.remove(&items_of(name), item));
}

fn list(input: &Value, world: &World<'_>) -> Value {
    let after = text(input, "ExclusiveStartTableName");
    let there = |table: &Value| !gone(world, table) && world.visible(ms(table, "created_ms"));
    let all = world.all(TABLES);
    let names: Vec<&str> =
        all.iter().filter(|(name, table)| **name > after && there(table)).map(|(name, _)| *name).collect();
    let size = usize::try_from(input["Limit"].as_u64().unwrap_or(100)).unwrap_or(100).min(100);
    let (names, next) = page(&names, "", size);
    json!({ "TableNames": names, "LastEvaluatedTableName": next.and_then(|_| names.last().copied()) })
}

fn tagged(world: &World<'_>) -> Vec<Tagged> {
    let all = world.all(TABLES);
    let there = all.iter().filter(|(_, table)| !gone(world, table));
    there.map(|(name, table)| (arn(world, name), strings(table.get("tags")))).collect()
}

fn arn(world: &World<'_>, name: &str) -> String {
    world.arn("dynamodb", &format!("table/{name}"))
}

/// Tags as DynamoDB's requests hold them.
fn tags_in(input: &Value) -> BTreeMap<String, String> {
    let tags = input["Tags"].as_array().into_iter().flatten();
    tags.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())).collect()
}
