//! Executing a plan: lock, journal, interruption. `apply` and `destroy` share it.

use std::{collections::BTreeMap, process::exit, sync::Arc};

use crate::control::ControlLock;
use engine::{Execution, Held, LockNote, Report, Stop, lock};
use model::{
    Plan, Step,
    journal::{Ending, Event},
};

use crate::{
    exit::{Done, Failure, Kind},
    ledger,
    progress::News,
    render,
    screen::Screen,
    session::Connected,
};

/// Exit status after a third interruption, as a shell reports SIGINT.
pub(super) const INTERRUPTED: i32 = 130;

/// Where a plan comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was made just now, from what is there.
    Fresh,
    /// A file: a run of it that was cut off goes on where it stopped.
    File,
}

/// Executes `plan`; `verb` is what the journal calls it.
pub(crate) async fn execute(
    connected: &Connected,
    screen: &Screen,
    plan: &Plan,
    verb: &str,
    origin: Origin,
) -> Result<Done, Failure> {
    let session = &connected.session;
    let store = ControlLock::new(connected.lock_writer(), &stacks::control_bucket());
    let now = session.clock.now_ms();
    let note = LockNote {
        owner: owner(&connected.caller),
        run: format!("{}-{now}", session.stage),
        verb: verb.to_owned(),
        process: std::process::id(),
        since_ms: now,
    };
    let locked = match lock::acquire(&store, &note).await? {
        Held::ByUs => true,
        Held::NoPlaceYet => false,
        Held::ByOther(other) => return Err(held(&session.stage, &other, now)),
    };
    let ran = recorded(connected, screen, plan, origin, &store, &note, locked).await;
    if ran.is_err() {
        // A run that could not begin must not keep others out; a lock that is given back already is fine. What went
        // wrong first is what counts.
        let _ = lock::release(&store, &note).await;
    }
    ran
}

/// Executes `plan` under the eyes of the journal.
async fn recorded(
    connected: &Connected,
    screen: &Screen,
    plan: &Plan,
    origin: Origin,
    store: &ControlLock,
    note: &LockNote,
    locked: bool,
) -> Result<Done, Failure> {
    let session = &connected.session;
    // Only now: whoever held the lock before may have written to it.
    let recorder = Arc::new(ledger::open(&session.state)?);
    let news = Arc::new(News::applying(plan.steps.len()));
    let managing = connected.managing(news.clone(), recorder.clone());
    let digest = plan_digest(plan);
    let earlier = match origin {
        Origin::Fresh => BTreeMap::new(),
        Origin::File => recorder.journal().earlier(&digest),
    };
    recorder.record(
        note.since_ms,
        Event::Begun {
            run: note.run.clone(),
            verb: note.verb.clone(),
            plan: digest,
            who: note.owner.clone(),
            account: plan.account.clone(),
            steps: plan.steps.len(),
        },
    )?;
    let stop = Stop::default();
    let listener = listen(stop.clone());
    let execution = Execution {
        plan,
        estate: &managing,
        recorder: &recorder,
        clock: session.clock.clone(),
        progress: news.clone(),
        stop: stop.clone(),
        earlier,
    };
    let outcome = in_order(&execution, store, note, locked).await;
    listener.abort();
    news.clear();
    let how = outcome.as_ref().map_or(Ending::Partly, Report::ending);
    let ended = recorder.record(session.clock.now_ms(), Event::Ended { how });
    let report = outcome.map_err(|failure| match failure {
        Stopped::Fault(fault) => Failure::from(fault),
        Stopped::Held(other) => held(&session.stage, &other, note.since_ms),
    })?;
    screen.remark(&render::report_text(plan, &report, &screen.style()));
    let done = verdict(&report)?;
    ended?;
    Ok(done)
}

/// Why a run ended before its steps could tell.
enum Stopped {
    Fault(model::Fault),
    Held(LockNote),
}

