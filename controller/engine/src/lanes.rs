//! One token bucket for each rate that AWS publishes (aws-semantics 1.4), so that throttles are the exception.
//!
//! A lane hands out places in the order of asking: each call learns at once how long it has to wait.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use model::Call;

/// A published rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Milliseconds between calls in the long run.
    pub every_ms: f64,
    /// Calls that may be made at once after a rest.
    pub burst: f64,
}

const fn rps(calls: f64) -> Rate {
    Rate { every_ms: 1000.0 / calls, burst: 1.0 }
}

const fn burst(calls: f64, at_once: f64) -> Rate {
    Rate { every_ms: 1000.0 / calls, burst: at_once }
}

/// The lane of a call and its rate; `None` where AWS allows thousands.
#[must_use]
pub fn lane(service: &str, action: &str) -> Option<(String, Rate)> {
    let own = |rate| Some((format!("{service}:{action}"), rate));
    let shared = |name: &str, rate| Some((format!("{service}:{name}"), rate));
    match (service, action) {
        ("apigateway", "CreateRestApi") => own(Rate { every_ms: 3_000.0, burst: 1.0 }),
        ("apigateway", "PutRestApi") => own(rps(1.0)),
        ("apigateway", "DeleteRestApi") => own(Rate { every_ms: 30_000.0, burst: 1.0 }),
        ("apigateway", "CreateDomainName" | "UpdateDomainName" | "DeleteDomainName") => {
            own(Rate { every_ms: 30_000.0, burst: 1.0 })
        }
        ("apigateway", "CreateDeployment") => own(Rate { every_ms: 5_000.0, burst: 1.0 }),
        ("apigateway", "UpdateUsagePlan" | "UpdateAccount") => own(Rate { every_ms: 20_000.0, burst: 1.0 }),
        ("apigateway", "CreateApiKey" | "DeleteApiKey") => own(burst(5.0, 5.0)),
        ("apigateway", "GetResources") => own(burst(2.5, 5.0)),
        // All others together; the calls above count there too, so some of the burst is left to them.
        ("apigateway", _) => shared("all", burst(9.0, 36.0)),
        ("cloudtrail", _) => own(rps(2.0)),
        ("dynamodb", "DescribeTimeToLive" | "DescribeContinuousBackups") => own(burst(10.0, 10.0)),
        ("dynamodb", "TagResource" | "UntagResource") => shared("tags", burst(5.0, 5.0)),
        ("kms", "DescribeKey" | "ListAliases" | "ListResourceTags" | "ListKeys") => own(burst(100.0, 100.0)),
        ("kms", "GetKeyPolicy" | "GetKeyRotationStatus") => own(burst(30.0, 30.0)),
        ("kms", _) => own(burst(5.0, 5.0)),
        ("ses", _) => own(rps(1.0)),
        ("cloudwatch", "PutMetricAlarm") => own(burst(3.0, 3.0)),
        ("cloudwatch", "PutDashboard" | "ListDashboards" | "ListTagsForResource") => own(burst(10.0, 10.0)),
        ("cloudwatch", "TagResource" | "UntagResource") => own(burst(20.0, 20.0)),
        ("lambda", "GetFunction") => own(burst(100.0, 100.0)),
        ("lambda", "GetPolicy") => own(burst(15.0, 15.0)),
        ("lambda", _) => shared("all", burst(15.0, 15.0)),
        ("logs", "CreateLogGroup") => own(burst(10.0, 10.0)),
        ("sns", "Subscribe" | "Unsubscribe") => own(burst(100.0, 100.0)),
        ("sns", "TagResource" | "UntagResource" | "ListTagsForResource") => own(burst(10.0, 10.0)),
        (
            "scheduler",
            "CreateScheduleGroup"
            | "GetScheduleGroup"
            | "DeleteScheduleGroup"
            | "ListScheduleGroups"
            | "TagResource"
            | "UntagResource"
            | "ListTagsForResource",
        ) => own(burst(10.0, 10.0)),
        // Not published: field practice.
        ("iam" | "cloudfront", _) => shared("all", burst(10.0, 10.0)),
        _ => None,
    }
}

/// The lanes of one account, as this process has used them.
#[derive(Debug, Default)]
pub struct Lanes {
    /// By name, the time at which each would be idle again, in milliseconds since 1970.
    idle_at: Mutex<BTreeMap<String, f64>>,
    unlimited: bool,
}

impl Lanes {
    /// Of an account that takes any number of calls at once: an embedded one that was not told otherwise.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { unlimited: true, ..Self::default() }
    }

    /// Takes a place at `now_ms` and tells how long to wait for it.
    ///
    /// The lane keeps the time at which it would be idle again; a call may come early by the burst (the generic cell
    /// rate algorithm).
    pub fn reserve(&self, call: &Call, now_ms: u64) -> Duration {
        if self.unlimited {
            return Duration::ZERO;
        }
        let Some((name, rate)) = lane(&call.service, &call.action) else { return Duration::ZERO };
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century fit a double exactly")]
        let now = now_ms as f64;
        let mut lanes = self.idle_at.lock().unwrap_or_else(PoisonError::into_inner);
        let idle_at = lanes.entry(name).or_insert(now);
        let early = rate.every_ms * (rate.burst - 1.0);
        let wait = (*idle_at - early - now).max(0.0);
        *idle_at = idle_at.max(now) + rate.every_ms;
        Duration::from_secs_f64(wait.ceil() / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(service: &str, action: &str) -> Call {
        let address = "a/b/c".parse().expect("an address");
        Call { address, service: service.to_owned(), action: action.to_owned(), writes: false }
    }

    #[test]
    fn calls_are_spaced_by_their_rate_after_the_burst() {
        let lanes = Lanes::default();
        let waits: Vec<u128> =
            (0..5).map(|_| lanes.reserve(&call("cloudwatch", "PutMetricAlarm"), 1_000).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 334, 667]);
        let slow: Vec<u128> =
            (0..3).map(|_| lanes.reserve(&call("ses", "GetContactList"), 1_000).as_millis()).collect();
        assert_eq!(slow, [0, 1000, 2000]);
        assert_eq!(lanes.reserve(&call("sqs", "CreateQueue"), 1_000), Duration::ZERO);
    }

    #[test]
    fn nobody_waits_where_nothing_is_limited() {
        let lanes = Lanes::unlimited();
        let deploy = call("apigateway", "CreateDeployment");
        assert!((0..5).all(|_| lanes.reserve(&deploy, 1_000).is_zero()));
    }

    #[test]
    fn a_lane_rests() {
        let lanes = Lanes::default();
        let get = call("ses", "GetContactList");
        lanes.reserve(&get, 0);
        assert_eq!(lanes.reserve(&get, 5_000), Duration::ZERO);
        assert_eq!(lanes.reserve(&get, 5_000).as_millis(), 1000);
    }
}
