//! What the account may have in its Region, as an environment says it: AWS raises these on request, and says so
//! by mail.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Figures of "Service Quotas" in the console; the defaults are those of most Regions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Quotas")]
pub struct Limits {
    /// Calls a second of all REST APIs together; 2,500 in younger Regions.
    pub gateway_rate: u32,
    /// The same at once, after a rest; 1,250 in younger Regions.
    pub gateway_burst: u32,
    /// Calls of all functions at the same time; new accounts begin with far less.
    pub concurrency: u32,
    pub roles: u32,
    pub topics: u32,
    pub tables: u32,
    pub distributions: u32,
    /// Of CloudFront.
    pub public_keys: u32,
    /// Of CloudFront.
    pub key_groups: u32,
    pub usage_plans: u32,
    pub rest_apis: u32,
    /// Custom domains of API Gateway.
    pub domain_names: u32,
    pub buckets: u32,
    pub alarms: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            gateway_rate: 10_000,
            gateway_burst: 5_000,
            concurrency: 1_000,
            roles: 1_000,
            topics: 100_000,
            tables: 2_500,
            distributions: 500,
            public_keys: 10,
            key_groups: 10,
            usage_plans: 300,
            rest_apis: 600,
            domain_names: 120,
            buckets: 10_000,
            alarms: 5_000,
        }
    }
}
