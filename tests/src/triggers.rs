//! What starts functions that no endpoint names: read from the account after an apply, as AWS acts on it.

use contract::function::{FUNCTIONS, Function, Trigger};

use crate::stage::{Stage, environment};

const LAMBDA: &str = "arn:aws:lambda:us-east-1:000000000000:function:dn-sandbox";
const SNS: &str = "arn:aws:sns:us-east-1:000000000000:dn-sandbox";
const SQS: &str = "arn:aws:sqs:us-east-1:000000000000:dn-sandbox";
const SQS_URL: &str = "https://sqs.us-east-1.amazonaws.com/000000000000/dn-sandbox";

async fn applied() -> aws_config::SdkConfig {
    let stage = Stage::empty(&environment());
    let report = stage.apply().await;
    assert!(report.is_complete(), "{report:?}");
    stage.account.sdk_config()
}

/// The functions that a sort of trigger starts, with the last part of its address.
fn started_by(
    of: impl Fn(Trigger) -> Option<&'static str>,
) -> impl Iterator<Item = (&'static Function, &'static str)> {
    FUNCTIONS.iter().filter_map(move |one| of(one.trigger).map(|name| (one, name)))
}

#[tokio::test(start_paused = true)]
async fn a_topic_calls_its_function_and_may() {
    let config = applied().await;
    let (sns, lambda) = (aws_sdk_sns::Client::new(&config), aws_sdk_lambda::Client::new(&config));
    let topics = started_by(|trigger| match trigger {
        Trigger::Topic(_, name) => Some(name),
        _ => None,
    });
    let mut seen = Vec::new();
    for (function, topic) in topics {
        let alias = format!("{LAMBDA}-{}:live", function.name);
        let listed = sns.list_subscriptions_by_topic().topic_arn(format!("{SNS}-{topic}")).send().await;
        let listed = listed.expect("a topic");
        let mut endpoints = listed.subscriptions().iter().filter_map(|one| one.endpoint());
        assert!(endpoints.any(|one| one == alias), "{topic} calls {alias}");
        let name = format!("dn-sandbox-{}", function.name);
        let policy = lambda.get_policy().function_name(name).qualifier("live").send().await.expect("one");
        assert!(policy.policy().is_some_and(|text| text.contains(&format!("{SNS}-{topic}\""))));
        seen.push((topic, function.name));
    }
    assert!(seen.contains(&("inbound-mail", "unsubscribe-mailto")), "{seen:?}");
    let ses = aws_sdk_ses::Client::new(&config);
    let rules = ses.describe_active_receipt_rule_set().send().await.expect("a rule set");
    let mut actions = rules.rules().iter().flat_map(|rule| rule.actions());
    let inbound = format!("{SNS}-inbound-mail");
    assert!(actions.any(|one| one.sns_action().is_some_and(|sns| sns.topic_arn() == inbound)));
}

#[tokio::test(start_paused = true)]
async fn a_queue_feeds_its_function_and_waits_long_enough() {
    let config = applied().await;
    let (sqs, lambda) = (aws_sdk_sqs::Client::new(&config), aws_sdk_lambda::Client::new(&config));
    let queues = started_by(|trigger| match trigger {
        Trigger::Queue(_, name) => Some(name),
        _ => None,
    });
    let mut seen = Vec::new();
    for (function, queue) in queues {
        let alias = format!("dn-sandbox-{}:live", function.name);
        let listed = lambda.list_event_source_mappings().function_name(alias).send().await.expect("a list");
        let mut sources = listed.event_source_mappings().iter().filter_map(|one| one.event_source_arn());
        assert!(sources.any(|one| one == format!("{SQS}-{queue}")), "{queue} feeds {}", function.name);
        let attributes = sqs.get_queue_attributes().queue_url(format!("{SQS_URL}-{queue}"));
        let visibility = aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;
        let attributes = attributes.attribute_names(visibility.clone()).send().await.expect("a queue");
        let hidden_s: u32 = attributes.attributes().expect("some")[&visibility].parse().expect("seconds");
        let name = format!("dn-sandbox-{}", function.name);
        let deployed = lambda.get_function_configuration().function_name(name).send().await.expect("one");
        let timeout_s = deployed.timeout().and_then(|of| u32::try_from(of).ok()).expect("seconds");
        assert!(hidden_s >= 6 * timeout_s, "{queue} hides for {hidden_s} s, and {timeout_s} s may pass");
        seen.push((queue, function.name));
    }
    assert!(seen.contains(&("ses-events", "mail-events")), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_given_up_is_kept_and_rings() {
    let config = applied().await;
    let (sns, lambda) = (aws_sdk_sns::Client::new(&config), aws_sdk_lambda::Client::new(&config));
    let (sqs, watch) = (aws_sdk_sqs::Client::new(&config), aws_sdk_cloudwatch::Client::new(&config));
    let scheduler = aws_sdk_scheduler::Client::new(&config);
    let mut seen = Vec::new();
    for function in FUNCTIONS {
        let name = format!("dn-sandbox-{}", function.name);
        let dead = format!("{SQS}-{}-dead", function.name);
        let asked = lambda.get_function_event_invoke_config().function_name(&name).qualifier("live");
        let given_up =
            asked.send().await.ok().and_then(|kept| kept.destination_config?.on_failure?.destination);
        match function.trigger {
            Trigger::Api | Trigger::Queue(..) => {
                assert_eq!(given_up, None, "{name}: somebody waits, or a queue keeps it");
                continue;
            }
            Trigger::Topic(_, topic) => {
                let listed =
                    sns.list_subscriptions_by_topic().topic_arn(format!("{SNS}-{topic}")).send().await;
                let alias = format!("{LAMBDA}-{}:live", function.name);
                let listed = listed.expect("a topic");
                let told = listed.subscriptions().iter().find(|one| one.endpoint() == Some(alias.as_str()));
                let arn = told.and_then(|one| one.subscription_arn()).expect("a subscription");
                let kept = sns.get_subscription_attributes().subscription_arn(arn).send().await.expect("one");
                assert!(
                    kept.attributes().expect("some")["RedrivePolicy"].contains(&format!("{dead}\"")),
                    "{name}"
                );
                let policy = aws_sdk_sqs::types::QueueAttributeName::Policy;
                let asked = sqs.get_queue_attributes().queue_url(format!("{SQS_URL}-{}-dead", function.name));
                let asked = asked.attribute_names(policy.clone()).send().await.expect("a queue");
                let policy = &asked.attributes().expect("some")[&policy];
                for part in ["sns.amazonaws.com", "sqs:SendMessage", &format!("{SNS}-{topic}\"")] {
                    assert!(policy.contains(part), "{policy}");
                }
            }
            Trigger::Schedule(_) => {
                let schedule = scheduler.get_schedule().name(&name).send().await.expect("a schedule");
                let target = schedule.target().expect("a target");
                assert_eq!(
                    target.dead_letter_config().and_then(|of| of.arn()),
                    Some(dead.as_str()),
                    "{name}"
                );
                let starts = format!("dn-sandbox-{}-schedule", function.name);
                assert!(target.role_arn().ends_with(&starts), "{name}");
            }
        }
        assert_eq!(given_up, Some(dead), "{name}");
        let rings = format!("dn-sandbox-{}-dead-letters", function.name);
        let found = watch.describe_alarms().alarm_names(&rings).send().await.expect("alarms");
        assert_eq!(found.metric_alarms().len(), 1, "{rings}");
        seen.push(function.name);
    }
    assert_eq!(seen, ["unsubscribe-mailto", "reconcile-contacts", "drift", "rotate"]);
}
