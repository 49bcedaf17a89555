//! The rotation of a key that callers of an API send: from what is observed to the next safe step (aws-semantics 10).
//!
//! [`next`] is a pure function, as [`crate::next`] is: everything it knows is live in the account.
//!
//! **What must hold.** The key that callers are told of works, whenever they ask; a key that somebody sends goes on
//! working until they had the whole overlap to change over, and while they were seen to send it nobody takes it away
//! unasked; and a key that was taken away can be had back for a while. API Gateway never changes a value, so a rotation
//! is a second key, and it counts the calls of each key day by day, which is how one knows who still sends the old one.
//!
//! | stage | live state | next step |
//! | --- | --- | --- |
//! | steady | one key | none until it is due, then [`Step::Make`] |
//! | made | a key that [follows](Key::follows) it, not in the usage plan | [`Step::Admit`] |
//! | admitted | it is in the plan, and says no time | [`Step::Name`]: from now on callers are told of it |
//! | overlapping | both work | waits [`Rules::overlap_s`], then [`Step::Disable`] when nobody sent it the day before |
//! | disabled | the old one is refused, and can be [had back](Step::Enable) | waits [`Rules::disabled_s`] |
//! | over | | [`Step::Delete`] |
//!
//! **Which key is in use** is told by tags alone ([`in_use`]): the one with the latest time on it, and before there is
//! one the key that follows no other. The time is written after the key was admitted, so never too early; it begins the
//! overlap.
//!
//! **Since when a key is disabled** is when AWS last saw it changed: any other change only makes the wait longer. A key
//! that a person enabled again has a whole overlap before it.

mod decide;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod tests;
mod words;

pub use decide::next;

const DAY_S: i64 = 24 * 60 * 60;

/// The tag with the id of the key that a key was made to follow.
pub const FOLLOWS: &str = "dn:follows";
/// The tag with the seconds since 1970 from which on a key is known to work.
pub const WORKS_SINCE: &str = "dn:works-since";

/// How long things take; all in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// For which the old key works beside the new one.
    overlap_s: i64,
    /// For which a disabled key can be had back.
    disabled_s: i64,
    /// After which a key is due for rotation.
    due_s: i64,
    /// By which any clock is wrong at most.
    skew_s: i64,
    /// Within which a step is carried out after its look.
    act_s: i64,
}

impl Rules {
    /// Of an environment, in days.
    #[must_use]
    pub fn of_days(every: u32, overlap: u32, disabled: u32) -> Self {
        let days = |number: u32| i64::from(number) * DAY_S;
        Self {
            overlap_s: days(overlap),
            disabled_s: days(disabled),
            due_s: days(every),
            skew_s: contract::signing::CLOCK_SKEW_S,
            act_s: 10 * 60,
        }
    }

    /// With another overlap, in seconds.
    #[must_use]
    pub fn overlapping(self, overlap_s: i64) -> Self {
        Self { overlap_s, ..self }
    }

    /// Within which a step is carried out after its look, or not at all.
    #[must_use]
    pub const fn act_s(&self) -> i64 {
        self.act_s
    }
}

/// What is there, and when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    pub now_s: i64,
    /// All keys of one declared key.
    pub keys: Vec<Key>,
    /// Whether the usage plan is there that lets them in.
    pub has_plan: bool,
    /// The environment names the declared key by its id.
    pub named_by_id: bool,
}

/// A key of the stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub id: String,
    /// The id of the key that it was made to follow; none of one that an apply made.
    pub follows: Option<String>,
    /// Since when it is known to work.
    pub since_s: Option<i64>,
    /// By AWS's clock.
    pub made_s: i64,
    /// By AWS's clock.
    pub changed_s: i64,
    pub enabled: bool,
    pub in_plan: bool,
    /// Calls on the last full day (UTC); `None` where AWS does not tell.
    pub used: Option<u64>,
}

impl Key {
    /// What tells whether it is the one in use.
    #[must_use]
    pub fn mark(&self) -> Mark<'_> {
        Mark { id: &self.id, follows: self.follows.as_deref(), since_s: self.since_s }
    }
}

/// The last full day before an instant, as days since 1970.
#[must_use]
pub const fn last_full_day(now_s: i64) -> i64 {
    now_s.div_euclid(DAY_S) - 1
}

/// What tells which of several keys is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark<'a> {
    pub id: &'a str,
    pub follows: Option<&'a str>,
    pub since_s: Option<i64>,
}

/// The key that callers are told of.
#[must_use]
pub fn in_use<'a>(marks: &[Mark<'a>]) -> Option<&'a str> {
    let works = marks.iter().filter_map(|mark| Some((mark.since_s?, mark.id))).max();
    let first = || marks.iter().filter(|mark| mark.follows.is_none()).map(|mark| mark.id).min();
    works.map(|(_, id)| id).or_else(first).or_else(|| marks.iter().map(|mark| mark.id).min())
}

/// Whether a key is there because of a rotation: it is not the one in use, and some key was made to follow another.
#[must_use]
pub fn is_guest(mark: &Mark<'_>, of: &[Mark<'_>]) -> bool {
    in_use(of) != Some(mark.id) && of.iter().any(|other| other.follows.is_some())
}

/// What the operator asks for beyond what is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Begin a rotation although none is due.
    pub early: bool,
    /// Disable the old key although somebody sends it.
    pub retire_used: bool,
    /// Enable the key that was disabled last.
    pub bring_back: bool,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Do(Step),
    Wait {
        until_s: i64,
        why: Why,
    },
    /// Somebody still sends a key whose overlap is over: calls on a day, as days since 1970.
    Used {
        key: String,
        calls: u64,
        day: i64,
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
    /// Makes a key beside this one.
    Make { follows: String },
    /// Adds a key to the usage plan.
    Admit { key: String },
    /// Writes the time on a key that works: callers are told of it from now on.
    Name { key: String, now_s: i64 },
    /// Has the gateway refuse a key.
    Disable { key: String },
    /// Has the gateway let a key in again.
    Enable { key: String },
    /// Deletes a key.
    Delete { key: String },
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Callers change over from this key.
    Overlapping { key: String },
    /// It can be had back.
    Disabled { key: String },
}

/// What a person must see to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    NoKey,
    NoPlan,
    /// AWS has seen times that this machine's clock says are yet to come.
    Clock,
    NamedById,
    NothingToBringBack,
}
