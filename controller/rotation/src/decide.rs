//! The decision.

use std::collections::BTreeSet;

use crate::{
    ACCOUNT_KEYS_MAX, CURRENT, GROUP_KEYS_MAX, Group, Key, NO_KEY, Next, Observed, Owner, PENDING, PREVIOUS,
    Rules, SINCE, Secret, Step, Stuck, Version, Why, Wish,
};

/// The next safe step, or what to wait for.
#[must_use]
pub fn next(observed: &Observed, rules: &Rules, wish: Wish) -> Next {
    let Some(group) = &observed.group else { return Next::Stuck(Stuck::NoGroup) };
    let Some(secret) = &observed.secret else { return Next::Stuck(Stuck::NoSecret) };
    let look = Look { observed, group, secret, rules };
    if look.newest_s() > observed.now_s + 2 * rules.skew_s {
        return Next::Stuck(Stuck::Clock);
    }
    if secret.versions.is_empty() {
        return Next::Do(Step::Prime);
    }
    if let Some(pending) = look.labelled(PENDING) {
        return look.bring_in(pending);
    }
    match look.labelled(CURRENT).and_then(|version| Some((version, look.key_of(version)?))) {
        Some((version, key)) => look.see_out(version, key, wish),
        // A document without a key, or one that rotation did not write: nothing is known to work.
        None => look.begin(),
    }
}

/// The parts of an observation that every question needs.
struct Look<'a> {
    observed: &'a Observed,
    group: &'a Group,
    secret: &'a Secret,
    rules: &'a Rules,
}

