//! Request validators: parameters that must be there, and bodies by JSON schema (draft 4).
//!
//! `pattern` and `format` are not checked: the functions check them again, and better.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Matched, mapping::query, response::Problem};

/// Refuses a request as the method's validator does: parameters first.
pub(super) fn request(matched: &Matched<'_>) -> Result<(), Problem> {
    let Matched { api, request, method, parameters, .. } = matched;
    let query = query(&request.query);
    let given = |name: &str| match name.strip_prefix("method.request.").and_then(|name| name.split_once('.'))
    {
        Some(("querystring", name)) => query.iter().any(|(key, value)| key == name && !value.is_empty()),
        Some(("header", name)) => request.header(name).is_some_and(|value| !value.is_empty()),
        Some(("path", name)) => parameters.iter().any(|(key, _)| key == name),
        _ => true,
    };
    let missing = method.required_parameters.iter().filter(|name| !given(name));
    let missing: Vec<&str> = missing.filter_map(|name| name.rsplit('.').next()).collect();
    if !missing.is_empty() {
        return Err(Problem::parameters(&missing));
    }
    let kind = request.header("content-type").unwrap_or("application/json");
    let kind = kind.split(';').next().unwrap_or_default().trim();
    // A content type without a model passes.
    let Some(schema) = method.schemas.get(kind) else { return Ok(()) };
    let body: Value = serde_json::from_slice(&request.body).map_err(|_| Problem::body())?;
    if fits(schema, &body, &api.models, 0) { Ok(()) } else { Err(Problem::body()) }
}

/// References may name themselves, but not for ever.
const DEPTH_MAX: u8 = 64;

/// Whether a value is what the schema wants.
#[must_use]
pub fn fits(schema: &Value, value: &Value, models: &BTreeMap<String, Value>, depth: u8) -> bool {
    if depth > DEPTH_MAX {
        return false;
    }
    let below = |schema: &Value, value: &Value| fits(schema, value, models, depth + 1);
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.rsplit('/').next().unwrap_or_default();
        let inner = schema.pointer(reference.trim_start_matches('#'));
        return inner.or_else(|| models.get(name)).is_none_or(|schema| below(schema, value));
    }
    if value.is_null() && schema["nullable"] == true {
        return true;
    }
    let list = |name: &str| schema.get(name).and_then(Value::as_array);
    let kinds = match schema.get("type") {
        Some(Value::String(kind)) => vec![kind.as_str()],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    (kinds.is_empty() || kinds.iter().any(|kind| is(kind, value)))
        && list("enum").is_none_or(|allowed| allowed.contains(value))
        && list("allOf").is_none_or(|all| all.iter().all(|one| below(one, value)))
        && list("anyOf").is_none_or(|any| any.iter().any(|one| below(one, value)))
        && list("oneOf").is_none_or(|one| one.iter().filter(|one| below(one, value)).count() == 1)
        && schema.get("not").is_none_or(|not| !below(not, value))
        && sized(schema, value)
        && match value {
            Value::Object(members) => object(schema, members, &below),
            Value::Array(items) => {
                schema.get("items").is_none_or(|each| items.iter().all(|item| below(each, item)))
            }
            _ => true,
        }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

/// Lengths, counts and ranges.
fn sized(schema: &Value, value: &Value) -> bool {
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    let within = |size: f64, low: &str, high: &str| {
        limit(low).is_none_or(|low| size >= low) && limit(high).is_none_or(|high| size <= high)
    };
    match value {
        Value::String(text) => within(text.chars().count() as f64, "minLength", "maxLength"),
        Value::Array(items) => {
            let unique = schema["uniqueItems"] != true
                || items.iter().enumerate().all(|(index, item)| !items[..index].contains(item));
            within(items.len() as f64, "minItems", "maxItems") && unique
        }
        Value::Object(members) => within(members.len() as f64, "minProperties", "maxProperties"),
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            let open = |name: &str, at: &str| schema[name] == true && limit(at) == Some(number);
            within(number, "minimum", "maximum")
                && !open("exclusiveMinimum", "minimum")
                && !open("exclusiveMaximum", "maximum")
        }
        _ => true,
    }
}

fn object(
    schema: &Value,
    members: &serde_json::Map<String, Value>,
    below: &impl Fn(&Value, &Value) -> bool,
) -> bool {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let known = schema.get("properties").and_then(Value::as_object);
    let rest = schema.get("additionalProperties");
    required.filter_map(Value::as_str).all(|name| members.contains_key(name))
        && members.iter().all(|(name, value)| match known.and_then(|known| known.get(name)) {
            Some(schema) => below(schema, value),
            None => match rest {
                None | Some(Value::Bool(true)) => true,
                Some(Value::Bool(false)) => false,
                Some(schema) => below(schema, value),
            },
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: &Value, good: &[Value], bad: &[Value]) {
        let models = BTreeMap::from([("Name".to_owned(), json!({ "type": "string", "maxLength": 3 }))]);
        for (values, wanted) in [(good, true), (bad, false)] {
            for value in values {
                assert_eq!(fits(schema, value, &models, 0), wanted, "{schema} {value}");
            }
        }
    }

    #[test]
    fn schemas_hold_values_to_their_word() {
        check(
            &json!({ "type": "integer", "minimum": 1, "maximum": 5 }),
            &[json!(1), json!(5.0)],
            &[json!(0), json!(6), json!(1.5), json!("1"), json!(null)],
        );
        check(
            &json!({ "type": "number", "minimum": 0, "exclusiveMinimum": true }),
            &[json!(0.1)],
            &[json!(0)],
        );
        check(
            &json!({ "type": ["string", "null"], "minLength": 1 }),
            &[json!("é"), json!(null)],
            &[json!("")],
        );
        check(&json!({ "enum": ["a", 1] }), &[json!("a"), json!(1)], &[json!("b")]);
        let object = json!({
            "type": "object", "required": ["to"], "additionalProperties": false,
            "properties": { "to": { "oneOf": [
                { "$ref": "https://apigateway.amazonaws.com/restapis/x/models/Name" },
                {
                    "type": "array", "minItems": 1, "uniqueItems": true,
                    "items": { "$ref": "#/components/schemas/Name" },
                },
            ] } },
        });
        check(
            &object,
            &[json!({ "to": "abc" }), json!({ "to": ["a", "b"] })],
            &[
                json!({}),
                json!({ "to": "abcd" }),
                json!({ "to": [] }),
                json!({ "to": ["a", "a"] }),
                json!({ "to": "a", "cc": 1 }),
                json!([]),
            ],
        );
        check(
            &json!({ "not": { "type": "string" }, "anyOf": [{ "type": "array" }, { "type": "object" }] }),
            &[json!([]), json!({})],
            &[json!("x"), json!(1)],
        );
    }

    #[test]
    fn a_schema_that_names_itself_ends() {
        let models = BTreeMap::from([("Loop".to_owned(), json!({ "$ref": "#/x/Loop" }))]);
        assert!(!fits(&models["Loop"], &json!(1), &models, 0));
    }
}
