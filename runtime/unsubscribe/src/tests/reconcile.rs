//! Contact list and mirror, brought together.

use aws_sdk_sesv2::types::{SubscriptionStatus, TopicPreference};
use contract::{
    function::{OutreachUnsubscribe, Reconcile},
    stream::Stream,
};
use sandbox::{Trouble, What, When};
use serde_json::{Value, json};
use subscription::{Action, Event, Gate, Recipient, Registry, Source, Wish};

use crate::{
    reconcile,
    trial::{DAY, NOW, Trial},
};

fn recipient(address: &str) -> Recipient {
    Recipient::parse(address).expect("an address")
}

/// A contact as somebody else made it.
async fn listed(trial: &Trial, address: &str, out: &[Stream], all: bool) {
    let topic = |stream: &Stream| {
        let out = SubscriptionStatus::OptOut;
        TopicPreference::builder()
            .topic_name(stream.topic())
            .subscription_status(out)
            .build()
            .expect("a topic")
    };
    let topics = out.iter().map(topic).collect();
    let aws = trial.aws();
    let create = aws.mail().create_contact().contact_list_name("people").email_address(address);
    create.set_topic_preferences(Some(topics)).unsubscribe_all(all).send().await.expect("a contact");
}

async fn run(trial: &Trial, now_ms: i64) -> Value {
    reconcile::handle(Value::Null, trial.call::<Reconcile>(now_ms)).await.expect("a run")
}

/// The account's clock starts at 2026-01-01: choices of these trials are made before or after it.
const LATER: i64 = NOW + 365 * DAY;

async fn apply(trial: &Trial, address: &str, wish: Wish, at_ms: i64) {
    let call = trial.call::<OutreachUnsubscribe>(at_ms);
    let variables = &call.variables;
    let registry =
        Registry::of(&variables.contacts, &variables.audit, &variables.list, &call.aws, call.clock);
    let event = Event::new(format!("event-{at_ms}"), Action::Update, Source::Page);
    registry.apply(&recipient(address), &wish, at_ms, &event).await.expect("applied");
}

/// Who gets mail of the stream.
async fn wants(trial: &Trial, address: &str, stream: Stream) -> bool {
    let call = trial.call::<OutreachUnsubscribe>(LATER);
    let gate = Gate::of(&call.variables.contacts, &call.aws, call.clock);
    let who = [recipient(address)];
    gate.ensure_recipient_subscription(stream, &who).await.expect("verdicts")[&who[0]].sends()
}

#[tokio::test(start_paused = true)]
async fn a_list_that_was_there_before_is_taken_over() {
    let trial = Trial::begin().await;
    for number in 0..1200 {
        listed(&trial, &format!("r{number}@x.org"), &[], false).await;
    }
    listed(&trial, "Out@X.org", &[Stream::Outreach], false).await;
    listed(&trial, "gone@x.org", &[], true).await;
    assert_eq!(run(&trial, NOW).await, json!({ "told": 0, "refused": 0, "pages": 2, "changed": 1202 }));
    assert!(wants(&trial, "r7@x.org", Stream::Outreach).await);
    assert!(!wants(&trial, "out@x.org", Stream::Outreach).await);
    assert!(wants(&trial, "out@x.org", Stream::Financial).await);
    assert!(!wants(&trial, "gone@x.org", Stream::Financial).await);
    assert_eq!(
        run(&trial, NOW + DAY / 8).await,
        json!({ "told": 0, "refused": 0, "pages": 0, "changed": 0 }),
        "it was just read"
    );
    // What `gone@x.org` left one by one is told once; then both agree.
    assert_eq!(run(&trial, NOW + DAY).await, json!({ "told": 0, "refused": 0, "pages": 2, "changed": 0 }));
}

