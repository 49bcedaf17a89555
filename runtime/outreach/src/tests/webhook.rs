use contract::{function::Webhook, reply::Code};
use serde_json::{Value, json};
use support::{Failed, Reply, Request};

use crate::{
    trial::{NOW, Row, Trial, body, event, signature, told, webhook, webhook_form, webhook_signed},
    webhook::handle,
};

async fn deliver(trial: &Trial, request: Request) -> Result<Reply, Failed> {
    handle(request, trial.call::<Webhook>(NOW)).await
}

/// Everything that webhooks leave behind, tokens excepted. Left out is what tells of the way there: how often a
/// contact was written and what the contact list is still to be told, and what each event met when it came
/// (`subscription::audit` says why).
async fn left(trial: &Trial) -> Vec<Vec<Row>> {
    let mut all = Vec::new();
    for (table, passing) in [
        ("events", &[] as &[&str]),
        ("messages", &[]),
        ("suppression", &[]),
        ("audit", &["result", "gets"]),
        ("contacts", &["version", "pending", "pendingSince"]),
    ] {
        let mut rows = trial.rows(table).await;
        rows.iter_mut().for_each(|row| row.retain(|name, _| !passing.contains(&name.as_str())));
        rows.sort_by_key(|row| format!("{row:?}"));
        all.push(rows);
    }
    all
}

/// Two of some types, of two recipients.
fn story() -> Vec<Value> {
    let of = |id, kind, who: &str, after| event(id, kind, &format!("{who}@b.example"), after);
    let mut failed = of("e8", "failed", "b", 8.0);
    failed["severity"] = json!("permanent");
    let mut delayed = of("e9", "failed", "a", -5.0);
    delayed["severity"] = json!("temporary");
    vec![
        of("e1", "delivered", "a", 1.0),
        of("e2", "delivered", "b", 2.0),
        of("e3", "opened", "a", 3.0),
        of("e4", "opened", "a", 4.0),
        of("e5", "clicked", "a", 5.0),
        of("e6", "unsubscribed", "a", 6.0),
        of("e7", "complained", "b", 7.0),
        failed,
        delayed,
        of("e10", "bounced", "b", 9.0),
        of("e11", "complained", "b", 6.5),
        // Once more, and at the same moment as the first.
        of("e12", "unsubscribed", "a", 9.5),
        of("e13", "unsubscribed", "a", 6.0),
    ]
}

#[tokio::test]
async fn an_event_is_answered_as_documented() {
    let trial = Trial::begin().await;
    let reply = deliver(&trial, webhook(&event("e1", "delivered", "A@b.example", 0.0))).await.expect("taken");
    assert_eq!(
        body(&reply),
        json!({
            "success": true, "message": "Webhook processed successfully", "eventId": "e1",
            "eventType": "delivered",
            "timestamp": "2023-10-24T14:00:45.123Z", "version": "1.0.0",
        })
    );
    assert!(reply.metrics.iter().any(|metric| metric.name.text() == "emailsDelivered"));
    let rows = trial.rows("events").await;
    let row = rows.iter().find(|row| row["event"] == "id#e1").expect("the event");
    for (name, want) in [
        ("messageId", json!("m1@mg.example")),
        ("recipient", json!("a@b.example")),
        ("type", json!("delivered")),
        ("typeDay", json!("delivered#2023-10-24")),
        ("timestamp", json!(NOW)),
        ("tags", json!(["welcome"])),
        ("deliveryStatus", json!({ "code": 250, "message": "OK", "description": "delivered" })),
        ("expirationTime", json!(NOW / 1000 + 90 * 86_400)),
    ] {
        assert_eq!(row[name], want, "{name}");
    }
    let unknown = deliver(&trial, webhook(&event("e2", "accepted", "", 0.0))).await.expect("taken");
    assert_eq!(body(&unknown)["eventType"], "accepted");
    assert_eq!(trial.rows("events").await, rows);
}

