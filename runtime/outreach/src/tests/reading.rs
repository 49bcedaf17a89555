use contract::function::{CampaignStats, SendEmail, TrackingData, Webhook};
use serde_json::{Value, json};

use crate::{
    send, stats, tracking,
    trial::{NOW, Trial, body, event, get, post, signature, told, webhook_signed},
    webhook,
};

const DAY: i64 = 86_400_000;

/// Sends a mail of a campaign at this time, and has it delivered and opened.
async fn campaign(trial: &Trial, name: &str, number: u32, now_ms: i64, opened: bool) {
    let id = format!("m{number}@mg.example");
    let taken = json!({ "id": format!("<{id}>"), "message": "Queued. Thank you." }).to_string();
    trial.mailgun_answers(Some((200, &taken)));
    let mail =
        json!({ "to": ["a@b.example", "c@b.example"], "subject": "s", "text": "t", "tags": [name, "all"] });
    send::email(post("u1", &mail), trial.call::<SendEmail>(now_ms)).await.expect("sent");
    let kinds = ["delivered", "opened"];
    for (index, kind) in kinds.into_iter().take(1 + usize::from(opened)).enumerate() {
        let mut told = event(&format!("{number}-{kind}"), kind, "a@b.example", 0.0);
        told["timestamp"] = json!((now_ms / 1000 - 5 + i64::try_from(index).expect("few")) as f64);
        told["message"]["headers"]["message-id"] = json!(id);
        let signature = signature(now_ms / 1000, &format!("t{number}-{kind}"));
        webhook::handle(webhook_signed(&signature, &told), trial.call::<Webhook>(now_ms))
            .await
            .expect("taken");
    }
}

async fn stats_of(trial: &Trial, query: &[(&str, &str)]) -> Value {
    let reply = stats::handle(get("u1", query), trial.call::<CampaignStats>(NOW)).await.expect("an answer");
    let body = body(&reply);
    assert_eq!((&body["success"], &body["version"]), (&json!(true), &json!("1.0.0")));
    body["data"].clone()
}

async fn events_of(trial: &Trial, query: &[(&str, &str)]) -> (Vec<String>, Value) {
    // A user for each question: they are more than one has in a minute.
    let user = support::keyed::digest(format!("{query:?}").as_bytes());
    let reply =
        tracking::handle(get(&user, query), trial.call::<TrackingData>(NOW)).await.expect("an answer");
    let data = body(&reply)["data"].clone();
    let events = data["events"].as_array().expect("a list").iter();
    let name = |event: &Value| {
        format!(
            "{} {}",
            event["messageId"].as_str().expect("an id"),
            event["event"].as_str().expect("a name")
        )
    };
    (events.map(name).collect(), data["pagination"].clone())
}

#[tokio::test]
async fn campaigns_are_counted_within_dates_tags_and_pages() {
    let trial = Trial::begin().await;
    campaign(&trial, "old", 1, NOW - 40 * DAY, true).await;
    campaign(&trial, "welcome", 2, NOW - 2 * DAY, true).await;
    campaign(&trial, "welcome", 3, NOW - DAY, false).await;
    campaign(&trial, "news", 4, NOW, true).await;
    assert_eq!(
        stats_of(&trial, &[]).await,
        json!({
            "totalSent": 6, "delivered": 3, "opens": 2, "clicks": 0, "bounces": 0, "complaints": 0,
            "unsubscribes": 0,
            "deliveryRate": 50.0, "openRate": 66.67, "clickRate": 0.0,
            "campaigns": [
                { "name": "news", "sent": 2, "delivered": 1, "opens": 1, "clicks": 0 },
                { "name": "welcome", "sent": 4, "delivered": 2, "opens": 1, "clicks": 0 },
            ],
        })
    );
    let sent = async |query: &[(&str, &str)]| stats_of(&trial, query).await["totalSent"].clone();
    assert_eq!(sent(&[("campaignId", "old")]).await, 2);
    assert_eq!(sent(&[("campaignId", "old"), ("startDate", "2023-10-01")]).await, 0);
    assert_eq!(sent(&[("startDate", "2023-09-01")]).await, 8);
    assert_eq!(sent(&[("startDate", "2023-10-23"), ("endDate", "2023-10-23")]).await, 2);
    assert_eq!(sent(&[("startDate", "1970-01-01"), ("endDate", "2100-01-01T00:00:00Z")]).await, 8);
    assert_eq!(sent(&[("tags", "welcome")]).await, 4);
    assert_eq!(sent(&[("tags", "news,x"), ("tags", "welcome")]).await, 6);
    assert_eq!(sent(&[("tags", "all"), ("campaignId", "welcome")]).await, 4);
    assert_eq!(sent(&[("campaignId", "none")]).await, 0);
    let page = stats_of(&trial, &[("limit", "1"), ("offset", "1")]).await;
    assert_eq!((&page["totalSent"], &page["campaigns"][0]["name"]), (&json!(6), &json!("welcome")));
    assert_eq!(page["campaigns"].as_array().expect("a list").len(), 1);
}

