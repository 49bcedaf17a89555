//! What is deployed, as plain data: everything that the gateway and the pool decide by.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// One stage of a REST API, as its deployment froze it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Api {
    pub id: String,
    pub name: String,
    pub stage: String,
    pub deployment: String,
    pub account: String,
    pub region: String,
    /// Stage variables.
    pub variables: BTreeMap<String, String>,
    pub binary_media_types: BTreeSet<String>,
    pub resources: Vec<Resource>,
    /// JSON schemas by name, for `$ref`.
    pub models: BTreeMap<String, Value>,
    /// By gateway response type: `DEFAULT_4XX`, `THROTTLED`.
    pub responses: BTreeMap<String, GatewayResponse>,
    /// Method throttles of the stage, by `PATH/METHOD` without escapes (`/send/POST`) or `*/*`.
    pub throttles: BTreeMap<String, Throttle>,
}

/// A base path of a custom domain, and where it leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// The domain.
    pub host: String,
    /// Empty for the whole domain.
    pub base: String,
    pub api: String,
    /// `None` where callers say it after the base path.
    pub stage: Option<String>,
}

/// A path of an API and what it answers to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    pub id: String,
    /// `/users/{id}`, `/files/{path+}`.
    pub path: String,
    /// By HTTP method, or `ANY`.
    pub methods: BTreeMap<String, Method>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Method {
    pub key_required: bool,
    /// `NONE` or `AWS_IAM`; others need authorizers, which are not served.
    pub authorization: String,
    pub operation: Option<String>,
    /// `method.request.querystring.limit` to whether it must be there. Empty where nothing is validated.
    pub required_parameters: BTreeSet<String>,
    /// JSON schemas by content type. Empty where bodies are not validated.
    pub schemas: BTreeMap<String, Value>,
    pub integration: Integration,
}

/// What answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Integration {
    Proxy {
        /// ARN of the function with its qualifier.
        function: String,
        timeout_ms: u64,
    },
    Mock {
        /// Templates by content type; they name a status code.
        requests: BTreeMap<String, String>,
        responses: Vec<MockResponse>,
    },
    /// One that is not served, by its type.
    Other(String),
}

impl Default for Integration {
    fn default() -> Self {
        Self::Other("none".to_owned())
    }
}

/// One integration response of a mock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MockResponse {
    /// Matches the status code of the request template; `None` is the default.
    pub pattern: Option<String>,
    pub status: u16,
    /// `method.response.header.NAME` to what it is mapped from.
    pub parameters: BTreeMap<String, String>,
    pub templates: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayResponse {
    pub status: Option<u16>,
    /// `gatewayresponse.header.NAME` to what it is mapped from.
    pub parameters: BTreeMap<String, String>,
    /// By content type.
    pub templates: BTreeMap<String, String>,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    /// Requests per second.
    pub rate: f64,
    pub burst: f64,
}

/// An API key and the plan through which it may use one stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    pub key_id: String,
    pub plan_id: String,
    pub throttle: Option<Throttle>,
    /// By `PATH/METHOD` without escapes.
    pub methods: BTreeMap<String, Throttle>,
    pub quota: Option<Quota>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub limit: u64,
    pub period: Period,
    /// Requests taken off the first period.
    pub offset: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Day,
    Week,
    Month,
}

/// One version of a function, ready to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// A number, or `$LATEST`.
    pub version: String,
    /// As it was asked for, qualifier included.
    pub arn: String,
    pub account: String,
    pub region: String,
    /// SHA-256 of the zip, as the account names it.
    pub code: String,
    pub handler: String,
    pub memory_mb: u32,
    pub timeout_s: u32,
    pub variables: BTreeMap<String, String>,
    pub log_group: String,
    /// Reserved concurrency of the function, all versions together.
    pub reserved: Option<u32>,
}

impl Function {
    /// What processes can be shared for: the same version with the same code and configuration.
    #[must_use]
    pub fn room(&self) -> Room {
        let Self { name, version, arn: _, account: _, region: _, code, handler, .. } = self;
        let Self { memory_mb, timeout_s, variables, log_group, .. } = self;
        let configuration = format!("{handler} {memory_mb} {timeout_s} {log_group} {variables:?}");
        Room { function: name.clone(), version: version.clone(), code: code.clone(), configuration }
    }
}

/// The processes of one version share a room.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Room {
    pub function: String,
    pub version: String,
    pub code: String,
    pub configuration: String,
}

/// A queue that calls a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventSource {
    /// ARN of the queue.
    pub queue: String,
    /// ARN of the function with its qualifier.
    pub function: String,
    pub batch: u32,
    /// Whether the function answers with the messages that failed (`ReportBatchItemFailures`).
    pub partial: bool,
}

/// A schedule of EventBridge Scheduler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    pub arn: String,
    pub expression: String,
    pub timezone: String,
    /// ARN of what is called.
    pub target: String,
    /// The event; `None` is Scheduler's own.
    pub input: Option<String>,
}
