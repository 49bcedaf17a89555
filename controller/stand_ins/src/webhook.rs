//! What Mailgun tells of a message: a signed post to the URL that its customer registered.

use std::time::Duration;

use aws_lc_rs::hmac;
use bytes::Bytes;
use contract::outreach::MailgunSecret;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};

use crate::outbox::Message;

/// How long the customer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of an answer, as much is read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What can be told. Mailgun calls a bounce `failed`, and says by its severity whether it is for good.
pub const EVENTS: [&str; 7] =
    ["delivered", "opened", "clicked", "bounced", "delayed", "complained", "unsubscribed"];

/// The body of a webhook; `None` for an event that is none of [`EVENTS`].
#[must_use]
pub fn body(
    message: &Message,
    event: &str,
    id: &str,
    at_ms: u64,
    credentials: &MailgunSecret,
) -> Option<Value> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century fit a double exactly")]
    let at_s = at_ms as f64 / 1000.0;
    let mut data = json!({
        "id": id,
        "timestamp": at_s,
        "log-level": "info",
        "recipient": message.recipient,
        "domain": message.domain,
        "tags": message.tags,
        "user-variables": message.variables,
        "message": { "headers": {
            "message-id": message.id,
            "to": message.recipient,
            "from": message.from,
            "subject": message.subject,
        } },
    });
    let status =
        |code: u32, text: &str| json!({ "attempt-no": 1, "code": code, "message": text, "description": "" });
    let name = match event {
        "bounced" => {
            data["severity"] = "permanent".into();
            data["delivery-status"] = status(550, "No such mailbox");
            "failed"
        }
        "delayed" => {
            data["severity"] = "temporary".into();
            data["delivery-status"] = status(451, "Try again later");
            "failed"
        }
        "delivered" => {
            data["delivery-status"] = status(250, "OK");
            event
        }
        "opened" | "clicked" => {
            data["client-info"] =
                json!({ "client-name": "Firefox", "client-os": "Linux", "device-type": "desktop" });
            data["geolocation"] = json!({ "country": "US", "region": "GA", "city": "Atlanta" });
            event
        }
        "complained" | "unsubscribed" => event,
        _ => return None,
    };
    data["event"] = name.into();
    let timestamp = (at_ms / 1000).to_string();
    // 50 characters of hexadecimal, as Mailgun's are.
    let token: String = format!("{id:0<50}").chars().filter(char::is_ascii_hexdigit).take(50).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, credentials.webhook_signing_key.as_bytes());
    let signature = hmac::sign(&key, format!("{timestamp}{token}").as_bytes());
    let signature: String = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let signature = json!({ "timestamp": timestamp, "token": token, "signature": signature });
    Some(json!({ "signature": signature, "event-data": data }))
}

/// Posts it, and says what came of it: the status, or why there is none.
pub async fn post(url: &str, body: &Value) -> String {
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())));
    let request = match request {
        Ok(request) => request,
        Err(error) => return error.to_string(),
    };
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    match tokio::time::timeout(PATIENCE, client.request(request)).await {
        Err(_) => format!("no answer in {} s", PATIENCE.as_secs()),
        Ok(Err(error)) => error.to_string(),
        Ok(Ok(answer)) => {
            let status = answer.status().as_u16().to_string();
            // Read to its end, so that whoever answers is not cut off.
            let _ = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
            status
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_signed_with_the_key_of_webhooks() {
        let credentials = MailgunSecret { api_key: "a".into(), webhook_signing_key: "k".into() };
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"k");
        for event in EVENTS {
            let body = body(&Message::default(), event, "0a1b", 1_700_000_000_500, &credentials);
            let body = body.unwrap_or_else(|| panic!("{event}"));
            let part = |name: &str| body["signature"][name].as_str().expect("a text").to_owned();
            assert_eq!((part("timestamp").as_str(), part("token").len()), ("1700000000", 50));
            let signature: Vec<u8> = (0..32)
                .map(|at| {
                    u8::from_str_radix(&part("signature")[2 * at..2 * at + 2], 16).expect("hexadecimal")
                })
                .collect();
            let signed = format!("{}{}", part("timestamp"), part("token"));
            hmac::verify(&key, signed.as_bytes(), &signature).expect("signed");
        }
        assert_eq!(body(&Message::default(), "exploded", "0a1b", 0, &credentials), None);
    }
}
