//! The health endpoint that every API has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    setting::{CorsAllowedOrigins, Stage, Version},
    variable::variables,
};

variables! {
    /// What a health function reads.
    pub struct HealthVariables {
        stage: Stage = "STAGE",
        version: Version = "VERSION",
        origins: CorsAllowedOrigins = "CORS_ALLOWED_ORIGINS",
    }
}

/// The event that asks a version whether it works before anybody is served by it: every function answers it, whatever
/// starts it, once its variables were read.
pub const CHECK: &str = r#"{"dn":"health"}"#;

/// The service works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "HealthResponse")]
pub struct Health {
    pub success: bool,
    /// `ok`.
    pub status: String,
    pub stage: String,
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    pub version: String,
}
