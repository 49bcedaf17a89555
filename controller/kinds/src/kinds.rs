//! Every kind, and the list of them.

use crate::Kind;

pub mod bucket;
pub mod key;
pub mod queue;

/// Every kind the controller manages. Reports use this order; what nothing refers to is deleted in its reverse.
pub const KINDS: &[Kind] = &[Kind::of::<bucket::Bucket>(), Kind::of::<queue::Queue>()];
