//! SES v2: the contact list and its contacts, and tags.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, Service, World, text};
use crate::wire::{Protocol, Reply, Request, Route};

mod contacts;
mod lists;

pub(crate) const SERVICE: Service =
    Service { signing: "ses", protocol: Protocol::RestJson { route }, handle, tagged: lists::tagged };

fn route(method: &str, path: &[&str]) -> Option<Route> {
    let ["v2", "email", path @ ..] = path else { return None };
    let list = |name: &str| ("ContactListName", name.to_owned());
    let plain = |operation| Some((operation, Vec::new()));
    match (method, path) {
        ("POST", ["contact-lists"]) => plain("CreateContactList"),
        ("GET", ["contact-lists"]) => plain("ListContactLists"),
        ("GET", ["contact-lists", name]) => Some(("GetContactList", vec![list(name)])),
        ("PUT", ["contact-lists", name]) => Some(("UpdateContactList", vec![list(name)])),
        ("DELETE", ["contact-lists", name]) => Some(("DeleteContactList", vec![list(name)])),
        ("POST", ["contact-lists", name, "contacts"]) => Some(("CreateContact", vec![list(name)])),
        ("POST", ["contact-lists", name, "contacts", "list"]) => Some(("ListContacts", vec![list(name)])),
        (_, ["contact-lists", name, "contacts", email]) => {
            let operation = match method {
                "GET" => "GetContact",
                "PUT" => "UpdateContact",
                "DELETE" => "DeleteContact",
                _ => return None,
            };
            Some((operation, vec![list(name), ("EmailAddress", (*email).to_owned())]))
        }
        ("POST", ["tags"]) => plain("TagResource"),
        ("DELETE", ["tags"]) => plain("UntagResource"),
        ("GET", ["tags"]) => plain("ListTagsForResource"),
        _ => None,
    }
}

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    let answer = match request.operation.as_str() {
        "CreateContactList" => lists::create(input, world)?,
        "ListContactLists" => lists::list(input, world),
        "GetContactList" => lists::get(input, world)?,
        "UpdateContactList" => lists::update(input, world)?,
        "DeleteContactList" => lists::delete(input, world)?,
        "CreateContact" => contacts::create(input, world)?,
        "GetContact" => contacts::get(input, world)?,
        "ListContacts" => contacts::list(input, world)?,
        "UpdateContact" => contacts::update(input, world)?,
        "DeleteContact" => contacts::delete(input, world)?,
        "ListTagsForResource" => lists::tags(input, world)?,
        "TagResource" => lists::retag(input, world, |tags| tags.extend(tags_in(input.get("Tags"))))?,
        "UntagResource" => {
            // One key comes as a string, several as a list.
            let keys = match &input["TagKeys"] {
                Value::Array(keys) => keys.iter().filter_map(Value::as_str).collect(),
                one => one.as_str().into_iter().collect::<Vec<_>>(),
            };
            lists::retag(input, world, |tags| tags.retain(|key, _| !keys.contains(&key.as_str())))?
        }
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new("BadRequestException", message)
}

fn missing(message: impl Into<String>) -> Refusal {
    Refusal::new("NotFoundException", message).status(404)
}

/// `[{"Key", "Value"}]` as a map.
fn tags_in(list: Option<&Value>) -> BTreeMap<String, String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())).collect()
}

fn tags_out(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// Names of lists and topics.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// The size of a page and its token, which come as text in a query and as values in a body.
fn paging(input: &Value) -> (usize, &str) {
    let size = &input["PageSize"];
    let size = size.as_u64().or_else(|| size.as_str()?.parse().ok()).unwrap_or(1_000);
    (usize::try_from(size).unwrap_or(1_000), text(input, "NextToken"))
}
