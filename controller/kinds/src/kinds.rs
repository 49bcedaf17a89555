//! Every kind, and the list of them.

use crate::Kind;

pub mod alarm;
pub mod bucket;
pub mod contact_list;
pub mod distribution;
pub mod key;
pub mod key_group;
pub mod log_group;
pub mod origin_access_control;
pub mod public_key;
pub mod queue;
pub mod response_headers_policy;
pub mod role;
pub mod secret;
pub mod subscription;
pub mod table;
pub mod topic;

/// Every kind the controller manages. Reports use this order.
pub const KINDS: &[Kind] = &[
    Kind::of::<alarm::Alarm>(),
    Kind::of::<bucket::Bucket>(),
    Kind::of::<contact_list::ContactList>(),
    Kind::of::<distribution::Distribution>(),
    Kind::of::<key::Key>(),
    Kind::of::<key_group::KeyGroup>(),
    Kind::of::<log_group::LogGroup>(),
    Kind::of::<origin_access_control::OriginAccessControl>(),
    Kind::of::<public_key::PublicKey>(),
    Kind::of::<queue::Queue>(),
    Kind::of::<response_headers_policy::ResponseHeadersPolicy>(),
    Kind::of::<role::Role>(),
    Kind::of::<secret::Secret>(),
    Kind::of::<subscription::Subscription>(),
    Kind::of::<table::Table>(),
    Kind::of::<topic::Topic>(),
];
