//! The reports that links in mails lead to.

use kinds::{World, bound::DeclareError, kinds::secret::Secret};

const STACK: &str = "reports";

/// Declares the stack.
///
/// # Errors
/// When an address is taken.
pub fn declare(world: &mut World) -> Result<(), DeclareError> {
    let described = "The key that report links are signed with: private key and key id in one document.";
    world.add(STACK, "signing-key", Secret::described(described))?;
    Ok(())
}
