//! A stage as it is declared and as AWS shows it, and the patch from one to the other.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::{CacheClusterSize, MethodSetting, Stage as Found};
use model::{Fault, Ref};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::patch::{Patch, escaped, unescaped};
use crate::{
    Place,
    kinds::{alarm::Number, gateway_account::GatewayAccount, log_group::LogGroup},
};

/// Where callers reach the API: a name in the URL, and how calls to it are limited and logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The first part of every path. Another name is another stage; the old one goes when no usage plan names
    /// it.
    pub name: String,
    /// For integrations; values of `A-Z a-z 0-9 - . _ ~ : / ? # & = ,`.
    pub variables: BTreeMap<String, String>,
    /// For every method that has no settings of its own. `None` is the throttle of the account, and no logs.
    pub settings: Option<MethodSettings>,
    /// By method and path: `POST /outreach/send-email`.
    pub methods: BTreeMap<String, MethodSettings>,
    pub access_log: Option<AccessLog>,
    /// X-Ray.
    pub tracing: bool,
    /// A cache costs by the hour: `0.5`, `1.6`, `6.1`, `13.5`, `28.4`, `58.2`, `118` or `237` GB.
    pub cache_gb: Option<Number>,
    /// Other stages that carry this API's tags: left from another name. A spec has none; those found are
    /// removed.
    pub strays: BTreeSet<String>,
}

/// How calls to a method are limited and logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodSettings {
    pub throttle: Throttle,
    /// Metrics for each method, which cost extra.
    pub metrics: bool,
    /// What the execution log says; needs the gateway account's role.
    pub log: LogLevel,
    /// Whether whole requests and responses are logged, personal data included.
    pub log_bodies: bool,
}

/// Calls in the long run and at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Throttle {
    /// Calls a second.
    pub rate: Number,
    pub burst: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LogLevel {
    Off,
    Error,
    Info,
}

/// One JSON line a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessLog {
    pub group: Ref<LogGroup>,
    /// By `log_role`: the account's role, which must be there first. What was found names the one that is.
    pub account: Ref<GatewayAccount>,
    /// Key to variable without `$context.`: `ip` to `identity.sourceIp`. Query strings are never logged: they
    /// hold tokens and addresses. What another hand wrote and this cannot hold is under an empty key.
    pub format: BTreeMap<String, String>,
}

const CONTEXT: &str = "$context.";

impl Throttle {
    /// Calls a second, and at once.
    #[must_use]
    pub fn new(rate: u32, burst: u32) -> Self {
        Self { rate: Number::from(i32::try_from(rate).unwrap_or(i32::MAX)), burst }
    }

    pub(crate) fn read(rate: f64, burst: i32) -> Option<Self> {
        Some(Self { rate: Number::try_from(rate).ok()?, burst: u32::try_from(burst).ok()? })
    }
}

impl MethodSettings {
    /// A throttle, and no logs.
    #[must_use]
    pub fn throttled(rate: u32, burst: u32) -> Self {
        Self { throttle: Throttle::new(rate, burst), metrics: false, log: LogLevel::Off, log_bodies: false }
    }

    fn read(found: &MethodSetting) -> Self {
        // Without a limit of its own AWS shows -1 or the account's: both are kept as they are shown.
        let burst = u32::try_from(found.throttling_burst_limit()).unwrap_or_default();
        let rate = Number::try_from(found.throttling_rate_limit()).unwrap_or_else(|_| Number::from(0));
        Self {
            throttle: Throttle { rate, burst },
            metrics: found.metrics_enabled(),
            log: match found.logging_level() {
                Some("INFO") => LogLevel::Info,
                Some("ERROR") => LogLevel::Error,
                _ => LogLevel::Off,
            },
            log_bodies: found.data_trace_enabled(),
        }
    }

    fn patch(&self, key: &str, live: Option<&Self>, to: &mut Patch) {
        let differs = |same: fn(&Self, &Self) -> bool| live.is_none_or(|live| !same(self, live));
        if differs(|a, b| a.throttle.rate == b.throttle.rate) {
            to.replace(format!("{key}/throttling/rateLimit"), &self.throttle.rate);
        }
        if differs(|a, b| a.throttle.burst == b.throttle.burst) {
            to.replace(format!("{key}/throttling/burstLimit"), self.throttle.burst);
        }
        if differs(|a, b| a.metrics == b.metrics) {
            to.replace(format!("{key}/metrics/enabled"), self.metrics);
        }
        if differs(|a, b| a.log == b.log) {
            let word = match self.log {
                LogLevel::Off => "OFF",
                LogLevel::Error => "ERROR",
                LogLevel::Info => "INFO",
            };
            to.replace(format!("{key}/logging/loglevel"), word);
        }
        if differs(|a, b| a.log_bodies == b.log_bodies) {
            to.replace(format!("{key}/logging/dataTrace"), self.log_bodies);
        }
    }
}

impl AccessLog {
    fn is_written_as(&self, other: &Self) -> bool {
        (&self.group, &self.format) == (&other.group, &other.format)
    }

    fn text(&self) -> String {
        let pairs =
            self.format.iter().map(|(key, variable)| (key.clone(), format!("{CONTEXT}{variable}").into()));
        Value::Object(pairs.collect()).to_string()
    }

    fn read(group: &str, format: &str) -> Self {
        let pairs = serde_json::from_str::<BTreeMap<String, String>>(format).ok().and_then(|pairs| {
            let bare = |(key, text): (String, String)| Some((key, text.strip_prefix(CONTEXT)?.to_owned()));
            pairs.into_iter().map(bare).collect::<Option<BTreeMap<_, _>>>()
        });
        let format = pairs.unwrap_or_else(|| BTreeMap::from([(String::new(), format.to_owned())]));
        // AWS wants and shows the ARN without the star that other services put behind it.
        Self { group: Ref::live(group.trim_end_matches(":*")), account: Ref::live(""), format }
    }

