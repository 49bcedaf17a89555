//! Every kind, and the list of them.

use crate::Kind;

pub mod bucket;
pub mod contact_list;
pub mod key;
pub mod log_group;
pub mod queue;
pub mod role;
pub mod secret;
pub mod table;

/// Every kind the controller manages. Reports use this order.
pub const KINDS: &[Kind] = &[
    Kind::of::<bucket::Bucket>(),
    Kind::of::<contact_list::ContactList>(),
    Kind::of::<key::Key>(),
    Kind::of::<log_group::LogGroup>(),
    Kind::of::<queue::Queue>(),
    Kind::of::<role::Role>(),
    Kind::of::<secret::Secret>(),
    Kind::of::<table::Table>(),
];
