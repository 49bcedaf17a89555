//! OpenAPI 3.0 to a draft, and a draft to the document that is imported.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::draft::{
    Answer, Draft, GatewayResponse, Integration, Response, Route, Validator, model_of, own_status,
    reference_to, schema,
};

const VERBS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch"];
const ANY: &str = "x-amazon-apigateway-any-method";
const VALIDATOR: &str = "x-amazon-apigateway-request-validator";
const VALIDATORS: &str = "x-amazon-apigateway-request-validators";
const RESPONSES: &str = "x-amazon-apigateway-gateway-responses";
const INTEGRATION: &str = "x-amazon-apigateway-integration";
const AUTHTYPE: &str = "x-amazon-apigateway-authtype";

/// The names of the two security schemes in what is imported.
const KEY_SCHEME: &str = "api_key";
const IAM_SCHEME: &str = "sigv4";

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    members(value).filter_map(|(key, one)| Some((key.clone(), one.as_str()?.to_owned()))).collect()
}

/// Reads a document.
///
/// # Errors
/// Says what API Gateway could not serve or would silently change.
pub(super) fn read(document: &Value) -> Result<Draft, String> {
    if !document["openapi"].as_str().is_some_and(|version| version.starts_with("3.0")) {
        return Err("its document is not OpenAPI 3.0".to_owned());
    }
    if document.get("security").is_some() {
        return Err("its document has `security` at its root, which API Gateway does not look at".to_owned());
    }
    let mut draft = Draft::default();
    for (name, given) in members(&document["components"]["schemas"]) {
        if !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(format!("the name of its schema {name} is not letters and digits only"));
        }
        draft.models.insert(name.clone(), schema(given));
    }
    for (name, rule) in members(&document[VALIDATORS]) {
        let of = |name: &str| rule[name].as_bool().unwrap_or_default();
        let validator =
            Validator { body: of("validateRequestBody"), parameters: of("validateRequestParameters") };
        draft.validators.insert(name.clone(), validator);
    }
    for (kind, given) in members(&document[RESPONSES]) {
        let status = given["statusCode"].as_u64().map(|code| code.to_string());
        draft.gateway_responses.insert(
            kind.clone(),
            GatewayResponse {
                status: own_status(kind, status.or_else(|| text(given, "statusCode"))),
                parameters: texts(&given["responseParameters"]),
                templates: texts(&given["responseTemplates"]),
            },
        );
    }
    for (path, item) in members(&document["paths"]) {
        for (verb, operation) in
            members(item).filter(|(verb, _)| VERBS.contains(&verb.as_str()) || *verb == ANY)
        {
            let verb = if verb == ANY { "ANY".to_owned() } else { verb.to_uppercase() };
            let name = format!("{verb} {path}");
            let source = Source { document, item, operation, draft: &draft };
            let route = source.route().map_err(|what| format!("its route {name} {what}"))?;
            draft.routes.insert(name, route);
        }
    }
    Ok(draft)
}

struct Source<'v> {
    document: &'v Value,
    item: &'v Value,
    operation: &'v Value,
    draft: &'v Draft,
}

