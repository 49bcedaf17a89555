//! REST APIs: their settings and the draft that nobody sees before it is deployed.

use serde_json::{Value, json};

use super::{
    APIS, DEPLOYMENTS, STAGES, bad, check_tags, domains, import, items, missing, new_id,
    patch::{self, Operation},
    plans,
};
use crate::services::{Refusal, World, strings, text};

pub(super) fn existing<'w>(input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    world.get(APIS, text(input, "restApiId")).ok_or_else(|| missing("Invalid API identifier specified"))
}

/// The answer of every call about one API. The policy comes with its quotes escaped once more.
pub(super) fn shown(id: &str, api: &Value) -> Value {
    let escaped = api["policy"].as_str().map(|policy| policy.replace('"', "\\\""));
    let root = api["draft"]["resources"].as_object().into_iter().flatten();
    let root = root.into_iter().find(|(_, resource)| resource["path"] == "/").map(|(id, _)| id);
    json!({
        "id": id,
        "name": api["name"],
        "description": api["description"],
        "version": api["version"],
        "createdDate": api["created"],
        "binaryMediaTypes": api["binary"].as_array().filter(|types| !types.is_empty()),
        "minimumCompressionSize": api["compression"],
        "apiKeySource": api["key_source"],
        "endpointConfiguration": { "types": [api["endpoint"]], "ipAddressType": "ipv4" },
        "policy": escaped,
        "tags": api["tags"],
        "disableExecuteApiEndpoint": api["disabled"],
        "rootResourceId": root,
        "apiStatus": "AVAILABLE",
    })
}

fn check_endpoint(kind: &str) -> Result<&str, Refusal> {
    if ["EDGE", "REGIONAL", "PRIVATE"].contains(&kind) {
        return Ok(kind);
    }
    Err(bad(format!("Invalid endpoint type {kind}")))
}

/// A resource policy's short resources become whole ARNs.
fn whole_policy(text: &str, id: &str, world: &World<'_>) -> Result<String, Refusal> {
    serde_json::from_str::<Value>(text)
        .map_err(|_| bad("Invalid policy document. Please check the policy syntax"))?;
    Ok(text.replace("\"execute-api:/", &format!("\"{}/", world.arn("execute-api", id))))
}

/// Makes another API every time: names are not unique.
pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    if text(input, "name").is_empty() {
        return Err(bad("API name must be specified"));
    }
    let tags = strings(input.get("tags"));
    check_tags(&tags)?;
    let (id, root, empty, error) = (new_id(world), new_id(world), new_id(world), new_id(world));
    let endpoint = input["endpointConfiguration"]["types"][0].as_str().unwrap_or("EDGE");
    let schema = |title: &str, more: &str| {
        format!(
            "{{\n  \"$schema\": \"http://json-schema.org/draft-04/schema#\",\n  \
             \"title\" : \"{title} Schema\",\n  \
             \"type\" : \"object\"{more}\n}}"
        )
    };
    let model = |id: &str, name: &str, what: &str, schema: String| {
        json!({
            "id": id, "name": name, "description": format!("This is a default {what} schema model"),
            "contentType": "application/json", "schema": schema,
        })
    };
    let message = ",\n  \"properties\" : {\n    \"message\" : { \"type\" : \"string\" }\n  }";
    let draft = json!({
        "resources": { root: { "path": "/", "methods": {} } },
        "models": {
            "Empty": model(&empty, "Empty", "empty", schema("Empty", "")),
            "Error": model(&error, "Error", "error", schema("Error", message)),
        },
        "validators": {}, "responses": {},
    });
    let policy = input["policy"].as_str().map(|text| whole_policy(text, &id, world)).transpose()?;
    let api = json!({
        "name": input["name"],
        "description": input["description"],
        "version": input["version"],
        "created": world.now_s(),
        "binary": input.get("binaryMediaTypes").cloned().unwrap_or_else(|| json!([])),
        "compression": input["minimumCompressionSize"],
        "key_source": input["apiKeySource"].as_str().unwrap_or("HEADER"),
        "endpoint": check_endpoint(endpoint)?,
        "policy": policy,
        "disabled": input["disableExecuteApiEndpoint"].as_bool().unwrap_or_default(),
        "tags": tags,
        "draft": draft,
    });
    let answer = shown(&id, &api);
    world.put(APIS, &id, api);
    Ok(answer)
}

