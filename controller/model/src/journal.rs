//! What was begun and how it ended, as an append-only hash chain: the audit log, and what a rerun goes by.
//!
//! Intent is written before a step and before every call that changes something, the result after it. The log is a
//! state machine: an event that cannot follow is an error, and so is a line that was altered, cut out or reordered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Action, Address, StepId, fields::hex, pace::Pace};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A run begins to execute a plan.
    Begun {
        run: String,
        verb: String,
        plan: String,
        who: String,
        account: String,
        steps: usize,
    },
    /// Which source the run is of, told right after it began.
    Source {
        commit: String,
        /// Whether files differed from the commit.
        dirty: bool,
        /// The release whose code is deployed; none where it was built from the source.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<String>,
    },
    /// A step is about to be taken.
    Started {
        step: StepId,
        address: Address,
        action: Action,
    },
    /// A call that changes something is about to be made.
    Calling {
        address: Address,
        call: String,
    },
    /// It was answered, or not.
    Called {
        address: Address,
        call: String,
        outcome: String,
    },
    Finished {
        step: StepId,
    },
    Failed {
        step: StepId,
        why: String,
    },
    /// The run is over: nothing more was begun.
    Ended {
        how: Ending,
    },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    Done,
    /// Some steps were not taken: run again to go on.
    Partly,
    /// The world moved; nothing was changed.
    Stale,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub number: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    pub previous: String,
    #[serde(flatten)]
    pub event: Event,
    /// SHA-256 over everything above.
    pub hash: String,
}

impl Entry {
    /// Whether its hash is that of what it says.
    #[must_use]
    pub fn is_itself(&self) -> bool {
        self.hash == hash(self.number, self.at_ms, &self.previous, &self.event)
    }
}

/// Where a step of the current run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pending,
    /// Begun; the outcome is unknown.
    InDoubt,
    Done,
    Failed,
}

/// One run as the journal tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    pub run: String,
    pub verb: String,
    pub who: String,
    pub plan: String,
    pub begun_ms: u64,
    pub ended_ms: Option<u64>,
    pub how: Option<Ending>,
    pub planned: usize,
    /// Commit of git, where it was known.
    pub commit: Option<String>,
    pub dirty: bool,
    pub release: Option<String>,
    /// Addresses and actions in the order in which they were begun, and how each ended.
    pub steps: Vec<(Address, Action, StepEnd)>,
}

/// How a step ended, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepEnd {
    Done,
    Failed(String),
    InDoubt,
}

/// The journal up to now: what may come next, and what was left open.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    last: Option<(u64, String)>,
    /// Milliseconds since 1970 of the last line.
    last_ms: u64,
    runs: Vec<Run>,
    /// Step to its place in the current run, and when it was begun.
    places: BTreeMap<StepId, (usize, u64)>,
    pace: Pace,
}

/// Why a journal is not whole, or an event may not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    #[error("line {0} of the journal was altered: its hash does not fit")]
    Altered(u64),
    #[error("line {0} of the journal does not follow the one before it: lines were cut out or reordered")]
    Broken(u64),
    #[error("line {line} of the journal cannot be read: {why}")]
    Unreadable { line: u64, why: String },
    #[error("{event} cannot follow in line {line} of the journal")]
    Illegal { line: u64, event: String },
}

const START: &str = "start";

/// The verbs that execute plans.
const EXECUTING: &[&str] = &["apply", "destroy", "promote", "rollback"];

impl Journal {
    /// Reads a whole journal. A last line without its end of line is a write that a crash cut off: it is ignored,
    /// and the number of whole bytes is returned so that the next write can cut it off.
    ///
    /// # Errors
    /// When a line was altered, cut out or reordered.
    pub fn replay(text: &str) -> Result<(Self, usize), JournalError> {
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut journal = Self::default();
        for (number, line) in (1..).zip(text[..whole].lines()) {
            let entry: Entry = serde_json::from_str(line)
                .map_err(|error| JournalError::Unreadable { line: number, why: error.to_string() })?;
            journal.accept(&entry)?;
        }
        Ok((journal, whole))
    }

    /// The line that would record `event` now.
    ///
    /// # Errors
    /// When the event cannot follow.
    pub fn next(&self, at_ms: u64, event: Event) -> Result<Entry, JournalError> {
        let (number, previous) = self.follows();
        self.check(number, &event)?;
        let hash = hash(number, at_ms, &previous, &event);
        Ok(Entry { number, at_ms, previous, event, hash })
    }

