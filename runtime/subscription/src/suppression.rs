//! Addresses that must not be sent to: they bounced for good, or complained (R58, A24).

use std::collections::BTreeSet;

use contract::table::Suppression;
use serde::{Deserialize, Serialize};
use support::{
    Failed,
    table::{Key, Reader, Writer, number, text},
};

use crate::Recipient;

const DAY_S: i64 = 24 * 60 * 60;

/// Why an address is not sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Ends after some days.
    Bounce,
    /// Stands for ever.
    Complaint,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    email: String,
    reason: Reason,
    /// Milliseconds since 1970.
    timestamp: i64,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expiration_time: Option<i64>,
}

/// Keeps that an address bounced or complained at this time. The same events leave the same row, whatever
/// their order and number: a bounce never takes the place of a complaint, nor an earlier event that of a
/// later one.
///
/// # Errors
/// When the table does not answer.
pub async fn suppress(
    rows: &Writer<Suppression>,
    who: &Recipient,
    reason: Reason,
    at_ms: i64,
    bounce_days: u32,
) -> Result<(), Failed> {
    let until_s = at_ms.div_euclid(1000) + i64::from(bounce_days) * DAY_S;
    let expiration_time = (reason == Reason::Bounce).then_some(until_s);
    let (stronger, weaker) = match reason {
        Reason::Bounce => ("#reason = :bounce AND #at < :at", "attribute_not_exists(#email)"),
        Reason::Complaint => ("#at < :at", "attribute_not_exists(#email) OR #reason = :bounce"),
    };
    let row = Row { email: who.address().to_owned(), reason, timestamp: at_ms, expiration_time };
    let put = rows
        .put(&row)?
        .condition_expression(format!("{weaker} OR ({stronger})"))
        .expression_attribute_names("#email", "email")
        .expression_attribute_names("#reason", "reason")
        .expression_attribute_names("#at", "timestamp")
        .expression_attribute_values(":bounce", text("bounce"))
        .expression_attribute_values(":at", number(at_ms));
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error) if support::aws::code_of(&error) == Some("ConditionalCheckFailedException") => Ok(()),
        Err(error) => Err(support::aws::failed("PutItem", &error)),
    }
}

/// Those of the recipients who must not be sent to.
///
/// # Errors
/// When the table does not answer: then nobody may be sent to.
pub async fn suppressed(
    rows: &Reader<Suppression>,
    recipients: &BTreeSet<Recipient>,
) -> Result<BTreeSet<Recipient>, Failed> {
    let keys = recipients.iter().map(|who| Key::of(who.address())).collect();
    let rows: Vec<Row> = rows.rows(keys).await?;
    Ok(rows.iter().filter_map(|row| Recipient::parse(&row.email)).collect())
}
