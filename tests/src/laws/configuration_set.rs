//! Examples of configuration sets.

use std::collections::BTreeMap;

use aws_sdk_sesv2::{
    Client,
    types::{DeliveryOptions, EventDestinationDefinition, EventType, SnsDestination},
};
use kinds::{
    World,
    kinds::{
        configuration_set::{
            ConfigurationSet, Dimension, DimensionSource, Event, EventDestination, HttpsPolicy, Suppression,
            Target, Tls, Tracking, Vdm,
        },
        topic::Topic,
    },
};
use model::{
    Fault, Ref,
    policy::{Policy, Statement},
};
use sandbox::Weather;

use super::{
    Example, a_birth_is_complete, a_second_apply_writes_nothing, apply, deletes_are_repeatable, differences,
    every_field_converges_in, fresh, log_group::code_of, what_is_owned_is_found, world_of,
};

const NAME: &str = "dn-test-subject";

fn topic(world: &mut World, name: &str) -> Ref<Topic> {
    world.add("laws", name, Topic::standard()).expect("an address").arn()
}

fn bus() -> Target {
    Target::EventBridge("arn:aws:events:us-east-1:000000000000:event-bus/default".into())
}

fn metrics() -> Target {
    let campaign = Dimension { source: DimensionSource::MessageTag, default: "none".to_owned() };
    Target::CloudWatch(BTreeMap::from([("campaign".to_owned(), campaign)]))
}

fn to(target: Target) -> EventDestination {
    EventDestination { enabled: true, events: [Event::Bounce, Event::Complaint].into(), target }
}

pub(crate) fn examples() -> [Example<ConfigurationSet>; 2] {
    [
        Example {
            name: "counting",
            declare: |_| ConfigurationSet::counting(),
            mutations: &[
                ("sending", |set| set.sending = false),
                ("reputation_metrics", |set| set.reputation_metrics = false),
                ("tls", |set| set.tls = Tls::Require),
                ("max_delivery_s", |set| set.max_delivery_s = Some(1_800)),
                ("pool", |set| set.pool = Some("ses-shared-pool".to_owned())),
                ("suppression", |set| set.suppression = Some([Suppression::Bounce].into())),
                ("suppression", |set| set.suppression = Some([].into())),
                ("vdm", |set| set.vdm = Some(Vdm { engagement: true, shared_delivery: false })),
                ("archive", |set| {
                    set.archive = Some("arn:aws:ses:us-east-1:000000000000:mailmanager-archive/a-1".into());
                }),
                ("events", |set| drop(set.events.insert("bus".to_owned(), to(bus())))),
            ],
        },
        Example {
            name: "everything",
            declare: |world| {
                let events = topic(world, "events");
                topic(world, "others");
                ConfigurationSet {
                    sending: false,
                    reputation_metrics: false,
                    tls: Tls::Require,
                    max_delivery_s: Some(300),
                    pool: Some("ses-shared-pool".to_owned()),
                    suppression: Some([].into()),
                    tracking: None,
                    vdm: Some(Vdm { engagement: true, shared_delivery: true }),
                    archive: Some("arn:aws:ses:us-east-1:000000000000:mailmanager-archive/a-1".into()),
                    events: BTreeMap::from([
                        ("all".to_owned(), EventDestination::all_to(events)),
                        ("metrics".to_owned(), to(metrics())),
                    ]),
                }
            },
            mutations: &[
                ("sending", |set| set.sending = true),
                ("tls", |set| set.tls = Tls::Optional),
                ("max_delivery_s", |set| set.max_delivery_s = None),
                ("pool", |set| set.pool = None),
                ("suppression", |set| set.suppression = None),
                ("vdm", |set| set.vdm = None),
                ("vdm", |set| set.vdm = Some(Vdm { engagement: false, shared_delivery: true })),
                ("archive", |set| set.archive = None),
                ("events", |set| set.events.clear()),
                ("events", |set| of(set, "all").enabled = false),
                ("events", |set| {
                    of(set, "all").events.remove(&Event::Open);
                }),
                ("events", |set| of(set, "all").target = bus()),
                ("events", |set| {
                    let other = "arn:aws:sns:us-east-1:000000000000:dn-test-others";
                    of(set, "all").target = Target::Sns(Ref::live(other));
                }),
                ("events", |set| {
                    let Target::CloudWatch(dimensions) = &mut of(set, "metrics").target else { return };
                    let stage = Dimension { source: DimensionSource::EmailHeader, default: "a".to_owned() };
                    dimensions.insert("stage".to_owned(), stage);
                }),
            ],
        },
    ]
}

