//! Mail to the unsubscribe address: SES, SNS, and this (R66).
//!
//! The sender must be certain. A token in the mail says who asks; without one `From` counts, but only when
//! SES vouches for it. Auto-replies, bounces and spam are passed over; every mail leaves a record.

use std::sync::Arc;

use aws_lambda_events::sns::SnsEvent;
use contract::{
    function::{Deployed, Mailto},
    stream::Stream,
    subscription::MailtoVariables,
};
use serde_json::{Value, json};
use subscription::{Action, Detection, Event, Opened, Opener, Recipient, Registry, Source, Token, Unopened};
use support::{Call, Failed};
use tracing::{info, warn};

use crate::{
    detection::{asked, unquoted},
    inbound::Received,
};

/// Tokens of one mail that KMS is asked about.
const TOKENS: usize = 3;

/// Characters of a subject that are recorded.
const SUBJECT: usize = 200;

/// The messages of one call.
pub(crate) async fn handle(event: SnsEvent, call: Arc<Call<Mailto>>) -> Result<Value, Failed> {
    serve::<Mailto>(event, &call).await
}

async fn serve<F: Deployed<Variables = MailtoVariables>>(
    event: SnsEvent,
    call: &Call<F>,
) -> Result<Value, Failed> {
    let mut unsubscribed = 0;
    for record in event.records {
        let Ok(received) = serde_json::from_str::<Received>(&record.sns.message) else {
            // Nothing that comes again could be read.
            warn!(message = record.sns.message_id, "a message that is no notification of SES");
            continue;
        };
        if received.notification_type != "Received" {
            info!(message = record.sns.message_id, "a notification of another sort");
            continue;
        }
        unsubscribed += usize::from(Inbound { received, call }.serve().await?);
    }
    Ok(json!({ "unsubscribed": unsubscribed }))
}

struct Inbound<'a, F: Deployed> {
    received: Received,
    call: &'a Call<F>,
}

impl<F: Deployed<Variables = MailtoVariables>> Inbound<'_, F> {
    fn registry(&self) -> Registry {
        let variables = &self.call.variables;
        Registry::of(&variables.contacts, &variables.audit, &variables.list, &self.call.aws, self.call.clock)
    }

    /// Milliseconds since 1970.
    fn at_ms(&self) -> i64 {
        let at = self.received.mail.timestamp.parse::<jiff::Timestamp>();
        at.map_or_else(|_| self.call.clock.now_ms(), jiff::Timestamp::as_millisecond)
    }

    /// Whether it unsubscribed somebody.
    async fn serve(&self) -> Result<bool, Failed> {
        let mail = &self.received.mail.message_id;
        if let Some(why) = self.received.refused() {
            info!(mail, why, "passed over");
            self.keep(None, why).await?;
            return Ok(false);
        }
        let text = self.received.text();
        let opened = self.token(&text).await?;
        let (who, known_by) = match (&opened, self.received.from()) {
            (Some(opened), _) => (opened.who.clone(), "token"),
            (None, Some(from)) => match self.received.proof(&from) {
                Some(proof) => (from, proof),
                None => return self.pass_over(Some(&from), "the sender is not proven").await,
            },
            (None, None) => return self.pass_over(None, "no single sender").await,
        };
        let asked = asked(self.received.subject(), &text, opened.as_ref().map(|opened| opened.stream));
        let detection = self.detection(asked.topics, &asked.reason, known_by);
        let event = Event {
            detection: Some(detection),
            token_ms: opened.map(|opened| opened.made_ms),
            ..Event::new(mail.clone(), Action::Unsubscribe, Source::Mailto)
        };
        let Some(wish) = asked.wish else {
            self.registry().log().failure(Some(&who), &event, self.at_ms(), "NothingAsked").await?;
            return Ok(false);
        };
        self.registry().apply(&who, &wish, self.at_ms(), &event).await?;
        info!(mail, known_by, "unsubscribed by mail");
        Ok(true)
    }

    async fn pass_over(&self, who: Option<&Recipient>, why: &'static str) -> Result<bool, Failed> {
        info!(mail = self.received.mail.message_id, why, "passed over");
        self.keep(who, why).await?;
        Ok(false)
    }

    /// Records a mail that changes nothing.
    async fn keep(&self, who: Option<&Recipient>, why: &str) -> Result<(), Failed> {
        let event = Event {
            detection: Some(self.detection(Vec::new(), why, "nobody")),
            ..Event::new(self.received.mail.message_id.clone(), Action::Unsubscribe, Source::Mailto)
        };
        self.registry().log().failure(who, &event, self.at_ms(), "PassedOver").await
    }

    fn detection(&self, topics: Vec<String>, reason: &str, known_by: &str) -> Detection {
        let words = self.received.subject().split_whitespace();
        let words = words.map(|word| if Token::parse(word).is_some() { "[token]" } else { word });
        let subject: String = words.collect::<Vec<_>>().join(" ").chars().take(SUBJECT).collect();
        Detection { subject, topics, reason: reason.to_owned(), known_by: known_by.to_owned() }
    }

    /// The first authentic token of subject and text, whatever its age.
    async fn token(&self, text: &str) -> Result<Option<Opened>, Failed> {
        let opener = Opener::new(&self.call.aws, &self.call.variables.key);
        let whole = format!("{}\n{}", self.received.subject(), unquoted(text));
        let first = match whole.to_lowercase().contains(Stream::Financial.topic()) {
            true => [Stream::Financial, Stream::Outreach],
            false => [Stream::Outreach, Stream::Financial],
        };
        let part = |one: char| !(one.is_ascii_alphanumeric() || one == '-' || one == '_');
        let tokens = whole.split(part).filter(|word| Token::parse(word).is_some()).take(TOKENS);
        for token in tokens {
            for stream in first {
                match opener.open(token, stream, self.call.clock.now_ms()).await {
                    Ok(opened) => return Ok(Some(opened)),
                    Err(Unopened::Invalid) => {}
                    Err(Unopened::Unasked(failed)) => return Err(failed),
                }
            }
        }
        Ok(None)
    }
}
