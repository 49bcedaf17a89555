//! Examples of subscriptions; those that wait for a person keep laws of their own.

use std::{sync::Arc, time::Duration};

use kinds::{
    KINDS, Kind, World,
    kinds::{
        queue::Queue,
        subscription::{Filter, FilterScope, Protocol, Subscription},
        topic::Topic,
    },
};
use model::{Address, MayFind, Ref};
use sandbox::{Account, Trouble, Weather, What, When};
use serde_json::json;

use super::{Example, apply, differences, fresh, look, subject, world_of, writer};

fn topic(world: &mut World, name: &str) -> Ref<Topic> {
    world.add("laws", name, Topic::standard()).expect("an address").arn()
}

fn queue(world: &mut World, name: &str) -> Ref<Queue> {
    world.add("laws", name, Queue::standard()).expect("an address").arn()
}

const OTHER: &str = "arn:aws:sqs:us-east-1:000000000000:dn-test-other";

const QUEUE: Example<Subscription> = Example {
    name: "queue",
    declare: |world| {
        topic(world, "elsewhere");
        let (topic, queue) = (topic(world, "mail"), queue(world, "work"));
        Subscription::to_queue(topic, &queue)
    },
    mutations: &[
        ("topic", |one| one.topic = Ref::live("arn:aws:sns:us-east-1:000000000000:dn-test-elsewhere")),
        ("protocol", |one| {
            one.protocol = Protocol::Lambda;
            one.endpoint = "arn:aws:lambda:us-east-1:000000000000:function:dn-test-f:live".into();
        }),
        ("endpoint", |one| one.endpoint = OTHER.into()),
        ("raw", |one| one.raw = true),
        ("filter", |one| one.filter = Some(flat())),
        ("filter", |one| one.filter = Some(nested())),
        ("dead_letters", |one| one.dead_letters = Some(Ref::live(OTHER))),
    ],
};

const FULL: Example<Subscription> = Example {
    name: "everything set",
    declare: |world| {
        let (topic, queue) = (topic(world, "mail"), queue(world, "work"));
        let dead = world.add("laws", "dead", Queue::standard()).expect("an address");
        Subscription {
            raw: true,
            filter: Some(nested()),
            dead_letters: Some(dead.arn()),
            ..Subscription::to_queue(topic, &queue)
        }
    },
    mutations: &[
        ("raw", |one| one.raw = false),
        ("filter", |one| one.filter = None),
        ("filter", |one| one.filter = Some(flat())),
        ("dead_letters", |one| one.dead_letters = None),
    ],
};

fn flat() -> Filter {
    Filter { policy: json!({ "kind": ["bounce", "complaint"] }), scope: FilterScope::MessageAttributes }
}

fn nested() -> Filter {
    Filter { policy: json!({ "mail": { "to": [{ "prefix": "a" }] } }), scope: FilterScope::MessageBody }
}

fn mails(world: &mut World) -> Subscription {
    let topic = topic(world, "mail");
    let other = Subscription::plain(topic.clone(), Protocol::Email, "other@example.com");
    world.add("laws", "other", other).expect("an address");
    let filter = Some(flat());
    Subscription { filter, ..Subscription::plain(topic, Protocol::Email, "ops@example.com") }
}

const MAIL: Example<Subscription> = Example { name: "mail", declare: mails, mutations: &[] };

/// A web server, which has fields that a queue has not.
const WEB: Example<Subscription> = Example {
    name: "web server",
    declare: |world| {
        let topic = topic(world, "mail");
        let delivery_policy = Some(json!({ "healthyRetryPolicy": { "numRetries": 3 } }));
        Subscription {
            delivery_policy,
            ..Subscription::plain(topic, Protocol::Https, "https://example.com/sns")
        }
    },
    mutations: &[
        ("raw", |one| one.raw = true),
        ("filter", |one| one.filter = Some(flat())),
        ("delivery_policy", |one| one.delivery_policy = None),
    ],
};

/// Those that wait for a person last.
pub(crate) fn examples() -> [Example<Subscription>; 4] {
    [QUEUE, FULL, MAIL, WEB]
}

fn edit_all(account: &Account, change: impl Fn(&mut serde_json::Value) + Send + 'static) -> Account {
    let mut documents = account.documents();
    for one in documents.get_mut("sns/subscriptions").expect("subscriptions").values_mut() {
        change(Arc::make_mut(one));
    }
    Account::of(super::ACCOUNT, super::REGION, account.clock(), documents)
}

/// What people do who open the links in their mails.
pub(super) fn confirmed(account: &Account) -> Account {
    edit_all(account, |one| one["pending"] = false.into())
}

