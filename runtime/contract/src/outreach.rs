//! What crosses the wire in the outreach API.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;

use crate::{
    resource::{LogHashes, Mailgun, SealingKey, UpdateContactList},
    setting::{
        CorsAllowedOrigins, DefaultSender, FirebaseKeysUrl, FirebaseProject, MailgunDomain, MailgunUrl,
        OutreachUnsubscribeUrl, PostalAddress, Stage, SuppressionDays, TrackingDays, UnsubscribeMailbox,
    },
    table::{Audit, Contacts, Events, Messages, RateLimits, Suppression, WebhookTokens},
    variable::{Read, ReadWrite, SecretName, Table, Write, variables},
};

variables! {
    /// What sends mail.
    pub struct SendVariables {
        stage: Stage = "STAGE",
        origins: CorsAllowedOrigins = "CORS_ALLOWED_ORIGINS",
        firebase: FirebaseProject = "FIREBASE_PROJECT_ID",
        firebase_keys: FirebaseKeysUrl = "FIREBASE_KEYS_URL",
        mailgun: SecretName<Mailgun> = "SECRETS_MANAGER_SECRET_NAME",
        mailgun_url: MailgunUrl = "MAILGUN_URL",
        mailgun_domain: MailgunDomain = "MAILGUN_DOMAIN",
        sender: DefaultSender = "DEFAULT_SENDER",
        postal_address: PostalAddress = "POSTAL_ADDRESS",
        unsubscribe_url: OutreachUnsubscribeUrl = "UNSUBSCRIBE_BASE_URL",
        mailbox: UnsubscribeMailbox = "UNSUBSCRIBE_MAILBOX",
        key: SealingKey = "UNSUBSCRIBE_KMS_KEY_ID",
        contacts: Table<Contacts, ReadWrite> = "CONTACTS_TABLE",
        suppression: Table<Suppression, Read> = "FINANCIAL_SUPPRESSION_TABLE",
        messages: Table<Messages, Write> = "MESSAGES_TABLE",
        limits: Table<RateLimits, ReadWrite> = "RATE_LIMITS_TABLE",
        days: TrackingDays = "TRACKING_TTL_DAYS",
    }
}

variables! {
    /// What computes campaign statistics.
    pub struct StatsVariables {
        stage: Stage = "STAGE",
        origins: CorsAllowedOrigins = "CORS_ALLOWED_ORIGINS",
        firebase: FirebaseProject = "FIREBASE_PROJECT_ID",
        firebase_keys: FirebaseKeysUrl = "FIREBASE_KEYS_URL",
        messages: Table<Messages, Read> = "MESSAGES_TABLE",
        limits: Table<RateLimits, ReadWrite> = "RATE_LIMITS_TABLE",
        days: TrackingDays = "TRACKING_TTL_DAYS",
    }
}

variables! {
    /// What lists the events of messages.
    pub struct TrackingVariables {
        stage: Stage = "STAGE",
        origins: CorsAllowedOrigins = "CORS_ALLOWED_ORIGINS",
        firebase: FirebaseProject = "FIREBASE_PROJECT_ID",
        firebase_keys: FirebaseKeysUrl = "FIREBASE_KEYS_URL",
        events: Table<Events, Read> = "EVENTS_TABLE",
        limits: Table<RateLimits, ReadWrite> = "RATE_LIMITS_TABLE",
        days: TrackingDays = "TRACKING_TTL_DAYS",
    }
}

variables! {
    /// What takes Mailgun's webhooks.
    pub struct WebhookVariables {
        stage: Stage = "STAGE",
        mailgun: SecretName<Mailgun> = "SECRETS_MANAGER_SECRET_NAME",
        log_hashes: SecretName<LogHashes> = "LOG_HASH_SECRET_NAME",
        tokens: Table<WebhookTokens, ReadWrite> = "WEBHOOK_TOKENS_TABLE",
        events: Table<Events, Write> = "EVENTS_TABLE",
        messages: Table<Messages, Write> = "MESSAGES_TABLE",
        suppression: Table<Suppression, Write> = "FINANCIAL_SUPPRESSION_TABLE",
        contacts: Table<Contacts, ReadWrite> = "CONTACTS_TABLE",
        audit: Table<Audit, Write> = "UNSUBSCRIBE_AUDIT_TABLE",
        list: UpdateContactList = "SES_CONTACT_LIST_NAME",
        days: TrackingDays = "TRACKING_TTL_DAYS",
        suppression_days: SuppressionDays = "SUPPRESSION_DAYS",
    }
}

