//! How long steps took, by kind and action: what the next plan's estimate goes by.

use std::collections::{BTreeMap, VecDeque};

use crate::Action;

/// So many of the last steps of a sort are remembered: accounts and kinds change.
const REMEMBERED: usize = 20;

/// Milliseconds of the last steps of each sort.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace(BTreeMap<(String, Action), VecDeque<u64>>);

impl Pace {
    /// Takes note of a step that was done.
    pub fn took(&mut self, kind: &str, action: Action, milliseconds: u64) {
        let last = self.0.entry((kind.to_owned(), action)).or_default();
        last.push_back(milliseconds);
        if last.len() > REMEMBERED {
            last.pop_front();
        }
    }

    /// Seconds that half of the last steps of this sort did not exceed; `None` where none is known.
    #[must_use]
    pub fn seconds(&self, kind: &str, action: Action) -> Option<u64> {
        let mut known: Vec<u64> = self.0.get(&(kind.to_owned(), action))?.iter().copied().collect();
        known.sort_unstable();
        known.get(known.len() / 2).map(|middle| middle.div_ceil(1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_last_steps_counts() {
        let mut pace = Pace::default();
        assert_eq!(pace.seconds("table", Action::Create), None);
        for milliseconds in [900, 12_100, 500_000] {
            pace.took("table", Action::Create, milliseconds);
        }
        assert_eq!(pace.seconds("table", Action::Create), Some(13));
        assert_eq!(pace.seconds("table", Action::Update), None);
        (0..REMEMBERED).for_each(|_| pace.took("table", Action::Create, 2_000));
        assert_eq!(pace.seconds("table", Action::Create), Some(2), "what was long ago is forgotten");
    }
}
