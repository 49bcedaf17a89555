//! Examples of functions.

use kinds::kinds::{
    function::{Architecture, AsyncCalls, Code, EventSource, Function, Level, LogFormat, Tracing},
    key::Key,
    log_group::LogGroup,
    queue::Queue,
    role::Role,
};
use model::{
    Ref, Text,
    policy::{Policy, Statement},
};

use super::{
    artefact::{archive, zip},
    *,
};

mod refusals;
mod releases;
mod switches;
mod versions;

pub(crate) const NAME: &str = "dn-test-subject";

pub(crate) fn to<R>(address: &str, attribute: &str) -> Ref<R> {
    Ref::to(&address.parse().expect("an address"), attribute)
}

fn key() -> Key {
    Key::symmetric(Policy::new([Key::owner(ACCOUNT)]))
}

fn code_of(name: &str) -> Code {
    let at = format!("laws/artefact/{name}");
    Code { sha256: to(&at, "sha256"), bucket: to(&at, "bucket"), key: to(&at, "key") }
}

/// A role that may use queues.
fn worker() -> Role {
    let queues = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:SendMessage"];
    let inline = Policy::new([Statement::allow(queues, ["*"])]);
    Role { inline: Some(inline), ..Role::of_service("lambda.amazonaws.com") }
}

/// A queue whose messages stay hidden for longer than functions here run.
fn feed() -> Queue {
    Queue { visibility_s: 180, ..Queue::standard() }
}

pub(crate) fn minimal_in(world: &mut World) -> Function {
    let role = world.add("laws", "role", worker()).expect("an address");
    let group = world.add("laws", "lines", LogGroup::kept_for_days(14)).expect("an address");
    let code = zip(world, "code", b"first code");
    Function::new(role.arn(), Code::of(&code), "send", group.by("name"))
}

fn minimal() -> Example<Function> {
    Example {
        name: "minimal",
        declare: |world| {
            zip(world, "newer", b"newer code");
            world.add("laws", "second", worker()).expect("an address");
            world.add("laws", "jobs", feed()).expect("an address");
            world.add("laws", "dead", feed()).expect("an address");
            world.add("laws", "key", key()).expect("an address");
            world.add("laws", "others", LogGroup::kept_for_days(7)).expect("an address");
            minimal_in(world)
        },
        mutations: &[
            ("description", |function| function.description = Some("sends campaigns".to_owned())),
            ("role", |function| function.role = to("laws/role/second", "arn")),
            ("code", |function| function.code = code_of("newer")),
            ("handler", |function| function.handler = "receive".to_owned()),
            ("runtime", |function| function.runtime = "provided.al2".to_owned()),
            ("architecture", |function| function.architecture = Architecture::X86),
            ("memory_mb", |function| function.memory_mb = 1_769),
            ("timeout_s", |function| function.timeout_s = 29),
            ("ephemeral_mb", |function| function.ephemeral_mb = 1_024),
            ("environment", |function| drop(function.environment.insert("STAGE".into(), "test".into()))),
            ("environment", |function| {
                let queue: Ref<Queue> = to("laws/queue/jobs", "arn");
                function.environment.insert("QUEUE".into(), queue.text().clone());
            }),
            ("key", |function| function.key = Some(to("laws/key/key", "arn"))),
            ("tracing", |function| function.tracing = Tracing::Active),
            ("log_group", |function| function.log_group = to("laws/log group/others", "name")),
            ("log_format", |function| function.log_format = LogFormat::Text),
            ("reserved_concurrency", |function| function.reserved_concurrency = Some(0)),
            ("async_calls", |function| {
                let on_failure = Some(to("laws/queue/dead", "arn"));
                function.async_calls = Some(AsyncCalls { max_age_s: 3_600, retries: 0, on_failure });
            }),
            ("event_sources", |function| {
                function.event_sources =
                    [("jobs".to_owned(), EventSource::of(to("laws/queue/jobs", "arn")))].into();
            }),
        ],
    }
}

fn everything() -> Example<Function> {
    Example {
        name: "everything",
        declare: |world| {
            world.add("laws", "jobs", feed()).expect("an address");
            world.add("laws", "mails", feed()).expect("an address");
            let dead = world.add("laws", "dead", feed()).expect("an address");
            let key = world.add("laws", "key", key()).expect("an address");
            let jobs = EventSource {
                batch_size: 100,
                window_s: 5,
                max_concurrency: Some(4),
                ..EventSource::of(to("laws/queue/jobs", "arn"))
            };
            Function {
                description: Some("works off jobs".to_owned()),
                architecture: Architecture::X86,
                memory_mb: 512,
                timeout_s: 120,
                ephemeral_mb: 2_048,
                key: Some(key.arn()),
                tracing: Tracing::Active,
                log_format: LogFormat::Json { application: Level::Debug, system: Level::Warn },
                reserved_concurrency: Some(5),
                async_calls: Some(AsyncCalls { max_age_s: 60, retries: 1, on_failure: Some(dead.arn()) }),
                ..minimal_in(world)
            }
            .with("STAGE", "test")
            .with("DEAD", Text::of(dead.address(), "arn").then("?"))
            .fed_by("jobs", jobs)
        },
        mutations: &[
            ("description", |function| function.description = None),
            ("environment", |function| function.environment.clear()),
            ("environment", |function| drop(function.environment.insert("STAGE".into(), "other".into()))),
            ("key", |function| function.key = None),
            ("log_format", |function| {
                function.log_format = LogFormat::Json { application: Level::Error, system: Level::Info };
            }),
            ("reserved_concurrency", |function| function.reserved_concurrency = None),
            ("async_calls", |function| function.async_calls = None),
            ("async_calls", |function| {
                function.async_calls = Some(AsyncCalls { max_age_s: 60, retries: 1, on_failure: None });
            }),
            ("event_sources", |function| function.event_sources.clear()),
            ("event_sources", |function| source(function).batch_size = 10),
            ("event_sources", |function| source(function).window_s = 300),
            ("event_sources", |function| source(function).max_concurrency = None),
            ("event_sources", |function| source(function).reports_failures = false),
            ("event_sources", |function| source(function).enabled = false),
            ("event_sources", |function| source(function).queue = to("laws/queue/mails", "arn")),
        ],
    }
}

fn source(function: &mut Function) -> &mut EventSource {
    function.event_sources.get_mut("jobs").expect("it is declared")
}

pub(crate) fn examples() -> [Example<Function>; 2] {
    [minimal(), everything()]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_function() {
    hold(&examples()).await;
}