#[tokio::test]
async fn twice_in_reverse_and_at_once_leave_the_same_rows() {
    let once = Trial::begin().await;
    for told in story() {
        deliver(&once, webhook(&told)).await.expect("taken");
    }
    let want = left(&once).await;
    let count = |name: &str| want[1][0][name].clone();
    assert_eq!((count("delivered"), count("opened"), count("clicked")), (json!(2), json!(1), json!(1)));
    assert_eq!(
        (count("bounced"), count("complained"), count("unsubscribed")),
        (json!(1), json!(1), json!(1))
    );
    assert_eq!(want[2].len(), 1, "only b is suppressed");
    assert_eq!(want[2][0]["reason"], "complaint");

    let twice = Trial::begin().await;
    for told in story().into_iter().flat_map(|told| [told.clone(), told]) {
        deliver(&twice, webhook(&told)).await.expect("taken");
    }
    assert_eq!(left(&twice).await, want);

    let reverse = Trial::begin().await;
    for told in story().into_iter().rev() {
        deliver(&reverse, webhook(&told)).await.expect("taken");
    }
    assert_eq!(left(&reverse).await, want);

    let at_once = Trial::begin().await;
    let all = story().into_iter().flat_map(|told| [told.clone(), told]);
    let deliveries = all.map(|told| deliver(&at_once, webhook(&told)));
    for done in futures::future::join_all(deliveries).await {
        done.expect("taken");
    }
    assert_eq!(left(&at_once).await, want);
}

#[tokio::test]
async fn a_delivery_that_failed_half_way_is_completed_by_the_next() {
    use sandbox::{Trouble, What, When};

    let whole = Trial::begin().await;
    for told in story() {
        deliver(&whole, webhook(&told)).await.expect("taken");
    }
    let want = left(&whole).await;
    let mut writes = 0;
    loop {
        let trial = Trial::begin().await;
        let what = What::Fail {
            code: "ValidationException".into(),
            message: "broken".into(),
            status: 400,
            times: 1,
        };
        trial.account.plan_trouble(Trouble { when: When::Write(writes + 1), what });
        let mut failures = 0;
        for told in story() {
            if deliver(&trial, webhook(&told)).await.is_err() {
                failures += 1;
                deliver(&trial, webhook(&told)).await.expect("taken the second time");
            }
        }
        if trial.account.troubles_left() > 0 {
            break;
        }
        let mut found = left(&trial).await;
        // A failure to unsubscribe is recorded, too; telling the contact list may fail without harm.
        found[3].retain(|row| !row["at"].as_str().is_some_and(|at| at.ends_with("/failed")));
        assert!(failures <= 1 && found == want, "write {writes}: {found:#?}\n{want:#?}");
        writes += 1;
    }
    assert!(writes > 20, "every write failed once: {writes}");
}

#[tokio::test]
async fn a_signature_is_good_for_one_event_and_some_hours() {
    let trial = Trial::begin().await;
    let now_s = NOW / 1000;
    let (one, other) =
        (event("e1", "delivered", "a@b.example", 0.0), event("e2", "complained", "a@b.example", 0.0));
    let refused = async |request| told(&deliver(&trial, request).await.expect_err("refused"));
    let forged = (401, "Invalid webhook signature".to_owned());
    deliver(&trial, webhook_signed(&signature(now_s, "t1"), &one)).await.expect("taken");
    let before = left(&trial).await;
    assert_eq!(refused(webhook_signed(&signature(now_s, "t1"), &other)).await, forged);
    let mut altered = one.clone();
    altered["recipient"] = json!("b@b.example");
    assert_eq!(refused(webhook_signed(&signature(now_s, "t1"), &altered)).await, forged);
    for (seconds, good) in [(8 * 3600 + 900, true), (8 * 3600 + 901, false), (-300, true), (-301, false)] {
        let told =
            deliver(&trial, webhook_signed(&signature(now_s - seconds, &format!("t{seconds}")), &one)).await;
        assert_eq!(
            told.map(|_| ()).map_err(|failed| failed.code),
            if good { Ok(()) } else { Err(Code::InvalidSignature) }
        );
    }
    for (name, value) in [
        ("signature", json!("0".repeat(64))),
        ("signature", json!("")),
        ("signature", Value::Null),
        ("token", json!("t3")),
        ("token", Value::Null),
        ("token", json!("t".repeat(300))),
        ("timestamp", json!((now_s + 1).to_string())),
        ("timestamp", json!("soon")),
    ] {
        let mut wrong = signature(now_s, "t2");
        wrong[name] = value;
        assert_eq!(refused(webhook_signed(&wrong, &other)).await, forged, "{name}");
    }
    assert_eq!(refused(webhook_signed(&Value::Null, &other)).await, forged);
    assert_eq!(left(&trial).await, before, "nothing was changed");
}

