//! What SES tells of contacts and addresses, from the queue: who used its own unsubscribe link, what bounced
//! for good, and who complained (R58, R70, A1, A24).

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use contract::{
    function::{Deployed, MailEvents},
    stream::Stream,
    subscription::{MailEventsVariables, Status},
    table::Suppression,
};
use serde::Deserialize;
use subscription::{
    Action, Event, Recipient, Registry, Source, Wish,
    suppression::{self, Reason},
};
use support::{Call, Failed, keyed, table::Writer};
use tracing::{info, warn};

/// How long a call works on its messages; the rest comes again.
const PATIENCE: Duration = Duration::from_secs(45);

/// The messages of one call: those that could not be worked off are named, and come again.
pub(crate) async fn handle(event: SqsEvent, call: Arc<Call<MailEvents>>) -> Result<SqsBatchResponse, Failed> {
    Ok(serve::<MailEvents>(event, &call).await)
}

async fn serve<F: Deployed<Variables = MailEventsVariables>>(
    event: SqsEvent,
    call: &Call<F>,
) -> SqsBatchResponse {
    let begun = Instant::now();
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let id = message.message_id.unwrap_or_default();
        let outcome = match begun.elapsed() < PATIENCE {
            true => take(message.body.as_deref().unwrap_or_default(), &id, call).await,
            false => Err(Failed::unavailable("no time left")),
        };
        if let Err(failed) = outcome {
            let cause = failed.cause.unwrap_or(failed.message);
            warn!(message = id, code = ?failed.code, cause, "an event comes again");
            let mut again = BatchItemFailure::default();
            again.item_identifier = id;
            response.batch_item_failures.push(again);
        }
    }
    response
}

