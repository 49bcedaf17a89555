//! One step of the rotation of the key that links are signed with, as `dn rotate STAGE signing-key` makes it; and who
//! is told when it is late.

use std::{sync::Arc, time::Duration};

use contract::{
    function::{Deployed, Rotate},
    metric as name, operations,
};
use engine::Clock;
use keeper::signing_key::{Algorithm, Made, Task, make, observe, site};
use kinds::{Clients, Place};
use model::{BoxFuture, Fault};
use rotation::{Margins, Next, Rules, Step, Wish, begins, health};
use serde_json::{Value, json};
use stacks::environment::Rotation;
use support::{
    Call, Failed,
    metric::{self, Metric},
};
use tracing::{info, warn};

use crate::{
    control,
    hold::{Hand, Worked},
    lateness::{Finding, Report, State},
};

/// The call's clock, and tokio's timer.
struct Time(support::Clock);

impl Clock for Time {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.now_ms()).unwrap_or_default()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// What one run did.
enum Did {
    Nothing,
    Made(Step),
    /// Somebody else holds the lock, or was faster.
    Left(String),
    Failed(Fault),
}

/// One run.
///
/// # Errors
/// When a step failed, or nothing can be read: people are told of what is late before.
pub async fn handle(_: Value, call: Arc<Call<Rotate>>) -> Result<Value, Failed> {
    let clock: Arc<dyn Clock> = Arc::new(Time(call.clock));
    let clients = Clients::new(call.aws.config());
    let bucket = call.variables.control.name();
    let applied = control::applied(&clients, bucket, clock.clone()).await?;
    let scope = applied.scope().map_err(|error| Failed::internal(error.to_string()))?;
    let wanted = &applied.environment.rotation;
    let mut site = site(&scope).map_err(|error| Failed::internal(error.to_string()))?;
    site.secret = Place { physical: call.variables.key.name().to_owned(), ..site.secret };
    let task = Task { site, rules: Rules::SAFE.due_after(wanted.every_days), wish: Wish::default() };
    let owner = format!("the function {}", scope.prefix() + Rotate::FUNCTION.name);
    let hand = Hand { clients, scope, clock, owner };
    let before: Option<Finding> = control::kept(&hand.reader(), bucket, operations::ROTATION_REPORT).await?;

    let did = step(&hand, &task, wanted).await?;
    let (seen, next) = look(&hand, &task).await?;
    let margins = Margins {
        overdue_s: i64::from(wanted.overdue_days) * 24 * 60 * 60,
        stuck_s: i64::from(wanted.stuck_hours) * 60 * 60,
    };
    let found = health(&seen.observed, &task.rules, &next, &margins);
    let report = Report::new(&applied.stage, call.clock.now_ms(), found, next.stage());
    let news = report.finding.differs(before.as_ref());
    // Told before it is kept: whoever fails between the two is run again by Lambda and tells it twice, never not.
    if news {
        control::tell(&call.aws, call.variables.alarms.name(), report.message()).await?;
    }
    let bytes = serde_json::to_vec_pretty(&report).map_err(|error| Failed::internal(error.to_string()))?;
    control::keep(&call.aws, bucket, operations::ROTATION_REPORT, bytes).await?;
    measure(&report, &applied.stage, call.clock.now_ms());
    let (state, rotation) = (report.finding.state, report.rotation);
    let made = match did {
        Did::Nothing => None,
        Did::Made(step) => Some(step.name()),
        Did::Left(who) => {
            warn!(who, "somebody else is at it");
            None
        }
        Did::Failed(fault) => return Err(control::refused(&fault)),
    };
    info!(?state, rotation, made, news, "rotated");
    Ok(json!({ "state": state, "rotation": rotation, "made": made, "news": news }))
}

async fn look(hand: &Hand, task: &Task) -> Result<(kinds::kinds::key_group::rotation::Seen, Next), Failed> {
    observe(&hand.reader(), task, hand.clock.now_ms()).await.map_err(|fault| control::refused(&fault))
}

/// Makes the step that is possible now. A rotation begins only where the environment says when.
async fn step(hand: &Hand, task: &Task, wanted: &Rotation) -> Result<Did, Failed> {
    let (seen, next) = look(hand, task).await?;
    let Next::Do(step) = next else { return Ok(Did::Nothing) };
    if begins(&seen.observed, &step) && wanted.every_days.is_none() {
        return Ok(Did::Nothing);
    }
    let verb = format!("rotate signing-key ({})", step.name());
    let now_ms = hand.clock.now_ms();
    let worked = hand.alone(&verb, async |aws| make(&aws, task, now_ms, &step, Algorithm::Ecdsa).await).await;
    Ok(match worked {
        Ok(Worked::Done(Made::Done(step))) => Did::Made(step),
        Ok(Worked::Done(Made::Overtaken)) => Did::Left("somebody was faster".to_owned()),
        Ok(Worked::Held(owner)) => Did::Left(owner),
        Err(fault) => Did::Failed(fault),
    })
}

/// One line of the log that CloudWatch reads as metrics.
fn measure(report: &Report, stage: &str, now_ms: i64) {
    let is = |state: State| usize::from(report.finding.state == state);
    let metrics = [
        Metric::count(name::ROTATION_OVERDUE, is(State::Overdue)),
        Metric::count(name::ROTATION_STUCK, is(State::Stuck)),
    ];
    metric::emit(Rotate::FUNCTION.name, now_ms, &metrics, &[("stage", Value::from(stage))]);
}
