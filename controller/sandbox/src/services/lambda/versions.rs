//! Published versions, and the aliases that name them.

use serde_json::{Value, json};

use super::{
    FUNCTIONS, LATEST, arn, configuration as kept, conflict, constraint, existing,
    functions::{ready, same_revision},
    invalid, missing, named, not_found, paged, seen,
};
use crate::services::{Refusal, World, text};

pub(super) fn publish(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, _) = named(input);
    let latest = &ready(name, input, world)?["latest"];
    let (given, have) = (text(input, "CodeSha256"), text(latest, "CodeSha256"));
    if !given.is_empty() && given != have {
        return Err(invalid(format!(
            "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({have}). Please try again \
             with the CodeSHA256 in $LATEST."
        )));
    }
    let description = Some(text(input, "Description")).filter(|text| !text.is_empty()).map(str::to_owned);
    snapshot(name, description, world)
}

/// Makes a version of `$LATEST`, unless the last one says the same: then that is the answer.
pub(super) fn snapshot(
    name: &str,
    description: Option<String>,
    world: &mut World<'_>,
) -> Result<Value, Refusal> {
    let function = existing(name, world)?;
    let mut version = function["latest"].clone();
    let last = function["last"].as_u64().unwrap_or_default();
    if let Some(description) = description {
        version["Description"] = description.into();
    }
    if let Some(before) = function["versions"].get(last.to_string())
        && kept::says_the_same(&version, before)
    {
        let last = last.to_string();
        return Ok(kept::shown(name, before, Some(&last), &last, world));
    }
    kept::touch(&mut version, true, world);
    let number = (last + 1).to_string();
    world.edit(FUNCTIONS, name, |function| {
        function["versions"][number.as_str()] = version;
        function["last"] = (last + 1).into();
    });
    Ok(kept::shown(name, &existing(name, world)?["versions"][number.as_str()], Some(&number), &number, world))
}

/// `$LATEST` first, then the versions by number.
pub(super) fn list(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (name, _) = named(input);
    let function = seen(name, world)?;
    let show = |version: &str, one: &Value| kept::shown(name, one, Some(version), version, world);
    let mut all = vec![show(LATEST, &function["latest"])];
    let last = function["last"].as_u64().unwrap_or_default();
    let numbers = (1..=last).map(|number| number.to_string());
    all.extend(numbers.filter_map(|number| Some(show(&number, function["versions"].get(&number)?))));
    let (page, next) = paged(&all, input);
    Ok(json!({ "Versions": page, "NextMarker": next }))
}

fn shown_alias(name: &str, alias: &str, kept: &Value, world: &World<'_>) -> Value {
    let mut shown = kept.clone();
    shown["Name"] = alias.into();
    shown["AliasArn"] = arn(name, Some(alias), world).into();
    shown
}

fn alias_of<'w>(input: &Value, function: &'w Value, world: &World<'_>) -> Result<&'w Value, Refusal> {
    let (name, alias) = (named(input).0, text(input, "Name"));
    let absent = || missing(format!("Cannot find alias arn: {}", arn(name, Some(alias), world)));
    function["aliases"].get(alias).ok_or_else(absent)
}

/// The members of an alias that a request sets.
fn set_alias(alias: &mut Value, input: &Value, function: &Value, world: &World<'_>) -> Result<(), Refusal> {
    let name = named(input).0;
    let published = |version: &str| function["versions"].get(version).is_some();
    if let Some(version) = input.get("FunctionVersion").and_then(Value::as_str) {
        if version != LATEST && !published(version) {
            return Err(not_found(name, Some(version), world));
        }
        alias["FunctionVersion"] = version.into();
    }
    if let Some(description) = input.get("Description") {
        alias["Description"] = description.clone();
    }
    if let Some(routing) = input.get("RoutingConfig") {
        let weights = routing["AdditionalVersionWeights"].as_object().filter(|all| !all.is_empty());
        if let Some((version, _)) = weights.into_iter().flatten().find(|(version, _)| !published(version)) {
            return Err(not_found(name, Some(version), world));
        }
        if weights.is_some() && alias["FunctionVersion"] == LATEST {
            return Err(invalid("$LATEST is not supported for an alias pointing to more than 1 version"));
        }
        alias["RoutingConfig"] = weights.map_or(Value::Null, |_| routing.clone());
    }
    Ok(())
}

pub(super) fn create_alias(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, alias) = (named(input).0, text(input, "Name"));
    let function = existing(name, world)?;
    if alias.is_empty() || alias.chars().all(|c| c.is_ascii_digit()) {
        let what = "satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)";
        return Err(constraint("name", alias, what));
    }
    if function["aliases"].get(alias).is_some() {
        return Err(conflict(format!("Alias already exists: {}", arn(name, Some(alias), world))));
    }
    let mut made = json!({ "Description": "" });
    set_alias(&mut made, input, function, world)?;
    write_alias(name, alias, made, world)
}

fn write_alias(name: &str, alias: &str, mut made: Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    made["RevisionId"] = world.next_uuid().into();
    let shown = shown_alias(name, alias, &made, world);
    world.edit(FUNCTIONS, name, |function| function["aliases"][alias] = made);
    Ok(shown)
}

pub(super) fn get_alias(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let name = named(input).0;
    let alias = alias_of(input, seen(name, world)?, world)?;
    Ok(shown_alias(name, text(input, "Name"), alias, world))
}

pub(super) fn update_alias(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = named(input).0;
    let function = existing(name, world)?;
    let mut alias = alias_of(input, function, world)?.clone();
    same_revision(input, text(&alias, "RevisionId"))?;
    set_alias(&mut alias, input, function, world)?;
    write_alias(name, text(input, "Name"), alias, world)
}

pub(super) fn delete_alias(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, alias) = (named(input).0, text(input, "Name"));
    existing(name, world)?;
    world.edit(FUNCTIONS, name, |function| {
        for of in ["aliases", "policies", "async"] {
            if let Some(members) = function[of].as_object_mut() {
                members.remove(alias);
            }
        }
    });
    Ok(json!({}))
}

pub(super) fn list_aliases(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let name = named(input).0;
    let all = seen(name, world)?["aliases"].as_object().into_iter().flatten();
    let all: Vec<Value> = all.map(|(alias, kept)| shown_alias(name, alias, kept, world)).collect();
    let (page, next) = paged(&all, input);
    Ok(json!({ "Aliases": page, "NextMarker": next }))
}
