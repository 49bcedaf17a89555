//! Secrets Manager: secrets with their versions, policies and tags, and the window in which a deleted one can
//! be restored.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, kms, page, strings, text};
use crate::wire::{Protocol, Reply, Request};

mod versions;

pub(crate) const SERVICE: Service =
    Service { signing: "secretsmanager", protocol: Protocol::Json { version: "1.1" }, handle, tagged };

const SECRETS: &str = "secretsmanager/secrets";

const DAY_MS: u64 = 86_400_000;
const DESCRIPTION_MAX: usize = 2048;
const POLICY_MAX: usize = 20_480;
const TAGS_MAX: usize = 50;

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    let answer = match request.operation.as_str() {
        "CreateSecret" => create(input, world)?,
        "DescribeSecret" => describe(input, world)?,
        "ListSecrets" => list(input, world)?,
        "UpdateSecret" => update(input, world)?,
        "PutSecretValue" => versions::put(input, world)?,
        "GetSecretValue" => versions::get(input, world)?,
        "ListSecretVersionIds" => versions::list(input, world)?,
        "UpdateSecretVersionStage" => versions::move_stage(input, world)?,
        "DeleteSecret" => delete(input, world)?,
        "RestoreSecret" => {
            let name = named(input, world)?;
            world.edit(SECRETS, &name, |secret| {
                secret["deleted"] = Value::Null;
                secret["gone"] = Value::Null;
            });
            identity(world, &name)
        }
        "GetResourcePolicy" => {
            let name = usable(input, world)?;
            let mut answer = identity(world, &name);
            answer["ResourcePolicy"] = secret(world, &name)["policy"].clone();
            answer
        }
        "PutResourcePolicy" => put_policy(input, world)?,
        "DeleteResourcePolicy" => {
            let name = usable(input, world)?;
            world.edit(SECRETS, &name, |secret| secret["policy"] = Value::Null);
            identity(world, &name)
        }
        "TagResource" => retag(input, world, |tags| tags.extend(tags_in(input)))?,
        "UntagResource" => retag(input, world, |tags| {
            let keys = input["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str);
            keys.for_each(|key| drop(tags.remove(key)));
        })?,
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn bad_parameter(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

/// Whether it is still there: its recovery window, if it is deleted, is not over.
fn there(world: &World<'_>, secret: &Value) -> bool {
    secret["gone"].as_u64().is_none_or(|at| world.now_ms < at)
}

fn secret(world: &World<'_>, name: &str) -> Value {
    world.get(SECRETS, name).cloned().unwrap_or_default()
}

/// The name of the secret that the request names by name, by ARN, or by ARN without the random part.
fn named(input: &Value, world: &World<'_>) -> Result<String, Refusal> {
    let given = text(input, "SecretId");
    let prefix = world.arn("secretsmanager", "secret:");
    let exists = |name: &str| world.get(SECRETS, name).is_some_and(|secret| there(world, secret));
    let found = match given.strip_prefix(&prefix) {
        None => exists(given).then(|| given.to_owned()),
        Some(rest) if exists(rest) => Some(rest.to_owned()),
        Some(rest) => rest
            .rsplit_once('-')
            .map(|(name, _)| name)
            .filter(|name| exists(name) && secret(world, name)["arn"] == given)
            .map(str::to_owned),
    };
    found.ok_or_else(|| {
        let message = "Secrets Manager can't find the specified secret.";
        Refusal::new("ResourceNotFoundException", message)
    })
}

/// The same, not deleted.
fn usable(input: &Value, world: &World<'_>) -> Result<String, Refusal> {
    let name = named(input, world)?;
    if secret(world, &name)["deleted"].is_null() {
        return Ok(name);
    }
    let message = "You can't perform this operation on the secret because it was marked for deletion.";
    Err(Refusal::new("InvalidRequestException", message))
}

fn identity(world: &World<'_>, name: &str) -> Value {
    json!({ "ARN": secret(world, name)["arn"], "Name": name })
}

/// Six characters that differ for every secret that was ever made.
fn random_part(world: &mut World<'_>) -> String {
    const LETTERS: &[u8; 52] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest = world.next_number().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
    let letter = |_| {
        let index = usize::try_from(rest % 52).unwrap_or_default();
        rest /= 52;
        char::from(LETTERS[index])
    };
    (0..6).map(letter).collect()
}

fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "Name").to_owned();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if name.is_empty() || name.len() > 512 || !name.chars().all(allowed) {
        let message = "Invalid name. Must be a valid name containing alphanumeric characters, \
            or any of the following: -/_+=.@!";
        return Err(Refusal::new("ValidationException", message));
    }
    if let Some(kept) = world.get(SECRETS, &name).filter(|kept| there(world, kept)) {
        return again(&name, kept, input, world);
    }
    let tags = tags_in(input);
    check(input, &tags)?;
    let random = random_part(world);
    let arn = world.arn("secretsmanager", &format!("secret:{name}-{random}"));
    world.put(
        SECRETS,
        &name,
        json!({
            "arn": arn,
            "description": text(input, "Description"),
            "key": input.get("KmsKeyId"),
            "policy": null,
            "tags": tags,
            "versions": {},
            "created": world.now_ms,
            "changed": world.now_ms,
            "deleted": null,
            "gone": null,
        }),
    );
    let mut answer = identity(world, &name);
    if let Some(version) = versions::add(world, &name, input, &["AWSCURRENT"])? {
        answer["VersionId"] = version.into();
    }
    Ok(answer)
}

/// A second creation of a name: the same token with the same value is the same request.
fn again(name: &str, kept: &Value, input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    if !kept["deleted"].is_null() {
        let message =
            "You can't create this secret because a secret with this name is already scheduled for deletion.";
        return Err(Refusal::new("InvalidRequestException", message));
    }
    let token = text(input, "ClientRequestToken");
    if kept["versions"].get(token).is_some_and(|version| versions::same_value(version, input)) {
        let mut answer = identity(world, name);
        answer["VersionId"] = token.into();
        return Ok(answer);
    }
    let message = format!("The operation failed because the secret {name} already exists.");
    Err(Refusal::new("ResourceExistsException", message))
}

fn check(input: &Value, tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if text(input, "Description").chars().count() > DESCRIPTION_MAX {
        return Err(Refusal::new("ValidationException", "Value at 'description' is longer than 2048"));
    }
    if tags.keys().any(|key| key.starts_with("aws:")) {
        return Err(bad_parameter("Tag keys cannot start with aws:"));
    }
    if tags.len() > TAGS_MAX {
        return Err(Refusal::new("LimitExceededException", "A secret has at most 50 tags"));
    }
    Ok(())
}

fn describe(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let name = named(input, world)?;
    Ok(entry(world, &name, "VersionIdsToStages"))
}

/// What DescribeSecret and ListSecrets both say of a secret.
fn entry(world: &World<'_>, name: &str, stages_member: &str) -> Value {
    let secret = secret(world, name);
    let seconds = |member: &str| secret[member].as_u64().map(|ms| ms as f64 / 1000.0);
    let description = Some(&secret["description"]).filter(|description| *description != "");
    // Encrypted with AWS's own key, the member is left out.
    let key = secret["key"].as_str().filter(|key| !key.is_empty() && *key != versions::DEFAULT_KEY);
    let stages = versions::stages(&secret);
    let tags: Vec<Value> = strings(secret.get("tags"))
        .into_iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect();
    json!({
        "ARN": secret["arn"],
        "Name": name,
        "Description": description,
        "KmsKeyId": key,
        "RotationEnabled": false,
        "CreatedDate": seconds("created"),
        "LastChangedDate": seconds("changed").or_else(|| seconds("created")),
        "DeletedDate": seconds("deleted"),
        "Tags": tags,
        stages_member: (!stages.is_empty()).then_some(stages),
    })
}

fn list(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let deleted_too = input["IncludePlannedDeletion"].as_bool().unwrap_or_default();
    let filters: Vec<&Value> = input["Filters"].as_array().into_iter().flatten().collect();
    if let Some(other) = filters.iter().find(|filter| text(filter, "Key") != "name") {
        return Err(bad_parameter(format!("the embedded account has no filter {}", text(other, "Key"))));
    }
    let passes = |name: &str| {
        let mut wanted = filters.iter().map(|filter| filter["Values"].as_array().into_iter().flatten());
        wanted
            .all(|mut values| values.any(|value| value.as_str().is_some_and(|start| name.starts_with(start))))
    };
    // A new secret is listed late, though it can be described at once.
    let shown = |secret: &Value| {
        there(world, secret)
            && world.visible(secret["created"].as_u64().unwrap_or_default())
            && (deleted_too || secret["deleted"].is_null())
    };
    let secrets = world.all(SECRETS).into_iter().filter(|(name, secret)| passes(name) && shown(secret));
    let secrets: Vec<Value> = secrets.map(|(name, _)| entry(world, name, "SecretVersionsToStages")).collect();
    let size = input["MaxResults"].as_u64().unwrap_or(100);
    let size = usize::try_from(size).unwrap_or(100).min(100);
    let (secrets, next) = page(&secrets, text(input, "NextToken"), size);
    Ok(json!({ "SecretList": secrets, "NextToken": next }))
}

fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = usable(input, world)?;
    check(input, &BTreeMap::new())?;
    let now = world.now_ms;
    world.edit(SECRETS, &name, |secret| {
        secret["changed"] = now.into();
        if let Some(description) = input.get("Description") {
            secret["description"] = description.clone();
        }
        if let Some(key) = input.get("KmsKeyId") {
            secret["key"] = key.clone();
        }
    });
    let mut answer = identity(world, &name);
    if let Some(version) = versions::add(world, &name, input, &["AWSCURRENT"])? {
        answer["VersionId"] = version.into();
    }
    Ok(answer)
}

fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = usable(input, world)?;
    let window = input["RecoveryWindowInDays"].as_u64();
    let forced = input["ForceDeleteWithoutRecovery"].as_bool().unwrap_or_default();
    if forced && window.is_some() {
        let message = "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.";
        return Err(bad_parameter(message));
    }
    let days = window.unwrap_or(30);
    if !(7..=30).contains(&days) {
        let message = "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).";
        return Err(bad_parameter(message));
    }
    let mut answer = identity(world, &name);
    if forced {
        world.remove(SECRETS, &name);
        answer["DeletionDate"] = world.now_s().into();
        return Ok(answer);
    }
    let (now, gone) = (world.now_ms, world.now_ms + days * DAY_MS);
    world.edit(SECRETS, &name, |secret| {
        secret["deleted"] = now.into();
        secret["gone"] = gone.into();
    });
    answer["DeletionDate"] = (gone as f64 / 1000.0).into();
    Ok(answer)
}

fn put_policy(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = usable(input, world)?;
    let document = text(input, "ResourcePolicy");
    let malformed = |message: &str| Refusal::new("MalformedPolicyDocumentException", message);
    let policy: Value = serde_json::from_str(document)
        .map_err(|_| malformed("This resource policy contains invalid Json"))?;
    if document.len() > POLICY_MAX || policy["Statement"].is_null() {
        return Err(malformed("This resource policy contains a syntax error."));
    }
    if kms::policy::strange_principal(world, &policy).is_some() {
        return Err(malformed("This resource policy contains an unsupported principal."));
    }
    if input["BlockPublicPolicy"].as_bool().unwrap_or_default() && is_public(&policy) {
        let message = "The resource policy grants broad access to the secret.";
        return Err(Refusal::new("PublicPolicyException", message));
    }
    world.edit(SECRETS, &name, |secret| secret["policy"] = document.into());
    Ok(identity(world, &name))
}

