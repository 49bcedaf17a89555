//! Monthly financial reports: what was sent and what became of it, who must not be sent to, and the work to do.

use contract::table;
use kinds::{World, bound::DeclareError};

use crate::{Environment, operations::Operations, queues, tables};

const STACK: &str = "financial";

/// Declares the stack.
///
/// # Errors
/// When an address is taken.
pub fn declare(
    world: &mut World,
    environment: &Environment,
    operations: &Operations,
) -> Result<(), DeclareError> {
    tables::add(world, STACK, &table::TRACKING, environment)?;
    tables::add(world, STACK, &table::SUPPRESSION, environment)?;
    queues::add(world, STACK, "campaigns", environment, operations, |work| work)?;
    Ok(())
}
