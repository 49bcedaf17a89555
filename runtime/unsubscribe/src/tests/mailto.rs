//! Mail to the unsubscribe address.

use aws_lambda_events::sns::SnsEvent;
use contract::{function::Mailto, stream::Stream};
use serde_json::{Value, json};
use support::Failed;

use crate::{
    mailto,
    trial::{DAY, NOW, Trial},
};

const PUBLISHED: &str = include_str!("../../tests/vectors/inbound-notification-of-an-sns-action.json");
const SNS: &str = include_str!("../../tests/vectors/example-sns-event.json");

/// What is done to a mail.
type Change<'a> = &'a dyn Fn(&mut Value);

/// A notification of SES as the topic delivers it.
fn delivered(notification: &Value) -> SnsEvent {
    let mut event: Value = serde_json::from_str(SNS).expect("an event");
    event["Records"][0]["Sns"]["Message"] = notification.to_string().into();
    serde_json::from_value(event).expect("an event")
}

/// A mail of Ann with this subject and text, which DMARC vouches for.
pub(super) fn mail(subject: &str, text: &str) -> Value {
    let mut mail: Value = serde_json::from_str(PUBLISHED).expect("a notification");
    mail["receipt"]["dmarcVerdict"] = json!({ "status": "PASS" });
    mail["mail"]["commonHeaders"]["from"] = json!(["Ann Lee <Ann@Example.com>"]);
    mail["mail"]["commonHeaders"]["subject"] = subject.into();
    mail["content"] =
        format!("From: Ann Lee <Ann@Example.com>\r\nSubject: {subject}\r\n\r\n{text}\r\n").into();
    mail
}

fn header(mail: &mut Value, name: &str, value: &str) {
    let headers = mail["mail"]["headers"].as_array_mut().expect("headers");
    headers.retain(|header| header["name"] != name);
    headers.push(json!({ "name": name, "value": value }));
}

pub(super) async fn take(trial: &Trial, mail: &Value) -> Result<u64, Failed> {
    let answer = mailto::handle(delivered(mail), trial.call::<Mailto>(NOW)).await?;
    Ok(answer["unsubscribed"].as_u64().expect("a number"))
}

