//! Requests of users, counted in a table that all instances share: of one a minute (R103), of one a day and of all a
//! day (A10: a usage plan counts keys, and these callers have none).

use contract::{
    api::user_limits_of,
    function::Deployed,
    reply::Code,
    table::RateLimits,
    variable::{Table, Writes},
};
use tokio::try_join;

use crate::{
    Call, Failed, Tools,
    table::{Key, Writer, number},
};

/// For how long a counter is kept after its minute or day.
const KEPT_S: i64 = 3600;
const MINUTE_S: i64 = 60;
const DAY_S: i64 = 24 * 60 * 60;

/// Counts a request of this user to the function's endpoint: three writes at the same time.
///
/// # Errors
/// When the user has had the requests of this minute or day, or all users those of this day, with the seconds until the
/// next.
pub async fn admit<F: Deployed, M: Writes>(
    call: &Call<F>,
    limits: &Table<RateLimits, M>,
    uid: &str,
) -> Result<(), Failed> {
    // Looked up when compiled: the list of endpoints leads to all schemas, which no function needs.
    let of = const { user_limits_of(F::FUNCTION.name) };
    let Some(of) = of else { return Ok(()) };
    let counters = &Counters { tools: call, writer: Writer::of(limits, &call.aws, call.clock) };
    let user = format!("user#{uid}#");
    let minute = Limit { subject: user.clone() + of.endpoint, most: of.a_minute, every_s: MINUTE_S };
    let day = Limit { subject: user + "of#" + of.api, most: of.a_day, every_s: DAY_S };
    let all = Limit { subject: format!("all#{}", of.api), most: of.a_day_of_all, every_s: DAY_S };
    let (minute, day, all) = try_join!(counters.left(&minute), counters.left(&day), counters.left(&all))?;
    let refused = [
        (minute, "Too many requests from this user"),
        (day, "Too many requests from this user today"),
        (all, "Too many requests today"),
    ];
    // The longest wait is the one that helps.
    match refused.into_iter().filter_map(|(wait, why)| Some((wait?, why))).max() {
        None => Ok(()),
        Some((wait, why)) => Err(Failed::new(Code::RateLimitExceeded, why).retry_after(wait)),
    }
}

/// So many requests of a subject in each so many seconds since 1970.
struct Limit {
    subject: String,
    most: u32,
    every_s: i64,
}

struct Counters<'c> {
    tools: &'c Tools,
    writer: Writer<RateLimits>,
}

impl Counters<'_> {
    /// Counts one request; seconds until the next is let through, where this one is not.
    async fn left(&self, of: &Limit) -> Result<Option<u32>, Failed> {
        let now_s = self.tools.clock.now_s();
        let (period, left_s) = (now_s.div_euclid(of.every_s), of.every_s - now_s.rem_euclid(of.every_s));
        let counted = self
            .writer
            .update(Key::of(&format!("{}#{period}", of.subject)))
            .update_expression("ADD #count :one SET #expiry = :expiry")
            .expression_attribute_names("#count", "count")
            .expression_attribute_names("#expiry", "expirationTime")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":expiry", number(now_s + left_s + KEPT_S));
        let count = self.writer.counted(counted, "count").await?;
        Ok((count > i64::from(of.most)).then(|| u32::try_from(left_s).unwrap_or(u32::MAX)))
    }
}
