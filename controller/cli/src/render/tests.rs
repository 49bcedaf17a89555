//! What the tests of rendering share: one plan of everything, one first plan, one drift.

mod machine;
mod markup;
mod properties;
mod transcripts;

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Action, Address, Change, Drift, Expects, Impact, Note, Plan, Source, Step, StepId,
    drift::{Acceptance, Accepted, Coverage, Doing, Drifted, Owners, State},
    plan::{Summary, VERSION},
};
use serde_json::{Value, json};

use super::Style;

pub(super) fn wide(width: usize) -> Style {
    Style { width, colour: false, quiet: false }
}

pub(super) fn at(text: &str) -> Address {
    text.parse().expect("an address")
}

pub(super) fn change(field: &str, live: Value, want: Value) -> Change {
    Change { field: field.to_owned(), live, want, impact: Impact::InPlace }
}

pub(super) fn step(address: &str, action: Action, changes: Vec<Change>, notes: Vec<Note>) -> Step {
    let expects = match action {
        Action::Create | Action::Replace => Expects::Absent,
        Action::Update | Action::Delete => Expects::Live { fingerprint: "4ae1".into(), token: None },
    };
    let address = at(address);
    Step {
        id: StepId(0),
        kind: address.kind().to_owned(),
        physical: format!("dn-dev-{}", address.name()),
        address,
        action,
        changes,
        expects,
        after: BTreeSet::new(),
        notes,
    }
}

/// A plan of these steps, numbered and counted.
pub(super) fn plan_of(steps: Vec<Step>) -> Plan {
    let mut summary = Summary { unchanged: 124, ..Summary::default() };
    let reborn: BTreeSet<Address> =
        steps.iter().filter(|one| one.action == Action::Replace).map(|one| one.address.clone()).collect();
    let mut numbered = Vec::new();
    for (number, mut step) in (1..).zip(steps) {
        step.id = StepId(number);
        match step.action {
            Action::Create => summary.create += 1,
            Action::Update => summary.update += 1,
            Action::Replace => summary.replace += 1,
            Action::Delete if reborn.contains(&step.address) => {}
            Action::Delete => summary.delete += 1,
        }
        numbered.push(step);
    }
    Plan {
        version: VERSION,
        stage: "dev".into(),
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        spec_hash: "0123456789abcdef".into(),
        summary,
        seconds: 110,
        steps: numbered,
        kept: BTreeMap::new(),
        excluded: BTreeMap::new(),
        findings: BTreeMap::new(),
    }
}

fn policy(action: &str, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "own", "Effect": "Allow", "Action": [action], "Resource": [resource]}]})
}

/// One of everything.
pub(super) fn everything() -> Plan {
    let mut fifo = change("fifo", json!(false), json!(true));
    fifo.impact = Impact::Replace;
    let mut region = change("replica_region", json!("eu-central-1"), json!(null));
    region.impact = Impact::Blocked;
    let gained = "its holder may s3:* on arn:aws:s3:::dn-dev-reports/*".to_owned();
    let blocked = Note::Blocked {
        why: "changing replica_region would destroy what it holds".into(),
        hint: "declare a second resource beside it, move the data, then remove this one".into(),
    };
    let mut plan = plan_of(vec![
        step(
            "outreach/rest api/outreach",
            Action::Update,
            vec![change("rate_rps", json!(25), json!(50))],
            vec![],
        ),
        step(
            "shared/table/audit",
            Action::Update,
            vec![change("index.by_day", json!(null), json!({"hash": "day", "range": "at"}))],
            vec![Note::TakesLong { seconds: 300, why: "index backfill".into() }],
        ),
        step("shared/table/contacts", Action::Update, vec![region], vec![blocked]),
        step(
            "outreach/role/send",
            Action::Update,
            vec![change(
                "policy",
                policy("s3:GetObject", "arn:aws:s3:::dn-dev-reports/*"),
                policy("s3:*", "arn:aws:s3:::dn-dev-reports/*"),
            )],
            vec![Note::Widens { gained: vec![gained] }],
        ),
        step(
            "financial/alarm/5xx",
            Action::Update,
            vec![change("threshold", json!("5"), json!("3"))],
            vec![Note::Overwrites { fields: vec!["threshold".into()] }],
        ),
        step(
            "outreach/function/send",
            Action::Update,
            vec![
                change("environment.QUEUE", json!(null), json!("@{shared/queue/mail#url}")),
                change(
                    "key",
                    json!("arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-1111-2222-333344445555"),
                    json!("@{shared/key/data#arn}"),
                ),
                change("memory_mb", json!(128), json!(512)),
            ],
            vec![],
        ),
        step(
            "shared/queue/mail",
            Action::Delete,
            vec![fifo.clone()],
            vec![Note::LosesData { what: "messages".into() }],
        ),
        step(
            "shared/queue/mail",
            Action::Replace,
            vec![fifo],
            vec![Note::Downtime { why: "deleted and made again, because fifo cannot be changed".into() }],
        ),
        step("shared/key/data", Action::Create, vec![change("rotate", json!(null), json!(true))], vec![]),
        step("operations/log group/old", Action::Delete, vec![], vec![]),
    ]);
    plan.excluded = BTreeMap::from([
        (at("reports/bucket/reports"), "excluded by name".to_owned()),
        (
            at("reports/function/nightly"),
            "needs reports/bucket/reports, which is excluded and not there".to_owned(),
        ),
    ]);
    plan.findings = BTreeMap::from([(
        at("shared/topic/alerts"),
        vec!["ops@example.com has not confirmed yet".to_owned()],
    )]);
    plan
}