#[tokio::test(start_paused = true)]
async fn an_opt_out_of_either_side_wins() {
    let trial = Trial::begin().await;
    // Told to the mirror, lost by the list.
    apply(&trial, "mirror@x.org", Wish::leave(Stream::Outreach), NOW).await;
    let aws = trial.aws();
    let list = |address: &str| aws.mail().update_contact().contact_list_name("people").email_address(address);
    let preference = |status: SubscriptionStatus| {
        TopicPreference::builder()
            .topic_name("outreach")
            .subscription_status(status)
            .build()
            .expect("a topic")
    };
    list("mirror@x.org")
        .topic_preferences(preference(SubscriptionStatus::OptIn))
        .send()
        .await
        .expect("changed");
    // Told to the list, lost by the mirror.
    apply(&trial, "list@x.org", Wish::join(Stream::Outreach), NOW).await;
    list("list@x.org")
        .topic_preferences(preference(SubscriptionStatus::OptOut))
        .send()
        .await
        .expect("changed");
    // Joined after the list heard of it last.
    listed(&trial, "again@x.org", &[Stream::Outreach], false).await;
    let when = When::Operation { service: "ses".to_owned(), operation: "UpdateContact".to_owned() };
    let code = "TooManyRequestsException".to_owned();
    let what = What::Fail { code, message: String::new(), status: 429, times: 20 };
    trial.account.plan_trouble(Trouble { when, what });
    apply(&trial, "again@x.org", Wish::join(Stream::Outreach), LATER).await;
    let trial = Trial { account: trial.account.fork() };

    run(&trial, LATER).await;
    run(&trial, LATER + DAY).await;
    for (address, gets) in [("mirror@x.org", false), ("list@x.org", false), ("again@x.org", true)] {
        assert_eq!(wants(&trial, address, Stream::Outreach).await, gets, "{address}");
        let left = trial.listed(address).await.expect("a contact");
        assert_eq!(left.is_empty(), gets, "{address}: {left:?}");
    }
    assert_eq!(
        run(&trial, LATER + 2 * DAY).await,
        json!({ "told": 0, "refused": 0, "pages": 1, "changed": 0 })
    );
    assert!(trial.rows("contacts").await.iter().all(|row| !row.contains_key("pending")));
}

