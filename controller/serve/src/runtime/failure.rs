//! The payloads of functions that failed, as Lambda writes them.

use bytes::Bytes;
use serde_json::json;

/// What an invocation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answer(Bytes),
    /// The function failed; the payload says how.
    Error(Bytes),
    Throttled,
}

fn error(kind: &str, message: &str) -> Outcome {
    Outcome::Error(Bytes::from(json!({ "errorType": kind, "errorMessage": message }).to_string()))
}

pub(super) fn timed_out(request: &str, timeout_s: u32) -> Outcome {
    let message = format!("RequestId: {request} Error: Task timed out after {timeout_s}.00 seconds");
    error("Sandbox.Timedout", &message)
}

/// `how` is what became of the process: `exit status: 1`.
pub(super) fn exited(request: &str, how: &str) -> Outcome {
    error("Runtime.ExitError", &format!("RequestId: {request} Error: Runtime exited with error: {how}"))
}

/// Asked for more work without answering.
pub(super) fn no_answer(request: &str) -> Outcome {
    error("Runtime.NoResponse", &format!("RequestId: {request} Error: the runtime did not answer"))
}

/// The process never asked for work; `why` is what it said itself, or how it ended.
pub(super) fn not_started(why: &str) -> Outcome {
    error("Runtime.InitError", why)
}

pub(super) fn closing() -> Outcome {
    error("ServiceException", "the server is going down")
}

pub(super) fn too_large(bytes_max: usize) -> Outcome {
    let message = format!("Response payload size exceeded maximum allowed payload size ({bytes_max} bytes).");
    error("Function.ResponseSizeTooLarge", &message)
}

/// What a failed function says of itself.
#[must_use]
pub fn message(payload: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
    let (kind, message) = (value["errorType"].as_str(), value["errorMessage"].as_str());
    match (kind, message) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (None, Some(only)) | (Some(only), None) => only.to_owned(),
        (None, None) => String::from_utf8_lossy(payload).into_owned(),
    }
}
