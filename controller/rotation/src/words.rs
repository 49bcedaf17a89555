//! What is done and waited for, in words.

use std::{collections::BTreeSet, fmt};

use crate::{Next, PENDING, Step, Stuck, Why};

fn keys(keys: &BTreeSet<String>) -> String {
    keys.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prime => f.write_str("put a first version that holds no key into the secret"),
            Self::Prepare => {
                f.write_str("make a new key: public half to CloudFront, private half to the secret")
            }
            Self::Widen { key } => write!(f, "let the key group trust {key} as well"),
            Self::Switch { .. } => f.write_str("let links be signed with the new key"),
            Self::Stamp { .. } => f.write_str("note the time since which links are signed with it"),
            Self::Narrow { keys: old } => write!(f, "take {} out of the key group", keys(old)),
            Self::Unlabel { label, .. } => {
                write!(f, "take the label {label} off a version of the secret")
            }
            Self::Delete { key } => write!(f, "delete the public key {key}"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settling { key } => write!(f, "every edge must learn of {key} before links name it"),
            Self::Deploying => f.write_str("a distribution is being deployed"),
            Self::Draining { keys: old } => write!(f, "links that {} signed may not have expired", keys(old)),
            Self::Full => f.write_str("the key group is full until a key may leave it"),
            Self::Preparing { .. } => {
                f.write_str("a key was made just now, and its version is not there yet")
            }
        }
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoGroup => "there is no key group",
            Self::NoSecret => "there is no secret to keep the key in",
            Self::Clock => "this machine's clock is behind AWS's",
            Self::GroupFull => "the key group is full, and rotation may take no key out of it",
            Self::AccountFull => "the account has all the public keys that CloudFront allows",
        })
    }
}

impl Stuck {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoGroup | Self::NoSecret => {
                "apply first; a group needs a key in the environment to begin with"
            }
            Self::Clock => "set the clock, then run it again",
            Self::GroupFull => "`dn drift` tells which keys are another's",
            Self::AccountFull => "delete a public key that no group uses",
        }
    }
}

impl Step {
    /// The name of the step, for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Prime => "prime",
            Self::Prepare => "prepare",
            Self::Widen { .. } => "widen",
            Self::Switch { .. } => "switch",
            Self::Stamp { .. } => "stamp",
            Self::Narrow { .. } => "narrow",
            Self::Unlabel { .. } => "unlabel",
            Self::Delete { .. } => "delete",
        }
    }
}

impl Next {
    /// Where the rotation is, in a word.
    #[must_use]
    pub fn stage(&self) -> &'static str {
        match self {
            Self::Do(Step::Prime | Step::Prepare) => "due",
            Self::Do(Step::Widen { .. }) | Self::Wait { why: Why::Preparing { .. }, .. } => "prepared",
            Self::Wait { why: Why::Settling { .. } | Why::Deploying, .. } => "settling",
            Self::Do(Step::Switch { .. }) => "settled",
            Self::Do(Step::Stamp { .. }) => "switched",
            Self::Do(Step::Unlabel { label, .. }) if label == PENDING => "switched",
            Self::Wait { why: Why::Draining { .. } | Why::Full, .. } => "draining",
            Self::Do(Step::Narrow { .. }) => "drained",
            Self::Do(Step::Unlabel { .. } | Step::Delete { .. }) => "narrowed",
            Self::Rest { .. } => "steady",
            Self::Stuck(_) => "stuck",
        }
    }
}
