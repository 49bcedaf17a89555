//! Contact list and mirror, brought together on a schedule (R70, A2).
//!
//! First the list is told what it does not know of, then it is read. Both at about one call a second, which
//! is what SES allows (standards 2.2); what a run does not reach the next one goes on with.

use std::{sync::Arc, time::Duration};

use contract::{
    function::{Deployed, Reconcile},
    reply::Code,
    subscription::ReconcileVariables,
};
use serde_json::{Value, json};
use subscription::{
    Registry,
    registry::{Bookmark, CaughtUp, Pace},
};
use support::{Call, Failed};
use tokio::time::Instant;
use tracing::{info, warn};

/// Between two calls of the list.
const PACE: Duration = Duration::from_millis(1_100);

/// What is left of a run when it ends by itself.
const SPARE: Duration = Duration::from_secs(20);

/// Rows that one run tells the list of at most.
const MOST: usize = 1_000;

/// How long a whole reading of the list counts.
const READ_AGAIN_MS: i64 = 6 * 60 * 60 * 1000;

/// One run.
pub(crate) async fn handle(_: Value, call: Arc<Call<Reconcile>>) -> Result<Value, Failed> {
    serve::<Reconcile>(&call).await
}

async fn serve<F: Deployed<Variables = ReconcileVariables>>(call: &Call<F>) -> Result<Value, Failed> {
    let variables = &call.variables;
    let registry =
        Registry::of(&variables.contacts, &variables.audit, &variables.list, &call.aws, call.clock);
    let run = format!("run-{}", call.clock.now_ms());
    let end = Instant::now() + Duration::from_secs(F::FUNCTION.timeout_s.into()).saturating_sub(SPARE);
    // Half of the time at most is for telling, so that what was missed is read too.
    let middle = Instant::now() + (end - Instant::now()) / 2;
    let caught_up = registry.catch_up(MOST, &Pace { between: PACE, end: middle }, &run).await;
    let (pages, changed) = read(&registry, &Pace { between: PACE, end }, &run, call.clock.now_ms()).await?;
    let CaughtUp { told, refused } = match caught_up {
        // Busy: the next run goes on. Anything else would stay so until a person looks, whom a failed run calls.
        Err(failed) if failed.code == Code::Unavailable => {
            warn!(cause = failed.cause, "the contact list is told later");
            CaughtUp::default()
        }
        caught_up => caught_up?,
    };
    info!(told, refused, pages, changed, "reconciled");
    Ok(json!({ "told": told, "refused": refused, "pages": pages, "changed": changed }))
}

/// Reads the list from where the last run ended; returns pages read and rows changed.
async fn read(registry: &Registry, pace: &Pace, run: &str, now_ms: i64) -> Result<(usize, usize), Failed> {
    let mut at = registry.bookmark().await?;
    if at.next.is_none() && at.finished_ms.is_some_and(|finished| now_ms - finished < READ_AGAIN_MS) {
        return Ok((0, 0));
    }
    let (mut pages, mut changed) = (0, 0);
    while pace.next().await {
        let (listed, next) = match registry.list().page(at.next.as_deref()).await {
            Ok(page) => page,
            Err(failed) => {
                // A place in the list may be forgotten by SES: the next run begins anew.
                registry.set_bookmark(&Bookmark { next: None, ..at }).await?;
                return Err(failed);
            }
        };
        changed += registry.take_in(&listed, run).await?;
        pages += 1;
        let finished_ms = if next.is_none() { Some(now_ms) } else { at.finished_ms };
        at = Bookmark { next, finished_ms };
        registry.set_bookmark(&at).await?;
        if at.next.is_none() {
            break;
        }
    }
    Ok((pages, changed))
}
