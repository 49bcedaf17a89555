//! Every kind, and the list of them.

use crate::Kind;

pub mod alarm;
pub mod key;
pub mod queue;
pub mod subscription;
pub mod topic;

/// Every kind the controller manages. Reports use this order; what nothing refers to is deleted in its reverse.
pub const KINDS: &[Kind] = &[
    Kind::of::<queue::Queue>(),
    Kind::of::<topic::Topic>(),
    Kind::of::<subscription::Subscription>(),
    Kind::of::<alarm::Alarm>(),
];
