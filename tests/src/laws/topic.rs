//! Examples of topics, and what a topic must not do.

use std::time::Duration;

use kinds::kinds::{
    subscription::{Protocol, Subscription},
    topic::{Signature, Topic, Tracing},
};
use model::{
    Holds, Ref,
    policy::{Policy, Statement},
};
use sandbox::Weather;
use serde_json::json;

use super::{Example, apply, differences, fresh, hold, look, world_of};

const ARN: &str = "arn:aws:sns:us-east-1:000000000000:dn-test-subject";

fn publishers() -> Policy {
    let allow = Statement::allow(["SNS:Publish"], [ARN]).to_service("ses.amazonaws.com");
    Policy::new([allow.when("StringEquals", "aws:SourceAccount", "000000000000")])
}

const STANDARD: Example<Topic> = Example {
    name: "standard",
    declare: |_| Topic::standard(),
    mutations: &[
        ("display_name", |topic| topic.display_name = Some("Mail & more".to_owned())),
        ("policy", |topic| topic.policy = Some(publishers())),
        ("key", |topic| topic.key = Some(Ref::live("alias/aws/sns"))),
        ("signature", |topic| topic.signature = Signature::Sha256),
        ("tracing", |topic| topic.tracing = Tracing::Active),
        ("message_bytes_max", |topic| topic.message_bytes_max = 2_048),
        ("delivery_policy", |topic| {
            topic.delivery_policy = Some(json!({ "http": { "disableSubscriptionOverrides": true } }));
        }),
    ],
};

const FULL: Example<Topic> = Example {
    name: "everything set",
    declare: |_| Topic {
        display_name: Some("Alerts".to_owned()),
        policy: Some(publishers()),
        key: Some(Ref::live("alias/dn-test-mail")),
        signature: Signature::Sha256,
        tracing: Tracing::Active,
        content_based_deduplication: false,
        message_bytes_max: 1_024,
        delivery_policy: Some(json!({ "http": { "defaultHealthyRetryPolicy": { "numRetries": 5 } } })),
    },
    mutations: &[
        ("display_name", |topic| topic.display_name = None),
        ("policy", |topic| topic.policy = None),
        // AWS stores an account id as the ARN of its root.
        ("policy", |topic| {
            let allow = Statement::allow(["SNS:Publish"], [ARN]).to_aws("111111111111");
            topic.policy = Some(Policy::new([allow]));
        }),
        ("key", |topic| topic.key = None),
        ("signature", |topic| topic.signature = Signature::Sha1),
        ("tracing", |topic| topic.tracing = Tracing::PassThrough),
        ("message_bytes_max", |topic| topic.message_bytes_max = 262_144),
        ("delivery_policy", |topic| topic.delivery_policy = None),
    ],
};

const STRICT: Example<Topic> = Example {
    name: "strict.fifo",
    declare: |_| Topic { content_based_deduplication: true, ..Topic::standard() },
    mutations: &[("content_based_deduplication", |topic| topic.content_based_deduplication = false)],
};

pub(crate) fn examples() -> [Example<Topic>; 3] {
    [STANDARD, FULL, STRICT]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_topic() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_not_seen_at_once_is_waited_for() {
    let account = fresh();
    account.set_weather(Weather { invisible: Duration::from_secs(20), ..Weather::realistic() });
    for example in [STANDARD, FULL] {
        let world = world_of(&example, |_| {});
        apply(&world, &account).await.expect("a birth, or an update");
        assert_eq!(differences(&world, &account).await, [], "{}", example.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_somebody_confirmed_a_subscription_of_holds_something() {
    let account = fresh();
    let mut world = world_of(&STANDARD, |_| {});
    let topic: Ref<Topic> = Ref::live(ARN);
    world
        .add("laws", "mail", Subscription::plain(topic, Protocol::Email, "ops@example.com"))
        .expect("a fresh address");
    apply(&world, &account).await.expect("a birth");
    let alone = world_of(&STANDARD, |_| {});
    assert_eq!(look(&alone, &account).await.1.expect("it exists").holds, Holds::Nothing);
    let account = super::subscription::confirmed(&account);
    let found = look(&alone, &account).await.1.expect("it exists");
    assert_eq!(found.holds, Holds::Data("1 subscription that somebody confirmed".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn deduplication_of_a_topic_that_is_not_strict_is_refused_by_sns() {
    let world = world_of(&STANDARD, |topic| topic.content_based_deduplication = true);
    let fault = apply(&world, &fresh()).await.expect_err("a refusal");
    let cause = fault.cause().expect("a cause");
    assert_eq!(cause.code.as_deref(), Some("InvalidParameter"), "{fault}");
    assert!(cause.message.contains("FIFO"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn what_a_person_must_know_is_found() {
    let account = fresh();
    let world = world_of(&STANDARD, |topic| {
        topic.key = Some(Ref::live("alias/aws/sns"));
        topic.policy = Some(Policy::new([Statement::allow(["SNS:Publish"], [ARN]).to_aws("AROAEXAMPLE")]));
    });
    apply(&world, &account).await.expect("a birth");
    let findings = look(&world, &account).await.1.expect("it exists").findings;
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings[0].contains("AROAEXAMPLE") && findings[1].contains("alias/aws/sns"), "{findings:?}");
}

#[tokio::test(start_paused = true)]
async fn the_receipt_of_a_birth_in_several_calls_is_written_last() {
    let account = fresh();
    apply(&world_of(&FULL, |_| {}), &account).await.expect("a birth");
    let writes: Vec<String> =
        account.served().into_iter().filter(|call| call.writes).map(|call| call.operation).collect();
    assert_eq!(writes, ["CreateTopic", "SetTopicAttributes", "TagResource"]);
}
