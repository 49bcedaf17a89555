//! API Gateway v1: a request and what is deployed give an answer, or a call of a function whose outcome gives one.
//!
//! Nothing here does I/O or reads a clock: time, ids and whom a key belongs to are inputs.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`route`] | which resource and method a path belongs to |
//! | [`limits`] | token buckets of stage, plan and method; quotas |
//! | [`validate`] | request validators: parameters and JSON schemas |
//! | [`event`] | the event of the Lambda proxy integration |
//! | [`reply`] | the function's answer as HTTP |
//! | [`response`] | gateway responses: what API Gateway itself answers with |
//! | [`mapping`] | parameter mappings and the templates of mocks and gateway responses |

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::deployed::{Api, Integration, Method, Resource, Usage};

pub mod event;
pub mod limits;
pub mod mapping;
pub mod reply;
pub mod response;
pub mod route;
pub mod validate;

pub use limits::Limits;
pub use response::Problem;

/// API Gateway takes no larger body.
pub const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// One request as it came in, before anything is decoded.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// With the stage or the base path, not decoded.
    pub path: String,
    /// The custom domain that the client spoke to, where it did.
    pub domain: Option<Domain>,
    pub query: String,
    /// In order, repeated where they were.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub source_ip: String,
    pub protocol: String,
    /// The port that the client spoke to.
    pub port: u16,
    /// What API Gateway would invent.
    pub id: String,
    pub trace: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

/// A custom domain, and what of the path belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    pub host: String,
    /// `/outreach`, or empty.
    pub base: String,
}

impl Request {
    /// The path that the API knows: without the stage, or without the base path of a custom domain.
    fn below(&self, stage: &str) -> Option<&str> {
        match &self.domain {
            None => route::below(stage, &self.path),
            Some(domain) => route::below(&domain.base, &self.path),
        }
    }

    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// An answer, ready for the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Response {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// As hyper wants it; what HTTP cannot carry is left out.
    #[must_use]
    pub fn into_http(self) -> http::Response<Bytes> {
        let mut answer = http::Response::new(self.body);
        *answer.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        for (name, value) in self.headers {
            let pair = (HeaderName::try_from(name), HeaderValue::try_from(value));
            if let (Ok(name), Ok(value)) = pair {
                answer.headers_mut().append(name, value);
            }
        }
        answer
    }
}

/// A request in the place where it belongs.
#[derive(Clone, Debug)]
pub struct Matched<'a> {
    pub api: &'a Api,
    pub request: &'a Request,
    pub resource: &'a Resource,
    pub method: &'a Method,
    /// Not decoded, without the stage.
    pub path: String,
    /// Decoded.
    pub parameters: Vec<(String, String)>,
    pub usage: Option<&'a Usage>,
}

/// What is to be done about a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    Answer(Response),
    Call(Call),
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// ARN with its qualifier.
    pub function: String,
    pub event: serde_json::Value,
    pub timeout_ms: u64,
    /// What the function's policy is asked about.
    pub source_arn: String,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The function's policy does not let API Gateway in, or there is no such function.
    Forbidden,
    /// The function's reserved concurrency is used up.
    Throttled,
    /// The integration's own timeout, which is not the function's.
    TimedOut,
    /// The function failed, or could not be started.
    Failed,
    Answered(Bytes),
}

/// What a request comes to. `usage` is what the plans know of the key that the request carries; limits are taken
/// from here on, also when a function then fails.
pub fn decide(api: &Api, usage: Option<&Usage>, limits: &mut Limits, request: &Request) -> Decision {
    let refuse = |problem: Problem| Decision::Answer(response::of(api, request, None, &problem));
    if request.body.len() > BODY_BYTES_MAX {
        return refuse(Problem::too_large());
    }
    let Some(path) = request.below(&api.stage) else {
        return refuse(Problem::no_stage());
    };
    let Some((resource, method, parameters)) = route::find(&api.resources, &request.method, path) else {
        return refuse(Problem::no_method());
    };
    let path = path.to_owned();
    let mut matched = Matched { api, request, resource, method, path, parameters, usage: None };
    let refuse = |matched: &Matched<'_>, problem| {
        Decision::Answer(response::of(api, request, Some(matched), &problem))
    };
    if method.authorization == "AWS_IAM" && request.header("authorization").is_none() {
        return refuse(&matched, Problem::no_method());
    }
    if method.key_required {
        let Some(usage) = usage else { return refuse(&matched, Problem::no_key()) };
        matched.usage = Some(usage);
    }
    if !limits.admit(api, &resource.path, &request.method, matched.usage, request.at_ms) {
        return refuse(&matched, Problem::throttled());
    }
    if matched.usage.is_some_and(|usage| !limits.admit_quota(usage, request.at_ms)) {
        return refuse(&matched, Problem::quota());
    }
    if let Err(problem) = validate::request(&matched) {
        return refuse(&matched, problem);
    }
    match &method.integration {
        Integration::Proxy { function, timeout_ms } => Decision::Call(Call {
            function: mapping::stage_variables(function, &api.variables),
            event: event::proxy(&matched),
            timeout_ms: *timeout_ms,
            source_arn: source_arn(api, &request.method, &resource.path),
        }),
        Integration::Mock { requests, responses } => {
            Decision::Answer(reply::mock(&matched, requests, responses))
        }
        Integration::Other(kind) => {
            let why = format!("an integration of type {kind} is not served here");
            refuse(&matched, Problem { message: why, ..Problem::configuration() })
        }
    }
}

/// The answer to a request that belongs to no stage.
#[must_use]
pub fn nowhere(api: &Api, request: &Request) -> Response {
    response::of(api, request, None, &Problem::no_stage())
}

/// The answer to a request whose function was called.
#[must_use]
pub fn finish(api: &Api, request: &Request, outcome: &Outcome) -> Response {
    let problem = match outcome {
        Outcome::Forbidden => Problem::configuration(),
        Outcome::Throttled => Problem::function_throttled(),
        Outcome::TimedOut => Problem::timed_out(),
        Outcome::Failed => Problem::malformed(),
        Outcome::Answered(payload) => match reply::proxy(api, request, payload) {
            Some(answer) => return answer,
            None => Problem::malformed(),
        },
    };
    let path = request.below(&api.stage).unwrap_or_default().to_owned();
    let found = route::find(&api.resources, &request.method, &path);
    let matched = found.map(|(resource, method, parameters)| Matched {
        api,
        request,
        resource,
        method,
        path,
        parameters,
        usage: None,
    });
    response::of(api, request, matched.as_ref(), &problem)
}

/// `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/path`, with `*` for each parameter of the path.
fn source_arn(api: &Api, method: &str, path: &str) -> String {
    let plain = |segment: &str| match segment.starts_with('{') {
        true => "*".to_owned(),
        false => segment.to_owned(),
    };
    let path = path.trim_start_matches('/').split('/').map(plain).collect::<Vec<_>>().join("/");
    let Api { region, account, id, stage, .. } = api;
    format!("arn:aws:execute-api:{region}:{account}:{id}/{stage}/{method}/{path}")
}

#[cfg(test)]
mod tests;
