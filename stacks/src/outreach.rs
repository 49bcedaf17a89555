//! Campaigns and newsletters: messages and their events, campaigns and their recipients, and what guards the API.

use contract::table;
use kinds::{World, bound::DeclareError, kinds::secret::Secret};

use crate::{Environment, tables};

const STACK: &str = "outreach";

/// Declares the stack.
///
/// # Errors
/// When an address is taken.
pub fn declare(world: &mut World, environment: &Environment) -> Result<(), DeclareError> {
    for shape in [
        &table::MESSAGES,
        &table::EVENTS,
        &table::WEBHOOK_TOKENS,
        &table::RATE_LIMITS,
        &table::CONTACTS,
        &table::CAMPAIGNS,
        &table::RECIPIENTS,
        &table::ID_MAPPINGS,
        &table::EQUITY_RECIPIENTS,
    ] {
        tables::add(world, STACK, shape, environment)?;
    }
    world.add(STACK, "mailgun", Secret::described("Mailgun: API key, domain and webhook signing key."))?;
    Ok(())
}
