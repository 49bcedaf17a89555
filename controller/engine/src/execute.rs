//! Steps to effects: nothing is decided here, only begun, awaited and written down.
//!
//! A step begins when all that it comes after is done, the one with the longest way behind it first. A failed step
//! stops what comes after it and nothing else; a stale one stops everything that has not begun.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use model::{
    Action, Address, Data, Fault, ManagedEstate, MayFind, Note, Plan, Step, StepId,
    fault::Cause,
    journal::{Ending, Event, Status},
};

use crate::{Clock, Progress, Recorder, Stop};

/// Attempts of one step at work that may help to repeat after a fresh look.
const STEP_ATTEMPTS_MAX: u32 = 8;
/// Steps in flight at once; the lanes do the pacing, this bounds memory and sockets.
const IN_FLIGHT_MAX: usize = 64;

/// Everything that executing needs.
pub struct Execution<'a> {
    pub plan: &'a Plan,
    pub estate: &'a dyn ManagedEstate,
    pub recorder: &'a Recorder,
    pub clock: Arc<dyn Clock>,
    pub progress: Arc<dyn Progress>,
    pub stop: Stop,
    /// Steps of an earlier, interrupted run of the same plan.
    pub earlier: BTreeMap<(Address, Action), Status>,
}

/// How it went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub done: BTreeSet<StepId>,
    pub failed: BTreeMap<StepId, Fault>,
    /// Not begun, because of a failure before them or an interruption.
    pub skipped: BTreeSet<StepId>,
    /// Begun, and dropped by a second interruption.
    pub in_doubt: BTreeSet<StepId>,
    pub interrupted: bool,
}

impl Report {
    /// Whether every step was done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && self.in_doubt.is_empty()
    }

    /// Whether the world had moved and nothing was changed.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        let stale = self.failed.values().any(|fault| matches!(fault, Fault::Stale { .. }));
        stale && self.done.is_empty() && self.in_doubt.is_empty()
    }

    /// The word for the journal.
    #[must_use]
    pub fn ending(&self) -> Ending {
        match (self.is_complete(), self.is_stale()) {
            (true, _) => Ending::Done,
            (false, true) => Ending::Stale,
            (false, false) => Ending::Partly,
        }
    }

    /// Adds what a later part of the same run did.
    pub fn extend(&mut self, more: Self) {
        self.done.extend(more.done);
        self.failed.extend(more.failed);
        self.skipped.extend(more.skipped);
        self.in_doubt.extend(more.in_doubt);
        self.interrupted |= more.interrupted;
    }
}

/// Steps that wait, are free, or run.
struct Queue<'a> {
    steps: BTreeMap<StepId, &'a Step>,
    waits_for: BTreeMap<StepId, BTreeSet<StepId>>,
    followers: BTreeMap<StepId, Vec<StepId>>,
    /// Longest way behind each step, in steps: those with more to follow go first.
    rank: BTreeMap<StepId, usize>,
    free: BinaryHeap<(usize, std::cmp::Reverse<StepId>)>,
}

impl<'a> Queue<'a> {
    fn new(steps: impl Iterator<Item = &'a Step>) -> Self {
        let steps: BTreeMap<StepId, &Step> = steps.map(|step| (step.id, step)).collect();
        let mut queue = Self {
            waits_for: BTreeMap::new(),
            followers: BTreeMap::new(),
            rank: BTreeMap::new(),
            free: BinaryHeap::new(),
            steps,
        };
        for step in queue.steps.values() {
            let inside: BTreeSet<StepId> =
                step.after.iter().copied().filter(|id| queue.steps.contains_key(id)).collect();
            for earlier in &inside {
                queue.followers.entry(*earlier).or_default().push(step.id);
            }
            queue.waits_for.insert(step.id, inside);
        }
        // Ids are in topological order, so going backwards every follower is ranked already.
        for id in queue.steps.keys().rev() {
            let behind = queue.followers.get(id).into_iter().flatten().map(|next| queue.rank[next] + 1).max();
            queue.rank.insert(*id, behind.unwrap_or(0));
        }
        let ready: Vec<StepId> =
            queue.waits_for.iter().filter(|(_, waits)| waits.is_empty()).map(|(id, _)| *id).collect();
        ready.into_iter().for_each(|id| queue.set_free(id));
        queue
    }

    fn set_free(&mut self, id: StepId) {
        self.waits_for.remove(&id);
        self.free.push((self.rank[&id], std::cmp::Reverse(id)));
    }

    fn done(&mut self, id: StepId) {
        for next in self.followers.remove(&id).unwrap_or_default() {
            let ready = self.waits_for.get_mut(&next).is_some_and(|waits| {
                waits.remove(&id);
                waits.is_empty()
            });
            if ready {
                self.set_free(next);
            }
        }
    }

