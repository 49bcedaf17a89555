//! Edits of the draft as the console makes them: a method, its integration, a gateway response.

use serde_json::{Value, json};

use super::{APIS, apis, bad, import, missing, patch};
use crate::services::{Refusal, World, text};

/// Edits a part of the draft of the API that a call names.
fn edit_draft(
    input: &Value,
    world: &mut World<'_>,
    change: impl FnOnce(&mut Value) -> Result<Value, Refusal>,
) -> Result<Value, Refusal> {
    let mut api = apis::existing(input, world)?.clone();
    let answer = change(&mut api["draft"])?;
    world.put(APIS, text(input, "restApiId"), api);
    Ok(answer)
}

fn methods<'v>(
    draft: &'v mut Value,
    input: &Value,
) -> Result<&'v mut serde_json::Map<String, Value>, Refusal> {
    draft["resources"]
        .get_mut(text(input, "resourceId"))
        .and_then(|resource| resource["methods"].as_object_mut())
        .ok_or_else(|| missing("Invalid Resource identifier specified"))
}

fn method<'v>(draft: &'v mut Value, input: &Value) -> Result<&'v mut Value, Refusal> {
    methods(draft, input)?
        .get_mut(text(input, "httpMethod"))
        .ok_or_else(|| missing("Invalid Method identifier specified"))
}

pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    edit_draft(input, world, |draft| {
        let gone = methods(draft, input)?.remove(text(input, "httpMethod"));
        gone.map(|_| json!({})).ok_or_else(|| missing("Invalid Method identifier specified"))
    })
}

pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let operations = patch::operations(input)?;
    edit_draft(input, world, |draft| {
        let method = method(draft, input)?;
        for op in &operations {
            let path: Vec<&str> = op.path.iter().map(String::as_str).collect();
            match (op.op, path.as_slice()) {
                ("replace", ["apiKeyRequired"]) => method["apiKeyRequired"] = op.boolean()?.into(),
                ("replace", ["authorizationType"]) => method["authorizationType"] = op.value.into(),
                ("replace", ["operationName"]) => method["operationName"] = op.value.into(),
                ("replace", ["requestValidatorId"]) => {
                    method["requestValidatorId"] = json!(Some(op.value).filter(|id| !id.is_empty()));
                }
                ("add" | "replace", ["requestParameters", name]) => {
                    method["requestParameters"][name] = op.boolean()?.into();
                }
                ("add" | "replace", ["requestModels", kind]) => {
                    method["requestModels"][kind] = op.value.into()
                }
                ("remove", [map @ ("requestParameters" | "requestModels"), name]) => {
                    let entries = method[*map].as_object_mut();
                    entries
                        .and_then(|all| all.remove(*name))
                        .ok_or_else(|| bad("Invalid mapping expression"))?;
                }
                _ => {
                    let allowed = "/apiKeyRequired, /authorizationType, /operationName, /requestModels, \
                                   /requestParameters, /requestValidatorId";
                    return Err(op.refused(allowed));
                }
            }
        }
        Ok(method.clone())
    })
}

pub(super) fn update_integration(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let operations = patch::operations(input)?;
    edit_draft(input, world, |draft| {
        let integration = &mut method(draft, input)?["methodIntegration"];
        if integration.is_null() {
            return Err(missing("Invalid Integration identifier specified"));
        }
        for op in &operations {
            let path: Vec<&str> = op.path.iter().map(String::as_str).collect();
            match (op.op, path.as_slice()) {
                ("replace", [name @ ("uri" | "credentials" | "httpMethod" | "passthroughBehavior")]) => {
                    integration[*name] = op.value.into();
                }
                ("replace", ["timeoutInMillis"]) => {
                    let timeout = op.integer()?;
                    if !(50..=29_000).contains(&timeout) {
                        return Err(bad("Timeout should be between 50 ms and 29000 ms"));
                    }
                    integration["timeoutInMillis"] = timeout.into();
                }
                ("add" | "replace", [map @ ("requestParameters" | "requestTemplates"), name]) => {
                    integration[*map][*name] = op.value.into();
                }
                ("remove", [map @ ("requestParameters" | "requestTemplates"), name]) => {
                    integration[*map].as_object_mut().and_then(|all| all.remove(*name));
                }
                _ => {
                    let allowed = "/uri, /credentials, /httpMethod, /passthroughBehavior, /timeoutInMillis, \
                                   /requestParameters, /requestTemplates";
                    return Err(op.refused(allowed));
                }
            }
        }
        Ok(integration.clone())
    })
}

pub(super) fn put_gateway_response(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let kind = text(input, "responseType");
    if !apis::is_response(kind) {
        return Err(bad(format!("Invalid gateway response type {kind}")));
    }
    edit_draft(input, world, |draft| {
        let response = import::gateway_response(kind, input);
        draft["responses"][kind] = response.clone();
        Ok(response)
    })
}

pub(super) fn delete_gateway_response(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    edit_draft(input, world, |draft| {
        let responses = draft["responses"].as_object_mut().expect("responses");
        let gone = responses.remove(text(input, "responseType"));
        gone.map(|_| json!({})).ok_or_else(|| missing("Gateway response type not defined on API"))
    })
}
