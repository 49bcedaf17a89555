//! What SES tells, from the queue.

use aws_lambda_events::sqs::SqsEvent;
use contract::function::MailEvents;
use serde_json::{Value, json};

use crate::{
    mail_events,
    trial::{DAY, NOW, Row, Trial},
};

const SUBSCRIPTION: &str = include_str!("../../tests/vectors/event-subscription-record.json");
const BOUNCE: &str = include_str!("../../tests/vectors/event-bounce-record.json");
const COMPLAINT: &str = include_str!("../../tests/vectors/event-complaint-record.json");
const SQS: &str = include_str!("../../tests/vectors/example-sqs-event.json");

/// Ids of the messages that come again.
pub(super) async fn take(trial: &Trial, bodies: &[String]) -> Vec<String> {
    let mut event: Value = serde_json::from_str(SQS).expect("an event");
    let record = event["Records"][0].clone();
    let records = bodies.iter().enumerate().map(|(number, body)| {
        let mut record = record.clone();
        record["messageId"] = number.to_string().into();
        record["body"] = body.as_str().into();
        record
    });
    event["Records"] = records.collect();
    let event: SqsEvent = serde_json::from_value(event).expect("an event");
    let response = mail_events::handle(event, trial.call::<MailEvents>(NOW)).await.expect("an answer");
    response.batch_item_failures.into_iter().map(|one| one.item_identifier).collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// A change of Ann's preferences at this second.
pub(super) fn subscription(second: u32, old: &Value, new: &Value) -> String {
    let mut event = parsed(SUBSCRIPTION);
    event["mail"]["destination"] = json!(["Ann@example.com"]);
    event["subscription"]["contactList"] = "people".into();
    event["subscription"]["timestamp"] = format!("2025-11-21T00:00:{second:02}.000Z").into();
    event["subscription"]["oldTopicPreferences"] = old.clone();
    event["subscription"]["newTopicPreferences"] = new.clone();
    event.to_string()
}

/// The same of another mail.
fn with_mail(event: &str, id: &str) -> String {
    let mut event = parsed(event);
    event["mail"]["messageId"] = id.into();
    event.to_string()
}

pub(super) fn topics(all: bool, outreach: &str, financial: &str) -> Value {
    json!({ "unsubscribeAll": all, "topicSubscriptionStatus": [
        { "topicName": "outreach", "subscriptionStatus": outreach },
        { "topicName": "financial", "subscriptionStatus": financial },
        { "topicName": "unheard-of", "subscriptionStatus": "OptOut" },
    ] })
}

/// Every row that is left.
async fn mirrored(trial: &Trial, events: usize) -> Vec<Row> {
    let row = trial.rows("contacts").await.remove(0);
    assert_eq!(trial.rows("audit").await.len(), events, "each event is recorded once");
    assert!(row["topics"].contains("OPT_OUT") && row["everything"].contains("OPT_IN"), "{row:?}");
    trial.settled().await
}

#[tokio::test(start_paused = true)]
async fn what_ses_changed_is_mirrored_in_any_order() {
    let both = topics(false, "OptIn", "OptIn");
    let one = topics(false, "OptOut", "OptIn");
    let none = topics(true, "OptOut", "OptIn");
    let events = [
        subscription(1, &both, &one),
        subscription(2, &one, &none),
        subscription(3, &none, &topics(false, "OptOut", "OptIn")),
        // Against each other, and at the same moment: by two mails.
        with_mail(&subscription(4, &one, &both), "joins"),
        with_mail(&subscription(4, &both, &one), "leaves"),
    ];
    let mut ends: Vec<Vec<Row>> = Vec::new();
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [1, 4, 2, 0, 3], [3, 0, 4, 1, 2]] {
        let trial = Trial::begin().await;
        for number in order {
            let body = events[number].clone();
            assert!(take(&trial, &[body.clone(), body]).await.is_empty());
        }
        ends.push(mirrored(&trial, events.len()).await);
    }
    // Each twice, and all at once.
    let trial = Trial::begin().await;
    let deliveries = events.iter().chain(&events).map(|body| take(&trial, std::slice::from_ref(body)));
    assert!(futures::future::join_all(deliveries).await.concat().is_empty());
    ends.push(mirrored(&trial, events.len()).await);
    ends.dedup();
    assert_eq!(ends.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_list_is_not_told_what_it_said_itself() {
    let trial = Trial::begin().await;
    let body = subscription(1, &topics(false, "OptIn", "OptIn"), &topics(false, "OptOut", "OptIn"));
    take(&trial, &[body]).await;
    assert!(!trial.asked().iter().any(|name| name.ends_with("Contact")));
    assert_eq!(trial.audited("source").await, ["ses"]);
}

#[tokio::test(start_paused = true)]
async fn events_of_other_lists_and_sorts_are_passed_over() {
    let trial = Trial::begin().await;
    let published = parsed(SUBSCRIPTION).to_string();
    let delivery = json!({ "eventType": "Delivery", "mail": { "messageId": "1" } }).to_string();
    assert!(take(&trial, &[published, delivery]).await.is_empty());
    assert!(trial.rows("contacts").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_ends_among_the_dead_letters() {
    let trial = Trial::begin().await;
    let mut crowd = parsed(SUBSCRIPTION);
    crowd["subscription"]["contactList"] = "people".into();
    crowd["mail"]["destination"] = json!(["a@x.org", "b@x.org"]);
    let good = subscription(1, &topics(false, "OptIn", "OptIn"), &topics(true, "OptIn", "OptIn"));
    let bodies = ["no JSON", "{}", &crowd.to_string(), &good, r#"{"eventType":"Bounce"}"#].map(str::to_owned);
    assert_eq!(take(&trial, &bodies).await, ["0", "1", "2", "4"]);
    assert_eq!(trial.rows("contacts").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn bounces_for_good_and_complaints_are_suppressed() {
    let trial = Trial::begin().await;
    let mut bounce = parsed(BOUNCE);
    bounce["bounce"]["timestamp"] = "2025-11-22T00:00:00.000Z".into();
    let complaint = parsed(COMPLAINT);
    // Wrapped by SNS, as without raw delivery.
    let wrapped = json!({ "Type": "Notification", "Message": bounce.to_string() }).to_string();
    assert!(take(&trial, &[wrapped]).await.is_empty());
    let row = trial.rows("suppression").await.remove(0);
    assert_eq!((row["email"].as_str(), row["reason"].as_str()), ("recipient@example.com", "bounce"));
    assert_eq!(row["expirationTime"], ((NOW + 180 * DAY) / 1000).to_string());

    let both = [complaint.to_string(), bounce.to_string(), complaint.to_string()];
    let at_once = both.iter().map(|body| take(&trial, std::slice::from_ref(body)));
    assert!(futures::future::join_all(at_once).await.concat().is_empty());
    let rows = trial.rows("suppression").await;
    assert_eq!((rows.len(), rows[0]["reason"].as_str()), (1, "complaint"), "a bounce ends no complaint");
    assert!(!rows[0].contains_key("expirationTime"));
}

#[tokio::test(start_paused = true)]
async fn passing_bounces_and_withdrawn_complaints_suppress_nobody() {
    let trial = Trial::begin().await;
    let bounces = ["Transient", "Undetermined"].map(|kind| {
        let mut bounce = parsed(BOUNCE);
        bounce["bounce"]["bounceType"] = kind.into();
        bounce.to_string()
    });
    let mut complaint = parsed(COMPLAINT);
    complaint["complaint"]["complaintFeedbackType"] = "not-spam".into();
    assert!(take(&trial, &bounces).await.is_empty());
    assert!(take(&trial, &[complaint.to_string()]).await.is_empty());
    assert!(trial.rows("suppression").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_what_failed_comes_again() {
    use sandbox::{Trouble, What, When};
    let trial = Trial::begin().await;
    let when = When::Operation { service: "dynamodb".to_owned(), operation: "PutItem".to_owned() };
    let what =
        What::Fail { code: "ThrottlingException".to_owned(), message: String::new(), status: 400, times: 3 };
    trial.account.plan_trouble(Trouble { when, what });
    let bodies = [parsed(BOUNCE).to_string(), parsed(COMPLAINT).to_string()];
    let again = take(&trial, &bodies).await;
    assert_eq!(again, ["0"]);
}
