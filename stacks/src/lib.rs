//! WHAT should exist: pure functions of an [`Environment`]. No cloud handle, no async, no process environment.
//!
//! | stack | holds |
//! | --- | --- |
//! | [`operations`] | the control bucket and the alarm topic |
//! | [`shared`] | what may exist only once: contact list, key, audit table, SES events, inbound mail |
//! | [`outreach`] | the tables, queues and secrets of campaigns |
//! | [`financial`] | the tables and queues of monthly reports |
//! | [`dn_api`] | the secrets of the payout and YouTube proxies |
//! | [`reports`] | the secret of the signing key |
//!
//! What differs between stages is a field of the environment with a name; no stack knows the name of its stage.

use kinds::{World, bound::DeclareError};
use model::Address;

pub mod code;
pub mod dn_api;
pub mod environment;
pub mod financial;
pub mod operations;
pub mod outreach;
mod queues;
pub mod reports;
pub mod shared;
mod tables;

pub use environment::Environment;

/// Declares everything of a stage.
///
/// # Errors
/// When two resources have the same address: a bug in a stack.
pub fn declare(environment: &Environment) -> Result<World, DeclareError> {
    let mut world = World::default();
    let operations = operations::declare(&mut world, environment)?;
    shared::declare(&mut world, environment, &operations)?;
    outreach::declare(&mut world, environment)?;
    financial::declare(&mut world, environment, &operations)?;
    dn_api::declare(&mut world)?;
    reports::declare(&mut world)?;
    Ok(world)
}

/// Where the control bucket is declared: it is made first and deleted last.
///
/// # Panics
/// Never: the parts are constants that fit.
#[must_use]
pub fn control_bucket() -> Address {
    Address::new(operations::STACK, "bucket", operations::CONTROL).expect("a constant address")
}
