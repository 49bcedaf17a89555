//! Cognito identity pools: their settings, roles and tags.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, page, strings, text};
use crate::wire::{Protocol, Reply, Request};

pub(crate) const SERVICE: Service =
    Service { signing: "cognito-identity", protocol: Protocol::Json { version: "1.1" }, handle, tagged };

/// By id. Names are not unique.
const POOLS: &str = "cognito/pools";

/// Members of a pool beside its name, with what AWS shows when nothing was given.
const SETTINGS: &[&str] = &[
    "IdentityPoolName",
    "AllowUnauthenticatedIdentities",
    "AllowClassicFlow",
    "SupportedLoginProviders",
    "DeveloperProviderName",
    "OpenIdConnectProviderARNs",
    "CognitoIdentityProviders",
    "SamlProviderARNs",
];

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    let answer = match request.operation.as_str() {
        "CreateIdentityPool" => create(input, world)?,
        "DescribeIdentityPool" => described(existing(input, world)?),
        "UpdateIdentityPool" => update(input, world)?,
        "DeleteIdentityPool" => {
            existing(input, world)?;
            world.remove(POOLS, text(input, "IdentityPoolId"));
            json!({})
        }
        "ListIdentityPools" => list(input, world)?,
        "GetIdentityPoolRoles" => {
            let pool = existing(input, world)?;
            json!({
                "IdentityPoolId": pool["id"], "Roles": pool["roles"], "RoleMappings": pool["mappings"],
            })
        }
        "SetIdentityPoolRoles" => set_roles(input, world)?,
        "ListTagsForResource" => json!({ "Tags": taggable(input, world)?.1 }),
        "TagResource" => retag(input, world, |tags| tags.extend(strings(input.get("Tags"))))?,
        "UntagResource" => retag(input, world, |tags| {
            let keys = input["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str);
            keys.for_each(|key| drop(tags.remove(key)));
        })?,
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

fn existing<'w>(input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    let id = text(input, "IdentityPoolId");
    let absent = || Refusal::new("ResourceNotFoundException", format!("IdentityPool '{id}' not found."));
    world.get(POOLS, id).ok_or_else(absent)
}

fn described(pool: &Value) -> Value {
    let mut shown = pool["settings"].clone();
    shown["IdentityPoolId"] = pool["id"].clone();
    shown["IdentityPoolTags"] = pool["tags"].clone();
    shown
}

fn settings(input: &Value) -> Result<Value, Refusal> {
    let name = text(input, "IdentityPoolName");
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_ +=,.@-".contains(c);
    if !(1..=128).contains(&name.len()) || !name.chars().all(allowed) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'identityPoolName' failed to satisfy constraint: Member \
             must satisfy regular expression pattern: [\\w\\s+=,.@-]+"
        )));
    }
    if !input["AllowUnauthenticatedIdentities"].is_boolean() {
        return Err(invalid(
            "Value at 'allowUnauthenticatedIdentities' failed to satisfy constraint: not null",
        ));
    }
    for (member, part) in
        [("OpenIdConnectProviderARNs", ":oidc-provider/"), ("SamlProviderARNs", ":saml-provider/")]
    {
        let mut arns = input[member].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(wrong) = arns.find(|arn| !arn.starts_with("arn:aws:iam::") || !arn.contains(part)) {
            return Err(invalid(format!("Invalid provider ARN: {wrong}")));
        }
    }
    for provider in input["CognitoIdentityProviders"].as_array().into_iter().flatten() {
        if !text(provider, "ProviderName").starts_with("cognito-idp.")
            || text(provider, "ClientId").is_empty()
        {
            return Err(invalid("Invalid Cognito Identity Provider"));
        }
    }
    let mut kept = json!({});
    for member in SETTINGS {
        let given = &input[*member];
        let empty = given.as_array().is_some_and(Vec::is_empty)
            || given.as_object().is_some_and(serde_json::Map::is_empty)
            || given == "";
        if !given.is_null() && !empty {
            kept[*member] = given.clone();
        }
    }
    if kept["AllowClassicFlow"].is_null() {
        kept["AllowClassicFlow"] = false.into();
    }
    // Whether a signed-out user's token is refused is told for each client.
    for provider in kept["CognitoIdentityProviders"].as_array_mut().into_iter().flatten() {
        if provider["ServerSideTokenCheck"].is_null() {
            provider["ServerSideTokenCheck"] = false.into();
        }
    }
    Ok(kept)
}

fn checked(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() > 50 {
        return Err(invalid("An identity pool can have at most 50 tags."));
    }
    Ok(())
}

