//! The request collection of `tests/requests`, and what it leaves in the tables.

use std::collections::BTreeSet;

use aws_sdk_sesv2::types::SubscriptionStatus;
use contract::{resource::SealingKey, stream::Stream};
use serde_json::Value;
use subscription::{Recipient, Sealer};
use support::Aws;
use tokio::task::spawn_blocking;

use super::{
    Deployed,
    rows::{text, wants},
};
use crate::served::collection;

const EMAIL: &str = "ada.lovelace@example.com";
const LEAVER: &str = "grace@example.com";
/// Of `names` in `environments/dev.yaml`.
const KEY: &str = "alias/dn-unsubscribe";

pub(super) async fn every_request_is_answered_as_its_file_says(stage: &Deployed) {
    let folder = tempfile::tempdir().expect("a folder");
    let answers = folder.path().join("answers");
    let token = async |email: &str, more: &str| stage.token(email, more).await;
    let url = |api: &str| stage.doors.urls[&format!("dn-dev-{api}")].clone();
    let variables = [
        ("API_BASE_URL", url("outreach")),
        ("FINANCIAL_BASE_URL", url("financial")),
        ("DN_API_BASE_URL", url("dn-api")),
        ("DN_API_KEY", key(stage).await),
        ("JWT_TOKEN", token("collection%40example.com", "").await),
        ("UNVERIFIED_TOKEN", token("collection%40example.com", "&verified=no").await),
        ("LIMITED_TOKEN", token("limited%40example.com", "").await),
        ("TEST_EMAIL", EMAIL.to_owned()),
        ("TEST_TEMPLATE", "welcome".to_owned()),
        ("WEBHOOK_SIGNING_KEY", stage.mailgun.webhook_signing_key.clone()),
        ("MAIL_URL", stage.stand_ins.clone()),
        ("FINANCIAL_TOKEN", sealed(stage, LEAVER, Stream::Financial).await),
        ("ANSWERS", answers.display().to_string()),
    ];
    let sending = move || {
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        collection::collection(&variables)
    };
    let output = spawn_blocking(sending).await.expect("the collection ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.ends_with("0 failed, 0 skipped\n"), "{said}");
    println!("{said}");

    let answers = std::fs::read_to_string(answers).expect("the answers");
    let failures: Vec<Value> =
        answers.lines().filter(|line| line.contains("\"success\":false")).map(failure).collect();
    assert!(failures.len() > 15, "{}", failures.len());
    let codes: BTreeSet<&str> = failures.iter().filter_map(|failure| failure["code"].as_str()).collect();
    let wanted = [
        "InsufficientPermissions",
        "InvalidRequest",
        "InvalidSignature",
        "InvalidToken",
        "MissingToken",
        "NotFound",
        "RateLimitExceeded",
    ];
    assert_eq!(codes, wanted.into());
    rows(stage, &answers).await;
}

/// A failure, which has the shape that all of them have (R3).
fn failure(line: &str) -> Value {
    let failure: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(failure["version"], "1.0.0", "{failure}");
    assert!(failure["error"].as_str().is_some_and(|error| !error.is_empty()), "{failure}");
    assert!(failure["timestamp"].is_string(), "{failure}");
    failure
}

/// What the requests left behind, as the owner reads it.
async fn rows(stage: &Deployed, answers: &str) {
    let message = |line: &str| {
        let answer: Value = serde_json::from_str(line).ok()?;
        answer["messageId"].as_str().map(str::to_owned)
    };
    let sent: BTreeSet<String> = answers.lines().filter_map(message).collect();
    assert!(sent.len() >= 5, "{sent:?}");
    let messages = stage.rows.all("messages").await;
    for id in &sent {
        assert!(messages.iter().any(|row| text(row, "messageId") == id), "the row of {id}");
    }
    let told: Vec<_> = stage.rows.with("events", "recipient", EMAIL).await;
    let mut kinds: Vec<&str> = told.iter().map(|row| text(row, "type")).collect();
    kinds.sort_unstable();
    // Two deliveries of one mail; what came twice is there once, and the forged complaint is not.
    assert_eq!(kinds, ["clicked", "delivered", "delivered", "opened"], "{told:?}");
    assert_eq!(stage.rows.with("suppression", "email", EMAIL).await.len(), 0, "nobody complained");
    let counted = messages.iter().filter(|row| text(row, "messageId") == text(&told[0], "messageId"));
    let counts: Vec<_> =
        counted.map(|row| ["delivered", "opened", "clicked"].map(|kind| text(row, kind))).collect();
    assert_eq!(counts, [["1"; 3]]);

    let audit = stage.rows.with("audit", "contact", EMAIL).await;
    let sources: BTreeSet<&str> = audit.iter().map(|row| text(row, "source")).collect();
    assert_eq!(sources, ["one-click", "owner", "staff"].into(), "each way left its record");
    assert!(stage.rows.all("rate-limits").await.len() > 3, "users were counted");
}

/// What mirror and contact list say of whoever chose something, once the list was told of everything.
pub(super) async fn mirror_and_list_agree(stage: &Deployed) {
    for (who, topic, wanted) in [(EMAIL, Stream::Outreach, "OPT_IN"), (LEAVER, Stream::Financial, "OPT_OUT")]
    {
        let contacts = stage.rows.with("contacts", "email", who).await;
        let [row] = &contacts[..] else { panic!("one row of {who}") };
        assert_eq!((wants(row, topic.topic()), text(row, "pending")), (wanted, ""), "{row:?}");
        let listed = listed(stage, who, topic).await.expect("a contact");
        assert_eq!(listed.as_str(), wanted, "the contact list says the same");
    }
}

/// What the contact list says of a contact.
pub(super) async fn listed(stage: &Deployed, who: &str, topic: Stream) -> Option<SubscriptionStatus> {
    let mail = aws_sdk_sesv2::Client::new(&stage.owner);
    let contact = mail.get_contact().contact_list_name("dn-dev-contacts").email_address(who);
    let contact = contact.send().await.ok()?;
    let said = contact.topic_preferences().iter().find(|said| said.topic_name() == topic.topic());
    said.map(|said| said.subscription_status().clone())
}

/// The token of a link in a mail to somebody, sealed by the owner.
pub(super) async fn sealed(stage: &Deployed, who: &str, stream: Stream) -> String {
    let key = contract::variable::Variable::parse(Some(KEY.to_owned())).expect("a key");
    let sealer = Sealer::new(&Aws::of(stage.owner.clone()), &key as &SealingKey);
    let who = Recipient::parse(who).expect("an address");
    let now_ms = i64::try_from(stage.embedded.clock().now_ms()).expect("a time");
    sealer.seal(&who, stream, now_ms).await.expect("a token").text().to_owned()
}

/// The value of the key that the usage plan lets in.
async fn key(stage: &Deployed) -> String {
    let gateway = aws_sdk_apigateway::Client::new(&stage.owner);
    let found = gateway.get_api_keys().include_values(true).send().await.expect("keys");
    found.items()[0].value().expect("a value").to_owned()
}
