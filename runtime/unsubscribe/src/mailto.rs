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
use subscription::{
    Action, Detection, Event, Opened, Opener, Recipient, Registry, Source, Token, Unopened, Wish,
};
use support::{Call, Failed, keyed};
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
            return self.pass_over(None, &Wish::default(), why).await;
        }
        let text = self.received.text();
        let opened = self.token(&text).await?;
        let asked = asked(self.received.subject(), &text, opened.as_ref().map(|opened| opened.stream));
        let wish = asked.wish.clone().unwrap_or_default();
        let (who, known_by) = match (&opened, self.received.from()) {
            (Some(opened), _) => (opened.who.clone(), "token"),
            (None, Some(from)) => match self.received.proof(&from) {
                Some(proof) => (from, proof),
                None => return self.pass_over(Some(&from), &wish, "the sender is not proven").await,
            },
            (None, None) => return self.pass_over(None, &wish, "no single sender").await,
        };
        let detection = self.detection(asked.topics, &asked.reason, known_by);
        let event = Event {
            detection: Some(detection),
            token_ms: opened.map(|opened| opened.made_ms),
            ..Event::new(mail.clone(), Action::Unsubscribe, Source::Mailto)
        };
        let outcome = match &asked.wish {
            Some(wish) => self.registry().apply(&who, wish, self.at_ms(), &event).await.map(|_| true),
            None => {
                let log = self.registry().log().clone();
                log.failure(Some(&who), &event, &wish, self.at_ms(), "NothingAsked").await.map(|()| false)
            }
        };
        let how = match &outcome {
            Ok(true) => "unsubscribed",
            Ok(false) => "nothing was asked for",
            Err(_) => "failed",
        };
        self.log(Some(&who), event.token_ms, known_by, how).await;
        outcome
    }

    /// Records a mail that changes nothing.
    async fn pass_over(
        &self,
        who: Option<&Recipient>,
        wish: &Wish,
        why: &'static str,
    ) -> Result<bool, Failed> {
        let event = Event {
            detection: Some(self.detection(Vec::new(), why, "nobody")),
            ..Event::new(self.received.mail.message_id.clone(), Action::Unsubscribe, Source::Mailto)
        };
        self.log(who, None, "nobody", why).await;
        self.registry().log().failure(who, &event, wish, self.at_ms(), "PassedOver").await?;
        Ok(false)
    }

    /// Who it was, without saying who (R74, A33).
    async fn log(&self, who: Option<&Recipient>, token_ms: Option<i64>, known_by: &str, how: &str) {
        let contact = match who {
            Some(who) => keyed::hashed(self.call, &self.call.variables.log_hashes, who.address()).await,
            None => None,
        };
        info!(
            mail = self.received.mail.message_id,
            token = token_ms.map(support::time::iso),
            contact,
            known_by,
            outcome = how,
            "mail to the unsubscribe address"
        );
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