/// Replaces the draft, and every setting that the document could name: what it does not is at its default.
pub(super) fn put(body: &[u8], input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let id = text(input, "restApiId");
    if text(input, "mode") != "overwrite" {
        return Err(bad("the embedded account imports with mode=overwrite only"));
    }
    let document: Value = serde_json::from_slice(body).map_err(|_| bad("Invalid OpenAPI input."))?;
    let mut api = existing(input, world)?.clone();
    api["draft"] = import::draft(&document, id, &api["draft"], world)?;
    let of = |name: &str| document.get(format!("x-amazon-apigateway-{name}")).cloned().unwrap_or_default();
    api["name"] = document["info"]["title"].clone();
    api["description"] = document["info"]["description"].clone();
    api["version"] = document["info"]["version"].clone();
    api["binary"] = Some(of("binary-media-types")).filter(Value::is_array).unwrap_or_else(|| json!([]));
    api["compression"] = of("minimum-compression-size");
    api["key_source"] = of("api-key-source").as_str().unwrap_or("HEADER").into();
    let configuration = of("endpoint-configuration");
    api["disabled"] = configuration["disableExecuteApiEndpoint"].as_bool().unwrap_or_default().into();
    let policy = Some(of("policy")).filter(Value::is_object).map(|policy| policy.to_string());
    api["policy"] = json!(policy.map(|text| whole_policy(&text, id, world)).transpose()?);
    let answer = shown(id, &api);
    world.put(APIS, id, api);
    Ok(answer)
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Value {
    let all: Vec<Value> = world.all(APIS).into_iter().map(|(id, api)| shown(id, api)).collect();
    items(input, &all)
}

pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let id = text(input, "restApiId");
    let mut api = existing(input, world)?.clone();
    for op in patch::operations(input)? {
        change(&mut api, id, &op, world)?;
    }
    let answer = shown(id, &api);
    world.put(APIS, id, api);
    Ok(answer)
}

fn change(api: &mut Value, id: &str, op: &Operation<'_>, world: &World<'_>) -> Result<(), Refusal> {
    let path: Vec<&str> = op.path.iter().map(String::as_str).collect();
    let given = || Some(op.value).filter(|text| !text.is_empty()).map(Value::from);
    match (op.op, path.as_slice()) {
        ("replace", ["name"]) if !op.value.is_empty() => api["name"] = op.value.into(),
        ("replace", ["description"]) => api["description"] = json!(given()),
        ("replace", ["apiKeySource"]) if ["HEADER", "AUTHORIZER"].contains(&op.value) => {
            api["key_source"] = op.value.into();
        }
        ("replace", ["disableExecuteApiEndpoint"]) => api["disabled"] = op.boolean()?.into(),
        ("replace", ["minimumCompressionSize"]) if op.value.is_empty() => api["compression"] = Value::Null,
        ("replace", ["minimumCompressionSize"]) => {
            let size = op.integer()?;
            if !(0..=10_485_760).contains(&size) {
                return Err(bad("Invalid minimum compression size, must be between 0 and 10485760"));
            }
            api["compression"] = size.into();
        }
        ("replace", ["policy"]) => {
            let policy = given().map(|_| whole_policy(op.value, id, world)).transpose()?;
            api["policy"] = json!(policy);
        }
        ("replace", ["endpointConfiguration", "types", old]) if api["endpoint"] == *old => {
            api["endpoint"] = check_endpoint(op.value)?.into();
        }
        ("add", ["binaryMediaTypes", kind]) => {
            let types = api["binary"].as_array_mut().expect("a list");
            types.retain(|one| one != kind);
            types.push(json!(kind));
        }
        ("remove", ["binaryMediaTypes", kind]) => {
            api["binary"].as_array_mut().expect("a list").retain(|one| one != kind);
        }
        _ => {
            let allowed = "/name, /description, /policy, /apiKeySource, /minimumCompressionSize, \
                           /disableExecuteApiEndpoint, /binaryMediaTypes, /endpointConfiguration/types";
            return Err(op.refused(allowed));
        }
    }
    Ok(())
}