impl Source<'_> {
    fn route(&self) -> Result<Route, String> {
        let operation = self.operation;
        let validator = text(operation, VALIDATOR).or_else(|| text(self.document, VALIDATOR));
        if let Some(name) = validator.as_ref().filter(|name| !self.draft.validators.contains_key(*name)) {
            return Err(format!("names the validator {name}, which is not declared"));
        }
        let (authorization, api_key) = self.security()?;
        let integration = operation.get(INTEGRATION).ok_or("has no x-amazon-apigateway-integration")?;
        Ok(Route {
            operation: text(operation, "operationId"),
            authorization: authorization.to_owned(),
            api_key,
            validator,
            parameters: self.parameters()?,
            bodies: self.bodies(&self.resolved(&operation["requestBody"])["content"])?,
            integration: Some(integration_of(integration)?),
            responses: self.responses()?,
        })
    }

    /// What a local reference stands for.
    fn resolved<'s>(&'s self, value: &'s Value) -> &'s Value {
        let path = value["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
        path.and_then(|path| self.document.pointer(path)).unwrap_or(value)
    }

    /// Schemes that only say how the function checks a caller (a bearer token) are not the gateway's affair.
    fn security(&self) -> Result<(&'static str, bool), String> {
        let (mut authorization, mut key) = ("NONE", false);
        for (name, _) in self.operation["security"].as_array().into_iter().flatten().flat_map(members) {
            let scheme = &self.document["components"]["securitySchemes"][name];
            if scheme.get("x-amazon-apigateway-authorizer").is_some() {
                return Err(format!(
                    "is secured by {name}, an authorizer, which this program does not declare yet"
                ));
            }
            match (scheme["type"].as_str(), scheme["name"].as_str().map(str::to_lowercase).as_deref()) {
                (None, _) => return Err(format!("is secured by {name}, which is not declared")),
                (Some("apiKey"), _) if scheme[AUTHTYPE] == "awsSigv4" => authorization = "AWS_IAM",
                (Some("apiKey"), Some("x-api-key")) => key = true,
                _ => {}
            }
        }
        Ok((authorization, key))
    }

    fn parameters(&self) -> Result<BTreeMap<String, bool>, String> {
        let all = [self.item, self.operation]
            .into_iter()
            .flat_map(|of| of["parameters"].as_array().into_iter().flatten());
        let mut found = BTreeMap::new();
        for parameter in all {
            let parameter = self.resolved(parameter);
            let place = match parameter["in"].as_str() {
                Some("query") => "querystring",
                Some(place @ ("path" | "header")) => place,
                other => return Err(format!("has a parameter in {}", other.unwrap_or("no place"))),
            };
            let name = parameter["name"].as_str().ok_or("has a parameter without a name")?;
            let required = parameter["required"].as_bool().unwrap_or_default();
            found.insert(format!("method.request.{place}.{name}"), required);
        }
        Ok(found)
    }

    /// Models by content type. Schemas without a name are refused: API Gateway would invent one at every
    /// import.
    fn bodies(&self, content: &Value) -> Result<BTreeMap<String, String>, String> {
        let with_schema = members(content).filter(|(_, media)| media.get("schema").is_some());
        with_schema
            .map(|(kind, media)| {
                let name = model_of(&media["schema"]).ok_or_else(|| {
                    format!("has a schema of its own for {kind}: give it a name under components/schemas")
                })?;
                if self.draft.models.contains_key(name) {
                    return Ok((kind.clone(), name.to_owned()));
                }
                Err(format!("names the schema {name}, which is not declared"))
            })
            .collect()
    }

    fn responses(&self) -> Result<BTreeMap<String, Response>, String> {
        let statuses =
            members(&self.operation["responses"]).filter(|(status, _)| status.parse::<u16>().is_ok());
        statuses
            .map(|(status, response)| {
                let response = self.resolved(response);
                let headers = members(&response["headers"]).map(|(name, header)| {
                    let required = self.resolved(header)["required"].as_bool().unwrap_or_default();
                    (format!("method.response.header.{name}"), required)
                });
                let headers = headers.collect();
                Ok((status.clone(), Response { headers, bodies: self.bodies(&response["content"])? }))
            })
            .collect()
    }
}

fn integration_of(given: &Value) -> Result<Integration, String> {
    let kind = text(given, "type").ok_or("has an integration without a type")?.to_uppercase();
    let mut responses = BTreeMap::new();
    for (pattern, response) in members(&given["responses"]) {
        let status =
            text(response, "statusCode").ok_or("has an integration response without a status code")?;
        let answer = Answer {
            pattern: Some(pattern.clone()).filter(|pattern| pattern != "default"),
            parameters: texts(&response["responseParameters"]),
            templates: texts(&response["responseTemplates"]),
            content_handling: text(response, "contentHandling"),
        };
        if responses.insert(status.clone(), answer).is_some() {
            return Err(format!("has two integration responses of the status {status}"));
        }
    }
    let timeout = given["timeoutInMillis"].as_u64().unwrap_or(29_000);
    Ok(Integration {
        kind,
        method: text(given, "httpMethod"),
        uri: text(given, "uri"),
        credentials: text(given, "credentials"),
        parameters: texts(&given["requestParameters"]),
        templates: texts(&given["requestTemplates"]),
        passthrough: text(given, "passthroughBehavior")
            .map_or("WHEN_NO_MATCH".to_owned(), |word| word.to_uppercase()),
        content_handling: text(given, "contentHandling"),
        timeout_ms: u32::try_from(timeout).map_err(|_| "has a timeout beyond all measure")?,
        responses,
    })
}