/// The value of the secret `mailgun`. The names of the seed's variables are accepted, too.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailgunSecret {
    #[serde(alias = "MAILGUN_API_KEY", deserialize_with = "filled")]
    pub api_key: String,
    /// Not the API key: webhooks are signed with one of their own.
    #[serde(alias = "MAILGUN_WEBHOOK_SIGNING_KEY", deserialize_with = "filled")]
    pub webhook_signing_key: String,
}

/// With an empty key anybody could sign.
fn filled<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.trim().is_empty() { Err(D::Error::custom("a key is empty")) } else { Ok(text) }
}

/// One address or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Addresses {
    One(#[schemars(extend("format" = "email"))] String),
    Many(#[schemars(extend("items" = { "type": "string", "format": "email" }))] Vec<String>),
}

/// What Mailgun is to follow, and whether the mail says how to unsubscribe. Each may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(inline)]
pub struct TrackingSettings {
    pub opens: Option<bool>,
    pub clicks: Option<bool>,
    /// List headers and footer; `false` leaves them out only of mail with the tag `transactional` (A20).
    pub unsubscribes: Option<bool>,
}

/// A mail to one or more recipients, who do not see each other. `html` or `text` must be there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendEmailRequest {
    /// At most 1,000.
    pub to: Addresses,
    #[schemars(length(max = 998))]
    pub subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "email"))]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "email"))]
    pub reply_to: Option<String>,
    /// At most 10 of at most 128 characters. The first names the campaign, unless
    /// `customVariables.campaignId` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_variables: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_settings: Option<TrackingSettings>,
}

/// A mail made from one of Mailgun's templates. The template gets `unsubscribe_url` and `postal_address`
/// beside its own variables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendTemplateEmailRequest {
    /// At most 1,000.
    pub to: Addresses,
    pub template: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 998))]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_variables: Option<BTreeMap<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "email"))]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "email"))]
    pub reply_to: Option<String>,
    /// At most 10 of at most 128 characters. The first names the campaign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_settings: Option<TrackingSettings>,
}

/// A mail that Mailgun has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmailResponse {
    pub success: bool,
    pub message: String,
    /// Mailgun's id, without angle brackets.
    pub message_id: String,
    pub data: SentEmail,
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    pub version: String,
}

/// What Mailgun said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct SentEmail {
    pub id: String,
    pub message: String,
    /// Recipients that were left out: unsubscribed, bounced before, or complained.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Which messages to count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CampaignStatsQuery {
    /// Specific campaign ID to filter by.
    pub campaign_id: Option<String>,
    /// Start date for statistics (ISO 8601). Without it, 30 days before the end.
    #[schemars(extend("format" = "date-time"))]
    pub start_date: Option<String>,
    /// End date for statistics (ISO 8601). Without it, now.
    #[schemars(extend("format" = "date-time"))]
    pub end_date: Option<String>,
    /// Messages that have one of these tags; repeated, or separated by commas (A29).
    pub tags: Option<Vec<String>>,
    /// Maximum number of campaigns in the answer; the sums are of all.
    #[schemars(range(min = 1, max = 1000), extend("default" = 100))]
    pub limit: Option<u32>,
    /// Number of campaigns to skip.
    #[schemars(extend("minimum" = 0, "default" = 0))]
    pub offset: Option<u32>,
}

/// Campaign statistics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CampaignStatsResponse {
    pub success: bool,
    pub data: CampaignStats,
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    pub version: String,
}

/// Recipients, each counted once a message and event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct CampaignStats {
    pub total_sent: u64,
    pub delivered: u64,
    pub opens: u64,
    pub clicks: u64,
    pub bounces: u64,
    pub complaints: u64,
    pub unsubscribes: u64,
    /// Delivered of sent, in percent with two decimals.
    #[schemars(extend("format" = "float"))]
    pub delivery_rate: f64,
    /// Opened of delivered.
    #[schemars(extend("format" = "float"))]
    pub open_rate: f64,
    /// Clicked of opened.
    #[schemars(extend("format" = "float"))]
    pub click_rate: f64,
    pub campaigns: Vec<CampaignMetrics>,
}

