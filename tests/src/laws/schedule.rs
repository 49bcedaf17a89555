//! Examples of schedules and their groups, and what Scheduler refuses.

use std::{sync::Arc, time::Duration};

use aws_sdk_scheduler::Client;
use kinds::{
    KINDS, World,
    kinds::{
        key::Key,
        queue::Queue,
        role::Role,
        schedule::{AfterLast, Expression, Retry, Schedule, Target, Unit},
        schedule_group::ScheduleGroup,
    },
};
use model::{Address, Data, Fault, MayFind, Ref, policy::Policy};
use sandbox::{Account, Weather};
use serde_json::json;

use super::{ACCOUNT, Example, apply, differences, fresh, hold, look, subject, world_of, writer};

const ALIAS: &str = "arn:aws:lambda:us-east-1:000000000000:function:dn-test-sync:live";

fn role(world: &mut World) -> Ref<Role> {
    world.add("laws", "runs", Role::of_service("scheduler.amazonaws.com")).expect("an address").arn()
}

/// A queue's ARN, to be mutated to.
fn queue(name: &str) -> Ref<Queue> {
    Ref::live(format!("arn:aws:sqs:us-east-1:000000000000:{name}"))
}

fn every_night() -> Expression {
    "cron(0 3 * * ? *)".parse().expect("a schedule")
}

const MINIMAL: Example<Schedule> = Example {
    name: "minimal",
    declare: |world| Schedule::of(Expression::rate(5, Unit::Minutes), Target::of(ALIAS, role(world))),
    mutations: &[
        ("description", |one| one.description = Some("Nightly [see wiki]".to_owned())),
        ("marked", |one| one.marked = false),
        ("when", |one| one.when = every_night()),
        ("when", |one| one.when = "at(2028-02-29T06:00:00)".parse().expect("a schedule")),
        ("timezone", |one| one.timezone = "Europe/Vienna".parse().expect("a zone")),
        ("window_min", |one| one.window_min = Some(15)),
        ("enabled", |one| one.enabled = false),
        ("start", |one| one.start = Some("2026-01-31T06:00:00Z".parse().expect("a time"))),
        ("end", |one| one.end = Some("2036-01-31T06:00:00Z".parse().expect("a time"))),
        ("after_last", |one| one.after_last = AfterLast::Delete),
        ("target", |one| one.target.arn = "arn:aws:sns:us-east-1:000000000000:dn-test-other".into()),
        ("input", |one| one.target.input = Some(json!({ "days": 7 }))),
        ("retry", |one| one.target.retry = Retry { age_max_s: 3_600, attempts_max: 0 }),
        ("dead_letters", |one| one.target.dead_letters = Some(queue("dead"))),
        ("key", |one| one.key = Some(Ref::live("arn:aws:kms:us-east-1:000000000000:key/other"))),
    ],
};

const FULL: Example<Schedule> = Example {
    name: "everything set",
    declare: |world| {
        let group = world.add("laws", "jobs", ScheduleGroup::default()).expect("an address");
        let key = world
            .add("laws", "schedules", Key::symmetric(Policy::new([Key::owner(ACCOUNT)])))
            .expect("an address");
        let dead = world.add("laws", "dead", Queue::standard()).expect("an address");
        let work = world.add("laws", "work", Queue::standard()).expect("an address");
        let target = Target {
            input: Some(json!({ "queue": work.by("name"), "days": 7, "kinds": ["a", "b"] })),
            retry: Retry { age_max_s: 600, attempts_max: 3 },
            dead_letters: Some(dead.arn()),
            ..Target::of(work.arn().text().clone(), role(world))
        };
        Schedule {
            group: Some(group.by("name")),
            description: Some("Counts the week".to_owned()),
            timezone: "America/New_York".parse().expect("a zone"),
            window_min: Some(1_440),
            enabled: false,
            start: Some("2026-01-31T06:00:00Z".parse().expect("a time")),
            end: Some("2036-01-31T06:00:00Z".parse().expect("a time")),
            after_last: AfterLast::Delete,
            key: Some(key.arn()),
            ..Schedule::of(every_night(), target)
        }
    },
    mutations: &[
        ("description", |one| one.description = None),
        ("window_min", |one| one.window_min = None),
        ("enabled", |one| one.enabled = true),
        ("start", |one| one.start = None),
        ("end", |one| one.end = None),
        ("after_last", |one| one.after_last = AfterLast::Keep),
        ("input", |one| one.target.input = None),
        ("dead_letters", |one| one.target.dead_letters = None),
        ("key", |one| one.key = None),
        ("group", |one| one.group = None),
    ],
};

