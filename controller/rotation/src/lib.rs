//! The rotation of the key that links are signed with: from what is observed to the next safe step (aws-semantics 8.4).
//!
//! [`next`] is a pure function. It reads no clock and keeps no state: everything it knows is live in the account, so a
//! rotation that was cut off anywhere goes on from there, by whoever looks next.
//!
//! **What must hold.** Every unexpired link names a key that every edge accepts, and a signer only ever signs with such
//! a key. Edges learn of a change of the key group late, and nothing tells when; signers go on with the key that they
//! have read for a while; clocks are wrong by some minutes; two operators may look at the same time and act one after
//! the other.
//!
//! | stage | live state | next step |
//! | --- | --- | --- |
//! | nothing | the secret has no version | [`Step::Prime`]: a document without a key, see below |
//! | steady | one key of ours in the group, its version is AWSCURRENT | none until it is due, then [`Step::Prepare`] |
//! | prepared | a version is AWSPENDING, its key is not in the group | [`Step::Widen`] |
//! | widened | its key is in the group | waits [`Rules::settle_s`], then [`Step::Switch`] |
//! | switched | AWSCURRENT is a version without a valid time | [`Step::Stamp`] |
//! | draining | other keys of ours are in the group | waits for their last link, then [`Step::Narrow`] |
//! | narrowed | labels and keys that nothing needs | [`Step::Unlabel`], [`Step::Delete`] |
//!
//! **Which key belongs to which version** is told by names alone: the id of a version is the digest of its public key.
//! The value of the secret is never read.
//!
//! **The first version** of a secret becomes AWSCURRENT whatever labels are asked for (`PutSecretValue`), which would
//! hand signers a key that no edge knows. So the first version holds no key.
//!
//! **When was switched** is a label of the version, [`SINCE`] and a time: written by the first look that sees the
//! version as AWSCURRENT, so never too early. A time counts only on the version that is AWSCURRENT and only if no other
//! version has a later one: somebody may have gone back to the version before.
//!
//! **A step is carried out within [`Rules::act_s`] of the look or not at all.** Most steps are compare-and-swap (the
//! group's ETag, `RemoveFromVersionId`); putting a version is not, and must not displace one that was waited for.
//!
//! Keys that callers of an API send are rotated by a machine of their own: [`api_key`].
//!
//! Keys of the group that carry no mark of this stage are another's: they are told and never touched, which leaves
//! less room in the group.

use std::collections::BTreeSet;

use contract::signing::{CLOCK_SKEW_S, LINK_LIFE_MAX_S, SIGNER_CACHE_S};

pub mod api_key;
mod decide;
mod health;
mod words;

pub use contract::signing::SECRET as SIGNING_KEY;
pub use decide::next;
pub use health::{Health, Margins, begins, health};

/// The version that readers get.
pub const CURRENT: &str = "AWSCURRENT";
/// The version that was made and is not in use yet.
pub const PENDING: &str = "AWSPENDING";
/// The version before, which Secrets Manager labels by itself.
pub const PREVIOUS: &str = "AWSPREVIOUS";
/// The version without a key.
pub const NO_KEY: &str = "dn-no-key";
/// Before the seconds since 1970 at which a version was seen to be current.
pub const SINCE: &str = "dn-current-since-";

/// CloudFront's quota: keys in a group.
pub const GROUP_KEYS_MAX: usize = 5;
/// CloudFront's quota: public keys in an account.
pub const ACCOUNT_KEYS_MAX: usize = 10;

/// How careful to be; all in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// After which a change of the key group has reached every edge. Distributions are commonly said to take up to
    /// fifteen minutes.
    settle_s: i64,
    /// For which a signer uses what it has read.
    cache_s: i64,
    /// That a link works at most.
    life_s: i64,
    /// By which any clock is wrong at most.
    skew_s: i64,
    /// Within which a step is carried out after its look.
    act_s: i64,
    /// After which a key is due for rotation.
    due_s: i64,
}

impl Rules {
    /// The one set of rules there is outside of tests of what other sets would break.
    pub const SAFE: Self = Self {
        settle_s: 30 * 60,
        cache_s: SIGNER_CACHE_S,
        life_s: LINK_LIFE_MAX_S,
        skew_s: CLOCK_SKEW_S,
        act_s: 10 * 60,
        due_s: 90 * 24 * 60 * 60,
    };