    /// Takes a line that is safely written.
    ///
    /// # Errors
    /// When it does not fit what came before.
    pub fn accept(&mut self, entry: &Entry) -> Result<(), JournalError> {
        let (number, previous) = self.follows();
        if entry.number != number || entry.previous != previous {
            return Err(JournalError::Broken(entry.number));
        }
        if entry.hash != hash(number, entry.at_ms, &previous, &entry.event) {
            return Err(JournalError::Altered(number));
        }
        self.check(number, &entry.event)?;
        self.take(entry);
        self.last = Some((number, entry.hash.clone()));
        self.last_ms = entry.at_ms;
        Ok(())
    }

    /// How long steps took until now.
    #[must_use]
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// The number of the last line; 0 when there is none.
    #[must_use]
    pub fn last_number(&self) -> u64 {
        self.last.as_ref().map_or(0, |(number, _)| *number)
    }

    /// All runs, oldest first.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// What the last run began and did not see the end of.
    pub fn in_doubt(&self) -> impl Iterator<Item = (&Address, Action)> {
        let open = self.runs.last().filter(|run| run.how.is_none_or(|how| how == Ending::Partly));
        let steps = open.into_iter().flat_map(|run| &run.steps);
        steps.filter(|(_, _, end)| *end == StepEnd::InDoubt).map(|(address, action, _)| (address, *action))
    }

    /// The last run that executed a plan, when it did not come to its end: the stage may be half of one thing and half
    /// of another.
    #[must_use]
    pub fn unfinished(&self) -> Option<&Run> {
        let last = self.runs.iter().rev().find(|run| EXECUTING.contains(&run.verb.as_str()))?;
        last.how.is_none_or(|how| how == Ending::Partly).then_some(last)
    }

    /// The birth that the last run was cut off in, and when it was last heard of (milliseconds since 1970): AWS may
    /// not show yet what it had made.
    pub fn cut_off_birth(&self) -> Option<(&Address, u64)> {
        let births = self.in_doubt().filter(|(_, action)| matches!(action, Action::Create | Action::Replace));
        births.map(|(address, _)| (address, self.last_ms)).next()
    }

    /// Steps of runs of the same plan that were cut off: a plan file may be applied again after a crash. A run of
    /// another plan ends that, and so does one that was finished: what it did may have been undone since.
    #[must_use]
    pub fn earlier(&self, plan: &str) -> BTreeMap<(Address, Action), Status> {
        let open = |run: &&Run| run.plan == plan && run.how != Some(Ending::Done);
        let same = self.runs.iter().rev().take_while(open);
        let mut known = BTreeMap::new();
        for (address, action, end) in same.flat_map(|run| run.steps.iter().rev()) {
            let status = match end {
                StepEnd::Done => Status::Done,
                StepEnd::Failed(_) => Status::Failed,
                StepEnd::InDoubt => Status::InDoubt,
            };
            known.entry((address.clone(), *action)).or_insert(status);
        }
        known
    }

    fn follows(&self) -> (u64, String) {
        self.last.clone().map_or((1, START.to_owned()), |(number, hash)| (number + 1, hash))
    }

    /// Where a step of the current run is.
    #[must_use]
    pub fn status(&self, step: StepId) -> Status {
        let place = self.places.get(&step).map(|(place, _)| *place);
        let end = place.and_then(|place| Some(&self.runs.last()?.steps.get(place)?.2));
        match end {
            None => Status::Pending,
            Some(StepEnd::InDoubt) => Status::InDoubt,
            Some(StepEnd::Done) => Status::Done,
            Some(StepEnd::Failed(_)) => Status::Failed,
        }
    }

    fn check(&self, line: u64, event: &Event) -> Result<(), JournalError> {
        let open = self.runs.last().is_some_and(|run| run.how.is_none());
        let legal = match event {
            // A run that was killed never ended: the next one may begin all the same.
            Event::Begun { .. } => true,
            Event::Started { step, .. } => {
                open && matches!(self.status(*step), Status::Pending | Status::Failed)
            }
            Event::Finished { step } | Event::Failed { step, .. } => {
                open && self.status(*step) == Status::InDoubt
            }
            Event::Source { .. } => open && self.runs.last().is_some_and(|run| run.steps.is_empty()),
            Event::Calling { .. } | Event::Called { .. } | Event::Ended { .. } => open,
        };
        if legal { Ok(()) } else { Err(JournalError::Illegal { line, event: format!("{event:?}") }) }
    }

