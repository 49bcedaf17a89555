//! One call to AWS as the engine sees it. Kinds make calls only through a [`Gate`], which paces them, journals
//! those that write, and decides what a failure means.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Address, BoxFuture, Fault};

/// A call about to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub address: Address,
    /// As in IAM: `dynamodb`, `ses`, `s3`.
    pub service: String,
    /// As in the API: `CreateTable`.
    pub action: String,
    pub writes: bool,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.action)
    }
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Ok,
    /// AWS answered with an error.
    Error {
        code: String,
        message: String,
        status: u16,
        retry_after: Option<Duration>,
    },
    /// No answer: time-out, broken connection. Whether the work was done is unknown.
    NoAnswer {
        message: String,
    },
    /// The request never left: no credentials, bad endpoint name.
    NotSent {
        message: String,
    },
}

/// The retry classes of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// AWS refused because of the rate: nothing was done, ask again later.
    Throttle,
    /// The thing exists, but another service has not seen it yet: nothing was done, ask again for some minutes.
    Propagation,
    /// Another operation is in flight: wait for a steady state, look again, then try again.
    Conflict,
    /// No answer, or a fault inside AWS: whether the work was done is unknown, so look before trying again.
    Unknown,
    /// Trying again does not help.
    Terminal,
}

const THROTTLES: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "PriorRequestNotComplete",
    "BandwidthLimitExceeded",
];

const CONFLICTS: &[&str] = &[
    "ConcurrentAccess",
    "ConcurrentModification",
    "ConcurrentModificationException",
    "ConditionalRequestConflict",
    "ConflictException",
    "DeleteConflict",
    "KMSInvalidStateException",
    "LimitExceededException",
    "OperationAborted",
    "OperationAbortedException",
    "QueueDeletedRecently",
    "AWS.SimpleQueueService.QueueDeletedRecently",
    "ResourceConflictException",
    "ResourceInUseException",
    "StaleTag",
];

/// Code and a part of the message of answers that look like a conflict, and say that a name is taken: no waiting
/// helps (aws-semantics 1.3, "two meanings").
const TAKEN: &[(&str, &str)] = &[
    ("ConflictException", "already"),
    ("ResourceConflictException", "already exist"),
    ("ResourceInUseException", "already exists"),
];

/// Code and a part of the message of answers that only say "not seen yet".
const PROPAGATIONS: &[(&str, &str)] = &[
    ("MalformedPolicyDocument", "nvalid principal"),
    ("MalformedPolicyDocumentException", "rincipal"),
    ("MalformedPolicy", "rincipal"),
    ("InvalidParameter", "PrincipalNotFound"),
    ("InvalidParameterValueException", "cannot be assumed by Lambda"),
    ("InvalidParameterValueException", "execution role does not have permissions"),
    ("InvalidParameterValueException", "KMS key is invalid for CreateGrant"),
    // SES has not seen a policy yet that lets it in (aws-semantics 1.3).
    ("InvalidS3Configuration", ""),
    ("InvalidSnsTopic", ""),
    ("InvalidLambdaFunction", ""),
    ("BadRequestException", "Could not publish to SNS topic"),
    ("InvalidArgument", "Unable to validate the following destination configurations"),
    ("InvalidRequestException", "was deleted"),
    ("BadRequestException", "The role ARN does not have required permissions"),
    ("BadRequestException", "could not successfully write to CloudWatch Logs"),
    ("ContinuousBackupsUnavailableException", ""),
    ("ValidationException", "must allow AWS EventBridge Scheduler to assume"),
];

impl Outcome {
    /// The retry class of a failure; `None` for success.
    ///
    /// aws-semantics: throttles and propagation answers mean that nothing was done; every other fault inside AWS
    /// (HTTP 5xx) leaves the outcome open.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        match self {
            Self::Ok => None,
            Self::NoAnswer { .. } => Some(Class::Unknown),
            Self::NotSent { .. } => Some(Class::Terminal),
            Self::Error { code, message, status, .. } => Some(Self::class_of(code, message, *status)),
        }
    }

    fn class_of(code: &str, message: &str, status: u16) -> Class {
        let is = |(its_code, part): &(&str, &str)| code == *its_code && message.contains(part);
        if THROTTLES.contains(&code) || status == 429 || status == 503 {
            Class::Throttle
        } else if PROPAGATIONS.iter().any(is) {
            Class::Propagation
        } else if TAKEN.iter().any(is) {
            Class::Terminal
        } else if CONFLICTS.contains(&code) {
            Class::Conflict
        } else if status >= 500 {
            Class::Unknown
        } else {
            Class::Terminal
        }
    }
}

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Take this outcome, good or bad.
    Accept,
    /// The gate has waited; make the call once more.
    Again,
}

/// What stands between a kind and AWS. Implemented once, in the engine.
pub trait Gate: Send + Sync {
    /// Waits for a place in the call's rate lane, then writes down the intent of a call that changes something.
    fn enter<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<(), Fault>>;

    /// Writes down the result; waits and says [`Verdict::Again`] where another attempt is due. `attempt` counts from 1.
    fn leave<'a>(
        &'a self,
        call: &'a Call,
        attempt: u32,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Verdict, Fault>>;

    /// Lets time pass between two looks at something that takes long; `what` is shown as progress.
    fn pause<'a>(
        &'a self,
        address: &'a Address,
        what: &'a str,
        time: Duration,
    ) -> BoxFuture<'a, Result<(), Fault>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_is_not_waited_for() {
        let class = |message: &str| Outcome::class_of("ResourceInUseException", message, 400);
        assert_eq!(class("Table already exists: dn-a"), Class::Terminal);
        assert_eq!(class("Table is being updated: dn-a"), Class::Conflict);
    }
}