    /// With another age, in days, at which a key is due; a quarter where none is said.
    #[must_use]
    pub fn due_after(self, days: Option<u32>) -> Self {
        let due_s = days.map_or(self.due_s, |days| i64::from(days) * 24 * 60 * 60);
        Self { due_s, ..self }
    }

    /// Within which a step is carried out after its look, or not at all.
    #[must_use]
    pub const fn act_s(&self) -> i64 {
        self.act_s
    }

    /// From a change of the group until the edges know it: its time is AWS's, now is ours.
    const fn widened_s(&self) -> i64 {
        self.settle_s + self.skew_s
    }

    /// From the time on the label until the last link of another key has expired. Six clocks have a part in it: the
    /// one that wrote the time, the signer's when it read and when it signed, the one that it dated the link by, the
    /// edge's, and the one that is asked now.
    const fn drained_s(&self) -> i64 {
        self.cache_s + self.life_s + 6 * self.skew_s
    }

    /// From the making of a key until its version must be there: whoever made it gave up, or was cut off.
    const fn abandoned_s(&self) -> i64 {
        2 * self.act_s + self.skew_s
    }
}

/// What is there, and when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// After everything was read: what the clock of who looked said before, plus the time that was counted since. A
    /// clock that is far off gets no answers from AWS, but one that jumps between two calls would decide something.
    pub now_s: i64,
    /// `None` when it does not exist.
    pub group: Option<Group>,
    /// The public keys that carry a mark of this stage.
    pub keys: Vec<Key>,
    /// All public keys of the account.
    pub keys_in_account: usize,
    /// `None` when it does not exist.
    pub secret: Option<Secret>,
    /// Whether every distribution that trusts the group says that it is deployed.
    pub deployed: bool,
}

/// The key group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Ids of public keys.
    pub members: BTreeSet<String>,
    /// By AWS's clock.
    pub changed_s: i64,
}

/// A public key of this stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub id: String,
    /// SHA-256 of its DER, in hexadecimal digits: the id of the version that holds its private half.
    pub digest: String,
    /// By AWS's clock.
    pub made_s: i64,
    pub owner: Owner,
}

/// Who declares a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Rotation made it, and deletes it.
    Rotation,
    /// The environment names it, for the group to begin with: it is taken out of the group, and not deleted.
    Environment,
}

/// The secret that holds the private half, without any value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Those that have labels.
    pub versions: Vec<Version>,
    /// By AWS's clock.
    pub changed_s: i64,
}

/// One version of the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub id: String,
    pub labels: BTreeSet<String>,
    /// By AWS's clock.
    pub made_s: i64,
}

/// What the operator asks for beyond what is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Begin a rotation although none is due.
    pub early: bool,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Do(Step),
    Wait {
        until_s: i64,
        why: Why,
    },
    /// Nothing until the key is due.
    Rest {
        due_s: i64,
    },
    /// Nothing until a person has acted.
    Stuck(Stuck),
}

/// One step. Each can be made again, and each may find that somebody was faster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Puts a first version that holds no key, labelled [`NO_KEY`].
    Prime,
    /// Makes a pair: a public key, and the version that holds its other half as [`PENDING`].
    Prepare,
    /// Adds a key to the group.
    Widen { key: String },
    /// Moves [`CURRENT`] from one version to another.
    Switch { from: Option<String>, to: String },
    /// Labels the current version with the time.
    Stamp { version: String, now_s: i64 },
    /// Takes keys out of the group.
    Narrow { keys: BTreeSet<String> },
    /// Takes a label off a version.
    Unlabel { version: String, label: String },
    /// Deletes a public key that is in no group.
    Delete { key: String },
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The edges must learn of the new key first.
    Settling { key: String },
    /// A distribution is being deployed.
    Deploying,
    /// Links of these keys may be alive.
    Draining { keys: BTreeSet<String> },
    /// The group has no room until a key may leave it.
    Full,
    /// Somebody may be making a key just now.
    Preparing { key: String },
}

/// What a person must see to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    NoGroup,
    NoSecret,
    /// AWS has seen times that this machine's clock says are yet to come.
    Clock,
    /// The group is full, and no key of ours in it can leave.
    GroupFull,
    AccountFull,
}

#[cfg(test)]
mod proof;
#[cfg(test)]
mod tests;
