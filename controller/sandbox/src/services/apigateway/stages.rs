//! Deployments, which never change, and stages, each of which shows one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    ACCOUNT, ACCOUNT_BURST, ACCOUNT_RATE, DEPLOYMENTS, STAGES, apis, bad, check_tags, conflict, domains,
    items, missing, new_id,
    patch::{self, Operation},
    plans,
};
use crate::services::{Refusal, World, strings, text};

fn key(input: &Value, member: &str) -> String {
    format!("{}/{}", text(input, "restApiId"), text(input, member))
}

/// The documents below an API, by their own names.
fn below<'w>(collection: &str, input: &Value, world: &'w World<'_>) -> BTreeMap<&'w str, &'w Value> {
    let prefix = format!("{}/", text(input, "restApiId"));
    let all = world.all(collection).into_iter();
    all.filter_map(|(id, one)| Some((id.strip_prefix(&prefix)?, one))).collect()
}

/// A snapshot of the draft. With a stage's name it would move that stage too: nobody should.
pub(super) fn deploy(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let api = apis::existing(input, world)?.clone();
    if !text(input, "stageName").is_empty() {
        return Err(bad("the embedded account moves stages with UpdateStage only"));
    }
    let resources = api["draft"]["resources"].as_object().expect("resources");
    let methods = resources.values().flat_map(|one| one["methods"].as_object().into_iter().flatten());
    let methods: Vec<&Value> = methods.map(|(_, method)| method).collect();
    if methods.is_empty() {
        return Err(bad("The REST API doesn't contain any methods"));
    }
    if methods.iter().any(|method| method["methodIntegration"].is_null()) {
        return Err(bad("No integration defined for method"));
    }
    let id = new_id(world);
    let deployment = json!({ "description": input["description"], "created": world.now_s(), "api": api });
    let answer = shown_deployment(&id, &deployment);
    world.put(DEPLOYMENTS, &format!("{}/{id}", text(input, "restApiId")), deployment);
    Ok(answer)
}

fn shown_deployment(id: &str, deployment: &Value) -> Value {
    json!({ "id": id, "description": deployment["description"], "createdDate": deployment["created"] })
}

pub(super) fn deployment(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let id = text(input, "deploymentId");
    let found = world.get(DEPLOYMENTS, &key(input, "deploymentId"));
    Ok(shown_deployment(id, found.ok_or_else(|| missing("Invalid Deployment identifier specified"))?))
}

pub(super) fn deployments(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    apis::existing(input, world)?;
    let all = below(DEPLOYMENTS, input, world);
    Ok(items(input, &all.into_iter().map(|(id, one)| shown_deployment(id, one)).collect::<Vec<_>>()))
}

pub(super) fn delete_deployment(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    deployment(input, world)?;
    let used = below(STAGES, input, world);
    if used.values().any(|stage| stage["deploymentId"] == input["deploymentId"]) {
        return Err(bad("Active stages pointing to this deployment must be moved or deleted"));
    }
    world.remove(DEPLOYMENTS, &key(input, "deploymentId"));
    Ok(json!({}))
}

fn check_deployment(id: &str, input: &Value, world: &World<'_>) -> Result<(), Refusal> {
    let key = format!("{}/{id}", text(input, "restApiId"));
    world.get(DEPLOYMENTS, &key).map(|_| ()).ok_or_else(|| bad("Deployment id does not exist"))
}

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    apis::existing(input, world)?;
    let name = text(input, "stageName");
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return Err(bad("Stage name only allows a-zA-Z0-9_-"));
    }
    if world.get(STAGES, &key(input, "stageName")).is_some() {
        return Err(conflict("Stage already exists"));
    }
    check_deployment(text(input, "deploymentId"), input, world)?;
    let tags = strings(input.get("tags"));
    check_tags(&tags)?;
    let stage = json!({
        "stageName": name,
        "deploymentId": input["deploymentId"],
        "description": input["description"],
        "variables": input["variables"],
        "tracingEnabled": input["tracingEnabled"].as_bool().unwrap_or_default(),
        "cacheClusterEnabled": input["cacheClusterEnabled"].as_bool().unwrap_or_default(),
        "cacheClusterSize": input["cacheClusterSize"],
        "cacheClusterStatus": "NOT_AVAILABLE",
        "methodSettings": {},
        "tags": tags,
        "createdDate": world.now_s(),
        "lastUpdatedDate": world.now_s(),
    });
    world.put(STAGES, &key(input, "stageName"), stage.clone());
    Ok(stage)
}

fn existing<'w>(input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    apis::existing(input, world)?;
    world.get(STAGES, &key(input, "stageName")).ok_or_else(|| missing("Invalid stage identifier specified"))
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    existing(input, world).cloned()
}

/// All stages at once: this list has no pages.
pub(super) fn list(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    apis::existing(input, world)?;
    Ok(json!({ "item": below(STAGES, input, world).values().collect::<Vec<_>>() }))
}

pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    existing(input, world)?;
    let (api, stage) = (text(input, "restApiId"), text(input, "stageName"));
    plans::refuse_in_use(api, stage, world)?;
    domains::refuse_mapped(api, Some(stage), world)?;
    world.remove(STAGES, &key(input, "stageName"));
    Ok(json!({}))
}

pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let mut stage = existing(input, world)?.clone();
    for op in patch::operations(input)? {
        change(&mut stage, &op, input, world)?;
    }
    if let Some(log) = stage["accessLogSettings"].as_object() {
        let whole = ["destinationArn", "format"].iter().all(|name| log.contains_key(*name));
        if !whole {
            return Err(bad("Access log settings need a destination ARN and a format"));
        }
    }
    stage["lastUpdatedDate"] = world.now_s().into();
    world.put(STAGES, &key(input, "stageName"), stage.clone());
    Ok(stage)
}

fn change(stage: &mut Value, op: &Operation<'_>, input: &Value, world: &World<'_>) -> Result<(), Refusal> {
    let path: Vec<&str> = op.path.iter().map(String::as_str).collect();
    match (op.op, path.as_slice()) {
        ("replace", ["deploymentId"]) => {
            check_deployment(op.value, input, world)?;
            stage["deploymentId"] = op.value.into();
        }
        ("replace", ["description"]) => stage["description"] = op.value.into(),
        ("replace", ["tracingEnabled"]) => stage["tracingEnabled"] = op.boolean()?.into(),
        ("replace", ["cacheClusterEnabled"]) => {
            let on = op.boolean()?;
            stage["cacheClusterEnabled"] = on.into();
            stage["cacheClusterStatus"] = if on { "AVAILABLE" } else { "NOT_AVAILABLE" }.into();
        }
        ("replace", ["cacheClusterSize"]) => {
            if !["0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"].contains(&op.value) {
                return Err(bad(format!("Invalid cache cluster size {}", op.value)));
            }
            stage["cacheClusterSize"] = op.value.into();
        }
        ("replace" | "add", ["variables", name]) => {
            if op.value.is_empty()
                || !op.value.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?#&=,".contains(c))
            {
                return Err(bad("Stage variable value must match [A-Za-z0-9-._~:/?#&=,]+"));
            }
            stage["variables"][name] = op.value.into();
        }
        ("remove", ["variables", name]) => {
            let gone = stage["variables"].as_object_mut().and_then(|all| all.remove(*name));
            gone.ok_or_else(|| missing("Invalid stage variable name specified"))?;
        }
        ("replace" | "add", ["accessLogSettings", name @ ("destinationArn" | "format")]) => {
            need_log_role(world)?;
            if *name == "destinationArn" && !op.value.starts_with("arn:") {
                return Err(bad("Invalid ARN specified in the request. ARNs must start with 'arn:'"));
            }
            stage["accessLogSettings"][*name] = op.value.into();
        }
        ("remove", ["accessLogSettings"]) => stage["accessLogSettings"] = Value::Null,
        ("remove", [path, verb]) => {
            let key = settings_key(path, verb);
            let gone = stage["methodSettings"].as_object_mut().and_then(|all| all.remove(&key));
            gone.ok_or_else(|| {
                bad(format!(
                    "Cannot remove method setting {key} because there is no method setting for this method "
                ))
            })?;
        }
        ("replace", [path, verb, group, name]) => {
            let key = settings_key(path, verb);
            change_method(stage, &key, &[group, name], op, world)?;
        }
        _ => {
            let allowed = "/{resourcePath}/{httpMethod}/..., /accessLogSettings, /cacheClusterEnabled, \
                           /cacheClusterSize, /deploymentId, /description, /tracingEnabled, /variables";
            return Err(op.refused(allowed));
        }
    }
    Ok(())
}

/// The key of a method's settings: its path as it is escaped in a patch.
fn settings_key(path: &str, verb: &str) -> String {
    format!("{}/{verb}", path.replace('~', "~0").replace('/', "~1"))
}

fn change_method(
    stage: &mut Value,
    key: &str,
    path: &[&str; 2],
    op: &Operation<'_>,
    world: &World<'_>,
) -> Result<(), Refusal> {
    // A method starts from the defaults of the stage.
    let fresh = stage["methodSettings"].get("*/*").cloned().unwrap_or_else(|| {
        json!({
            "metricsEnabled": false, "loggingLevel": "OFF", "dataTraceEnabled": false,
            "throttlingBurstLimit": ACCOUNT_BURST, "throttlingRateLimit": ACCOUNT_RATE,
            "cachingEnabled": false, "cacheTtlInSeconds": 300, "cacheDataEncrypted": false,
            "requireAuthorizationForCacheControl": true,
            "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
        })
    });
    let settings = stage["methodSettings"].as_object_mut().expect("settings");
    let settings = settings.entry(key.to_owned()).or_insert(fresh);
    match path {
        ["throttling", "rateLimit"] => settings["throttlingRateLimit"] = op.number()?.into(),
        ["throttling", "burstLimit"] => settings["throttlingBurstLimit"] = op.integer()?.into(),
        ["metrics", "enabled"] => settings["metricsEnabled"] = op.boolean()?.into(),
        ["logging", "dataTrace"] => settings["dataTraceEnabled"] = op.boolean()?.into(),
        ["caching", "enabled"] => settings["cachingEnabled"] = op.boolean()?.into(),
        ["logging", "loglevel"] if ["OFF", "ERROR", "INFO"].contains(&op.value) => {
            if op.value != "OFF" {
                need_log_role(world)?;
            }
            settings["loggingLevel"] = op.value.into();
        }
        _ => return Err(op.refused("/throttling, /metrics, /logging, /caching")),
    }
    Ok(())
}

fn need_log_role(world: &World<'_>) -> Result<(), Refusal> {
    let there = world.get(ACCOUNT, "settings").is_some();
    there
        .then_some(())
        .ok_or_else(|| bad("CloudWatch Logs role ARN must be set in account settings to enable logging"))
}
