//! What is left of a request in audit records and in the log, of refused ones too.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::Once,
};

use contract::{
    function::{AddContact, OutreachUnsubscribe},
    stream::Stream,
};
use sandbox::{Trouble, Weather, What, When};
use serde_json::{Value, json};
use support::{Request, keyed};

use super::{
    add_contact::{by_staff, firebase, posted},
    mail_events, mailto,
};
use crate::{
    add_contact, link,
    trial::{DAY, NOW, Row, Trial, request},
};

const ANN: &str = "ann@example.com";

/// The one record that a refused request left.
async fn record(trial: &Trial, about: &str) -> Row {
    let rows = trial.rows("audit").await;
    let [row] = &rows[..] else { panic!("{about}: one record, not {}", rows.len()) };
    assert_eq!((row["requestId"].as_str(), row["ip"].as_str()), ("request-1", "192.0.2.1"), "{about}");
    assert_eq!(row["result"], "failed", "{about}");
    row.clone()
}

fn broken(operation: &str) -> Trouble {
    let when = When::Operation { service: "dynamodb".to_owned(), operation: operation.to_owned() };
    let code = "AccessDeniedException".to_owned();
    Trouble { when, what: What::Fail { code, message: String::new(), status: 400, times: 1 } }
}

#[tokio::test(start_paused = true)]
async fn a_refused_link_leaves_who_it_was_and_what_was_asked() {
    let leaves = r#"{"outreach": "OPT_OUT"}"#;
    let saves = r#"{"financial": "OPT_OUT", "outreach": "OPT_IN"}"#;
    let one_click = "List-Unsubscribe=One-Click";
    // Body, days that the token is old, contact, topics, reason.
    for (body, days, contact, topics, reason) in [
        ("--x", 1, ANN, "{}", "InvalidRequest"),
        ("x=y", 1, ANN, "{}", "InvalidRequest"),
        ("", 1, ANN, "{}", "InvalidRequest"),
        ("preferences=maybe", 1, ANN, "{}", "InvalidRequest"),
        ("preferences=save&keep=outreach", 31, ANN, saves, "InvalidRequest"),
        ("preferences=save&keep=outreach", 1, ANN, saves, "Internal"),
        (one_click, 1, ANN, leaves, "Internal"),
        (one_click, -1, "unknown", leaves, "InvalidRequest"),
        ("preferences=leave", -1, "unknown", leaves, "InvalidRequest"),
    ] {
        let about = format!("{body}, {days} days, {reason}");
        let trial = Trial::begin().await;
        let token = trial.token(ANN, Stream::Outreach, NOW - days * DAY).await;
        let mut asked = Request { body: body.as_bytes().to_vec(), ..request("POST", &token) };
        if body == "--x" {
            let of = "multipart/form-data; boundary=x".parse().expect("a header");
            asked.headers.insert("content-type", of);
        }
        if reason == "Internal" {
            trial.account.plan_trouble(broken("GetItem"));
        }
        let call = trial.call::<OutreachUnsubscribe>(NOW);
        let reply = link::handle(Stream::Outreach, asked, call).await.expect("an answer");
        assert!(reply.status >= 400, "{about}");
        let row = record(&trial, &about).await;
        assert_eq!((row["contact"].as_str(), row["topics"].as_str()), (contact, topics), "{about}");
        assert_eq!(row["reason"], reason, "{about}");
        assert_eq!(row.contains_key("tokenTimestamp"), contact == ANN, "{about}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_contact_leaves_who_it_was_and_what_was_asked() {
    let joins = r#"{"outreach": "OPT_IN"}"#;
    let other = r#"{"financial": "OPT_IN"}"#;
    for (case, contact, topics, known) in [
        ("another's address", ANN, joins, "token"),
        ("another topic", ANN, other, "token"),
        ("too old", ANN, joins, "token"),
        ("no body", ANN, "{}", "token"),
        ("altered", "unknown", "{}", ""),
        ("no token", "unknown", "{}", ""),
        ("staff without a verified address", ANN, joins, "staff-1"),
        ("staff with no address", "unknown", joins, "staff-1"),
        ("nobody's token", "unknown", "{}", ""),
    ] {
        let trial = Trial::begin().await;
        let old = if case == "too old" { 31 } else { 1 };
        let token = trial.token(ANN, Stream::Outreach, NOW - old * DAY).await;
        let asked = match case {
            "another's address" => posted(&json!({ "data": token, "email": "bob@example.com" })),
            "another topic" => posted(&json!({ "data": token, "topic": "financial" })),
            "too old" => posted(&json!({ "data": token })),
            "no body" => {
                let mut asked = posted(&json!([1]));
                asked.query.insert("data".to_owned(), vec![token]);
                asked
            }
            "altered" => posted(&json!({ "data": token.chars().rev().collect::<String>(), "email": ANN })),
            "no token" => posted(&json!({ "email": ANN })),
            "staff without a verified address" => {
                let token = firebase(&json!({ "email_verified": false }));
                by_staff(&json!({ "email": ANN, "topic": "outreach" }), &token)
            }
            "staff with no address" => {
                by_staff(&json!({ "email": "ann", "topic": "outreach" }), &firebase(&Value::Null))
            }
            _ => by_staff(&json!({ "email": ANN }), &firebase(&json!({ "aud": "other" }))),
        };
        let refused = add_contact::handle(asked, trial.call::<AddContact>(NOW)).await;
        assert!(refused.is_err(), "{case}");
        let row = record(&trial, case).await;
        assert_eq!((row["contact"].as_str(), row["topics"].as_str()), (contact, topics), "{case}");
        let by = match (row.get("actor"), row.get("tokenTimestamp")) {
            (Some(actor), None) => actor,
            (None, Some(_)) => "token",
            _ => "",
        };
        assert_eq!(by, known, "{case}");
    }
}

thread_local! {
    /// Lines of the log of this thread's test, as they would be written, from when it wants them.
    static CAUGHT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

struct Catch;

impl Write for Catch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        CAUGHT.with_borrow_mut(|caught| caught.iter_mut().for_each(|lines| lines.extend(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that this thread's test has written.
struct Lines;

impl Lines {
    /// One subscriber for all threads: what is of one thread only may be passed over while others begin.
    fn begin() -> Self {
        static ALL: Once = Once::new();
        ALL.call_once(|| {
            tracing_subscriber::fmt().json().flatten_event(true).with_writer(|| Catch).init();
        });
        CAUGHT.set(Some(Vec::new()));
        Self
    }

    fn text(&self) -> String {
        String::from_utf8(CAUGHT.with_borrow(Clone::clone).unwrap_or_default()).expect("text")
    }

    /// The lines that hold a contact.
    fn of_contacts(&self) -> Vec<Value> {
        let lines = self.text();
        let parsed = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        parsed.filter(|line| line.get("contact").is_some()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn lines_tell_contacts_apart_without_naming_them() {
    let trial = Trial::begin().await;
    let lines = Lines::begin();
    let token = trial.token(ANN, Stream::Outreach, NOW - DAY).await;
    let call = trial.call::<OutreachUnsubscribe>(NOW);
    trial.account.forget_served();
    for asked in [request("GET", &token), Trial::one_click(&token), request("POST", &token)] {
        link::handle(Stream::Outreach, asked, call.clone()).await.expect("an answer");
    }
    let keys = trial.account.served().into_iter().filter(|call| call.operation == "GetSecretValue").count();
    assert_eq!(keys, 1, "a process asks for the key of hashes once");
    add_contact::handle(posted(&json!({ "data": token })), trial.call::<AddContact>(NOW))
        .await
        .expect("done");
    assert_eq!(mailto::take(&trial, &mailto::mail(&format!("unsubscribe {token}"), "")).await, Ok(1));
    let (both, none) =
        (mail_events::topics(false, "OptIn", "OptIn"), mail_events::topics(true, "OptIn", "OptIn"));
    assert!(mail_events::take(&trial, &[mail_events::subscription(1, &both, &none)]).await.is_empty());

    let hash = keyed::sign("the key of a stand-in", &format!("log:{ANN}"))[..16].to_owned();
    let found = lines.of_contacts();
    let told: Vec<&str> = found.iter().filter_map(|line| line["outcome"].as_str()).collect();
    assert_eq!(told, ["shown", "done", "refused", "done", "unsubscribed", "done"]);
    assert!(found.iter().all(|line| line["contact"] == hash.as_str()), "{found:#?}");
    let dated = found.iter().filter(|line| line["token"] == "2025-11-21T00:00:00.000Z").count();
    assert_eq!(dated, 5, "events of SES have no token");
    assert!(!lines.text().contains("ann@") && !lines.text().contains(&token), "{}", lines.text());
}

#[tokio::test(start_paused = true)]
async fn an_opt_out_does_not_wait_for_its_line() {
    for slow in [false, true] {
        let trial = Trial::begin().await;
        let lines = Lines::begin();
        let token = trial.token(ANN, Stream::Outreach, NOW).await;
        if slow {
            let latency = std::time::Duration::from_millis(600);
            trial.account.set_weather(Weather { latency, ..Weather::default() });
        } else {
            let aws = trial.aws();
            let delete = aws.secrets().delete_secret().secret_id("log-hashes").recovery_window_in_days(7);
            delete.send().await.expect("deleted");
        }
        let call = trial.call::<OutreachUnsubscribe>(NOW);
        let reply = link::handle(Stream::Outreach, Trial::one_click(&token), call).await.expect("an answer");
        assert_eq!(reply.status, 200);
        assert_eq!(trial.listed(ANN).await, Some(vec!["outreach".to_owned()]));
        let text = lines.text();
        assert!(lines.of_contacts().is_empty() && text.contains("request-1"), "slow {slow}: {text}");
    }
}
