//! Token buckets of stage, plan and method, and quotas of keys. Time is an input.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::deployed::{Api, Period, Quota, Throttle, Usage};

/// What an account may do in one Region, all APIs together.
const ACCOUNT: Throttle = Throttle { rate: 10_000.0, burst: 5_000.0 };

/// What has been used of every limit. It lives as long as the server: AWS keeps no promise either.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    buckets: BTreeMap<String, Bucket>,
    /// By plan, key and start of the period.
    used: BTreeMap<(String, String, String), u64>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    since_ms: u64,
    throttle: Throttle,
}

impl Bucket {
    fn refill(&mut self, throttle: Throttle, now_ms: u64) {
        if self.throttle != throttle {
            *self = Self { tokens: throttle.burst, since_ms: now_ms, throttle };
        }
        let gained = now_ms.saturating_sub(self.since_ms) as f64 / 1000.0 * throttle.rate;
        self.tokens = (self.tokens + gained).min(throttle.burst);
        self.since_ms = self.since_ms.max(now_ms);
    }
}

impl Limits {
    /// Takes a token of every bucket that applies, or of none: of the key in its plan, for the method and for all of
    /// the stage's; of the stage's method; of the account.
    pub fn admit(&mut self, api: &Api, path: &str, method: &str, usage: Option<&Usage>, now_ms: u64) -> bool {
        let stage = format!("{}/{}", api.id, api.stage);
        let here = format!("{path}/{method}");
        let mut applying = vec![("account".to_owned(), ACCOUNT)];
        if let Some(throttle) = api.throttles.get(&here) {
            applying.push((format!("{stage} {here}"), *throttle));
        } else if let Some(throttle) = api.throttles.get("*/*") {
            // The default is a limit for each method, not for all of them together.
            applying.push((format!("{stage} {here}"), *throttle));
        }
        if let Some(Usage { key_id, plan_id, throttle, methods, .. }) = usage {
            let key = format!("{plan_id} {key_id} {stage}");
            applying.extend(throttle.map(|throttle| (key.clone(), throttle)));
            applying.extend(methods.get(&here).map(|throttle| (format!("{key} {here}"), *throttle)));
        }
        for (name, throttle) in &applying {
            let fresh = Bucket { tokens: throttle.burst, since_ms: now_ms, throttle: *throttle };
            self.buckets.entry(name.clone()).or_insert(fresh).refill(*throttle, now_ms);
        }
        if applying.iter().any(|(name, _)| self.buckets[name].tokens < 1.0) {
            return false;
        }
        for (name, _) in &applying {
            if let Some(bucket) = self.buckets.get_mut(name) {
                bucket.tokens -= 1.0;
            }
        }
        true
    }

    /// Counts a request against the quota of the key's plan.
    pub fn admit_quota(&mut self, usage: &Usage, now_ms: u64) -> bool {
        let Some(Quota { limit, period, offset }) = usage.quota else { return true };
        let start = period_start(period, now_ms);
        let key = |start: &str| (usage.plan_id.clone(), usage.key_id.clone(), start.to_owned());
        let first = !self.used.keys().any(|(plan, id, _)| *plan == usage.plan_id && *id == usage.key_id);
        let used = self.used.entry(key(&start)).or_insert(if first { offset } else { 0 });
        if *used >= limit {
            return false;
        }
        *used += 1;
        true
    }
}

