//! What the tool itself needs, and who is told when something is wrong.

use kinds::{
    World,
    bound::{DeclareError, Handle},
    kinds::{
        bucket::{Bucket, LifecycleRule, Versioning},
        gateway_account::GatewayAccount,
        role::Role,
        subscription::{Protocol, Subscription},
        topic::{Signature, Topic},
    },
};
use model::{
    Ref, Text,
    policy::{Policy, Statement},
};

use crate::Environment;

pub const STACK: &str = contract::operations::CONTROL.0;

/// The bucket with artefacts, release manifests and the lock.
pub const CONTROL: &str = contract::operations::CONTROL.1;

/// The topic that people are told by.
const ALARMS: &str = contract::operations::ALARMS.1;

/// What other stacks use of this one.
pub struct Operations {
    /// Where alarms go.
    pub alarms: Handle<Topic>,
    /// Lets APIs write access logs.
    pub gateways: Ref<GatewayAccount>,
}

/// Declares the control bucket, the alarm topic and those who are told.
///
/// # Errors
/// When an address is taken.
pub fn declare(world: &mut World, environment: &Environment) -> Result<Operations, DeclareError> {
    world.add(STACK, CONTROL, control())?;
    let alarms = world.add(STACK, ALARMS, alarm_topic(environment))?;
    for (number, email) in (1..).zip(&environment.alarms.emails) {
        let told = Subscription::plain(alarms.arn(), Protocol::Email, email.as_str());
        world.add(STACK, &format!("alarms-{number}"), told)?;
    }
    let role = world.add(STACK, "gateway-logs", gateway_logs())?;
    let gateways = world.add(STACK, "gateways", GatewayAccount { log_role: role.arn() })?.by("log_role");
    Ok(Operations { alarms, gateways })
}

/// Versions are kept for a year: what was deployed can be had back.
fn control() -> Bucket {
    let itself = Text::of(&crate::control_bucket(), "arn");
    let tls_only = Statement::deny(["s3:*"], [itself.to_string(), itself.then("/*").to_string()])
        .sid("tls-only")
        .to_aws("*")
        .when("Bool", "aws:SecureTransport", "false");
    let tidy = LifecycleRule {
        expire_noncurrent_days: Some(365),
        abort_uploads_days: Some(7),
        ..LifecycleRule::of_prefix("")
    };
    Bucket {
        policy: Some(Policy::new([tls_only])),
        versioning: Versioning::Enabled,
        lifecycle: [("tidy".to_owned(), tidy)].into(),
        ..Bucket::private()
    }
}

/// Lets API Gateway write access logs: one role for all APIs of the account and Region. The policy is the one that
/// AWS keeps for this (API Gateway developer guide, "Permissions for CloudWatch logging").
fn gateway_logs() -> Role {
    let policy = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs";
    Role {
        description: Some("Writes the access logs of the APIs.".to_owned()),
        managed: [policy.to_owned()].into(),
        ..Role::of_service("apigateway.amazonaws.com")
    }
}

fn alarm_topic(environment: &Environment) -> Topic {
    let account = environment.account.as_str();
    // The ARN of the topic itself is known from its name.
    let itself = model::Address::new(STACK, "topic", ALARMS).map(|at| Text::of(&at, "arn").to_string());
    let publish = Statement::allow(["sns:Publish"], itself)
        .sid("alarms")
        .to_service("cloudwatch.amazonaws.com")
        .when("StringEquals", "aws:SourceAccount", account);
    Topic {
        display_name: Some("CRM alarms".to_owned()),
        policy: Some(Policy::new([publish])),
        signature: Signature::Sha256,
        ..Topic::standard()
    }
}
