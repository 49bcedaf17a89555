//! Differences that people know of: declared with a reason and a day, left out of the report until the day is over.

use serde::{Deserialize, Serialize};

use crate::{Address, Change};

/// One accepted difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub address: Address,
    /// A field, or the part of its name before a dot: `method_settings` is every row of it.
    pub field: String,
    pub reason: String,
    /// The last day on which it is accepted: `2026-03-31`, in UTC.
    pub until: String,
}

/// What became of an accepted difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The difference is there, and is left out.
    Holds,
    /// Its last day is over: what differs is drift again.
    Expired,
    /// Nothing differs any more: the entry can go.
    Needless,
}

/// An accepted difference as a report tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Acceptance {
    #[serde(flatten)]
    pub entry: Accepted,
    pub state: State,
    /// What differs.
    pub changes: Vec<Change>,
}

impl Accepted {
    fn is_about(&self, address: &Address, field: &str) -> bool {
        let inside =
            field.strip_prefix(&self.field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.address == *address && inside
    }
}

/// The entries of a report while it is made.
pub(super) struct Book {
    entries: Vec<Acceptance>,
}

impl Book {
    pub(super) fn open(accepted: &[Accepted], today: &str) -> Self {
        let open = |entry: &Accepted| {
            // Days written in full compare as text.
            let state = if entry.until.as_str() < today { State::Expired } else { State::Needless };
            Acceptance { entry: entry.clone(), state, changes: Vec::new() }
        };
        Self { entries: accepted.iter().map(open).collect() }
    }

    /// The changes that nobody accepts today.
    pub(super) fn leave_out(&mut self, address: &Address, changes: Vec<Change>) -> Vec<Change> {
        changes.into_iter().filter_map(|change| self.judge(address, change)).collect()
    }

    fn judge(&mut self, address: &Address, change: Change) -> Option<Change> {
        let mut about = self.entries.iter_mut().filter(|one| one.entry.is_about(address, &change.field));
        if let Some(entry) = about.find(|one| one.state != State::Expired) {
            entry.state = State::Holds;
            entry.changes.push(change);
            return None;
        }
        Some(change)
    }

    pub(super) fn close(self) -> Vec<Acceptance> {
        self.entries
    }
}

/// Whether a text is a day of the calendar, written `2026-03-31`.
#[must_use]
pub fn is_day(text: &str) -> bool {
    let digits = |part: &str, count: usize| -> Option<u32> {
        (part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let (Some(year), Some(month), Some(day)) = (digits(year, 4), digits(month, 2), digits(day, 2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Impact;

    fn entry(field: &str, until: &str) -> Accepted {
        let address = "outreach/rest api/outreach".parse().unwrap();
        Accepted { address, field: field.to_owned(), reason: "a test".to_owned(), until: until.to_owned() }
    }

    fn change(field: &str) -> Change {
        Change { field: field.to_owned(), live: json!(1), want: json!(2), impact: Impact::InPlace }
    }

    #[track_caller]
    fn check(entry_field: &str, until: &str, field: &str, left: usize, state: State) {
        let mut book = Book::open(&[entry(entry_field, until)], "2026-03-31");
        let address = "outreach/rest api/outreach".parse().unwrap();
        assert_eq!(book.leave_out(&address, vec![change(field)]).len(), left);
        assert_eq!(book.close()[0].state, state);
    }

    #[test]
    fn an_entry_holds_to_the_end_of_its_day() {
        check("tracing", "2026-03-31", "tracing", 0, State::Holds);
        check("tracing", "2026-03-30", "tracing", 1, State::Expired);
        check("tracing", "2027-01-01", "cache_gb", 1, State::Needless);
        check("method_settings", "2026-03-31", "method_settings.POST /send", 0, State::Holds);
        check("method", "2026-03-31", "method_settings.POST /send", 1, State::Needless);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for good in ["2026-03-31", "2028-02-29", "2000-02-29"] {
            assert!(is_day(good), "{good}");
        }
        for bad in [
            "2026-02-29",
            "2100-02-29",
            "2026-04-31",
            "2026-13-01",
            "2026-3-1",
            "31.3.2026",
            "",
            "2026-03-00",
        ] {
            assert!(!is_day(bad), "{bad}");
        }
    }
}