impl Look<'_> {
    /// The latest time that AWS has written on anything.
    fn newest_s(&self) -> i64 {
        let keys = self.observed.keys.iter().map(|key| key.made_s);
        let versions = self.secret.versions.iter().map(|version| version.made_s);
        let all = keys.chain(versions).chain([self.group.changed_s, self.secret.changed_s]);
        all.max().unwrap_or(i64::MIN)
    }

    fn labelled(&self, label: &str) -> Option<&Version> {
        self.secret.versions.iter().find(|version| version.labels.contains(label))
    }

    fn key_of(&self, version: &Version) -> Option<&Key> {
        self.observed.keys.iter().find(|key| key.digest == version.id)
    }

    fn is_member(&self, key: &Key) -> bool {
        self.group.members.contains(&key.id)
    }

    fn is_over(&self, since_s: i64, wait_s: i64) -> bool {
        self.observed.now_s >= since_s + wait_s
    }

    /// A version waits to become the current one.
    fn bring_in(&self, pending: &Version) -> Next {
        let unlabel = || Next::Do(Step::Unlabel { version: pending.id.clone(), label: PENDING.to_owned() });
        if pending.labels.contains(CURRENT) {
            return unlabel();
        }
        let Some(key) = self.key_of(pending) else {
            // A list may not show yet what was just made.
            let wait_s = self.rules.abandoned_s();
            return match self.is_over(pending.made_s, wait_s) {
                true => unlabel(),
                false => Next::Wait {
                    until_s: pending.made_s + wait_s,
                    why: Why::Preparing { key: pending.id.clone() },
                },
            };
        };
        if !self.is_member(key) {
            return match self.has_room() {
                true => Next::Do(Step::Widen { key: key.id.clone() }),
                false => self.make_room(),
            };
        }
        let wait_s = self.rules.widened_s();
        if !self.is_over(self.group.changed_s, wait_s) {
            let why = Why::Settling { key: key.id.clone() };
            return Next::Wait { until_s: self.group.changed_s + wait_s, why };
        }
        if !self.observed.deployed {
            return Next::Wait { until_s: self.observed.now_s + self.rules.skew_s, why: Why::Deploying };
        }
        let from = self.labelled(CURRENT).map(|version| version.id.clone());
        Next::Do(Step::Switch { from, to: pending.id.clone() })
    }

    /// A key of ours is in use, and what is not may go.
    fn see_out(&self, current: &Version, key: &Key, wish: Wish) -> Next {
        if !self.is_member(key) {
            // Somebody took it out by hand: links are refused until it is back.
            return match self.has_room() {
                true => Next::Do(Step::Widen { key: key.id.clone() }),
                false => Next::Stuck(Stuck::GroupFull),
            };
        }
        let Some(since_s) = self.since(current) else {
            return Next::Do(Step::Stamp { version: current.id.clone(), now_s: self.observed.now_s });
        };
        let others = self.others(key);
        let free_s = since_s.max(self.secret.changed_s) + self.rules.drained_s();
        if !others.is_empty() && self.observed.now_s >= free_s {
            return Next::Do(Step::Narrow { keys: others });
        }
        if wish.early {
            return self.begin();
        }
        if !others.is_empty() {
            return Next::Wait { until_s: free_s, why: Why::Draining { keys: others } };
        }
        if let Some(tidying) = self.tidy(current, key) {
            return tidying;
        }
        match self.is_over(current.made_s, self.rules.due_s) {
            true => self.begin(),
            false => Next::Rest { due_s: current.made_s + self.rules.due_s },
        }
    }

    /// Since when this version is the current one, at the latest.
    fn since(&self, current: &Version) -> Option<i64> {
        let times = |version: &Version| {
            version.labels.iter().filter_map(|label| label.strip_prefix(SINCE)?.parse::<i64>().ok()).max()
        };
        let since_s = times(current)?;
        let later = |other: &Version| times(other).is_some_and(|time| time > since_s);
        (!self.secret.versions.iter().any(later)).then_some(since_s)
    }

    /// Keys of ours in the group beside this one.
    fn others(&self, key: &Key) -> BTreeSet<String> {
        let ours = self.observed.keys.iter().filter(|other| other.id != key.id && self.is_member(other));
        ours.map(|other| other.id.clone()).collect()
    }

    /// What no link needs any more: labels first, so that Secrets Manager may forget the private half.
    fn tidy(&self, current: &Version, key: &Key) -> Option<Next> {
        let useless = |label: &&String| *label == PREVIOUS || *label == NO_KEY || label.starts_with(SINCE);
        let old = self.secret.versions.iter().filter(|version| version.id != current.id);
        for version in old {
            if let Some(label) = version.labels.iter().find(useless) {
                return Some(Next::Do(Step::Unlabel { version: version.id.clone(), label: label.clone() }));
            }
        }
        self.orphan(Some(key))
    }

    /// A key of rotation that is in no group and not in use: made by a run that was cut off, or drained.
    fn orphan(&self, in_use: Option<&Key>) -> Option<Next> {
        let orphan = self.observed.keys.iter().find(|key| {
            key.owner == Owner::Rotation && !self.is_member(key) && Some(&key.id) != in_use.map(|one| &one.id)
        })?;
        let wait_s = self.rules.abandoned_s();
        Some(match self.is_over(orphan.made_s, wait_s) {
            true => Next::Do(Step::Delete { key: orphan.id.clone() }),
            false => {
                Next::Wait { until_s: orphan.made_s + wait_s, why: Why::Preparing { key: orphan.id.clone() } }
            }
        })
    }

    fn begin(&self) -> Next {
        let in_use = self.labelled(CURRENT).and_then(|version| self.key_of(version));
        if let Some(first) = self.orphan(in_use) {
            return first;
        }
        if !self.has_room() {
            return self.make_room();
        }
        if self.observed.keys_in_account >= ACCOUNT_KEYS_MAX {
            return Next::Stuck(Stuck::AccountFull);
        }
        Next::Do(Step::Prepare)
    }

    fn has_room(&self) -> bool {
        self.group.members.len() < GROUP_KEYS_MAX
    }

    /// The group is full: the first key of ours that may leave it does.
    fn make_room(&self) -> Next {
        let current = self.labelled(CURRENT);
        let in_use = current.and_then(|version| Some((version, self.key_of(version)?)));
        let Some((version, key)) = in_use else { return Next::Stuck(Stuck::GroupFull) };
        let Some(since_s) = self.since(version) else {
            return Next::Do(Step::Stamp { version: version.id.clone(), now_s: self.observed.now_s });
        };
        let others = self.others(key);
        let free_s = since_s.max(self.secret.changed_s) + self.rules.drained_s();
        match (others.is_empty(), self.observed.now_s >= free_s) {
            (true, _) => Next::Stuck(Stuck::GroupFull),
            (false, true) => Next::Do(Step::Narrow { keys: others }),
            (false, false) => Next::Wait { until_s: free_s, why: Why::Full },
        }
    }
}
