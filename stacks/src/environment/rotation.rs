//! What the environment says about how old keys become, and how they are taken away.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How old keys become, and how they are taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// Days after which the stage begins a rotation of the signing key by itself. Without it only people begin one,
    /// after 90 days; the stage goes on with what they began.
    pub every_days: Option<u32>,
    /// Days that the signing key may be older before people are told that its rotation is overdue.
    pub overdue_days: u32,
    /// Hours that a step of the rotation may be late before people are told that it is stuck.
    pub stuck_hours: u32,
    /// Keys that callers of an API send.
    pub api_keys: ApiKeys,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { every_days: None, overdue_days: 7, stuck_hours: 24, api_keys: ApiKeys::default() }
    }
}

/// How `dn rotate STAGE api-key NAME` replaces a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiKeys {
    /// Days after which a key is due.
    pub every_days: u32,
    /// Days for which the old key works beside the new one.
    pub overlap_days: u32,
    /// Days for which a disabled key can be had back before it is deleted.
    pub disabled_days: u32,
}

impl Default for ApiKeys {
    fn default() -> Self {
        Self { every_days: 90, overlap_days: 14, disabled_days: 7 }
    }
}
