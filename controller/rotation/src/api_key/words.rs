//! What is done and waited for, in words.

use std::fmt;

use super::{Next, Step, Stuck, Why};

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Make { follows } => write!(f, "make a key beside {follows}"),
            Self::Admit { key } => write!(f, "let the usage plan admit {key}"),
            Self::Name { key, .. } => write!(f, "tell callers of {key} from now on"),
            Self::Disable { key } => write!(f, "disable {key}, which can be had back for a while"),
            Self::Enable { key } => write!(f, "enable {key}"),
            Self::Delete { key } => write!(f, "delete {key}"),
        }
    }
}

impl Step {
    /// The name of the step, for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Make { .. } => "make",
            Self::Admit { .. } => "admit",
            Self::Name { .. } => "name",
            Self::Disable { .. } => "disable",
            Self::Enable { .. } => "enable",
            Self::Delete { .. } => "delete",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlapping { key } => write!(f, "callers have this long to change over from {key}"),
            Self::Disabled { key } => write!(f, "{key} is disabled, and can be had back with --bring-back"),
        }
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKey => "there is no key",
            Self::NoPlan => "there is no usage plan that lets the key in",
            Self::Clock => "this machine's clock is behind AWS's",
            Self::NamedById => "the environment names the key by its id, which a new key does not have",
            Self::NothingToBringBack => "no key is disabled",
        })
    }
}

impl Stuck {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoKey | Self::NoPlan => "apply first",
            Self::Clock => "set the clock, then run it again",
            Self::NamedById => "an apply has tagged it: name it under `names` by its name instead",
            Self::NothingToBringBack => "a key that was deleted never comes back",
        }
    }
}

impl Next {
    /// Where the rotation is, in a word.
    #[must_use]
    pub fn stage(&self) -> &'static str {
        match self {
            Self::Do(Step::Make { .. }) => "due",
            Self::Do(Step::Admit { .. } | Step::Enable { .. }) => "made",
            Self::Do(Step::Name { .. }) => "admitted",
            Self::Wait { why: Why::Overlapping { .. }, .. } => "overlapping",
            Self::Do(Step::Disable { .. }) => "overlapped",
            Self::Used { .. } => "still-used",
            Self::Wait { why: Why::Disabled { .. }, .. } => "disabled",
            Self::Do(Step::Delete { .. }) => "over",
            Self::Rest { .. } => "steady",
            Self::Stuck(_) => "stuck",
        }
    }
}
