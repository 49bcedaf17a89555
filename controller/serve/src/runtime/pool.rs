//! Who runs what, who waits, who is stopped: a state machine without processes. Time is an input, effects are values.
//!
//! Every process runs one invocation at a time. A room (one version with one configuration) grows by a process
//! whenever more invocations wait than processes are starting, up to a bound; reserved concurrency refuses instead.

use std::collections::{BTreeMap, VecDeque};

use crate::deployed::{Function, Room};

/// An invocation.
pub type Job = u64;
/// A process.
pub type Worker = u64;

/// How far it grows, and how long things take. Times in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Processes of one room.
    pub processes: usize,
    /// A process without work is stopped after this.
    pub idle_ms: u64,
    /// A process that has not asked for work by then has failed to start. Lambda's own is 10 s.
    pub init_ms: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { processes: 16, idle_ms: 300_000, init_ms: 10_000 }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Start(Worker, Room),
    /// The process gets the invocation, which must be answered by then.
    Give {
        worker: Worker,
        job: Job,
        deadline_ms: u64,
    },
    /// The process ends.
    Stop(Worker),
    /// The invocation is over without an answer of the function's.
    End(Job, End),
}

/// Why an invocation has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The reserved concurrency is used up.
    Throttled,
    TimedOut,
    /// The process ended, or asked for more work, without answering.
    Exited(Worker),
    /// The process never asked for work.
    NotStarted(Worker),
    /// The server is going down.
    Closed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Starting {
        since_ms: u64,
    },
    Idle {
        since_ms: u64,
    },
    Busy {
        job: Job,
        deadline_ms: u64,
    },
    /// Has answered, and will ask for more.
    Answered {
        since_ms: u64,
    },
    Stopping,
}

#[derive(Clone, Debug)]
struct Process {
    room: Room,
    state: State,
}

#[derive(Clone, Debug)]
struct Waiting {
    job: Job,
    timeout_ms: u64,
}

/// The processes of all functions.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    bounds: Bounds,
    processes: BTreeMap<Worker, Process>,
    waiting: BTreeMap<Room, VecDeque<Waiting>>,
    next_worker: Worker,
    closed: bool,
}

impl Pool {
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Someone wants `function` to run.
    pub fn ask(&mut self, job: Job, function: &Function, now_ms: u64) -> Vec<Effect> {
        if self.closed {
            return vec![Effect::End(job, End::Closed)];
        }
        let taken = self.running(&function.name) + self.queued(&function.name);
        if function.reserved.is_some_and(|reserved| taken >= reserved as usize) {
            return vec![Effect::End(job, End::Throttled)];
        }
        let room = function.room();
        let timeout_ms = u64::from(function.timeout_s) * 1000;
        // The one that worked last: the others may go idle and end.
        let idle = self.of(&room).filter_map(|(worker, process)| match process.state {
            State::Idle { since_ms } => Some((since_ms, worker)),
            _ => None,
        });
        if let Some((_, worker)) = idle.max() {
            return vec![self.give(worker, &Waiting { job, timeout_ms }, now_ms)];
        }
        self.waiting.entry(room.clone()).or_default().push_back(Waiting { job, timeout_ms });
        self.grow(&room, now_ms)
    }

    /// A process asks for work.
    pub fn ready(&mut self, worker: Worker, now_ms: u64) -> Vec<Effect> {
        let Some(process) = self.processes.get_mut(&worker) else { return Vec::new() };
        let mut effects = Vec::new();
        match process.state {
            State::Stopping => return effects,
            State::Busy { job, .. } => effects.push(Effect::End(job, End::Exited(worker))),
            _ => {}
        }
        process.state = State::Idle { since_ms: now_ms };
        let room = process.room.clone();
        if let Some(next) = self.waiting.get_mut(&room).and_then(VecDeque::pop_front) {
            effects.push(self.give(worker, &next, now_ms));
        } else if self.closed {
            effects.push(self.stop(worker));
        }
        self.tidy();
        effects
    }

    /// A process answers an invocation: whether it is the one that it has.
    pub fn answered(&mut self, worker: Worker, job: Job, now_ms: u64) -> bool {
        let Some(process) = self.processes.get_mut(&worker) else { return false };
        let fits = matches!(process.state, State::Busy { job: current, .. } if current == job);
        if fits {
            process.state = State::Answered { since_ms: now_ms };
        }
        fits
    }

    /// A process has ended.
    pub fn gone(&mut self, worker: Worker, now_ms: u64) -> Vec<Effect> {
        let Some(process) = self.processes.remove(&worker) else { return Vec::new() };
        let mut effects = Vec::new();
        match process.state {
            State::Busy { job, .. } => effects.push(Effect::End(job, End::Exited(worker))),
            // One process that cannot start costs one invocation: so it ends when none are left.
            State::Starting { .. } => effects.extend(self.fail_first(&process.room, worker)),
            State::Idle { .. } | State::Answered { .. } | State::Stopping => {}
        }
        effects.extend(self.grow(&process.room, now_ms));
        self.tidy();
        effects
    }

