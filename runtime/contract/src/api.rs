//! The REST APIs and their endpoints, each declared once: what is published, deployed, throttled, alarmed and routed
//! follows from it.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::function::Function;

mod list;

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
    /// Requests a day of all keys of its usage plan together.
    pub quota_a_day: u32,
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
    pub responses: &'static [Response],
    pub function: Function,
}

impl Api {
    /// The API of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        APIS.iter().find(|api| api.name == name)
    }
}

pub(crate) const JSON: &str = "application/json";

/// An answer with a JSON body.
pub(crate) const fn json(status: u16, description: &'static str, schema: SchemaOf) -> Response {
    Response { status, description, body: Some((JSON, schema)) }
}
