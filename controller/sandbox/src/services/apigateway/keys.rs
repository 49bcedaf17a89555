//! API keys. AWS invents the value and shows it only to who asks for it.

use serde_json::{Value, json};

use super::{KEYS, PLANS, bad, check_tags, items, missing, new_id, patch};
use crate::services::{Refusal, World, strings, text};

fn existing<'w>(input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    world.get(KEYS, text(input, "keyId")).ok_or_else(|| missing("Invalid API Key identifier specified"))
}

fn shown(id: &str, key: &Value, with_value: bool) -> Value {
    let mut shown = key.clone();
    shown["id"] = id.into();
    if !with_value {
        shown["value"] = Value::Null;
    }
    shown
}

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let tags = strings(input.get("tags"));
    check_tags(&tags)?;
    let id = new_id(world);
    let given = text(input, "value");
    if !given.is_empty() && !(20..=128).contains(&given.len()) {
        return Err(bad("API Key value should be at least 20 characters"));
    }
    if !given.is_empty() && world.all(KEYS).values().any(|key| key["value"] == given) {
        return Err(super::conflict("API Key already exists"));
    }
    let value =
        if given.is_empty() { format!("sandbox{:033x}", world.next_number()) } else { given.to_owned() };
    let key = json!({
        "name": input["name"], "description": input["description"], "value": value,
        "enabled": input["enabled"].as_bool().unwrap_or_default(), "stageKeys": [], "tags": tags,
        "createdDate": world.now_s(), "lastUpdatedDate": world.now_s(),
    });
    // The answer of a creation holds the value.
    let answer = shown(&id, &key, true);
    world.put(KEYS, &id, key);
    Ok(answer)
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    Ok(shown(text(input, "keyId"), existing(input, world)?, text(input, "includeValue") == "true"))
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Value {
    let with_values = text(input, "includeValues") == "true";
    let all =
        world.all(KEYS).into_iter().filter(|(_, key)| text(key, "name").starts_with(text(input, "name")));
    items(input, &all.map(|(id, key)| shown(id, key, with_values)).collect::<Vec<_>>())
}

pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let mut key = existing(input, world)?.clone();
    for op in patch::operations(input)? {
        match (op.op, op.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice()) {
            ("replace", ["name"]) => key["name"] = op.value.into(),
            ("replace", ["description"]) => key["description"] = op.value.into(),
            ("replace", ["enabled"]) => key["enabled"] = op.boolean()?.into(),
            _ => return Err(op.refused("/name, /description, /enabled, /customerId, /stages")),
        }
    }
    key["lastUpdatedDate"] = world.now_s().into();
    let id = text(input, "keyId");
    let answer = shown(id, &key, false);
    world.put(KEYS, id, key);
    Ok(answer)
}

/// A key that goes leaves its usage plans too.
pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    existing(input, world)?;
    let id = text(input, "keyId");
    world.remove(KEYS, id);
    let has = |plan: &Value| plan["keys"].as_array().into_iter().flatten().any(|key| key == id);
    let plans: Vec<String> =
        world.all(PLANS).into_iter().filter(|(_, plan)| has(plan)).map(|(plan, _)| plan.to_owned()).collect();
    for plan in plans {
        world.edit(PLANS, &plan, |plan| plan["keys"].as_array_mut().expect("keys").retain(|key| key != id));
    }
    Ok(json!({}))
}
