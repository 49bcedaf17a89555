//! Writing to CloudFront: every change names the version that was looked at, every birth has its own reference.

use std::future::Future;

use model::{Fault, fault::Cause};

use super::mark;
use crate::{
    Live, Place, Resource, Writer,
    aws::{CallError, Waiting},
};

/// Other hands may move a version on this often before we give up.
const VERSIONS_MAX: u32 = 5;
const GENERATIONS_MAX: u32 = 50;

/// Whether the version that a write named is not the live one any more.
pub(in crate::kinds) fn is_outdated(error: &CallError) -> bool {
    error.is("PreconditionFailed") || error.is("InvalidIfMatchVersion")
}

/// The fields moved between a look and a write.
pub(in crate::kinds) fn moved(at: &Place, what: &str) -> Fault {
    Fault::Stale { address: Box::new(at.address.clone()), found: what.to_owned() }
}

pub(super) fn keeps_moving(at: &Place) -> Fault {
    let cause = Cause::new("somebody else keeps changing it").at(&at.address);
    Fault::Transient(cause.hint("run it again when they are done"))
}

/// Writes over the version that was looked at. A version moves on with any change, also of what we do not manage
/// (aws-semantics 1.1): when every field is still as it was seen, the write is made over the newer one.
pub(in crate::kinds) async fn over_version<R, T, F, Fut>(
    at: &Place,
    mut live: Live<R>,
    aws: &Writer,
    write: F,
) -> Result<T, Fault>
where
    R: Resource,
    F: Fn(String) -> Fut + Send + Sync,
    Fut: Future<Output = Result<T, CallError>> + Send,
    T: Send,
{
    for _ in 0..VERSIONS_MAX {
        match write(live.token.clone().unwrap_or_default()).await {
            Err(error) if is_outdated(&error) => {
                let Some(now) = R::observe(at, aws.fresh().reader()).await? else {
                    return Err(moved(at, "it is gone by now"));
                };
                if now.actual != live.actual {
                    return Err(moved(at, "a field was changed since"));
                }
                live = now;
            }
            other => return other.map_err(Fault::from),
        }
    }
    Err(keeps_moving(at))
}

/// What a birth ended with.
pub(in crate::kinds) enum Born<T, R> {
    Made(T),
    /// An earlier attempt made it, and lists did not show it yet.
    Before(Live<R>),
}

/// Makes it once, however often that is asked for. `taken` is the error that says that name or reference were used
/// before: then either it appears in the lists, or the reference was that of something deleted, and the next
/// generation's is tried.
pub(in crate::kinds) async fn bear<R, T, F, Fut>(
    at: &Place,
    aws: &Writer,
    taken: &str,
    make: F,
) -> Result<Born<T, R>, Fault>
where
    R: Resource,
    F: Fn(String) -> Fut + Send + Sync,
    Fut: Future<Output = Result<T, CallError>> + Send,
    T: Send,
{
    for generation in 0..GENERATIONS_MAX {
        match make(mark::caller_reference(aws.scope(), at, generation)).await {
            Ok(made) => return Ok(Born::Made(made)),
            Err(error) if error.is(taken) => {
                if let Some(live) = appears::<R>(at, aws).await? {
                    return Ok(Born::Before(live));
                }
                if error.message().contains("name") {
                    return Err(Fault::from(error));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::refused(&at.address, "was made and deleted too often for another reference"))
}

/// Looks for what should be there for some seconds.
async fn appears<R: Resource>(at: &Place, aws: &Writer) -> Result<Option<Live<R>>, Fault> {
    let waiting = Waiting::up_to(20, "what was made before to be listed");
    let look = || async { R::observe(at, aws.fresh().reader()).await };
    match aws.until(at, waiting, look).await {
        Ok(live) => Ok(Some(live)),
        // A wait that is over has no call; a look that failed has one.
        Err(Fault::Transient(cause)) if cause.call.is_none() => Ok(None),
        Err(fault) => Err(fault),
    }
}
