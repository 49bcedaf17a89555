//! What API Gateway keeps of an OpenAPI document, as typed values: the form that is compared and imported.
//!
//! Descriptions, tags and examples are for readers of the document; API Gateway does not serve by them, and
//! they are not sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Maps that are left out when they are empty.
type Map<V> = BTreeMap<String, V>;

/// Routes and what they refer to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// By method and path: `POST /outreach/send-email`.
    pub routes: Map<Route>,
    /// JSON schemas by name.
    pub models: Map<Value>,
    pub validators: Map<Validator>,
    /// By type: `DEFAULT_4XX`, `THROTTLED` …
    pub gateway_responses: Map<GatewayResponse>,
}

/// One method of one path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// `NONE`, `AWS_IAM`; what was found may say `CUSTOM` or `COGNITO_USER_POOLS`.
    pub authorization: String,
    pub api_key: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<String>,
    /// `method.request.querystring.NAME` and whether it is required.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<bool>,
    /// Models of bodies, by content type.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub bodies: Map<String>,
    pub integration: Option<Integration>,
    /// By status.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub responses: Map<Response>,
}

/// What answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    /// `AWS_PROXY`, `AWS`, `HTTP_PROXY`, `HTTP` or `MOCK`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How the other side is called; Lambda always by `POST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub templates: Map<String>,
    /// `WHEN_NO_MATCH`, `WHEN_NO_TEMPLATES` or `NEVER`.
    pub passthrough: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<String>,
    pub timeout_ms: u32,
    /// By status.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub responses: Map<Answer>,
}

/// What an integration's answer becomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Which answers are meant; none is every other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub templates: Map<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<String>,
}

/// What a method may answer with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// `method.response.header.NAME` and whether it is always there.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub headers: Map<bool>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub bodies: Map<String>,
}

/// What is checked before the integration is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validator {
    pub body: bool,
    pub parameters: bool,
}

/// What the gateway answers itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GatewayResponse {
    /// `None` keeps AWS's own.
    pub status: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub templates: Map<String>,
}

/// Words of a schema that API Gateway does not keep, or that mean nothing to it (developer guide, "important
/// notes").
const ANNOTATIONS: &[&str] = &[
    "$schema",
    "deprecated",
    "discriminator",
    "example",
    "examples",
    "externalDocs",
    "readOnly",
    "writeOnly",
    "xml",
];

const SCHEMAS: &str = "#/components/schemas/";

/// A schema as it is compared: without annotations, and with one way of naming other models.
///
/// API Gateway keeps `#/components/schemas/X` as `https://apigateway.amazonaws.com/restapis/ID/models/X`.
pub(super) fn schema(value: &Value) -> Value {
    match value {
        Value::Object(all) => all
            .iter()
            .filter(|(key, _)| !ANNOTATIONS.contains(&key.as_str()))
            .map(|(key, member)| {
                let model =
                    member.as_str().filter(|_| key == "$ref").and_then(|to| to.rsplit_once("/models/"));
                let member = match (key.as_str(), member, model) {
                    (_, _, Some((_, name))) => format!("{SCHEMAS}{name}").into(),
                    // Names of properties are no words of the schema.
                    ("properties", Value::Object(named), _) => {
                        named.iter().map(|(name, one)| (name.clone(), schema(one))).collect()
                    }
                    _ => schema(member),
                };
                (key.clone(), member)
            })
            .collect(),
        Value::Array(all) => all.iter().map(schema).collect(),
        other => other.clone(),
    }
}

/// The name of the model that a schema refers to.
pub(super) fn model_of(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(SCHEMAS)
}

pub(super) fn reference_to(model: &str) -> Value {
    serde_json::json!({ "schema": { "$ref": format!("{SCHEMAS}{model}") } })
}

/// AWS's own status codes: a response that names its type's is shown like one that names none.
const STATUSES: &[(&str, &str)] = &[
    ("ACCESS_DENIED", "403"),
    ("API_CONFIGURATION_ERROR", "500"),
    ("AUTHORIZER_CONFIGURATION_ERROR", "500"),
    ("AUTHORIZER_FAILURE", "500"),
    ("BAD_REQUEST_BODY", "400"),
    ("BAD_REQUEST_PARAMETERS", "400"),
    ("EXPIRED_TOKEN", "403"),
    ("INTEGRATION_FAILURE", "504"),
    ("INTEGRATION_TIMEOUT", "504"),
    ("INVALID_API_KEY", "403"),
    ("INVALID_SIGNATURE", "403"),
    ("MISSING_AUTHENTICATION_TOKEN", "403"),
    ("QUOTA_EXCEEDED", "429"),
    ("REQUEST_TOO_LARGE", "413"),
    ("RESOURCE_NOT_FOUND", "404"),
    ("THROTTLED", "429"),
    ("UNAUTHORIZED", "401"),
    ("UNSUPPORTED_MEDIA_TYPE", "415"),
    ("WAF_FILTERED", "403"),
];

/// The status code of a gateway response, where it is not AWS's own.
pub(super) fn own_status(kind: &str, status: Option<String>) -> Option<String> {
    let aws = STATUSES.iter().find(|(name, _)| *name == kind).map(|(_, status)| *status);
    status.filter(|status| Some(status.as_str()) != aws)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_loses_its_annotations_and_keeps_its_properties() {
        let url = "https://apigateway.amazonaws.com/restapis/a1/models/Address";
        let given = json!({
            "$schema": "http://json-schema.org/draft-04/schema#",
            "type": "object", "example": { "to": "a@b" },
            "properties": {
                "example": { "type": "string", "readOnly": true },
                "all": { "type": "array", "items": { "$ref": url } },
            },
        });
        let kept = json!({
            "type": "object",
            "properties": {
                "example": { "type": "string" },
                "all": { "type": "array", "items": { "$ref": "#/components/schemas/Address" } },
            },
        });
        assert_eq!(schema(&given), kept);
        assert_eq!(schema(&kept), kept);
    }
}
