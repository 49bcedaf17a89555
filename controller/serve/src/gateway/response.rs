//! Gateway responses: what API Gateway itself answers with.

use bytes::Bytes;
use serde_json::Value;

use super::{Matched, Request, Response, event, mapping::Scope};
use crate::deployed::{Api, GatewayResponse};

/// Why API Gateway answers by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The gateway response type; empty where only `DEFAULT_5XX` applies.
    pub kind: &'static str,
    pub status: u16,
    pub message: String,
    /// The header `x-amzn-ErrorType`.
    pub error: &'static str,
}

impl Problem {
    fn new(kind: &'static str, status: u16, error: &'static str, message: &str) -> Self {
        Self { kind, status, message: message.to_owned(), error }
    }

    pub(super) fn too_large() -> Self {
        let message = "HTTP content length exceeded 10485760 bytes.";
        Self::new("REQUEST_TOO_LARGE", 413, "RequestTooLargeException", message)
    }

    /// A stage that the API does not have: nothing of the API is known, so nothing of it applies.
    pub(super) fn no_stage() -> Self {
        Self::new("", 403, "ForbiddenException", "Forbidden")
    }

    /// API Gateway's answer to an unknown path or method.
    pub(super) fn no_method() -> Self {
        let message = "Missing Authentication Token";
        Self::new("MISSING_AUTHENTICATION_TOKEN", 403, "MissingAuthenticationTokenException", message)
    }

    pub(super) fn no_key() -> Self {
        Self::new("INVALID_API_KEY", 403, "ForbiddenException", "Forbidden")
    }

    pub(super) fn throttled() -> Self {
        Self::new("THROTTLED", 429, "TooManyRequestsException", "Too Many Requests")
    }

    pub(super) fn quota() -> Self {
        Self::new("QUOTA_EXCEEDED", 429, "LimitExceededException", "Limit Exceeded")
    }

    pub(super) fn parameters(missing: &[&str]) -> Self {
        let message = format!("Missing required request parameters: [{}]", missing.join(", "));
        Self::new("BAD_REQUEST_PARAMETERS", 400, "BadRequestException", &message)
    }

    pub(super) fn body() -> Self {
        Self::new("BAD_REQUEST_BODY", 400, "BadRequestException", "Invalid request body")
    }

    /// What is wrong with the API and not with the request, a missing permission among it.
    #[must_use]
    pub fn configuration() -> Self {
        Self::new("API_CONFIGURATION_ERROR", 500, INTERNAL, "Internal server error")
    }

    /// Lambda's 429 is no 429 of API Gateway's: the client did nothing wrong.
    pub(super) fn function_throttled() -> Self {
        Self::new("INTEGRATION_FAILURE", 500, INTERNAL, "Internal server error")
    }

    pub(super) fn timed_out() -> Self {
        Self::new("INTEGRATION_TIMEOUT", 504, INTERNAL, "Endpoint request timed out")
    }

    /// A function that failed, or answered with something else than a proxy response.
    pub(super) fn malformed() -> Self {
        Self::new("", 502, INTERNAL, "Internal server error")
    }
}

const INTERNAL: &str = "InternalServerErrorException";
const JSON: &str = "application/json";

/// The answer to a problem: as the API configures it for the type, else for `DEFAULT_4XX` or `DEFAULT_5XX`.
#[must_use]
pub fn of(api: &Api, request: &Request, matched: Option<&Matched<'_>>, problem: &Problem) -> Response {
    let default = if problem.status < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
    let configured = match problem.error {
        // Nothing of an API applies before its stage is known.
        "ForbiddenException" if problem.kind.is_empty() => None,
        _ => api.responses.get(problem.kind).or_else(|| api.responses.get(default)),
    };
    let plain = GatewayResponse::default();
    let configured = configured.unwrap_or(&plain);
    let context = with_error(event::context(api, request, matched), problem);
    let parameters = matched.map(|matched| matched.parameters.as_slice()).unwrap_or_default();
    let scope = Scope { request, parameters, context: &context, variables: &api.variables };
    let (kind, body) = body(configured, request, &scope, problem);
    let mut headers = vec![
        ("content-type".to_owned(), kind),
        ("x-amzn-RequestId".to_owned(), request.id.clone()),
        ("x-amzn-ErrorType".to_owned(), problem.error.to_owned()),
        ("x-amz-apigw-id".to_owned(), event::extended_id(&request.id)),
    ];
    for (name, mapping) in &configured.parameters {
        let Some(name) = name.strip_prefix("gatewayresponse.header.") else { continue };
        let Some(value) = scope.value(mapping) else { continue };
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        headers.push((name.to_owned(), value));
    }
    Response { status: configured.status.unwrap_or(problem.status), headers, body }
}

fn with_error(mut context: Value, problem: &Problem) -> Value {
    context["error"] = serde_json::json!({
        "message": problem.message,
        "messageString": Value::from(problem.message.as_str()).to_string(),
        "responseType": problem.kind,
    });
    context
}

/// The template for what the client accepts, else the one for JSON, else the first.
fn body(
    configured: &GatewayResponse,
    request: &Request,
    scope: &Scope<'_>,
    problem: &Problem,
) -> (String, Bytes) {
    let templates = &configured.templates;
    let accepted = request.header("accept").unwrap_or_default();
    let accepted = accepted.split(',').filter_map(|kind| kind.split(';').next()).map(str::trim);
    let chosen = accepted.into_iter().find_map(|kind| templates.get_key_value(kind));
    let chosen = chosen.or_else(|| templates.get_key_value(JSON)).or_else(|| templates.iter().next());
    match chosen {
        Some((kind, template)) => (kind.clone(), Bytes::from(scope.render(template))),
        None => {
            let body = serde_json::json!({ "message": problem.message });
            (JSON.to_owned(), Bytes::from(body.to_string()))
        }
    }
}
