//! The endpoints of unsubscribe links, once for each stream, and of `add-contact`.

use super::{Auth, Endpoint, JSON, Method, Response, SMALL_BODY, Throttle, json, schema_of};
use crate::{
    function::{AddContact, Deployed, Function},
    reply::Failure,
    subscription::{
        AddContactRequest, AddContactResponse, OneClick, PreferencesResponse, UnsubscribeQuery,
        UnsubscribeResponse,
    },
};

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

const SHOWN: &[Response] = &[
    json(
        200,
        "What the token shows, to who asks for JSON; a page to people",
        schema_of::<PreferencesResponse>,
    ),
    Response { status: 302, description: "To the confirmation page of the CRM", body: None },
    json(400, "The token is not valid", schema_of::<Failure>),
    json(500, "Internal server error", schema_of::<Failure>),
    json(503, "Try again later", schema_of::<Failure>),
];

const LEFT: &[Response] = &[
    json(200, "Unsubscribed", schema_of::<UnsubscribeResponse>),
    json(400, "The token or the body is not valid", schema_of::<Failure>),
    json(500, "Internal server error", schema_of::<Failure>),
    json(503, "Try again later", schema_of::<Failure>),
];

const ADDED: &[Response] = &[
    json(200, "Subscribed again", schema_of::<AddContactResponse>),
    json(400, "The request is not valid", schema_of::<Failure>),
    json(401, "A token is missing or not valid", schema_of::<Failure>),
    json(403, "The token does not allow this", schema_of::<Failure>),
    json(429, "Too many requests of this user", schema_of::<Failure>),
    json(500, "Internal server error", schema_of::<Failure>),
    json(503, "Try again later", schema_of::<Failure>),
];

/// Shows what a link is for, and changes nothing: mail scanners fetch every link (A6).
pub(super) const fn shown(path: &'static str, function: Function) -> Endpoint {
    Endpoint {
        id: "showPreferences",
        method: Method::Get,
        path,
        summary: "Follow an unsubscribe link",
        description: "Leads to the confirmation page, or shows one; changes nothing",
        group: "Unsubscribe",
        auth: Auth::UnsubscribeToken,
        throttle: Throttle::Read,
        user_rate: None,
        browser: true,
        query: Some(schema_of::<UnsubscribeQuery>),
        body: &[],
        body_max: SMALL_BODY,
        responses: SHOWN,
        function,
    }
}

/// Does what a link is for (R63).
pub(super) const fn left(path: &'static str, function: Function) -> Endpoint {
    Endpoint {
        id: "unsubscribe",
        method: Method::Post,
        path,
        summary: "Unsubscribe with one click",
        description: "Unsubscribes the token's recipient from its stream (RFC 8058); needs no login",
        group: "Unsubscribe",
        auth: Auth::UnsubscribeToken,
        throttle: Throttle::Webhook,
        user_rate: None,
        browser: true,
        query: Some(schema_of::<UnsubscribeQuery>),
        body: &[(FORM, schema_of::<OneClick>), (MULTIPART, schema_of::<OneClick>)],
        body_max: SMALL_BODY,
        responses: LEFT,
        function,
    }
}

/// Subscribes a contact again (R65, A7).
pub(super) const ADD_CONTACT: Endpoint = Endpoint {
    id: "addContact",
    method: Method::Post,
    path: "/financial/add-contact",
    summary: "Subscribe a contact again",
    description: "For staff with a Firebase token, or for the contact itself with an unsubscribe token",
    group: "Unsubscribe",
    auth: Auth::FirebaseOrToken,
    throttle: Throttle::Standard,
    user_rate: Some(25),
    browser: true,
    query: None,
    body: &[(JSON, schema_of::<AddContactRequest>)],
    body_max: SMALL_BODY,
    responses: ADDED,
    function: AddContact::FUNCTION,
};
