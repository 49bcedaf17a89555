//! Every kind, and the list of them.

use crate::Kind;

pub mod alarm;
pub mod api_key;
pub mod bucket;
pub mod contact_list;
pub mod gateway_account;
pub mod key;
pub mod log_group;
pub mod queue;
pub mod rest_api;
pub mod role;
pub mod secret;
pub mod subscription;
pub mod table;
pub mod topic;
pub mod usage_plan;

/// Every kind the controller manages. Reports use this order.
pub const KINDS: &[Kind] = &[
    Kind::of::<alarm::Alarm>(),
    Kind::of::<api_key::ApiKey>(),
    Kind::of::<bucket::Bucket>(),
    Kind::of::<contact_list::ContactList>(),
    Kind::of::<gateway_account::GatewayAccount>(),
    Kind::of::<key::Key>(),
    Kind::of::<log_group::LogGroup>(),
    Kind::of::<queue::Queue>(),
    Kind::of::<rest_api::RestApi>(),
    Kind::of::<role::Role>(),
    Kind::of::<secret::Secret>(),
    Kind::of::<subscription::Subscription>(),
    Kind::of::<table::Table>(),
    Kind::of::<topic::Topic>(),
    Kind::of::<usage_plan::UsagePlan>(),
];