/// One event. What nobody could ever read fails too, and ends among the dead letters, where people see it.
async fn take<F: Deployed<Variables = MailEventsVariables>>(
    body: &str,
    message: &str,
    call: &Call<F>,
) -> Result<(), Failed> {
    let told: Told = parsed(body)?;
    let mail = told.mail.message_id.clone();
    let kind = told.event_type.or(told.notification_type).unwrap_or_default();
    match kind.as_str() {
        "Subscription" => {
            let subscription = told.subscription.ok_or_else(|| malformed("no subscription"))?;
            subscribe(&subscription, &told.mail, call).await
        }
        "Bounce" => {
            let bounce = told.bounce.ok_or_else(|| malformed("no bounce"))?;
            // A passing failure says nothing of the next mail (standards 2.3).
            if bounce.bounce_type != "Permanent" {
                return Ok(());
            }
            suppress(Reason::Bounce, &bounce.bounced_recipients, &bounce.timestamp, &mail, call).await
        }
        "Complaint" => {
            let complaint = told.complaint.ok_or_else(|| malformed("no complaint"))?;
            if complaint.complaint_feedback_type.as_deref() == Some("not-spam") {
                return Ok(());
            }
            let who = &complaint.complained_recipients;
            suppress(Reason::Complaint, who, &complaint.timestamp, &mail, call).await
        }
        "" => Err(malformed("no type")),
        other => {
            info!(message, event = other, "an event of another sort");
            Ok(())
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    #[serde(default)]
    event_type: Option<String>,
    #[serde(default)]
    notification_type: Option<String>,
    #[serde(default)]
    mail: Mail,
    #[serde(default)]
    subscription: Option<Subscribed>,
    #[serde(default)]
    bounce: Option<Bounced>,
    #[serde(default)]
    complaint: Option<Complained>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    #[serde(default)]
    message_id: String,
    #[serde(default)]
    destination: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscribed {
    contact_list: String,
    timestamp: String,
    #[serde(default)]
    new_topic_preferences: Topics,
    #[serde(default)]
    old_topic_preferences: Topics,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Topics {
    #[serde(default)]
    unsubscribe_all: bool,
    #[serde(default)]
    topic_subscription_status: Vec<Topic>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Topic {
    topic_name: String,
    /// `OptIn` or `OptOut`: events write it otherwise than the API.
    subscription_status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounced {
    bounce_type: String,
    bounced_recipients: Vec<Address>,
    timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complained {
    #[serde(default)]
    complaint_feedback_type: Option<String>,
    complained_recipients: Vec<Address>,
    timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    email_address: String,
}

/// The event itself, also where SNS wrapped it.
fn parsed(body: &str) -> Result<Told, Failed> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Wrapped {
        message: String,
    }
    let inner = serde_json::from_str::<Wrapped>(body).map(|wrapped| wrapped.message);
    serde_json::from_str(inner.as_deref().unwrap_or(body)).map_err(|_| malformed("no JSON of SES"))
}

fn malformed(why: &str) -> Failed {
    Failed::internal(format!("an event that cannot be read: {why}"))
}

fn at_ms(timestamp: &str) -> Result<i64, Failed> {
    let at = timestamp.parse::<jiff::Timestamp>().map_err(|_| malformed("its time"))?;
    Ok(at.as_millisecond())
}

impl Topics {
    fn statuses(&self) -> BTreeMap<Stream, Status> {
        let topics = self.topic_subscription_status.iter();
        let status = |text: &str| match text {
            "OptOut" | "OPT_OUT" => Some(Status::OptOut),
            "OptIn" | "OPT_IN" => Some(Status::OptIn),
            _ => None,
        };
        topics
            .filter_map(|topic| {
                Some((Stream::of_topic(&topic.topic_name)?, status(&topic.subscription_status)?))
            })
            .collect()
    }
}

impl Subscribed {
    /// What the person changed; SES tells all preferences each time.
    fn wish(&self) -> Wish {
        let (new, old) = (&self.new_topic_preferences, &self.old_topic_preferences);
        if new.unsubscribe_all {
            return Wish::leave_everything();
        }
        let before = old.statuses();
        let back = old.unsubscribe_all;
        let mut streams = new.statuses();
        streams.retain(|stream, status| back || before.get(stream) != Some(status));
        Wish { streams, everything: back.then_some(Status::OptIn) }
    }
}

async fn subscribe<F: Deployed<Variables = MailEventsVariables>>(
    told: &Subscribed,
    mail: &Mail,
    call: &Call<F>,
) -> Result<(), Failed> {
    let variables = &call.variables;
    if told.contact_list != variables.list.name() {
        info!("an event of another contact list");
        return Ok(());
    }
    // SES offers its link in mail to one recipient only (A1).
    let [address] = &mail.destination[..] else { return Err(malformed("no single recipient")) };
    let who = Recipient::of_stranger(address).ok_or_else(|| malformed("its recipient"))?;
    let wish = told.wish();
    let event = Event::new(format!("{}/{}", mail.message_id, told.timestamp), Action::of(&wish), Source::Ses);
    let registry =
        Registry::of(&variables.contacts, &variables.audit, &variables.list, &call.aws, call.clock);
    let outcome = registry.apply(&who, &wish, at_ms(&told.timestamp)?, &event).await;
    log("Subscription", &mail.message_id, &who, outcome.is_ok(), call).await;
    outcome.map(drop)
}

/// Whom an event is about, without saying who (R74, A33). Events of SES carry no token.
async fn log<F: Deployed<Variables = MailEventsVariables>>(
    event: &str,
    mail: &str,
    who: &Recipient,
    done: bool,
    call: &Call<F>,
) {
    let contact = keyed::hashed(call, &call.variables.log_hashes, who.address()).await;
    info!(mail, event, contact, outcome = if done { "done" } else { "failed" }, "an event of SES");
}

/// SES keeps a list of its own of both, which it checks by itself.
async fn suppress<F: Deployed<Variables = MailEventsVariables>>(
    reason: Reason,
    addresses: &[Address],
    timestamp: &str,
    mail: &str,
    call: &Call<F>,
) -> Result<(), Failed> {
    let at_ms = at_ms(timestamp)?;
    let rows = Writer::<Suppression>::of(&call.variables.suppression, &call.aws, call.clock);
    for address in addresses {
        let Some(who) = Recipient::parse(&address.email_address) else { continue };
        let days = call.variables.suppression_days.0;
        let outcome = suppression::suppress(&rows, &who, reason, at_ms, days).await;
        log(&format!("{reason:?}"), mail, &who, outcome.is_ok(), call).await;
        outcome?;
    }
    Ok(())
}