fn of<'a>(set: &'a mut ConfigurationSet, destination: &str) -> &'a mut EventDestination {
    set.events.get_mut(destination).expect("a destination")
}

/// Needs the DNS records of its domain, which nothing in the account can publish.
const TRACKED: Example<ConfigurationSet> = Example {
    name: "tracked",
    declare: |world| {
        let domain = kinds::kinds::identity::Identity::domain("example.com");
        world.add("laws", "domain", domain).expect("an address");
        ConfigurationSet { tracking: Some(tracking(HttpsPolicy::Require)), ..ConfigurationSet::counting() }
    },
    mutations: &[
        ("tracking", |set| set.tracking = None),
        ("tracking", |set| set.tracking = Some(tracking(HttpsPolicy::RequireOpenOnly))),
        ("tracking", |set| {
            set.tracking = Some(Tracking { domain: "example.com".into(), https: HttpsPolicy::Optional });
        }),
    ],
};

fn tracking(https: HttpsPolicy) -> Tracking {
    Tracking { domain: "go.example.com".into(), https }
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_configuration_set() {
    // What hold() does, but that `tracking` is shown to converge by an example of its own.
    let [counting, everything] = examples();
    for example in [&counting, &everything] {
        super::births_are_complete_and_repeatable(example).await;
        super::every_field_converges(example).await;
        super::a_killed_birth_is_completed(example).await;
        deletes_are_repeatable(example, &fresh()).await;
    }
    super::every_field_has_a_mutation(&[counting, everything, TRACKED]);
}

#[tokio::test(start_paused = true)]
async fn a_tracking_domain_is_taken_once_it_is_verified() {
    let published = || {
        let account = fresh();
        account.publish_dns("example.com").expect("an account in memory");
        account
    };
    let account = published();
    a_birth_is_complete(&TRACKED, &account).await;
    a_second_apply_writes_nothing(&TRACKED, &account).await;
    what_is_owned_is_found(&TRACKED, &account).await;
    every_field_converges_in(&TRACKED, &account).await;
    deletes_are_repeatable(&TRACKED, &published()).await;

    let fault = apply(&world_of(&TRACKED, |_| {}), &fresh()).await.expect_err("nobody published the records");
    assert!(matches!(fault, Fault::Refused(_)), "{fault}");
    let cause = fault.cause().expect("a cause");
    assert!(cause.message.contains("go.example.com") && cause.message.contains("not verified"), "{fault}");
    assert!(cause.hint.as_ref().is_some_and(|hint| hint.contains("DNS records")), "{cause:?}");
}

#[tokio::test(start_paused = true)]
async fn a_configuration_set_is_born_and_changed_in_slow_weather() {
    for example in &examples() {
        let account = fresh();
        account.set_weather(Weather::realistic());
        apply(&world_of(example, |_| {}), &account).await.expect("a birth");
        let (field, mutate) = &example.mutations[0];
        let changed = world_of(example, mutate);
        apply(&changed, &account).await.expect(field);
        assert_eq!(differences(&changed, &account).await, [], "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_takes_two_calls_and_a_birth_one_beside_its_destinations() {
    let account = fresh();
    let world = world_of(&examples()[1], |_| {});
    apply(&world, &account).await.expect("a birth");
    let writes: Vec<_> = account
        .served()
        .into_iter()
        .filter(|call| call.writes && call.service == "ses")
        .map(|call| call.operation)
        .collect();
    assert_eq!(
        writes,
        [
            "CreateConfigurationSet",
            "CreateConfigurationSetEventDestination",
            "CreateConfigurationSetEventDestination",
            "TagResource"
        ]
    );
    account.forget_served();
    differences(&world, &account).await;
    let mut reads: Vec<_> = account.served().into_iter().filter(|call| call.service == "ses").collect();
    reads.sort_by(|a, b| a.operation.cmp(&b.operation));
    let reads: Vec<_> = reads.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(reads, ["GetConfigurationSet", "GetConfigurationSetEventDestinations"]);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_keeps_ses_out_is_explained() {
    let example = Example::<ConfigurationSet> {
        name: "closed",
        declare: |world| {
            let queue = Statement::allow(["sns:Publish"], ["*"]).to_service("events.amazonaws.com");
            let closed = Topic { policy: Some(Policy::new([queue])), ..Topic::standard() };
            let topic = world.add("laws", "closed", closed).expect("an address").arn();
            let events = BTreeMap::from([("all".to_owned(), EventDestination::all_to(topic))]);
            ConfigurationSet { events, ..ConfigurationSet::counting() }
        },
        mutations: &[],
    };
    let fault = apply(&world_of(&example, |_| {}), &fresh()).await.expect_err("SES cannot publish");
    let cause = fault.cause().expect("a cause");
    assert!(cause.message.contains("Could not publish to SNS topic"), "{fault}");
    assert!(cause.hint.as_ref().is_some_and(|hint| hint.contains("ses.amazonaws.com")), "{cause:?}");
}

#[tokio::test(start_paused = true)]
async fn what_ses_refuses_of_configuration_sets_is_refused() {
    let account = fresh();
    apply(&world_of(&examples()[1], |_| {}), &account).await.expect("a birth");
    let ses = Client::new(&account.sdk_config());
    let twice = ses.create_configuration_set().configuration_set_name(NAME).send().await;
    assert_eq!(code_of(twice), "AlreadyExistsException");
    let spaced = ses.create_configuration_set().configuration_set_name("a b").send().await;
    assert_eq!(code_of(spaced), "BadRequestException");
    let soon = DeliveryOptions::builder().max_delivery_seconds(299).build();
    let soon =
        ses.create_configuration_set().configuration_set_name("soon").delivery_options(soon).send().await;
    assert_eq!(code_of(soon), "BadRequestException");
    let absent = ses.get_configuration_set().configuration_set_name("absent").send().await;
    assert_eq!(code_of(absent), "NotFoundException");
    let absent = ses.delete_configuration_set().configuration_set_name("absent").send().await;
    assert_eq!(code_of(absent), "NotFoundException");

    let definition = |topic: &str| {
        let sns = SnsDestination::builder().topic_arn(topic).build().expect("a topic");
        let events = EventDestinationDefinition::builder().matching_event_types(EventType::Bounce);
        events.sns_destination(sns).build()
    };
    let add = async |name: &str, definition| {
        let ask = ses.create_configuration_set_event_destination().configuration_set_name(NAME);
        ask.event_destination_name(name).event_destination(definition).send().await
    };
    let topic = "arn:aws:sns:us-east-1:000000000000:dn-test-events";
    assert_eq!(code_of(add("all", definition(topic)).await), "AlreadyExistsException");
    assert_eq!(code_of(add("lost", definition(&format!("{topic}-absent"))).await), "BadRequestException");
    let nothing = EventDestinationDefinition::builder().matching_event_types(EventType::Bounce).build();
    assert_eq!(code_of(add("nowhere", nothing).await), "BadRequestException");
    for number in 0..8 {
        add(&format!("more-{number}"), definition(topic)).await.expect("ten are allowed");
    }
    assert_eq!(code_of(add("eleventh", definition(topic)).await), "LimitExceededException");
}