#[tokio::test]
async fn events_are_listed_by_message_recipient_type_and_day() {
    let trial = Trial::begin().await;
    campaign(&trial, "old", 1, NOW - 40 * DAY, true).await;
    campaign(&trial, "welcome", 2, NOW - 2 * DAY, true).await;
    campaign(&trial, "news", 3, NOW, true).await;
    let all = [
        "m2@mg.example delivered",
        "m2@mg.example opened",
        "m3@mg.example delivered",
        "m3@mg.example opened",
    ];
    let (events, pagination) = events_of(&trial, &[]).await;
    assert_eq!(events, all);
    assert_eq!(pagination, json!({ "total": 4, "limit": 100, "offset": 0, "hasMore": false }));
    let opened = events_of(&trial, &[("eventType", "opened"), ("startDate", "2023-09-01")]).await;
    assert_eq!(opened.0, ["m1@mg.example opened", "m2@mg.example opened", "m3@mg.example opened"]);
    assert_eq!(events_of(&trial, &[("messageId", "<m1@mg.example>")]).await.0.len(), 2);
    assert_eq!(
        events_of(&trial, &[("messageId", "m1@mg.example"), ("eventType", "clicked")]).await.0.len(),
        0
    );
    assert_eq!(events_of(&trial, &[("recipientEmail", "A@b.example")]).await.0.len(), 6);
    assert_eq!(events_of(&trial, &[("recipientEmail", "c@b.example")]).await.0.len(), 0);
    let some = [("recipientEmail", "a@b.example"), ("startDate", "2023-10-24"), ("eventType", "opened")];
    assert_eq!(events_of(&trial, &some).await.0, ["m3@mg.example opened"]);
    for limit in 1..=4_usize {
        for offset in 0..=5_usize {
            let (limit_text, offset_text) = (limit.to_string(), offset.to_string());
            let page = [("limit", limit_text.as_str()), ("offset", offset_text.as_str())];
            for whose in [vec![], vec![("recipientEmail", "a@b.example"), ("startDate", "2023-10-01")]] {
                let query = [whose.as_slice(), &page].concat();
                let (events, pagination) = events_of(&trial, &query).await;
                let want: Vec<&str> = all.into_iter().skip(offset).take(limit).collect();
                assert_eq!(events, want, "{query:?}");
                assert_eq!(pagination["hasMore"], offset + want.len() < 4, "{query:?}");
                assert_eq!(pagination["total"], 4);
            }
        }
    }
    let reply =
        tracking::handle(get("u3", &[("messageId", "m3@mg.example")]), trial.call::<TrackingData>(NOW)).await;
    let first = body(&reply.expect("an answer"))["data"]["events"][0].clone();
    assert_eq!(
        first,
        json!({
            "messageId": "m3@mg.example", "event": "delivered", "timestamp": "2023-10-24T14:00:40.000Z",
            "recipient": "a@b.example", "tags": ["welcome"],
            "deliveryStatus": { "code": 250, "message": "OK", "description": "delivered" },
        })
    );
}

#[tokio::test]
async fn malformed_queries_are_refused_in_the_one_shape() {
    let trial = Trial::begin().await;
    for query in [
        ("limit", "0"),
        ("limit", "1001"),
        ("offset", "-1"),
        ("startDate", "soon"),
        ("endDate", "2023-13-01"),
    ] {
        let failed =
            stats::handle(get("u1", &[query]), trial.call::<CampaignStats>(NOW)).await.expect_err("refused");
        assert_eq!(told(&failed).0, 400, "{query:?}");
        let failed = tracking::handle(get("u1", &[query]), trial.call::<TrackingData>(NOW))
            .await
            .expect_err("refused");
        assert_eq!(told(&failed).0, 400, "{query:?}");
    }
    for query in [
        ("recipientEmail", "secret"),
        ("eventType", "temporary_fail"),
        ("eventType", "Opened"),
        ("messageId", "<>"),
    ] {
        let failed = tracking::handle(get("u1", &[query]), trial.call::<TrackingData>(NOW))
            .await
            .expect_err("refused");
        assert_eq!(told(&failed).0, 400, "{query:?}");
        assert!(!failed.message.contains("secret"));
    }
}

#[tokio::test]
async fn reading_needs_a_login_and_is_limited() {
    let trial = Trial::begin().await;
    let call = trial.call::<TrackingData>(NOW);
    let mut nobody = get("u1", &[]);
    nobody.headers.clear();
    assert_eq!(told(&tracking::handle(nobody, call.clone()).await.expect_err("refused")).0, 401);
    for _ in 0..50 {
        tracking::handle(get("u1", &[("messageId", "m")]), call.clone()).await.expect("an answer");
    }
    assert_eq!(told(&tracking::handle(get("u1", &[]), call).await.expect_err("too many")).0, 429);
}

#[tokio::test]
async fn cost_follows_the_period_and_not_the_age_of_the_table() {
    let trial = Trial::begin().await;
    campaign(&trial, "old", 1, NOW - 40 * DAY, true).await;
    let asked = async |query: &[(&str, &str)]| {
        trial.asked();
        events_of(&trial, query).await;
        let asked = trial.asked();
        assert!(!asked.iter().any(|one| one == "Scan"));
        asked.iter().filter(|one| *one == "Query").count()
    };
    assert_eq!(asked(&[("messageId", "m1@mg.example")]).await, 1);
    assert_eq!(asked(&[("recipientEmail", "a@b.example")]).await, 1);
    assert_eq!(asked(&[]).await, 8);
    assert_eq!(asked(&[("startDate", "1970-01-01")]).await, 92);
}
