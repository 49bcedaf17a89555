//! How the account behaves when nothing goes wrong: slow, paced, and eventually consistent, as AWS is.

use std::{collections::BTreeMap, time::Duration};

/// Conditions of the account. All zero is an account that answers at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Time that each call takes.
    pub latency: Duration,
    /// Whether AWS's published rates are enforced (aws-semantics 1.4).
    pub rates: bool,
    /// How long a table is CREATING or UPDATING, and how long a new index backfills.
    pub table: Duration,
    pub backfill: Duration,
    /// How long a function or event source is pending, and a change of one is in progress.
    pub function: Duration,
    /// How long something that was just made is not found by reads.
    pub invisible: Duration,
    /// How long a policy may not name a role that was just made.
    pub propagation: Duration,
    /// How long a change of a distribution is on its way to the edges.
    pub deployment: Duration,
}

impl Weather {
    /// What a nearby Region is like: 40 ms a call, published rates, seconds for a table.
    #[must_use]
    pub fn realistic() -> Self {
        Self {
            latency: Duration::from_millis(40),
            rates: true,
            table: Duration::from_secs(6),
            backfill: Duration::from_secs(20),
            function: Duration::from_secs(2),
            invisible: Duration::from_millis(300),
            propagation: Duration::from_secs(8),
            deployment: Duration::from_secs(180),
        }
    }
}

/// A published rate: calls per second (as a fraction) and burst.
#[derive(Clone, Copy, Debug)]
struct Rate {
    per: f64,
    burst: f64,
}

/// Token buckets, one for each lane that AWS publishes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets(BTreeMap<String, (f64, u64)>);

impl Buckets {
    /// Takes a token at `now_ms`, or says that there is none.
    pub(crate) fn admit(&mut self, service: &str, operation: &str, now_ms: u64) -> bool {
        let Some((lane, rate)) = published(service, operation) else { return true };
        let (tokens, since) = self.0.entry(lane).or_insert((rate.burst, now_ms));
        let gained = (now_ms.saturating_sub(*since)) as f64 / 1000.0 * rate.per;
        *tokens = (*tokens + gained).min(rate.burst);
        *since = now_ms;
        // A hair below one, so that rounding to milliseconds does not refuse a caller who paces exactly.
        if *tokens < 0.99 {
            return false;
        }
        *tokens -= 1.0;
        true
    }
}

/// The lane and rate of a call; `None` where AWS publishes none and allows thousands.
fn published(service: &str, operation: &str) -> Option<(String, Rate)> {
    let own = |per: f64| Some((format!("{service}:{operation}"), Rate { per, burst: per.max(1.0) }));
    let together =
        |lane: &str, per: f64| Some((format!("{service}:{lane}"), Rate { per, burst: per.max(1.0) }));
    let burst = |lane: &str, per: f64, burst: f64| Some((format!("{service}:{lane}"), Rate { per, burst }));
    match (service, operation) {
        ("apigateway", "CreateRestApi") => own(1.0 / 3.0),
        ("apigateway", "PutRestApi") => own(1.0),
        ("apigateway", "DeleteRestApi") => own(1.0 / 30.0),
        ("apigateway", "CreateDomainName" | "UpdateDomainName" | "DeleteDomainName") => own(1.0 / 30.0),
        ("apigateway", "CreateDeployment") => own(0.2),
        ("apigateway", "UpdateUsagePlan" | "UpdateAccount") => own(0.05),
        ("apigateway", "CreateApiKey" | "DeleteApiKey") => own(5.0),
        ("apigateway", "GetResources") => burst("GetResources", 2.5, 5.0),
        ("apigateway", _) => burst("all", 10.0, 40.0),
        ("cloudtrail", "LookupEvents") => own(2.0),
        ("dynamodb", "DescribeTimeToLive" | "DescribeContinuousBackups") => own(10.0),
        ("dynamodb", "TagResource" | "UntagResource") => together("tag", 5.0),
        ("kms", "DescribeKey" | "ListAliases" | "ListResourceTags" | "ListKeys") => own(100.0),
        ("kms", "GetKeyPolicy" | "GetKeyRotationStatus") => own(30.0),
        ("kms", "Encrypt" | "Decrypt" | "GenerateDataKey") => None,
        ("kms", _) => own(5.0),
        ("ses", operation) if operation.starts_with("Send") => None,
        ("ses" | "ses-v1", _) => own(1.0),
        ("monitoring", "PutMetricAlarm" | "PutCompositeAlarm" | "SetAlarmState") => own(3.0),
        ("monitoring", "PutDashboard" | "ListDashboards" | "ListTagsForResource") => own(10.0),
        ("monitoring", "TagResource" | "UntagResource") => own(20.0),
        ("lambda", "GetFunction") => own(100.0),
        ("lambda", "GetPolicy") => own(15.0),
        ("lambda", _) => together("all", 15.0),
        ("logs", "CreateLogGroup") => own(10.0),
        ("sns", "Subscribe" | "Unsubscribe") => own(100.0),
        ("sns", "TagResource" | "UntagResource" | "ListTagsForResource") => own(10.0),
        (
            "scheduler",
            "CreateScheduleGroup"
            | "GetScheduleGroup"
            | "DeleteScheduleGroup"
            | "ListScheduleGroups"
            | "TagResource"
            | "UntagResource"
            | "ListTagsForResource",
        ) => own(10.0),
        // Not published; field practice (aws-semantics 1.4, last row).
        ("iam" | "cloudfront", _) => together("all", 10.0),
        _ => None,
    }
}