/// The numbers of one campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct CampaignMetrics {
    pub name: String,
    pub sent: u64,
    pub delivered: u64,
    pub opens: u64,
    pub clicks: u64,
}

/// The events that Mailgun's webhook is registered for, in Mailgun's words: those of the requirements (R33), of which
/// it calls a bounce `permanent_fail` (A21).
pub const MAILGUN_EVENTS: &[&str] =
    &["clicked", "complained", "delivered", "opened", "permanent_fail", "unsubscribed"];

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum EventType {
    Delivered,
    Opened,
    Clicked,
    Bounced,
    Complained,
    Unsubscribed,
    /// Tried again later; no bounce (A21). Cannot be asked for.
    TemporaryFail,
}

impl EventType {
    pub const ALL: [Self; 7] = [
        Self::Delivered,
        Self::Opened,
        Self::Clicked,
        Self::Bounced,
        Self::Complained,
        Self::Unsubscribed,
        Self::TemporaryFail,
    ];

    /// As it crosses the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
            Self::Unsubscribed => "unsubscribed",
            Self::TemporaryFail => "temporary_fail",
        }
    }
}

/// Which events to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrackingDataQuery {
    /// Specific message ID to track.
    pub message_id: Option<String>,
    /// Filter by recipient email address.
    #[schemars(extend("format" = "email"))]
    pub recipient_email: Option<String>,
    /// Filter by event type.
    #[schemars(extend("enum" = ["delivered", "opened", "clicked", "bounced", "complained", "unsubscribed"]))]
    pub event_type: Option<String>,
    /// Start date for tracking data (ISO 8601). Without it and without message and recipient, 7 days before
    /// the end.
    #[schemars(extend("format" = "date-time"))]
    pub start_date: Option<String>,
    /// End date for tracking data (ISO 8601). Without it, now.
    #[schemars(extend("format" = "date-time"))]
    pub end_date: Option<String>,
    /// Maximum number of results.
    #[schemars(range(min = 1, max = 1000), extend("default" = 100))]
    pub limit: Option<u32>,
    /// Number of results to skip.
    #[schemars(extend("minimum" = 0, "default" = 0))]
    pub offset: Option<u32>,
}

/// Events of messages, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrackingDataResponse {
    pub success: bool,
    pub data: TrackingData,
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    pub version: String,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct TrackingData {
    pub events: Vec<TrackingEvent>,
    pub pagination: Pagination,
}

/// What happened to a message of one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct TrackingEvent {
    pub message_id: String,
    pub event: EventType,
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    pub recipient: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_status: Option<DeliveryStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_info: Option<ClientInfo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geolocation: Option<Geolocation>,
}

/// What the receiving server said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct DeliveryStatus {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// With what it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct ClientInfo {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_os: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_type: Option<String>,
}

/// Where it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Geolocation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
}

/// Where a page is among all results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Pagination {
    pub total: usize,
    pub limit: usize,
    pub offset: usize,
    pub has_more: bool,
}

/// A webhook of Mailgun, in its present form. The legacy form has the members of `signature` and
/// `event-data` at its top. Members that are not listed are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct WebhookRequest {
    pub signature: WebhookSignature,
    /// `event`, `timestamp`, `id`, `recipient` and what goes with the event.
    #[schemars(with = "BTreeMap<String, Value>")]
    pub event_data: Value,
}

/// Over `timestamp` and `token`, with the webhook signing key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct WebhookSignature {
    /// Seconds since 1970.
    pub timestamp: String,
    pub token: String,
    /// HMAC-SHA256, in hexadecimal.
    pub signature: String,
}

/// An event that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookResponse {
    pub success: bool,
    pub message: String,
    pub event_id: String,
    pub event_type: String,
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    pub version: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_events_are_those_of_the_wire() {
        for event in EventType::ALL {
            assert_eq!(serde_json::to_value(event).expect("a text"), event.name());
        }
    }
}
