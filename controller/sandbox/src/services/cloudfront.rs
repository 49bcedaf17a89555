//! CloudFront: distributions, origin access controls, key groups, public keys, response headers policies.
//!
//! A global service whose list of tags is seen in us-east-1 only. Documents are kept as they were sent, with what AWS
//! fills in, so that members that nothing here knows survive. All members are strings, as in XML.

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, page, strings, text};
use crate::wire::{Protocol, Reply, Request, Route, xml};

mod behaviors;
mod distributions;
mod keys;
mod policies;
mod tags;

const NAMESPACE: &str = "http://cloudfront.amazonaws.com/doc/2020-05-31/";

pub(crate) const SERVICE: Service = Service {
    signing: "cloudfront",
    protocol: Protocol::Xml { namespace: NAMESPACE, route },
    handle,
    tagged,
};

/// Caller references that were used: AWS takes none twice, not even one of what was deleted ("a value that you already
/// sent", `CreateDistribution`).
const REFERENCES: &str = "cloudfront/references";

/// One sort of document, which all work alike.
struct Noun {
    /// The word in paths.
    path: &'static str,
    /// The element around one; its configuration is called `{root}Config`, its list `{root}List`.
    root: &'static str,
    config: &'static str,
    list: &'static str,
    collection: &'static str,
    absent: &'static str,
    taken: &'static str,
    /// Whether an update goes to `…/config`.
    update_config: bool,
    /// Create, Get, Get…Config, Update, Delete, List.
    operations: [&'static str; 6],
    /// What is kept of a configuration that was sent, or why it is refused.
    settle: fn(&World<'_>, Value, Option<&Value>) -> Result<Value, Refusal>,
    refuse_delete: fn(&World<'_>, &Value) -> Result<(), Refusal>,
    /// What a Get and a list show beside the configuration.
    show: fn(&World<'_>, &Value) -> Value,
    summary: fn(&World<'_>, &Value) -> Value,
}

const NOUNS: &[Noun] =
    &[distributions::NOUN, keys::PUBLIC_KEY, keys::KEY_GROUP, policies::ACCESS_CONTROL, policies::HEADERS];

fn route(request: &Request) -> Option<Route> {
    let mut segments = request.path.split('/').filter(|segment| !segment.is_empty());
    segments.next().filter(|version| *version == "2020-05-31")?;
    let (path, id, rest) = (segments.next()?, segments.next(), segments.next());
    if path == "tagging" {
        let operation = match (request.method.as_str(), request.param("Operation")) {
            ("GET", _) => "ListTagsForResource",
            ("POST", Some("Tag")) => "TagResource",
            ("POST", Some("Untag")) => "UntagResource",
            _ => return None,
        };
        return Some((operation, Vec::new()));
    }
    let noun = NOUNS.iter().find(|noun| noun.path == path)?;
    let [create, get, get_config, update, delete, list] = noun.operations;
    let operation = match (request.method.as_str(), id, rest) {
        ("POST", None, None) if request.param("WithTags").is_some() => "CreateDistributionWithTags",
        ("POST", None, None) => create,
        ("GET", None, None) => list,
        ("GET", Some(_), None) => get,
        ("GET", Some(_), Some("config")) => get_config,
        ("PUT", Some(_), rest) if rest == noun.update_config.then_some("config") => update,
        ("DELETE", Some(_), None) => delete,
        _ => return None,
    };
    Some((operation, id.map(|id| ("Id", id.to_owned())).into_iter().collect()))
}

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let operation = request.operation.as_str();
    if matches!(operation, "ListTagsForResource" | "TagResource" | "UntagResource") {
        return tags::handle(request, world);
    }
    if operation == "CreateDistributionWithTags" {
        let both = &request.input["DistributionConfigWithTags"];
        let tags = tags::checked(&both["Tags"])?;
        return create(&distributions::NOUN, both["DistributionConfig"].clone(), Some(tags), world);
    }
    let named = |noun: &&Noun| noun.operations.contains(&operation);
    let noun = NOUNS.iter().find(named).ok_or_else(|| request.unknown(operation))?;
    let verb = noun.operations.iter().position(|one| *one == operation);
    let id = text(&request.input, "Id").to_owned();
    match verb {
        Some(0) => create(noun, request.input[noun.config].clone(), None, world),
        Some(1) => Ok(shown(noun, world, existing(noun, &id, world)?, 200)),
        Some(2) => {
            let found = existing(noun, &id, world)?;
            Ok(reply(200, Some(text(found, "etag")), noun.config, &found["config"]))
        }
        Some(3) => update(noun, &id, request, world),
        Some(4) => {
            let found = existing(noun, &id, world)?;
            check_version(request, found)?;
            (noun.refuse_delete)(world, found)?;
            world.remove(noun.collection, &id);
            Ok(Reply::Raw { status: 204, headers: Vec::new(), body: bytes::Bytes::new() })
        }
        _ => Ok(list(noun, request, world)),
    }
}

fn reply(status: u16, etag: Option<&str>, root: &str, value: &Value) -> Reply {
    let mut headers = vec![("content-type".to_owned(), "text/xml".to_owned())];
    headers.extend(etag.map(|etag| ("ETag".to_owned(), etag.to_owned())));
    Reply::Raw { status, headers, body: xml::document(root, NAMESPACE, value).into() }
}

fn shown(noun: &Noun, world: &World<'_>, found: &Value, status: u16) -> Reply {
    let mut value = (noun.show)(world, found);
    value["Id"] = found["id"].clone();
    value[noun.config] = found["config"].clone();
    reply(status, Some(text(found, "etag")), noun.root, &value)
}

fn existing<'w>(noun: &Noun, id: &str, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    let message = format!("The specified {} does not exist.", noun.path.replace('-', " "));
    world.get(noun.collection, id).ok_or_else(|| Refusal::new(noun.absent, message).status(404))
}

fn check_version(request: &Request, found: &Value) -> Result<(), Refusal> {
    match request.header("if-match") {
        "" => {
            let message = "The If-Match version is missing or not valid for the resource.";
            Err(Refusal::new("InvalidIfMatchVersion", message))
        }
        given if given == text(found, "etag") => Ok(()),
        _ => {
            let message = "The request failed because it didn't meet the preconditions in one or more \
                           request-header fields.";
            Err(Refusal::new("PreconditionFailed", message).status(412))
        }
    }
}

fn version(world: &mut World<'_>) -> String {
    format!("E2V{:011}", world.next_number())
}

fn create(noun: &Noun, config: Value, tags: Option<Value>, world: &mut World<'_>) -> Result<Reply, Refusal> {
    if !config.is_object() {
        return Err(Refusal::new("MissingBody", "This operation requires a body."));
    }
    check_quantities(&config)?;
    let taken = |what: &str| {
        let message = format!(
            "The {what} that you are using to create a CloudFront {} is associated with another {} in your account.",
            noun.path.replace('-', " "),
            noun.path.replace('-', " "),
        );
        Err(Refusal::new(noun.taken, message).status(409))
    };
    let reference = text(&config, "CallerReference").to_owned();
    let used = format!("{} {reference}", noun.path);
    if !reference.is_empty() && world.get(REFERENCES, &used).is_some() {
        return taken("caller reference");
    }
    let config = (noun.settle)(world, config, None)?;
    let same_name = |other: &Value| !config["Name"].is_null() && other["config"]["Name"] == config["Name"];
    if world.all(noun.collection).into_values().any(same_name) {
        return taken("name");
    }
    let number = world.next_number();
    let id = match noun.root {
        "KeyGroup" | "ResponseHeadersPolicy" => world.next_uuid(),
        "PublicKey" => format!("K{:013}", scattered(number)),
        _ => format!("E{:013}", scattered(number)),
    };
    let made = json!({
        "id": id, "etag": version(world), "created": world.now_ms, "changed": world.now_ms, "config": config,
        "tags": tags.unwrap_or_else(|| json!({})),
    });
    if !reference.is_empty() {
        world.put(REFERENCES, &used, json!(id));
    }
    let answer = shown(noun, world, &made, 201);
    world.put(noun.collection, &id, made);
    Ok(answer)
}

/// Thirteen digits that do not tell which came first: nobody may rely on the order of ids.
fn scattered(number: u64) -> u128 {
    u128::from(number) * 7_368_787_123_457 % 10_000_000_000_000
}

fn update(noun: &Noun, id: &str, request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let found = existing(noun, id, world)?.clone();
    let config = request.input[noun.config].clone();
    if !config.is_object() {
        return Err(Refusal::new("MissingBody", "This operation requires a body."));
    }
    check_version(request, &found)?;
    check_quantities(&config)?;
    let config = (noun.settle)(world, config, Some(&found))?;
    let same_name = |(other, held): (&str, &Value)| {
        other != id && !config["Name"].is_null() && held["config"]["Name"] == config["Name"]
    };
    if world.all(noun.collection).into_iter().any(same_name) {
        let message = "The name is associated with another one in your account.";
        return Err(Refusal::new(noun.taken, message).status(409));
    }
    let mut changed = found;
    changed["etag"] = version(world).into();
    changed["changed"] = world.now_ms.into();
    changed["config"] = config;
    let answer = shown(noun, world, &changed, 200);
    world.put(noun.collection, id, changed);
    Ok(answer)
}

fn list(noun: &Noun, request: &Request, world: &World<'_>) -> Reply {
    let all: Vec<Value> = world
        .all(noun.collection)
        .into_values()
        .filter(|found| world.visible(found["created"].as_u64().unwrap_or_default()))
        .map(|found| (noun.summary)(world, found))
        .collect();
    let size: usize = text(&request.input, "MaxItems").parse().unwrap_or(100).min(100);
    let marker = text(&request.input, "Marker");
    let (items, next) = page(&all, marker, size);
    let listed = json!({
        "Marker": marker, "MaxItems": size, "IsTruncated": next.is_some(), "NextMarker": next,
        "Quantity": items.len(), "Items": if items.is_empty() { Value::Null } else { items.into() },
    });
    reply(200, None, noun.list, &listed)
}

/// `Quantity` says how many `Items` there are, wherever both may be.
fn check_quantities(value: &Value) -> Result<(), Refusal> {
    match value {
        Value::Array(items) => items.iter().try_for_each(check_quantities),
        Value::Object(members) => {
            if let Some(quantity) = members.get("Quantity").and_then(Value::as_str) {
                let count = members.get("Items").and_then(Value::as_array).map_or(0, Vec::len);
                if quantity != count.to_string() {
                    let message = "The value of Quantity and the size of Items don't match.";
                    return Err(Refusal::new("InconsistentQuantities", message));
                }
            }
            members.values().try_for_each(check_quantities)
        }
        _ => Ok(()),
    }
}

/// The values inside a list (`{"Quantity": "1", "Items": [{"CNAME": "a"}]}`).
fn items(list: &Value) -> impl Iterator<Item = &Value> {
    let items = list["Items"].as_array().into_iter().flatten();
    items.filter_map(|item| item.as_object()?.values().next())
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    items(list).filter_map(Value::as_str)
}

/// A list as AWS writes it: no `Items` when there are none.
fn listing(name: &str, members: impl IntoIterator<Item = Value>) -> Value {
    let items: Vec<Value> = members.into_iter().map(|one| json!({ name: one })).collect();
    match items.len() {
        0 => json!({ "Quantity": "0" }),
        count => json!({ "Quantity": count.to_string(), "Items": items }),
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidArgument", message)
}

/// A member that must be one of these words.
fn check_word(of: &Value, member: &str, words: &[&str]) -> Result<(), Refusal> {
    if words.contains(&text(of, member)) {
        return Ok(());
    }
    Err(invalid(format!("The parameter {member} must be one of {}.", words.join(", "))))
}

/// Fills in what was not sent.
fn fill(of: &mut Value, member: &str, value: Value) {
    if of[member].is_null() {
        of[member] = value;
    }
}

/// RFC 3339, as XML bodies write time.
fn stamp(found: &Value, member: &str) -> String {
    let ms = found[member].as_i64().unwrap_or_default();
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

/// The tagging API shows what is global in us-east-1 alone.
fn tagged(world: &World<'_>) -> Vec<Tagged> {
    if world.region != "us-east-1" {
        return Vec::new();
    }
    let all = world.all(distributions::NOUN.collection);
    all.into_iter().map(|(id, found)| (distributions::arn(world, id), strings(found.get("tags")))).collect()
}

#[cfg(test)]
mod tests;
