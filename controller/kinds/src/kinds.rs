//! Every kind, and the list of them.

use crate::Kind;

pub mod alarm;
pub mod api_key;
pub mod artefact;
pub mod base_path_mapping;
pub mod bucket;
pub mod configuration_set;
pub mod contact_list;
pub mod dashboard;
pub mod distribution;
pub mod domain_name;
pub mod function;
pub mod function_policy;
pub mod gateway_account;
pub mod identity;
pub mod identity_pool;
pub mod identity_pool_roles;
pub mod identity_provider;
pub mod key;
pub mod key_group;
pub mod log_group;
pub mod mail_account;
pub mod origin_access_control;
pub mod public_key;
pub mod queue;
pub mod receipt_rule;
pub mod response_headers_policy;
pub mod rest_api;
pub mod role;
pub mod schedule;
pub mod schedule_group;
pub mod secret;
pub mod subscription;
pub mod table;
pub mod topic;
pub mod usage_plan;

/// Every kind the controller manages. Reports use this order.
pub const KINDS: &[Kind] = &[
    Kind::of::<alarm::Alarm>(),
    Kind::of::<artefact::Artefact>(),
    Kind::of::<api_key::ApiKey>(),
    Kind::of::<base_path_mapping::BasePathMapping>(),
    Kind::of::<bucket::Bucket>(),
    Kind::of::<configuration_set::ConfigurationSet>(),
    Kind::of::<contact_list::ContactList>(),
    Kind::of::<dashboard::Dashboard>(),
    Kind::of::<domain_name::DomainName>(),
    Kind::of::<identity_pool::IdentityPool>(),
    Kind::of::<identity_pool_roles::IdentityPoolRoles>(),
    Kind::of::<identity::Identity>(),
    Kind::of::<identity_provider::IdentityProvider>(),
    Kind::of::<function::Function>(),
    Kind::of::<function_policy::FunctionPolicy>(),
    Kind::of::<gateway_account::GatewayAccount>(),
    Kind::of::<distribution::Distribution>(),
    Kind::of::<key::Key>(),
    Kind::of::<key_group::KeyGroup>(),
    Kind::of::<log_group::LogGroup>(),
    Kind::of::<mail_account::MailAccount>(),
    Kind::of::<queue::Queue>(),
    Kind::of::<receipt_rule::ReceiptRule>(),
    Kind::of::<rest_api::RestApi>(),
    Kind::of::<origin_access_control::OriginAccessControl>(),
    Kind::of::<public_key::PublicKey>(),
    Kind::of::<response_headers_policy::ResponseHeadersPolicy>(),
    Kind::of::<role::Role>(),
    Kind::of::<schedule::Schedule>(),
    Kind::of::<schedule_group::ScheduleGroup>(),
    Kind::of::<secret::Secret>(),
    Kind::of::<subscription::Subscription>(),
    Kind::of::<table::Table>(),
    Kind::of::<topic::Topic>(),
    Kind::of::<usage_plan::UsagePlan>(),
];
