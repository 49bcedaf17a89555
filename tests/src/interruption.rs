//! Ctrl-C in the middle of a run: once finishes what is in flight, twice drops it; either way a rerun goes on.

use std::time::Duration;

use engine::{Report, Stop};
use model::{
    Plan, Selection,
    journal::{Ending, Journal, StepEnd},
};
use sandbox::Weather;

use crate::stage::{Stage, environment};

/// Each call takes a while, so that steps are in flight side by side.
const LATENCY: Duration = Duration::from_millis(40);

/// Executes, and asks `times` times to stop when call `number` arrives.
async fn interrupted(stage: &Stage, plan: &Plan, number: usize, times: usize) -> Report {
    let stop = Stop::default();
    let (mut seen, asked) = (0, stop.clone());
    stage.account.set_witness(move |_, _| {
        seen += 1;
        if seen == number {
            (0..times).for_each(|_| asked.request());
        }
    });
    stage.execute(plan, &stop).await
}

/// Some steps were taken, not all; returns how each begun step ended.
fn last_run(stage: &Stage, report: &Report, label: &str) -> Vec<StepEnd> {
    assert!(report.interrupted && !report.is_complete(), "{label}: {report:?}");
    assert_eq!(report.failed, std::collections::BTreeMap::new(), "{label}");
    let text = stage.journal.text();
    let (journal, whole) = Journal::replay(&text).expect("a whole journal");
    assert_eq!(whole, text.len(), "{label}: the journal");
    let run = journal.runs().last().expect("a run");
    assert_eq!(run.how, Some(Ending::Partly), "{label}");
    run.steps.iter().map(|(_, _, end)| end.clone()).collect()
}

async fn goes_on(stage: &Stage, label: &str) {
    let report = stage.apply().await;
    assert!(report.is_complete(), "{label}: {report:?}");
    assert_eq!(stage.plan(&Selection::default()).await.steps, [], "{label}");
}

async fn calls_of_a_run() -> usize {
    let stage = Stage::empty(&environment());
    let plan = stage.plan(&Selection::default()).await;
    stage.account.forget_served();
    assert!(stage.execute(&plan, &Stop::default()).await.is_complete());
    stage.account.served().len()
}

#[tokio::test(start_paused = true)]
async fn asked_once_a_run_finishes_what_is_in_flight() {
    for number in (1..calls_of_a_run().await / 2).step_by(9) {
        let label = format!("asked once at call {number}");
        let stage = Stage::empty(&environment());
        stage.account.set_weather(Weather { latency: LATENCY, ..Weather::default() });
        let plan = stage.plan(&Selection::default()).await;
        let report = interrupted(&stage, &plan, number, 1).await;
        let ends = last_run(&stage, &report, &label);
        assert!(ends.iter().all(|end| *end == StepEnd::Done), "{label}: {ends:?}");
        assert_eq!(ends.len(), report.done.len(), "{label}: what was begun was finished");
        assert_eq!(report.done.len() + report.skipped.len(), plan.steps.len(), "{label}");
        goes_on(&stage, &label).await;
    }
}

#[tokio::test(start_paused = true)]
async fn asked_twice_a_run_stops_now() {
    for number in (1..calls_of_a_run().await / 2).step_by(9) {
        let label = format!("asked twice at call {number}");
        let stage = Stage::empty(&environment());
        stage.account.set_weather(Weather { latency: LATENCY, ..Weather::default() });
        let plan = stage.plan(&Selection::default()).await;
        let report = interrupted(&stage, &plan, number, 2).await;
        let stopped_at = stage.account.served().len();
        let ends = last_run(&stage, &report, &label);
        let in_doubt = ends.iter().filter(|end| **end == StepEnd::InDoubt).count();
        assert!(in_doubt > 0 && in_doubt == report.in_doubt.len(), "{label}: {ends:?}");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(stage.account.served().len(), stopped_at, "{label}: nothing goes on in secret");
        goes_on(&stage, &label).await;
    }
}
