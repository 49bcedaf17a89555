//! An OpenAPI 3 document to resources, methods, models, validators and gateway responses, as the import does
//! it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{bad, new_id};
use crate::services::{Refusal, World, text};

const VERBS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch"];
const ANY: &str = "x-amazon-apigateway-any-method";

/// Why a part of the document cannot be imported.
fn invalid(what: impl std::fmt::Display) -> Refusal {
    bad(format!("Errors found during import:\n\t{what}"))
}

/// The draft that replaces `before`, whose resources keep their ids.
pub(super) fn draft(
    document: &Value,
    api: &str,
    before: &Value,
    world: &mut World<'_>,
) -> Result<Value, Refusal> {
    if !text(document, "openapi").starts_with("3.0") {
        return Err(bad("Invalid OpenAPI input."));
    }
    let mut models = BTreeMap::new();
    for (name, schema) in members(&document["components"]["schemas"]) {
        if !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(invalid(format_args!("Model name must be alphanumeric: {name}")));
        }
        let schema = rewrite_references(schema, api);
        models.insert(
            name.clone(),
            json!({
                "id": new_id(world), "name": name, "contentType": "application/json",
                "schema": schema.to_string(),
            }),
        );
    }
    let mut validators = BTreeMap::new();
    for (name, rule) in members(&document["x-amazon-apigateway-request-validators"]) {
        let id = new_id(world);
        let body = rule["validateRequestBody"].as_bool().unwrap_or_default();
        let parameters = rule["validateRequestParameters"].as_bool().unwrap_or_default();
        validators.insert(
            name.clone(),
            json!({
                "id": id, "name": name, "validateRequestBody": body, "validateRequestParameters": parameters,
            }),
        );
    }
    let mut methods: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for (path, item) in members(&document["paths"]) {
        if !path.starts_with('/') {
            return Err(invalid(format_args!("Resource path must start with a slash: {path}")));
        }
        let of_path = methods.entry(path.clone()).or_default();
        for (verb, operation) in
            members(item).filter(|(verb, _)| VERBS.contains(&verb.as_str()) || *verb == ANY)
        {
            let verb = if verb == ANY { "ANY".to_owned() } else { verb.to_uppercase() };
            let source = Source { document, item, operation, models: &models, validators: &validators };
            let method = source.method(&verb).map_err(|what| {
                invalid(format_args!("Unable to put method '{verb}' on resource at path '{path}': {what}"))
            })?;
            of_path.insert(verb, method);
        }
    }
    let responses: BTreeMap<String, Value> = members(&document["x-amazon-apigateway-gateway-responses"])
        .map(|(kind, response)| (kind.clone(), gateway_response(kind, response)))
        .collect();
    let resources = resources(methods, before, world);
    Ok(json!({
        "resources": resources, "models": models, "validators": validators, "responses": responses,
    }))
}

/// One resource for each path and for each path above it, the root included.
fn resources(
    methods: BTreeMap<String, BTreeMap<String, Value>>,
    before: &Value,
    world: &mut World<'_>,
) -> BTreeMap<String, Value> {
    let mut paths = BTreeSet::from(["/".to_owned()]);
    for path in methods.keys() {
        let mut whole = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            whole = format!("{whole}/{part}");
            paths.insert(whole.clone());
        }
    }
    let mut ids: BTreeMap<String, String> = members(&before["resources"])
        .map(|(id, resource)| (text(resource, "path").to_owned(), id.clone()))
        .collect();
    let mut all = BTreeMap::new();
    for path in &paths {
        let id = ids.remove(path).unwrap_or_else(|| new_id(world));
        let of_path = methods.get(path).cloned().unwrap_or_default();
        all.insert(id, json!({ "path": path, "methods": of_path }));
    }
    all
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The name at the end of a local reference.
fn referred<'v>(value: &'v Value, below: &str) -> Option<&'v str> {
    value["$ref"].as_str()?.strip_prefix("#/components/")?.strip_prefix(below)
}