/// Seventy births in five stacks.
pub(super) fn first() -> Plan {
    let mut steps = Vec::new();
    for stack in ["dn_api", "financial", "operations", "outreach", "shared"] {
        for kind in ["function", "log group", "role", "table"] {
            for name in ["audit", "send", "webhook"] {
                let notes = match kind {
                    "table" => vec![Note::TakesLong { seconds: 20, why: "becoming active".into() }],
                    _ => vec![],
                };
                let fields = vec![change("a", json!(null), json!(1)), change("b", json!(null), json!(2))];
                steps.push(step(&format!("{stack}/{kind}/{name}"), Action::Create, fields, notes));
            }
        }
        for kind in ["key", "rest api"] {
            steps.push(step(&format!("{stack}/{kind}/main"), Action::Create, vec![], vec![]));
        }
    }
    let mut plan = plan_of(steps);
    plan.summary.unchanged = 0;
    plan
}

/// A field, a policy, something missing, something strange.
pub(super) fn drifted() -> Drift {
    let alarm = Drifted {
        address: at("financial/alarm/5xx"),
        kind: "alarm".into(),
        changes: vec![change("threshold", json!("5"), json!("3"))],
        explained: vec![],
        causes: vec!["its topic was deleted".into()],
    };
    let role = Drifted {
        address: at("outreach/role/send"),
        kind: "role".into(),
        changes: vec![change(
            "policy",
            policy("s3:*", "arn:aws:s3:::dn-dev-reports/*"),
            policy("s3:GetObject", "arn:aws:s3:::dn-dev-reports/*"),
        )],
        explained: vec!["policy: wider than declared: its holder may s3:*".into()],
        causes: vec![],
    };
    let entry = Accepted {
        address: at("shared/queue/work"),
        field: "visibility_s".into(),
        reason: "a slow campaign".into(),
        until: "2026-03-31".into(),
    };
    let changes = vec![change("visibility_s", json!(90), json!(60))];
    let doing = Doing { who: "ann".into(), call: "PutMetricAlarm".into(), at_ms: 1_795_371_269_000 };
    let before = Doing { who: "bo".into(), at_ms: doing.at_ms - 60_000, ..doing.clone() };
    let source = Source { file: "stacks/src/financial.rs".into(), line: 40 };
    Drift {
        version: VERSION,
        stage: "dev".into(),
        drifted: vec![alarm, role],
        unmanaged: vec!["reports/bucket/old (dn-dev-old)".into()],
        missing: vec![at("shared/topic/alerts")],
        accepted: vec![Acceptance { entry, state: State::Holds, changes }],
        excluded: [(at("reports/bucket/reports"), "excluded by name".into())].into(),
        coverage: Coverage {
            declared: 5,
            compared: 3,
            fields: 41,
            account: Some(Owners { ours: 4, others: 2, nobodys: 1 }),
        },
        sources: [(at("financial/alarm/5xx"), source)].into(),
        last_changes: [(at("financial/alarm/5xx"), doing)].into(),
        field_changes: [(at("financial/alarm/5xx"), [("threshold".to_owned(), before)].into())].into(),
    }
}
