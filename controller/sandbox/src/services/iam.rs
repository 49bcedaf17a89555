//! IAM: roles and what hangs on them, and OpenID Connect providers.
//!
//! Customer-managed policies are documents of `iam/policies` by ARN, which only another hand makes; those of
//! AWS (`arn:aws:iam::aws:policy/…`) are all there.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, text};
use crate::wire::{Protocol, Reply, Request};

mod documents;
pub(super) mod principals;
mod providers;
mod reads;
mod writes;

pub(crate) use principals::trusts;

pub(crate) const SERVICE: Service = Service {
    signing: "iam",
    protocol: Protocol::Query { namespace: "https://iam.amazonaws.com/doc/2010-05-08/" },
    handle,
    tagged,
};

/// Roles by name, with `created` in milliseconds; other services look here for principals.
pub(super) const ROLES: &str = "iam/roles";
const POLICIES: &str = "iam/policies";

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    if let Some(answer) = providers::handle(&request.operation, input, world) {
        return answer.map(Reply::value);
    }
    let answer = match request.operation.as_str() {
        "CreateRole" => writes::create(input, world)?,
        "UpdateRole" => writes::update(input, world)?,
        "UpdateAssumeRolePolicy" => writes::update_trust(input, world)?,
        "DeleteRole" => writes::delete(input, world)?,
        "PutRolePolicy" => writes::put_inline(input, world)?,
        "DeleteRolePolicy" => writes::delete_inline(input, world)?,
        "AttachRolePolicy" => writes::attach(input, world)?,
        "DetachRolePolicy" => writes::detach(input, world)?,
        "PutRolePermissionsBoundary" => {
            let arn = policy_arn(text(input, "PermissionsBoundary"), world)?;
            edit(input, world, |role| role["boundary"] = arn.into())?
        }
        "DeleteRolePermissionsBoundary" => edit(input, world, |role| role["boundary"] = Value::Null)?,
        "TagRole" => writes::retag(input, world, |tags| tags.extend(tags_in(&input["Tags"])))?,
        "UntagRole" => {
            let keys = input["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let keys: Vec<&str> = keys.collect();
            writes::retag(input, world, |tags| tags.retain(|key, _| !keys.contains(&key.as_str())))?
        }
        "GetRole" => reads::get(input, world)?,
        "ListRoles" => reads::list(input, world),
        "ListRoleTags" => reads::tags(input, world)?,
        "GetRolePolicy" => reads::inline(input, world)?,
        "ListRolePolicies" => reads::inline_names(input, world)?,
        "ListAttachedRolePolicies" => reads::attached(input, world)?,
        "GetAccountAuthorizationDetails" => reads::details(input, world),
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn missing(message: impl Into<String>) -> Refusal {
    Refusal::new("NoSuchEntity", message).status(404)
}

fn limit(message: impl Into<String>) -> Refusal {
    Refusal::new("LimitExceeded", message).status(409)
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}

fn no_role(name: &str) -> Refusal {
    missing(format!("The role with name {name} cannot be found."))
}

/// The role that a call names.
fn existing<'w>(input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    let name = text(input, "RoleName");
    world.get(ROLES, name).ok_or_else(|| no_role(name))
}

/// The role that a read names: one that was just made is not seen.
fn seen<'w>(input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    let role = existing(input, world)?;
    if is_seen(role, world) { Ok(role) } else { Err(no_role(text(input, "RoleName"))) }
}

fn is_seen(role: &Value, world: &World<'_>) -> bool {
    world.visible(role["created"].as_u64().unwrap_or_default())
}

fn edit(input: &Value, world: &mut World<'_>, change: impl FnOnce(&mut Value)) -> Result<Value, Refusal> {
    existing(input, world)?;
    world.edit(ROLES, text(input, "RoleName"), change);
    Ok(json!({}))
}

fn arn_of(name: &str, role: &Value, world: &World<'_>) -> String {
    format!("arn:aws:iam::{}:role{}{name}", world.account, text(role, "path"))
}

/// A managed policy that exists.
fn policy_arn(arn: &str, world: &World<'_>) -> Result<String, Refusal> {
    if !arn.starts_with("arn:aws:iam::") || !arn.contains(":policy/") {
        return Err(Refusal::new("InvalidInput", format!("ARN {arn} is not valid.")));
    }
    if arn.starts_with("arn:aws:iam::aws:policy/") || world.get(POLICIES, arn).is_some() {
        return Ok(arn.to_owned());
    }
    Err(missing(format!("Policy {arn} does not exist or is not attachable.")))
}

/// `[{"Key", "Value"}]` as a map.
fn tags_in(list: &Value) -> BTreeMap<String, String> {
    let items = list.as_array().into_iter().flatten();
    items.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())).collect()
}

fn tagged(world: &World<'_>) -> Vec<Tagged> {
    // The tagging API lists IAM in us-east-1 only (aws-semantics 1.8).
    if world.region != "us-east-1" {
        return Vec::new();
    }
    let one = |(name, role): (&&str, &&Value)| (arn_of(name, role, world), super::strings(role.get("tags")));
    let roles = world.all(ROLES);
    let providers = world.all(providers::PROVIDERS);
    let providers = providers.iter().map(|(arn, one)| ((*arn).to_owned(), super::strings(one.get("tags"))));
    roles.iter().map(one).chain(providers).collect()
}
