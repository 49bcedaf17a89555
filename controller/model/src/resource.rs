//! The seam between the engine and the kinds: what is left of a typed resource once its type is forgotten.

use std::{future::Future, pin::Pin};

use serde::{Deserialize, Serialize};

use crate::{Declared, Expects, Fault, Found, Outputs};

/// A boxed future, so that the engine can hold resources of many kinds.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A declared resource that may be looked at.
pub trait Watched: Send + Sync {
    fn declared(&self) -> &Declared;

    /// Reads AWS's answer in our words; `None` when it is not there.
    fn observe(&self) -> BoxFuture<'_, Result<Option<Found>, Fault>>;
}

/// A declared resource that may be changed.
pub trait Managed: Watched {
    /// Looks, refuses when the finding is not what may be found, then makes it so from *that* look.
    /// Returns what others may refer to.
    fn converge(&self, may_find: MayFind) -> BoxFuture<'_, Result<Outputs, Fault>>;

    /// Looks, refuses when the finding is not what may be found, then deletes it; absent is fine.
    fn delete(&self, may_find: MayFind) -> BoxFuture<'_, Result<(), Fault>>;
}

/// What a step accepts to find.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MayFind {
    Only(Expects),
    /// Our own unfinished work, after a crash.
    Anything,
}

impl MayFind {
    /// Compares what was found with what the plan saw.
    ///
    /// # Errors
    /// [`Fault::Stale`], naming what moved.
    pub fn check(&self, address: &crate::Address, found: Option<&Found>) -> Result<(), Fault> {
        let stale =
            |text: &str| Err(Fault::Stale { address: Box::new(address.clone()), found: text.to_owned() });
        match (self, found) {
            (Self::Anything, _) | (Self::Only(Expects::Absent), None) => Ok(()),
            (Self::Only(Expects::Live { fingerprint, token }), Some(found)) => {
                if *fingerprint != found.fingerprint() {
                    stale("a field was changed since")
                } else if token.is_some() && *token != found.token {
                    stale("AWS's own version of it moved on since")
                } else {
                    Ok(())
                }
            }
            (Self::Only(Expects::Absent), Some(_)) => stale("it exists by now"),
            (Self::Only(Expects::Live { .. }), None) => stale("it is gone by now"),
        }
    }
}
