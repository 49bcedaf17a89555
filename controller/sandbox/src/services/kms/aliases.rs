//! Aliases: names that point at keys.

use serde_json::{Value, json};

use super::{ALIASES, KEYS, World, invalid, named, not_found, paged, refuse_pending, there};
use crate::services::{Refusal, text};

/// An alias that AWS shows before any key is behind it: an entry without `TargetKeyId`.
const PREDEFINED: &str = "alias/aws/sqs";

/// The key behind an alias, where both can be seen.
pub(super) fn target(world: &World<'_>, name: &str) -> Option<String> {
    let alias = world.get(ALIASES, name)?;
    let id = text(alias, "key");
    let seen = world.visible(alias["created"].as_u64()?) && there(world, world.get(KEYS, id)?);
    seen.then(|| id.to_owned())
}

fn checked<'i>(input: &'i Value, world: &World<'_>) -> Result<&'i str, Refusal> {
    let name = text(input, "AliasName");
    let Some(rest) = name.strip_prefix("alias/").filter(|rest| !rest.is_empty()) else {
        return Err(invalid("Alias must start with the prefix \"alias/\""));
    };
    if rest.starts_with("aws/") {
        let arn = world.arn("kms", name);
        return Err(Refusal::new("NotAuthorizedException", format!("{arn} is reserved for AWS services")));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    if name.len() > 256 || !rest.chars().all(allowed) {
        let message = format!("{name} contains invalid characters for an alias");
        return Err(Refusal::new("InvalidAliasNameException", message));
    }
    Ok(name)
}

/// Only an id or ARN of a key may be pointed at, never another alias.
fn key_of(input: &Value, world: &World<'_>) -> Result<String, Refusal> {
    let given = text(input, "TargetKeyId");
    if given.contains("alias/") {
        return Err(invalid("Aliases must refer to keys. Not aliases"));
    }
    let id = named(&json!({ "KeyId": given }), world)?;
    refuse_pending(world, &id)?;
    Ok(id)
}

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = checked(input, world)?;
    let id = key_of(input, world)?;
    let kept = world.get(ALIASES, name).and_then(|alias| world.get(KEYS, text(alias, "key")));
    // An alias goes with its key, once the waiting period is over.
    if kept.is_some_and(|key| key["deletion_ms"].as_u64().is_none_or(|at| world.now_ms < at)) {
        let message = format!("An alias with the name {} already exists", world.arn("kms", name));
        return Err(Refusal::new("AlreadyExistsException", message));
    }
    world.put(ALIASES, name, json!({ "key": id, "created": world.now_ms }));
    Ok(json!({}))
}

pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = checked(input, world)?;
    let id = key_of(input, world)?;
    let from = target(world, name).ok_or_else(|| absent(world, name))?;
    let kind =
        |id: &str| world.get(KEYS, id).map(|key| (key["usage"].clone(), key["spec"] == "SYMMETRIC_DEFAULT"));
    if kind(&from) != kind(&id) {
        return Err(invalid(format!("Alias {name} cannot be moved to a key of another type or usage")));
    }
    world.edit(ALIASES, name, |alias| alias["key"] = id.into());
    Ok(json!({}))
}

pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = checked(input, world)?;
    target(world, name).ok_or_else(|| absent(world, name))?;
    world.remove(ALIASES, name);
    Ok(json!({}))
}

fn absent(world: &World<'_>, name: &str) -> Refusal {
    not_found(format!("Alias {} is not found.", world.arn("kms", name)))
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let only = match text(input, "KeyId") {
        "" => None,
        _ => Some(named(input, world)?),
    };
    let entry = |name: &str| json!({ "AliasName": name, "AliasArn": world.arn("kms", name) });
    let mut entries: Vec<Value> = if only.is_none() { vec![entry(PREDEFINED)] } else { Vec::new() };
    for (name, alias) in world.all(ALIASES) {
        let Some(id) = target(world, name) else { continue };
        if only.as_ref().is_some_and(|only| *only != id) {
            continue;
        }
        let mut entry = entry(name);
        entry["TargetKeyId"] = id.into();
        entry["CreationDate"] = alias["created"].as_u64().map(|ms| ms as f64 / 1000.0).into();
        entries.push(entry);
    }
    paged(input, "Aliases", &entries, 50, 100)
}
