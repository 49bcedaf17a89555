//! What differs between stages: one YAML file each, every difference a field with a name.

use std::collections::BTreeMap;

use kinds::{Scope, quotas::Limits};
use model::{Address, address::AddressError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code::{Code, Switch};

mod accepted;
mod domain;
mod outside;
mod rotation;

pub use accepted::{Accepted, Day, Sentence};
pub use domain::{BasePath, CertificateArn, Domain, HostName};
pub use outside::{Ci, Firebase, Logs, Mail, Mailgun, Reports, Thresholds, Unsubscribe, Web};
pub use rotation::{ApiKeys, Rotation};

/// One stage: an account, and what differs there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The AWS account, twelve digits. A run whose credentials belong to another one stops before it reads anything.
    pub account: AccountId,
    /// The AWS Region of everything but what is global.
    pub region: Region,
    /// What names and tags of ownership start with.
    #[serde(default = "default_project")]
    pub project: String,
    /// Runs on the embedded account kept in `.dn/STAGE/` instead of AWS.
    #[serde(default)]
    pub embedded: bool,
    /// Tags on everything, beside those of ownership.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Physical names by address (`shared/table/audit: legacy-audit`), so that what exists is taken over.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
    /// How the code of functions is built.
    #[serde(default)]
    pub code: Code,
    /// The release whose code the stage runs, by its name (64 hexadecimal digits): `dn promote` and `dn rollback` write
    /// this line. Without it the code is built from the source.
    #[serde(default)]
    pub release: Option<String>,
    /// How callers come to new code.
    #[serde(default)]
    pub switch: Switch,
    /// How data is kept.
    pub data: Data,
    /// Who is told.
    pub alarms: Alarms,
    /// Queues and what works them off.
    #[serde(default)]
    pub queues: Queues,
    /// The APIs and who calls them from a browser.
    pub web: Web,
    /// Who signs people in.
    pub firebase: Firebase,
    /// Mail that is sent and received.
    pub mail: Mail,
    /// Links by which people leave.
    #[serde(default)]
    pub unsubscribe: Unsubscribe,
    /// Financial reports and who may read them.
    #[serde(default)]
    pub reports: Reports,
    /// How old keys become, and how they are taken away.
    #[serde(default)]
    pub rotation: Rotation,
    /// How much is written down about functions and gateways.
    #[serde(default)]
    pub logs: Logs,
    /// What the account may have; beyond it, `plan` and `apply` stop before they look.
    #[serde(default)]
    pub quotas: Limits,
    /// The forge that plans and applies; without it no role is made for one.
    #[serde(default)]
    pub ci: Option<Ci>,
    /// Differences that people know of, left out of `drift` until their day is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<Accepted>,
}

/// How tables that hold data are protected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// DynamoDB refuses to delete a table whose rows can be had from nowhere else.
    pub deletion_protection: bool,
    /// Such a table can be restored to any second of the last 35 days.
    pub point_in_time_recovery: bool,
}

/// Where alarms go, and when they ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alarms {
    /// Mail addresses; each must confirm once.
    #[serde(default)]
    pub emails: Vec<String>,
    /// Messages in a dead-letter queue that ring.
    #[serde(default = "default_dead_letters")]
    pub dead_letters: i32,
    /// When the alarms of functions, endpoints and mail ring.
    #[serde(default)]
    pub thresholds: Thresholds,
}

/// How long work may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Queues {
    /// Longest run of a function that works off a queue, in seconds; messages are hidden six times as long.
    pub worker_timeout_s: u32,
    /// Attempts before a message goes to the dead letters.
    pub attempts: u32,
}

impl Default for Queues {
    fn default() -> Self {
        Self { worker_timeout_s: 60, attempts: 5 }
    }
}

fn default_project() -> String {
    "dn".to_owned()
}

fn default_dead_letters() -> i32 {
    1
}

/// Twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(#[schemars(regex(pattern = r"^\d{12}$"))] String);

impl TryFrom<String> for AccountId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is no AWS account: expected twelve digits in quotes"))
    }
}

/// An AWS Region such as `us-east-1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Region(#[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-\d$"))] String);

impl TryFrom<String> for Region {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (start, number) = text.rsplit_once('-').unwrap_or_default();
        let words = start.split('-').count() >= 2
            && start
                .split('-')
                .all(|word| word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase()));
        if words && number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is no AWS Region: expected one such as us-east-1"))
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.0
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0
    }
}

impl AccountId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Region {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Environment {
    /// The overridden names by address.
    ///
    /// # Errors
    /// When a key under `names` is no address.
    pub fn overrides(&self) -> Result<BTreeMap<Address, String>, AddressError> {
        self.names.iter().map(|(address, name)| Ok((address.parse()?, name.clone()))).collect()
    }

    /// Whose environment it is: names, ARNs and tags of a stage follow from it.
    ///
    /// # Errors
    /// When a key under `names` is no address.
    pub fn scope(&self, stage: &str) -> Result<Scope, AddressError> {
        Ok(Scope {
            project: self.project.clone(),
            stage: stage.to_owned(),
            account: self.account.as_str().to_owned(),
            region: self.region.as_str().to_owned(),
            names: self.overrides()?,
            tags: self.tags.clone(),
        })
    }

    /// Whether its parts fit each other.
    ///
    /// # Errors
    /// Says which do not.
    pub fn check(&self) -> Result<(), String> {
        let Some(domain) = &self.web.domain else { return Ok(()) };
        let apis: Vec<&str> = contract::api::APIS.iter().map(|api| api.name).collect();
        let checked = domain.check(self.account.as_str(), self.region.as_str(), &apis);
        checked.map_err(|what| format!("web.domain.{what}"))
    }

    /// The accepted differences, with the place in the list of one whose address is none.
    ///
    /// # Errors
    /// When an entry names no address.
    pub fn accepted(&self) -> Result<Vec<model::drift::Accepted>, (usize, AddressError)> {
        let read = |(place, entry): (usize, &Accepted)| entry.read().map_err(|error| (place, error));
        self.accepted.iter().enumerate().map(read).collect()
    }

    /// `arn:aws:iam::ACCOUNT:root`: everyone whom the account's own policies allow.
    pub fn root(&self) -> String {
        format!("arn:aws:iam::{}:root", self.account.as_str())
    }
}
