//! An event of a message: its row, and how it is counted once whatever the number and order of its
//! deliveries.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::SdkError, operation::transact_write_items::TransactWriteItemsError, types::TransactWriteItem,
};
use contract::{
    function::Webhook,
    outreach::{ClientInfo, DeliveryStatus, EventType, Geolocation, TrackingEvent},
    table::{Events, Messages},
};
use serde::{Deserialize, Serialize};
use support::{
    Call, Failed,
    aws::failed,
    table::{Key, Writer, number},
};

use crate::{period, webhook::Event};

/// How the range keys of events begin; markers begin otherwise.
pub(crate) const EVENT: &str = "id#";
/// How often a transaction is tried again that another one was in the way of.
const ATTEMPTS: u32 = 6;

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) message_id: String,
    /// [`EVENT`] and the provider's id.
    pub(crate) event: String,
    pub(crate) recipient: String,
    /// Milliseconds since 1970.
    pub(crate) timestamp: i64,
    pub(crate) day: String,
    pub(crate) type_day: String,
    #[serde(rename = "type")]
    pub(crate) kind: EventType,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delivery_status: Option<DeliveryStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_info: Option<ClientInfo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) geolocation: Option<Geolocation>,
    pub(crate) expiration_time: i64,
}

/// Says that a recipient was counted: in no index, so that no list of events has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    message_id: String,
    event: String,
    expiration_time: i64,
}

impl Row {
    /// As callers see it.
    pub(crate) fn shown(self) -> TrackingEvent {
        TrackingEvent {
            message_id: self.message_id,
            event: self.kind,
            timestamp: support::time::iso(self.timestamp),
            recipient: self.recipient,
            tags: self.tags,
            delivery_status: self.delivery_status,
            client_info: self.client_info,
            geolocation: self.geolocation,
        }
    }
}

/// How a transaction ended.
enum Ended {
    Done,
    /// The condition of this item did not hold.
    Refused(usize),
    /// Another one was in the way.
    Overtaken,
}

/// Keeps an event, and counts its recipient for the message unless an event of this type did. Tells whether
/// it was new.
pub(crate) async fn keep(event: &Event, kind: EventType, call: &Call<Webhook>) -> Result<bool, Failed> {
    let day = period::day(event.at_ms);
    let row = Row {
        message_id: event.message_id.clone(),
        event: format!("{EVENT}{}", event.id),
        recipient: event.recipient.address().to_owned(),
        timestamp: event.at_ms,
        type_day: format!("{}#{day}", kind.name()),
        day,
        kind,
        tags: event.tags.clone(),
        delivery_status: event.delivery_status.clone(),
        client_info: event.client_info.clone(),
        geolocation: event.geolocation.clone(),
        expiration_time: period::expiry_s(event.at_ms, &call.variables.days),
    };
    let events = Writer::<Events>::of(&call.variables.events, &call.aws, call.clock);
    // A failure that passes is no number of the statistics (A21).
    if kind == EventType::TemporaryFail {
        return events.add(&row).await;
    }
    // What stands for several events ends with none of them, so that their order leaves no trace.
    let expiration_time = period::expiry_s(call.clock.now_ms(), &call.variables.days);
    let marker = Marker {
        message_id: event.message_id.clone(),
        event: format!("counted#{}#{}", kind.name(), event.recipient.address()),
        expiration_time,
    };
    let messages = Writer::<Messages>::of(&call.variables.messages, &call.aws, call.clock);
    let count = messages.updating(
        Key::of(&event.message_id),
        "ADD #count :one SET #expiry = if_not_exists(#expiry, :expiry)",
        &[("#count", kind.name()), ("#expiry", "expirationTime")],
        vec![(":one", number(1)), (":expiry", number(expiration_time))],
    )?;
    let items = [
        TransactWriteItem::builder().put(events.adding(&row)?).build(),
        TransactWriteItem::builder().put(events.adding(&marker)?).build(),
        TransactWriteItem::builder().update(count).build(),
    ];
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(10 << attempt)).await;
        }
        match transact(&items, call).await? {
            Ended::Done => return Ok(true),
            Ended::Refused(0) => return Ok(false),
            // The recipient was counted by another event of this type.
            Ended::Refused(_) => return events.add(&row).await,
            Ended::Overtaken => {}
        }
    }
    Err(Failed::unavailable("the message is changed by too many at once"))
}

async fn transact(items: &[TransactWriteItem], call: &Call<Webhook>) -> Result<Ended, Failed> {
    let sent =
        call.aws.dynamodb().transact_write_items().set_transact_items(Some(items.to_vec())).send().await;
    let Err(error) = sent else { return Ok(Ended::Done) };
    let SdkError::ServiceError(refused) = &error else { return Err(failed("TransactWriteItems", &error)) };
    match refused.err() {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            let code = |wanted: &str| {
                cancelled.cancellation_reasons().iter().position(|reason| reason.code() == Some(wanted))
            };
            match (code("ConditionalCheckFailed"), code("TransactionConflict")) {
                (Some(item), _) => Ok(Ended::Refused(item)),
                (None, Some(_)) => Ok(Ended::Overtaken),
                // Capacity: Mailgun tries again.
                (None, None) => Err(Failed::unavailable("TransactWriteItems: cancelled")),
            }
        }
        TransactWriteItemsError::TransactionInProgressException(_) => Ok(Ended::Overtaken),
        _ => Err(failed("TransactWriteItems", &error)),
    }
}
