//! Answers and failures in the shapes of the contract, with CORS.

use aws_lambda_events::{apigw::ApiGatewayProxyResponse, encodings::Body};
use contract::reply::{Code, Failure, VERSION};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;

use crate::{Clock, metric::Metric};

/// Headers that browsers may send (I2), and the key of a request that is done once.
pub const ALLOWED_HEADERS: &str =
    "Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token,X-Requested-With,Idempotency-Key";

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    /// What the request adds to the metrics of its function.
    pub metrics: Vec<Metric>,
}

impl Reply {
    /// A JSON body.
    ///
    /// # Panics
    /// Never: the types of the contract are plain data.
    #[must_use]
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        Self::of_json(status, serde_json::to_string(body).expect("plain data"))
    }

    /// A body that is JSON already.
    #[must_use]
    pub fn of_json(status: u16, body: String) -> Self {
        Self { status, headers: HeaderMap::new(), body, metrics: Vec::new() }
            .with(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// What a browser asks before it sends the request itself; who may is said by [`shared_with`](Self::shared_with).
    #[must_use]
    pub fn preflight() -> Self {
        Self { status: 204, headers: HeaderMap::new(), body: String::new(), metrics: Vec::new() }
            .with(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,POST,OPTIONS"))
            .with(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"))
    }

    /// With a metric of what was done.
    #[must_use]
    pub fn measured(mut self, metric: Metric) -> Self {
        self.metrics.push(metric);
        self
    }

    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Lets the browser of an allowed origin read it: that one origin, never a list (standards 2.8).
    #[must_use]
    pub fn shared_with(mut self, origin: Option<&str>, origins: &[String]) -> Self {
        self.headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin.filter(|asked| origins.iter().any(|one| one == asked)) else {
            return self;
        };
        let Ok(origin) = HeaderValue::from_str(origin) else { return self };
        self.with(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin)
            .with(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"))
            .with(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS))
            .with(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"))
    }

    pub(crate) fn for_gateway(self) -> ApiGatewayProxyResponse {
        let mut response = ApiGatewayProxyResponse::default();
        response.status_code = i64::from(self.status);
        // Headers that occur twice only survive here.
        response.multi_value_headers = self.headers;
        response.body = Some(Body::Text(self.body));
        response
    }
}

/// A request that could not be served: what the caller is told, and what only the log is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub code: Code,
    /// For the caller; holds no address and no secret.
    pub message: String,
    /// For the log; the same holds.
    pub cause: Option<String>,
    /// Seconds after which it may be tried again.
    pub retry_after_s: Option<u32>,
}

impl Failed {
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), cause: None, retry_after_s: None }
    }

    /// The caller's mistake.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    /// Ours; the caller learns no more.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::new(Code::Internal, "Internal server error").because(cause)
    }

    /// Somebody else's, and passing.
    #[must_use]
    pub fn unavailable(cause: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, "Service temporarily unavailable").because(cause).retry_after(2)
    }

    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The one shape of all failures (R3).
    #[must_use]
    pub fn reply(&self, clock: Clock) -> Reply {
        let body = Failure {
            success: false,
            error: self.message.clone(),
            code: Some(self.code),
            timestamp: clock.timestamp(),
            version: VERSION.to_owned(),
        };
        let reply = Reply::json(self.code.status(), &body);
        match self.retry_after_s {
            Some(seconds) => reply.with(header::RETRY_AFTER, HeaderValue::from(seconds)),
            None => reply,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_allowed_origin_is_echoed() {
        let origins = ["https://crm.example".to_owned(), "https://other.example".to_owned()];
        let reply = |origin: &str| Reply::json(200, &()).shared_with(Some(origin), &origins).headers;
        assert_eq!(reply("https://crm.example")["access-control-allow-origin"], "https://crm.example");
        for origin in ["https://evil.example", "https://crm.example.evil.example", "null", "*"] {
            assert_eq!(reply(origin).get("access-control-allow-origin"), None, "{origin}");
            assert_eq!(reply(origin)["vary"], "Origin");
        }
    }

    #[test]
    fn a_failure_has_the_one_shape_and_keeps_its_cause_to_itself() {
        let failed = Failed::internal("table gone").retry_after(3);
        let reply = failed.reply(Clock::Fixed(0));
        assert_eq!((reply.status, &reply.headers["retry-after"]), (500, &HeaderValue::from(3)));
        let body: serde_json::Value = serde_json::from_str(&reply.body).expect("JSON");
        let want = serde_json::json!({
            "success": false, "error": "Internal server error", "code": "Internal",
            "timestamp": "1970-01-01T00:00:00.000Z", "version": "1.0.0",
        });
        assert_eq!(body, want);
    }
}
