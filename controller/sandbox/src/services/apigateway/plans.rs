//! Usage plans: which stages, how fast, how much, and for which keys.

use serde_json::{Value, json};

use super::{
    KEYS, PLANS, STAGES, bad, check_tags, conflict, items, missing, new_id,
    patch::{self, Operation},
};
use crate::services::{Refusal, World, strings, text};

pub(super) fn existing<'w>(input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    world.get(PLANS, text(input, "usagePlanId")).ok_or_else(|| missing("Invalid Usage Plan ID specified"))
}

pub(super) fn shown(id: &str, plan: &Value) -> Value {
    let mut shown = plan.clone();
    shown["id"] = id.into();
    let members = shown.as_object_mut().expect("a plan");
    members.remove("keys");
    shown
}

fn check_stage(stage: &Value, plan: &str, world: &World<'_>) -> Result<(), Refusal> {
    let (api, name) = (text(stage, "apiId"), text(stage, "stage"));
    if world.get(STAGES, &format!("{api}/{name}")).is_some() {
        return Ok(());
    }
    Err(bad(format!("Invalid API Stage {{api: {api}, stage: {name}}} specified for usageplan {plan}")))
}

fn check_quota(quota: &Value) -> Result<(), Refusal> {
    let last = match text(quota, "period") {
        "DAY" => 0,
        "WEEK" => 6,
        "MONTH" => 27,
        other => return Err(bad(format!("Invalid quota period {other}"))),
    };
    let offset = quota["offset"].as_i64().unwrap_or_default();
    if !(0..=last).contains(&offset) {
        return Err(bad(format!("Usage Plan quota offset must be between 0 and {last}")));
    }
    if quota["limit"].as_i64().unwrap_or_default() < 1 {
        return Err(bad("Usage Plan quota limit must be greater than 0"));
    }
    Ok(())
}

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    if text(input, "name").is_empty() {
        return Err(bad("Usage plan name must be specified"));
    }
    let stages = input["apiStages"].as_array().cloned().unwrap_or_default();
    for stage in &stages {
        check_stage(stage, text(input, "name"), world)?;
    }
    let mut quota = input["quota"].clone();
    if !quota.is_null() {
        quota["offset"] = quota["offset"].as_i64().unwrap_or_default().into();
        check_quota(&quota)?;
    }
    let tags = strings(input.get("tags"));
    check_tags(&tags)?;
    let id = new_id(world);
    let plan = json!({
        "name": input["name"], "description": input["description"], "apiStages": stages,
        "throttle": input["throttle"], "quota": quota, "tags": tags, "keys": [],
    });
    let answer = shown(&id, &plan);
    world.put(PLANS, &id, plan);
    Ok(answer)
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Value {
    let all: Vec<Value> = world.all(PLANS).into_iter().map(|(id, plan)| shown(id, plan)).collect();
    items(input, &all)
}

pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let id = text(input, "usagePlanId");
    let mut plan = existing(input, world)?.clone();
    for op in patch::operations(input)? {
        change(&mut plan, &op, id, world)?;
    }
    if !plan["quota"].is_null() {
        check_quota(&plan["quota"])?;
    }
    for key in plan["keys"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        refuse_second_plan(id, &plan, key, world)?;
    }
    let answer = shown(id, &plan);
    world.put(PLANS, id, plan);
    Ok(answer)
}

fn change(plan: &mut Value, op: &Operation<'_>, id: &str, world: &World<'_>) -> Result<(), Refusal> {
    let path: Vec<&str> = op.path.iter().map(String::as_str).collect();
    match (op.op, path.as_slice()) {
        ("replace", ["name"]) if !op.value.is_empty() => plan["name"] = op.value.into(),
        ("replace", ["description"]) => plan["description"] = op.value.into(),
        ("remove", ["throttle"]) => plan["throttle"] = Value::Null,
        ("remove", ["quota"]) => plan["quota"] = Value::Null,
        ("replace" | "add", ["throttle", "rateLimit"]) => plan["throttle"]["rateLimit"] = op.number()?.into(),
        ("replace" | "add", ["throttle", "burstLimit"]) => {
            plan["throttle"]["burstLimit"] = op.integer()?.into()
        }
        ("replace" | "add", ["quota", name @ ("limit" | "offset")]) => {
            plan["quota"][*name] = op.integer()?.into()
        }
        ("replace" | "add", ["quota", "period"]) => plan["quota"]["period"] = op.value.into(),
        ("add", ["apiStages"]) => {
            let stage = named(op.value)?;
            check_stage(&stage, id, world)?;
            let stages = plan["apiStages"].as_array_mut().expect("stages");
            if stages.iter().any(|one| is(one, &stage)) {
                return Err(conflict(format!("API Stage {} is already in the usage plan", op.value)));
            }
            stages.push(stage);
        }
        ("remove", ["apiStages"]) => {
            let stage = named(op.value)?;
            let stages = plan["apiStages"].as_array_mut().expect("stages");
            let before = stages.len();
            stages.retain(|one| !is(one, &stage));
            if stages.len() == before {
                return Err(bad("Invalid API Stage specified"));
            }
        }
        (verb @ ("replace" | "remove"), ["apiStages", of, "throttle", path, method, rest @ ..]) => {
            let stage = named(of)?;
            let stages = plan["apiStages"].as_array_mut().expect("stages");
            let found = stages.iter_mut().find(|one| is(one, &stage));
            let found = found.ok_or_else(|| bad("Invalid API Stage specified"))?;
            let key = format!("{path}/{method}");
            match (verb, rest) {
                ("replace", ["rateLimit"]) => found["throttle"][key]["rateLimit"] = op.number()?.into(),
                ("replace", ["burstLimit"]) => found["throttle"][key]["burstLimit"] = op.integer()?.into(),
                ("remove", []) => {
                    let gone = found["throttle"].as_object_mut().and_then(|all| all.remove(&key));
                    gone.ok_or_else(|| bad(format!("No throttle for {key}")))?;
                }
                _ => return Err(op.refused(PATHS)),
            }
        }
        _ => return Err(op.refused(PATHS)),
    }
    Ok(())
}