const STRICT: Example<Schedule> = Example {
    name: "into a strict queue",
    declare: |world| {
        let queue = "arn:aws:sqs:us-east-1:000000000000:dn-test-work.fifo";
        let group = Some("jobs".to_owned());
        world.add("laws", "other", Role::of_service("scheduler.amazonaws.com")).expect("an address");
        let target = Target { message_group: group, ..Target::of(queue, role(world)) };
        Schedule::of(Expression::rate(1, Unit::Days), target)
    },
    mutations: &[
        ("message_group", |one| one.target.message_group = Some("others".to_owned())),
        ("role", |one| {
            one.target.role = Ref::to(&"laws/role/other".parse::<Address>().expect("an address"), "arn");
        }),
    ],
};

pub(crate) fn examples() -> [Example<Schedule>; 3] {
    [MINIMAL, FULL, STRICT]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_schedule() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn a_schedule_waits_for_its_young_role_and_changes_where_it_is() {
    for example in &examples() {
        let account = fresh();
        account.set_weather(Weather { invisible: Duration::from_secs(5), ..Weather::realistic() });
        apply(&world_of(example, |_| {}), &account).await.expect("a birth");
        tokio::time::sleep(Duration::from_secs(10)).await;
        for (field, mutate) in example.mutations.iter().filter(|(field, _)| *field != "group") {
            let changed = world_of(example, mutate);
            apply(&changed, &account).await.expect(field);
            assert_eq!(differences(&changed, &account).await, [], "{field}");
        }
    }
}

fn client(account: &Account) -> Client {
    Client::new(&account.sdk_config())
}

#[tokio::test(start_paused = true)]
async fn the_description_says_whose_it_is() {
    let account = fresh();
    apply(&world_of(&FULL, |_| {}), &account).await.expect("a birth");
    let ask = client(&account).get_schedule().group_name("dn-test-jobs").name("dn-test-subject");
    let shown = ask.send().await.expect("it is there");
    assert_eq!(shown.description(), Some("Counts the week [dn/test laws/schedule/subject]"));
}

/// The account with another description on the subject.
fn with_description(account: &Account, description: &str) -> Account {
    let mut documents = account.documents();
    let all = documents.get_mut("scheduler/schedules").expect("schedules");
    let one = Arc::make_mut(all.get_mut("default/dn-test-subject").expect("the subject"));
    one["Description"] = description.into();
    Account::of(super::ACCOUNT, super::REGION, account.clock(), documents)
}

#[tokio::test(start_paused = true)]
async fn what_carries_another_stage_s_marker_is_left_alone() {
    let account = fresh();
    let world = world_of(&MINIMAL, |_| {});
    apply(&world, &account).await.expect("a birth");
    let account = with_description(&account, "x [dn/prod laws/schedule/subject]");
    let found = look(&world, &account).await.1.expect("it exists");
    assert_eq!(found.findings, ["belongs to stage prod of project dn, as its description says"]);
    account.forget_served();
    let managed = world.manage(&writer(&account));
    for fault in [
        subject(&managed).converge(MayFind::Anything).await.expect_err("another's"),
        subject(&managed).delete(MayFind::Anything, Data::Lose).await.expect_err("another's"),
    ] {
        assert!(matches!(&fault, Fault::Refused(_)) && fault.to_string().contains("stage prod"), "{fault}");
    }
    assert!(account.served().iter().all(|call| !call.writes), "nothing is written");
}

#[tokio::test(start_paused = true)]
async fn orphans_are_found_by_marker_and_strangers_are_shown() {
    let account = fresh();
    apply(&world_of(&FULL, |_| {}), &account).await.expect("a birth");
    apply(&world_of(&MINIMAL, |_| {}), &account).await.expect("a birth");
    let kind = KINDS.iter().find(|kind| kind.name == "schedule").expect("the kind");
    let owned = async |account: &Account| kind.owned(writer(account).reader()).await.expect("an inventory");
    let mut physical: Vec<String> = owned(&account).await.into_iter().map(|(_, physical)| physical).collect();
    physical.sort();
    assert_eq!(physical, ["default/dn-test-subject", "dn-test-jobs/dn-test-subject"]);

    let stray = with_description(&account, "by hand");
    let unmanaged = kind.unmanaged(writer(&stray).reader()).await.expect("an inventory");
    assert_eq!(unmanaged, ["default/dn-test-subject"]);
    assert_eq!(owned(&stray).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_use_is_refused_with_a_reason() {
    type Change = fn(&mut Schedule);
    let changes: [(&str, Change); 5] = [
        ("longer than 512", |one| one.description = Some("x".repeat(500))),
        ("MaximumRetryAttempts", |one| one.target.retry.attempts_max = 186),
        ("MaximumWindowInMinutes", |one| one.window_min = Some(1_441)),
        ("correct format", |one| one.target.arn = "dn-test-sync".into()),
        ("earlier", |one| {
            one.start = Some("2036-01-31T06:00:00Z".parse().expect("a time"));
            one.end = Some("2026-01-31T06:00:00Z".parse().expect("a time"));
        }),
    ];
    for (said, change) in changes {
        let fault = apply(&world_of(&MINIMAL, change), &fresh()).await.expect_err(said);
        assert!(fault.to_string().contains(said), "{said}: {fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_with_settings_that_would_be_lost_is_refused() {
    let account = fresh();
    let world = world_of(&MINIMAL, |_| {});
    apply(&world, &account).await.expect("a birth");
    let mut documents = account.documents();
    let all = documents.get_mut("scheduler/schedules").expect("schedules");
    all.values_mut()
        .for_each(|one| Arc::make_mut(one)["Target"]["KinesisParameters"]["PartitionKey"] = "x".into());
    let account = Account::of(super::ACCOUNT, super::REGION, account.clock(), documents);
    let fault =
        subject(&world.manage(&writer(&account))).converge(MayFind::Anything).await.expect_err("unknown");
    assert!(fault.to_string().contains("Kinesis"), "{fault}");
    assert!(account.served().iter().all(|call| !call.writes), "nothing is written");
}

#[tokio::test(start_paused = true)]
async fn schedules_can_be_asked_for_by_whoever_runs_the_functions() {
    let account = fresh();
    apply(&world_of(&FULL, |_| {}), &account).await.expect("a birth");
    let all = account.schedules();
    assert_eq!(all.len(), 1);
    let one = &all[0];
    assert_eq!((one.group.as_str(), one.name.as_str()), ("dn-test-jobs", "dn-test-subject"));
    assert_eq!((one.expression.as_str(), one.timezone.as_str()), ("cron(0 3 * * ? *)", "America/New_York"));
    assert_eq!(
        (one.enabled, one.target_arn.as_str()),
        (false, "arn:aws:sqs:us-east-1:000000000000:dn-test-work")
    );
    let input: serde_json::Value =
        serde_json::from_str(one.input.as_deref().expect("an input")).expect("JSON");
    assert_eq!(input["queue"], "dn-test-work");
}
