//! Another hand in the stage: between plan and apply, and behind our back.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_dynamodb::Client;
use engine::Stop;
use model::{Address, Fault, Found, Note, Selection, receipt};
use sandbox::{Account, Trouble, What, When, store::Documents};
use serde_json::Value;

use crate::stage::{Memory, Stage, environment};

const AUDIT: &str = "shared/table/audit";

fn at(address: &str) -> Address {
    address.parse().expect("an address")
}

/// An applied stage, and the same after an edit of what is declared: tags, protection, queues and alarms.
async fn edited() -> Stage {
    let made = Stage::empty(&environment());
    assert!(made.apply().await.is_complete());
    let mut environment = environment();
    environment.tags = [("cost-centre".to_owned(), "crm".to_owned())].into();
    environment.data.point_in_time_recovery = false;
    environment.alarms.dead_letters = 3;
    environment.queues.attempts = 7;
    Stage::new(&environment, made.account.clone(), made.journal.clone())
}

async fn protect(account: &Account, table: &str) {
    let ask = Client::new(&account.sdk_config()).update_table().table_name(table);
    ask.deletion_protection_enabled(true).send().await.expect("an update");
}

fn stale(report: &engine::Report, plan: &model::Plan) -> BTreeSet<String> {
    let stale = report.failed.iter().filter(|(_, fault)| matches!(fault, Fault::Stale { .. }));
    let address = |id| plan.steps.iter().find(|step| step.id == id).expect("a step").address.to_string();
    stale.map(|(id, _)| address(*id)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_moved_since_the_plan_is_not_touched() {
    let stage = edited().await;
    let plan = stage.plan(&Selection::default()).await;
    protect(&stage.account, "dn-sandbox-audit").await;
    let before = stage.account.documents()["dynamodb/tables"]["dn-sandbox-audit"].clone();
    let report = stage.execute(&plan, &Stop::default()).await;
    assert_eq!(stale(&report, &plan), [AUDIT.to_owned()].into());
    assert_eq!(
        stage.account.documents()["dynamodb/tables"]["dn-sandbox-audit"],
        before,
        "as the hand left it"
    );
    assert!(!report.is_stale(), "other steps were done beside it: {report:?}");
    let again = stage.plan(&Selection::default()).await;
    assert!(stage.execute(&again, &Stop::default()).await.is_complete());
    assert!(stage.drift().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stale_plan_changes_nothing() {
    let stage = edited().await;
    let only = Selection { targets: [at(AUDIT)].into(), ..Selection::default() };
    let plan = stage.plan(&only).await;
    assert_eq!(plan.steps.len(), 1);
    protect(&stage.account, "dn-sandbox-audit").await;
    let before = stage.account.documents();
    let report = stage.execute(&plan, &Stop::default()).await;
    assert!(report.is_stale(), "{report:?}");
    assert_eq!(stage.account.documents(), before);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_planned_may_move() {
    let stage = edited().await;
    let only = Selection { targets: [at(AUDIT)].into(), ..Selection::default() };
    let plan = stage.plan(&only).await;
    protect(&stage.account, "dn-sandbox-tracking").await;
    let report = stage.execute(&plan, &Stop::default()).await;
    assert!(report.is_complete(), "{report:?}");
}

/// The hand is faster than the step, but not than its look.
#[tokio::test(start_paused = true)]
async fn an_edit_during_the_run_is_seen_by_the_step() {
    let stage = edited().await;
    let only = Selection { targets: [at(AUDIT)].into(), ..Selection::default() };
    let plan = stage.plan(&only).await;
    let edit = What::Edit(Box::new(|world| {
        world.edit("dynamodb/tables", "dn-sandbox-audit", |table| table["protected"] = true.into());
    }));
    stage.account.plan_trouble(Trouble { when: When::Call(1), what: edit });
    let report = stage.execute(&plan, &Stop::default()).await;
    assert_eq!(stage.account.troubles_left(), 0);
    assert!(report.is_stale(), "{report:?}");
}

/// The same edit twice makes the same plan twice: that the first was carried out says nothing about the second.
#[tokio::test(start_paused = true)]
async fn a_hand_that_insists_is_put_back_each_time() {
    let stage = Stage::empty(&environment());
    assert!(stage.apply().await.is_complete());
    for time in 1..=3 {
        protect(&stage.account, "dn-sandbox-audit").await;
        assert_eq!(stage.drift().await.drifted.len(), 1, "time {time}");
        assert!(stage.apply().await.is_complete(), "time {time}");
        assert!(stage.drift().await.is_empty(), "time {time}: put back");
    }
}

#[tokio::test(start_paused = true)]
async fn an_edited_spec_is_a_pending_change_and_no_drift() {
    let stage = edited().await;
    let plan = stage.plan(&Selection::default()).await;
    assert!(plan.summary.update > 20, "{:?}", plan.summary);
    assert_eq!(plan.summary.drifted, 0);
    let notes = plan.steps.iter().flat_map(|step| &step.notes);
    assert!(
        notes.clone().all(|note| !matches!(note, Note::Overwrites { .. })),
        "{:?}",
        notes.collect::<Vec<_>>()
    );
    assert!(stage.drift().await.is_empty(), "{:?}", stage.drift().await);
}

/// The receipts of everything, by address.
async fn receipts(stage: &Stage) -> BTreeMap<Address, String> {
    let found = stage.observe().await.expect("an observation").snapshot.found;
    let receipt = |found: &Found| found.tags.as_ref()?.get(receipt::TAG).cloned();
    found.into_iter().filter_map(|(address, found)| Some((address, receipt(&found)?))).collect()
}

/// The documents with the receipts that were there before: what a hand leaves that makes the same edits.
fn by_hand(
    documents: Documents,
    before: &BTreeMap<Address, String>,
    after: &BTreeMap<Address, String>,
) -> Documents {
    let put_back = |document: Arc<Value>| {
        let mut text = document.to_string();
        before.iter().for_each(|(address, receipt)| text = text.replace(&after[address], receipt));
        Arc::new(serde_json::from_str(&text).expect("JSON"))
    };
    let each = |(id, document)| (id, put_back(document));
    documents.into_iter().map(|(name, ids)| (name, ids.into_iter().map(each).collect())).collect()
}

/// Everything that can be tagged has at least a tag changed, most of it more. That this holds for each single field
/// of each kind is a law (`laws`).
#[tokio::test(start_paused = true)]
async fn what_a_hand_changed_anywhere_is_drift_and_is_put_back() {
    let first = Stage::empty(&environment());
    assert!(first.apply().await.is_complete());
    let before = receipts(&first).await;
    let second = edited().await;
    let fields = |steps: &[model::Step]| -> BTreeSet<(Address, String)> {
        let changes = |step: &model::Step| -> Vec<_> {
            step.changes.iter().map(|change| (step.address.clone(), change.field.clone())).collect()
        };
        steps.iter().flat_map(changes).collect()
    };
    let edits = fields(&second.plan(&Selection::default()).await.steps);
    assert!(second.apply().await.is_complete());
    let documents = by_hand(second.account.documents(), &before, &receipts(&second).await);

    let account = Account::of("000000000000", "us-east-1", second.account.clock(), documents);
    let stage = Stage::new(&environment(), account, Memory::default());
    let drift = stage.drift().await;
    let drifted: BTreeSet<(Address, String)> = drift
        .drifted
        .iter()
        .flat_map(|one| one.changes.iter().map(|change| (one.address.clone(), change.field.clone())))
        .collect();
    assert_eq!(drifted, edits, "every edit is drift, and nothing else is");
    let plan = stage.plan(&Selection::default()).await;
    assert_eq!(fields(&plan.steps), edits);
    assert_eq!(plan.summary.drifted, plan.steps.len());
    for step in &plan.steps {
        let told: Vec<&String> = step.changes.iter().map(|change| &change.field).collect();
        let overwrites = step.notes.iter().find_map(|note| match note {
            Note::Overwrites { fields } => Some(fields.iter().collect::<Vec<_>>()),
            _ => None,
        });
        assert_eq!(overwrites, Some(told), "{}", step.address);
    }
    let report = stage.execute(&plan, &Stop::default()).await;
    assert!(report.is_complete(), "{report:?}");
    assert!(stage.drift().await.is_empty());
}
