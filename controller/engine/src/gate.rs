//! What stands between a kind and AWS: it paces calls, writes the journal, and waits where waiting helps.
//!
//! Four classes of failure (aws-semantics 1.3). Throttle and propagation answers mean that nothing was done, so the
//! call is repeated here. A conflict, and a write whose outcome is unknown, need a fresh look first, so they go back
//! to the step, which looks again. Everything else is for a person.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use model::{Address, BoxFuture, Call, Fault, Gate, Outcome, Verdict, call::Class, journal::Event};

use crate::{Clock, Lanes, Progress, Recorder};

const THROTTLED_ATTEMPTS_MAX: u32 = 12;
const UNKNOWN_READ_ATTEMPTS_MAX: u32 = 5;
/// With pauses of at most five seconds these are about three minutes, as long as IAM may take.
const PROPAGATION_ATTEMPTS_MAX: u32 = 40;

/// The gate of the engine.
pub struct PacedGate {
    clock: Arc<dyn Clock>,
    lanes: Lanes,
    writes: Writes,
    progress: Arc<dyn Progress>,
    /// State of the jitter; the seed is an input.
    dice: AtomicU64,
}

/// What becomes of calls that change something.
enum Writes {
    Refused,
    /// The lock: bookkeeping of the run itself, not a change to the stage.
    Unrecorded,
    Recorded(Arc<Recorder>),
}

impl PacedGate {
    /// A gate for looking: nothing can be changed through it.
    pub fn read_only(clock: Arc<dyn Clock>, progress: Arc<dyn Progress>, seed: u64) -> Self {
        Self {
            clock,
            lanes: Lanes::default(),
            writes: Writes::Refused,
            progress,
            dice: AtomicU64::new(seed | 1),
        }
    }

    /// A gate for changing, which records what it lets through.
    pub fn recorded(
        clock: Arc<dyn Clock>,
        progress: Arc<dyn Progress>,
        seed: u64,
        recorder: Arc<Recorder>,
    ) -> Self {
        Self { writes: Writes::Recorded(recorder), ..Self::read_only(clock, progress, seed) }
    }

    /// A gate for the lock, which is taken before a run begins and given back after it ended.
    pub fn unrecorded(clock: Arc<dyn Clock>, progress: Arc<dyn Progress>, seed: u64) -> Self {
        Self { writes: Writes::Unrecorded, ..Self::read_only(clock, progress, seed) }
    }

    fn record(&self, call: &Call, event: impl FnOnce(&Call) -> Event) -> Result<(), Fault> {
        if !call.writes {
            return Ok(());
        }
        match &self.writes {
            Writes::Recorded(recorder) => recorder.record(self.clock.now_ms(), event(call)),
            Writes::Unrecorded => Ok(()),
            Writes::Refused => Err(Fault::refused(
                &call.address,
                format!("{call} would change something while only looking"),
            )),
        }
    }

    /// Full jitter: anything between nothing and `most`.
    fn jitter(&self, most: Duration) -> Duration {
        let step = |mut x: u64| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^ (x << 17)
        };
        let last = self.dice.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |x| Some(step(x)));
        let thousandth = u32::try_from(step(last.unwrap_or(1)) % 1000).unwrap_or(0);
        most * thousandth / 1000
    }

    /// How long to wait before another attempt; `None` when this one counts.
    fn wait_after(&self, call: &Call, attempt: u32, outcome: &Outcome) -> Option<Duration> {
        let doubled = |first_ms: u64, most_ms: u64| {
            let factor = 1_u64 << (attempt - 1).min(16);
            Duration::from_millis((first_ms * factor).min(most_ms))
        };
        match outcome.class()? {
            Class::Throttle if attempt < THROTTLED_ATTEMPTS_MAX => {
                let asked = match outcome {
                    Outcome::Error { retry_after, .. } => *retry_after,
                    _ => None,
                };
                Some(asked.unwrap_or_else(|| doubled(100, 100) + self.jitter(doubled(500, 20_000))))
            }
            Class::Propagation if call.writes && attempt < PROPAGATION_ATTEMPTS_MAX => {
                Some(doubled(500, 5_000))
            }
            Class::Unknown if !call.writes && attempt < UNKNOWN_READ_ATTEMPTS_MAX => {
                Some(self.jitter(doubled(200, 5_000)))
            }
            _ => None,
        }
    }
}

impl Gate for PacedGate {
    fn enter<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let wait = self.lanes.reserve(call, self.clock.now_ms());
            if !wait.is_zero() {
                self.clock.sleep(wait).await;
            }
            self.record(call, |call| Event::Calling { address: call.address.clone(), call: call.to_string() })
        })
    }

    fn leave<'a>(
        &'a self,
        call: &'a Call,
        attempt: u32,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Verdict, Fault>> {
        Box::pin(async move {
            // Only the code: messages may quote what was sent.
            let told = match outcome {
                Outcome::Ok => "ok".to_owned(),
                Outcome::Error { code, .. } => code.clone(),
                Outcome::NoAnswer { .. } => "no answer".to_owned(),
                Outcome::NotSent { .. } => "not sent".to_owned(),
            };
            self.record(call, |call| Event::Called {
                address: call.address.clone(),
                call: call.to_string(),
                outcome: told,
            })?;
            match self.wait_after(call, attempt, outcome) {
                None => Ok(Verdict::Accept),
                Some(wait) => {
                    self.clock.sleep(wait).await;
                    Ok(Verdict::Again)
                }
            }
        })
    }

    fn pause<'a>(
        &'a self,
        address: &'a Address,
        what: &'a str,
        time: Duration,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            self.progress.waiting(address, what);
            self.clock.sleep(time).await;
            Ok(())
        })
    }
}
