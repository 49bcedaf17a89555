//! The endpoints of campaigns and newsletters.

use super::{Auth, Endpoint, JSON, Method, Response, SMALL_BODY, SchemaOf, Throttle, json, schema_of};
use crate::{
    function::{CampaignStats, Deployed, Function, SendEmail, SendTemplateEmail, TrackingData, Webhook},
    outreach::{
        CampaignStatsQuery, CampaignStatsResponse, EmailResponse, SendEmailRequest, SendTemplateEmailRequest,
        TrackingDataQuery, TrackingDataResponse, WebhookRequest, WebhookResponse,
    },
    reply::Failure,
};

const FORM: &str = "application/x-www-form-urlencoded";

/// The answers of an endpoint with a login: its own, and what may go wrong with each.
macro_rules! answers {
    ($done:literal, $schema:ty) => {
        &[
            json(200, $done, schema_of::<$schema>),
            json(400, "Bad request - validation error", schema_of::<Failure>),
            json(401, "Unauthorized - invalid or missing token", schema_of::<Failure>),
            json(403, "Forbidden - insufficient permissions", schema_of::<Failure>),
            json(429, "Too many requests of this user", schema_of::<Failure>),
            json(500, "Internal server error", schema_of::<Failure>),
            json(503, "Try again later", schema_of::<Failure>),
        ]
    };
}

pub(super) const SEND_EMAIL: Endpoint = Endpoint {
    id: "sendEmail",
    summary: "Send individual email",
    description: "Send a single email or bulk emails via Mailgun; with an Idempotency-Key, once",
    body: &[(JSON, schema_of::<SendEmailRequest>)],
    ..send("/outreach/send-email", answers!("Email sent successfully", EmailResponse), SendEmail::FUNCTION)
};

pub(super) const SEND_TEMPLATE_EMAIL: Endpoint = Endpoint {
    id: "sendTemplateEmail",
    summary: "Send template-based email",
    description: "Send emails using predefined Mailgun templates; with an Idempotency-Key, once",
    body: &[(JSON, schema_of::<SendTemplateEmailRequest>)],
    ..send(
        "/outreach/send-template-email",
        answers!("Template email sent successfully", EmailResponse),
        SendTemplateEmail::FUNCTION,
    )
};

pub(super) const CAMPAIGN_STATS: Endpoint = Endpoint {
    id: "campaignStats",
    summary: "Get campaign statistics",
    description: "Retrieve campaign performance metrics and analytics",
    ..read(
        "/outreach/campaign-stats",
        schema_of::<CampaignStatsQuery>,
        answers!("Campaign statistics retrieved successfully", CampaignStatsResponse),
        CampaignStats::FUNCTION,
    )
};

pub(super) const TRACKING_DATA: Endpoint = Endpoint {
    id: "trackingData",
    summary: "Get message tracking data",
    description: "Retrieve detailed tracking information for sent messages",
    ..read(
        "/outreach/tracking-data",
        schema_of::<TrackingDataQuery>,
        answers!("Tracking data retrieved successfully", TrackingDataResponse),
        TrackingData::FUNCTION,
    )
};

pub(super) const WEBHOOK: Endpoint = Endpoint {
    id: "webhook",
    method: Method::Post,
    path: "/outreach/webhook",
    summary: "Mailgun webhook endpoint",
    description: "Receive and process Mailgun webhook events (server-to-server only)",
    group: "Webhooks",
    auth: Auth::MailgunSignature,
    throttle: Throttle::Webhook,
    user_rate: None,
    browser: false,
    query: None,
    body: &[(FORM, schema_of::<WebhookRequest>), (JSON, schema_of::<WebhookRequest>)],
    body_max: 256 * 1024,
    responses: &[
        json(200, "Webhook processed successfully", schema_of::<WebhookResponse>),
        json(400, "Bad request - invalid webhook payload", schema_of::<Failure>),
        json(401, "Unauthorized - invalid webhook signature", schema_of::<Failure>),
        json(500, "Internal server error", schema_of::<Failure>),
        json(503, "Try again later", schema_of::<Failure>),
    ],
    function: Webhook::FUNCTION,
};

const fn send(path: &'static str, responses: &'static [Response], function: Function) -> Endpoint {
    Endpoint {
        id: "",
        method: Method::Post,
        path,
        summary: "",
        description: "",
        group: "Email Sending",
        auth: Auth::Firebase,
        throttle: Throttle::Send,
        user_rate: Some(25),
        browser: true,
        query: None,
        body: &[],
        // The text of a mail, and the variables of a thousand recipients.
        body_max: 2 * 1024 * 1024,
        responses,
        function,
    }
}

const fn read(
    path: &'static str,
    query: SchemaOf,
    responses: &'static [Response],
    function: Function,
) -> Endpoint {
    Endpoint {
        method: Method::Get,
        group: "Analytics",
        throttle: Throttle::Read,
        user_rate: Some(50),
        query: Some(query),
        body_max: SMALL_BODY,
        ..send(path, responses, function)
    }
}