/// Whether a statement allows everybody something, unconditionally.
fn is_public(policy: &Value) -> bool {
    let one = std::slice::from_ref(&policy["Statement"]);
    let statements = policy["Statement"].as_array().map_or(one, Vec::as_slice);
    statements.iter().any(|statement| {
        let principal = &statement["Principal"];
        let all = |value: &Value| {
            value == "*" || value.as_array().is_some_and(|many| many.iter().any(|one| one == "*"))
        };
        text(statement, "Effect") == "Allow"
            && statement["Condition"].is_null()
            && (all(principal) || all(&principal["AWS"]))
    })
}

fn tags_in(input: &Value) -> BTreeMap<String, String> {
    let tags = input["Tags"].as_array().into_iter().flatten();
    tags.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())).collect()
}

fn retag(
    input: &Value,
    world: &mut World<'_>,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<Value, Refusal> {
    let name = usable(input, world)?;
    let mut tags = strings(secret(world, &name).get("tags"));
    change(&mut tags);
    check(&Value::Null, &tags)?;
    let now = world.now_ms;
    world.edit(SECRETS, &name, |secret| {
        secret["tags"] = json!(tags);
        secret["changed"] = now.into();
    });
    Ok(json!({}))
}

fn tagged(world: &World<'_>) -> Vec<Tagged> {
    let secrets = world.all(SECRETS).into_values().filter(|secret| there(world, secret));
    secrets.map(|secret| (text(secret, "arn").to_owned(), strings(secret.get("tags")))).collect()
}
