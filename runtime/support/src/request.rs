//! An event of API Gateway as one request, whatever form its parts came in.

use std::collections::BTreeMap;

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, Method};
use serde_json::Value;

use crate::reply::Failed;

/// A request to an endpoint.
#[derive(Clone, Debug)]
pub struct Request {
    /// API Gateway's id of the request.
    pub id: String,
    pub method: Method,
    /// The path of the contract, without a stage (R5).
    pub path: String,
    pub headers: HeaderMap,
    /// Every value of every parameter, decoded, in the order of the query.
    pub query: BTreeMap<String, Vec<String>>,
    pub body: Vec<u8>,
    /// The caller's address as the gateway saw it.
    pub source_ip: String,
    /// Host and stage under which the gateway was called: `https://id.execute-api…/dev`.
    pub base_url: String,
}

/// What is known of a request before it is read: enough to answer and to write down one that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Where the browser's page is from.
    pub(crate) origin: Option<String>,
}

impl Head {
    pub(crate) fn of(event: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let headers = event["headers"].as_object().into_iter().flatten();
        let origin = headers.filter(|(name, _)| name.eq_ignore_ascii_case("origin"));
        Self {
            id: text(&event["requestContext"]["requestId"]),
            method: text(&event["httpMethod"]),
            // Not the path: what nobody could read may hold anything.
            path: text(&event["resource"]),
            origin: origin.filter_map(|(_, value)| Some(value.as_str()?.to_owned())).next(),
        }
    }
}

impl Request {
    /// Reads an event as it came. A header that HTTP does not allow is the caller's mistake, not ours.
    ///
    /// # Errors
    /// When it is no event of API Gateway, its body has more than `body_max` bytes, or says that it is base64 and is
    /// not.
    pub fn read(mut event: Value, body_max: usize) -> Result<Self, Failed> {
        // A parameter without a value, which the reader of events does not survive.
        for form in ["multiValueQueryStringParameters", "queryStringParameters"] {
            if let Some(all) = event.get_mut(form).and_then(Value::as_object_mut) {
                all.retain(|_, values| values.as_array().is_none_or(|values| !values.is_empty()));
            }
        }
        let event = serde_json::from_value(event);
        // The message may quote a value.
        event
            .map_err(|_| Failed::invalid("The request cannot be read"))
            .and_then(|event| Self::of(event, body_max))
    }

    /// # Errors
    /// When its body is too long, or says that it is base64 and is not.
    fn of(event: ApiGatewayProxyRequest, body_max: usize) -> Result<Self, Failed> {
        let context = event.request_context;
        let stage = context.stage.unwrap_or_default();
        let path = event.path.unwrap_or_default();
        // With a custom domain the path may carry a base path; the resource is what the contract says.
        let path = event
            .resource
            .filter(|resource| resource.starts_with('/') && !resource.contains('{'))
            .unwrap_or(path);
        let path = path.strip_prefix(&format!("/{stage}/")).map_or(path.clone(), |rest| format!("/{rest}"));
        let mut headers = event.headers;
        for (name, value) in &event.multi_value_headers {
            if !headers.get_all(name).iter().any(|known| known == value) {
                headers.append(name, value.clone());
            }
        }
        let many = event.multi_value_query_string_parameters;
        let parameters = if many.is_empty() { event.query_string_parameters } else { many };
        let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in parameters.iter() {
            query.entry(name.to_owned()).or_default().push(value.to_owned());
        }
        let body = event.body.unwrap_or_default();
        let longest = if event.is_base64_encoded { body_max.div_ceil(3) * 4 } else { body_max };
        if body.len() > longest {
            return Err(Failed::invalid(format!("The body has more than {body_max} bytes")));
        }
        let body = match event.is_base64_encoded {
            false => body.into_bytes(),
            true => STANDARD.decode(body).map_err(|_| Failed::invalid("The body is no base64"))?,
        };
        let host = context.domain_name.unwrap_or_default();
        Ok(Self {
            id: context.request_id.unwrap_or_default(),
            method: event.http_method,
            path,
            headers,
            query,
            body,
            source_ip: context.identity.source_ip.unwrap_or_default(),
            base_url: format!("https://{host}/{stage}"),
        })
    }

