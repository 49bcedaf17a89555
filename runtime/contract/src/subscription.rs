//! What crosses the wire about who gets which mail.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    resource::{LogHashes, OpeningKey, UpdateContactList},
    setting::{
        ConfirmationUrl, CorsAllowedOrigins, FirebaseKeysUrl, FirebaseProject, Stage, SuppressionDays,
        TokenMaxAge,
    },
    stream::Stream,
    table::{Audit, Contacts, RateLimits, Suppression},
    variable::{ReadWrite, SecretName, Table, Write, variables},
};

/// Whether mail of a stream is wanted, as SES writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "SubscriptionStatus")]
pub enum Status {
    OptIn,
    OptOut,
}

variables! {
    /// What serves unsubscribe links.
    pub struct UnsubscribeVariables {
        stage: Stage = "STAGE",
        origins: CorsAllowedOrigins = "CORS_ALLOWED_ORIGINS",
        key: OpeningKey = "UNSUBSCRIBE_KMS_KEY_ID",
        max_age: TokenMaxAge = "UNSUBSCRIBE_TOKEN_MAX_AGE_DAYS",
        confirmation: ConfirmationUrl = "UNSUBSCRIBE_CONFIRMATION_URL",
        list: UpdateContactList = "SES_CONTACT_LIST_NAME",
        contacts: Table<Contacts, ReadWrite> = "CONTACTS_TABLE",
        audit: Table<Audit, Write> = "UNSUBSCRIBE_AUDIT_TABLE",
        log_hashes: SecretName<LogHashes> = "LOG_HASH_SECRET_NAME",
    }
}

variables! {
    /// What keeps contacts for staff, and for who holds a token.
    pub struct AddContactVariables {
        stage: Stage = "STAGE",
        origins: CorsAllowedOrigins = "CORS_ALLOWED_ORIGINS",
        firebase: FirebaseProject = "FIREBASE_PROJECT_ID",
        firebase_keys: FirebaseKeysUrl = "FIREBASE_KEYS_URL",
        key: OpeningKey = "UNSUBSCRIBE_KMS_KEY_ID",
        max_age: TokenMaxAge = "UNSUBSCRIBE_TOKEN_MAX_AGE_DAYS",
        list: UpdateContactList = "SES_CONTACT_LIST_NAME",
        contacts: Table<Contacts, ReadWrite> = "CONTACTS_TABLE",
        audit: Table<Audit, Write> = "UNSUBSCRIBE_AUDIT_TABLE",
        limits: Table<RateLimits, ReadWrite> = "RATE_LIMITS_TABLE",
        log_hashes: SecretName<LogHashes> = "LOG_HASH_SECRET_NAME",
    }
}

variables! {
    /// What reads mail to the unsubscribe address.
    pub struct MailtoVariables {
        stage: Stage = "STAGE",
        key: OpeningKey = "UNSUBSCRIBE_KMS_KEY_ID",
        list: UpdateContactList = "SES_CONTACT_LIST_NAME",
        contacts: Table<Contacts, ReadWrite> = "CONTACTS_TABLE",
        audit: Table<Audit, Write> = "UNSUBSCRIBE_AUDIT_TABLE",
        log_hashes: SecretName<LogHashes> = "LOG_HASH_SECRET_NAME",
    }
}

variables! {
    /// What takes in the events of SES.
    pub struct MailEventsVariables {
        stage: Stage = "STAGE",
        list: UpdateContactList = "SES_CONTACT_LIST_NAME",
        contacts: Table<Contacts, ReadWrite> = "CONTACTS_TABLE",
        audit: Table<Audit, Write> = "UNSUBSCRIBE_AUDIT_TABLE",
        suppression: Table<Suppression, Write> = "FINANCIAL_SUPPRESSION_TABLE",
        suppression_days: SuppressionDays = "SUPPRESSION_DAYS",
        log_hashes: SecretName<LogHashes> = "LOG_HASH_SECRET_NAME",
    }
}

variables! {
    /// What brings contact list and mirror together.
    pub struct ReconcileVariables {
        stage: Stage = "STAGE",
        list: UpdateContactList = "SES_CONTACT_LIST_NAME",
        contacts: Table<Contacts, ReadWrite> = "CONTACTS_TABLE",
        audit: Table<Audit, Write> = "UNSUBSCRIBE_AUDIT_TABLE",
    }
}

/// The query of unsubscribe links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnsubscribeQuery {
    /// The token: who, and from which stream.
    pub data: String,
}

/// What mailbox providers post (RFC 8058), as a form or as multipart form data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OneClick {
    /// `One-Click`.
    #[serde(rename = "List-Unsubscribe")]
    pub list_unsubscribe: String,
}

/// It is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnsubscribeResponse {
    pub success: bool,
    pub message: String,
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    pub version: String,
}

/// What the owner of a token gets, for a page of the CRM: answered to who asks for JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreferencesResponse {
    pub success: bool,
    pub data: TokenState,
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    pub version: String,
}

/// What a token shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenState {
    /// The stream that the token is for.
    pub topic: Stream,
    /// The token is too old to show more; it still unsubscribes (A25).
    pub expired: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferences: Option<ContactPreferences>,
}

/// Which mail a contact gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactPreferences {
    /// Every topic of the contact list.
    pub topic_preferences: BTreeMap<Stream, Status>,
    /// No mail at all, whatever the topics say.
    pub unsubscribe_all: bool,
}

/// A contact to subscribe again, by staff with a Firebase token or by its owner with an unsubscribe token
/// (A7).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddContactRequest {
    /// Whom; an unsubscribe token says it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "email"))]
    pub email: Option<String>,
    /// The one topic to subscribe to; all of them without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Stream>,
    /// What is wanted instead of opt-ins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_preferences: Option<BTreeMap<Stream, Status>>,
    /// The unsubscribe token, when there is no Firebase token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// What the contact gets from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddContactResponse {
    pub success: bool,
    pub message: String,
    pub data: ContactPreferences,
    #[schemars(extend("format" = "date-time"))]
    pub timestamp: String,
    pub version: String,
}
