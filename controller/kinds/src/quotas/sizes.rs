//! Bytes and characters. Where AWS decides a part (an id), a text of its length stands in.

use std::collections::BTreeMap;

use model::{Address, policy::Policy};
use serde_json::json;

use super::{Ledger, Rule};
use crate::{
    Resource,
    kinds::{
        bucket::Bucket, function::Function, function_policy::FunctionPolicy, key::Key, queue::Queue,
        rest_api::RestApi, role::Role, secret::Secret, topic::Topic,
    },
    specs::Specs,
};

/// Lambda developer guide, "Quotas": names and values as one JSON object, as the refusal prints it.
const ENVIRONMENT_BYTES: u32 = 4_096;
/// Lambda developer guide, "Quotas": resource-based policy.
const FUNCTION_POLICY_BYTES: u32 = 20_480;
/// IAM user guide, "IAM and AWS STS quotas": inline policies of a role together, without white space.
const INLINE_CHARACTERS: u32 = 10_240;
/// The same page: role trust policy.
const TRUST_CHARACTERS: u32 = 2_048;
/// S3 user guide, "Bucket policies".
const BUCKET_POLICY_BYTES: u32 = 20_480;
/// KMS developer guide, "Resource quotas": key policy document.
const KEY_POLICY_BYTES: u32 = 32_768;
/// SNS: `SetTopicAttributes`, policy of 30 KB.
const TOPIC_POLICY_BYTES: u32 = 30_720;
/// SQS developer guide, "Quotas related to policies".
const QUEUE_POLICY_BYTES: u32 = 8_192;
/// Secrets Manager user guide, "Quotas": resource-based policy.
const SECRET_POLICY_CHARACTERS: u32 = 20_480;
/// API Gateway developer guide, "Quotas for configuring and running a REST API".
const GATEWAY_POLICY_BYTES: u32 = 8_192;

pub(super) fn check(specs: &Specs, ledger: &mut Ledger) {
    for (address, function) in specs.full_length::<Function>() {
        let rule = Rule { says: "its environment is too large", unit: "bytes" };
        ledger.check(Some(&address), rule, variables(&function), ENVIRONMENT_BYTES);
    }
    for (address, policy) in specs.full_length::<FunctionPolicy>() {
        let rule = Rule { says: "the policy of its callers is too large", unit: "bytes" };
        ledger.check(Some(&address), rule, callers(&policy, &address), FUNCTION_POLICY_BYTES);
    }
    let bytes = |says| Rule { says, unit: "bytes" };
    let characters = |says| Rule { says, unit: "characters" };
    let says = "what it may do is too long to be inline";
    of::<Role>(specs, ledger, characters(says), INLINE_CHARACTERS, |role| role.inline.as_ref());
    let says = "who may assume it is too long";
    of::<Role>(specs, ledger, characters(says), TRUST_CHARACTERS, |role| Some(&role.trust));
    let says = "its policy is too large";
    of::<Bucket>(specs, ledger, bytes(says), BUCKET_POLICY_BYTES, |bucket| bucket.policy.as_ref());
    of::<Key>(specs, ledger, bytes(says), KEY_POLICY_BYTES, |key| Some(&key.policy));
    of::<Topic>(specs, ledger, bytes(says), TOPIC_POLICY_BYTES, |topic| topic.policy.as_ref());
    of::<Queue>(specs, ledger, bytes(says), QUEUE_POLICY_BYTES, |queue| queue.policy.as_ref());
    of::<RestApi>(specs, ledger, bytes(says), GATEWAY_POLICY_BYTES, |api| api.policy.as_ref());
    of::<Secret>(specs, ledger, characters(says), SECRET_POLICY_CHARACTERS, |one| one.policy.as_ref());
}

fn of<R: Resource>(
    specs: &Specs,
    ledger: &mut Ledger,
    rule: Rule,
    limit: u32,
    policy: impl Fn(&R) -> Option<&Policy>,
) {
    for (address, spec) in specs.full_length::<R>() {
        if let Some(policy) = policy(&spec) {
            ledger.check(Some(&address), rule, statements(policy), limit);
        }
    }
}

/// Each statement with the comma after it, and what is around them.
fn statements(policy: &Policy) -> Vec<(u64, String)> {
    let size = |text: &str| text.chars().count() as u64;
    let mut rest = size(&policy.document());
    let mut sum = Vec::new();
    for (number, statement) in (1..).zip(&policy.statements) {
        let alone = size(&serde_json::to_string(statement).unwrap_or_default());
        let name =
            if statement.sid.is_empty() { format!("statement {number}") } else { statement.sid.clone() };
        rest = rest.saturating_sub(alone);
        sum.push((alone, name));
    }
    sum.push((rest, "around them".to_owned()));
    sum
}

/// `"NAME":"value",` each, and the braces but for a comma.
fn variables(function: &Function) -> Vec<(u64, String)> {
    let entry = |(name, value): (&String, &model::Text)| {
        let text = json!({ name.as_str(): value.as_str() }).to_string();
        // A comma for two braces.
        (text.len() as u64 - 1, name.clone())
    };
    let mut sum: Vec<(u64, String)> = function.environment.iter().map(entry).collect();
    if !sum.is_empty() {
        sum.push((1, "around them".to_owned()));
    }
    sum
}

/// As `GetPolicy` shows them: the resource is the alias, whose ARN is not in the declaration.
fn callers(policy: &FunctionPolicy, address: &Address) -> Vec<(u64, String)> {
    let alias =
        format!("arn:aws:lambda:??????????????:????????????:function:{}:live", policy.function.text());
    let around =
        json!({ "Version": "2012-10-17", "Id": "default", "Statement": [] }).to_string().len() as u64;
    let mut sum = vec![(around, format!("around the callers of {}", address.name()))];
    for (sid, one) in &policy.statements {
        let mut condition = BTreeMap::from([("ArnLike", json!({ "AWS:SourceArn": one.source_arn }))]);
        condition.extend(
            one.source_account.as_ref().map(|of| ("StringEquals", json!({ "AWS:SourceAccount": of }))),
        );
        let statement = json!({
            "Sid": sid, "Effect": "Allow", "Principal": { "Service": one.principal }, "Action": one.action,
            "Resource": alias, "Condition": condition,
        });
        // With the comma after it.
        sum.push((statement.to_string().len() as u64 + 1, sid.clone()));
    }
    sum
}
