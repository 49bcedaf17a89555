//! What is declared before and after the update: a stage and, beside it, one of each kind that it has not.

use contract::function::Service;
use kinds::{
    World,
    kinds::{
        bucket::{Bucket, Versioning},
        key::Key,
        log_group::LogGroup,
        queue::{DeadLetters, Queue},
        role::Role,
        table::{Attribute, Index, Table},
        topic::Topic,
    },
};
use model::policy::{Policy, Statement};
use stacks::{Artefacts, Environment};

use crate::stage;

const STACK: &str = "more";
const BASIC: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

/// The environment before the update.
pub(super) fn first() -> Environment {
    stage::environment()
}

/// The environment after it: tags, protection, names, who is told and when, and how queues work are others.
pub(super) fn second() -> Environment {
    let mut environment = first();
    environment.tags = [("cost-centre".to_owned(), "crm".to_owned())].into();
    environment.data.point_in_time_recovery = false;
    environment.data.deletion_protection = true;
    environment.alarms.emails = vec!["crm@example.com".to_owned()];
    environment.alarms.dead_letters = 3;
    environment.queues.worker_timeout_s = 90;
    environment.queues.attempts = 7;
    environment.names.insert("dn_api/secret/korrect".to_owned(), "payouts/korrect".to_owned());
    environment
}

/// The resource that the update renames, and that counts as data.
pub(super) const RENAMED: &str = "dn_api/secret/korrect";

/// The stacks that hold data and mail; see [`code_before`] for the rest.
fn stacks(environment: &Environment) -> World {
    let mut world = World::default();
    let operations = stacks::operations::declare(&mut world, environment).expect("fresh addresses");
    stacks::shared::declare(&mut world, environment, &operations).expect("fresh addresses");
    stacks::outreach::declare(&mut world, environment).expect("fresh addresses");
    stacks::financial::declare(&mut world, environment, &operations).expect("fresh addresses");
    stacks::dn_api::declare(&mut world).expect("fresh addresses");
    world
}

/// Everything before the update.
pub(super) fn before() -> World {
    let mut world = stacks(&first());
    let dead = world.add(STACK, "dead", Queue::standard()).expect("an address");
    let dead_letters = Some(DeadLetters { queue: dead.arn(), after_receives: 3 });
    let work = world.add(STACK, "work", Queue { dead_letters, ..Queue::standard() }).expect("an address");
    world.add(STACK, "log", LogGroup::kept_for_days(7)).expect("an address");
    let send = Statement::allow(["sqs:SendMessage"], [work.arn().text().as_str()]);
    let role = Role { inline: Some(Policy::new([send])), ..Role::of_service("lambda.amazonaws.com") };
    world.add(STACK, "worker", role).expect("an address");
    let table = Table::on_demand(Attribute::text("id")).index("by_day", Index::on(Attribute::text("day")));
    world.add(STACK, "rows", table).expect("an address");
    world.add(STACK, "files", Bucket::private()).expect("an address");
    world.add(STACK, "leaving", Topic::standard()).expect("an address");
    world
}

/// Everything after it: `more/queue/dead` and `more/topic/leaving` are gone, a key is new, the rest is changed.
pub(super) fn after() -> World {
    let environment = second();
    let mut world = stacks(&environment);
    let key = Key::symmetric(Policy::new([Key::owner(environment.account.as_str())]));
    let key = world.add(STACK, "rows", key).expect("an address");
    let work = Queue { retention_s: 3_600, ..Queue::standard() };
    let work = world.add(STACK, "work", work).expect("an address");
    world.add(STACK, "log", LogGroup::kept_for_days(30)).expect("an address");
    let take = Statement::allow(["sqs:ReceiveMessage"], [work.arn().text().as_str()]);
    let role = Role {
        description: Some("Works the queue off.".to_owned()),
        inline: Some(Policy::new([take])),
        managed: [BASIC.to_owned()].into(),
        max_session_s: 7_200,
        ..Role::of_service("scheduler.amazonaws.com")
    };
    world.add(STACK, "worker", role).expect("an address");
    let table = Table { ttl: Some("expires".to_owned()), ..Table::on_demand(Attribute::text("id")) }
        .index("by_mail", Index::on(Attribute::text("mail")).sorted_by(Attribute::number("at")));
    let encryption = kinds::kinds::table::Encryption::Key(key.arn());
    world.add(STACK, "rows", Table { encryption, ..table }).expect("an address");
    let files = Bucket { versioning: Versioning::Enabled, event_bridge: true, ..Bucket::private() };
    world.add(STACK, "files", files).expect("an address");
    world
}

/// What one API needs, and everything of reports: the kinds of code, gateways and links, each at least once. Every
/// function and API there is would make it many times as long: each call is disturbed in a run of its own.
fn code(environment: &Environment, artefacts: &Artefacts) -> World {
    const WANTED: [&str; 6] = [
        "operations/artefact/dn_api",
        "operations/bucket/control",
        "operations/gateway account/gateways",
        "operations/role/gateway-logs",
        "operations/topic/alarms",
        "observability/alarm/function-dn-api-health-errors",
    ];
    let mut world = stacks::declare(environment, artefacts).expect("fresh addresses");
    world.retain(|address| {
        let whole = matches!(address.stack(), "dn_api" | "reports") && address.kind() != "secret";
        whole || WANTED.contains(&address.to_string().as_str())
    });
    world
}

pub(super) fn code_before() -> World {
    code(&first(), &stage::artefacts())
}

/// Other code, other origins, other thresholds, and logs that are kept for longer.
pub(super) fn code_after() -> World {
    let mut artefacts = stage::artefacts();
    let other = artefacts[&Service::Financial].clone();
    artefacts.insert(Service::DnApi, other);
    code(&code_second(), &artefacts)
}

pub(super) fn code_second() -> Environment {
    let mut environment = first();
    environment.web.origins = vec!["https://crm.example.org".to_owned()];
    environment.logs.retention_days = 60;
    environment.logs.tracing = !environment.logs.tracing;
    environment
}