    /// The first value of a header, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The first value of a parameter of the query.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name)?.first().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(event: &str) -> Request {
        Request::of(serde_json::from_str(event).expect("an event"), 100).expect("a request")
    }

    #[test]
    fn parts_are_read_in_every_form() {
        let read = request(
            r#"{ "resource": "/outreach/health", "path": "/dev/outreach/health", "httpMethod": "POST",
                 "headers": { "X-One": "a" }, "multiValueHeaders": { "X-One": ["a"], "x-two": ["b", "c"] },
                 "queryStringParameters": { "tags": "y" },
                 "multiValueQueryStringParameters": { "tags": ["x", "y"] },
                 "requestContext": { "stage": "dev", "requestId": "r1", "domainName": "id.execute-api",
                                     "httpMethod": "POST", "identity": { "sourceIp": "192.0.2.1" } },
                 "body": "aGVsbG8=", "isBase64Encoded": true }"#,
        );
        assert_eq!((read.path.as_str(), read.body.as_slice()), ("/outreach/health", b"hello".as_slice()));
        assert_eq!(read.headers.get_all("x-one").iter().count(), 1);
        assert_eq!(read.headers.get_all("X-Two").iter().count(), 2);
        assert_eq!(read.query["tags"], ["x", "y"]);
        assert_eq!((read.id.as_str(), read.source_ip.as_str()), ("r1", "192.0.2.1"));
        assert_eq!(read.base_url, "https://id.execute-api/dev");
    }

    #[test]
    fn a_header_that_http_does_not_allow_is_refused() {
        let event = serde_json::json!({
            "path": "/a", "httpMethod": "GET", "headers": { "x": "\u{7f}" },
            "requestContext": { "httpMethod": "GET", "identity": {} },
        });
        let failed = Request::read(event, 100).expect_err("a control character");
        assert_eq!(failed.message, "The request cannot be read");
        assert!(Request::read(serde_json::Value::Null, 100).is_err());
    }

    #[test]
    fn a_body_over_its_limit_is_refused_before_it_is_decoded() {
        let read = |body: &str, base64: bool| {
            let event = serde_json::json!({
                "path": "/a", "httpMethod": "POST", "body": body, "isBase64Encoded": base64,
                "requestContext": { "httpMethod": "POST", "identity": {} },
            });
            Request::read(event, 6).map(|read| read.body).map_err(|failed| failed.message)
        };
        let refused = Err("The body has more than 6 bytes".to_owned());
        assert_eq!(read("aaaaaa", false), Ok(b"aaaaaa".to_vec()));
        assert_eq!(read("aaaaaaa", false), refused);
        assert_eq!(read("YWFhYWFh", true), Ok(b"aaaaaa".to_vec()));
        // It is no base64 either, which nobody found out.
        assert_eq!(read("YWFhYWFhY", true), refused);
    }

    #[test]
    fn a_parameter_without_a_value_is_absent() {
        let event = serde_json::json!({
            "path": "/a", "httpMethod": "GET", "multiValueQueryStringParameters": { "a": [], "b": ["1"] },
            "requestContext": { "httpMethod": "GET", "identity": {} },
        });
        let read = Request::read(event, 100).expect("a request");
        assert_eq!((read.parameter("a"), read.parameter("b")), (None, Some("1")));
    }

    #[test]
    fn absent_parts_are_empty() {
        let read = request(
            r#"{ "path": "/dev/a", "httpMethod": "GET", "headers": null, "multiValueHeaders": null,
                 "queryStringParameters": null, "body": null,
                 "requestContext": { "stage": "dev", "httpMethod": "GET", "identity": {} } }"#,
        );
        assert_eq!((read.path.as_str(), read.body.len(), read.query.len()), ("/a", 0, 0));
        assert_eq!(read.header("origin"), None);
    }
}
