//! Provisioned units and on-demand limits, of tables and indexes alike.

use serde_json::{Value, json};

use super::{bad_values, invalid};
use crate::services::Refusal;

/// Refuses capacity that does not fit the billing mode.
pub(super) fn check(input: &Value, billing: &str) -> Result<(), Refusal> {
    let (units, limits) = (&input["ProvisionedThroughput"], &input["OnDemandThroughput"]);
    match billing {
        "PROVISIONED" if units.is_null() => Err(bad_values(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        )),
        "PAY_PER_REQUEST" if !units.is_null() => Err(bad_values(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is \
             PAY_PER_REQUEST",
        )),
        "PROVISIONED" if !limits.is_null() => Err(bad_values(
            "MaxReadRequestUnits for OnDemandThroughput cannot be specified when the table BillingMode is \
             PROVISIONED",
        )),
        "PROVISIONED" | "PAY_PER_REQUEST" => check_numbers(units, limits),
        other => Err(invalid(format!("1 validation error detected: Value '{other}' at 'billingMode'"))),
    }
}

fn check_numbers(units: &Value, limits: &Value) -> Result<(), Refusal> {
    for member in ["ReadCapacityUnits", "WriteCapacityUnits"] {
        if !units.is_null() && units[member].as_i64().is_none_or(|count| count < 1) {
            return Err(invalid(format!(
                "1 validation error detected: Value at 'provisionedThroughput.{member}' failed to satisfy \
                 constraint: Member must have value greater than or equal to 1"
            )));
        }
    }
    for member in ["MaxReadRequestUnits", "MaxWriteRequestUnits"] {
        if limits[member].as_i64().is_some_and(|count| count < 1 && count != -1) {
            return Err(bad_values(format!(
                "Requested {member} for OnDemandThroughput for table is outside of valid range"
            )));
        }
    }
    Ok(())
}

/// Limits after a change: what is left out stays, and -1 removes.
pub(super) fn limits(kept: &Value, asked: &Value) -> Value {
    let limit = |member: &str| {
        let asked = asked[member].as_i64();
        let limit = asked.or_else(|| kept[member].as_i64());
        limit.filter(|count| *count != -1)
    };
    let (read, write) = (limit("MaxReadRequestUnits"), limit("MaxWriteRequestUnits"));
    if read.is_none() && write.is_none() {
        return Value::Null;
    }
    json!({ "MaxReadRequestUnits": read, "MaxWriteRequestUnits": write })
}

/// `UpdateTable` with a billing mode, units or limits, of the table and of its indexes.
pub(super) fn update(input: &Value, table: &mut Value) -> Result<(), Refusal> {
    let was = table["billing"].as_str().unwrap_or_default().to_owned();
    let billing = input["BillingMode"].as_str().unwrap_or(&was).to_owned();
    let switches = billing != was;
    let own = !input["ProvisionedThroughput"].is_null() || !input["OnDemandThroughput"].is_null();
    if switches || own {
        check(input, &billing)?;
    }
    let updates: Vec<&Value> = input["GlobalSecondaryIndexUpdates"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|update| &update["Update"])
        .filter(|update| !update.is_null())
        .collect();
    if switches {
        switch(table, &billing, &updates)?;
    }
    if !switches && !input["ProvisionedThroughput"].is_null() {
        refuse_unchanged("table", &table["units"], &input["ProvisionedThroughput"])?;
    }
    apply(table, input);
    for update in updates {
        check(update, &billing)?;
        let name = update["IndexName"].as_str().unwrap_or_default();
        let index = table["indexes"].get_mut(name).ok_or_else(|| {
            Refusal::new("ResourceNotFoundException", format!("Requested resource not found: Index: {name}"))
        })?;
        if !switches && !update["ProvisionedThroughput"].is_null() {
            refuse_unchanged(&format!("index {name}"), &index["units"], &update["ProvisionedThroughput"])?;
        }
        apply(index, update);
    }
    Ok(())
}

/// A switch clears what the other mode had; to become provisioned takes the units of every index.
fn switch(table: &mut Value, billing: &str, updates: &[&Value]) -> Result<(), Refusal> {
    table["billing"] = billing.into();
    table["billing_known"] = true.into();
    table["units"] = Value::Null;
    table["limits"] = Value::Null;
    for (name, index) in table["indexes"].as_object_mut().into_iter().flatten() {
        if billing == "PROVISIONED" && !updates.iter().any(|update| update["IndexName"] == name.as_str()) {
            return Err(bad_values(format!("ProvisionedThroughput must be specified for index: {name}")));
        }
        index["units"] = Value::Null;
        index["limits"] = Value::Null;
    }
    Ok(())
}

fn apply(to: &mut Value, asked: &Value) {
    if !asked["ProvisionedThroughput"].is_null() {
        to["units"] = asked["ProvisionedThroughput"].clone();
    }
    if !asked["OnDemandThroughput"].is_null() {
        to["limits"] = limits(&to["limits"], &asked["OnDemandThroughput"]);
    }
}

fn refuse_unchanged(what: &str, now: &Value, asked: &Value) -> Result<(), Refusal> {
    let same = |member: &str| now[member].as_u64() == asked[member].as_u64();
    if same("ReadCapacityUnits") && same("WriteCapacityUnits") {
        return Err(invalid(format!(
            "The provisioned throughput for the {what} will not change. The requested value equals the \
             current value."
        )));
    }
    Ok(())
}
