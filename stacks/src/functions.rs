//! Functions from the contract: each with its log group, its role, what starts it and who may call it.

use contract::{
    function::{Function as Shape, Service, Trigger},
    health::CHECK,
};
use kinds::{
    World,
    bound::{DeclareError, Handle},
    kinds::{
        artefact::Artefact,
        bucket::Bucket,
        function::{Architecture, AsyncCalls, Canary, Code, EventSource, Function, Switch, Tracing},
        function_policy::{FunctionPolicy, Permission},
        log_group::LogGroup,
        queue::Queue,
        role::Role,
        schedule::{Expression, Schedule, Target},
        subscription::{Protocol, Subscription},
    },
};
use model::{
    Address, Ref, Text,
    policy::{Policy, Statement},
};

use crate::{
    Environment,
    code::{self, Artefacts},
    observability,
    operations::{self, Operations},
    permissions, queues, values,
};

/// Lambda's own patience with an event that its function does not take: two more attempts, for six hours at most.
const RETRIES: u32 = 2;
const GIVEN_UP_AFTER_S: u32 = 6 * 3600;

/// Declares the artefact of every service, and every function.
pub(crate) fn declare(
    world: &mut World,
    environment: &Environment,
    artefacts: &Artefacts,
    operations: &Operations,
) -> Result<(), DeclareError> {
    let control = Address::new(operations::STACK, "bucket", operations::CONTROL)?;
    for service in Service::all() {
        let Some(built) = artefacts.get(&service) else { continue };
        let bucket: Ref<Bucket> = Ref::to(&control, "name");
        let artefact = match &built.file {
            Some(file) => Artefact::of(bucket, &built.sha256, built.size, file),
            None => Artefact::kept(bucket, &built.sha256, built.size),
        };
        let artefact = world.add(operations::STACK, service.package(), artefact)?;
        for shape in service.functions() {
            function(world, environment, &artefact, shape, operations)?;
        }
    }
    Ok(())
}

fn function(
    world: &mut World,
    environment: &Environment,
    artefact: &Handle<Artefact>,
    shape: &Shape,
    operations: &Operations,
) -> Result<(), DeclareError> {
    let (stack, name) = (shape.stack, shape.name);
    let lost = lost(world, environment, shape, operations)?;
    let group = world.add(stack, name, LogGroup::kept_for_days(environment.logs.retention_days))?;
    let role = Role {
        description: Some(format!("What {name} may do.")),
        inline: Some(permissions::policy(shape, environment)?),
        ..Role::of_service("lambda.amazonaws.com")
    };
    let role = world.add(stack, name, role)?;
    let mut function = Function {
        description: Some(shape.description.to_owned()),
        architecture: match environment.code.architecture {
            code::Architecture::X86 => Architecture::X86,
            code::Architecture::Arm64 => Architecture::Arm64,
        },
        memory_mb: shape.memory_mb,
        timeout_s: timeout_s(shape, environment),
        tracing: if environment.logs.tracing { Tracing::Active } else { Tracing::PassThrough },
        switch: switch(environment, shape)?,
        async_calls: lost.as_ref().map(|lost| AsyncCalls {
            max_age_s: GIVEN_UP_AFTER_S,
            retries: RETRIES,
            on_failure: Some(lost.arn()),
        }),
        ..Function::new(role.arn(), Code::of(artefact), name, group.by("name"))
    };
    for variable in shape.variables {
        if let Some(value) = values::value(variable.meaning, environment)? {
            function = function.with(variable.name, value);
        }
    }
    if let Trigger::Queue(stack, queue) = shape.trigger {
        let queue = Ref::to(&Address::new(stack, "queue", queue)?, "arn");
        function = function.fed_by("work", EventSource::of(queue));
    }
    let function = world.add(stack, name, function)?;
    started(world, environment, &function, shape, lost.as_ref())
}