    fn take(&mut self, entry: &Entry) {
        if let Event::Begun { run, verb, plan, who, steps, .. } = &entry.event {
            self.places.clear();
            self.runs.push(Run {
                run: run.clone(),
                verb: verb.clone(),
                who: who.clone(),
                plan: plan.clone(),
                begun_ms: entry.at_ms,
                ended_ms: None,
                how: None,
                planned: *steps,
                commit: None,
                dirty: false,
                release: None,
                steps: Vec::new(),
            });
            return;
        }
        let places = &mut self.places;
        let Some(run) = self.runs.last_mut() else { return };
        match &entry.event {
            Event::Started { step, address, action } => {
                places.insert(*step, (run.steps.len(), entry.at_ms));
                run.steps.push((address.clone(), *action, StepEnd::InDoubt));
            }
            Event::Source { commit, dirty, release } => {
                run.commit = Some(commit.clone());
                run.dirty = *dirty;
                run.release.clone_from(release);
            }
            Event::Finished { step } => {
                end(run, places, *step, StepEnd::Done);
                if let Some((place, begun_ms)) = places.get(step) {
                    let (address, action, _) = &run.steps[*place];
                    self.pace.took(address.kind(), *action, entry.at_ms.saturating_sub(*begun_ms));
                }
            }
            Event::Failed { step, why } => end(run, places, *step, StepEnd::Failed(why.clone())),
            Event::Ended { how } => {
                run.how = Some(*how);
                run.ended_ms = Some(entry.at_ms);
            }
            Event::Begun { .. } | Event::Calling { .. } | Event::Called { .. } => {}
        }
    }
}

fn end(run: &mut Run, places: &BTreeMap<StepId, (usize, u64)>, step: StepId, how: StepEnd) {
    if let Some((place, _)) = places.get(&step) {
        run.steps[*place].2 = how;
    }
}

fn hash(number: u64, at_ms: u64, previous: &str, event: &Event) -> String {
    let event = serde_json::to_string(event).expect("events are plain data");
    hex(&Sha256::digest(format!("{number}\n{at_ms}\n{previous}\n{event}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(journal: &mut Journal, event: Event) -> String {
        let entry = journal.next(1, event).unwrap();
        journal.accept(&entry).unwrap();
        serde_json::to_string(&entry).unwrap() + "\n"
    }

    fn written() -> String {
        let mut journal = Journal::default();
        let (run, who, account) = ("r1".to_owned(), "ada".to_owned(), "0".to_owned());
        let begun = Event::Begun { run, verb: "apply".into(), plan: "p".into(), who, account, steps: 2 };
        let address: Address = "a/queue/b".parse().unwrap();
        let mut text = line(&mut journal, begun);
        text += &line(&mut journal, Event::Started { step: StepId(1), address, action: Action::Create });
        text += &line(&mut journal, Event::Finished { step: StepId(1) });
        text
    }

    #[test]
    fn a_finished_log_with_its_tail_cut_off_is_in_doubt() {
        let text = written();
        let (journal, whole) = Journal::replay(&text).unwrap();
        assert_eq!((whole, journal.in_doubt().count()), (text.len(), 0));
        let (cut, whole) = Journal::replay(&text[..text.len() - 9]).unwrap();
        assert!(whole < text.len() - 9);
        assert_eq!(cut.in_doubt().count(), 1);
        let address: Address = "a/queue/b".parse().unwrap();
        assert_eq!((journal.cut_off_birth(), cut.cut_off_birth()), (None, Some((&address, 1))));
        assert_eq!(cut.earlier("p").into_values().collect::<Vec<_>>(), [Status::InDoubt]);
        assert!(cut.earlier("other").is_empty());
    }

    #[test]
    fn a_finished_run_is_not_gone_on_with() {
        let (mut journal, _) = Journal::replay(&written()).unwrap();
        assert_eq!(journal.earlier("p").into_values().collect::<Vec<_>>(), [Status::Done]);
        line(&mut journal, Event::Ended { how: Ending::Partly });
        assert_eq!(journal.earlier("p").into_values().collect::<Vec<_>>(), [Status::Done]);
        let (run, who, account) = ("r2".to_owned(), "ada".to_owned(), "0".to_owned());
        line(
            &mut journal,
            Event::Begun { run, verb: "apply".into(), plan: "p".into(), who, account, steps: 2 },
        );
        line(&mut journal, Event::Ended { how: Ending::Done });
        assert!(journal.earlier("p").is_empty());
    }

    #[test]
    fn altering_cutting_out_and_reordering_are_found() {
        let text = written();
        assert_eq!(Journal::replay(&text.replace("ada", "eve")).unwrap_err(), JournalError::Altered(1));
        let mut lines: Vec<&str> = text.lines().collect();
        lines.swap(1, 2);
        assert_eq!(Journal::replay(&(lines.join("\n") + "\n")).unwrap_err(), JournalError::Broken(3));
        lines.swap(1, 2);
        lines.remove(1);
        assert_eq!(Journal::replay(&(lines.join("\n") + "\n")).unwrap_err(), JournalError::Broken(3));
    }

    #[test]
    fn what_cannot_follow_is_refused() {
        let journal = Journal::default();
        assert!(journal.next(1, Event::Finished { step: StepId(1) }).is_err());
        assert!(journal.next(1, Event::Ended { how: Ending::Done }).is_err());
    }
}
