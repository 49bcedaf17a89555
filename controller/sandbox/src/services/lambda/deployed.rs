//! What was deployed, for whoever runs it on this machine.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::{FUNCTIONS, SOURCES, arn, functions::resolved, parts, policy};
use crate::{
    Account, blobs,
    services::{World, strings, text},
};

/// What a function is called with and as, as its alias or version says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployedFunction {
    /// With the qualifier that was asked for.
    pub arn: String,
    pub name: String,
    /// A number, or `$LATEST`.
    pub version: String,
    pub handler: String,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    pub memory_mb: u64,
    pub timeout_s: u64,
    pub environment: BTreeMap<String, String>,
    /// 64 hexadecimal digits, for [`Account::code`].
    pub code_sha256: String,
    pub log_group: String,
    pub reserved_concurrency: Option<u64>,
}

/// A queue that feeds a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSource {
    pub queue_arn: String,
    /// With its qualifier.
    pub function_arn: String,
    pub batch_size: u64,
    pub window_s: u64,
    pub max_concurrency: Option<u64>,
    /// Whether the function says which messages of a batch failed.
    pub reports_failures: bool,
    pub enabled: bool,
}

impl Account {
    /// What a function's ARN or name stands for, qualified by an alias or version or not.
    #[must_use]
    pub fn deployed_function(&self, arn_or_name: &str) -> Option<DeployedFunction> {
        self.look(|world| deployed(arn_or_name, world))?
    }

    /// The zip of a digest, 64 hexadecimal digits.
    #[must_use]
    pub fn code(&self, sha256: &str) -> Option<Bytes> {
        self.look(|world| world.blobs.get(sha256))?
    }

    /// The queues that feed functions, those that are being deleted left out.
    #[must_use]
    pub fn event_sources(&self) -> Vec<EventSource> {
        let all = |world: &World<'_>| {
            let all = world.all(SOURCES);
            all.into_values().filter(|one| one["deleted"] != true).map(source).collect()
        };
        self.look(all).unwrap_or_default()
    }

    /// Whether the policy of a function lets a service (`apigateway.amazonaws.com`) call it in the name of
    /// something (an API's or a topic's ARN).
    #[must_use]
    pub fn may_invoke(&self, function_arn: &str, principal: &str, source_arn: &str) -> bool {
        self.look(|world| policy::may_invoke(function_arn, principal, source_arn, world)).unwrap_or_default()
    }
}

fn deployed(arn_or_name: &str, world: &World<'_>) -> Option<DeployedFunction> {
    let (name, qualifier) = parts(arn_or_name);
    let function = world.get(FUNCTIONS, name)?;
    let (found, version) = resolved(function, qualifier)?;
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    Some(DeployedFunction {
        arn: arn(name, qualifier, world),
        name: name.to_owned(),
        version,
        handler: text(found, "Handler").to_owned(),
        architecture: found["Architectures"][0].as_str().unwrap_or("x86_64").to_owned(),
        memory_mb: number(&found["MemorySize"]),
        timeout_s: number(&found["Timeout"]),
        environment: strings(found["Environment"].get("Variables")),
        code_sha256: text(&found["code"], blobs::MEMBER).to_owned(),
        log_group: text(&found["LoggingConfig"], "LogGroup").to_owned(),
        reserved_concurrency: function["concurrency"].as_u64(),
    })
}

fn source(one: &Value) -> EventSource {
    EventSource {
        queue_arn: text(one, "queue").to_owned(),
        function_arn: text(one, "function").to_owned(),
        batch_size: one["batch"].as_u64().unwrap_or_default(),
        window_s: one["window"].as_u64().unwrap_or_default(),
        max_concurrency: one["concurrency"].as_u64(),
        reports_failures: one["report"] == true,
        enabled: one["enabled"] == true,
    }
}
