//! OpenID Connect providers, by ARN.

use serde_json::{Value, json};

use super::{limit, missing, tags_in};
use crate::services::{Refusal, World, strings, text};

pub(super) const PROVIDERS: &str = "iam/oidc-providers";

const URL_MAX: usize = 255;
const CLIENTS_MAX: usize = 100;
const PROVIDERS_MAX: usize = 100;
const TAGS_MAX: usize = 50;

/// The answer to a call about providers; `None` when it is about something else.
pub(super) fn handle(
    operation: &str,
    input: &Value,
    world: &mut World<'_>,
) -> Option<Result<Value, Refusal>> {
    Some(match operation {
        "CreateOpenIDConnectProvider" => create(input, world),
        "GetOpenIDConnectProvider" => get(input, world),
        "ListOpenIDConnectProviders" => Ok(list(world)),
        "AddClientIDToOpenIDConnectProvider" => clients(input, world, |clients, one| {
            if !clients.contains(&one) {
                clients.push(one);
            }
        }),
        "RemoveClientIDFromOpenIDConnectProvider" => {
            clients(input, world, |clients, one| clients.retain(|other| *other != one))
        }
        "TagOpenIDConnectProvider" => retag(input, world),
        "UntagOpenIDConnectProvider" => untag(input, world),
        "DeleteOpenIDConnectProvider" => {
            // Idempotent: one that is gone is no error (IAM API reference).
            world.remove(PROVIDERS, text(input, "OpenIDConnectProviderArn"));
            Ok(json!({}))
        }
        _ => return None,
    })
}

fn invalid(message: &str) -> Refusal {
    Refusal::new("InvalidInput", message)
}

fn existing<'w>(input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    let arn = text(input, "OpenIDConnectProviderArn");
    world
        .get(PROVIDERS, arn)
        .ok_or_else(|| missing(format!("OpenIDConnect Provider not found for arn {arn}")))
}

fn words(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn check_clients(clients: &[String]) -> Result<(), Refusal> {
    if clients.len() > CLIENTS_MAX {
        return Err(limit(format!(
            "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENTS_MAX}"
        )));
    }
    match clients.iter().find(|one| one.is_empty() || one.len() > 255) {
        Some(_) => Err(invalid("A client id has 1 to 255 characters.")),
        None => Ok(()),
    }
}

fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let url = text(input, "Url");
    let host = url.strip_prefix("https://").map(|host| host.trim_end_matches('/'));
    let host =
        host.filter(|host| !host.is_empty() && url.len() <= URL_MAX && !host.contains(['?', '#', ':']));
    let host = host.ok_or_else(|| invalid("Invalid Open ID Connect Provider URL"))?.to_owned();
    let clients = words(&input["ClientIDList"]);
    check_clients(&clients)?;
    let tags = tags_in(&input["Tags"]);
    if tags.len() > TAGS_MAX {
        return Err(limit(format!("Cannot exceed quota for TagsPerOpenIdConnectProvider: {TAGS_MAX}")));
    }
    let arn = format!("arn:aws:iam::{}:oidc-provider/{host}", world.account);
    if world.get(PROVIDERS, &arn).is_some() {
        let message = format!("Provider with url {url} already exists.");
        return Err(Refusal::new("EntityAlreadyExists", message).status(409));
    }
    if world.all(PROVIDERS).len() >= PROVIDERS_MAX {
        return Err(limit(format!(
            "Cannot exceed quota for OpenIdConnectProvidersPerAccount: {PROVIDERS_MAX}"
        )));
    }
    let answer = json!({ "OpenIDConnectProviderArn": arn, "Tags": input["Tags"] });
    // AWS looks the thumbprint up where none is given.
    let thumbprints = match words(&input["ThumbprintList"]) {
        none if none.is_empty() => vec!["0".repeat(40)],
        given => given,
    };
    world.put(
        PROVIDERS,
        &arn,
        json!({
            "url": host, "clients": clients, "thumbprints": thumbprints, "tags": tags,
            "created": world.now_ms,
        }),
    );
    Ok(answer)
}

fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let found = existing(input, world)?;
    let tags = strings(found.get("tags"));
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    Ok(json!({
        "Url": found["url"],
        "ClientIDList": found["clients"],
        "ThumbprintList": found["thumbprints"],
        "CreateDate": super::reads::created(found),
        "Tags": tags,
    }))
}

/// Not paged: IAM returns all of them.
fn list(world: &World<'_>) -> Value {
    let all = world.all(PROVIDERS);
    let all: Vec<Value> = all.keys().map(|arn| json!({ "Arn": arn })).collect();
    json!({ "OpenIDConnectProviderList": all })
}

/// Adding one that is there and removing one that is not are no errors.
fn clients(
    input: &Value,
    world: &mut World<'_>,
    change: impl FnOnce(&mut Vec<String>, String),
) -> Result<Value, Refusal> {
    let mut clients = words(&existing(input, world)?["clients"]);
    change(&mut clients, text(input, "ClientID").to_owned());
    check_clients(&clients)?;
    world.edit(PROVIDERS, text(input, "OpenIDConnectProviderArn"), |one| one["clients"] = clients.into());
    Ok(json!({}))
}

fn retag(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let mut tags = strings(existing(input, world)?.get("tags"));
    tags.extend(tags_in(&input["Tags"]));
    if tags.len() > TAGS_MAX {
        return Err(limit(format!("Cannot exceed quota for TagsPerOpenIdConnectProvider: {TAGS_MAX}")));
    }
    world.edit(PROVIDERS, text(input, "OpenIDConnectProviderArn"), |one| one["tags"] = json!(tags));
    Ok(json!({}))
}

fn untag(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let mut tags = strings(existing(input, world)?.get("tags"));
    let keys = words(&input["TagKeys"]);
    tags.retain(|key, _| !keys.contains(key));
    world.edit(PROVIDERS, text(input, "OpenIDConnectProviderArn"), |one| one["tags"] = json!(tags));
    Ok(json!({}))
}
