//! Writes, with the refusals and quotas of IAM.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    ROLES, arn_of, documents, edit, existing, invalid, limit, missing, policy_arn, principals, reads, tags_in,
};
use crate::services::{Refusal, World, strings, text};

const NAME_MAX: usize = 64;
const DESCRIPTION_MAX: usize = 1_000;
const TAGS_MAX: usize = 50;
const ATTACHED_MAX: usize = 10;
const TRUST_MAX: usize = 2_048;
const INLINE_MAX: usize = 10_240;

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    (1..=NAME_MAX).contains(&name.len()) && name.chars().all(allowed)
}

/// Seconds, which come as text.
fn session(input: &Value) -> Result<Option<u32>, Refusal> {
    let Some(given) = input.get("MaxSessionDuration").and_then(Value::as_str) else { return Ok(None) };
    let seconds = given.parse().ok().filter(|seconds| (3_600..=43_200).contains(seconds));
    seconds.map(Some).ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value '{given}' at 'maxSessionDuration' failed to satisfy \
             constraint: Member must have value between 3600 and 43200"
        ))
    })
}

fn check_description(input: &Value) -> Result<(), Refusal> {
    if text(input, "Description").chars().count() > DESCRIPTION_MAX {
        return Err(invalid("Value at 'description' failed to satisfy constraint: length at most 1000"));
    }
    Ok(())
}

fn check_trust(document: &str, world: &World<'_>) -> Result<(), Refusal> {
    documents::check_trust(document, world)?;
    if documents::size(document) > TRUST_MAX {
        return Err(limit(format!("Cannot exceed quota for ACLSizePerRole: {TRUST_MAX}")));
    }
    Ok(())
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() > TAGS_MAX {
        return Err(limit(format!("Cannot exceed quota for TagsPerRole: {TAGS_MAX}")));
    }
    match tags.keys().find(|key| key.to_lowercase().starts_with("aws:")) {
        Some(key) => Err(Refusal::new("InvalidInput", format!("The tag key {key} is reserved."))),
        None => Ok(()),
    }
}

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "RoleName");
    if !is_name(name) {
        return Err(invalid("The specified value for roleName is invalid."));
    }
    // Unique whatever the case.
    if world.all(ROLES).keys().any(|other| other.eq_ignore_ascii_case(name)) {
        let message = format!("Role with name {name} already exists.");
        return Err(Refusal::new("EntityAlreadyExists", message).status(409));
    }
    check_description(input)?;
    let trust = text(input, "AssumeRolePolicyDocument");
    check_trust(trust, world)?;
    let boundary = match text(input, "PermissionsBoundary") {
        "" => Value::Null,
        arn => policy_arn(arn, world)?.into(),
    };
    let tags = tags_in(&input["Tags"]);
    check_tags(&tags)?;
    let path = input.get("Path").and_then(Value::as_str).unwrap_or("/");
    let role = json!({
        "id": format!("AROA{:017}", world.next_number()),
        "path": path,
        "trust": trust,
        "description": input.get("Description"),
        "session": session(input)?.unwrap_or(3_600),
        "boundary": boundary,
        "inline": {},
        "attached": [],
        "tags": tags,
        "created": world.now_ms,
    });
    let answer = json!({ "Role": reads::whole(name, &role, world) });
    world.put(ROLES, name, role);
    Ok(answer)
}

/// What is left out is kept.
pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    check_description(input)?;
    let session = session(input)?;
    edit(input, world, |role| {
        if let Some(description) = input.get("Description") {
            role["description"] = description.clone();
        }
        if let Some(session) = session {
            role["session"] = session.into();
        }
    })
}

pub(super) fn update_trust(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    existing(input, world)?;
    let trust = text(input, "PolicyDocument");
    check_trust(trust, world)?;
    edit(input, world, |role| role["trust"] = trust.into())
}

pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "RoleName");
    let role = existing(input, world)?;
    let conflict = |message: &str| Err(Refusal::new("DeleteConflict", message).status(409));
    if role["attached"].as_array().is_some_and(|attached| !attached.is_empty()) {
        return conflict("Cannot delete entity, must detach all policies first.");
    }
    if !strings(role.get("inline")).is_empty() {
        return conflict("Cannot delete entity, must delete policies first.");
    }
    let (arn, id) = (arn_of(name, role, world), text(role, "id").to_owned());
    world.remove(ROLES, name);
    let others: Vec<(String, String)> = world
        .all(ROLES)
        .into_iter()
        .filter_map(|(other, role)| {
            Some((other.to_owned(), principals::rewritten(text(role, "trust"), &arn, &id)?))
        })
        .collect();
    for (other, trust) in others {
        world.edit(ROLES, &other, |role| role["trust"] = trust.into());
    }
    Ok(json!({}))
}

pub(super) fn put_inline(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let role = existing(input, world)?;
    let (name, document) = (text(input, "PolicyName"), text(input, "PolicyDocument"));
    documents::check_inline(document)?;
    let mut inline = strings(role.get("inline"));
    inline.insert(name.to_owned(), document.to_owned());
    if inline.values().map(|document| documents::size(document)).sum::<usize>() > INLINE_MAX {
        let role = text(input, "RoleName");
        return Err(limit(format!("Maximum policy size of {INLINE_MAX} bytes exceeded for role {role}")));
    }
    edit(input, world, |role| role["inline"] = json!(inline))
}

pub(super) fn delete_inline(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "PolicyName");
    let mut inline = strings(existing(input, world)?.get("inline"));
    if inline.remove(name).is_none() {
        return Err(missing(format!("The role policy with name {name} cannot be found.")));
    }
    edit(input, world, |role| role["inline"] = json!(inline))
}

fn attached_to(role: &Value) -> Vec<String> {
    let arns = role["attached"].as_array().into_iter().flatten().filter_map(Value::as_str);
    arns.map(str::to_owned).collect()
}

pub(super) fn attach(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let mut attached = attached_to(existing(input, world)?);
    let arn = policy_arn(text(input, "PolicyArn"), world)?;
    if !attached.contains(&arn) {
        attached.push(arn);
    }
    if attached.len() > ATTACHED_MAX {
        return Err(limit(format!("Cannot exceed quota for PoliciesPerRole: {ATTACHED_MAX}")));
    }
    edit(input, world, |role| role["attached"] = attached.into())
}

pub(super) fn detach(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let mut attached = attached_to(existing(input, world)?);
    let arn = text(input, "PolicyArn");
    if !attached.iter().any(|one| one == arn) {
        return Err(missing(format!("Policy {arn} was not found.")));
    }
    attached.retain(|one| one != arn);
    edit(input, world, |role| role["attached"] = attached.into())
}

pub(super) fn retag(
    input: &Value,
    world: &mut World<'_>,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<Value, Refusal> {
    let mut tags = strings(existing(input, world)?.get("tags"));
    change(&mut tags);
    check_tags(&tags)?;
    edit(input, world, |role| role["tags"] = json!(tags))
}
