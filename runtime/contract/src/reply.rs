//! The shapes that all answers have in common (R2, R3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version that answers carry.
pub const VERSION: &str = "1.0.0";

/// Every failure of the outreach and financial APIs, whatever its status (R3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ErrorResponse")]
pub struct Failure {
    /// Always false.
    #[schemars(extend("example" = false))]
    pub success: bool,
    /// For people.
    pub error: String,
    /// For programs (A5): `MissingToken`, `InvalidToken`, `InsufficientPermissions`, `RateLimitExceeded`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// ISO 8601, UTC, with milliseconds.
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    pub version: String,
}

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Code {
    InvalidRequest,
    MissingToken,
    InvalidToken,
    InsufficientPermissions,
    InvalidSignature,
    NotFound,
    RateLimitExceeded,
    Unavailable,
    Internal,
}

impl Code {
    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::MissingToken | Self::InvalidToken | Self::InvalidSignature => 401,
            Self::InsufficientPermissions => 403,
            Self::NotFound => 404,
            Self::RateLimitExceeded => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}
