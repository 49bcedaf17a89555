//! Every API with its endpoints. A new endpoint is one entry here, and its function one in `function.rs`.

use super::{
    Api, Auth, Endpoint, Method, Response, SMALL_BODY, Throttle, json, outreach, schema_of, unsubscribe,
};
use crate::{
    function::{
        Deployed, DnApiHealth, FinancialHealth, FinancialUnsubscribe, Function, OutreachHealth,
        OutreachUnsubscribe,
    },
    health::Health,
    reply::Failure,
};

/// Every REST API of a stage.
pub const APIS: &[Api] = &[
    Api {
        name: "outreach",
        stack: "outreach",
        title: "Distro Nation CRM Outreach API",
        description: "Secure REST API for email outreach operations via Mailgun integration",
        quota_a_day: 10_000,
        user_quota_a_day: 2_500,
        endpoints: &[
            health("/outreach/health", Auth::Open, OutreachHealth::FUNCTION),
            outreach::SEND_EMAIL,
            outreach::SEND_TEMPLATE_EMAIL,
            outreach::CAMPAIGN_STATS,
            outreach::TRACKING_DATA,
            outreach::WEBHOOK,
            unsubscribe::shown("/outreach/unsubscribe", OutreachUnsubscribe::FUNCTION),
            unsubscribe::left("/outreach/unsubscribe", OutreachUnsubscribe::FUNCTION),
        ],
    },
    Api {
        name: "financial",
        stack: "financial",
        title: "Distro Nation CRM Financial API",
        description: "Monthly reports to artists, and who wants them",
        quota_a_day: 10_000,
        user_quota_a_day: 2_500,
        endpoints: &[
            health("/financial/health", Auth::Open, FinancialHealth::FUNCTION),
            unsubscribe::shown("/financial/unsubscribe", FinancialUnsubscribe::FUNCTION),
            unsubscribe::left("/financial/unsubscribe", FinancialUnsubscribe::FUNCTION),
            unsubscribe::ADD_CONTACT,
        ],
    },
    Api {
        name: "dn-api",
        stack: "dn_api",
        title: "Distro Nation API",
        description: "Users and payouts for the CRM; every call needs an API key",
        quota_a_day: 10_000,
        user_quota_a_day: 2_500,
        endpoints: &[health("/health", Auth::ApiKey, DnApiHealth::FUNCTION)],
    },
];

const HEALTHY: &[Response] =
    &[json(200, "It works", schema_of::<Health>), json(500, "Internal server error", schema_of::<Failure>)];

/// Tells that an API works.
const fn health(path: &'static str, auth: Auth, function: Function) -> Endpoint {
    Endpoint {
        id: "health",
        method: Method::Get,
        path,
        summary: "Tell that it works",
        description: "Answers when gateway, permission and function work together",
        group: "Operations",
        auth,
        throttle: Throttle::Read,
        user_rate: None,
        browser: true,
        query: None,
        body: &[],
        body_max: SMALL_BODY,
        responses: HEALTHY,
        function,
    }
}
