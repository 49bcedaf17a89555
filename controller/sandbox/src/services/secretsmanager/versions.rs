//! Versions of a secret's value and the labels that move between them.

use serde_json::{Map, Value, json};

use super::{SECRETS, World, bad_parameter, identity, page, secret, usable};
use crate::services::{Refusal, text};

/// AWS's own key, which every account has.
pub(super) const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
const VALUE_BYTES_MAX: usize = 65_536;
const LABELS_MAX: usize = 20;

/// Version ids and their labels; a version without labels is not shown.
pub(super) fn stages(secret: &Value) -> Map<String, Value> {
    let versions = secret["versions"].as_object().into_iter().flatten();
    versions
        .filter(|(_, version)| version["stages"].as_array().is_some_and(|stages| !stages.is_empty()))
        .map(|(id, version)| (id.clone(), version["stages"].clone()))
        .collect()
}

pub(super) fn same_value(version: &Value, input: &Value) -> bool {
    ["SecretString", "SecretBinary"].iter().all(|member| version[member] == input[member])
}

/// Adds the value that the request holds, if it holds one, under these labels.
pub(super) fn add(
    world: &mut World<'_>,
    name: &str,
    input: &Value,
    labels: &[&str],
) -> Result<Option<String>, Refusal> {
    let (string, binary) = (&input["SecretString"], &input["SecretBinary"]);
    if string.is_null() && binary.is_null() {
        return Ok(None);
    }
    if !string.is_null() && !binary.is_null() {
        return Err(bad_parameter("You can't specify both a binary secret value and a string secret value."));
    }
    let token = text(input, "ClientRequestToken");
    if !(32..=64).contains(&token.len()) {
        return Err(bad_parameter("ClientRequestToken must have 32 to 64 characters."));
    }
    if [string, binary].iter().any(|value| value.as_str().is_some_and(|text| text.len() > VALUE_BYTES_MAX)) {
        return Err(Refusal::new("ValidationException", "Value at 'secretString' is longer than 65536"));
    }
    let kept = secret(world, name);
    encrypt(world, &kept)?;
    if kept["versions"].get(token).is_some() {
        let message = format!(
            "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {}.",
            text(&kept, "arn")
        );
        return Err(Refusal::new("ResourceExistsException", message));
    }
    let now = world.now_ms;
    // The first version is the current one, whatever was asked for (PutSecretValue).
    let first = kept["versions"].as_object().is_none_or(Map::is_empty);
    world.edit(SECRETS, name, |secret| {
        secret["versions"][token] =
            json!({ "SecretString": string, "SecretBinary": binary, "stages": [], "created": now });
        labels.iter().for_each(|label| attach(secret, label, token));
        if first && !labels.contains(&CURRENT) {
            attach(secret, CURRENT, token);
        }
        secret["changed"] = now.into();
    });
    Ok(Some(token.to_owned()))
}

/// Refuses when the secret's own key cannot be used.
fn encrypt(world: &World<'_>, secret: &Value) -> Result<(), Refusal> {
    let Some(key) = secret["key"].as_str().filter(|key| !key.is_empty() && *key != DEFAULT_KEY) else {
        return Ok(());
    };
    let last = key.rsplit(':').next().unwrap_or(key);
    let alias = world.get("kms/aliases", last).map(|alias| text(alias, "key"));
    let id = alias.unwrap_or(last.strip_prefix("key/").unwrap_or(last));
    if world.get("kms/keys", id).is_some_and(|key| text(key, "state") == "Enabled") {
        return Ok(());
    }
    let message = "Secrets Manager can't encrypt the protected secret text using the provided KMS key.";
    Err(Refusal::new("EncryptionFailure", message))
}

fn labels_of(version: &mut Value) -> Option<&mut Vec<Value>> {
    version["stages"].as_array_mut()
}

