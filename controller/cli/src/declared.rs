//! What an apply leaves in the control bucket for the nightly comparison.

use contract::operations::DECLARED;
use kinds::{Objects, Resource, kinds::bucket::Bucket};
use model::{Fault, Selection};

use crate::session::Connected;

/// Writes what was applied, where it is not there yet. A run of a part says nothing of the whole and writes nothing.
pub(crate) async fn leave(connected: &Connected, selection: &Selection) -> Result<(), Fault> {
    if !selection.targets.is_empty() {
        return Ok(());
    }
    let control = stacks::control_bucket();
    let writer = connected.lock_writer();
    let name = Bucket::physical(writer.scope(), &control);
    let objects = Objects::new(writer, &control, &name);
    let excluded = selection.excluded.iter().cloned().collect();
    let wanted = connected.session.applied(excluded).bytes();
    match objects.read(DECLARED).await? {
        Some((found, _)) if found == wanted => Ok(()),
        // Somebody else may have applied meanwhile: theirs is the newer one.
        Some((_, version)) => objects.replace(DECLARED, &wanted, &version).await.map(drop),
        None => match objects.create_once(DECLARED, &wanted).await {
            // The control bucket itself may be left out of a run.
            Err(fault) if fault.cause().and_then(|cause| cause.code.as_deref()) == Some("NoSuchBucket") => {
                Ok(())
            }
            done => done.map(drop),
        },
    }
}
