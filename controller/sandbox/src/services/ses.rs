//! SES. Version 2 of the API: contact lists, configuration sets, identities, the account, and sending. Receipt
//! rules are only in version 1, next door in [`inbound`].

use serde_json::{Value, json};

use super::{Refusal, Service, World, text};
use crate::wire::{Protocol, Reply, Request, Route};

mod account;
mod contacts;
mod destinations;
mod identities;
mod inbound;
mod lists;
mod mime;
mod sending;
mod sets;
mod tags;

pub(crate) use account::change as change_settings;
pub(crate) use identities::DNS;
pub(crate) use inbound::SERVICE as VERSION_1;
pub(crate) use sending::SENT;

pub(crate) const SERVICE: Service =
    Service { signing: "ses", protocol: Protocol::RestJson { route }, handle, tagged: tags::tagged };

type Params = Vec<(&'static str, String)>;

fn route(method: &str, path: &[&str]) -> Option<Route> {
    let ["v2", "email", group, path @ ..] = path else { return None };
    let (operation, params) = match *group {
        "contact-lists" => of_lists(method, path)?,
        "configuration-sets" => of_sets(method, path)?,
        "identities" => of_identities(method, path)?,
        "account" => (of_account(method, path)?, Params::new()),
        "suppression" => of_suppression(method, path)?,
        "outbound-emails" if method == "POST" && path.is_empty() => ("SendEmail", Params::new()),
        "tags" if path.is_empty() => {
            let operation = match method {
                "POST" => "TagResource",
                "DELETE" => "UntagResource",
                _ => "ListTagsForResource",
            };
            (operation, Params::new())
        }
        _ => return None,
    };
    Some((operation, params))
}

fn of_lists(method: &str, path: &[&str]) -> Option<(&'static str, Params)> {
    let list = |name: &str| ("ContactListName", name.to_owned());
    Some(match (method, path) {
        ("POST", []) => ("CreateContactList", Params::new()),
        ("GET", []) => ("ListContactLists", Params::new()),
        ("GET", [name]) => ("GetContactList", vec![list(name)]),
        ("PUT", [name]) => ("UpdateContactList", vec![list(name)]),
        ("DELETE", [name]) => ("DeleteContactList", vec![list(name)]),
        ("POST", [name, "contacts"]) => ("CreateContact", vec![list(name)]),
        ("POST", [name, "contacts", "list"]) => ("ListContacts", vec![list(name)]),
        (_, [name, "contacts", email]) => {
            let operation = match method {
                "GET" => "GetContact",
                "PUT" => "UpdateContact",
                "DELETE" => "DeleteContact",
                _ => return None,
            };
            (operation, vec![list(name), ("EmailAddress", (*email).to_owned())])
        }
        _ => return None,
    })
}

fn of_sets(method: &str, path: &[&str]) -> Option<(&'static str, Params)> {
    let set = |name: &str| ("ConfigurationSetName", name.to_owned());
    Some(match (method, path) {
        ("POST", []) => ("CreateConfigurationSet", Params::new()),
        ("GET", []) => ("ListConfigurationSets", Params::new()),
        ("GET", [name]) => ("GetConfigurationSet", vec![set(name)]),
        ("DELETE", [name]) => ("DeleteConfigurationSet", vec![set(name)]),
        ("POST", [name, "event-destinations"]) => ("CreateConfigurationSetEventDestination", vec![set(name)]),
        ("GET", [name, "event-destinations"]) => ("GetConfigurationSetEventDestinations", vec![set(name)]),
        (_, [name, "event-destinations", destination]) => {
            let operation = match method {
                "PUT" => "UpdateConfigurationSetEventDestination",
                "DELETE" => "DeleteConfigurationSetEventDestination",
                _ => return None,
            };
            (operation, vec![set(name), ("EventDestinationName", (*destination).to_owned())])
        }
        ("PUT", [name, group]) => {
            let group = sets::GROUPS.iter().find(|one| one.path == *group)?;
            (group.operation, vec![set(name)])
        }
        _ => return None,
    })
}

fn of_identities(method: &str, path: &[&str]) -> Option<(&'static str, Params)> {
    let identity = |name: &str| vec![("EmailIdentity", name.to_owned())];
    Some(match (method, path) {
        ("POST", []) => ("CreateEmailIdentity", Params::new()),
        ("GET", []) => ("ListEmailIdentities", Params::new()),
        ("GET", [name]) => ("GetEmailIdentity", identity(name)),
        ("DELETE", [name]) => ("DeleteEmailIdentity", identity(name)),
        ("PUT", [name, "dkim"]) => ("PutEmailIdentityDkimAttributes", identity(name)),
        ("PUT", [name, "dkim", "signing"]) => ("PutEmailIdentityDkimSigningAttributes", identity(name)),
        ("PUT", [name, "mail-from"]) => ("PutEmailIdentityMailFromAttributes", identity(name)),
        ("PUT", [name, "feedback"]) => ("PutEmailIdentityFeedbackAttributes", identity(name)),
        ("PUT", [name, "configuration-set"]) => {
            ("PutEmailIdentityConfigurationSetAttributes", identity(name))
        }
        _ => return None,
    })
}

fn of_account(method: &str, path: &[&str]) -> Option<&'static str> {
    match (method, path) {
        ("GET", []) => Some("GetAccount"),
        ("PUT", ["suppression"]) => Some("PutAccountSuppressionAttributes"),
        ("PUT", ["vdm"]) => Some("PutAccountVdmAttributes"),
        ("PUT", ["sending"]) => Some("PutAccountSendingAttributes"),
        _ => None,
    }
}

