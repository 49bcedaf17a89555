//! Reads. Lists of roles leave out what IAM's lists leave out.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ROLES, arn_of, documents::encoded, is_seen, missing, seen};
use crate::services::{Refusal, World, page, strings, text};

/// One page of a list under `member`, with IAM's marker.
fn paged(input: &Value, member: &str, items: &[Value]) -> Value {
    let size = text(input, "MaxItems").parse().unwrap_or(100);
    let (items, next) = page(items, text(input, "Marker"), size);
    json!({ member: items, "IsTruncated": next.is_some(), "Marker": next })
}

fn tags_out(role: &Value) -> Vec<Value> {
    strings(role.get("tags")).iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

fn boundary(role: &Value) -> Value {
    let arn = role["boundary"].as_str();
    let shown = |arn| {
        json!({
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": arn,
        })
    };
    arn.map_or(Value::Null, shown)
}

pub(super) fn created(role: &Value) -> String {
    let created = role["created"].as_i64().unwrap_or_default();
    Timestamp::from_millisecond(created).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What `ListRoles` tells of a role: no tags, no boundary.
fn listed(name: &str, role: &Value, world: &World<'_>) -> Value {
    json!({
        "Path": role["path"],
        "RoleName": name,
        "RoleId": role["id"],
        "Arn": arn_of(name, role, world),
        "CreateDate": created(role),
        "AssumeRolePolicyDocument": encoded(text(role, "trust")),
        "Description": role["description"],
        "MaxSessionDuration": role["session"],
    })
}

/// What `GetRole` and `CreateRole` tell.
pub(super) fn whole(name: &str, role: &Value, world: &World<'_>) -> Value {
    let mut whole = listed(name, role, world);
    whole["PermissionsBoundary"] = boundary(role);
    whole["Tags"] = tags_out(role).into();
    whole
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    Ok(json!({ "Role": whole(text(input, "RoleName"), seen(input, world)?, world) }))
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Value {
    let prefix = text(input, "PathPrefix");
    let roles = world.all(ROLES);
    let roles =
        roles.iter().filter(|(_, role)| is_seen(role, world) && text(role, "path").starts_with(prefix));
    let roles: Vec<Value> = roles.map(|(name, role)| listed(name, role, world)).collect();
    paged(input, "Roles", &roles)
}

pub(super) fn tags(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    Ok(paged(input, "Tags", &tags_out(seen(input, world)?)))
}

pub(super) fn inline(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "PolicyName");
    let document = seen(input, world)?["inline"][name].as_str();
    let document =
        document.ok_or_else(|| missing(format!("The role policy with name {name} cannot be found.")))?;
    Ok(json!({
        "RoleName": text(input, "RoleName"),
        "PolicyName": name,
        "PolicyDocument": encoded(document),
    }))
}

pub(super) fn inline_names(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let names = strings(seen(input, world)?.get("inline")).into_keys();
    Ok(paged(input, "PolicyNames", &names.map(Value::from).collect::<Vec<_>>()))
}

fn attachments(role: &Value) -> Vec<Value> {
    let arns = role["attached"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let name = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    arns.map(|arn| json!({ "PolicyName": name(arn), "PolicyArn": arn })).collect()
}

pub(super) fn attached(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    Ok(paged(input, "AttachedPolicies", &attachments(seen(input, world)?)))
}

/// Everything about roles but description and longest session, which `RoleDetail` does not have.
pub(super) fn details(input: &Value, world: &World<'_>) -> Value {
    let filter = input["Filter"].as_array().map(Vec::as_slice).unwrap_or_default();
    let wanted = filter.is_empty() || filter.iter().any(|kind| kind == "Role");
    let roles = world.all(ROLES);
    let roles = roles.iter().filter(|(_, role)| wanted && is_seen(role, world));
    let roles: Vec<Value> = roles.map(|(name, role)| detail(name, role, world)).collect();
    let mut answer = paged(input, "RoleDetailList", &roles);
    for empty in ["UserDetailList", "GroupDetailList", "Policies"] {
        answer[empty] = json!([]);
    }
    answer
}

fn detail(name: &str, role: &Value, world: &World<'_>) -> Value {
    let inline = strings(role.get("inline"));
    let inline: Vec<Value> = inline
        .iter()
        .map(|(name, document)| json!({ "PolicyName": name, "PolicyDocument": encoded(document) }))
        .collect();
    json!({
        "Path": role["path"],
        "RoleName": name,
        "RoleId": role["id"],
        "Arn": arn_of(name, role, world),
        "CreateDate": created(role),
        "AssumeRolePolicyDocument": encoded(text(role, "trust")),
        "InstanceProfileList": [],
        "RolePolicyList": inline,
        "AttachedManagedPolicies": attachments(role),
        "PermissionsBoundary": boundary(role),
        "Tags": tags_out(role),
    })
}
