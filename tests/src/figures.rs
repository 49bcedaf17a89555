//! Figures of the whole stage: what looking costs, and how near making it comes to the fastest way there is.
//!
//! All of it is counted or measured on virtual time, so it is the same on every machine and in every profile, and is
//! printed by the tests that keep it from getting worse: `cargo test --workspace --test whole -- figures --nocapture`.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use engine::{
    PacedGate, Stop,
    lanes::{Rate, lane},
};
use model::{Address, BoxFuture, Call, Fault, Gate, Outcome, Plan, Selection, StepId, Verdict, call::Class};
use sandbox::Weather;
use tokio::time::Instant;

use crate::stage::{Origin, Stage, environment};

/// What one plan of an applied stage costs.
#[derive(Debug)]
pub(crate) struct Looking {
    pub(crate) resources: usize,
    /// Calls by service.
    pub(crate) calls: BTreeMap<String, usize>,
    /// Calls one after the other on the longest way, were there no rates.
    pub(crate) rounds: u128,
    /// At 40 ms a call and AWS's rates.
    pub(crate) time: Duration,
}

/// What making the stage from nothing costs, and the least that it could.
#[derive(Debug)]
pub(crate) struct Making {
    pub(crate) steps: usize,
    pub(crate) calls: usize,
    pub(crate) throttles: usize,
    pub(crate) time: Duration,
    /// The longest chain of steps, each as long as its own calls one after the other.
    pub(crate) chain: Duration,
    /// The lane that takes longest at its rate, and how long, were it busy from the start.
    pub(crate) lane: (String, Duration),
}

const LATENCY: Duration = Duration::from_millis(40);

fn brisk() -> Weather {
    Weather { latency: LATENCY, rates: true, ..Weather::default() }
}

/// What a look at an applied stage costs; it tells how many resources it saw.
async fn cost(look: impl AsyncFn(&Stage) -> usize) -> Looking {
    /// So long that no lane is ever full.
    const ROUND: Duration = Duration::from_secs(3_600);
    let stage = Stage::empty(&environment());
    assert!(stage.apply().await.is_complete());
    stage.account.forget_served();
    stage.account.set_weather(Weather { latency: ROUND, ..Weather::default() });
    let begun = Instant::now();
    let resources = look(&stage).await;
    let rounds = begun.elapsed().as_millis() / ROUND.as_millis();
    let mut calls = BTreeMap::new();
    stage.account.served().into_iter().for_each(|call| *calls.entry(call.service).or_default() += 1);
    tokio::time::sleep(ROUND).await;
    stage.account.set_weather(brisk());
    let begun = Instant::now();
    look(&stage).await;
    Looking { resources, calls, rounds, time: begun.elapsed() }
}

pub(crate) async fn looking() -> Looking {
    cost(async |stage| {
        let plan = stage.plan(&Selection::default()).await;
        assert_eq!(plan.steps, []);
        plan.summary.unchanged
    })
    .await
}

/// What one comparison by the nightly function costs: no look at what anything holds.
pub(crate) async fn comparing() -> Looking {
    cost(async |stage| stage.compare().await.expect("an observation").snapshot.found.len()).await
}

/// One attempt of a call: when it began and ended.
type Attempt = (Instant, Instant);

/// A lane and how many calls went through it.
type Lane = (Rate, usize);

/// Watches what passes the gate.
struct Watch {
    gate: PacedGate,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    open: Vec<(Call, Instant)>,
    by_address: BTreeMap<Address, Vec<Attempt>>,
    by_lane: BTreeMap<String, Lane>,
    throttles: usize,
    calls: usize,
}

impl Gate for Watch {
    fn enter<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            self.gate.enter(call).await?;
            self.seen.lock().expect("no panic").open.push((call.clone(), Instant::now()));
            Ok(())
        })
    }

    fn leave<'a>(
        &'a self,
        call: &'a Call,
        attempt: u32,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Verdict, Fault>> {
        let mut seen = self.seen.lock().expect("no panic");
        let place = seen.open.iter().position(|(open, _)| open == call).expect("it was entered");
        let (_, begun) = seen.open.remove(place);
        seen.calls += 1;
        if outcome.class() == Some(Class::Throttle) {
            seen.throttles += 1;
        } else {
            seen.by_address.entry(call.address.clone()).or_default().push((begun, Instant::now()));
            if let Some((name, rate)) = lane(&call.service, &call.action) {
                seen.by_lane.entry(name).or_insert((rate, 0)).1 += 1;
            }
        }
        drop(seen);
        self.gate.leave(call, attempt, outcome)
    }

    fn pause<'a>(
        &'a self,
        address: &'a Address,
        what: &'a str,
        time: Duration,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        self.gate.pause(address, what, time)
    }
}

