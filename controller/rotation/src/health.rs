//! Whether a rotation goes on as it should: from what is observed, without a memory.

use crate::{CURRENT, NO_KEY, Next, Observed, PENDING, Rules, SINCE, Step, Stuck, Version, Why};

/// By how much a rotation may be late before people are told; in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Margins {
    /// Of its beginning.
    pub overdue_s: i64,
    /// Of each step.
    pub stuck_s: i64,
}

/// Whether it goes on as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Well,
    /// The key is older than it may be, and no rotation has begun.
    Overdue {
        since_s: i64,
    },
    /// What could have been done was not; the same text for as long as it is the same.
    Stuck {
        since_s: i64,
        what: String,
    },
}

/// Whether a step begins a rotation, rather than going on with one.
#[must_use]
pub fn begins(observed: &Observed, step: &Step) -> bool {
    match step {
        Step::Prime => true,
        // After the first version comes the first key.
        Step::Prepare => current(observed).is_some_and(|version| has_key(observed, version)),
        _ => false,
    }
}

/// Whether a rotation goes on as it should. A stage that never had a key is well: nobody has begun.
#[must_use]
pub fn health(observed: &Observed, rules: &Rules, next: &Next, margins: &Margins) -> Health {
    let late = |since_s: i64, margin_s: i64| observed.now_s > since_s + margin_s;
    let key = current(observed).filter(|version| has_key(observed, version));
    let due_s = key.map(|version| version.made_s + rules.due_s);
    let stuck = |since_s: Option<i64>, what: String| match since_s {
        Some(since_s) if late(since_s, margins.stuck_s) => Health::Stuck { since_s, what },
        _ => Health::Well,
    };
    match next {
        Next::Do(step) if begins(observed, step) => match due_s {
            Some(since_s) if late(since_s, margins.overdue_s) => Health::Overdue { since_s },
            _ => Health::Well,
        },
        Next::Do(step) => stuck(possible_since(observed, rules, step), format!("not done: {step}")),
        Next::Wait { why: Why::Deploying, .. } => {
            let since_s = observed.group.as_ref().map(|group| group.changed_s + rules.widened_s());
            stuck(since_s, next_text(next))
        }
        Next::Stuck(Stuck::GroupFull | Stuck::AccountFull) => stuck(due_s, next_text(next)),
        // Nothing tells since when.
        Next::Stuck(Stuck::NoSecret | Stuck::Clock) => {
            Health::Stuck { since_s: observed.now_s, what: next_text(next) }
        }
        // Nothing is served there.
        Next::Stuck(Stuck::NoGroup) | Next::Wait { .. } | Next::Rest { .. } => Health::Well,
    }
}

fn next_text(next: &Next) -> String {
    match next {
        Next::Stuck(stuck) => stuck.to_string(),
        Next::Wait { why, .. } => why.to_string(),
        Next::Do(_) | Next::Rest { .. } => String::new(),
    }
}

fn labelled<'a>(observed: &'a Observed, label: &str) -> Option<&'a Version> {
    observed.secret.as_ref()?.versions.iter().find(|version| version.labels.contains(label))
}

fn current(observed: &Observed) -> Option<&Version> {
    labelled(observed, CURRENT)
}

fn has_key(observed: &Observed, version: &Version) -> bool {
    observed.keys.iter().any(|key| key.digest == version.id)
}

/// Since when a step of a rotation that has begun could have been made, as far as what is live tells.
fn possible_since(observed: &Observed, rules: &Rules, step: &Step) -> Option<i64> {
    let (group, secret) = (observed.group.as_ref()?, observed.secret.as_ref()?);
    let made_s = |id: &str| observed.keys.iter().find(|key| key.id == *id).map(|key| key.made_s);
    match step {
        Step::Prime => None,
        Step::Prepare => labelled(observed, NO_KEY).map(|version| version.made_s),
        Step::Widen { key } => match labelled(observed, PENDING) {
            Some(_) => made_s(key),
            None => Some(group.changed_s),
        },
        Step::Switch { .. } => Some(group.changed_s + rules.widened_s()),
        Step::Stamp { .. } | Step::Unlabel { .. } => Some(secret.changed_s.max(group.changed_s)),
        Step::Narrow { .. } => {
            let labels = current(observed)?.labels.iter();
            let since_s = labels.filter_map(|label| label.strip_prefix(SINCE)?.parse::<i64>().ok()).max()?;
            Some(since_s.max(secret.changed_s) + rules.drained_s())
        }
        Step::Delete { key } => Some((made_s(key)? + rules.abandoned_s()).max(group.changed_s)),
    }
}