fn writes(account: &Account) -> Vec<String> {
    account.served().into_iter().filter(|call| call.writes).map(|call| call.operation).collect()
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_subscription() {
    for example in [QUEUE, FULL] {
        super::births_are_complete_and_repeatable(&example).await;
        super::every_field_converges(&example).await;
        super::a_killed_birth_is_completed(&example).await;
        super::deletes_are_repeatable(&example, &fresh()).await;
    }
    super::every_field_has_a_mutation(&examples());
}

#[tokio::test(start_paused = true)]
async fn laws_of_a_subscription_that_waits_for_somebody() {
    for example in [MAIL, WEB] {
        super::births_are_complete_and_repeatable(&example).await;
        super::a_killed_birth_is_completed(&example).await;
        let account = fresh();
        let world = world_of(&example, |_| {});
        apply(&world, &account).await.expect("a birth");
        let found = look(&world, &account).await.1.expect("it is listed");
        assert_eq!(found.findings.len(), 1, "{:?}", found.findings);
        assert!(found.findings[0].starts_with("waiting for "), "{:?}", found.findings);
        assert!(!found.outputs.contains_key("arn"), "there is no usable ARN yet");

        let account = confirmed(&account);
        let found = look(&world, &account).await.1.expect("it is listed");
        assert_eq!(found.findings, Vec::<String>::new(), "confirmed");
        assert!(found.outputs["arn"].starts_with("arn:aws:sns:"));
        assert_eq!(differences(&world, &account).await, [], "SNS kept the attributes");
        super::every_field_converges_in(&example, &account).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_waits_is_neither_changed_nor_deleted_nor_asked_for_again() {
    let account = fresh();
    let world = world_of(&MAIL, |_| {});
    apply(&world, &account).await.expect("a birth");
    account.forget_served();
    let changed = world_of(&MAIL, |one| one.filter = None);
    assert_eq!(differences(&changed, &account).await, [], "what AWS does not show counts as declared");
    apply(&changed, &account).await.expect("an apply");
    subject(&world.manage(&writer(&account)))
        .delete(MayFind::Anything, model::Data::Lose)
        .await
        .expect("a delete");
    assert_eq!(writes(&account), Vec::<String>::new());
    // Nobody opened the link for two days: it is gone, and asked for again.
    let forgotten = edit_all(&account, |one| one["created"] = 0.into());
    assert!(look(&world, &forgotten).await.1.is_none());
    apply(&world, &forgotten).await.expect("an apply");
    assert!(writes(&forgotten).contains(&"Subscribe".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_mail_is_sent_once_though_the_answer_was_lost_and_the_list_lags() {
    let account = fresh();
    account.set_weather(Weather { invisible: Duration::from_secs(20), ..Weather::realistic() });
    let subscribe = When::Operation { service: "sns".to_owned(), operation: "Subscribe".to_owned() };
    for what in [What::throttled(2), What::LoseAnswer] {
        account.plan_trouble(Trouble { when: subscribe.clone(), what });
    }
    for _ in 0..3 {
        // A lost answer ends a run: whether to go on is the engine's decision.
        let _ = apply(&world_of(&MAIL, |_| {}), &account).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    assert_eq!(differences(&world_of(&MAIL, |_| {}), &account).await, []);
    assert_eq!(account.troubles_left(), 0);
    assert_eq!(account.documents()["sns/subscriptions"].len(), 2);
    let asked = writes(&account).iter().filter(|call| *call == "Subscribe").count();
    assert_eq!(asked, 4, "two throttled, one whose answer was lost, one for the other address");
}

#[tokio::test(start_paused = true)]
async fn changes_converge_though_nothing_is_seen_at_once() {
    let account = fresh();
    account.set_weather(Weather { invisible: Duration::from_secs(5), ..Weather::realistic() });
    for world in [world_of(&FULL, |_| {}), world_of(&FULL, |one| one.filter = Some(flat()))] {
        apply(&world, &account).await.expect("an apply");
        assert_eq!(differences(&world, &account).await, []);
    }
}

fn kind() -> &'static Kind {
    KINDS.iter().find(|kind| kind.name == "subscription").expect("the kind is listed")
}

#[tokio::test(start_paused = true)]
async fn only_what_connects_the_stages_own_resources_is_owned() {
    let account = fresh();
    let mut world = world_of(&QUEUE, |_| {});
    let topic: Ref<Topic> = Ref::live("arn:aws:sns:us-east-1:000000000000:dn-test-mail");
    let foreign = Ref::live("arn:aws:sqs:us-east-1:000000000000:billing");
    for (name, one) in [
        ("mail", Subscription::plain(topic.clone(), Protocol::Email, "ops@example.com")),
        ("foreign", Subscription::to_queue(topic, &foreign)),
    ] {
        world.add("laws", name, one).expect("an address");
    }
    apply(&world, &account).await.expect("a birth");

    let aws = writer(&account);
    let owned = kind().owned(aws.reader()).await.expect("an inventory");
    let declared = &world.declared(&super::scope())[3];
    assert_eq!(declared.address.to_string(), "laws/subscription/subject");
    let physical: Vec<&str> = owned.iter().map(|(_, physical)| physical.as_str()).collect();
    assert_eq!(physical, [declared.physical.as_str()], "what is declared is recognised by its physical name");
    let again = kind().owned(writer(&account).reader()).await.expect("an inventory");
    assert_eq!(owned, again, "the address is computed");
    let others = kind().unmanaged(aws.reader()).await.expect("an inventory");
    assert_eq!(others.len(), 2, "{others:?}");

    let (address, physical): (Address, String) = owned[0].clone();
    assert_eq!((address.stack(), address.kind()), ("laws", "subscription"));
    let orphan = kind().manage_orphan(address, physical, &aws);
    assert!(orphan.observe().await.expect("a look").is_some());
    orphan.delete(MayFind::Anything, model::Data::Lose).await.expect("a delete");
    assert!(kind().owned(writer(&account).reader()).await.expect("an inventory").is_empty());
    assert_eq!(account.documents()["sns/subscriptions"].len(), 2, "the others are left alone");
}

#[tokio::test(start_paused = true)]
async fn one_list_call_a_topic_serves_all_its_subscriptions() {
    let account = fresh();
    let mut world = World::default();
    let topic = topic(&mut world, "mail");
    for number in 0..120 {
        let mail = Subscription::plain(topic.clone(), Protocol::Email, format!("{number}@example.com"));
        world.add("laws", &number.to_string(), mail).expect("an address");
    }
    apply(&world, &account).await.expect("births");
    account.forget_served();
    assert!(look(&world, &account).await.1.is_some());
    let lists = account.served().into_iter().filter(|call| call.operation == "ListSubscriptionsByTopic");
    assert_eq!(lists.count(), 2, "two pages");
}