/// As AWS lists them (boto/boto3 issue 2629).
const PATHS: &str = "/apiStages, /quota, /throttle, /productCode, \
                     /apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>, \
                     /apiStages/<apidId:stageName>/throttle";

fn named(text: &str) -> Result<Value, Refusal> {
    let (api, stage) = text.split_once(':').ok_or_else(|| bad("Invalid API Stage specified"))?;
    Ok(json!({ "apiId": api, "stage": stage }))
}

fn is(one: &Value, other: &Value) -> bool {
    one["apiId"] == other["apiId"] && one["stage"] == other["stage"]
}

pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let id = text(input, "usagePlanId");
    if let Some(stage) = existing(input, world)?["apiStages"].get(0) {
        return Err(bad(format!(
            "Cannot delete Usage Plan {id} because there are API Stages associated with it, including {}:{}",
            text(stage, "apiId"),
            text(stage, "stage")
        )));
    }
    world.remove(PLANS, id);
    Ok(json!({}))
}

/// A stage cannot go while a usage plan names it.
pub(super) fn refuse_in_use(api: &str, stage: &str, world: &World<'_>) -> Result<(), Refusal> {
    let wanted = json!({ "apiId": api, "stage": stage });
    for (id, plan) in world.all(PLANS) {
        if plan["apiStages"].as_array().into_iter().flatten().any(|one| is(one, &wanted)) {
            let message = format!("Cannot delete stage '{stage}': it is associated with the usage plan {id}");
            return Err(bad(message));
        }
    }
    Ok(())
}

/// One key reaches one stage by one plan only (aws-semantics 10).
fn refuse_second_plan(id: &str, plan: &Value, key: &str, world: &World<'_>) -> Result<(), Refusal> {
    let stages: Vec<&Value> = plan["apiStages"].as_array().into_iter().flatten().collect();
    for (other_id, other) in world.all(PLANS) {
        let has_key = other["keys"].as_array().into_iter().flatten().any(|one| one == key);
        let shares = || {
            other["apiStages"].as_array().into_iter().flatten().any(|one| stages.iter().any(|s| is(one, s)))
        };
        if other_id != id && has_key && shares() {
            return Err(conflict(format!(
                "Usage Plan {id} cannot be added because API Key {key} is already associated with the same API \
                 Stage by Usage Plan {other_id}"
            )));
        }
    }
    Ok(())
}

pub(super) fn add_key(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (id, key) = (text(input, "usagePlanId"), text(input, "keyId"));
    let plan = existing(input, world)?.clone();
    let Some(found) = world.get(KEYS, key) else {
        return Err(missing("Invalid API Key identifier specified"));
    };
    if text(input, "keyType") != "API_KEY" {
        return Err(bad("Invalid key type"));
    }
    let answer = json!({ "id": key, "type": "API_KEY", "name": found["name"] });
    if plan["keys"].as_array().into_iter().flatten().any(|one| one == key) {
        return Err(conflict("Usage Plan Key already exists"));
    }
    refuse_second_plan(id, &plan, key, world)?;
    world.edit(PLANS, id, |plan| plan["keys"].as_array_mut().expect("keys").push(key.into()));
    Ok(answer)
}

pub(super) fn keys(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let keys = existing(input, world)?["keys"].as_array().cloned().unwrap_or_default();
    let name = |id: &str| world.get(KEYS, id).map(|key| key["name"].clone());
    let one =
        |id: &Value| json!({ "id": id, "type": "API_KEY", "name": name(id.as_str().unwrap_or_default()) });
    Ok(items(input, &keys.iter().map(one).collect::<Vec<_>>()))
}

pub(super) fn remove_key(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (id, key) = (text(input, "usagePlanId"), text(input, "planKeyId"));
    let keys = existing(input, world)?["keys"].as_array().cloned().unwrap_or_default();
    if !keys.iter().any(|one| one == key) {
        return Err(missing("Invalid Usage Plan Key ID specified"));
    }
    world.edit(PLANS, id, |plan| plan["keys"].as_array_mut().expect("keys").retain(|one| one != key));
    Ok(json!({}))
}