pub(crate) async fn making() -> Making {
    let stage = Stage::empty(&environment());
    stage.account.set_weather(brisk());
    let plan = stage.plan(&Selection::default()).await;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let begun = Instant::now();
    let watch = |gate| -> Arc<dyn Gate> { Arc::new(Watch { gate, seen: seen.clone() }) };
    let report = stage.execute_through(&plan, &Stop::default(), Origin::Fresh, watch).await;
    let time = begun.elapsed();
    assert!(report.is_complete(), "{report:?}");
    let seen = seen.lock().expect("no panic");
    let chains = Chains::of(&plan, &seen.by_address);
    let fullest = seen.by_lane.iter().map(|(name, lane)| (name.clone(), through(lane)));
    Making {
        steps: plan.steps.len(),
        calls: seen.calls,
        throttles: seen.throttles,
        time,
        chain: chains.longest(),
        lane: fullest.max_by_key(|(_, time)| *time).unwrap_or_default(),
    }
}

/// The plan when every step takes only its own calls, one after the other where they were.
struct Chains {
    ends: BTreeMap<StepId, Duration>,
}

impl Chains {
    fn of(plan: &Plan, calls: &BTreeMap<Address, Vec<Attempt>>) -> Self {
        let mut ends = BTreeMap::new();
        for step in &plan.steps {
            let begin: Duration = step.after.iter().map(|before| ends[before]).max().unwrap_or_default();
            let own = calls.get(&step.address).map_or(0, |calls| in_a_row(calls));
            ends.insert(step.id, begin + LATENCY * own);
        }
        Self { ends }
    }

    fn longest(&self) -> Duration {
        self.ends.values().max().copied().unwrap_or_default()
    }
}

/// The least time that a lane needs for its calls: all at its rate after the burst, the last one answered.
fn through((rate, calls): &Lane) -> Duration {
    let waiting = (f64::from(u32::try_from(*calls).expect("few")) - rate.burst).max(0.0);
    Duration::from_secs_f64(waiting * rate.every_ms / 1000.0) + LATENCY
}

/// How many of the attempts followed one another: the most that can be chosen without any two at once.
fn in_a_row(attempts: &[Attempt]) -> u32 {
    let mut attempts = attempts.to_vec();
    attempts.sort_by_key(|(_, end)| *end);
    let mut last: Option<Instant> = None;
    let mut count = 0;
    for (begin, end) in attempts {
        if last.is_none_or(|last| begin >= last) {
            count += 1;
            last = Some(end);
        }
    }
    count
}

impl Making {
    /// The least that it could take.
    pub(crate) fn least(&self) -> Duration {
        self.chain.max(self.lane.1)
    }

    /// One is perfect.
    pub(crate) fn ratio(&self) -> f64 {
        self.time.as_secs_f64() / self.least().as_secs_f64()
    }
}

impl fmt::Display for Looking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: usize = self.calls.values().sum();
        let Self { resources, rounds, time, .. } = self;
        writeln!(
            f,
            "a plan of {resources} resources: {total} calls in {rounds} rounds, {time:.2?} at {LATENCY:?} a call"
        )?;
        self.calls.iter().try_for_each(|(service, calls)| writeln!(f, "  {calls:4} {service}"))
    }
}

impl fmt::Display for Making {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, calls, throttles, time, chain, lane, .. } = self;
        writeln!(f, "from nothing: {steps} steps, {calls} calls, {throttles} throttled, {time:.2?}")?;
        writeln!(f, "  longest chain of calls {chain:.2?}; fullest lane {} {:.2?}", lane.0, lane.1)?;
        writeln!(f, "  {:.3} times the least", self.ratio())
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_takes_six_rounds_at_most() {
    let looking = looking().await;
    print!("{looking}");
    assert!(looking.rounds <= 6, "{looking}");
}

/// The nightly comparison asks for less than a plan, and never for what somebody keeps.
#[tokio::test(start_paused = true)]
async fn comparing_asks_for_less_than_planning() {
    let (comparing, looking) = (comparing().await, looking().await);
    print!("comparing, as the nightly function does: {comparing}");
    let of = |one: &Looking| one.calls.values().sum::<usize>();
    assert!(of(&comparing) < of(&looking), "{comparing}{looking}");
    assert!(comparing.rounds <= looking.rounds, "{comparing}{looking}");
}

#[tokio::test(start_paused = true)]
async fn making_a_stage_takes_hardly_longer_than_it_must() {
    let making = making().await;
    print!("{making}");
    assert!(making.ratio() <= 1.05, "{making}");
}
