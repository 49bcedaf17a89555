//! One process's side of the Runtime API, 2018-06-01, as requests and answers.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

/// What a process says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Gives me work.
    Next,
    /// Here is the answer to this invocation.
    Response(String),
    /// This invocation failed.
    Error(String),
    /// I cannot start.
    InitError,
    Unknown,
}

/// Reads method and path.
#[must_use]
pub fn read(method: &Method, path: &str) -> Ask {
    let Some(rest) = path.strip_prefix("/2018-06-01/runtime/") else { return Ask::Unknown };
    let parts: Vec<&str> = rest.split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["invocation", "next"]) => Ask::Next,
        ("POST", ["invocation", id, "response"]) => Ask::Response((*id).to_owned()),
        ("POST", ["invocation", id, "error"]) => Ask::Error((*id).to_owned()),
        ("POST", ["init", "error"]) => Ask::InitError,
        _ => Ask::Unknown,
    }
}

/// Work for a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invocation {
    pub id: String,
    /// Milliseconds since 1970.
    pub deadline_ms: u64,
    /// ARN with the qualifier that the caller used.
    pub arn: String,
    pub trace: String,
    pub payload: Bytes,
}

/// The answer to [`Ask::Next`].
#[must_use]
pub fn next(invocation: Invocation) -> Response<Full<Bytes>> {
    let Invocation { id, deadline_ms, arn, trace, payload } = invocation;
    let answer = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", id)
        .header("lambda-runtime-deadline-ms", deadline_ms)
        .header("lambda-runtime-invoked-function-arn", arn)
        .header("lambda-runtime-trace-id", trace);
    answer.body(Full::new(payload)).unwrap_or_else(|_| refused(StatusCode::INTERNAL_SERVER_ERROR, "Header"))
}

#[must_use]
pub fn accepted() -> Response<Full<Bytes>> {
    answer(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

/// `error` is the error's type.
#[must_use]
pub fn refused(status: StatusCode, error: &str) -> Response<Full<Bytes>> {
    answer(status, &json!({ "errorType": error, "errorMessage": status.to_string() }))
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_ones_of_the_runtime_api() {
        let read = |method: &Method, path: &str| read(method, &format!("/2018-06-01/runtime/{path}"));
        assert_eq!(read(&Method::GET, "invocation/next"), Ask::Next);
        assert_eq!(read(&Method::POST, "invocation/next"), Ask::Unknown);
        assert_eq!(read(&Method::POST, "invocation/a-1/response"), Ask::Response("a-1".into()));
        assert_eq!(read(&Method::POST, "invocation/a-1/error"), Ask::Error("a-1".into()));
        assert_eq!(read(&Method::POST, "init/error"), Ask::InitError);
        assert_eq!(super::read(&Method::GET, "/2015-01-01/runtime/invocation/next"), Ask::Unknown);
    }
}
