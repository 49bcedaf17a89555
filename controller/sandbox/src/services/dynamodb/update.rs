//! `UpdateTable`: one kind of change a call, while nothing else is changing.

use serde_json::{Value, json};

use super::{
    TABLES, World, bad_values, busy, capacity, changeable, create, describe, indexes, invalid, keys, named,
};
use crate::services::{Refusal, text};

pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = named(input).to_owned();
    let mut table = changeable(world, &name)?;
    let given = |member: &str| !input[member].is_null();
    let updates = input["GlobalSecondaryIndexUpdates"].as_array().cloned().unwrap_or_default();
    let online = |one: &Value| !one["Create"].is_null() || !one["Delete"].is_null();
    let kinds = [
        (
            "BillingMode",
            given("BillingMode")
                || given("ProvisionedThroughput")
                || given("OnDemandThroughput")
                || updates.iter().any(|one| !one["Update"].is_null()),
        ),
        ("GlobalSecondaryIndexUpdates", updates.iter().any(online)),
        ("StreamSpecification", given("StreamSpecification")),
        ("SSESpecification", given("SSESpecification")),
        ("TableClass", given("TableClass")),
        ("DeletionProtectionEnabled", given("DeletionProtectionEnabled")),
    ];
    let asked: Vec<&str> = kinds.iter().filter(|(_, asked)| *asked).map(|(kind, _)| *kind).collect();
    match asked.as_slice() {
        [] => {
            return Err(invalid(
                "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, \
                 GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required",
            ));
        }
        ["BillingMode"] => capacity::update(input, &mut table)?,
        ["GlobalSecondaryIndexUpdates"] => indexes::update(input, &mut table, world)?,
        ["StreamSpecification"] => stream(input, &name, &mut table, world)?,
        ["SSESpecification"] => encrypt(input, &mut table, world)?,
        ["TableClass"] => {
            let class = text(input, "TableClass");
            if !["STANDARD", "STANDARD_INFREQUENT_ACCESS"].contains(&class) {
                return Err(invalid(format!("1 validation error detected: Value '{class}' at 'tableClass'")));
            }
            table["class"] = class.into();
        }
        ["DeletionProtectionEnabled"] => table["protected"] = input["DeletionProtectionEnabled"].clone(),
        ["BillingMode", "StreamSpecification"] => {
            return Err(bad_values("You cannot modify stream status while updating table IOPS"));
        }
        several => {
            let several = several.join(" and ");
            return Err(bad_values(format!("{several} cannot be changed in the same request")));
        }
    }
    busy(world, &mut table, "UPDATING");
    let answer = json!({ "TableDescription": describe::table(world, &name, &table) });
    world.put(TABLES, &name, table);
    Ok(answer)
}

fn stream(input: &Value, name: &str, table: &mut Value, world: &World<'_>) -> Result<(), Refusal> {
    let asked = &input["StreamSpecification"];
    match (asked["StreamEnabled"] == true, table["stream"].is_string()) {
        (true, true) => {
            return Err(invalid(format!("Table already has an enabled stream: TableName: {name}")));
        }
        (false, false) => {
            return Err(invalid(format!("Table is already without a stream: TableName: {name}")));
        }
        _ => {}
    }
    create::set_stream(world, name, table, asked)
}

fn encrypt(input: &Value, table: &mut Value, world: &mut World<'_>) -> Result<(), Refusal> {
    let sse = keys::sse(&input["SSESpecification"], world)?;
    if sse == table["sse"] {
        let how = if sse.is_null() { "default" } else { "given KMSMasterKeyId" };
        return Err(bad_values(format!("Table is already encrypted by {how}")));
    }
    table["sse"] = sse;
    Ok(())
}