    /// Refuses what would log query strings or is no variable.
    pub(super) fn check(&self, at: &Place) -> Result<(), Fault> {
        let is_variable = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c))
        };
        for (key, variable) in &self.format {
            if variable.to_lowercase().contains("querystring") {
                let text = format!("its access log would hold query strings ({variable})");
                return Err(Fault::refused(&at.address, text)
                    .hint("query strings hold tokens and addresses: leave them out"));
            }
            if key.is_empty() || !is_variable(variable) {
                let text = format!("`{variable}` under `{key}` is no variable of an access log");
                return Err(Fault::refused(&at.address, text).hint("write requestId for $context.requestId"));
            }
        }
        Ok(())
    }
}

/// The key of a method's settings in a patch: `/~1send-email/POST`.
fn settings_key(method: &str) -> String {
    let (verb, path) = method.split_once(' ').unwrap_or(("*", method));
    format!("/{}/{verb}", escaped(path))
}

/// `~1send-email/POST`, which AWS also takes without the leading slash of the path, to `POST /send-email`.
fn method_of(key: &str) -> String {
    let (path, verb) = key.rsplit_once('/').unwrap_or(("", key));
    let path = unescaped(path);
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{verb} {slash}{path}")
}

/// The settings of all methods that have none of their own.
const DEFAULT: &str = "*/*";

impl Stage {
    /// A stage with AWS's defaults.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            variables: BTreeMap::new(),
            settings: None,
            methods: BTreeMap::new(),
            access_log: None,
            tracing: false,
            cache_gb: None,
            strays: BTreeSet::new(),
        }
    }

    pub(super) fn read(found: &Found) -> Self {
        let settings: BTreeMap<&String, &MethodSetting> =
            found.method_settings().into_iter().flatten().collect();
        let of_methods = settings.iter().filter(|(key, _)| key.as_str() != DEFAULT);
        let log = found.access_log_settings();
        let size = found.cache_cluster_size().filter(|_| found.cache_cluster_enabled());
        Self {
            name: found.stage_name().unwrap_or_default().to_owned(),
            variables: found.variables().cloned().unwrap_or_default().into_iter().collect(),
            settings: settings.get(&DEFAULT.to_owned()).map(|one| MethodSettings::read(one)),
            methods: of_methods.map(|(key, one)| (method_of(key), MethodSettings::read(one))).collect(),
            access_log: log.and_then(|log| Some(AccessLog::read(log.destination_arn()?, log.format()?))),
            tracing: found.tracing_enabled(),
            cache_gb: size.map(CacheClusterSize::as_str).and_then(|size| size.parse().ok()),
            strays: BTreeSet::new(),
        }
    }

    /// What UpdateStage is to do so that `live` becomes this one. The deployment is not part of it.
    pub(super) fn patch(&self, live: &Self, to: &mut Patch) {
        for name in live.variables.keys().filter(|name| !self.variables.contains_key(*name)) {
            to.remove(format!("/variables/{}", escaped(name)), None);
        }
        for (name, value) in
            self.variables.iter().filter(|(name, value)| live.variables.get(*name) != Some(value))
        {
            to.replace(format!("/variables/{}", escaped(name)), value);
        }
        // A method takes the defaults over when its first setting is written: they come first.
        match (&self.settings, &live.settings) {
            (Some(want), have) => want.patch("/*/*", have.as_ref(), to),
            (None, Some(_)) => to.remove("/*/*", None),
            (None, None) => {}
        }
        for method in live.methods.keys().filter(|method| !self.methods.contains_key(*method)) {
            to.remove(settings_key(method), None);
        }
        for (method, want) in &self.methods {
            want.patch(&settings_key(method), live.methods.get(method), to);
        }
        match (&self.access_log, &live.access_log) {
            (Some(want), have) if !have.as_ref().is_some_and(|have| want.is_written_as(have)) => {
                to.replace("/accessLogSettings/destinationArn", want.group.text());
                to.replace("/accessLogSettings/format", want.text());
            }
            (None, Some(_)) => to.remove("/accessLogSettings", None),
            _ => {}
        }
        if self.tracing != live.tracing {
            to.replace("/tracingEnabled", self.tracing);
        }
        if self.cache_gb != live.cache_gb {
            to.replace("/cacheClusterEnabled", self.cache_gb.is_some());
            if let Some(size) = &self.cache_gb {
                to.replace("/cacheClusterSize", size);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_under_every_form_of_their_key() {
        assert_eq!(settings_key("POST /outreach/send-email"), "/~1outreach~1send-email/POST");
        for key in ["~1outreach~1send-email/POST", "outreach/send-email/POST", "/outreach/send-email/POST"] {
            assert_eq!(method_of(key), "POST /outreach/send-email");
        }
    }

    #[test]
    fn a_format_is_read_back_and_a_foreign_one_is_not_lost() {
        let format = BTreeMap::from([("ip".to_owned(), "identity.sourceIp".to_owned())]);
        let log = AccessLog { group: Ref::live("arn:g"), account: Ref::live(""), format };
        assert_eq!(log.text(), r#"{"ip":"$context.identity.sourceIp"}"#);
        assert_eq!(AccessLog::read("arn:g:*", &log.text()), log);
        let foreign = "$context.identity.sourceIp - $context.requestId";
        assert_eq!(
            AccessLog::read("arn:g", foreign).format,
            BTreeMap::from([(String::new(), foreign.to_owned())])
        );
    }
}
