//! Random and mutated requests: never a panic, never a failure of ours.

use contract::function::{CampaignStats, SendEmail, SendTemplateEmail, TrackingData, Webhook};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::Request;

use crate::{
    send, stats, tracking,
    trial::{NOW, Trial, event, get, post, signature, webhook_signed},
    webhook,
};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[a-z]{1,3}@[a-z]{1,3}\\.[a-z]{2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inside| {
        prop_oneof![
            proptest::collection::vec(inside.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(".{0,8}", inside, 0..6)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// A document with one of its members, at any depth, replaced.
fn mutated(mut document: Value, at: &[usize], with: Value) -> Value {
    let mut inside = &mut document;
    for step in at {
        let length = match inside {
            Value::Object(members) => members.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        if length == 0 {
            break;
        }
        let index = step % length;
        inside = match inside {
            Value::Object(members) => members.values_mut().nth(index).expect("a member"),
            other => &mut other[index],
        };
    }
    *inside = with;
    document
}

fn mail() -> Value {
    json!({
        "to": ["a@b.example"], "subject": "s", "html": "h", "text": "t", "from": "f@b.example",
        "replyTo": "r@b.example", "tags": ["x"], "customVariables": { "a": "b" }, "template": "t",
        "templateVariables": { "a": { "b": ["c"] } },
        "trackingSettings": { "opens": true, "clicks": true, "unsubscribes": true },
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_request_is_too_much(
        document in any_json(),
        at in proptest::collection::vec(0_usize..12, 1..4),
        bytes in proptest::collection::vec(any::<u8>(), 0..100),
        texts in proptest::collection::vec(".{0,30}", 7),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
        runtime.block_on(async {
            let trial = Trial::begin().await;
            let mut statuses = Vec::new();
            let mails = [document.clone(), mutated(mail(), &at, document.clone())];
            let raw = Request { body: bytes.clone(), ..post("u1", &Value::Null) };
            for asked in mails.iter().map(|body| post("u1", body)).chain([raw]) {
                statuses.push(send::email(asked.clone(), trial.call::<SendEmail>(NOW)).await);
                statuses.push(send::template_email(asked, trial.call::<SendTemplateEmail>(NOW)).await);
            }
            let names = ["limit", "offset", "startDate", "endDate", "tags", "campaignId", "messageId"];
            let texts = texts.iter().map(String::as_str);
            let query: Vec<(&str, &str)> = names.into_iter().zip(texts).collect();
            for some in [&query[..], &query[4..], &query[2..3]] {
                statuses.push(stats::handle(get("u1", some), trial.call::<CampaignStats>(NOW)).await);
                statuses.push(tracking::handle(get("u1", some), trial.call::<TrackingData>(NOW)).await);
            }
            let told = event("e1", "unsubscribed", "a@b.example", 0.0);
            let signed = signature(NOW / 1000, "t1");
            let whole = json!({ "signature": signed, "event-data": told });
            let mutant = mutated(whole, &at, document.clone()).to_string().into_bytes();
            for asked in [
                webhook_signed(&signature(NOW / 1000, "t2"), &mutated(told, &at, document.clone())),
                Request { body: mutant, ..webhook_signed(&signed, &Value::Null) },
                Request { body: bytes.clone(), ..webhook_signed(&signed, &Value::Null) },
                Request { body: bytes.clone(), ..crate::trial::webhook_form(&[]) },
            ] {
                statuses.push(webhook::handle(asked, trial.call::<Webhook>(NOW)).await);
            }
            for status in &statuses {
                let cause = status.as_ref().err().and_then(|failed| failed.cause.clone()).unwrap_or_default();
                prop_assert!(!cause.contains('@'), "{cause}");
            }
            for status in statuses {
                let status = status.map_or_else(|failed| failed.code.status(), |reply| reply.status);
                prop_assert!(status < 500, "{status}");
            }
            Ok(())
        })?;
    }
}
