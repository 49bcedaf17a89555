//! KMS: keys, their policies and rotation, aliases, tags, and what symmetric keys seal. Keys are in `kms/keys` by key
//! id, each with its `state` (`Enabled`, `Disabled`, `PendingDeletion`), which other services look up.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, page, strings, text};
use crate::wire::{Protocol, Reply, Request};

mod aliases;
pub(super) mod policy;
mod seal;

pub(crate) const SERVICE: Service =
    Service { signing: "kms", protocol: Protocol::Json { version: "1.1" }, handle, tagged };

const KEYS: &str = "kms/keys";
const ALIASES: &str = "kms/aliases";

const DAY_MS: u64 = 86_400_000;
const DESCRIPTION_MAX: usize = 8192;
const TAGS_MAX: usize = 50;

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    let answer = match request.operation.as_str() {
        "CreateKey" => create(input, world)?,
        "DescribeKey" => {
            let id = named(input, world)?;
            json!({ "KeyMetadata": metadata(world, &id) })
        }
        "ListKeys" => list(input, world)?,
        "UpdateKeyDescription" => describe(input, world)?,
        "GetKeyPolicy" => {
            let id = named(input, world)?;
            let policy = world.get(KEYS, &id).map(|key| key["policy"].clone());
            json!({ "Policy": policy, "PolicyName": "default" })
        }
        "PutKeyPolicy" => put_policy(input, world)?,
        "GetKeyRotationStatus" => rotation(input, world)?,
        "EnableKeyRotation" => {
            let days = input["RotationPeriodInDays"].as_u64().unwrap_or(365);
            if !(90..=2560).contains(&days) {
                return Err(invalid("RotationPeriodInDays must be between 90 and 2560"));
            }
            rotate(input, world, Some(days))?
        }
        "DisableKeyRotation" => rotate(input, world, None)?,
        "EnableKey" => set_state(input, world, "Enabled")?,
        "DisableKey" => set_state(input, world, "Disabled")?,
        "ScheduleKeyDeletion" => schedule(input, world)?,
        "CancelKeyDeletion" => cancel(input, world)?,
        "ListResourceTags" => list_tags(input, world)?,
        "TagResource" => retag(input, world, |tags| tags.extend(tags_in(input)))?,
        "UntagResource" => retag(input, world, |tags| {
            let keys = input["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str);
            keys.for_each(|key| drop(tags.remove(key)));
        })?,
        "CreateAlias" => aliases::create(input, world)?,
        "UpdateAlias" => aliases::update(input, world)?,
        "DeleteAlias" => aliases::delete(input, world)?,
        "ListAliases" => aliases::list(input, world)?,
        "Encrypt" => seal::encrypt(input, world)?,
        "Decrypt" => seal::decrypt(input, world)?,
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}

fn arn(world: &World<'_>, id: &str) -> String {
    world.arn("kms", &format!("key/{id}"))
}

/// Whether the key is there for calls: seen by now, and its waiting period not over.
fn there(world: &World<'_>, key: &Value) -> bool {
    world.visible(key["created"].as_u64().unwrap_or_default())
        && key["deletion_ms"].as_u64().is_none_or(|at| world.now_ms < at)
}

/// The id of the key that the request names by id, ARN, alias or alias ARN.
fn named(input: &Value, world: &World<'_>) -> Result<String, Refusal> {
    let given = text(input, "KeyId");
    if given.is_empty() {
        return Err(invalid("Value null at 'keyId' failed to satisfy constraint: Member must not be null"));
    }
    let name =
        given.strip_prefix("arn:aws:kms:").map_or(given, |rest| rest.rsplit(':').next().unwrap_or(rest));
    if name.starts_with("alias/") {
        return aliases::target(world, name)
            .ok_or_else(|| not_found(format!("Alias {} is not found.", world.arn("kms", name))));
    }
    let id = name.strip_prefix("key/").unwrap_or(name);
    let known = world.get(KEYS, id).is_some_and(|key| there(world, key));
    known.then(|| id.to_owned()).ok_or_else(|| not_found(format!("Key '{}' does not exist", arn(world, id))))
}

fn not_found(message: String) -> Refusal {
    Refusal::new("NotFoundException", message)
}

fn state_of<'w>(world: &'w World<'_>, id: &str) -> &'w str {
    world.get(KEYS, id).map(|key| text(key, "state")).unwrap_or_default()
}

fn refuse_pending(world: &World<'_>, id: &str) -> Result<(), Refusal> {
    if state_of(world, id) == "PendingDeletion" {
        let message = format!("{} is pending deletion.", arn(world, id));
        return Err(Refusal::new("KMSInvalidStateException", message));
    }
    Ok(())
}

/// The key that a change names, not pending deletion.
fn changeable(input: &Value, world: &World<'_>) -> Result<String, Refusal> {
    let id = named(input, world)?;
    refuse_pending(world, &id)?;
    Ok(id)
}

/// The usages of a spec; the first is what AWS takes when none is given, for symmetric keys only.
fn usages(spec: &str) -> &'static [&'static str] {
    match spec {
        "SYMMETRIC_DEFAULT" => &["ENCRYPT_DECRYPT"],
        "RSA_2048" | "RSA_3072" | "RSA_4096" => &["ENCRYPT_DECRYPT", "SIGN_VERIFY"],
        "ECC_NIST_P256" | "ECC_NIST_P384" | "ECC_NIST_P521" => &["SIGN_VERIFY", "KEY_AGREEMENT"],
        "ECC_SECG_P256K1" | "ECC_NIST_EDWARDS25519" | "ML_DSA_44" | "ML_DSA_65" | "ML_DSA_87" => {
            &["SIGN_VERIFY"]
        }
        "HMAC_224" | "HMAC_256" | "HMAC_384" | "HMAC_512" => &["GENERATE_VERIFY_MAC"],
        _ => &[],
    }
}

fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let or = |member, default| Some(text(input, member)).filter(|given| !given.is_empty()).unwrap_or(default);
    let (spec, description) = (or("KeySpec", "SYMMETRIC_DEFAULT"), text(input, "Description"));
    let usage = or("KeyUsage", "ENCRYPT_DECRYPT");
    if usages(spec).is_empty() {
        return Err(invalid(format!("1 validation error detected: Value '{spec}' at 'keySpec'")));
    }
    if !usages(spec).contains(&usage) {
        return Err(invalid(format!("KeyUsage {usage} is not compatible with KeySpec {spec}")));
    }
    check_description(description)?;
    let policy = match text(input, "Policy") {
        "" => policy::default(world),
        given => policy::check(world, given).map(|()| given.to_owned())?,
    };
    let tags = tags_in(input);
    check_tags(&tags)?;
    let multi_region = input["MultiRegion"].as_bool().unwrap_or_default();
    let uuid = world.next_uuid();
    let id = if multi_region { format!("mrk-{}", uuid.replace('-', "")) } else { uuid };
    world.put(
        KEYS,
        &id,
        json!({
            "description": description,
            "policy": policy,
            "usage": usage,
            "spec": spec,
            "multi_region": multi_region,
            "state": "Enabled",
            "rotation_days": null,
            "deletion_ms": null,
            "tags": tags,
            "created": world.now_ms,
        }),
    );
    Ok(json!({ "KeyMetadata": metadata(world, &id) }))
}

fn check_description(text: &str) -> Result<(), Refusal> {
    if text.chars().count() > DESCRIPTION_MAX {
        return Err(invalid("Value at 'description' failed to satisfy constraint: length at most 8192"));
    }
    Ok(())
}

fn metadata(world: &World<'_>, id: &str) -> Value {
    let key = world.get(KEYS, id).cloned().unwrap_or_default();
    let seconds = |member: &str| key[member].as_u64().map(|ms| ms as f64 / 1000.0);
    let symmetric = key["spec"] == "SYMMETRIC_DEFAULT";
    let primary = json!({
        "MultiRegionKeyType": "PRIMARY",
        "PrimaryKey": { "Arn": arn(world, id), "Region": world.region },
        "ReplicaKeys": [],
    });
    json!({
        "AWSAccountId": world.account,
        "KeyId": id,
        "Arn": arn(world, id),
        "CreationDate": seconds("created"),
        "Enabled": key["state"] == "Enabled",
        "Description": key["description"],
        "KeyUsage": key["usage"],
        "KeyState": key["state"],
        "DeletionDate": seconds("deletion_ms"),
        "Origin": "AWS_KMS",
        // Keys that a service made for itself say so (`alias/aws/dynamodb`).
        "KeyManager": key["manager"].as_str().unwrap_or("CUSTOMER"),
        "CustomerMasterKeySpec": key["spec"],
        "KeySpec": key["spec"],
        "EncryptionAlgorithms": symmetric.then(|| json!(["SYMMETRIC_DEFAULT"])),
        "MultiRegion": key["multi_region"],
        "MultiRegionConfiguration": (key["multi_region"] == true).then_some(primary),
    })
}

/// One page as KMS cuts it: `Limit`, `Marker`, `NextMarker`, `Truncated`.
fn paged(input: &Value, member: &str, items: &[Value], default: u64, most: u64) -> Result<Value, Refusal> {
    let limit = input["Limit"].as_u64().unwrap_or(default);
    if !(1..=most).contains(&limit) {
        return Err(invalid(format!("Value '{limit}' at 'limit' must be between 1 and {most}")));
    }
    let (items, next) = page(items, text(input, "Marker"), usize::try_from(limit).unwrap_or(1));
    Ok(json!({ member: items, "Truncated": next.is_some(), "NextMarker": next }))
}

