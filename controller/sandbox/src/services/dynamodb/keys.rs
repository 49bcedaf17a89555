//! Encryption by KMS: the key that a table names must be there, and the account has one managed by AWS.

use serde_json::{Value, json};

use super::{World, bad_values, invalid};
use crate::services::{Refusal, text};

const KEYS: &str = "kms/keys";
const ALIASES: &str = "kms/aliases";
const MANAGED_ALIAS: &str = "alias/aws/dynamodb";

/// The ARN of the key that `SSESpecification` asks for, or null for one that DynamoDB owns.
pub(super) fn sse(asked: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (kind, key) = (text(asked, "SSEType"), text(asked, "KMSMasterKeyId").to_owned());
    if asked["Enabled"] != true {
        if !key.is_empty() || !kind.is_empty() {
            return Err(bad_values(
                "SSEType and KMSMasterKeyId cannot be given when encryption is not enabled",
            ));
        }
        return Ok(Value::Null);
    }
    if kind != "KMS" && !kind.is_empty() {
        return Err(bad_values(format!("SSEType {kind} is not supported")));
    }
    if key.is_empty() || key.ends_with(MANAGED_ALIAS) {
        let id = managed(world);
        return Ok(world.arn("kms", &format!("key/{id}")).into());
    }
    if kind.is_empty() {
        return Err(bad_values("SSEType KMS is required if KMSMasterKeyId is specified"));
    }
    named(world, &key).map(Value::from)
}

/// The key by id, ARN or alias. An account in which KMS was never used cannot tell, and takes any.
fn named(world: &World<'_>, given: &str) -> Result<String, Refusal> {
    let name =
        given.strip_prefix("arn:aws:kms:").map_or(given, |rest| rest.rsplit(':').next().unwrap_or(rest));
    let alias = world.get(ALIASES, name).map(|alias| text(alias, "key"));
    let id = alias.unwrap_or_else(|| name.strip_prefix("key/").unwrap_or(name));
    let arn = world.arn("kms", &format!("key/{id}"));
    let Some(key) = world.get(KEYS, id) else {
        let known = world.all(KEYS).into_values().any(|key| key["manager"] != "AWS");
        return if known {
            Err(invalid(format!("KMS key not found: Key '{arn}' does not exist")))
        } else {
            Ok(arn)
        };
    };
    match text(key, "state") {
        "" | "Enabled" => Ok(arn),
        state => Err(invalid(format!("KMS key is not usable: {arn} is {state}"))),
    }
}

/// The id of the account's own `alias/aws/dynamodb`, made at its first use.
fn managed(world: &mut World<'_>) -> String {
    if let Some(alias) = world.get(ALIASES, MANAGED_ALIAS) {
        return text(alias, "key").to_owned();
    }
    let id = world.next_uuid();
    let key = json!({
        "manager": "AWS",
        "description": "Default key that protects my DynamoDB data when no other key is defined",
        "policy": "{}",
        "usage": "ENCRYPT_DECRYPT",
        "spec": "SYMMETRIC_DEFAULT",
        "multi_region": false,
        "state": "Enabled",
        "rotation_days": 365,
        "deletion_ms": null,
        "tags": {},
        // Long ago: what AWS makes for itself is seen at once.
        "created": 0,
    });
    world.put(KEYS, &id, key);
    world.put(ALIASES, MANAGED_ALIAS, json!({ "key": id, "created": 0 }));
    id
}