fn detach(secret: &mut Value, label: &str) -> Option<String> {
    let versions = secret["versions"].as_object_mut()?;
    let (id, version) = versions.iter_mut().find(|(_, version)| {
        version["stages"].as_array().is_some_and(|all| all.iter().any(|one| one == label))
    })?;
    labels_of(version)?.retain(|one| one != label);
    Some(id.clone())
}

/// Moves a label; the version that loses `AWSCURRENT` becomes `AWSPREVIOUS`.
fn attach(secret: &mut Value, label: &str, to: &str) {
    let from = detach(secret, label);
    if let Some(labels) = labels_of(&mut secret["versions"][to]) {
        labels.push(label.into());
    }
    if let Some(from) = from.filter(|from| label == CURRENT && from != to) {
        attach(secret, PREVIOUS, &from);
    }
}

pub(super) fn put(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = usable(input, world)?;
    let token = text(input, "ClientRequestToken");
    let wanted: Vec<&str> =
        input["VersionStages"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let wanted = if wanted.is_empty() { vec![CURRENT] } else { wanted };
    let kept = secret(world, &name)["versions"].get(token).cloned();
    let id = match kept {
        // The same request once more.
        Some(version) if same_value(&version, input) => token.to_owned(),
        _ => add(world, &name, input, &wanted)?
            .ok_or_else(|| bad_parameter("You must provide either SecretString or SecretBinary."))?,
    };
    let mut answer = identity(world, &name);
    answer["VersionStages"] = secret(world, &name)["versions"][&id]["stages"].clone();
    answer["VersionId"] = id.into();
    Ok(answer)
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let name = usable(input, world)?;
    let secret = secret(world, &name);
    let stage = Some(text(input, "VersionStage")).filter(|stage| !stage.is_empty()).unwrap_or(CURRENT);
    let has =
        |version: &Value| version["stages"].as_array().is_some_and(|all| all.iter().any(|one| one == stage));
    let mut versions = secret["versions"].as_object().into_iter().flatten();
    let found = match text(input, "VersionId") {
        "" => versions.find(|(_, version)| has(version)),
        id => versions.find(|(of, _)| *of == id),
    };
    let Some((id, version)) = found else {
        let message =
            format!("Secrets Manager can't find the specified secret value for staging label: {stage}");
        return Err(Refusal::new("ResourceNotFoundException", message));
    };
    encrypt(world, &secret).map_err(|_| {
        Refusal::new(
            "DecryptionFailure",
            "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
        )
    })?;
    let mut answer = identity(world, &name);
    answer["VersionId"] = id.as_str().into();
    for member in ["SecretString", "SecretBinary"] {
        answer[member] = version[member].clone();
    }
    answer["VersionStages"] = version["stages"].clone();
    answer["CreatedDate"] = version["created"].as_u64().map(|ms| ms as f64 / 1000.0).into();
    Ok(answer)
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let name = usable(input, world)?;
    let all = input["IncludeDeprecated"].as_bool().unwrap_or_default();
    let secret = secret(world, &name);
    let versions = secret["versions"].as_object().into_iter().flatten();
    let versions: Vec<Value> = versions
        .filter(|(_, version)| all || version["stages"].as_array().is_some_and(|stages| !stages.is_empty()))
        .map(|(id, version)| {
            json!({
                "VersionId": id,
                "VersionStages": version["stages"],
                "CreatedDate": version["created"].as_u64().map(|ms| ms as f64 / 1000.0),
            })
        })
        .collect();
    let size = usize::try_from(input["MaxResults"].as_u64().unwrap_or(100)).unwrap_or(100).min(100);
    let (versions, next) = page(&versions, text(input, "NextToken"), size);
    let mut answer = identity(world, &name);
    answer["Versions"] = versions.into();
    answer["NextToken"] = next.into();
    Ok(answer)
}

/// Moves a label. Who takes it away must say from where: that makes the move compare-and-swap.
pub(super) fn move_stage(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = usable(input, world)?;
    let (label, to) = (text(input, "VersionStage"), text(input, "MoveToVersionId"));
    let kept = secret(world, &name);
    if !to.is_empty() && kept["versions"].get(to).is_none() {
        let message = "Secrets Manager can't find the specified secret version.";
        return Err(Refusal::new("ResourceNotFoundException", message));
    }
    let holder = detach(&mut kept.clone(), label);
    if holder.as_deref().is_some_and(|holder| holder != to && holder != text(input, "RemoveFromVersionId")) {
        let message = format!(
            "The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently \
             attached to version {}, so you must explicitly reference that version in RemoveFromVersionId.",
            holder.unwrap_or_default()
        );
        return Err(bad_parameter(message));
    }
    if to.is_empty() && label == CURRENT {
        return Err(bad_parameter(
            "You can only move staging label AWSCURRENT to a different secret version.",
        ));
    }
    if to.is_empty() && holder.is_none() {
        let message = format!("Secrets Manager can't find the staging label {label} on a version.");
        return Err(Refusal::new("ResourceNotFoundException", message));
    }
    if kept["versions"][to]["stages"].as_array().is_some_and(|labels| labels.len() >= LABELS_MAX) {
        return Err(Refusal::new("LimitExceededException", "A version has at most 20 staging labels."));
    }
    let now = world.now_ms;
    world.edit(SECRETS, &name, |secret| {
        if to.is_empty() {
            detach(secret, label);
        } else {
            attach(secret, label, to);
        }
        secret["changed"] = now.into();
    });
    Ok(identity(world, &name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::SERVICE;
    use crate::{
        blobs::Blobs,
        services::{
            World,
            asking::{ask, refused},
        },
        store::Documents,
        weather::Weather,
    };

    fn put(world: &mut World<'_>, token: char, label: &str) -> Value {
        let token = token.to_string().repeat(32);
        let input = json!({
            "SecretId": "s", "ClientRequestToken": token, "SecretString": token, "VersionStages": [label],
        });
        ask(&SERVICE, world, "PutSecretValue", input).expect("a version")
    }

    #[test]
    fn the_first_version_is_current_and_labels_move_by_compare_and_swap() {
        let (documents, weather) = (Documents::default(), Weather::default());
        let mut world = World::new(&documents, 1_000, "000000000000", "us-east-1", &weather);
        world.blobs = Blobs::default();
        ask(&SERVICE, &mut world, "CreateSecret", json!({ "Name": "s" })).expect("a secret");
        let labels = |answer: Value| answer["VersionStages"].clone();
        assert_eq!(labels(put(&mut world, 'a', "AWSPENDING")), json!(["AWSPENDING", "AWSCURRENT"]));
        assert_eq!(labels(put(&mut world, 'b', "AWSPENDING")), json!(["AWSPENDING"]));
        world.now_ms = 9_000;
        let (a, b) = ("a".repeat(32), "b".repeat(32));
        let step = "UpdateSecretVersionStage";
        let switch = |from: &str| {
            let (label, from) = ("AWSCURRENT", from.to_owned());
            json!({ "SecretId": "s", "VersionStage": label, "MoveToVersionId": b, "RemoveFromVersionId": from })
        };
        refused(&SERVICE, &mut world, step, switch("x"), ("InvalidParameterException", "currently attached"));
        ask(&SERVICE, &mut world, step, switch(&a)).expect("a move");
        let told =
            ask(&SERVICE, &mut world, "DescribeSecret", json!({ "SecretId": "s" })).expect("it is there");
        assert_eq!(told["VersionIdsToStages"][&a], json!(["AWSPREVIOUS"]));
        assert_eq!(told["LastChangedDate"], json!(9.0));
        let gone = json!({ "SecretId": "s", "VersionStage": "other", "RemoveFromVersionId": a });
        refused(&SERVICE, &mut world, step, gone, ("ResourceNotFoundException", "other"));
    }
}
