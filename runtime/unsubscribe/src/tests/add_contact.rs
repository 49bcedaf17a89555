//! Subscribing again.

use contract::{
    function::{AddContact, OutreachUnsubscribe},
    stream::Stream,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use support::{Failed, Request};

use crate::{
    add_contact, link,
    trial::{DAY, NOW, Trial, request},
};

const KEY: &[u8] = include_bytes!("../../../support/tests/vectors/token-key.pem");
const ANN: &str = "ann@example.com";

/// A Firebase token of staff.
pub(super) fn firebase(change: &Value) -> String {
    let now_s = NOW / 1000;
    let mut claims = json!({
        "iss": "https://securetoken.google.com/dn-test", "aud": "dn-test", "sub": "staff-1",
        "exp": now_s + 600, "iat": now_s - 10, "auth_time": now_s - 20, "email": "staff@example.com",
        "email_verified": true,
    });
    for (name, value) in change.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::RS256) };
    encode(&header, &claims, &EncodingKey::from_rsa_pem(KEY).expect("a key")).expect("a token")
}

pub(super) fn posted(body: &Value) -> Request {
    let mut request = request("POST", "");
    request.query.clear();
    request.path = "/financial/add-contact".to_owned();
    Request { body: body.to_string().into_bytes(), ..request }
}

pub(super) fn by_staff(body: &Value, token: &str) -> Request {
    let mut request = posted(body);
    request.headers.insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    request
}

async fn asked(trial: &Trial, request: Request) -> Result<Value, Failed> {
    let reply = add_contact::handle(request, trial.call::<AddContact>(NOW)).await?;
    assert_eq!(reply.status, 200);
    Ok(serde_json::from_str(&reply.body).expect("JSON"))
}

/// Ann leaves everything.
async fn left(trial: &Trial) -> String {
    let token = trial.token(ANN, Stream::Outreach, NOW - DAY).await;
    let form = Request { body: b"preferences=nothing".to_vec(), ..request("POST", &token) };
    let call = trial.call::<OutreachUnsubscribe>(NOW - 1000);
    link::handle(Stream::Outreach, form, call).await.expect("an answer");
    assert_eq!(trial.listed(ANN).await.expect("a contact").len(), 3);
    token
}

#[tokio::test(start_paused = true)]
async fn staff_subscribes_whom_it_names() {
    let firebase = firebase(&Value::Null);
    for (body, left_over) in [
        (json!({ "email": " Ann@Example.com" }), vec![]),
        (json!({ "email": ANN, "topic": "outreach" }), vec!["financial"]),
        (json!({ "email": ANN, "topicPreferences": { "financial": "OPT_OUT" } }), vec!["financial"]),
        (
            json!({ "email": ANN, "topicPreferences": { "outreach": "OPT_OUT", "financial": "OPT_OUT" } }),
            vec!["financial", "outreach", "ALL"],
        ),
    ] {
        let trial = Trial::begin().await;
        left(&trial).await;
        let answer = asked(&trial, by_staff(&body, &firebase)).await.expect("an answer");
        assert_eq!(trial.listed(ANN).await.expect("a contact"), left_over, "{body}");
        assert_eq!(answer["data"]["unsubscribeAll"], left_over.contains(&"ALL"));
        assert_eq!(answer["success"], true);
        let rows = trial.rows("audit").await;
        let record = rows.iter().find(|row| row["source"] == "staff").expect("a record");
        assert_eq!(record["actor"], "staff-1");
    }
}

#[tokio::test(start_paused = true)]
async fn staff_makes_a_contact_that_was_not_there() {
    let trial = Trial::begin().await;
    asked(&trial, by_staff(&json!({ "email": ANN }), &firebase(&Value::Null))).await.expect("an answer");
    assert_eq!(trial.listed(ANN).await, Some(vec![]));
    assert_eq!(trial.audited("action").await, ["subscribe"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_subscribes_its_own_address_to_its_own_topic() {
    let trial = Trial::begin().await;
    let token = left(&trial).await;
    for (body, code) in [
        (json!({ "data": token, "email": "bob@example.com" }), 403),
        (json!({ "data": token, "topic": "financial" }), 403),
        (json!({ "data": token, "topicPreferences": { "financial": "OPT_IN" } }), 403),
        (json!({ "data": trial.token(ANN, Stream::Outreach, NOW - 31 * DAY).await }), 401),
        (json!({ "data": "A".repeat(300) }), 401),
        (json!({ "data": "" }), 401),
        (json!({ "email": ANN }), 401),
        (json!({}), 401),
        (json!([1]), 401),
    ] {
        let refused = asked(&trial, posted(&body)).await.expect_err("refused");
        assert_eq!(refused.code.status(), code, "{body}");
        assert_eq!(trial.listed(ANN).await.expect("a contact").len(), 3);
    }
    let answer =
        asked(&trial, posted(&json!({ "data": token, "email": "Ann@example.com" }))).await.expect("done");
    let topics = json!({ "outreach": "OPT_IN", "financial": "OPT_OUT" });
    assert_eq!(answer["data"], json!({ "topicPreferences": topics, "unsubscribeAll": false }));
    assert_eq!(trial.listed(ANN).await.expect("a contact"), ["financial"]);
    // Tokens of the other stream are found too, also in the query.
    let other = trial.token(ANN, Stream::Financial, NOW).await;
    let mut request = Request { id: "request-2".to_owned(), ..posted(&json!({})) };
    request.query.insert("data".to_owned(), vec![other]);
    asked(&trial, request).await.expect("done");
    assert_eq!(trial.listed(ANN).await, Some(vec![]));
}

#[tokio::test(start_paused = true)]
async fn who_is_no_staff_subscribes_nobody() {
    for (change, code) in [
        (json!({ "email_verified": false }), 403),
        (json!({ "aud": "other" }), 401),
        (json!({ "exp": 1 }), 401),
    ] {
        let trial = Trial::begin().await;
        let refused = asked(&trial, by_staff(&json!({ "email": ANN }), &firebase(&change))).await;
        assert_eq!(refused.expect_err("refused").code.status(), code, "{change}");
        assert!(trial.rows("contacts").await.is_empty());
        assert_eq!(trial.audited("result").await, ["failed"], "{change}");
    }
}

#[tokio::test(start_paused = true)]
async fn bad_requests_of_staff_are_refused() {
    let trial = Trial::begin().await;
    let token = firebase(&Value::Null);
    for body in [
        json!({}),
        json!({ "email": "ann" }),
        json!({ "email": "a@b.c, d@e.f" }),
        json!({ "email": ANN, "topic": "news" }),
        json!({ "email": ANN, "topicPreferences": { "outreach": "MAYBE" } }),
        json!("x"),
        json!({ "email": "a".repeat(20_000) }),
    ] {
        let refused = asked(&trial, by_staff(&body, &token)).await.expect_err("refused");
        assert_eq!(refused.code.status(), 400);
        assert!(!refused.message.contains(ANN));
    }
    assert!(trial.rows("contacts").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn staff_has_25_requests_a_minute() {
    let trial = Trial::begin().await;
    let token = firebase(&Value::Null);
    for number in 0..25 {
        let body = json!({ "email": format!("r{number}@example.com") });
        let request = Request { id: format!("request-{number}"), ..by_staff(&body, &token) };
        asked(&trial, request).await.expect("an answer");
    }
    let refused = asked(&trial, by_staff(&json!({ "email": ANN }), &token)).await.expect_err("refused");
    assert_eq!((refused.code.status(), refused.retry_after_s), (429, Some(60)));
}
