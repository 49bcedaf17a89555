//! Calling a function. Nothing runs here: a call is answered `null`, with success, by every version that is ready,
//! unless its code was told to fail ([`Account::break_code`]). `dn serve` is what runs the real code.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{configuration as kept, conflict, functions::resolved, named, not_found, seen};
use crate::{
    Account, blobs,
    services::{Refusal, World, text},
    wire::Reply,
};

/// Codes that fail, by digest.
const BROKEN: &str = "lambda/broken";

impl Account {
    /// From now on every call of this code (64 hexadecimal digits) ends with this type of error, as if its process
    /// could not start. The document stays until [`mend_code`](Self::mend_code).
    ///
    /// # Errors
    /// When the account is kept in a directory that cannot be read or written.
    pub fn break_code(&self, sha256: &str, error_type: &str) -> std::io::Result<()> {
        self.edit(|world| world.put(BROKEN, sha256, json!({ "errorType": error_type })))
    }

    /// Takes [`break_code`](Self::break_code) back.
    ///
    /// # Errors
    /// When the account is kept in a directory that cannot be read or written.
    pub fn mend_code(&self, sha256: &str) -> std::io::Result<()> {
        self.edit(|world| {
            world.remove(BROKEN, sha256);
        })
    }
}

/// What of a version may not be called yet is refused, as AWS does; so is a function that is switched off.
pub(super) fn invoke(input: &Value, world: &World<'_>) -> Result<Reply, Refusal> {
    let (name, qualifier) = named(input);
    let function = seen(name, world)?;
    let absent = || not_found(name, qualifier, world);
    let (found, version) = resolved(function, qualifier).ok_or_else(absent)?;
    let shown = kept::shown(name, found, qualifier, &version, world);
    if function["concurrency"] == 0 {
        return Err(Refusal::new("TooManyRequestsException", "Rate Exceeded.").status(429));
    }
    match text(&shown, "State") {
        "Active" => {}
        state => {
            return Err(conflict(format!(
                "The operation cannot be performed at this time. The function is currently in the following \
                 state: {state}"
            )));
        }
    }
    let executed = ("x-amz-executed-version".to_owned(), version);
    let broken = world.get(BROKEN, text(&found["code"], blobs::MEMBER));
    let (headers, body) = match broken {
        None => (vec![executed], "null".to_owned()),
        Some(broken) => {
            let failed = ("x-amz-function-error".to_owned(), "Unhandled".to_owned());
            let told = json!({ "errorType": broken["errorType"], "errorMessage": "told to fail" });
            (vec![executed, failed], told.to_string())
        }
    };
    Ok(Reply::Raw { status: 200, headers, body: Bytes::from(body) })
}
