//! The REST APIs and their endpoints, each declared once: what is published, deployed, throttled, alarmed and routed
//! follows from it.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::function::Function;

mod list;
mod outreach;
mod unsubscribe;

pub use list::APIS;

/// A REST API.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    /// The last part of its address.
    pub name: &'static str,
    /// The stack that declares it.
    pub stack: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    /// Requests a day of all callers with a key or a token together (R102, A10).
    pub quota_a_day: u32,
    /// Requests a day of one user (A10): a quarter of what all have, so that nobody takes everybody's.
    pub user_quota_a_day: u32,
    pub endpoints: &'static [Endpoint],
}

/// What a caller must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Nothing.
    Open,
    /// A Firebase token of a verified address (R8, R100).
    Firebase,
    /// A Firebase token with the finance role (R100, A17).
    Finance,
    /// A Firebase token, or an unsubscribe token for its own address (A7).
    FirebaseOrToken,
    /// A key of the usage plan (R75).
    ApiKey,
    /// The signature of Mailgun's webhooks (R36).
    MailgunSignature,
    /// The unsubscribe token in `data` (A31).
    UnsubscribeToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
}

impl Method {
    /// As HTTP writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// How many requests of all callers together the gateway lets through (R102).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttle {
    Send,
    Read,
    Webhook,
    /// What is not said otherwise.
    Standard,
}

impl Throttle {
    /// Requests a second in the long run, and at once after a rest.
    #[must_use]
    pub const fn rate(self) -> (u32, u32) {
        match self {
            Self::Send => (25, 50),
            Self::Read => (50, 100),
            Self::Webhook | Self::Standard => (100, 200),
        }
    }
}

/// Makes the schema of a type.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The schema of `T`, by reference where it has a name.
pub fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// One answer of an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Response {
    pub status: u16,
    pub description: &'static str,
    /// Media type and shape of its body.
    pub body: Option<(&'static str, SchemaOf)>,
}

/// One method of one path.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Names it within its API.
    pub id: &'static str,
    pub method: Method,
    /// As in the published document: `/outreach/send-email`.
    pub path: &'static str,
    pub summary: &'static str,
    pub description: &'static str,
    /// The group in the published document.
    pub group: &'static str,
    pub auth: Auth,
    pub throttle: Throttle,
    /// Requests a minute of one user (R103).
    pub user_rate: Option<u32>,
    /// Called by browsers: CORS headers on every answer, and a preflight (R4).
    pub browser: bool,
    /// An object whose properties are the parameters of the query.
    pub query: Option<SchemaOf>,
    /// Accepted bodies by media type.
    pub body: &'static [(&'static str, SchemaOf)],
    /// Bytes of the longest body: a longer one is refused before it is decoded or parsed.
    pub body_max: usize,
    pub responses: &'static [Response],
    pub function: Function,
}

impl Endpoint {
    /// Whether links in mail lead to it: scanners ask for their heads, too (A6).
    #[must_use]
    pub const fn is_linked(&self) -> bool {
        matches!((self.auth, self.method), (Auth::UnsubscribeToken, Method::Get))
    }

    /// The methods by which it is asked: its own, and what goes with it.
    pub fn verbs(&self) -> impl Iterator<Item = &'static str> {
        let preflight = self.browser.then_some("OPTIONS");
        let head = self.is_linked().then_some("HEAD");
        [self.method.name()].into_iter().chain(preflight).chain(head)
    }
}

impl Api {
    /// The API of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        APIS.iter().find(|api| api.name == name)
    }
}

/// What users of an endpoint may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserLimits {
    pub endpoint: &'static str,
    /// Requests of one user a minute (R103).
    pub a_minute: u32,
    pub api: &'static str,
    /// Requests to the whole API a day, of one user and of all together (A10).
    pub a_day: u32,
    pub a_day_of_all: u32,
}

/// The limits of a function's users, where its endpoint knows users.
#[must_use]
pub const fn user_limits_of(function: &str) -> Option<UserLimits> {
    let mut api = 0;
    while api < APIS.len() {
        let of = &APIS[api];
        let mut index = 0;
        while index < of.endpoints.len() {
            let endpoint = &of.endpoints[index];
            if let Some(a_minute) = endpoint.user_rate
                && same(endpoint.function.name, function)
            {
                return Some(UserLimits {
                    endpoint: endpoint.id,
                    a_minute,
                    api: of.name,
                    a_day: of.user_quota_a_day,
                    a_day_of_all: of.quota_a_day,
                });
            }
            index += 1;
        }
        api += 1;
    }
    None
}

/// Bytes of the longest body that any endpoint of a function accepts.
#[must_use]
pub const fn body_max_of(function: &str) -> usize {
    let (mut api, mut longest) = (0, 0);
    while api < APIS.len() {
        let mut index = 0;
        while index < APIS[api].endpoints.len() {
            let endpoint = &APIS[api].endpoints[index];
            if endpoint.body_max > longest && same(endpoint.function.name, function) {
                longest = endpoint.body_max;
            }
            index += 1;
        }
        api += 1;
    }
    longest
}

/// Texts are not compared by `==` where constants are made.
const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut index = 0;
    while index < left.len() && index < right.len() && left[index] == right[index] {
        index += 1;
    }
    index == left.len() && index == right.len()
}

pub(crate) const JSON: &str = "application/json";

/// Bytes that a question, a form or a small document never comes near.
pub(crate) const SMALL_BODY: usize = 16 * 1024;

/// An answer with a JSON body.
pub(crate) const fn json(status: u16, description: &'static str, schema: SchemaOf) -> Response {
    Response { status, description, body: Some((JSON, schema)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_behind_an_endpoint_has_a_longest_body() {
        for endpoint in APIS.iter().flat_map(|api| api.endpoints) {
            // What Lambda takes at once (Lambda quotas: 6 MB), less the event around it.
            assert!((1..5 * 1024 * 1024).contains(&body_max_of(endpoint.function.name)), "{}", endpoint.id);
        }
        assert_eq!((body_max_of("webhook"), body_max_of("webhoo")), (256 * 1024, 0));
    }

    #[test]
    fn users_have_the_rates_of_the_requirements() {
        for (function, want) in [
            ("send-email", Some(("sendEmail", 25))),
            ("send-template-email", Some(("sendTemplateEmail", 25))),
            ("campaign-stats", Some(("campaignStats", 50))),
            ("tracking-data", Some(("trackingData", 50))),
            ("financial-add-contact", Some(("addContact", 25))),
            ("webhook", None),
            ("send-emai", None),
        ] {
            let limits = user_limits_of(function);
            assert_eq!(limits.map(|of| (of.endpoint, of.a_minute)), want, "{function}");
            assert!(limits.is_none_or(|of| (of.a_day, of.a_day_of_all) == (2_500, 10_000)), "{function}");
        }
    }
}