/// The first day of the period, UTC; weeks begin on Sunday.
fn period_start(period: Period, now_ms: u64) -> String {
    let now = Timestamp::from_millisecond(i64::try_from(now_ms).unwrap_or_default()).unwrap_or_default();
    let today: civil::Date = now.to_zoned(TimeZone::UTC).date();
    let start = match period {
        Period::Day => today,
        Period::Week => {
            let days = i64::from(today.weekday().to_sunday_zero_offset());
            today.saturating_sub(jiff::Span::new().days(days))
        }
        Period::Month => today.first_of_month(),
    };
    start.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;

    fn api(throttles: &[(&str, f64, f64)]) -> Api {
        let throttle = |(name, rate, burst): &(&str, f64, f64)| {
            ((*name).to_owned(), Throttle { rate: *rate, burst: *burst })
        };
        let throttles = throttles.iter().map(throttle).collect();
        Api { id: "a".into(), stage: "s".into(), throttles, ..Api::default() }
    }

    fn admitted(
        limits: &mut Limits,
        api: &Api,
        method: &str,
        usage: Option<&Usage>,
        at: &[u64],
    ) -> Vec<bool> {
        at.iter().map(|at_ms| limits.admit(api, "/x", method, usage, *at_ms)).collect()
    }

    #[test]
    fn a_burst_is_followed_by_the_rate() {
        let api = api(&[("/x/GET", 2.0, 3.0)]);
        let mut limits = Limits::default();
        let asked = [0, 0, 0, 0, 400, 500, 999, 1000, 1000];
        let wanted = [true, true, true, false, false, true, false, true, false];
        assert_eq!(admitted(&mut limits, &api, "GET", None, &asked), wanted);
        assert_eq!(
            admitted(&mut limits, &api, "POST", None, &asked),
            [true; 9],
            "another method has its own"
        );
    }

    #[test]
    fn the_default_counts_for_each_method_by_itself() {
        let api = api(&[("*/*", 1.0, 1.0)]);
        let mut limits = Limits::default();
        assert_eq!(admitted(&mut limits, &api, "GET", None, &[0, 0]), [true, false]);
        assert_eq!(admitted(&mut limits, &api, "PUT", None, &[0, 0]), [true, false]);
    }

    #[test]
    fn a_refusal_takes_no_token_of_the_others() {
        let api = api(&[("/x/GET", 1.0, 2.0)]);
        let narrow = Usage { throttle: Some(Throttle { rate: 0.0, burst: 0.0 }), ..Usage::default() };
        let mut limits = Limits::default();
        assert_eq!(admitted(&mut limits, &api, "GET", Some(&narrow), &[0, 0, 0]), [false; 3]);
        assert_eq!(admitted(&mut limits, &api, "GET", None, &[0, 0, 0]), [true, true, false]);
    }

    #[test]
    fn a_plan_limits_its_method_and_its_key() {
        let api = api(&[]);
        let methods = BTreeMap::from([("/x/GET".to_owned(), Throttle { rate: 1.0, burst: 1.0 })]);
        let throttle = Some(Throttle { rate: 1.0, burst: 2.0 });
        let usage = Usage { methods, throttle, key_id: "k".into(), ..Usage::default() };
        let mut limits = Limits::default();
        assert_eq!(admitted(&mut limits, &api, "GET", Some(&usage), &[0, 0]), [true, false]);
        assert_eq!(admitted(&mut limits, &api, "PUT", Some(&usage), &[0, 0]), [true, false]);
        let other = Usage { key_id: "other".into(), ..usage };
        assert_eq!(admitted(&mut limits, &api, "GET", Some(&other), &[0]), [true]);
    }

    #[test]
    fn a_changed_throttle_counts_at_once() {
        let mut limits = Limits::default();
        assert_eq!(admitted(&mut limits, &api(&[("*/*", 1.0, 1.0)]), "GET", None, &[0, 0]), [true, false]);
        assert_eq!(
            admitted(&mut limits, &api(&[("*/*", 1.0, 2.0)]), "GET", None, &[0, 0, 0]),
            [true, true, false]
        );
    }

    #[test]
    fn a_quota_starts_anew_with_its_period() {
        let quota = |period| Usage { quota: Some(Quota { limit: 3, period, offset: 1 }), ..Usage::default() };
        let asked = |usage: &Usage, at: &[u64]| {
            let mut limits = Limits::default();
            at.iter().map(|at_ms| limits.admit_quota(usage, *at_ms)).collect::<Vec<_>>()
        };
        // 1970-01-01 was a Thursday.
        assert_eq!(asked(&quota(Period::Day), &[0, 1, 2, DAY_MS]), [true, true, false, true]);
        assert_eq!(asked(&quota(Period::Week), &[0, 1, 2 * DAY_MS, 3 * DAY_MS]), [true, true, false, true]);
        assert_eq!(
            asked(&quota(Period::Month), &[0, 1, 30 * DAY_MS, 31 * DAY_MS]),
            [true, true, false, true]
        );
    }
}
