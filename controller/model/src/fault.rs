//! What the caller may do about a failure, and what a person may do.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Address;

/// A failed observation or step. The variant says what the caller may do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Fault {
    /// Trying again later may help; all bounded retries were used up.
    #[error("{0}")]
    Transient(Cause),
    /// The world is not what the plan saw: plan again.
    #[error("{address} is not what the plan saw: {found}")]
    Stale { address: Box<Address>, found: String },
    /// A person must act.
    #[error("{0}")]
    Refused(Cause),
    /// The run was asked to stop before this was begun.
    #[error("stopped before {0}")]
    Stopped(String),
}

/// Names the resource, the call and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The resource, where one is concerned.
    pub address: Option<Address>,
    /// `service:Action`, where a call failed.
    pub call: Option<String>,
    /// AWS's error code, where AWS answered.
    pub code: Option<String>,
    pub message: String,
    pub hint: Option<String>,
}

impl Cause {
    pub fn new(message: impl Into<String>) -> Self {
        Self { address: None, call: None, code: None, message: message.into(), hint: None }
    }

    #[must_use]
    pub fn at(mut self, address: &Address) -> Self {
        self.address = Some(address.clone());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = &self.address {
            write!(f, "{address}: ")?;
        }
        if let Some(call) = &self.call {
            write!(f, "{call}: ")?;
        }
        match &self.code {
            Some(code) if !self.message.contains(code.as_str()) => write!(f, "{code}: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

impl Fault {
    /// A refusal that names its resource.
    pub fn refused(address: &Address, message: impl Into<String>) -> Self {
        Self::Refused(Cause::new(message).at(address))
    }

    /// Adds what a person may do, where nothing more precise is there yet.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        match self {
            Self::Transient(cause) if cause.hint.is_none() => Self::Transient(cause.hint(hint)),
            Self::Refused(cause) if cause.hint.is_none() => Self::Refused(cause.hint(hint)),
            other => other,
        }
    }

    /// The cause, where there is one.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Transient(cause) | Self::Refused(cause) => Some(cause),
            Self::Stale { .. } | Self::Stopped(_) => None,
        }
    }
}