    fn pop(&mut self) -> Option<&'a Step> {
        let (_, std::cmp::Reverse(id)) = self.free.pop()?;
        self.steps.get(&id).copied()
    }

    fn left(&self) -> BTreeSet<StepId> {
        let free = self.free.iter().map(|(_, std::cmp::Reverse(id))| *id);
        free.chain(self.waits_for.keys().copied()).collect()
    }
}

impl Execution<'_> {
    /// Executes the steps that `takes_part` lets through.
    pub async fn run(&self, takes_part: impl Fn(&Step) -> bool) -> Report {
        let mut report = Report::default();
        let mut queue = Queue::new(self.plan.steps.iter().filter(|step| takes_part(step)));
        let mut running: FuturesUnordered<BoxFuture<'_, (StepId, Result<(), Fault>)>> =
            FuturesUnordered::new();
        let mut in_flight: BTreeSet<StepId> = BTreeSet::new();
        let mut halted = false;
        loop {
            while !halted && !self.stop.requested() && in_flight.len() < IN_FLIGHT_MAX {
                let Some(step) = queue.pop() else { break };
                if self.done_before(step) {
                    report.done.insert(step.id);
                    queue.done(step.id);
                    continue;
                }
                in_flight.insert(step.id);
                running.push(Box::pin(async move { (step.id, self.take(step).await) }));
            }
            let next = tokio::select! {
                biased;
                () = self.stop.now(), if !in_flight.is_empty() => None,
                next = running.next() => next,
            };
            let Some((id, outcome)) = next else { break };
            in_flight.remove(&id);
            match outcome {
                Ok(()) => {
                    report.done.insert(id);
                    queue.done(id);
                }
                Err(fault) => {
                    halted |= matches!(fault, Fault::Stale { .. }) || self.recorder.is_broken();
                    report.failed.insert(id, fault);
                }
            }
        }
        report.interrupted = self.stop.requested();
        self.tell_of_open(in_flight, &mut report);
        report.skipped.extend(queue.left());
        report
    }

    /// Steps that were in flight when the run stopped: one that had just ended, and was not heard yet, is no doubt.
    fn tell_of_open(&self, in_flight: BTreeSet<StepId>, report: &mut Report) {
        for step in in_flight {
            match self.recorder.journal().status(step) {
                Status::Done => report.done.insert(step),
                Status::Pending => report.skipped.insert(step),
                Status::InDoubt | Status::Failed => report.in_doubt.insert(step),
            };
        }
    }

    fn done_before(&self, step: &Step) -> bool {
        self.earlier.get(&(step.address.clone(), step.action)) == Some(&Status::Done)
    }

    async fn take(&self, step: &Step) -> Result<(), Fault> {
        let (address, action) = (step.address.clone(), step.action);
        self.recorder.record(self.clock.now_ms(), Event::Started { step: step.id, address, action })?;
        self.progress.started(step);
        let outcome = self.work(step).await;
        self.progress.finished(step, outcome.as_ref().copied());
        let event = match &outcome {
            Ok(()) => Event::Finished { step: step.id },
            Err(fault) => Event::Failed { step: step.id, why: fault.to_string() },
        };
        self.recorder.record(self.clock.now_ms(), event)?;
        outcome
    }

    /// Looks and acts; after a failure whose outcome is open it looks again before it acts again.
    async fn work(&self, step: &Step) -> Result<(), Fault> {
        let Some(managed) = self.estate.managed(&step.address, &step.physical) else {
            let cause = Cause::new("no kind of this program knows it").at(&step.address);
            return Err(Fault::Refused(cause.hint("apply it with the version of dn that made the plan")));
        };
        // The plan was not blocked, so a step that loses data was named by a person.
        let loses = step.notes.iter().any(|note| matches!(note, Note::LosesData { .. }));
        let data = if loses { Data::Lose } else { Data::Keep };
        // Our own unfinished work, from before a crash, may be found in any state.
        let begun = self.earlier.contains_key(&(step.address.clone(), step.action));
        let mut may_find = if begun { MayFind::Anything } else { MayFind::Only(step.expects.clone()) };
        for attempt in 1.. {
            let outcome = match step.action {
                Action::Delete => managed.delete(may_find.clone(), data).await,
                Action::Create | Action::Update | Action::Replace => {
                    managed.converge(may_find.clone()).await.map(|_| ())
                }
            };
            match outcome {
                Err(Fault::Transient(_)) if attempt < STEP_ATTEMPTS_MAX && !self.stop.requested() => {
                    self.clock.sleep(Duration::from_secs((1 << attempt).min(30))).await;
                    may_find = MayFind::Anything;
                }
                other => return other,
            }
        }
        unreachable!("attempts are bounded")
    }
}
