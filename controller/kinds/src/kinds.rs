//! Every kind, and the list of them.

use crate::Kind;

pub mod alarm;
pub mod bucket;
pub mod contact_list;
pub mod dashboard;
pub mod identity_pool;
pub mod identity_pool_roles;
pub mod key;
pub mod log_group;
pub mod queue;
pub mod role;
pub mod schedule;
pub mod schedule_group;
pub mod secret;
pub mod subscription;
pub mod table;
pub mod topic;

/// Every kind the controller manages. Reports use this order.
pub const KINDS: &[Kind] = &[
    Kind::of::<alarm::Alarm>(),
    Kind::of::<bucket::Bucket>(),
    Kind::of::<contact_list::ContactList>(),
    Kind::of::<dashboard::Dashboard>(),
    Kind::of::<identity_pool::IdentityPool>(),
    Kind::of::<identity_pool_roles::IdentityPoolRoles>(),
    Kind::of::<key::Key>(),
    Kind::of::<log_group::LogGroup>(),
    Kind::of::<queue::Queue>(),
    Kind::of::<role::Role>(),
    Kind::of::<schedule::Schedule>(),
    Kind::of::<schedule_group::ScheduleGroup>(),
    Kind::of::<secret::Secret>(),
    Kind::of::<subscription::Subscription>(),
    Kind::of::<table::Table>(),
    Kind::of::<topic::Topic>(),
];
