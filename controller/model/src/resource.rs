//! The seam between the engine and the kinds: what is left of a typed resource once its type is forgotten.

use std::{future::Future, pin::Pin};

use serde::{Deserialize, Serialize};

use crate::{Address, Declared, Expects, Fault, Found, Outputs};

/// A boxed future, so that the engine can hold resources of many kinds.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A declared resource that may be looked at.
pub trait Watched: Send + Sync {
    fn declared(&self) -> &Declared;

    /// The declaration with every reference replaced that is known after looking, in canonical order: a set whose
    /// members hold references is sorted by what they stand for.
    fn resolved(&self) -> Declared;

    /// Reads AWS's answer in our words; `None` when it is not there.
    fn observe(&self) -> BoxFuture<'_, Result<Option<Found>, Fault>>;
}

/// A declared resource that may be changed.
pub trait Managed: Watched {
    /// Looks, refuses when the finding is not what may be found, then makes it so from *that* look.
    /// Returns what others may refer to.
    fn converge(&self, may_find: MayFind) -> BoxFuture<'_, Result<Outputs, Fault>>;

    /// Looks, refuses when the finding is not what may be found or holds data that must be kept, then deletes it;
    /// absent is fine.
    fn delete(&self, may_find: MayFind, data: Data) -> BoxFuture<'_, Result<(), Fault>>;
}

/// Whether a delete may lose what the resource holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    Keep,
    /// A person named the resource.
    Lose,
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
    pub fn check(&self, address: &Address, found: Option<&Found>) -> Result<(), Fault> {
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

/// Everything that should exist, bound to an account, to be looked at.
pub trait Estate: Send + Sync {
    /// In the order of the declarations.
    fn watched(&self) -> Vec<&dyn Watched>;

    /// Address and physical name of everything that carries the stage's tags, declared or not.
    fn owned(&self) -> BoxFuture<'_, Result<Vec<(Address, String)>, Fault>>;

    /// Something owned that is not declared, to be looked at; `None` when no kind knows it.
    fn watch_orphan(&self, address: &Address, physical: &str) -> Option<Box<dyn Watched>>;

    /// What others attached to what the stage owns, described for people.
    fn attached(&self) -> BoxFuture<'_, Result<Vec<String>, Fault>>;
}

/// Everything that should exist, bound to an account, to be changed.
pub trait ManagedEstate: Estate {
    /// The resource that a step is about; one that is not declared can only be deleted.
    fn managed(&self, address: &Address, physical: &str) -> Option<Box<dyn Managed + '_>>;
}
