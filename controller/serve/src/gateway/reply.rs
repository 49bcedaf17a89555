//! The function's answer as HTTP, and the answers of mocks.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    Matched, Request, Response, event,
    mapping::Scope,
    response::{self, Problem},
};
use crate::deployed::{Api, MockResponse};

/// Everything that a proxy response may hold. None must be there; anything else makes it malformed.
const MEMBERS: &[&str] = &["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"];

/// Headers that API Gateway sends under another name, since the first are its own.
const REMAPPED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "date",
    "host",
    "server",
    "user-agent",
    "www-authenticate",
];

/// The answer that a function's payload stands for, or `None` when it is malformed.
#[must_use]
pub fn proxy(api: &Api, request: &Request, payload: &[u8]) -> Option<Response> {
    let Value::Object(answer) = serde_json::from_slice(payload).ok()? else { return None };
    if answer.keys().any(|member| !MEMBERS.contains(&member.as_str())) {
        return None;
    }
    let status = match answer.get("statusCode") {
        None | Some(Value::Null) => 200,
        Some(Value::Number(number)) => u16::try_from(number.as_u64()?).ok()?,
        Some(Value::String(text)) => text.parse().ok()?,
        Some(_) => return None,
    };
    if !(100..=599).contains(&status) {
        return None;
    }
    let mut headers = headers(&answer)?;
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    headers.push(("x-amzn-RequestId".to_owned(), request.id.clone()));
    headers.push(("x-amz-apigw-id".to_owned(), event::extended_id(&request.id)));
    headers.push(("X-Amzn-Trace-Id".to_owned(), request.trace.clone()));
    let encoded = match answer.get("isBase64Encoded") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(encoded)) => *encoded,
        Some(_) => return None,
    };
    let body = match answer.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) if encoded && wants_bytes(api, request) => {
            Bytes::from(BASE64_STANDARD.decode(text).ok()?)
        }
        Some(Value::String(text)) => Bytes::from(text.clone()),
        Some(_) => return None,
    };
    Some(Response { status, headers, body })
}

/// API Gateway goes by the first media type that the client accepts, not by what the function sends.
fn wants_bytes(api: &Api, request: &Request) -> bool {
    let accepted = request.header("accept").unwrap_or_default();
    event::is_binary(api, accepted.split(',').next().unwrap_or_default())
}

/// `multiValueHeaders` win over `headers` of the same name.
fn headers(answer: &Map<String, Value>) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    let members = |name: &str| match answer.get(name) {
        None | Some(Value::Null) => Some(Map::new()),
        Some(Value::Object(members)) => Some(members.clone()),
        Some(_) => None,
    };
    let several = members("multiValueHeaders")?;
    for (name, value) in members("headers")? {
        if !several.keys().any(|other| other.eq_ignore_ascii_case(&name)) {
            headers.push((name, text(&value)?));
        }
    }
    for (name, values) in several {
        for value in values.as_array()? {
            headers.push((name.clone(), text(value)?));
        }
    }
    let sent = headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("transfer-encoding"));
    Some(
        sent.map(|(name, value)| match REMAPPED.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            true => (format!("x-amzn-Remapped-{name}"), value),
            false => (name, value),
        })
        .collect(),
    )
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The answer of a mock: its request template names a status code, which chooses the integration response.
#[must_use]
pub fn mock(
    matched: &Matched<'_>,
    requests: &BTreeMap<String, String>,
    responses: &[MockResponse],
) -> Response {
    let Matched { api, request, parameters, .. } = matched;
    let context = event::context(api, request, Some(matched));
    let scope = Scope { request, parameters, context: &context, variables: &api.variables };
    let template = for_type(requests, request.header("content-type"));
    let asked = template.and_then(|(_, template)| {
        // Written for JavaScript rather than JSON: the key may stand without quotes.
        let text = scope.render(template);
        let digits = text.split_once("statusCode")?.1.trim_start_matches(|c: char| !c.is_ascii_digit());
        digits.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u16>().ok()
    });
    let chosen = asked.and_then(|status| {
        let status = status.to_string();
        let matching = responses.iter().find(|one| one.pattern.as_deref() == Some(status.as_str()));
        matching.or_else(|| responses.iter().find(|one| one.pattern.is_none()))
    });
    let Some(chosen) = chosen else {
        return response::of(api, request, Some(matched), &Problem::configuration());
    };
    let (kind, body) = match for_type(&chosen.templates, request.header("accept")) {
        Some((kind, template)) => (kind.clone(), scope.render(template)),
        None => ("application/json".to_owned(), String::new()),
    };
    let mut headers = vec![
        ("content-type".to_owned(), kind),
        ("x-amzn-RequestId".to_owned(), request.id.clone()),
        ("x-amz-apigw-id".to_owned(), event::extended_id(&request.id)),
    ];
    for (name, mapping) in &chosen.parameters {
        let Some(name) = name.strip_prefix("method.response.header.") else { continue };
        let Some(value) = scope.value(mapping) else { continue };
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        headers.push((name.to_owned(), value));
    }
    Response { status: chosen.status, headers, body: Bytes::from(body) }
}

/// The template for a media type, else the one for JSON.
fn for_type<'t>(
    templates: &'t BTreeMap<String, String>,
    kind: Option<&str>,
) -> Option<(&'t String, &'t String)> {
    let kind = kind.unwrap_or_default().split([',', ';']).next().unwrap_or_default().trim();
    templates.get_key_value(kind).or_else(|| templates.get_key_value("application/json"))
}