fn list(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let keys = world.all(KEYS).into_iter().filter(|(_, key)| there(world, key));
    let keys: Vec<Value> = keys.map(|(id, _)| json!({ "KeyId": id, "KeyArn": arn(world, id) })).collect();
    paged(input, "Keys", &keys, 100, 1000)
}

fn describe(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let id = changeable(input, world)?;
    let description = text(input, "Description");
    check_description(description)?;
    world.edit(KEYS, &id, |key| key["description"] = description.into());
    Ok(json!({}))
}

fn put_policy(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let id = named(input, world)?;
    let document = text(input, "Policy");
    policy::check(world, document)?;
    world.edit(KEYS, &id, |key| key["policy"] = document.into());
    Ok(json!({}))
}

fn refuse_asymmetric(world: &World<'_>, id: &str) -> Result<(), Refusal> {
    if world.get(KEYS, id).is_some_and(|key| key["spec"] != "SYMMETRIC_DEFAULT") {
        return Err(Refusal::new("UnsupportedOperationException", String::new()));
    }
    Ok(())
}

fn rotation(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let id = named(input, world)?;
    refuse_asymmetric(world, &id)?;
    // The status hides while the key waits for deletion, and is there again once that is cancelled.
    let kept = world.get(KEYS, &id).and_then(|key| key["rotation_days"].as_u64());
    let days = kept.filter(|_| state_of(world, &id) != "PendingDeletion");
    let arn = arn(world, &id);
    Ok(json!({ "KeyId": arn, "KeyRotationEnabled": days.is_some(), "RotationPeriodInDays": days }))
}

fn rotate(input: &Value, world: &mut World<'_>, days: Option<u64>) -> Result<Value, Refusal> {
    let id = changeable(input, world)?;
    refuse_asymmetric(world, &id)?;
    if state_of(world, &id) == "Disabled" {
        return Err(Refusal::new("DisabledException", format!("{} is disabled.", arn(world, &id))));
    }
    world.edit(KEYS, &id, |key| key["rotation_days"] = days.into());
    Ok(json!({}))
}

fn set_state(input: &Value, world: &mut World<'_>, state: &str) -> Result<Value, Refusal> {
    let id = changeable(input, world)?;
    world.edit(KEYS, &id, |key| key["state"] = state.into());
    Ok(json!({}))
}

fn schedule(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let id = changeable(input, world)?;
    let days = input["PendingWindowInDays"].as_u64().unwrap_or(30);
    if !(7..=30).contains(&days) {
        return Err(invalid("PendingWindowInDays must be between 7 and 30"));
    }
    let at = world.now_ms + days * DAY_MS;
    world.edit(KEYS, &id, |key| {
        key["state"] = "PendingDeletion".into();
        key["deletion_ms"] = at.into();
    });
    Ok(json!({
        "KeyId": arn(world, &id),
        "DeletionDate": at as f64 / 1000.0,
        "KeyState": "PendingDeletion",
        "PendingWindowInDays": days,
    }))
}

fn cancel(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let id = named(input, world)?;
    if state_of(world, &id) != "PendingDeletion" {
        let message = format!("{} is not pending deletion.", arn(world, &id));
        return Err(Refusal::new("KMSInvalidStateException", message));
    }
    world.edit(KEYS, &id, |key| {
        key["state"] = "Disabled".into();
        key["deletion_ms"] = Value::Null;
    });
    Ok(json!({ "KeyId": arn(world, &id) }))
}

fn tags_in(input: &Value) -> BTreeMap<String, String> {
    let tags = input["Tags"].as_array().into_iter().flatten();
    tags.map(|tag| (text(tag, "TagKey").to_owned(), text(tag, "TagValue").to_owned())).collect()
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.keys().any(|key| key.starts_with("aws:")) {
        return Err(Refusal::new("TagException", "Tag keys cannot start with aws:"));
    }
    if tags.len() > TAGS_MAX {
        return Err(Refusal::new("TagException", "Too many tags"));
    }
    Ok(())
}

fn list_tags(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let id = named(input, world)?;
    let tags = strings(world.get(KEYS, &id).and_then(|key| key.get("tags")));
    let tags: Vec<Value> =
        tags.into_iter().map(|(key, value)| json!({ "TagKey": key, "TagValue": value })).collect();
    paged(input, "Tags", &tags, 50, 50)
}

fn retag(
    input: &Value,
    world: &mut World<'_>,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<Value, Refusal> {
    let id = changeable(input, world)?;
    let mut tags = strings(world.get(KEYS, &id).and_then(|key| key.get("tags")));
    change(&mut tags);
    check_tags(&tags)?;
    world.edit(KEYS, &id, |key| key["tags"] = json!(tags));
    Ok(json!({}))
}

fn tagged(world: &World<'_>) -> Vec<Tagged> {
    let keys = world.all(KEYS).into_iter().filter(|(_, key)| there(world, key));
    keys.map(|(id, key)| (arn(world, id), strings(key.get("tags")))).collect()
}