/// Where the events go of a function that nobody waits for, once they are given up: an opt-out by mail is in one of
/// them, and would else be gone without a trace. A queue keeps its own messages until they are worked off.
fn lost(
    world: &mut World,
    environment: &Environment,
    shape: &Shape,
    operations: &Operations,
) -> Result<Option<Handle<Queue>>, DeclareError> {
    let policy = match shape.trigger {
        Trigger::Api | Trigger::Queue(..) => return Ok(None),
        // Their roles may send there: the function's what it failed at, the schedule's what it could not start.
        Trigger::Schedule(_) => None,
        Trigger::Topic(stack, topic) => {
            let itself = Address::new(shape.stack, "queue", &queues::dead_name(shape.name))?;
            let topic = Text::of(&Address::new(stack, "topic", topic)?, "arn").to_string();
            let send = Statement::allow(["sqs:SendMessage"], [Text::of(&itself, "arn").to_string()])
                .sid("undelivered")
                .to_service("sns.amazonaws.com")
                .when("ArnEquals", "aws:SourceArn", topic);
            Some(Policy::new([send]))
        }
    };
    queues::dead(world, shape.stack, shape.name, environment, operations, policy).map(Some)
}

/// How callers come to a new version, and which alarms are watched meanwhile.
fn switch(environment: &Environment, shape: &Shape) -> Result<Switch, DeclareError> {
    let wanted = &environment.switch;
    let alarms: Result<Vec<Address>, _> = observability::alarms_of(shape)
        .iter()
        .map(|name| Address::new(observability::STACK, "alarm", name))
        .collect();
    let alarms = alarms?;
    Ok(Switch {
        check: wanted.health_check.then(|| CHECK.to_owned()),
        canary: wanted.canary.map(|steps| Canary { percent: steps.percent, minutes: steps.minutes, alarms }),
    })
}

/// The longest run. A queue hides its messages for as long as the environment's workers need, so none runs longer.
fn timeout_s(shape: &Shape, environment: &Environment) -> u32 {
    match shape.trigger {
        Trigger::Queue(..) => shape.timeout_s.min(environment.queues.worker_timeout_s),
        Trigger::Api | Trigger::Topic(..) | Trigger::Schedule(_) => shape.timeout_s,
    }
}

/// What starts a function that no endpoint names.
fn started(
    world: &mut World,
    environment: &Environment,
    function: &Handle<Function>,
    shape: &Shape,
    lost: Option<&Handle<Queue>>,
) -> Result<(), DeclareError> {
    let (stack, name) = (shape.stack, shape.name);
    let dead_letters = lost.map(Handle::arn);
    match shape.trigger {
        Trigger::Api | Trigger::Queue(..) => Ok(()),
        Trigger::Topic(topic_stack, topic) => {
            let topic = Address::new(topic_stack, "topic", topic)?;
            let to = function.by("alias_arn").text().clone();
            let told = Subscription::plain(Ref::to(&topic, "arn"), Protocol::Lambda, to);
            world.add(stack, name, Subscription { dead_letters, ..told })?;
            let by = Permission::of_service("sns.amazonaws.com", Text::of(&topic, "arn"));
            allow(world, stack, name, function, [("topic".to_owned(), by)])
        }
        Trigger::Schedule(when) => {
            let invoke =
                Statement::allow(["lambda:InvokeFunction"], [function.by("alias_arn").text().to_string()]);
            let keep = lost.map(|lost| {
                Statement::allow(["sqs:SendMessage"], [lost.arn().text().to_string()]).sid("undelivered")
            });
            let role = Role {
                description: Some(format!("Starts {name}.")),
                inline: Some(Policy::new([invoke.sid("start")].into_iter().chain(keep))),
                ..scheduler(environment)
            };
            let role = world.add(stack, &format!("{name}-schedule"), role)?;
            let when: Expression = when.parse().expect("the contract's schedules are well-formed");
            let target = Target::of(function.by("alias_arn").text().clone(), role.arn());
            let target = Target { dead_letters, ..target };
            world.add(stack, name, Schedule::of(when, target))?;
            Ok(())
        }
    }
}

/// Only schedules of this account: another one's could name the role too (the confused deputy).
fn scheduler(environment: &Environment) -> Role {
    let assume = Statement::allow(["sts:AssumeRole"], [""; 0]).to_service("scheduler.amazonaws.com").when(
        "StringEquals",
        "aws:SourceAccount",
        environment.account.as_str(),
    );
    Role::trusting(Policy::new([assume]))
}

/// Declares who may call a function.
pub(crate) fn allow(
    world: &mut World,
    stack: &str,
    name: &str,
    function: &Handle<Function>,
    statements: impl IntoIterator<Item = (String, Permission)>,
) -> Result<(), DeclareError> {
    let policy = FunctionPolicy {
        function: function.by("name"),
        statements: statements.into_iter().collect(),
        strays: std::collections::BTreeMap::new(),
    };
    world.add(stack, name, policy).map(|_| ())
}