/// The document to import: only what API Gateway serves by, so that nothing of it can be dropped in silence.
pub(super) fn write(draft: &Draft) -> Value {
    let mut paths = Map::new();
    for (name, route) in &draft.routes {
        let (verb, path) = name.split_once(' ').unwrap_or_default();
        let verb = if verb == "ANY" { ANY.to_owned() } else { verb.to_lowercase() };
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[verb] = without_empty(operation(route));
    }
    let validators: Map<String, Value> = draft
        .validators
        .iter()
        .map(|(name, one)| {
            let rule =
                json!({ "validateRequestBody": one.body, "validateRequestParameters": one.parameters });
            (name.clone(), rule)
        })
        .collect();
    let responses: Map<String, Value> = draft
        .gateway_responses
        .iter()
        .map(|(kind, one)| {
            let response = json!({
                "statusCode": one.status,
                "responseParameters": one.parameters,
                "responseTemplates": one.templates,
            });
            (kind.clone(), without_empty(response))
        })
        .collect();
    let by_key = draft.routes.values().any(|route| route.api_key);
    let by_key = by_key.then(|| json!({ "type": "apiKey", "name": "x-api-key", "in": "header" }));
    let by_iam = draft.routes.values().any(|route| route.authorization == "AWS_IAM");
    let by_iam = by_iam
        .then(|| json!({ "type": "apiKey", "name": "Authorization", "in": "header", AUTHTYPE: "awsSigv4" }));
    without_empty(json!({
        "openapi": "3.0.1",
        "paths": paths,
        "components": {
            "schemas": draft.models,
            "securitySchemes": without_empty(json!({ KEY_SCHEME: by_key, IAM_SCHEME: by_iam })),
        },
        VALIDATORS: validators,
        RESPONSES: responses,
    }))
}

fn operation(route: &Route) -> Value {
    let parameters: Vec<Value> = route
        .parameters
        .iter()
        .filter_map(|(name, required)| {
            let (place, name) = name.strip_prefix("method.request.")?.split_once('.')?;
            let place = if place == "querystring" { "query" } else { place };
            Some(json!({ "in": place, "name": name, "required": required, "schema": { "type": "string" } }))
        })
        .collect();
    let content = |bodies: &BTreeMap<String, String>| -> Map<String, Value> {
        bodies.iter().map(|(kind, model)| (kind.clone(), reference_to(model))).collect()
    };
    let body = (!route.bodies.is_empty()).then(|| json!({ "content": content(&route.bodies) }));
    let responses: Map<String, Value> = route
        .responses
        .iter()
        .map(|(status, one)| {
            let header = |(name, required): (&String, &bool)| {
                let name = name.trim_start_matches("method.response.header.").to_owned();
                (name, json!({ "required": required, "schema": { "type": "string" } }))
            };
            let headers: Map<String, Value> = one.headers.iter().map(header).collect();
            let response = json!({ "headers": headers, "content": content(&one.bodies) });
            let mut response = without_empty(response);
            // OpenAPI wants a description, were it an empty one.
            response["description"] = format!("{status} response").into();
            (status.clone(), response)
        })
        .collect();
    let mut security = Vec::new();
    if route.api_key {
        security.push(json!({ KEY_SCHEME: [] }));
    }
    if route.authorization == "AWS_IAM" {
        security.push(json!({ IAM_SCHEME: [] }));
    }
    json!({
        "operationId": route.operation,
        "parameters": parameters,
        "requestBody": body,
        "responses": responses,
        "security": security,
        VALIDATOR: route.validator,
        INTEGRATION: route.integration.as_ref().map(integration),
    })
}

fn integration(one: &Integration) -> Value {
    let responses: Map<String, Value> = one
        .responses
        .iter()
        .map(|(status, answer)| {
            let response = json!({
                "statusCode": status,
                "responseParameters": answer.parameters,
                "responseTemplates": answer.templates,
                "contentHandling": answer.content_handling,
            });
            (answer.pattern.clone().unwrap_or_else(|| "default".to_owned()), without_empty(response))
        })
        .collect();
    without_empty(json!({
        "type": one.kind.to_lowercase(),
        "httpMethod": one.method,
        "uri": one.uri,
        "credentials": one.credentials,
        "requestParameters": one.parameters,
        "requestTemplates": one.templates,
        "passthroughBehavior": one.passthrough.to_lowercase(),
        "contentHandling": one.content_handling,
        "timeoutInMillis": one.timeout_ms,
        "responses": responses,
    }))
}

/// Members that are null or empty are left out.
fn without_empty(value: Value) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Object(all) => all.is_empty(),
        Value::Array(all) => all.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(all) => {
            Value::Object(all.into_iter().filter(|(key, one)| key == "paths" || !is_empty(one)).collect())
        }
        other => other,
    }
}
