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
    lanes: Arc<Lanes>,
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
            lanes: Arc::default(),
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

    /// In lanes that other gates of this process use too: AWS counts what an account asks for, not who asks.
    #[must_use]
    pub fn in_lanes(self, lanes: &Arc<Lanes>) -> Self {
        Self { lanes: lanes.clone(), ..self }
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

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use model::journal::Journal;

    use super::*;
    use crate::{Ledger, Silent};

    /// Time that passes only by waiting.
    #[derive(Default)]
    struct Waits(Mutex<Vec<Duration>>);

    impl Waits {
        fn all(&self) -> Vec<Duration> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    impl Clock for Waits {
        fn now_ms(&self) -> u64 {
            self.all().iter().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(0)).sum()
        }

        fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(time);
            Box::pin(std::future::ready(()))
        }
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<String>>);

    impl Ledger for Lines {
        fn append(&self, line: &str) -> std::io::Result<()> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(line);
            Ok(())
        }
    }

    struct FullDisk;

    impl Ledger for FullDisk {
        fn append(&self, _: &str) -> std::io::Result<()> {
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        }
    }

    fn call(writes: bool) -> Call {
        let address = "a/queue/b".parse().expect("an address");
        Call { address, service: "sqs".to_owned(), action: "CreateQueue".to_owned(), writes }
    }

    fn error(code: &str, status: u16) -> Outcome {
        Outcome::Error {
            code: code.to_owned(),
            message: "Invalid principal".to_owned(),
            status,
            retry_after: None,
        }
    }

    /// Attempts until the gate accepts, and what was waited in between.
    async fn attempts(writes: bool, outcome: Outcome) -> (u32, Duration) {
        let clock = Arc::new(Waits::default());
        let gate = PacedGate::unrecorded(clock.clone(), Arc::new(Silent), 7);
        for attempt in 1..1000 {
            let verdict = gate.leave(&call(writes), attempt, &outcome).await.expect("a verdict");
            if verdict == Verdict::Accept {
                return (attempt, clock.all().iter().sum());
            }
        }
        panic!("attempts are not bounded for {outcome:?}");
    }

    #[tokio::test]
    async fn each_class_is_repeated_where_that_is_safe_and_never_without_end() {
        assert_eq!(attempts(true, error("Throttling", 400)).await.0, THROTTLED_ATTEMPTS_MAX);
        assert_eq!(attempts(true, error("SlowDown", 503)).await.0, THROTTLED_ATTEMPTS_MAX);
        let (count, waited) = attempts(true, error("MalformedPolicyDocument", 400)).await;
        assert_eq!(count, PROPAGATION_ATTEMPTS_MAX);
        assert!((120..=300).contains(&waited.as_secs()), "{waited:?}");
        assert_eq!(attempts(false, error("MalformedPolicyDocument", 400)).await.0, 1);
        assert_eq!(attempts(false, error("InternalFailure", 500)).await.0, UNKNOWN_READ_ATTEMPTS_MAX);
        for once in [
            error("InternalFailure", 500),
            error("ResourceInUseException", 400),
            error("AccessDenied", 403),
            Outcome::NoAnswer { message: String::new() },
            Outcome::NotSent { message: String::new() },
            Outcome::Ok,
        ] {
            assert_eq!(attempts(true, once.clone()).await.0, 1, "{once:?}");
        }
    }

    #[tokio::test]
    async fn an_asked_for_wait_is_kept() {
        let clock = Arc::new(Waits::default());
        let gate = PacedGate::unrecorded(clock.clone(), Arc::new(Silent), 7);
        let asked = Duration::from_secs(9);
        let outcome = Outcome::Error {
            code: "TooManyRequestsException".to_owned(),
            message: String::new(),
            status: 429,
            retry_after: Some(asked),
        };
        gate.leave(&call(true), 1, &outcome).await.expect("a verdict");
        assert_eq!(clock.all(), [asked]);
    }

    #[tokio::test]
    async fn looking_changes_nothing() {
        let gate = PacedGate::read_only(Arc::new(Waits::default()), Arc::new(Silent), 7);
        assert_eq!(gate.enter(&call(false)).await, Ok(()));
        let refused = gate.enter(&call(true)).await.expect_err("a write while looking");
        assert!(refused.to_string().contains("only looking"), "{refused}");
    }

    #[tokio::test]
    async fn a_write_is_written_down_before_and_after_and_not_made_without() {
        let begun = || Event::Begun {
            run: "r".to_owned(),
            verb: "apply".to_owned(),
            plan: "p".to_owned(),
            who: "ada".to_owned(),
            account: "1".to_owned(),
            steps: 1,
        };
        let lines = Lines::default();
        let recorder = Arc::new(Recorder::new(Journal::default(), Box::new(lines.clone())));
        recorder.record(1, begun()).expect("a line");
        let gate = PacedGate::recorded(Arc::new(Waits::default()), Arc::new(Silent), 7, recorder);
        gate.enter(&call(true)).await.expect("a place");
        gate.leave(&call(true), 1, &error("AccessDenied", 403)).await.expect("a verdict");
        gate.enter(&call(false)).await.expect("a place");
        let text = lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let events: Vec<&str> =
            text.lines().filter_map(|line| line.split("\"event\":\"").nth(1)?.split('"').next()).collect();
        assert_eq!(events, ["begun", "calling", "called"]);
        assert!(
            text.contains("AccessDenied") && !text.contains("Invalid principal"),
            "only the code: {text}"
        );

        let recorder = Arc::new(Recorder::new(Journal::default(), Box::new(FullDisk)));
        let gate = PacedGate::recorded(Arc::new(Waits::default()), Arc::new(Silent), 7, recorder);
        assert!(gate.enter(&call(true)).await.is_err(), "nothing is changed without a journal");
    }
}
