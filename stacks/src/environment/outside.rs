//! What the environment says about the outside world: browsers, sign-in, mail, links.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Domain;

/// The APIs and who calls them from a browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// The first part of every path of the APIs, such as `dev`; for an API with another one (`dn-api:
    /// staging`) see `paths`.
    pub path: String,
    /// By API, where it differs.
    #[serde(default)]
    pub paths: BTreeMap<String, String>,
    /// Origins that browsers may call from, exactly as they send them.
    pub origins: Vec<String>,
    /// Without it the APIs are called at AWS's own URLs.
    #[serde(default)]
    pub domain: Option<Domain>,
}

impl Web {
    /// The first part of the paths of an API.
    #[must_use]
    pub fn path_of(&self, api: &str) -> &str {
        self.paths.get(api).unwrap_or(&self.path)
    }
}

/// Who signs people in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Firebase {
    /// The project whose tokens are accepted.
    pub project: String,
    /// Where its keys are published.
    #[serde(default = "firebase_keys")]
    pub keys_url: String,
}

fn firebase_keys() -> String {
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com".to_owned()
}

/// Mail that is sent and received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The domain that SES sends for; its records are listed by `dn doctor` until they are published.
    pub domain: String,
    /// The domain of bounces, below `domain`, so that SPF aligns.
    pub mail_from: String,
    /// From whom mail is that does not say.
    pub sender: String,
    /// Shown in every footer: the law wants one.
    pub postal_address: String,
    /// The mailbox that unsubscribe mails go to.
    pub unsubscribe_mailbox: String,
    pub mailgun: Mailgun,
    /// Days for which messages and their events are kept.
    #[serde(default = "ninety")]
    pub tracking_days: u32,
    /// Days for which an address whose mail bounced for good is not sent to.
    #[serde(default = "half_a_year")]
    pub suppression_days: u32,
}

/// The provider of outreach mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mailgun {
    /// `https://api.eu.mailgun.net` for domains of the EU.
    #[serde(default = "mailgun")]
    pub url: String,
    pub domain: String,
}

fn mailgun() -> String {
    "https://api.mailgun.net".to_owned()
}

fn half_a_year() -> u32 {
    180
}

/// Links by which people leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Unsubscribe {
    /// The public URL in outreach mail, where a page of our own stands before the API; else the API's, below
    /// `web.domain` where there is one.
    pub outreach_url: Option<String>,
    /// The same in financial mail.
    pub financial_url: Option<String>,
    /// The page of the CRM that a link leads to; without it the function serves one.
    pub confirmation_url: Option<String>,
    /// Days for which a link shows data and resubscribes; leaving works for ever.
    pub token_days: u32,
}

impl Default for Unsubscribe {
    fn default() -> Self {
        Self { outreach_url: None, financial_url: None, confirmation_url: None, token_days: 30 }
    }
}

/// The forge that plans and applies: its workflows get roles of their own, and nobody keeps a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ci {
    /// `owner/name` of the repository on GitHub.
    pub repository: String,
    /// The environment of that repository whose approved jobs may change this stage.
    pub environment: String,
}

/// Financial reports and who may read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reports {
    /// Public keys that the key group of links begins with, by name, as PEM: RSA of 2,048 bits or ECDSA P-256. The keys
    /// that links are signed with are made by `dn rotate`, which retires these. Without one nothing is served.
    pub signing_keys: BTreeMap<String, String>,
    /// The ARN of the OpenID Connect provider by which the CRM's users reach the bucket; none where
    /// they do not.
    pub sign_in_provider: Option<String>,
    /// Days for which access logs are kept.
    pub access_log_days: u32,
}

impl Default for Reports {
    fn default() -> Self {
        Self { signing_keys: BTreeMap::new(), sign_in_provider: None, access_log_days: 90 }
    }
}

fn ninety() -> u32 {
    90
}

/// How much is written down about functions and gateways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// Days for which lines are kept: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, …
    pub retention_days: u32,
    /// X-Ray traces of functions and gateways.
    pub tracing: bool,
}

impl Default for Logs {
    fn default() -> Self {
        Self { retention_days: 30, tracing: false }
    }
}

/// When alarms ring (R109).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Failed calls of a function, in per cent.
    pub function_errors_percent: u32,
    /// The slowest twentieth of the calls of an endpoint takes longer, in milliseconds.
    pub latency_p95_ms: u32,
    /// Answers 5xx of an endpoint, in per cent.
    pub endpoint_errors_percent: u32,
    /// Refused tokens and signatures, in per cent of all calls.
    pub authentication_failures_percent: u32,
    /// Refusals for too many requests, in an hour.
    pub rate_limited_an_hour: u32,
    /// Delivered mail, in per cent of what was sent; less rings.
    pub delivered_percent: u32,
    /// Mail of SES that bounced for good, in per cent; AWS looks into accounts from 5 on.
    pub bounced_percent: u32,
    /// Mail of SES that somebody complained about, of ten thousand; AWS looks into accounts from 10 on.
    pub complained_per_ten_thousand: u32,
    /// Seconds that a message may wait in a work queue.
    pub oldest_message_s: u32,
    /// Answers 4xx and 5xx of the distribution, in per cent.
    pub distribution_errors_percent: u32,
    /// Calls below which a share says nothing, in five minutes.
    pub floor: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            function_errors_percent: 1,
            latency_p95_ms: 5_000,
            endpoint_errors_percent: 1,
            authentication_failures_percent: 5,
            rate_limited_an_hour: 100,
            delivered_percent: 95,
            bounced_percent: 3,
            complained_per_ten_thousand: 8,
            oldest_message_s: 900,
            distribution_errors_percent: 1,
            floor: 20,
        }
    }
}
