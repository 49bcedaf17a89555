//! Work queues, each with its dead letters and the alarm on them.

use kinds::{
    World,
    bound::{DeclareError, Handle},
    kinds::{
        alarm::{Alarm, Comparison, Metric, MetricStat, MissingData, Statistic},
        queue::{DeadLetters, Queue},
    },
};

use model::policy::Policy;

use crate::{Environment, operations::Operations};

/// Fourteen days: the longest that SQS keeps a message, so that people have time to look.
const DEAD_LETTERS_KEPT_S: u32 = 14 * 24 * 3600;

/// Lambda's advice: a message is hidden six times as long as its function may run, so that retries of
/// throttled invocations do not hand it out twice (Lambda developer guide, "Using Lambda with Amazon SQS").
const HIDDEN_RUNS: u32 = 6;

/// Declares a queue, its dead letters, and the alarm that rings when there are any.
pub(crate) fn add(
    world: &mut World,
    stack: &str,
    name: &str,
    environment: &Environment,
    operations: &Operations,
    finish: impl FnOnce(Queue) -> Queue,
) -> Result<Handle<Queue>, DeclareError> {
    let dead = dead(world, stack, name, environment, operations, None)?;
    let work = Queue {
        visibility_s: environment.queues.worker_timeout_s * HIDDEN_RUNS,
        receive_wait_s: 20,
        dead_letters: Some(DeadLetters { queue: dead.arn(), after_receives: environment.queues.attempts }),
        ..Queue::standard()
    };
    let work = world.add(stack, name, finish(work))?;
    let age = MetricStat::sum("AWS/SQS", "ApproximateAgeOfOldestMessage")
        .of("QueueName", work.by("name").text().clone())
        .by(Statistic::Maximum);
    let longest = environment.alarms.thresholds.oldest_message_s;
    let waits = Alarm {
        description: Some(format!("Messages of {stack}/{name} wait for more than {longest} s.").into()),
        missing_data: MissingData::NotBreaching,
        alarm_actions: [operations.alarms.arn().text().clone()].into(),
        ok_actions: [operations.alarms.arn().text().clone()].into(),
        ..Alarm::on(Metric::Single(age), Comparison::Above, i32::try_from(longest).unwrap_or(i32::MAX))
    };
    world.add(stack, &format!("{name}-oldest"), waits)?;
    Ok(work)
}

/// Declares where what `name` could not work off is kept, and the alarm that rings when there is any. `policy` says
/// who may put it there beside those whose roles allow it.
pub(crate) fn dead(
    world: &mut World,
    stack: &str,
    name: &str,
    environment: &Environment,
    operations: &Operations,
    policy: Option<Policy>,
) -> Result<Handle<Queue>, DeclareError> {
    let dead = Queue { retention_s: DEAD_LETTERS_KEPT_S, policy, ..Queue::standard() };
    let dead = world.add(stack, &dead_name(name), dead)?;
    let metric = MetricStat {
        namespace: "AWS/SQS".to_owned(),
        name: "ApproximateNumberOfMessagesVisible".to_owned(),
        dimensions: [("QueueName".to_owned(), dead.by("name").text().clone())].into(),
        statistic: Statistic::Maximum,
        period_s: 60,
        unit: None,
    };
    let rings = Alarm {
        description: Some(format!("Messages of {stack}/{name} that could not be worked off.").into()),
        missing_data: MissingData::NotBreaching,
        alarm_actions: [operations.alarms.arn().text().clone()].into(),
        ok_actions: [operations.alarms.arn().text().clone()].into(),
        ..Alarm::on(Metric::Single(metric), Comparison::AtLeast, environment.alarms.dead_letters)
    };
    world.add(stack, &format!("{name}-dead-letters"), rings)?;
    Ok(dead)
}

/// What the queue of dead letters is called.
pub(crate) fn dead_name(name: &str) -> String {
    format!("{name}-dead")
}
