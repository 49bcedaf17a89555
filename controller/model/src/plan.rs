//! Differences to ordered steps, nothing left to decide.
use serde::{Deserialize, Serialize};

/// What a step must find, or it refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expects {
    Absent,
    /// The fingerprint of what the plan saw, and AWS's own token where there is one.
    Live {
        fingerprint: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
}
