//! The proxies of the CRM: payouts from Korrect, tokens for YouTube.

use kinds::{World, bound::DeclareError, kinds::secret::Secret};

const STACK: &str = "dn_api";

/// Declares the stack.
///
/// # Errors
/// When an address is taken.
pub fn declare(world: &mut World) -> Result<(), DeclareError> {
    world.add(STACK, "korrect", Secret::described("Korrect: the login that payouts are fetched with."))?;
    world.add(STACK, "youtube", Secret::described("YouTube: the OAuth client that tokens are made with."))?;
    Ok(())
}
