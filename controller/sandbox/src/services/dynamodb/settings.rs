//! Expiry, recovery and tags of a table: settings with calls of their own.

use serde_json::{Value, json};

use super::{TABLES, World, bad_values, changeable, invalid, ms, named, seen, tags_in};
use crate::services::{Refusal, page, strings, text};

/// One change of the expiry is taken in this time.
const TTL_CHANGE_MS: u64 = 3_600_000;
const TAGS_PAGE: usize = 10;
const TAGS_MAX: usize = 50;

pub(super) fn update_ttl(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = named(input).to_owned();
    let mut table = changeable(world, &name)?;
    let asked = &input["TimeToLiveSpecification"];
    let (attribute, on) = (text(asked, "AttributeName"), asked["Enabled"] == true);
    if attribute.is_empty() {
        return Err(invalid("TimeToLiveSpecification.AttributeName must not be empty"));
    }
    let ttl = &table["ttl"];
    // An account where nothing takes time forgets this too, so that laws can go back and forth.
    let soon = ttl["changed_ms"].as_u64().is_some_and(|at| world.now_ms < at + TTL_CHANGE_MS);
    if soon && !world.weather.table.is_zero() {
        return Err(invalid("Time to live has been modified multiple times within a fixed interval"));
    }
    let current = text(ttl, "attribute");
    match (ttl["on"] == true, on) {
        (true, true) if current == attribute => return Err(invalid("TimeToLive is already enabled")),
        (true, _) if current != attribute => {
            let message = "TimeToLive is active on a different AttributeName: current AttributeName is";
            return Err(invalid(format!("{message} {current}")));
        }
        (false, false) => return Err(invalid("TimeToLive is already disabled")),
        _ => {}
    }
    let answer = json!({ "TimeToLiveSpecification": asked });
    table["ttl"] = json!({ "attribute": attribute, "on": on, "changed_ms": world.now_ms });
    world.put(TABLES, &name, table);
    Ok(answer)
}

pub(super) fn ttl(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let ttl = seen(world, named(input))?["ttl"].clone();
    let changing = !world.weather.table.is_zero() && world.now_ms < ms(&ttl, "changed_ms") + TTL_CHANGE_MS;
    let (status, shown) = match (ttl["on"] == true, changing && !ttl.is_null()) {
        (true, true) => ("ENABLING", true),
        (true, false) => ("ENABLED", true),
        (false, true) => ("DISABLING", true),
        (false, false) => ("DISABLED", false),
    };
    let attribute = shown.then(|| ttl["attribute"].clone());
    Ok(json!({ "TimeToLiveDescription": { "TimeToLiveStatus": status, "AttributeName": attribute } }))
}

pub(super) fn update_backups(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = named(input).to_owned();
    let mut table = changeable(world, &name).map_err(of_backups)?;
    // For some time after the table is made.
    let ready = ms(&table["busy"], "until_ms") + super::milliseconds(world.weather.table);
    if table["busy"]["status"] == "CREATING" && world.now_ms < ready {
        return Err(Refusal::new(
            "ContinuousBackupsUnavailableException",
            "Backups are being enabled for the table: try again later",
        ));
    }
    let asked = &input["PointInTimeRecoverySpecification"];
    let on = asked["PointInTimeRecoveryEnabled"] == true;
    let days = asked["RecoveryPeriodInDays"].as_u64();
    if days.is_some_and(|days| !on || !(1..=35).contains(&days)) {
        return Err(bad_values("RecoveryPeriodInDays must be between 1 and 35, and recovery enabled"));
    }
    let kept = table["recovery_days"].as_u64();
    table["recovery_days"] = if on { days.or(kept).unwrap_or(35).into() } else { Value::Null };
    let answer = json!({ "ContinuousBackupsDescription": shown(&table) });
    world.put(TABLES, &name, table);
    Ok(answer)
}

pub(super) fn backups(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let table = seen(world, named(input)).map_err(of_backups)?;
    Ok(json!({ "ContinuousBackupsDescription": shown(&table) }))
}

/// The backup calls have a code of their own for a table that is not there.
fn of_backups(refusal: Refusal) -> Refusal {
    match refusal.code.as_str() {
        "ResourceNotFoundException" => Refusal { code: "TableNotFoundException".to_owned(), ..refusal },
        _ => refusal,
    }
}

fn shown(table: &Value) -> Value {
    let days = table["recovery_days"].as_u64();
    json!({
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": {
            "PointInTimeRecoveryStatus": if days.is_some() { "ENABLED" } else { "DISABLED" },
            "RecoveryPeriodInDays": days,
        },
    })
}

/// The name at the end of the request's ARN.
fn of_arn(input: &Value) -> Result<String, Refusal> {
    let arn = text(input, "ResourceArn");
    let (_, name) = arn.split_once(":table/").ok_or_else(|| invalid(format!("Invalid TableArn: {arn}")))?;
    Ok(name.to_owned())
}

pub(super) fn retag(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = of_arn(input)?;
    let table = changeable(world, &name)?;
    let mut tags = strings(table.get("tags"));
    tags.extend(tags_in(input));
    let keys = input["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str);
    keys.for_each(|key| drop(tags.remove(key)));
    if tags.len() > TAGS_MAX {
        return Err(invalid("Too many tags: a table has at most 50"));
    }
    world.edit(TABLES, &name, |table| table["tags"] = json!(tags));
    Ok(json!({}))
}

pub(super) fn tags(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let table = seen(world, &of_arn(input)?)?;
    let all: Vec<Value> = strings(table.get("tags"))
        .into_iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect();
    let (tags, next) = page(&all, text(input, "NextToken"), TAGS_PAGE);
    Ok(json!({ "Tags": tags, "NextToken": next }))
}