/// References to schemas become references to the models of the API.
fn rewrite_references(value: &Value, api: &str) -> Value {
    match value {
        Value::Object(all) => all
            .iter()
            .map(|(key, member)| {
                match member.as_str().and_then(|to| to.strip_prefix("#/components/schemas/")) {
                    Some(name) if key == "$ref" => (
                        key.clone(),
                        format!("https://apigateway.amazonaws.com/restapis/{api}/models/{name}").into(),
                    ),
                    _ => (key.clone(), rewrite_references(member, api)),
                }
            })
            .collect(),
        Value::Array(all) => all.iter().map(|one| rewrite_references(one, api)).collect(),
        other => other.clone(),
    }
}

pub(super) fn gateway_response(kind: &str, response: &Value) -> Value {
    let of = |name: &str| response.get(name).cloned().unwrap_or_else(|| json!({}));
    let status = match &response["statusCode"] {
        Value::Number(number) => json!(number.to_string()),
        other => other.clone(),
    };
    json!({
        "responseType": kind, "statusCode": status, "responseParameters": of("responseParameters"),
        "responseTemplates": of("responseTemplates"), "defaultResponse": false,
    })
}

/// One operation of the document, with what it may refer to.
struct Source<'v> {
    document: &'v Value,
    item: &'v Value,
    operation: &'v Value,
    models: &'v BTreeMap<String, Value>,
    validators: &'v BTreeMap<String, Value>,
}

impl Source<'_> {
    fn method(&self, verb: &str) -> Result<Value, String> {
        let operation = self.operation;
        let validator = operation
            .get("x-amazon-apigateway-request-validator")
            .or_else(|| self.document.get("x-amazon-apigateway-request-validator"))
            .and_then(Value::as_str);
        let validator = validator
            .map(|name| {
                let known = self.validators.get(name);
                known.map(|one| one["id"].clone()).ok_or_else(|| format!("Invalid Request Validator: {name}"))
            })
            .transpose()?;
        let (authorization, key) = self.security()?;
        let body = self.resolved(&operation["requestBody"], "requestBodies/");
        let integration = operation.get("x-amazon-apigateway-integration");
        Ok(json!({
            "httpMethod": verb,
            "authorizationType": authorization,
            "apiKeyRequired": key,
            "requestValidatorId": validator,
            "operationName": operation.get("operationId"),
            "requestParameters": some(self.parameters()?),
            "requestModels": some(self.contents(&body["content"])?),
            "methodResponses": some(self.responses()?),
            "methodIntegration": integration.map(integration_of).transpose()?,
        }))
    }

    fn resolved<'s>(&'s self, value: &'s Value, below: &str) -> &'s Value {
        let kind = below.trim_end_matches('/');
        referred(value, below).map_or(value, |name| &self.document["components"][kind][name])
    }

    /// Security at the root of the document is not looked at (API Gateway developer guide, important notes).
    fn security(&self) -> Result<(&'static str, bool), String> {
        let (mut authorization, mut key) = ("NONE", false);
        for name in self.operation["security"].as_array().into_iter().flatten().flat_map(members) {
            let scheme = &self.document["components"]["securitySchemes"][name.0];
            let header = text(scheme, "name").eq_ignore_ascii_case("x-api-key");
            match (text(scheme, "type"), text(scheme, "x-amazon-apigateway-authtype")) {
                ("apiKey", "awsSigv4") => authorization = "AWS_IAM",
                ("apiKey", "") if header => key = true,
                _ => return Err(format!("Unable to find authorizer {}", name.0)),
            }
        }
        Ok((authorization, key))
    }

    fn parameters(&self) -> Result<BTreeMap<String, Value>, String> {
        let of = |value: &Value| value["parameters"].as_array().cloned().unwrap_or_default();
        let mut all = BTreeMap::new();
        for parameter in of(self.item).iter().chain(&of(self.operation)) {
            let parameter = self.resolved(parameter, "parameters/");
            let place = match text(parameter, "in") {
                "query" => "querystring",
                place @ ("path" | "header") => place,
                other => return Err(format!("Invalid parameter location {other}")),
            };
            let name = format!("method.request.{place}.{}", text(parameter, "name"));
            all.insert(name, json!(parameter["required"].as_bool().unwrap_or_default()));
        }
        Ok(all)
    }

    /// Content types and the models of their schemas.
    fn contents(&self, content: &Value) -> Result<BTreeMap<String, Value>, String> {
        let mut all = BTreeMap::new();
        for (kind, media) in members(content).filter(|(_, media)| media.get("schema").is_some()) {
            let name = referred(&media["schema"], "schemas/").ok_or("Invalid model specified")?;
            if !self.models.contains_key(name) {
                return Err(format!("Invalid model identifier specified: {name}"));
            }
            all.insert(kind.clone(), json!(name));
        }
        Ok(all)
    }

    fn responses(&self) -> Result<BTreeMap<String, Value>, String> {
        let mut all = BTreeMap::new();
        for (status, response) in members(&self.operation["responses"]) {
            if status.parse::<u16>().is_err() {
                continue;
            }
            let response = self.resolved(response, "responses/");
            let headers: BTreeMap<String, Value> = members(&response["headers"])
                .map(|(name, header)| {
                    let required = header["required"].as_bool().unwrap_or_default();
                    (format!("method.response.header.{name}"), json!(required))
                })
                .collect();
            all.insert(
                status.clone(),
                json!({
                    "statusCode": status, "responseParameters": some(headers),
                    "responseModels": some(self.contents(&response["content"])?),
                }),
            );
        }
        Ok(all)
    }
}