impl From<model::Fault> for Stopped {
    fn from(fault: model::Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The control bucket holds the lock: it is the first thing made, and the last thing deleted.
async fn in_order(
    execution: &Execution<'_>,
    store: &ControlLock,
    note: &LockNote,
    locked: bool,
) -> Result<Report, Stopped> {
    let control = stacks::control_bucket();
    let is_control = |step: &Step| step.address == control;
    let deletes = |step: &Step| step.action == model::Action::Delete;
    let mut report = Report::default();
    let mut held = locked;
    if !held {
        report.extend(execution.run(|step| is_control(step) && !deletes(step)).await);
        match lock::acquire(store, note).await? {
            Held::ByUs => held = true,
            Held::NoPlaceYet => {}
            Held::ByOther(other) => return Err(Stopped::Held(other)),
        }
    }
    let made = report.done.clone();
    let rest = |step: &Step| !(made.contains(&step.id) || is_control(step) && deletes(step));
    if report.failed.is_empty() {
        report.extend(execution.run(rest).await);
    }
    if held {
        lock::release(store, note).await?;
    }
    let last = execution.plan.steps.iter().any(|step| is_control(step) && deletes(step));
    if last && report.is_complete() {
        report.extend(execution.run(|step| is_control(step) && deletes(step)).await);
    } else if last {
        let left = execution.plan.steps.iter().filter(|step| is_control(step) && deletes(step));
        report.skipped.extend(left.map(|step| step.id));
    }
    Ok(report)
}

/// First Ctrl-C: finish what is in flight. Second: stop now. Third: leave at once.
fn listen(stop: Stop) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        for word in [
            "finishing what is in flight; once more stops now",
            "stopping now; what was in flight is in doubt",
        ] {
            wait_for_signal().await;
            anstream::eprintln!("interrupted: {word}");
            stop.request();
        }
        wait_for_signal().await;
        exit(INTERRUPTED);
    })
}

/// An interruption from the keyboard, a polite kill, or a terminal that is gone.
pub(super) async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
        _ = hangup.recv() => {}
    }
}

fn verdict(report: &Report) -> Result<Done, Failure> {
    if report.is_complete() {
        return Ok(Done::Nothing);
    }
    if report.is_stale() {
        return Err(Failure::new(Kind::Stale, "the world is not what the plan saw, and nothing was changed")
            .hint("plan again, look, and apply that"));
    }
    let text = format!(
        "{} done, {} failed, {} in doubt, {} not begun",
        render::count(report.done.len(), "step"),
        report.failed.len(),
        report.in_doubt.len(),
        report.skipped.len()
    );
    Err(Failure::new(Kind::Partly, text).hint("run it again to go on: it looks first and does what is left"))
}

/// Who runs this: the person and machine where known, beside the AWS identity.
pub(crate) fn owner(caller: &str) -> String {
    let identity = caller.rsplit(':').next().unwrap_or(caller);
    format!("{} as {identity}", person_and_machine())
}

fn person_and_machine() -> String {
    let of = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let person = of("USER").or_else(|| of("LOGNAME")).unwrap_or_else(|| "someone".to_owned());
    let kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = of("HOSTNAME").unwrap_or_else(kernel);
    format!("{person}@{}", machine.trim())
}

pub(super) fn held(stage: &str, other: &LockNote, now_ms: u64) -> Failure {
    let age = now_ms.saturating_sub(other.since_ms) / 1000;
    let since = render::instant(other.since_ms);
    let ago = render::duration(age);
    let text = format!(
        "{} holds the lock of {stage} since {since} ({ago} ago, process {})",
        other.owner, other.process
    );
    let unlock = format!("dn unlock {stage} --owner '{}'", other.owner);
    // A help for the person who decides; the lock is never broken without being asked.
    let gone = person_and_machine() == other.owner.split(" as ").next().unwrap_or_default()
        && !std::path::Path::new("/proc").join(other.process.to_string()).exists();
    Failure::new(Kind::Blocked, text).hint(match gone {
        true => format!("that process is no longer running on this machine:\n{unlock}"),
        false => format!("wait for that run; if it is gone for good:\n{unlock}"),
    })
}

/// Names a plan in the journal: the same steps have the same name.
pub(crate) fn plan_digest(plan: &Plan) -> String {
    let mut fields = model::Fields::default();
    fields.field("spec", &plan.spec_hash);
    fields.field("steps", &plan.steps);
    fields.fingerprint()
}
