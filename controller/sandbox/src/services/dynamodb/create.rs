//! A new table, and what DynamoDB refuses of one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    TABLES, World, arn, bad_values, busy, capacity, describe, gone, in_use, indexes, invalid, keys, named,
    purge, status, tags_in,
};
use crate::services::{Refusal, text};

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = named(input).to_owned();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if !(3..=255).contains(&name.len()) || !name.chars().all(allowed) {
        let rule = "TableName must be at least 3 characters long and at most 255 characters long";
        return Err(invalid(format!("{rule}, and match [a-zA-Z0-9_.-]+")));
    }
    refuse_existing(world, &name)?;
    let billing =
        if text(input, "BillingMode").is_empty() { "PROVISIONED" } else { text(input, "BillingMode") };
    check_keys(&input["KeySchema"], (1, 1))?;
    let listed: Vec<Value> = input["GlobalSecondaryIndexes"].as_array().cloned().unwrap_or_default();
    if listed.len() > 20 {
        let message = "GlobalSecondaryIndex count exceeds the per-table limit of 20";
        return Err(bad_values(message));
    }
    let all_keys = std::iter::once(&input["KeySchema"]).chain(listed.iter().map(|index| &index["KeySchema"]));
    check_definitions(&input["AttributeDefinitions"], all_keys)?;
    capacity::check(input, billing)?;
    let mut indexes = serde_json::Map::new();
    for index in &listed {
        let made = indexes::made(index, billing)?;
        if indexes.insert(text(index, "IndexName").to_owned(), made).is_some() {
            return Err(bad_values(format!("Duplicate index name: {}", text(index, "IndexName"))));
        }
    }
    let id = world.next_uuid();
    let mut table = json!({
        "id": id,
        "created_ms": world.now_ms,
        "definitions": input["AttributeDefinitions"],
        "keys": input["KeySchema"],
        "indexes": indexes,
        "billing": billing,
        // Absent for a table that was always provisioned.
        "billing_known": billing == "PAY_PER_REQUEST",
        "units": input["ProvisionedThroughput"],
        "limits": capacity::limits(&Value::Null, &input["OnDemandThroughput"]),
        "class": input["TableClass"],
        "protected": input["DeletionProtectionEnabled"].as_bool().unwrap_or_default(),
        "sse": keys::sse(&input["SSESpecification"], world)?,
        "stream": null,
        "ttl": null,
        "recovery_days": null,
        "tags": tags_in(input),
    });
    set_stream(world, &name, &mut table, &input["StreamSpecification"])?;
    busy(world, &mut table, "CREATING");
    let answer = json!({ "TableDescription": describe::table(world, &name, &table) });
    world.put(TABLES, &name, table);
    Ok(answer)
}

fn refuse_existing(world: &mut World<'_>, name: &str) -> Result<(), Refusal> {
    let Some(table) = world.get(TABLES, name) else { return Ok(()) };
    if gone(world, table) {
        purge(world, name);
        return Ok(());
    }
    Err(match status(world, table) {
        "CREATING" => in_use("created", name),
        "DELETING" => in_use("deleted", name),
        _ => Refusal::new("ResourceInUseException", format!("Table already exists: {name}")),
    })
}

/// A partition key and perhaps a sort key, of at most so many attributes each.
pub(super) fn check_keys(schema: &Value, most: (usize, usize)) -> Result<(), Refusal> {
    let kinds: Vec<&str> = schema.as_array().into_iter().flatten().map(|key| text(key, "KeyType")).collect();
    let count = |kind: &str| kinds.iter().filter(|one| **one == kind).count();
    if kinds.first() != Some(&"HASH") {
        return Err(invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type"));
    }
    if count("HASH") > most.0 || count("RANGE") > most.1 || count("HASH") + count("RANGE") < kinds.len() {
        return Err(invalid("Invalid KeySchema: Some index key attributes have no or too many key types"));
    }
    Ok(())
}

/// Every key attribute is defined, and nothing else is.
pub(super) fn check_definitions<'v>(
    definitions: &Value,
    schemas: impl Iterator<Item = &'v Value>,
) -> Result<(), Refusal> {
    let names = |list: &Value| -> BTreeSet<String> {
        let all = list.as_array().into_iter().flatten();
        all.map(|one| text(one, "AttributeName").to_owned()).collect()
    };
    let (defined, used) = (names(definitions), schemas.flat_map(names).collect::<BTreeSet<String>>());
    let text_of = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    if !used.is_subset(&defined) {
        return Err(bad_values(format!(
            "Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], \
             AttributeDefinitions: [{}]",
            text_of(&used),
            text_of(&defined)
        )));
    }
    if defined != used {
        return Err(bad_values(format!(
            "Some AttributeDefinitions are not used. AttributeDefinitions: [{}], keys used: [{}]",
            text_of(&defined),
            text_of(&used)
        )));
    }
    let kinds = definitions.as_array().into_iter().flatten().map(|one| text(one, "AttributeType"));
    if kinds.into_iter().any(|kind| !["S", "N", "B"].contains(&kind))
        || definitions.as_array().is_some_and(|all| all.len() != defined.len())
    {
        return Err(bad_values(
            "AttributeDefinitions must have one of the types S, N, B each, and no duplicates",
        ));
    }
    Ok(())
}

/// Switches a stream on or off; each has an ARN of its own, which stays visible.
pub(super) fn set_stream(
    world: &World<'_>,
    name: &str,
    table: &mut Value,
    asked: &Value,
) -> Result<(), Refusal> {
    if asked["StreamEnabled"] != true {
        if !text(asked, "StreamViewType").is_empty() {
            return Err(bad_values("StreamViewType cannot be given when StreamEnabled is false"));
        }
        table["stream"] = Value::Null;
        return Ok(());
    }
    let view = text(asked, "StreamViewType");
    if !["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"].contains(&view) {
        return Err(bad_values("StreamViewType is required when StreamEnabled is true"));
    }
    let label = describe::time(world.now_ms);
    table["stream"] = view.into();
    table["stream_arn"] = format!("{}/stream/{label}", arn(world, name)).into();
    table["stream_label"] = label.into();
    Ok(())
}
