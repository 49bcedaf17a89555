//! The decision.

use super::{Key, Mark, Next, Observed, Rules, Step, Stuck, Why, Wish, in_use, last_full_day};

/// The next safe step, or what to wait for.
#[must_use]
pub fn next(observed: &Observed, rules: &Rules, wish: Wish) -> Next {
    if observed.named_by_id {
        return Next::Stuck(Stuck::NamedById);
    }
    let marks: Vec<Mark<'_>> = observed.keys.iter().map(Key::mark).collect();
    let named = in_use(&marks).and_then(|id| observed.keys.iter().find(|key| key.id == id));
    let Some(current) = named else { return Next::Stuck(Stuck::NoKey) };
    if !observed.has_plan {
        return Next::Stuck(Stuck::NoPlan);
    }
    let times = observed.keys.iter().flat_map(|key| [Some(key.made_s), Some(key.changed_s), key.since_s]);
    if times.flatten().max().is_some_and(|latest| latest > observed.now_s + 2 * rules.skew_s) {
        return Next::Stuck(Stuck::Clock);
    }
    let look = Look { observed, rules, wish, current };
    match look.successor() {
        // Whoever asks for it has callers who wait.
        _ if wish.bring_back => look.have_back(),
        Some(next) => look.bring_in(next),
        None => look.see_out(),
    }
}

struct Look<'a> {
    observed: &'a Observed,
    rules: &'a Rules,
    wish: Wish,
    /// The key that callers are told of.
    current: &'a Key,
}

impl<'a> Look<'a> {
    /// What else is there because of a rotation: what an apply made twice before is for the next plan to delete.
    fn others(&self) -> impl Iterator<Item = &'a Key> {
        let (all, current) = (&self.observed.keys, &self.current.id);
        let rotated = all.iter().any(|key| key.follows.is_some());
        all.iter().filter(move |key| rotated && key.id != *current)
    }

    /// The key that is to be told of next: of several the first.
    fn successor(&self) -> Option<&'a Key> {
        let follows = |key: &&Key| key.since_s.is_none() && key.follows.as_ref() == Some(&self.current.id);
        self.others().filter(follows).min_by_key(|key| (key.made_s, key.id.clone()))
    }

    fn bring_in(&self, next: &Key) -> Next {
        let key = next.id.clone();
        Next::Do(match (next.enabled, next.in_plan) {
            (false, _) => Step::Enable { key },
            (true, false) => Step::Admit { key },
            (true, true) => Step::Name { key, now_s: self.observed.now_s },
        })
    }

    /// The key in use works, and what is older may go.
    fn see_out(&self) -> Next {
        if !self.current.in_plan {
            return Next::Do(Step::Admit { key: self.current.id.clone() });
        }
        let (mut waits, mut used) = (Vec::new(), None);
        for old in self.others() {
            match self.retire(old) {
                step @ Next::Do(_) => return step,
                Next::Wait { until_s, why } => waits.push((until_s, why)),
                other => used = Some(other),
            }
        }
        if self.wish.early {
            return self.begin();
        }
        if let Some(used) = used {
            return used;
        }
        if let Some((until_s, why)) = waits.into_iter().min_by_key(|(until_s, _)| *until_s) {
            return Next::Wait { until_s, why };
        }
        let due_s = self.current.made_s + self.rules.due_s;
        if self.observed.now_s >= due_s { self.begin() } else { Next::Rest { due_s } }
    }

    /// The key that was disabled last.
    fn have_back(&self) -> Next {
        let disabled = self.others().filter(|key| !key.enabled);
        match disabled.max_by_key(|key| (key.changed_s, key.id.clone())) {
            Some(key) => Next::Do(Step::Enable { key: key.id.clone() }),
            None => Next::Stuck(Stuck::NothingToBringBack),
        }
    }

    fn begin(&self) -> Next {
        Next::Do(Step::Make { follows: self.current.id.clone() })
    }

    /// What becomes of a key that is not the one in use.
    fn retire(&self, old: &Key) -> Next {
        let key = old.id.clone();
        // Made twice, and never told to anybody.
        if old.since_s.is_none() && old.follows.is_some() && !old.in_plan && old.enabled {
            return Next::Do(Step::Delete { key });
        }
        let replaced_s = self.current.since_s.unwrap_or(self.current.made_s);
        // Two clocks: the one that wrote the time, and the one that is asked now. The time is that of the look
        // before it was written.
        let from_s = replaced_s.max(old.changed_s) + 2 * self.rules.skew_s + self.rules.act_s;
        let wait_s = if old.enabled { self.rules.overlap_s } else { self.rules.disabled_s };
        let until_s = from_s + wait_s;
        if self.observed.now_s < until_s {
            let why = if old.enabled { Why::Overlapping { key } } else { Why::Disabled { key } };
            return Next::Wait { until_s, why };
        }
        match old.used {
            _ if !old.enabled => Next::Do(Step::Delete { key }),
            Some(calls) if calls > 0 && !self.wish.retire_used => {
                Next::Used { key, calls, day: last_full_day(self.observed.now_s) }
            }
            _ => Next::Do(Step::Disable { key }),
        }
    }
}
