//! What the environment says about how old keys become, and how they are taken away.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How old keys become, and how they are taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// Keys that callers of an API send.
    pub api_keys: ApiKeys,
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
