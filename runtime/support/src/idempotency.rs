//! Requests that may be sent twice: with an `Idempotency-Key` the second one gets the answer of the first.

use contract::{
    table::RateLimits,
    variable::{ReadWrite, Table},
};
use serde::{Deserialize, Serialize};

use crate::{
    Failed, Reply, Request, Tools, keyed,
    table::{Key, Reader, Writer},
};

/// The header that names a request.
pub const HEADER: &str = "idempotency-key";

/// The longest name of a request.
const LONGEST: usize = 255;
/// For how long an answer is kept.
const KEPT_S: i64 = 24 * 60 * 60;

/// A request as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    subject: String,
    /// Of the body: one name is one request.
    digest: String,
    /// Absent until it is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
    expiration_time: i64,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    status: u16,
    body: String,
}

/// A request that is being answered for the first time.
#[derive(Debug)]
pub struct Begun(Option<(String, String)>);

/// What to do with a request.
#[derive(Debug)]
pub enum Turn {
    /// It is new.
    First(Begun),
    /// It was answered: this is how.
    Again(Reply),
}

/// Claims a request for its user.
///
/// # Errors
/// When its name is malformed or was used for another body, and while the first one has no answer.
pub async fn begin(
    request: &Request,
    call: &Tools,
    table: &Table<RateLimits, ReadWrite>,
    function: &str,
    uid: &str,
) -> Result<Turn, Failed> {
    let Some(name) = request.headers.get(HEADER) else { return Ok(Turn::First(Begun(None))) };
    let name = name.to_str().unwrap_or_default();
    if name.is_empty() || name.len() > LONGEST {
        return Err(Failed::invalid(format!(
            "Idempotency-Key must have 1 to {LONGEST} printable characters"
        )));
    }
    let (writer, reader) =
        (Writer::of(table, &call.aws, call.clock), Reader::of(table, &call.aws, call.clock));
    let name = keyed::digest(name.as_bytes());
    let subject = format!("request#{function}#{uid}#{name}");
    let digest = keyed::digest(&request.body);
    let expiration_time = call.clock.now_s() + KEPT_S;
    let row = Row { subject: subject.clone(), digest: digest.clone(), answer: None, expiration_time };
    if writer.add(&row).await? {
        return Ok(Turn::First(Begun(Some((subject, digest)))));
    }
    let kept: Option<Row> = reader.row(Key::of(&subject)).await?;
    let unanswered = "The request of this Idempotency-Key is being answered, or how it ended is not known";
    match kept {
        Some(kept) if kept.digest != digest => {
            Err(Failed::invalid("Idempotency-Key was used for another request"))
        }
        Some(Row { answer: Some(answer), .. }) => Ok(Turn::Again(Reply::of_json(answer.status, answer.body))),
        _ => Err(Failed { message: unanswered.to_owned(), ..Failed::unavailable("sent twice at once") }),
    }
}

impl Begun {
    /// Keeps the answer for who asks again.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn answered(
        self,
        reply: &Reply,
        call: &Tools,
        table: &Table<RateLimits, ReadWrite>,
    ) -> Result<(), Failed> {
        let Some((subject, digest)) = self.0 else { return Ok(()) };
        let answer = Some(Answer { status: reply.status, body: reply.body.clone() });
        let row = Row { subject, digest, answer, expiration_time: call.clock.now_s() + KEPT_S };
        let put = Writer::of(table, &call.aws, call.clock).put(&row)?;
        put.send().await.map(|_| ()).map_err(|error| crate::aws::failed("PutItem", &error))
    }

    /// Gives the claim back: nothing was done, and the caller may try again.
    pub async fn undone(self, call: &Tools, table: &Table<RateLimits, ReadWrite>) {
        let Some((subject, _)) = self.0 else { return };
        // Where this fails the claim ends with its expiry.
        let _ = Writer::of(table, &call.aws, call.clock).delete(Key::of(&subject)).send().await;
    }
}
