//! CloudWatch Logs: log groups. Lines are not kept.
//!
//! A group's document may hold `bytes` and `account_policy` (`name`, `days`), which only another hand sets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, page, strings, text};
use crate::wire::{Protocol, Reply, Request};

pub(crate) const SERVICE: Service =
    Service { signing: "logs", protocol: Protocol::Json { version: "1.1" }, handle, tagged };

const GROUPS: &str = "logs/groups";

const RETENTIONS: &[u64] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const NAME_MAX: usize = 512;
const TAGS_MAX: usize = 50;
const PAGE_MAX: usize = 50;

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    let answer = match request.operation.as_str() {
        "CreateLogGroup" => create(input, world)?,
        "DescribeLogGroups" => describe(input, world)?,
        "PutRetentionPolicy" => {
            let days = &input["retentionInDays"];
            if !days.as_u64().is_some_and(|days| RETENTIONS.contains(&days)) {
                return Err(invalid(format!(
                    "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy \
                     constraint: Member must satisfy enum value set: {RETENTIONS:?}"
                )));
            }
            edit(world, text(input, "logGroupName"), |group| group["retention"] = days.clone())?
        }
        "DeleteRetentionPolicy" => {
            edit(world, text(input, "logGroupName"), |group| group["retention"] = Value::Null)?
        }
        "AssociateKmsKey" => {
            let key = key_of(input)?;
            edit(world, text(input, "logGroupName"), |group| group["key"] = key)?
        }
        "DisassociateKmsKey" => edit(world, text(input, "logGroupName"), |group| group["key"] = Value::Null)?,
        "PutLogGroupDeletionProtection" => {
            let name = text(input, "logGroupIdentifier");
            let name = name.split_once(":log-group:").map_or(name, |(_, name)| name);
            edit(world, name, |group| group["protected"] = input["deletionProtectionEnabled"].clone())?
        }
        "TagResource" => retag(input, world, |tags| tags.extend(strings(input.get("tags"))))?,
        "UntagResource" => retag(input, world, |tags| {
            let keys = input["tagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str);
            keys.for_each(|key| drop(tags.remove(key)));
        })?,
        "ListTagsForResource" => {
            let (_, group) = by_arn(input, world)?;
            if !seen(group, world) {
                return Err(missing());
            }
            json!({ "tags": group["tags"] })
        }
        "DeleteLogGroup" => delete(text(input, "logGroupName"), world)?,
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

fn missing() -> Refusal {
    Refusal::new("ResourceNotFoundException", "The specified log group does not exist.")
}

fn seen(group: &Value, world: &World<'_>) -> bool {
    world.visible(group["created"].as_u64().unwrap_or_default())
}

fn edit(world: &mut World<'_>, name: &str, change: impl FnOnce(&mut Value)) -> Result<Value, Refusal> {
    if world.edit(GROUPS, name, change) { Ok(json!({})) } else { Err(missing()) }
}

/// Only the ARN of a key is taken, never its id or alias.
fn key_of(input: &Value) -> Result<Value, Refusal> {
    let key = text(input, "kmsKeyId");
    if key.starts_with("arn:aws:kms:") && key.contains(":key/") {
        return Ok(key.into());
    }
    Err(invalid("The specified KMS Key Id could not be found."))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() > TAGS_MAX {
        return Err(Refusal::new("TooManyTagsException", "A resource can have no more than 50 tags."));
    }
    match tags.keys().find(|key| key.starts_with("aws:")) {
        Some(key) => Err(invalid(format!("The tag key {key} is reserved."))),
        None => Ok(()),
    }
}

fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "logGroupName").to_owned();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._/#-".contains(c);
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(allowed) || name.starts_with("aws/") {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
        )));
    }
    if world.get(GROUPS, &name).is_some() {
        let message = "The specified log group already exists";
        return Err(Refusal::new("ResourceAlreadyExistsException", message));
    }
    let key = if input.get("kmsKeyId").is_some() { key_of(input)? } else { Value::Null };
    let class = input.get("logGroupClass").and_then(Value::as_str).unwrap_or("STANDARD");
    if !["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"].contains(&class) {
        return Err(invalid(format!("{class} is no log group class.")));
    }
    let tags = strings(input.get("tags"));
    check_tags(&tags)?;
    let group = json!({
        "class": class,
        "retention": null,
        "key": key,
        "protected": input["deletionProtectionEnabled"].as_bool().unwrap_or_default(),
        "tags": tags,
        "created": world.now_ms,
        "bytes": 0,
    });
    world.put(GROUPS, &name, group);
    Ok(json!({}))
}

