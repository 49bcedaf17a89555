//! WHAT should exist: pure functions of an [`Environment`]. No cloud handle, no async, no process environment.
//!
//! | stack | holds |
//! | --- | --- |
//! | [`operations`] | the control bucket, the alarm topic, the nightly comparison, the hourly rotation |
//! | [`shared`] | what may exist only once: contact list, key, audit table, mail of SES out and in |
//! | [`outreach`] | the tables, queues and secrets of campaigns |
//! | [`financial`] | the tables and queues of monthly reports |
//! | [`dn_api`] | the secrets of the payout and YouTube proxies |
//! | [`reports`] | the bucket of reports, its distribution, the keys of its links, browser access |
//! | [`observability`] | alarms and the dashboard, derived from the contract |
//!
//! Functions, roles, gateways, usage plans and their alarms are derived from the contract (`functions`, `gateways`,
//! `domains`, `permissions`, `values`): a new endpoint is declared there and nowhere here.
//!
//! [`applied`] is what an apply leaves behind, so that others declare the same later.
//!
//! What differs between stages is a field of the environment with a name; no stack knows the name of its stage.

use kinds::{World, bound::DeclareError};
use model::Address;

pub mod applied;
pub mod code;
pub mod dn_api;
mod domains;
pub mod environment;
pub mod financial;
mod forge;
mod functions;
mod gateways;
mod hand_over;
pub mod observability;
pub mod operations;
pub mod outreach;
mod permissions;
mod queues;
pub mod reports;
pub mod shared;
mod tables;
mod values;

pub use applied::Applied;
pub use code::Artefacts;
pub use environment::Environment;
pub use hand_over::{HandOver, Value, hand_over};

/// Declares everything of a stage, with the code that its functions run.
///
/// # Errors
/// When two resources have the same address: a bug in a stack.
pub fn declare(environment: &Environment, artefacts: &Artefacts) -> Result<World, DeclareError> {
    let mut world = World::default();
    let operations = operations::declare(&mut world, environment)?;
    forge::declare(&mut world, environment)?;
    shared::declare(&mut world, environment, &operations)?;
    outreach::declare(&mut world, environment)?;
    financial::declare(&mut world, environment, &operations)?;
    dn_api::declare(&mut world)?;
    reports::declare(&mut world, environment)?;
    functions::declare(&mut world, environment, artefacts, &operations)?;
    gateways::declare(&mut world, environment, &operations)?;
    observability::declare(&mut world, environment, &operations)?;
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