#[tokio::test(start_paused = true)]
async fn who_is_proven_is_unsubscribed_once() {
    let trial = Trial::begin().await;
    let mail = mail("Unsubscribe outreach", "");
    for answer in futures::future::join_all([take(&trial, &mail), take(&trial, &mail)]).await {
        assert_eq!(answer, Ok(1));
    }
    assert_eq!(take(&trial, &mail).await, Ok(1));
    assert_eq!(trial.listed("ann@example.com").await, Some(vec!["outreach".to_owned()]));
    let records = trial.rows("audit").await;
    assert_eq!((records.len(), records[0]["source"].as_str()), (1, "mailto"));
    let detection = &records[0]["detection"];
    for part in ["Unsubscribe outreach", "\\\"unsubscribe\\\" in the subject", "knownBy", "dmarc"] {
        assert!(detection.contains(part), "{part}: {detection}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_tells_who_whatever_the_sender() {
    let trial = Trial::begin().await;
    let token = trial.token("bob@example.com", Stream::Financial, NOW - 400 * DAY).await;
    let url = format!("https://api.example.com/outreach/unsubscribe?data={token}");
    for (subject, text) in [
        (format!("unsubscribe financial {token}"), String::new()),
        ("unsubscribe".to_owned(), format!("this: {url}")),
    ] {
        let trial = Trial::begin().await;
        let mut mail = mail(&subject, &text);
        for verdict in ["dmarcVerdict", "dkimVerdict", "spfVerdict"] {
            mail["receipt"][verdict] = json!({ "status": "FAIL" });
        }
        assert_eq!(take(&trial, &mail).await, Ok(1), "{subject}");
        assert_eq!(trial.listed("bob@example.com").await, Some(vec!["financial".to_owned()]));
        let record = &trial.rows("audit").await[0];
        assert!(record["contact"] == "bob@example.com" && !record["detection"].contains(&token));
        assert!(record["detection"].contains("token"));
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_not_proven_is_not_unsubscribed() {
    let fails = |mail: &mut Value, verdict: &str| mail["receipt"][verdict] = json!({ "status": "FAIL" });
    let gray = |mail: &mut Value| mail["receipt"]["dmarcVerdict"] = json!({ "status": "GRAY" });
    let cases: [(&str, Change<'_>); 7] = [
        ("DMARC fails", &|mail| fails(mail, "dmarcVerdict")),
        ("a signature of somebody else", &|mail| {
            gray(mail);
            mail["mail"]["source"] = "x@evil.example".into();
        }),
        ("a signature of a lookalike", &|mail| {
            gray(mail);
            mail["mail"]["source"] = "x@evil.example".into();
            header(mail, "DKIM-Signature", "v=1; a=rsa-sha256; d=notexample.com; s=x; b=y");
        }),
        ("a server of somebody else", &|mail| {
            gray(mail);
            fails(mail, "dkimVerdict");
            mail["mail"]["source"] = "x@evil.example".into();
        }),
        ("two senders", &|mail| {
            mail["mail"]["commonHeaders"]["from"] = json!(["a@example.com", "b@example.com"]);
        }),
        ("two senders in one", &|mail| {
            mail["mail"]["commonHeaders"]["from"] = json!(["a@example.com, b@example.com"]);
        }),
        ("no sender", &|mail| mail["mail"]["commonHeaders"]["from"] = json!([])),
    ];
    for (name, change) in cases {
        let trial = Trial::begin().await;
        let mut mail = mail("unsubscribe", "");
        change(&mut mail);
        assert_eq!(take(&trial, &mail).await, Ok(0), "{name}");
        assert!(trial.rows("contacts").await.is_empty(), "{name}");
        assert_eq!(trial.audited("result").await, ["failed"], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_aligned_signature_or_server_proves_the_sender() {
    let cases: [(&str, Change<'_>); 2] = [
        ("dkim", &|mail| {
            mail["mail"]["source"] = "x@bounces.example.net".into();
            header(mail, "DKIM-Signature", "v=1; a=rsa-sha256; d=Example.com; s=x; b=y");
        }),
        ("spf", &|mail| {
            mail["receipt"]["dkimVerdict"] = json!({ "status": "GRAY" });
            mail["mail"]["source"] = "ann@example.com".into();
        }),
    ];
    for (proof, change) in cases {
        let trial = Trial::begin().await;
        let mut mail = mail("unsubscribe", "");
        mail["receipt"]["dmarcVerdict"] = json!({ "status": "GRAY" });
        change(&mut mail);
        assert_eq!(take(&trial, &mail).await, Ok(1), "{proof}");
        assert!(trial.rows("audit").await[0]["detection"].contains(proof), "{proof}");
    }
}

#[tokio::test(start_paused = true)]
async fn machines_and_spam_are_passed_over() {
    let cases: [(&str, Change<'_>); 8] = [
        ("spam", &|mail| mail["receipt"]["spamVerdict"] = json!({ "status": "FAIL" })),
        ("virus", &|mail| mail["receipt"]["virusVerdict"] = json!({ "status": "FAIL" })),
        ("auto-reply", &|mail| header(mail, "Auto-Submitted", "auto-replied (vacation)")),
        ("bulk", &|mail| header(mail, "precedence", "Bulk")),
        ("autoresponder", &|mail| header(mail, "X-Autoreply", "yes")),
        ("bounce", &|mail| header(mail, "Return-Path", "<>")),
        ("robot", &|mail| mail["mail"]["source"] = "MAILER-DAEMON@example.com".into()),
        ("report", &|mail| header(mail, "Content-Type", "multipart/report; report-type=delivery-status")),
    ];
    for (name, change) in cases {
        let trial = Trial::begin().await;
        let token = trial.token("ann@example.com", Stream::Outreach, NOW).await;
        let mut mail = mail(&format!("unsubscribe {token}"), "");
        change(&mut mail);
        assert_eq!(take(&trial, &mail).await, Ok(0), "{name}");
        assert!(trial.rows("contacts").await.is_empty(), "{name}");
        assert_eq!(trial.rows("audit").await.len(), 1, "{name}");
    }
    let trial = Trial::begin().await;
    let mut mail = mail("unsubscribe", "");
    header(&mut mail, "Auto-Submitted", "no");
    assert_eq!(take(&trial, &mail).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn mail_that_asks_for_nothing_is_recorded_only() {
    let trial = Trial::begin().await;
    assert_eq!(take(&trial, &mail("Hello", "When is the next report?")).await, Ok(0));
    assert!(trial.rows("contacts").await.is_empty());
    assert_eq!(trial.audited("reason").await, ["NothingAsked"]);
}

#[tokio::test(start_paused = true)]
async fn content_in_base64_is_read() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let trial = Trial::begin().await;
    let mut mail = mail("Hello", "");
    let content = "From: Ann <ann@example.com>\r\nContent-Type: text/plain; charset=utf-8\r\n\
                   Content-Transfer-Encoding: quoted-printable\r\n\r\nDo un=\r\nsubscribe from reports\r\n";
    mail["content"] = STANDARD.encode(content).into();
    assert_eq!(take(&trial, &mail).await, Ok(1));
    assert_eq!(trial.listed("ann@example.com").await, Some(vec!["financial".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn the_published_notification_and_others_are_read() {
    let trial = Trial::begin().await;
    let published: Value = serde_json::from_str(PUBLISHED).expect("a notification");
    assert_eq!(take(&trial, &published).await, Ok(0), "its sender is not proven");
    let about = json!({ "messageId": "1", "timestamp": "" });
    let alert = json!({ "notificationType": "Bounce", "receipt": {}, "mail": about });
    assert_eq!(take(&trial, &alert).await, Ok(0));
    assert_eq!(take(&trial, &json!("no notification")).await, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_kept_comes_again() {
    use sandbox::{Trouble, What, When};
    let trial = Trial::begin().await;
    let when = When::Operation { service: "dynamodb".to_owned(), operation: "TransactWriteItems".to_owned() };
    let what =
        What::Fail { code: "InternalServerError".to_owned(), message: String::new(), status: 500, times: 20 };
    trial.account.plan_trouble(Trouble { when, what });
    let mail = mail("unsubscribe", "");
    take(&trial, &mail).await.expect_err("not done");
    let later = trial.account.fork();
    let trial = Trial { account: later };
    assert_eq!(take(&trial, &mail).await, Ok(1), "the record of the failure does not stand in the way");
    assert!(trial.listed("ann@example.com").await.is_some());
}
