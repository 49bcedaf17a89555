//! One comparison of what is live with what was applied.

use std::sync::Arc;

use contract::{
    function::{Deployed, Drift},
    metric as name, operations,
};
use engine::{Clock, Observation, PacedGate, Silent, Wall, observe};
use kinds::{Clients, Reader, Watching};
use model::{Fault, Selection, drift::Seen};
use serde_json::{Value, json};
use stacks::Applied;
use support::{
    Call, Failed,
    metric::{self, Metric},
    time,
};
use tracing::info;

use crate::{
    control,
    report::{Report, State, fault},
};

/// One night.
/// # Errors
/// When the control bucket or the topic does not answer; a stage that cannot be read is a report.
pub async fn handle(_: Value, call: Arc<Call<Drift>>) -> Result<Value, Failed> {
    let now_ms = Wall.now_ms();
    let clients = Clients::new(call.aws.config());
    let applied = control::applied(&clients, call.variables.control.name(), Arc::new(Wall)).await?;
    let scope = applied.scope().map_err(|error| Failed::internal(error.to_string()))?;
    let gate = PacedGate::read_only(Arc::new(Wall), Arc::new(Silent), now_ms);
    let reader = Reader::new(clients, scope, Arc::new(gate)).from_outside();
    let before = control::kept(&reader, call.variables.control.name(), operations::REPORT).await?;
    let seen = compare(&applied, &reader, now_ms).await;
    let report = Report::new(&applied.stage, now_ms, seen);
    let news = report.finding.differs(before.as_ref());
    let report = report.after(before.as_ref());
    // Told before it is kept: whoever fails between the two is run again by Lambda and tells it twice, never not.
    if news {
        control::tell(&call.aws, call.variables.alarms.name(), report.message()).await?;
    }
    keep(&call, &report).await?;
    measure(&report, now_ms);
    let state = report.finding.state;
    info!(?state, news, wrong = report.size(), "compared");
    Ok(json!({ "state": state, "news": news, "wrong": report.size() }))
}

/// Declares what was applied, and looks.
async fn compare(applied: &Applied, reader: &Reader, now_ms: u64) -> Result<model::Drift, Vec<String>> {
    let world = stacks::declare(&applied.environment, &applied.artefacts())
        .map_err(|error| vec![format!("the stacks cannot be declared: {error}")])?;
    let spec_hash = model::plan::spec_hash(&world.declared(reader.scope()));
    if spec_hash != applied.spec_hash {
        let other =
            "the environment was applied by another version of dn than this function is of: apply again";
        return Err(vec![other.to_owned()]);
    }
    let selection =
        Selection { excluded: applied.excluded.iter().cloned().collect(), ..Selection::default() };
    let accepted = applied.environment.accepted().map_err(|(_, error)| vec![error.to_string()])?;
    let watching = Watching::new(&world, reader.clone());
    let told = |faults: Vec<Fault>| faults.iter().map(fault).collect::<Vec<_>>();
    let seen = observe(&watching, &selection.excluded, &Silent).await.map_err(told)?;
    let Observation { declared, snapshot, attached } = &seen;
    // How much of the account this is says something about the account and nothing about drift.
    let owners = reader.owners().await.ok();
    let seen = Seen { stage: &applied.stage, declared, snapshot, attached, owners };
    let today = time::iso(i64::try_from(now_ms).unwrap_or_default());
    let mut drift = model::drift(seen, &selection, &accepted, today.get(..10).unwrap_or_default());
    let suspects = drift.suspects(seen);
    drift.explain_by(&suspects, &reader.changes_of(&suspects).await);
    Ok(drift)
}

async fn keep(call: &Call<Drift>, report: &Report) -> Result<(), Failed> {
    let bytes = serde_json::to_vec_pretty(report).map_err(|error| Failed::internal(error.to_string()))?;
    control::keep(&call.aws, call.variables.control.name(), operations::REPORT, bytes).await
}

/// One line of the log that CloudWatch reads as metrics.
fn measure(report: &Report, now_ms: u64) {
    let is = |state: State| usize::from(report.finding.state == state);
    let metrics = [
        Metric::count(name::DRIFTED, report.size()),
        Metric::count(name::DRIFT_UNREADABLE, is(State::Unreadable)),
    ];
    let stage = [("stage", Value::from(report.stage.as_str()))];
    metric::emit(Drift::FUNCTION.name, i64::try_from(now_ms).unwrap_or_default(), &metrics, &stage);
}
