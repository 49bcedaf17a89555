//! `webhook`: what Mailgun tells of messages (R31-R37, A9, A21).
//!
//! Nothing binds a signature to a body, so the token of each is kept with what it came with: the same again
//! is done again, which changes nothing, and anything else under it is refused. All effects come out the
//! same whatever the order and number of deliveries, and a delivery that failed half-way is completed by
//! the next.

use std::sync::Arc;

use contract::{
    function::Webhook,
    metric as name,
    outreach::{EventType, MailgunSecret, WebhookResponse, WebhookSignature},
    reply::{Code, VERSION},
    stream::Stream,
    table::{Suppression, WebhookTokens},
};
use serde::{Deserialize, Serialize};
use subscription::{
    Action, Registry, Source, Wish,
    suppression::{self, Reason},
};
use support::{
    Call, Failed, Reply, Request, keyed,
    metric::Metric,
    table::{Key, Reader, Writer},
};
use tracing::info;

mod payload;

pub(crate) use payload::Event;
use payload::Payload;

use crate::event;

/// Mailgun repeats a delivery for 8 hours; its last try may be late.
const PAST_S: i64 = (8 * 60 + 15) * 60;
const FUTURE_S: i64 = 5 * 60;
/// For how long a token is kept.
const KEPT_S: i64 = 24 * 60 * 60;
const LONGEST_TOKEN: usize = 256;

/// A token that was seen, and with what.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    token: String,
    /// Of the event.
    digest: String,
    expiration_time: i64,
}

pub(crate) async fn handle(request: Request, call: Arc<Call<Webhook>>) -> Result<Reply, Failed> {
    let payload = Payload::read(&request)?;
    authentic(&payload.signature, &call).await?;
    let event = payload.event()?;
    first_or_same(&payload, &call).await?;
    let fresh = match &event {
        Some(event) => apply(event, &request, &call).await?,
        // Mailgun tells more than we keep.
        None => false,
    };
    let kind = event.as_ref().map(|event| event.kind);
    let recipient = match &event {
        Some(event) => keyed::hashed(&call, &call.variables.log_hashes, event.recipient.address()).await,
        None => None,
    };
    info!(
        request = request.id,
        event = payload.id(),
        kind = kind.map_or("other", EventType::name),
        recipient,
        fresh,
        "webhook"
    );
    let body = WebhookResponse {
        success: true,
        message: "Webhook processed successfully".to_owned(),
        event_id: payload.id().to_owned(),
        event_type: kind.map_or_else(|| payload.name().to_owned(), |kind| kind.name().to_owned()),
        timestamp: call.clock.timestamp(),
        version: VERSION.to_owned(),
    };
    let reply = Reply::json(200, &body);
    Ok(match kind.filter(|_| fresh) {
        Some(kind) => reply.measured(Metric::count(metric(kind), 1)),
        None => reply,
    })
}

fn metric(kind: EventType) -> name::Name {
    match kind {
        EventType::Delivered => name::EMAILS_DELIVERED,
        EventType::Opened => name::EMAILS_OPENED,
        EventType::Clicked => name::EMAILS_CLICKED,
        EventType::Bounced => name::EMAILS_BOUNCED,
        EventType::Complained => name::EMAILS_COMPLAINED,
        EventType::Unsubscribed => name::EMAILS_UNSUBSCRIBED,
        EventType::TemporaryFail => name::EMAILS_DELAYED,
    }
}

fn forged(why: &str) -> Failed {
    Failed::new(Code::InvalidSignature, "Invalid webhook signature").because(why)
}

/// Checks signature and time (R36).
async fn authentic(signature: &WebhookSignature, call: &Call<Webhook>) -> Result<(), Failed> {
    let parts = [&signature.timestamp, &signature.token, &signature.signature];
    if parts.iter().any(|part| part.is_empty() || part.len() > LONGEST_TOKEN) {
        return Err(forged("a part of the signature is missing or too long"));
    }
    let name = &call.variables.mailgun;
    let signed = format!("{}{}", signature.timestamp, signature.token);
    let mut secret: MailgunSecret = call.secrets.get(name, &call.aws, call.clock).await?;
    if !keyed::is_signed(&secret.webhook_signing_key, &signed, &signature.signature) {
        // The key may have been rotated since it was read.
        secret = call.secrets.again(name, &call.aws, call.clock).await?;
        if !keyed::is_signed(&secret.webhook_signing_key, &signed, &signature.signature) {
            return Err(forged("signed by another key"));
        }
    }
    let at_s: i64 = signature.timestamp.parse().map_err(|_| forged("a time that is none"))?;
    let now_s = call.clock.now_s();
    if !(now_s - PAST_S..=now_s + FUTURE_S).contains(&at_s) {
        return Err(forged("too old, or of the future"));
    }
    Ok(())
}

/// Refuses another event under a token that was seen.
async fn first_or_same(payload: &Payload, call: &Call<Webhook>) -> Result<(), Failed> {
    let table = &call.variables.tokens;
    let seen = Seen {
        token: payload.signature.token.clone(),
        digest: payload.digest(),
        expiration_time: call.clock.now_s() + KEPT_S,
    };
    if Writer::<WebhookTokens>::of(table, &call.aws, call.clock).add(&seen).await? {
        return Ok(());
    }
    let rows = Reader::<WebhookTokens>::of(table, &call.aws, call.clock);
    let kept: Option<Seen> = rows.row(Key::of(&seen.token)).await?;
    match kept {
        Some(kept) if kept.digest != seen.digest => Err(forged("a token that was used for another event")),
        _ => Ok(()),
    }
}

/// What an event changes. The event itself is kept last: until then the next delivery is not taken for done.
async fn apply(event: &Event, request: &Request, call: &Call<Webhook>) -> Result<bool, Failed> {
    let variables = &call.variables;
    let reason = match event.kind {
        EventType::Bounced => Some(Reason::Bounce),
        EventType::Complained => Some(Reason::Complaint),
        _ => None,
    };
    if let Some(reason) = reason {
        let rows = Writer::<Suppression>::of(&variables.suppression, &call.aws, call.clock);
        let days = variables.suppression_days.0;
        suppression::suppress(&rows, &event.recipient, reason, event.at_ms, days).await?;
    }
    if event.kind == EventType::Unsubscribed {
        let registry =
            Registry::of(&variables.contacts, &variables.audit, &variables.list, &call.aws, call.clock);
        let record = subscription::Event {
            ip: Some(request.source_ip.clone()).filter(|ip| !ip.is_empty()),
            ..subscription::Event::new(format!("mailgun/{}", event.id), Action::Unsubscribe, Source::Mailgun)
        };
        registry.apply(&event.recipient, &Wish::leave(Stream::Outreach), event.at_ms, &record).await?;
    }
    event::keep(event, event.kind, call).await
}