/// Empty maps are not shown.
fn some(map: BTreeMap<String, Value>) -> Option<BTreeMap<String, Value>> {
    Some(map).filter(|map| !map.is_empty())
}

fn integration_of(given: &Value) -> Result<Value, String> {
    let kind = text(given, "type").to_uppercase();
    let uri = text(given, "uri");
    match kind.as_str() {
        "AWS" | "AWS_PROXY" if !uri.starts_with("arn:aws:apigateway:") => {
            return Err("AWS ARN for integration must contain path or action".to_owned());
        }
        "HTTP" | "HTTP_PROXY" if !uri.starts_with("http") => {
            return Err("Invalid HTTP endpoint specified for URI".to_owned());
        }
        "AWS" | "AWS_PROXY" | "HTTP" | "HTTP_PROXY" if text(given, "httpMethod").is_empty() => {
            return Err("Enumeration value for HttpMethod must be non-empty".to_owned());
        }
        "AWS" | "AWS_PROXY" | "HTTP" | "HTTP_PROXY" | "MOCK" => {}
        other => return Err(format!("Invalid integration type {other}")),
    }
    let timeout = given["timeoutInMillis"].as_u64().unwrap_or(29_000);
    if !(50..=29_000).contains(&timeout) {
        return Err("Timeout should be between 50 ms and 29000 ms".to_owned());
    }
    let mut responses = BTreeMap::new();
    for (pattern, response) in members(&given["responses"]) {
        let status = text(response, "statusCode");
        responses.insert(
            status.to_owned(),
            json!({
                "statusCode": status,
                "selectionPattern": Some(pattern).filter(|pattern| *pattern != "default"),
                "responseParameters": response.get("responseParameters"),
                "responseTemplates": response.get("responseTemplates"),
                "contentHandling": response.get("contentHandling"),
            }),
        );
    }
    let passthrough = given["passthroughBehavior"].as_str().unwrap_or("WHEN_NO_MATCH").to_uppercase();
    Ok(json!({
        "type": kind,
        "httpMethod": given.get("httpMethod"),
        "uri": given.get("uri"),
        "credentials": given.get("credentials"),
        "requestParameters": given.get("requestParameters"),
        "requestTemplates": given.get("requestTemplates"),
        "passthroughBehavior": passthrough,
        "contentHandling": given.get("contentHandling"),
        "timeoutInMillis": timeout,
        "cacheNamespace": "root",
        "cacheKeyParameters": [],
        "integrationResponses": some(responses),
    }))
}
