//! The published document of an API: OpenAPI 3.0.3, derived from its endpoints.

use std::collections::BTreeMap;

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    api::{Api, Auth, Endpoint},
    reply::VERSION,
};

/// The document of an API. Byte for byte the same each time.
#[must_use]
pub fn document(api: &Api) -> Value {
    let mut generator = SchemaSettings::openapi3().into_generator();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for endpoint in api.endpoints {
        let method = endpoint.method.name().to_lowercase();
        paths.entry(endpoint.path).or_default().insert(method, operation(endpoint, &mut generator));
    }
    let schemas = generator.take_definitions(true);
    let mut document = json!({
        "openapi": "3.0.3",
        "info": {
            "title": api.title,
            "description": api.description,
            "version": VERSION,
            "contact": { "name": "API Support", "email": "support@distro-nation.com" },
        },
        "servers": [
            { "url": "https://your-api-gateway-url/dev", "description": "Development server" },
            { "url": "https://your-api-gateway-url/prod", "description": "Production server" },
        ],
        "components": { "securitySchemes": schemes(api), "schemas": schemas },
        "paths": paths,
    });
    if let Some(usual) = usual(api) {
        document["security"] = json!([usual]);
    }
    document
}

/// What most callers must show, said once for the whole document.
fn usual(api: &Api) -> Option<Value> {
    api.endpoints
        .iter()
        .map(|endpoint| requirement(endpoint.auth))
        .find(|one| one.as_object().is_some_and(|one| !one.is_empty()))
}

fn requirement(auth: Auth) -> Value {
    match auth {
        Auth::Firebase | Auth::Finance | Auth::FirebaseOrToken => json!({ "BearerAuth": [] }),
        Auth::ApiKey => json!({ "ApiKeyAuth": [] }),
        Auth::Open | Auth::MailgunSignature | Auth::UnsubscribeToken => json!({}),
    }
}

fn schemes(api: &Api) -> Value {
    let mut schemes = Map::new();
    for endpoint in api.endpoints {
        match endpoint.auth {
            Auth::Firebase | Auth::Finance | Auth::FirebaseOrToken => schemes.insert(
                "BearerAuth".to_owned(),
                json!({
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Firebase \
                        JWT token",
                }),
            ),
            Auth::ApiKey => schemes.insert(
                "ApiKeyAuth".to_owned(),
                json!({ "type": "apiKey", "name": "x-api-key", "in": "header" }),
            ),
            Auth::Open | Auth::MailgunSignature | Auth::UnsubscribeToken => None,
        };
    }
    schemes.into()
}

fn operation(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": endpoint.id,
        "summary": endpoint.summary,
        "description": endpoint.description,
        "tags": [endpoint.group],
        "responses": responses(endpoint, generator),
    });
    operation["security"] = match requirement(endpoint.auth) {
        Value::Object(none) if none.is_empty() => json!([]),
        // Who unsubscribed resubscribes without a login (A7).
        some if endpoint.auth == Auth::FirebaseOrToken => json!([some, {}]),
        some => json!([some]),
    };
    if let Some(query) = endpoint.query {
        operation["parameters"] = parameters(&query(generator).to_value(), generator);
    }
    if !endpoint.body.is_empty() {
        let media = endpoint
            .body
            .iter()
            .map(|(media, schema)| ((*media).to_owned(), json!({ "schema": schema(generator) })));
        operation["requestBody"] = json!({ "required": true, "content": media.collect::<Map<_, _>>() });
    }
    operation
}

/// The properties of an object as parameters of the query.
fn parameters(schema: &Value, generator: &SchemaGenerator) -> Value {
    let named = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    let schema = named.and_then(|name| generator.definitions().get(name)).unwrap_or(schema);
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    let properties = schema["properties"].as_object().into_iter().flatten();
    let parameters = properties.map(|(name, property)| {
        let mut property = property.clone();
        let description = property.as_object_mut().and_then(|members| members.remove("description"));
        // An absent parameter is absent, not null; and OpenAPI 3.0 knows no lists of types.
        property.as_object_mut().map(|members| members.remove("nullable"));
        let present = property["type"].as_array().and_then(|types| types.iter().find(|one| *one != "null"));
        if let Some(present) = present.cloned() {
            property["type"] = present;
        }
        let mut parameter = json!({ "name": name, "in": "query", "schema": property });
        if let Some(description) = description {
            parameter["description"] = description;
        }
        if required(name) {
            parameter["required"] = true.into();
        }
        parameter
    });
    parameters.collect()
}

fn responses(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let responses = endpoint.responses.iter().map(|response| {
        let mut value = json!({ "description": response.description });
        if let Some((media, schema)) = response.body {
            value["content"] = json!({ media: { "schema": schema(generator) } });
        }
        (response.status.to_string(), value)
    });
    responses.collect::<Map<_, _>>().into()
}
