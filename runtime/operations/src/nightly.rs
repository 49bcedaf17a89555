//! One comparison of what is live with what was applied.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use contract::{
    function::{Deployed, Drift},
    metric as name, operations,
};
use engine::{Clock, Observation, PacedGate, Silent, Wall, observe};
use kinds::{Clients, Objects, Reader, Watching};
use model::{Address, Fault, Selection, drift::Seen};
use serde_json::{Value, json};
use stacks::Applied;
use support::{
    Call, Failed,
    aws::failed,
    metric::{self, Metric},
    time,
};
use tracing::info;

use crate::report::{Finding, Report, State, fault};

/// One night.
pub(crate) async fn handle(_: Value, call: Arc<Call<Drift>>) -> Result<Value, Failed> {
    let now_ms = Wall.now_ms();
    let clients = Clients::new(call.aws.config());
    let applied = applied(&call, &clients).await?;
    let scope = applied.scope().map_err(|error| Failed::internal(error.to_string()))?;
    let gate = PacedGate::read_only(Arc::new(Wall), Arc::new(Silent), now_ms);
    let reader = Reader::new(clients, scope, Arc::new(gate)).from_outside();
    let before = kept(&call, &reader).await?;
    let seen = compare(&applied, &reader, now_ms).await;
    let report = Report::new(&applied.stage, now_ms, seen);
    let news = report.finding.differs(before.as_ref());
    let report = report.after(before.as_ref());
    // Told before it is kept: whoever fails between the two is run again by Lambda and tells it twice, never not.
    if news {
        tell(&call, &report).await?;
    }
    keep(&call, &report).await?;
    measure(&report, now_ms);
    let state = report.finding.state;
    info!(?state, news, wrong = report.size(), "compared");
    Ok(json!({ "state": state, "news": news, "wrong": report.size() }))
}

/// What calls on the control bucket name.
fn control() -> Address {
    stacks::control_bucket()
}

/// What the last apply declared.
async fn applied(call: &Call<Drift>, clients: &Clients) -> Result<Applied, Failed> {
    // Before the object is read nobody knows whose environment this is; its bucket is all that is needed.
    let nobody = kinds::Scope {
        project: String::new(),
        stage: String::new(),
        account: String::new(),
        region: clients.region().to_owned(),
        names: Default::default(),
        tags: Default::default(),
    };
    let gate = PacedGate::read_only(Arc::new(Wall), Arc::new(Silent), Wall.now_ms());
    let reader = Reader::new(clients.clone(), nobody, Arc::new(gate));
    let objects = Objects::new(reader, &control(), call.variables.control.name());
    let found = objects.read(operations::DECLARED).await.map_err(|fault| refused(&fault))?;
    let (bytes, _) = found.ok_or_else(|| {
        Failed::internal(format!("{} is not there: run dn apply once", operations::DECLARED))
    })?;
    Applied::read(&bytes).map_err(|why| Failed::internal(format!("{}: {why}", operations::DECLARED)))
}

/// What the last report found; none before the first.
async fn kept(call: &Call<Drift>, reader: &Reader) -> Result<Option<Finding>, Failed> {
    let objects = Objects::new(reader.clone(), &control(), call.variables.control.name());
    let found = objects.read(operations::REPORT).await.map_err(|fault| refused(&fault))?;
    Ok(found.and_then(|(bytes, _)| Finding::read(&bytes)))
}

fn refused(fault: &Fault) -> Failed {
    match fault {
        Fault::Transient(_) => Failed::unavailable(fault.to_string()),
        _ => Failed::internal(fault.to_string()),
    }
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

async fn tell(call: &Call<Drift>, report: &Report) -> Result<(), Failed> {
    let (subject, text) = report.message();
    let topics = aws_sdk_sns::Client::new(call.aws.config());
    let ask = topics.publish().topic_arn(call.variables.alarms.name()).subject(subject).message(text);
    ask.send().await.map(drop).map_err(|error| failed("sns:Publish", &error))
}

async fn keep(call: &Call<Drift>, report: &Report) -> Result<(), Failed> {
    let bytes = serde_json::to_vec_pretty(report).map_err(|error| Failed::internal(error.to_string()))?;
    let config = call.aws.config();
    // As every client of buckets here: an emulator's host name has no subdomains.
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(config.endpoint_url().is_some());
    let objects = aws_sdk_s3::Client::from_conf(config.build());
    let ask = objects.put_object().bucket(call.variables.control.name()).key(operations::REPORT);
    let ask = ask.content_type("application/json").body(ByteStream::from(bytes));
    ask.send().await.map(drop).map_err(|error| failed("s3:PutObject", &error))
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