/// Each call makes another pool, whatever its name.
fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let settings = settings(input)?;
    let tags = strings(input.get("IdentityPoolTags"));
    checked(&tags)?;
    let uuid = world.next_uuid();
    let id = format!("{}:{uuid}", world.region);
    let pool = json!({
        "id": id, "settings": settings, "tags": tags, "roles": {}, "mappings": {}, "created": world.now_ms,
    });
    let shown = described(&pool);
    world.put(POOLS, &id, pool);
    Ok(shown)
}

/// What is not given falls back to its default. Only the name of the developer's provider is for ever.
fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let settings = settings(input)?;
    let pool = existing(input, world)?;
    let developer = &pool["settings"]["DeveloperProviderName"];
    if !developer.is_null() && *developer != settings["DeveloperProviderName"] {
        return Err(invalid("The developer provider name cannot be changed."));
    }
    let tags = input.get("IdentityPoolTags").map(|tags| strings(Some(tags)));
    if let Some(tags) = &tags {
        checked(tags)?;
    }
    let id = text(input, "IdentityPoolId").to_owned();
    world.edit(POOLS, &id, |pool| {
        pool["settings"] = settings;
        if let Some(tags) = tags {
            pool["tags"] = json!(tags);
        }
    });
    Ok(described(existing(input, world)?))
}

fn list(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let size = input["MaxResults"].as_u64().unwrap_or_default();
    if !(1..=60).contains(&size) {
        return Err(invalid("Value at 'maxResults' failed to satisfy constraint: between 1 and 60"));
    }
    let token = text(input, "NextToken");
    if !token.is_empty() && token.parse::<usize>().is_err() {
        return Err(invalid("Invalid pagination token"));
    }
    let found: Vec<Value> = world
        .all(POOLS)
        .values()
        .filter(|pool| world.visible(pool["created"].as_u64().unwrap_or_default()))
        .map(|pool| {
            json!({
                "IdentityPoolId": pool["id"], "IdentityPoolName": pool["settings"]["IdentityPoolName"],
            })
        })
        .collect();
    let (found, next) = page(&found, token, usize::try_from(size).unwrap_or(60));
    Ok(json!({ "IdentityPools": found, "NextToken": next }))
}

/// Replaces roles and mappings. Whether the roles exist and trust the pool is only found out when somebody signs in.
fn set_roles(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    existing(input, world)?;
    let Some(roles) = input["Roles"].as_object() else {
        return Err(invalid("Value at 'roles' failed to satisfy constraint: not null"));
    };
    for (user, role) in roles {
        if user != "authenticated" && user != "unauthenticated" {
            return Err(invalid(format!("Invalid role key {user}")));
        }
        check_role(role)?;
    }
    for mapping in input["RoleMappings"].as_object().into_iter().flat_map(|all| all.values()) {
        let rules = mapping["RulesConfiguration"]["Rules"].as_array().map(Vec::as_slice).unwrap_or_default();
        if (text(mapping, "Type") == "Rules") == rules.is_empty() || rules.len() > 25 {
            return Err(invalid("A mapping of type Rules, and no other, has between 1 and 25 rules."));
        }
        if mapping["AmbiguousRoleResolution"].is_null() {
            return Err(invalid("AmbiguousRoleResolution is required for mappings."));
        }
        rules.iter().try_for_each(|rule| check_role(&rule["RoleARN"]))?;
    }
    let mappings = input["RoleMappings"].as_object().cloned().unwrap_or_default();
    world.edit(POOLS, text(input, "IdentityPoolId"), |pool| {
        pool["roles"] = input["Roles"].clone();
        pool["mappings"] = mappings.into();
    });
    Ok(json!({}))
}

fn check_role(role: &Value) -> Result<(), Refusal> {
    match role.as_str().filter(|arn| arn.starts_with("arn:aws:iam::") && arn.contains(":role/")) {
        Some(_) => Ok(()),
        None => Err(invalid(format!("{role} is not the ARN of a role"))),
    }
}

fn arn_of(id: &str, world: &World<'_>) -> String {
    world.arn("cognito-identity", &format!("identitypool/{id}"))
}

fn taggable(input: &Value, world: &World<'_>) -> Result<(String, BTreeMap<String, String>), Refusal> {
    let arn = text(input, "ResourceArn");
    let id = arn.split_once(":identitypool/").map(|(_, id)| id).unwrap_or_default();
    match world.get(POOLS, id) {
        Some(pool) => Ok((id.to_owned(), strings(pool.get("tags")))),
        None => Err(Refusal::new("ResourceNotFoundException", format!("IdentityPool '{id}' not found."))),
    }
}

fn retag(
    input: &Value,
    world: &mut World<'_>,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<Value, Refusal> {
    let (id, mut tags) = taggable(input, world)?;
    change(&mut tags);
    checked(&tags)?;
    world.edit(POOLS, &id, |pool| pool["tags"] = json!(tags));
    Ok(json!({}))
}