#[tokio::test(start_paused = true)]
async fn the_list_is_told_of_choices_first_and_of_the_new_later() {
    let trial = Trial::begin().await;
    let call = trial.call::<OutreachUnsubscribe>(NOW);
    let gate = Gate::of(&call.variables.contacts, &call.aws, call.clock);
    let new: Vec<Recipient> = (0..200).map(|number| recipient(&format!("r{number}@x.org"))).collect();
    gate.ensure_recipient_subscription(Stream::Outreach, &new).await.expect("verdicts");
    let when = When::Operation { service: "ses".to_owned(), operation: "UpdateContact".to_owned() };
    let what = What::Fail {
        code: "TooManyRequestsException".to_owned(),
        message: String::new(),
        status: 429,
        times: 4,
    };
    trial.account.plan_trouble(Trouble { when, what });
    apply(&trial, "out@x.org", Wish::leave(Stream::Outreach), NOW + 1).await;
    assert_eq!(trial.listed("out@x.org").await, None);

    let first = run(&trial, NOW + 2).await;
    let told = first["told"].as_u64().expect("a number");
    assert!((100..200).contains(&told), "half of 280 s at one a 1.1 s: {told}");
    assert_eq!(trial.listed("out@x.org").await, Some(vec!["outreach".to_owned()]));
    let second = run(&trial, NOW + 3).await["told"].as_u64().expect("a number");
    assert_eq!(told + second, 201);
    assert_eq!(trial.listed("r199@x.org").await, Some(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_ses_forgot_is_given_up() {
    let trial = Trial::begin().await;
    listed(&trial, "a@x.org", &[], false).await;
    let when = When::Operation { service: "ses".to_owned(), operation: "ListContacts".to_owned() };
    let what =
        What::Fail { code: "BadRequestException".to_owned(), message: String::new(), status: 400, times: 1 };
    trial.account.plan_trouble(Trouble { when, what });
    reconcile::handle(Value::Null, trial.call::<Reconcile>(NOW)).await.expect_err("refused");
    assert_eq!(run(&trial, NOW).await["changed"], 1);
}

/// A contact that the list could not be told of in time.
async fn untold(trial: &Trial, address: &str, stream: Stream, at_ms: i64) {
    let when = When::Operation { service: "ses".to_owned(), operation: "UpdateContact".to_owned() };
    let code = "TooManyRequestsException".to_owned();
    let what = What::Fail { code, message: String::new(), status: 429, times: 3 };
    trial.account.plan_trouble(Trouble { when, what });
    apply(trial, address, Wish::leave(stream), at_ms).await;
    assert_eq!(trial.listed(address).await, None);
}

/// What the list answers to the next one that it is told of, once.
fn refuse(trial: &Trial, code: &str, status: u16) {
    let when = When::Operation { service: "ses".to_owned(), operation: "UpdateContact".to_owned() };
    let what = What::Fail { code: code.to_owned(), message: String::new(), status, times: 1 };
    trial.account.plan_trouble(Trouble { when, what });
}

#[tokio::test(start_paused = true)]
async fn an_address_that_the_list_refuses_stands_in_nobodys_way() {
    let trial = Trial::begin().await;
    for (number, name) in ["never", "second", "third"].into_iter().enumerate() {
        let at_ms = NOW + i64::try_from(number).expect("small");
        untold(&trial, &format!("{name}@x.org"), Stream::Outreach, at_ms).await;
    }
    // The oldest is asked first.
    refuse(&trial, "BadRequestException", 400);
    let done = run(&trial, NOW + 10).await;
    assert_eq!((&done["told"], &done["refused"]), (&json!(2), &json!(1)));
    for address in ["second@x.org", "third@x.org"] {
        assert_eq!(trial.listed(address).await, Some(vec!["outreach".to_owned()]), "{address}");
    }
    let rows = trial.rows("audit").await;
    let records: Vec<_> =
        rows.iter().filter(|row| row.get("reason").is_some_and(|why| why == "RefusedByList")).collect();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0]["contact"].as_str(), records[0]["result"].as_str()), ("never@x.org", "failed"));
    assert!(!wants(&trial, "never@x.org", Stream::Outreach).await, "the mirror decides");

    // Its turn comes again a day later, with one record of it in all.
    assert_eq!(run(&trial, NOW + DAY).await["refused"], 0, "not yet");
    refuse(&trial, "BadRequestException", 400);
    assert_eq!(run(&trial, NOW + DAY + 11).await["refused"], 1);
    let reasons = trial.audited("reason").await;
    assert_eq!(reasons.iter().filter(|why| *why == "RefusedByList").count(), 1);
    assert_eq!(run(&trial, NOW + 2 * DAY + 12).await["told"], 1);
    assert_eq!(trial.listed("never@x.org").await, Some(vec!["outreach".to_owned()]));
    assert!(trial.rows("contacts").await.iter().all(|row| !row.contains_key("refusedSince")));
}

#[tokio::test(start_paused = true)]
async fn a_choice_of_who_is_refused_is_told_at_once() {
    let trial = Trial::begin().await;
    untold(&trial, "ann@x.org", Stream::Outreach, NOW).await;
    refuse(&trial, "BadRequestException", 400);
    assert_eq!(run(&trial, NOW + 1).await["refused"], 1);
    apply(&trial, "ann@x.org", Wish::leave_everything(), NOW + 2).await;
    assert_eq!(trial.listed("ann@x.org").await.expect("a contact").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_busy_or_forbidden_puts_nobody_off() {
    for (code, status, fails) in
        [("TooManyRequestsException", 429, false), ("AccessDeniedException", 403, true)]
    {
        let trial = Trial::begin().await;
        for number in 0..3 {
            untold(&trial, &format!("r{number}@x.org"), Stream::Outreach, NOW + number).await;
        }
        let when = When::Operation { service: "ses".to_owned(), operation: "UpdateContact".to_owned() };
        let what = What::Fail {
            code: code.to_owned(),
            message: String::new(),
            status,
            times: if fails { 1 } else { 3 },
        };
        trial.account.plan_trouble(Trouble { when, what });
        let outcome = reconcile::handle(Value::Null, trial.call::<Reconcile>(NOW + 10)).await;
        assert_eq!(outcome.is_err(), fails, "{code}: people are called when it does not pass by itself");
        let pending = trial.rows("contacts").await.iter().filter(|row| row.contains_key("pending")).count();
        assert_eq!(pending, 3, "{code}");
        assert!(trial.rows("contacts").await.iter().all(|row| !row.contains_key("refusedSince")), "{code}");
    }
}