fn of_suppression(method: &str, path: &[&str]) -> Option<(&'static str, Params)> {
    Some(match (method, path) {
        ("PUT", ["addresses"]) => ("PutSuppressedDestination", Params::new()),
        ("GET", ["addresses"]) => ("ListSuppressedDestinations", Params::new()),
        ("GET", ["addresses", email]) => {
            ("GetSuppressedDestination", vec![("EmailAddress", (*email).to_owned())])
        }
        ("DELETE", ["addresses", email]) => {
            ("DeleteSuppressedDestination", vec![("EmailAddress", (*email).to_owned())])
        }
        _ => return None,
    })
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
        "CreateConfigurationSet" => sets::create(input, world)?,
        "ListConfigurationSets" => sets::list(input, world),
        "GetConfigurationSet" => sets::get(input, world)?,
        "DeleteConfigurationSet" => sets::delete(input, world)?,
        "CreateConfigurationSetEventDestination" => destinations::create(input, world)?,
        "GetConfigurationSetEventDestinations" => destinations::list(input, world)?,
        "UpdateConfigurationSetEventDestination" => destinations::update(input, world)?,
        "DeleteConfigurationSetEventDestination" => destinations::delete(input, world)?,
        "CreateEmailIdentity" => identities::create(input, world)?,
        "ListEmailIdentities" => identities::list(input, world),
        "GetEmailIdentity" => identities::get(input, world)?,
        "DeleteEmailIdentity" => identities::delete(input, world)?,
        "PutEmailIdentityDkimAttributes" => identities::put_signing(input, world)?,
        "PutEmailIdentityDkimSigningAttributes" => identities::put_key(input, world)?,
        "PutEmailIdentityMailFromAttributes" => identities::put_mail_from(input, world)?,
        "PutEmailIdentityFeedbackAttributes" => identities::put_feedback(input, world)?,
        "PutEmailIdentityConfigurationSetAttributes" => identities::put_set(input, world)?,
        "GetAccount" => account::get(world),
        "PutAccountSuppressionAttributes" => account::put_suppression(input, world)?,
        "PutAccountVdmAttributes" => account::put_vdm(input, world)?,
        "PutAccountSendingAttributes" => account::put_sending(input, world),
        "PutSuppressedDestination" => account::suppress(input, world)?,
        "ListSuppressedDestinations" => account::suppressed(input, world),
        "GetSuppressedDestination" => account::get_suppressed(input, world)?,
        "DeleteSuppressedDestination" => account::release(input, world)?,
        "SendEmail" => sending::send(input, world)?,
        "ListTagsForResource" => tags::list(input, world)?,
        "TagResource" => tags::tag(input, world)?,
        "UntagResource" => tags::untag(input, world)?,
        other => match sets::GROUPS.iter().find(|group| group.operation == other) {
            Some(group) => sets::put(group, input, world)?,
            None => return Err(request.unknown(other)),
        },
    };
    Ok(Reply::value(answer))
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new("BadRequestException", message)
}

fn missing(message: impl Into<String>) -> Refusal {
    Refusal::new("NotFoundException", message).status(404)
}

/// A value that is none of an enumeration's.
fn unlisted(path: &str, allowed: &[&str]) -> Refusal {
    bad(format!(
        "1 validation error detected: Value at '{path}' failed to satisfy constraint: Member must satisfy \
         enum value set: [{}]",
        allowed.join(", ")
    ))
}

/// Names of lists, topics, configuration sets and event destinations.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// The size of a page and its token, which come as text in a query and as values in a body.
fn paging(input: &Value) -> (usize, &str) {
    let size = &input["PageSize"];
    let size = size.as_u64().or_else(|| size.as_str()?.parse().ok()).unwrap_or(1_000);
    (usize::try_from(size).unwrap_or(1_000), text(input, "NextToken"))
}

/// The answer of most writes.
fn done() -> Value {
    json!({})
}
