//! Every kind, and the list of them.

use crate::Kind;

pub mod key;
pub mod queue;
pub mod secret;
pub mod table;

/// Every kind the controller manages. Reports use this order; what nothing refers to is deleted in its reverse.
pub const KINDS: &[Kind] = &[
    Kind::of::<key::Key>(),
    Kind::of::<table::Table>(),
    Kind::of::<queue::Queue>(),
    Kind::of::<secret::Secret>(),
];
