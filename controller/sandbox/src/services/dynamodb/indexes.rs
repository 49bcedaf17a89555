//! Global secondary indexes: one made or deleted at a time, and filled for a while.

use serde_json::{Value, json};

use super::{World, bad_values, capacity, create, invalid, milliseconds};
use crate::services::{Refusal, text};

/// An index as it is kept.
pub(super) fn made(asked: &Value, billing: &str) -> Result<Value, Refusal> {
    create::check_keys(&asked["KeySchema"], (4, 4))?;
    let kind = text(&asked["Projection"], "ProjectionType");
    let names = asked["Projection"]["NonKeyAttributes"].as_array().map_or(0, Vec::len);
    if !["ALL", "KEYS_ONLY", "INCLUDE"].contains(&kind) {
        return Err(bad_values(format!("Unknown ProjectionType: {kind}")));
    }
    if (kind == "INCLUDE") != (names > 0) {
        let problem = if names > 0 {
            "but NonKeyAttributes is specified"
        } else {
            "but NonKeyAttributes is not specified"
        };
        return Err(bad_values(format!("ProjectionType is {kind}, {problem}")));
    }
    capacity::check(asked, billing)?;
    Ok(json!({
        "keys": asked["KeySchema"],
        "projection": asked["Projection"],
        "units": asked["ProvisionedThroughput"],
        "limits": capacity::limits(&Value::Null, &asked["OnDemandThroughput"]),
        // For an index of an existing table: since when it is filled, and until when.
        "fills_ms": null,
        "ready_ms": null,
        "gone_ms": null,
    }))
}

/// What an index of a table with this status is doing: `IndexStatus` and `Backfilling`.
pub(super) fn state(world: &World<'_>, status: &str, index: &Value) -> (&'static str, bool) {
    let before = |member: &str| index[member].as_u64().is_some_and(|at| world.now_ms < at);
    match status {
        _ if index["gone_ms"].is_u64() => ("DELETING", false),
        _ if before("ready_ms") => ("CREATING", !before("fills_ms")),
        "CREATING" => ("CREATING", false),
        _ => ("ACTIVE", false),
    }
}

/// `UpdateTable` that makes or deletes indexes; AWS takes one.
pub(super) fn update(input: &Value, table: &mut Value, world: &World<'_>) -> Result<(), Refusal> {
    let updates = input["GlobalSecondaryIndexUpdates"].as_array().cloned().unwrap_or_default();
    let changing = |(_, index): (&String, &Value)| state(world, "ACTIVE", index).0 != "ACTIVE";
    let filling = table["indexes"].as_object().is_some_and(|indexes| indexes.iter().any(changing));
    let deletes_filling = updates.iter().all(|one| {
        let index = &table["indexes"][text(&one["Delete"], "IndexName")];
        !one["Delete"].is_null() && state(world, "ACTIVE", index) == ("CREATING", true)
    });
    if updates.len() > 1 || (filling && !deletes_filling) {
        return Err(Refusal::new(
            "LimitExceededException",
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per \
             table",
        ));
    }
    for one in &updates {
        if one["Create"].is_null() {
            remove(table, world, text(&one["Delete"], "IndexName"))?;
        } else {
            add(table, world, &one["Create"], &input["AttributeDefinitions"])?;
        }
    }
    Ok(())
}

fn remove(table: &mut Value, world: &World<'_>, name: &str) -> Result<(), Refusal> {
    if table["indexes"].get(name).is_none() {
        let message = format!("Requested resource not found: Index: {name}");
        return Err(Refusal::new("ResourceNotFoundException", message));
    }
    if world.weather.table.is_zero() {
        table["indexes"].as_object_mut().map(|indexes| indexes.remove(name));
    } else {
        table["indexes"][name]["gone_ms"] = (world.now_ms + milliseconds(world.weather.table)).into();
    }
    // Definitions that no key uses any more go with the index.
    let used = schemas(table);
    if let Some(definitions) = table["definitions"].as_array_mut() {
        definitions.retain(|one| {
            let uses = |key: &Value| key["AttributeName"] == one["AttributeName"];
            used.iter().any(|schema| schema.as_array().is_some_and(|keys| keys.iter().any(uses)))
        });
    }
    Ok(())
}

fn add(table: &mut Value, world: &World<'_>, asked: &Value, definitions: &Value) -> Result<(), Refusal> {
    let name = text(asked, "IndexName");
    if table["indexes"].get(name).is_some() {
        return Err(invalid("Attempting to create an index which already exists"));
    }
    if table["indexes"].as_object().is_some_and(|indexes| indexes.len() >= 20) {
        let message = "Subscriber limit exceeded: 20 global secondary indexes a table";
        return Err(Refusal::new("LimitExceededException", message));
    }
    let mut index = made(asked, text(table, "billing"))?;
    let fills = world.now_ms + milliseconds(world.weather.table);
    index["fills_ms"] = fills.into();
    index["ready_ms"] = (fills + milliseconds(world.weather.backfill)).into();
    table["indexes"][name] = index;
    create::check_definitions(definitions, schemas(table).iter())?;
    for one in definitions.as_array().into_iter().flatten() {
        let kept = table["definitions"].as_array().into_iter().flatten();
        let mut same = kept.filter(|kept| kept["AttributeName"] == one["AttributeName"]);
        if same.any(|kept| kept["AttributeType"] != one["AttributeType"]) {
            let attribute = text(one, "AttributeName");
            return Err(bad_values(format!("the type of the key attribute {attribute} cannot be changed")));
        }
    }
    table["definitions"] = definitions.clone();
    Ok(())
}

/// The keys of the table and of the indexes that stay.
fn schemas(table: &Value) -> Vec<Value> {
    let indexes = table["indexes"].as_object().into_iter().flatten();
    let staying = indexes.filter(|(_, index)| index["gone_ms"].is_null());
    std::iter::once(table["keys"].clone()).chain(staying.map(|(_, index)| index["keys"].clone())).collect()
}
