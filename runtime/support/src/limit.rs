//! Requests of one user a minute, counted in a table that all instances share (R103).

use contract::{
    api::user_rate_of,
    function::Deployed,
    reply::Code,
    table::RateLimits,
    variable::{Table, Writes},
};

use crate::{
    Call, Failed, Tools,
    table::{Key, Writer, number},
};

/// How long a counter is kept after its minute.
const KEPT_S: i64 = 3600;

/// Counts a request of this user to the function's endpoint: one write.
///
/// # Errors
/// When the user has had the requests of this minute, with the seconds until the next.
pub async fn admit<F: Deployed, M: Writes>(
    call: &Call<F>,
    limits: &Table<RateLimits, M>,
    uid: &str,
) -> Result<(), Failed> {
    // Looked up when compiled: the list of endpoints leads to all schemas, which no function needs.
    let rate = const { user_rate_of(F::FUNCTION.name) };
    let Some((endpoint, rate)) = rate else { return Ok(()) };
    count(call, &Writer::of(limits, &call.aws, call.clock), endpoint, rate, uid).await
}

async fn count(
    call: &Tools,
    writer: &Writer<RateLimits>,
    endpoint: &str,
    rate: u32,
    uid: &str,
) -> Result<(), Failed> {
    let now_s = call.clock.now_s();
    let (minute, left_s) = (now_s.div_euclid(60), 60 - now_s.rem_euclid(60));
    let counted = writer
        .update(Key::of(&format!("user#{uid}#{endpoint}#{minute}")))
        .update_expression("ADD #count :one SET #expiry = :expiry")
        .expression_attribute_names("#count", "count")
        .expression_attribute_names("#expiry", "expirationTime")
        .expression_attribute_values(":one", number(1))
        .expression_attribute_values(":expiry", number(now_s + KEPT_S));
    let count = writer.counted(counted, "count").await?;
    if count <= i64::from(rate) {
        return Ok(());
    }
    let wait = u32::try_from(left_s).unwrap_or(60);
    Err(Failed::new(Code::RateLimitExceeded, "Too many requests from this user").retry_after(wait))
}
