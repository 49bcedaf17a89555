//! What is owned and no longer declared: deleted, in order, and never with data that nobody named.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use kinds::{
    World,
    kinds::{
        queue::{DeadLetters, Queue},
        role::Role,
        table::{Attribute, Table},
    },
};
use model::{
    Action, Address, Note, Plan, Selection,
    policy::{Policy, Statement},
};

use crate::stage::{Stage, environment};

fn at(address: &str) -> Address {
    address.parse().expect("an address")
}

/// A role that may use a queue, the queue, its dead letters, and a table.
fn small() -> World {
    let mut world = World::default();
    let dead = world.add("more", "dead", Queue::standard()).expect("an address");
    let dead_letters = Some(DeadLetters { queue: dead.arn(), after_receives: 3 });
    let work = world.add("more", "work", Queue { dead_letters, ..Queue::standard() }).expect("an address");
    let send = Statement::allow(["sqs:SendMessage"], [work.arn().text().as_str()]);
    let role = Role { inline: Some(Policy::new([send])), ..Role::of_service("lambda.amazonaws.com") };
    world.add("more", "worker", role).expect("an address");
    world.add("more", "rows", Table::on_demand(Attribute::text("id"))).expect("an address");
    world
}

async fn made() -> Stage {
    let stage = Stage::empty(&environment()).declaring(small());
    assert!(stage.apply().await.is_complete());
    stage
}

fn actions(plan: &Plan) -> Vec<(String, Action)> {
    plan.steps.iter().map(|step| (step.address.to_string(), step.action)).collect()
}

async fn finishes(stage: &Stage, plan: &Plan, selection: &Selection) {
    let report = stage.execute(plan, &engine::Stop::default()).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(stage.plan(selection).await.steps, []);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_declared_goes_before_what_it_refers_to() {
    let stage = made().await.declaring(World::default());
    let plan = stage.plan(&Selection::default()).await;
    assert!(plan.steps.iter().all(|step| step.action == Action::Delete), "{:?}", actions(&plan));
    let place = |name: &str| {
        let found = plan.steps.iter().find(|step| step.address.name() == name);
        found.unwrap_or_else(|| panic!("{name} is deleted"))
    };
    let (worker, work, dead) = (place("worker"), place("work"), place("dead"));
    assert!(work.after.contains(&worker.id), "the role names the queue in its policy");
    assert!(dead.after.contains(&work.id), "the queue sends its dead letters there");
    finishes(&stage, &plan, &Selection::default()).await;
}

#[tokio::test(start_paused = true)]
async fn rows_are_kept_unless_they_are_named() {
    let stage = made().await;
    let client = Client::new(&stage.account.sdk_config());
    let item = client.put_item().table_name("dn-sandbox-rows").item("id", AttributeValue::S("1".to_owned()));
    item.send().await.expect("an item");
    let stage = stage.declaring(World::default());
    let plan = stage.plan(&Selection::default()).await;
    let blocked: Vec<&str> = plan.blocks().map(|(step, _)| step.address.name()).collect();
    assert_eq!(blocked, ["rows"]);
    let named = Selection { destroy_data: [at("more/table/rows")].into(), ..Selection::default() };
    let plan = stage.plan(&named).await;
    assert_eq!(plan.blocks().count(), 0);
    let loses =
        plan.steps.iter().filter(|step| step.notes.iter().any(|n| matches!(n, Note::LosesData { .. })));
    assert_eq!(loses.map(|step| step.address.name()).collect::<Vec<_>>(), ["rows"]);
    finishes(&stage, &plan, &named).await;
}

#[tokio::test(start_paused = true)]
async fn another_name_in_aws_is_another_resource() {
    let made = made().await;
    let mut environment = environment();
    environment.names.insert("more/queue/work".to_owned(), "legacy-work".to_owned());
    let stage = Stage::new(&environment, made.account.clone(), made.journal.clone()).declaring(small());
    let plan = stage.plan(&Selection::default()).await;
    let steps: Vec<(String, Action, &str)> = plan
        .steps
        .iter()
        .map(|step| (step.address.to_string(), step.action, step.physical.as_str()))
        .collect();
    let work = || "more/queue/work".to_owned();
    assert!(steps.contains(&(work(), Action::Create, "legacy-work")), "{steps:?}");
    assert!(steps.contains(&(work(), Action::Delete, "dn-sandbox-work")), "{steps:?}");
    assert!(
        steps.contains(&("more/role/worker".to_owned(), Action::Update, "dn-sandbox-worker")),
        "{steps:?}"
    );
    let of = |action| {
        plan.steps.iter().find(|step| step.address == at("more/queue/work") && step.action == action)
    };
    let (old, role) = (of(Action::Delete).expect("a delete"), at("more/role/worker"));
    let role = plan.steps.iter().find(|step| step.address == role).expect("a step");
    assert!(old.after.contains(&role.id), "the role lets go of the old one first");
    finishes(&stage, &plan, &Selection::default()).await;
}
