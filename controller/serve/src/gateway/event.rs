//! The event of the Lambda proxy integration, format 1.0.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Matched, Request, mapping::query};
use crate::deployed::Api;

/// Headers of one connection, which API Gateway keeps to itself.
const DROPPED: &[&str] =
    &["connection", "content-length", "expect", "keep-alive", "te", "transfer-encoding", "upgrade"];

/// The event. Header names are in lower case, as from a client that speaks HTTP/2, but for those that API Gateway adds.
#[must_use]
pub fn proxy(matched: &Matched<'_>) -> Value {
    let Matched { api, request, resource, path, parameters, .. } = matched;
    let headers = headers(request);
    let query = query(&request.query);
    let binary = is_binary(api, request.header("content-type").unwrap_or_default());
    let body = match (request.body.as_ref(), binary) {
        ([], _) => Value::Null,
        (bytes, true) => BASE64_STANDARD.encode(bytes).into(),
        (bytes, false) => String::from_utf8_lossy(bytes).into_owned().into(),
    };
    let parameters: Map<String, Value> =
        parameters.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let variables: Map<String, Value> =
        api.variables.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    json!({
        "resource": resource.path,
        // With a custom domain the base path belongs to it, and with AWS's own URL the stage does not.
        "path": request.domain.as_ref().map_or_else(|| path.clone(), |domain| format!("{}{path}", domain.base)),
        "httpMethod": request.method,
        "headers": last_of_each(&headers),
        "multiValueHeaders": all_of_each(&headers),
        "queryStringParameters": last_of_each(&query),
        "multiValueQueryStringParameters": all_of_each(&query),
        "pathParameters": or_null(parameters),
        "stageVariables": or_null(variables),
        "requestContext": context(api, request, Some(matched)),
        "body": body,
        "isBase64Encoded": binary && !request.body.is_empty(),
    })
}

/// `requestContext`: what is known of a request, wherever it belongs.
#[must_use]
pub fn context(api: &Api, request: &Request, matched: Option<&Matched<'_>>) -> Value {
    let at_ms = i64::try_from(request.at_ms).unwrap_or_default();
    let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
    let mut identity = json!({
        "cognitoIdentityPoolId": null,
        "accountId": null,
        "cognitoIdentityId": null,
        "caller": null,
        "sourceIp": request.source_ip,
        "principalOrgId": null,
        "accessKey": null,
        "cognitoAuthenticationType": null,
        "cognitoAuthenticationProvider": null,
        "userArn": null,
        "userAgent": request.header("user-agent"),
        "user": null,
    });
    if let Some(usage) = matched.and_then(|matched| matched.usage) {
        identity["apiKey"] = request.header("x-api-key").into();
        identity["apiKeyId"] = usage.key_id.as_str().into();
    }
    let path = request.path.trim_start_matches('/');
    let own = format!("{}.execute-api.{}.amazonaws.com", api.id, api.region);
    let host = request.domain.as_ref().map_or(own, |domain| domain.host.clone());
    let mut context = json!({
        "httpMethod": request.method,
        "extendedRequestId": extended_id(&request.id),
        "requestTime": at.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        "requestTimeEpoch": request.at_ms,
        "path": format!("/{path}"),
        "accountId": api.account,
        "protocol": request.protocol,
        "stage": api.stage,
        "domainPrefix": host.split('.').next(),
        "domainName": host,
        "requestId": request.id,
        "identity": identity,
        "deploymentId": api.deployment,
        "apiId": api.id,
    });
    if let Some(Matched { resource, method, .. }) = matched {
        context["resourceId"] = resource.id.as_str().into();
        context["resourcePath"] = resource.path.as_str().into();
        if let Some(operation) = &method.operation {
            context["operationName"] = operation.as_str().into();
        }
    }
    context
}

/// API Gateway's second id of a request.
#[must_use]
pub fn extended_id(id: &str) -> String {
    let letters: String = id.chars().filter(char::is_ascii_alphanumeric).take(15).collect();
    format!("{letters}=")
}

fn headers(request: &Request) -> Vec<(String, String)> {
    let forwarded = ["x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id"];
    let kept = request
        .headers
        .iter()
        .filter(|(name, _)| !DROPPED.iter().chain(&forwarded).any(|known| name.eq_ignore_ascii_case(known)));
    let mut headers: Vec<_> = kept
        .map(|(name, value)| {
            let name = match name.to_ascii_lowercase().as_str() {
                "host" => "Host".to_owned(),
                "user-agent" => "User-Agent".to_owned(),
                "authorization" => "Authorization".to_owned(),
                _ => name.clone(),
            };
            (name, value.clone())
        })
        .collect();
    let before = request.header("x-forwarded-for").map(|chain| format!("{chain}, ")).unwrap_or_default();
    headers.push(("X-Forwarded-For".to_owned(), format!("{before}{}", request.source_ip)));
    headers.push(("X-Forwarded-Port".to_owned(), request.port.to_string()));
    headers.push(("X-Forwarded-Proto".to_owned(), "http".to_owned()));
    headers.push(("X-Amzn-Trace-Id".to_owned(), request.trace.clone()));
    headers
}

/// Whether the API treats a content type as bytes.
pub(super) fn is_binary(api: &Api, content_type: &str) -> bool {
    let given = content_type.split(';').next().unwrap_or_default().trim();
    let fits = |known: &String| match known.split_once('/') {
        Some(("*", "*")) => true,
        Some((class, "*")) => given.split_once('/').is_some_and(|(of, _)| of.eq_ignore_ascii_case(class)),
        _ => known.eq_ignore_ascii_case(given),
    };
    api.binary_media_types.iter().any(fits)
}

fn last_of_each(pairs: &[(String, String)]) -> Value {
    or_null(pairs.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect())
}

fn all_of_each(pairs: &[(String, String)]) -> Value {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    pairs.iter().for_each(|(name, value)| all.entry(name).or_default().push(value));
    or_null(all.into_iter().map(|(name, values)| (name.to_owned(), json!(values))).collect())
}

/// Where there is nothing, API Gateway says null.
fn or_null(members: Map<String, Value>) -> Value {
    if members.is_empty() { Value::Null } else { Value::Object(members) }
}
