//! A pause after a run that was cut off, until AWS shows what that run had made.
//!
//! KMS, IAM and the tagging API are eventually consistent: for seconds after a creation AWS may say that there is
//! nothing (aws-semantics 1.2). Whoever looks in that time makes a second one of what has no name to be refused by: a
//! KMS key, a REST API. Within one run the retries outlast it; only the next process can look too early.

use std::time::Duration;

use model::journal::Journal;

use crate::{Clock, Progress};

/// AWS promises no time; what is made is shown within a second or two.
const HIDDEN: Duration = Duration::from_secs(5);

/// Waits until what a run that was cut off had made can be seen; at most five seconds, and only after such a run.
pub async fn settle(journal: &Journal, clock: &dyn Clock, progress: &dyn Progress) {
    let Some((address, heard_ms)) = journal.cut_off_birth() else { return };
    let gone_by = Duration::from_millis(clock.now_ms().saturating_sub(heard_ms));
    let left = HIDDEN.saturating_sub(gone_by);
    if !left.is_zero() {
        progress.waiting(address, "the last run was cut off while making it: until AWS shows what it made");
        clock.sleep(left).await;
    }
}