#[tokio::test]
async fn a_rotated_signing_key_is_found() {
    let trial = Trial::begin().await;
    let call = trial.call::<Webhook>(NOW);
    handle(webhook(&event("e1", "delivered", "a@b.example", 0.0)), call.clone()).await.expect("taken");
    let value = json!({ "MAILGUN_API_KEY": "k", "MAILGUN_WEBHOOK_SIGNING_KEY": "another" }).to_string();
    let put = trial.aws();
    put.secrets().put_secret_value().secret_id("mailgun").secret_string(value).send().await.expect("rotated");
    let token = "t9";
    let signed = support::keyed::sign("another", &format!("{}{token}", NOW / 1000));
    let signature = json!({ "timestamp": (NOW / 1000).to_string(), "token": token, "signature": signed });
    let told = webhook_signed(&signature, &event("e2", "delivered", "a@b.example", 0.0));
    // A minute after it was read it is looked up again; other instances read it at once.
    assert!(handle(told.clone(), call).await.is_err());
    handle(told, trial.call::<Webhook>(NOW)).await.expect("taken");
}

#[tokio::test]
async fn forms_are_taken_like_json() {
    let trial = Trial::begin().await;
    let now_s = NOW / 1000;
    let signed = signature(now_s, "f1");
    let text = |name: &str| signed[name].as_str().expect("a text");
    // A user's variable may repeat the names; the last is Mailgun's.
    let legacy = [
        ("token", "user"),
        ("event", "dropped"),
        ("recipient", "a@b.example"),
        ("Message-Id", "<m1@mg.example>"),
        ("code", "605"),
        ("description", "Not delivering to previously bounced address"),
        ("timestamp", text("timestamp")),
        ("token", text("token")),
        ("signature", text("signature")),
    ];
    let reply = deliver(&trial, webhook_form(&legacy)).await.expect("taken");
    assert_eq!(
        (&body(&reply)["eventType"], &body(&reply)["eventId"]),
        (&json!("bounced"), &json!(format!("legacy-{}", support::keyed::digest(b"f1"))))
    );
    deliver(&trial, webhook_form(&legacy)).await.expect("taken again");
    let rows = trial.rows("events").await;
    assert_eq!(rows.len(), 2, "the event and that it was counted");
    assert_eq!(trial.rows("messages").await[0]["bounced"], 1);
    assert_eq!(trial.rows("suppression").await[0]["reason"], "bounce");
    let (signed, data) =
        (signature(now_s, "f2").to_string(), event("e5", "opened", "a@b.example", 0.0).to_string());
    let reply =
        deliver(&trial, webhook_form(&[("signature", &signed), ("event-data", &data)])).await.expect("taken");
    assert_eq!(body(&reply)["eventId"], "e5");
}

#[tokio::test]
async fn what_is_no_webhook_is_refused() {
    let trial = Trial::begin().await;
    let mut requests = vec![webhook_form(&[])];
    for body in ["", "[]", "7", "{", "\"text\""] {
        requests.push(Request { body: body.as_bytes().to_vec(), ..webhook(&Value::Null) });
    }
    let mut other = webhook(&event("e1", "opened", "a@b.example", 0.0));
    other.headers.insert("content-type", "multipart/form-data; boundary=x".parse().expect("a header"));
    requests.push(other);
    let mut number = 0;
    for (name, value) in [
        ("id", Value::Null),
        ("event", Value::Null),
        ("recipient", json!("nobody")),
        ("recipient", Value::Null),
        ("timestamp", json!("soon")),
        ("timestamp", json!(-1)),
        ("timestamp", json!(1e300)),
    ] {
        let mut data = event("e1", "opened", "a@b.example", 0.0);
        data[name] = value;
        number += 1;
        requests.push(webhook_signed(&signature(NOW / 1000, &format!("w{number}")), &data));
    }
    for request in requests {
        let failed = deliver(&trial, request.clone()).await.expect_err("refused");
        let (status, text) = told(&failed);
        assert!(
            status == 400 && text.starts_with("Invalid webhook payload: "),
            "{request:?}: {status} {text}"
        );
    }
    assert!(trial.rows("events").await.is_empty());
}