fn describe(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (prefix, pattern) = (text(input, "logGroupNamePrefix"), text(input, "logGroupNamePattern"));
    if !prefix.is_empty() && !pattern.is_empty() {
        return Err(invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let size = input.get("limit").map_or(Some(50), Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let size = size.filter(|size| (1..=PAGE_MAX).contains(size)).ok_or_else(|| {
        invalid("Value at 'limit' failed to satisfy constraint: Member must have value between 1 and 50")
    })?;
    let class = text(input, "logGroupClass");
    let groups: Vec<Value> = world
        .all(GROUPS)
        .into_iter()
        .filter(|(name, group)| name.starts_with(prefix) && name.contains(pattern) && seen(group, world))
        .filter(|(_, group)| class.is_empty() || group["class"] == class)
        .map(|(name, group)| shown(name, group, world))
        .collect();
    let (groups, next) = page(&groups, text(input, "nextToken"), size);
    Ok(json!({ "logGroups": groups, "nextToken": next }))
}

fn shown(name: &str, group: &Value, world: &World<'_>) -> Value {
    let arn = arn_of(name, world);
    // An account's policy hides the retention of the group itself.
    let policy = group.get("account_policy");
    let retention = policy.map_or(&group["retention"], |policy| &policy["days"]);
    json!({
        "logGroupName": name,
        "creationTime": group["created"],
        "retentionInDays": retention,
        "retentionPolicyName": policy.map(|policy| &policy["name"]),
        "metricFilterCount": 0,
        "arn": format!("{arn}:*"),
        "logGroupArn": arn,
        "storedBytes": group["bytes"],
        "kmsKeyId": group["key"],
        "logGroupClass": group["class"],
        "deletionProtectionEnabled": group["protected"],
    })
}

fn arn_of(name: &str, world: &World<'_>) -> String {
    world.arn("logs", &format!("log-group:{name}"))
}

/// The group of a tag call, whose ARN must be the one without `:*`.
fn by_arn<'w>(input: &Value, world: &'w World<'_>) -> Result<(String, &'w Value), Refusal> {
    let arn = text(input, "resourceArn");
    let name = arn.strip_prefix(&arn_of("", world)).filter(|name| !name.ends_with(":*"));
    let name = name.ok_or_else(|| invalid(format!("{arn} is no ARN of a log group.")))?;
    Ok((name.to_owned(), world.get(GROUPS, name).ok_or_else(missing)?))
}

fn retag(
    input: &Value,
    world: &mut World<'_>,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<Value, Refusal> {
    let (name, group) = by_arn(input, world)?;
    let mut tags = strings(group.get("tags"));
    change(&mut tags);
    check_tags(&tags)?;
    edit(world, &name, |group| group["tags"] = json!(tags))
}

fn delete(name: &str, world: &mut World<'_>) -> Result<Value, Refusal> {
    let group = world.get(GROUPS, name).ok_or_else(missing)?;
    // The only code that the API model names for `DeleteLogGroup` since there is deletion protection.
    if group["protected"] == true {
        let message = format!("Log group {name} cannot be deleted: deletion protection is enabled.");
        return Err(Refusal::new("ValidationException", message));
    }
    world.remove(GROUPS, name);
    Ok(json!({}))
}

fn tagged(world: &World<'_>) -> Vec<Tagged> {
    let all = world.all(GROUPS);
    all.iter().map(|(name, group)| (arn_of(name, world), strings(group.get("tags")))).collect()
}
