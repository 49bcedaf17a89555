//! Every kind, and the list of them.

use crate::Kind;

pub mod alarm;
pub mod artefact;
pub mod bucket;
pub mod contact_list;
pub mod function;
pub mod function_policy;
pub mod key;
pub mod log_group;
pub mod queue;
pub mod role;
pub mod secret;
pub mod subscription;
pub mod table;
pub mod topic;

/// Every kind the controller manages. Reports use this order.
pub const KINDS: &[Kind] = &[
    Kind::of::<alarm::Alarm>(),
    Kind::of::<artefact::Artefact>(),
    Kind::of::<bucket::Bucket>(),
    Kind::of::<contact_list::ContactList>(),
    Kind::of::<function::Function>(),
    Kind::of::<function_policy::FunctionPolicy>(),
    Kind::of::<key::Key>(),
    Kind::of::<log_group::LogGroup>(),
    Kind::of::<queue::Queue>(),
    Kind::of::<role::Role>(),
    Kind::of::<secret::Secret>(),
    Kind::of::<subscription::Subscription>(),
    Kind::of::<table::Table>(),
    Kind::of::<topic::Topic>(),
];