    /// Whoever wanted it has gone. A process that has begun with it goes on: Lambda does not call back either.
    pub fn withdraw(&mut self, job: Job) {
        for queue in self.waiting.values_mut() {
            queue.retain(|waiting| waiting.job != job);
        }
        self.tidy();
    }

    /// Stops what is overdue.
    pub fn due(&mut self, now_ms: u64) -> Vec<Effect> {
        let overdue: Vec<Worker> = self
            .processes
            .iter()
            .filter_map(|(worker, process)| (self.due_at(&process.state)? <= now_ms).then_some(*worker))
            .collect();
        let mut effects = Vec::new();
        for worker in overdue {
            let Some(process) = self.processes.get(&worker) else { continue };
            let (room, state) = (process.room.clone(), process.state.clone());
            effects.push(self.stop(worker));
            match state {
                State::Busy { job, .. } => effects.push(Effect::End(job, End::TimedOut)),
                State::Starting { .. } => effects.extend(self.fail_first(&room, worker)),
                _ => {}
            }
            effects.extend(self.grow(&room, now_ms));
        }
        self.tidy();
        effects
    }

    /// When [`due`](Self::due) has something to do next.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.processes.values().filter_map(|process| self.due_at(&process.state)).min()
    }

    /// Takes no more invocations, lets those that it has end, and stops every process that has none.
    pub fn close(&mut self) -> Vec<Effect> {
        self.closed = true;
        let without: Vec<Worker> = self
            .processes
            .iter()
            .filter_map(|(worker, process)| {
                let queued = self.waiting.contains_key(&process.room);
                let working = matches!(process.state, State::Busy { .. });
                (!working && !queued && process.state != State::Stopping).then_some(*worker)
            })
            .collect();
        without.into_iter().map(|worker| self.stop(worker)).collect()
    }

    /// Whether every process has ended and nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty() && self.waiting.is_empty()
    }

    /// Invocations of a function that run now, all versions together.
    #[must_use]
    pub fn running(&self, function: &str) -> usize {
        let of = self.processes.values().filter(|process| process.room.function == function);
        of.filter(|process| matches!(process.state, State::Busy { .. })).count()
    }

    fn queued(&self, function: &str) -> usize {
        let of = self.waiting.iter().filter(|(room, _)| room.function == function);
        of.map(|(_, queue)| queue.len()).sum()
    }

    fn of(&self, room: &Room) -> impl Iterator<Item = (Worker, &Process)> {
        let all = self.processes.iter().map(|(worker, process)| (*worker, process));
        all.filter(move |(_, process)| process.room == *room)
    }

    fn give(&mut self, worker: Worker, to: &Waiting, now_ms: u64) -> Effect {
        let deadline_ms = now_ms + to.timeout_ms;
        if let Some(process) = self.processes.get_mut(&worker) {
            process.state = State::Busy { job: to.job, deadline_ms };
        }
        Effect::Give { worker, job: to.job, deadline_ms }
    }

    fn stop(&mut self, worker: Worker) -> Effect {
        if let Some(process) = self.processes.get_mut(&worker) {
            process.state = State::Stopping;
        }
        Effect::Stop(worker)
    }

    /// Starts processes while more invocations wait than are starting.
    fn grow(&mut self, room: &Room, now_ms: u64) -> Vec<Effect> {
        let waiting = self.waiting.get(room).map_or(0, VecDeque::len);
        let alive = self.of(room).filter(|(_, process)| process.state != State::Stopping).count();
        // Those that have answered will ask for more at once.
        let coming = self
            .of(room)
            .filter(|(_, process)| matches!(process.state, State::Starting { .. } | State::Answered { .. }));
        let wanted = waiting.saturating_sub(coming.count());
        let more = wanted.min(self.bounds.processes.saturating_sub(alive));
        let start = |pool: &mut Self| {
            let worker = pool.next_worker;
            pool.next_worker += 1;
            let state = State::Starting { since_ms: now_ms };
            pool.processes.insert(worker, Process { room: room.clone(), state });
            Effect::Start(worker, room.clone())
        };
        (0..more).map(|_| start(self)).collect()
    }

    fn fail_first(&mut self, room: &Room, worker: Worker) -> Option<Effect> {
        let first = self.waiting.get_mut(room)?.pop_front()?;
        Some(Effect::End(first.job, End::NotStarted(worker)))
    }

    fn due_at(&self, state: &State) -> Option<u64> {
        match state {
            State::Starting { since_ms } => Some(since_ms + self.bounds.init_ms),
            State::Idle { since_ms } | State::Answered { since_ms } => Some(since_ms + self.bounds.idle_ms),
            State::Busy { deadline_ms, .. } => Some(*deadline_ms),
            State::Stopping => None,
        }
    }

    fn tidy(&mut self) {
        self.waiting.retain(|_, queue| !queue.is_empty());
    }
}

#[cfg(test)]
mod tests;