/// An API goes with its stages and deployments, unless a usage plan or a domain names it.
pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let id = text(input, "restApiId").to_owned();
    existing(input, world)?;
    domains::refuse_mapped(&id, None, world)?;
    let below = format!("{id}/");
    let names = |collection: &str, world: &World<'_>| -> Vec<String> {
        world
            .all(collection)
            .keys()
            .filter(|key| key.starts_with(&below))
            .map(|key| (*key).to_owned())
            .collect()
    };
    for stage in names(STAGES, world) {
        plans::refuse_in_use(&id, &stage[below.len()..], world)?;
        world.remove(STAGES, &stage);
    }
    for deployment in names(DEPLOYMENTS, world) {
        world.remove(DEPLOYMENTS, &deployment);
    }
    world.remove(APIS, &id);
    Ok(json!({}))
}

pub(super) fn resources(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let api = existing(input, world)?;
    let resources = api["draft"]["resources"].as_object().expect("resources");
    let id_of = |path: &str| resources.iter().find(|(_, one)| one["path"] == path).map(|(id, _)| id);
    let all: Vec<Value> = resources
        .iter()
        .map(|(id, resource)| {
            let path = text(resource, "path");
            let (above, part) = path.rsplit_once('/').unwrap_or_default();
            let above = Some(if above.is_empty() { "/" } else { above }).filter(|_| !part.is_empty());
            let methods = resource["methods"].as_object().filter(|methods| !methods.is_empty());
            // Without `embed=methods` only the verbs are shown.
            let methods = methods.map(|methods| match text(input, "embed") {
                "methods" => json!(methods),
                _ => methods.keys().map(|verb| (verb.clone(), json!({}))).collect(),
            });
            json!({
                "id": id, "path": path, "pathPart": Some(part).filter(|part| !part.is_empty()),
                "parentId": above.and_then(id_of), "resourceMethods": methods,
            })
        })
        .collect();
    Ok(items(input, &all))
}

/// A list of the draft: `models` or `validators`.
pub(super) fn part(input: &Value, world: &World<'_>, name: &str) -> Result<Value, Refusal> {
    let api = existing(input, world)?;
    let all: Vec<Value> =
        api["draft"][name].as_object().into_iter().flatten().map(|(_, one)| one.clone()).collect();
    Ok(items(input, &all))
}

/// AWS's own responses with their status codes; those of the API replace them.
const RESPONSES: &[(&str, Option<&str>)] = &[
    ("ACCESS_DENIED", Some("403")),
    ("API_CONFIGURATION_ERROR", Some("500")),
    ("AUTHORIZER_CONFIGURATION_ERROR", Some("500")),
    ("AUTHORIZER_FAILURE", Some("500")),
    ("BAD_REQUEST_BODY", Some("400")),
    ("BAD_REQUEST_PARAMETERS", Some("400")),
    ("DEFAULT_4XX", None),
    ("DEFAULT_5XX", None),
    ("EXPIRED_TOKEN", Some("403")),
    ("INTEGRATION_FAILURE", Some("504")),
    ("INTEGRATION_TIMEOUT", Some("504")),
    ("INVALID_API_KEY", Some("403")),
    ("INVALID_SIGNATURE", Some("403")),
    ("MISSING_AUTHENTICATION_TOKEN", Some("403")),
    ("QUOTA_EXCEEDED", Some("429")),
    ("REQUEST_TOO_LARGE", Some("413")),
    ("RESOURCE_NOT_FOUND", Some("404")),
    ("THROTTLED", Some("429")),
    ("UNAUTHORIZED", Some("401")),
    ("UNSUPPORTED_MEDIA_TYPE", Some("415")),
    ("WAF_FILTERED", Some("403")),
];

/// AWS's own status code of a type of response.
pub(super) fn status_of(kind: &str) -> Option<&'static str> {
    RESPONSES.iter().find(|(name, _)| *name == kind).and_then(|(_, status)| *status)
}

pub(super) fn is_response(kind: &str) -> bool {
    RESPONSES.iter().any(|(name, _)| *name == kind)
}

pub(super) fn gateway_responses(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let api = existing(input, world)?;
    let one = |(kind, status): &(&str, Option<&str>)| {
        let own = api["draft"]["responses"].get(*kind).cloned().map(|mut own| {
            if own["statusCode"].is_null() {
                own["statusCode"] = json!(status);
            }
            own
        });
        own.unwrap_or_else(|| {
            json!({
                "responseType": kind, "statusCode": status, "responseParameters": {},
                "responseTemplates": { "application/json": "{\"message\":$context.error.messageString}" },
                "defaultResponse": true,
            })
        })
    };
    Ok(items(input, &RESPONSES.iter().map(one).collect::<Vec<_>>()))
}
