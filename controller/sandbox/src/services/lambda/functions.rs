//! Functions: made, read, changed and deleted.

use serde_json::{Value, json};

use super::{
    FUNCTIONS, LATEST, arn, changed_revision, checks, configuration as kept, conflict, existing, invalid,
    named, not_found, paged, parts, seen, versions,
};
use crate::services::{Refusal, World, strings, text};

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, _) = parts(text(input, "FunctionName"));
    let name = name.to_owned();
    checks::name(&name)?;
    if world.get(FUNCTIONS, &name).is_some() {
        return Err(conflict(format!("Function already exist: {name}")));
    }
    for member in ["Role", "Handler", "Runtime"] {
        if text(input, member).is_empty() {
            return Err(invalid(format!(
                "{member} is mandatory for functions created with deployment packages."
            )));
        }
    }
    checks::configuration(input, world)?;
    let mut latest = kept::fresh(input, &name);
    kept::load(&mut latest, &input["Code"], world)?;
    kept::touch(&mut latest, true, world);
    let function = json!({
        "latest": latest, "versions": {}, "last": 0, "aliases": {}, "policies": {}, "async": {},
        "concurrency": null, "tags": strings(input.get("Tags")), "created": world.now_ms,
    });
    world.put(FUNCTIONS, &name, function);
    if input["Publish"] == true {
        return versions::snapshot(&name, None, world);
    }
    Ok(kept::shown(&name, &existing(&name, world)?["latest"], None, LATEST, world))
}

/// The configuration that a qualifier names, and which version that is.
pub(super) fn resolved<'w>(function: &'w Value, qualifier: Option<&str>) -> Option<(&'w Value, String)> {
    let qualifier = qualifier.unwrap_or(LATEST);
    if qualifier == LATEST {
        return Some((&function["latest"], LATEST.to_owned()));
    }
    let alias = function["aliases"].get(qualifier);
    let version = alias.map_or(qualifier, |alias| text(alias, "FunctionVersion"));
    Some((function["versions"].get(version)?, version.to_owned()))
}

fn asked(input: &Value, world: &World<'_>) -> Result<(Value, String), Refusal> {
    let (name, qualifier) = named(input);
    let function = seen(name, world)?;
    let (found, version) = resolved(function, qualifier).ok_or_else(|| not_found(name, qualifier, world))?;
    Ok((kept::shown(name, found, qualifier, &version, world), name.to_owned()))
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (configuration, name) = asked(input, world)?;
    let function = seen(&name, world)?;
    let tags = strings(function.get("tags"));
    let concurrency = function["concurrency"].as_u64();
    Ok(json!({
        "Configuration": configuration,
        "Code": {
            "RepositoryType": "S3",
            "Location": format!("https://awslambda-{}-tasks.s3.amazonaws.com/snapshots/{name}", world.region),
        },
        "Tags": if tags.is_empty() { Value::Null } else { json!(tags) },
        "Concurrency": concurrency.map(|reserved| json!({ "ReservedConcurrentExecutions": reserved })),
    }))
}

pub(super) fn configuration(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    Ok(asked(input, world)?.0)
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Value {
    let visible = |one: &&Value| world.visible(one["created"].as_u64().unwrap_or_default());
    let all: Vec<Value> = world
        .all(FUNCTIONS)
        .into_iter()
        .filter(|(_, one)| visible(one))
        .map(|(name, one)| kept::shown(name, &one["latest"], None, LATEST, world))
        .collect();
    let (page, next) = paged(&all, input);
    json!({ "Functions": page, "NextMarker": next })
}

/// Refuses while another change is in progress, and when the caller saw another revision.
pub(super) fn ready<'w>(name: &str, input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    let function = existing(name, world)?;
    let latest = &function["latest"];
    if kept::is_working(latest, world) {
        let message = "The operation cannot be performed at this time.";
        return Err(conflict(match latest["pending"] == true {
            true => format!("{message} The function is currently in the following state: Pending"),
            false => {
                let arn = arn(name, None, world);
                format!("{message} An update is in progress for resource: {arn}")
            }
        }));
    }
    same_revision(input, &kept::revision(latest, world))?;
    Ok(function)
}

pub(super) fn same_revision(input: &Value, revision: &str) -> Result<(), Refusal> {
    match input.get("RevisionId").and_then(Value::as_str) {
        Some(given) if given != revision => {
            let message = "The RevisionId provided does not match the latest RevisionId for the Lambda \
                           function or alias. Call the GetFunction or the GetAlias API to retrieve the \
                           latest RevisionId for your resource.";
            Err(Refusal::new("PreconditionFailedException", message).status(412))
        }
        _ => Ok(()),
    }
}

pub(super) fn update_configuration(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, _) = named(input);
    let mut latest = ready(name, input, world)?["latest"].clone();
    checks::configuration(input, world)?;
    kept::merge(&mut latest, input, name);
    kept::touch(&mut latest, false, world);
    world.edit(FUNCTIONS, name, |function| function["latest"] = latest);
    Ok(kept::shown(name, &existing(name, world)?["latest"], None, LATEST, world))
}

pub(super) fn update_code(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, _) = named(input);
    let mut latest = ready(name, input, world)?["latest"].clone();
    kept::load(&mut latest, input, world)?;
    if let Some(architectures) = input.get("Architectures").filter(|given| !given.is_null()) {
        latest["Architectures"] = architectures.clone();
    }
    if input["DryRun"] == true {
        return Ok(kept::shown(name, &latest, None, LATEST, world));
    }
    kept::touch(&mut latest, false, world);
    world.edit(FUNCTIONS, name, |function| function["latest"] = latest);
    if input["Publish"] == true {
        return versions::snapshot(name, None, world);
    }
    Ok(kept::shown(name, &existing(name, world)?["latest"], None, LATEST, world))
}

/// A function goes with its versions, aliases and policies. Log groups and event sources stay.
pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, qualifier) = named(input);
    let function = existing(name, world)?;
    let Some(version) = qualifier else {
        world.remove(FUNCTIONS, name);
        return Ok(json!({}));
    };
    if version == LATEST {
        return Err(invalid("$LATEST version cannot be deleted without deleting the function."));
    }
    let aliases = function["aliases"].as_object().into_iter().flatten();
    let users: Vec<&str> = aliases
        .filter(|(_, alias)| {
            let beside = &alias["RoutingConfig"]["AdditionalVersionWeights"];
            alias["FunctionVersion"] == version || beside.get(version).is_some()
        })
        .map(|(name, _)| name.as_str())
        .collect();
    if !users.is_empty() {
        let message =
            format!("Function was unable to be deleted due to existing aliases: {}", users.join(", "));
        return Err(conflict(message));
    }
    world.edit(FUNCTIONS, name, |function| {
        if let Some(versions) = function["versions"].as_object_mut() {
            versions.remove(version);
        }
    });
    changed_revision(name, world);
    Ok(json!({}))
}