fn tagged(world: &World<'_>) -> Vec<Tagged> {
    let all = world.all(POOLS);
    all.into_iter().map(|(id, pool)| (arn_of(id, world), strings(pool.get("tags")))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{services::asking, store::Documents, weather::Weather};

    fn within(test: impl FnOnce(&mut World<'_>)) {
        let (base, weather) = (Documents::new(), Weather::default());
        test(&mut World::new(&base, 1_000, "000000000000", "us-east-1", &weather));
    }

    fn ask(world: &mut World<'_>, operation: &str, input: Value) -> Value {
        asking::ask(&SERVICE, world, operation, input).expect(operation)
    }

    fn made(world: &mut World<'_>, more: Value) -> String {
        let mut pool = json!({ "IdentityPoolName": "p", "AllowUnauthenticatedIdentities": false });
        pool.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        text(&ask(world, "CreateIdentityPool", pool), "IdentityPoolId").to_owned()
    }

    #[test]
    fn names_are_not_unique_and_lists_are_paged() {
        within(|world| {
            let ids: Vec<String> = (0..3).map(|_| made(world, json!({}))).collect();
            let first = ask(world, "ListIdentityPools", json!({ "MaxResults": 2 }));
            let rest =
                ask(world, "ListIdentityPools", json!({ "MaxResults": 2, "NextToken": first["NextToken"] }));
            let of = |page: &Value| page["IdentityPools"].as_array().unwrap().clone();
            let listed: Vec<Value> =
                of(&first).into_iter().chain(of(&rest)).map(|pool| pool["IdentityPoolId"].clone()).collect();
            assert_eq!(json!(listed), json!(ids));
            assert!(rest["NextToken"].is_null());
        });
    }

    #[test]
    fn an_update_forgets_what_it_is_not_given_but_keeps_tags_and_roles() {
        within(|world| {
            let id = made(
                world,
                json!({ "AllowClassicFlow": true, "SupportedLoginProviders": { "accounts.google.com": "1" },
                        "IdentityPoolTags": { "a": "1" } }),
            );
            let roles = json!({ "authenticated": "arn:aws:iam::000000000000:role/r" });
            ask(world, "SetIdentityPoolRoles", json!({ "IdentityPoolId": id, "Roles": roles }));
            let update = json!({
                "IdentityPoolId": id, "IdentityPoolName": "q", "AllowUnauthenticatedIdentities": true,
            });
            let shown = ask(world, "UpdateIdentityPool", update);
            assert_eq!(shown["AllowClassicFlow"], json!(false));
            assert!(shown["SupportedLoginProviders"].is_null(), "{shown}");
            assert_eq!(shown["IdentityPoolTags"], json!({ "a": "1" }));
            let kept = ask(world, "GetIdentityPoolRoles", json!({ "IdentityPoolId": id }));
            assert_eq!(kept["Roles"], roles);
        });
    }

    #[test]
    fn what_cognito_refuses_is_refused() {
        within(|world| {
            let id = made(world, json!({ "DeveloperProviderName": "login.dn" }));
            let role = "arn:aws:iam::000000000000:role/r";
            let pool = |more: Value| {
                let mut pool = json!({ "IdentityPoolName": "p", "AllowUnauthenticatedIdentities": false });
                pool.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
                pool
            };
            for (operation, input, code, part) in [
                (
                    "CreateIdentityPool",
                    pool(json!({ "IdentityPoolName": "a/b" })),
                    "InvalidParameter",
                    "Name",
                ),
                (
                    "CreateIdentityPool",
                    pool(json!({ "OpenIdConnectProviderARNs": ["x"] })),
                    "InvalidParameter",
                    "ARN",
                ),
                (
                    "UpdateIdentityPool",
                    pool(json!({ "IdentityPoolId": id })),
                    "InvalidParameter",
                    "developer",
                ),
                (
                    "UpdateIdentityPool",
                    pool(json!({ "IdentityPoolId": "x" })),
                    "ResourceNotFound",
                    "not found",
                ),
                (
                    "SetIdentityPoolRoles",
                    json!({ "IdentityPoolId": id, "Roles": { "admin": role } }),
                    "InvalidParameter",
                    "admin",
                ),
                (
                    "SetIdentityPoolRoles",
                    json!({ "IdentityPoolId": id, "Roles": { "authenticated": "r" } }),
                    "InvalidParameter",
                    "role",
                ),
                ("ListIdentityPools", json!({ "MaxResults": 61 }), "InvalidParameter", "maxResults"),
                ("DescribeIdentityPool", json!({ "IdentityPoolId": "x" }), "ResourceNotFound", "not found"),
            ] {
                let code = format!("{code}Exception");
                asking::refused(&SERVICE, world, operation, input, (&code, part));
            }
        });
    }
}
