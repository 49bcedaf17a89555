//! The keys, indexes and expiry of every table: what the handlers query by is what the stacks declare.
//!
//! Every question that a handler asks is a key or an index here; none needs a scan, so that cost does not grow with
//! the age of a table.

/// The type of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Text,
    Number,
}

/// A key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub name: &'static str,
    pub of: Type,
}

/// A second way to query a table; all attributes are copied into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    pub name: &'static str,
    pub hash: Attribute,
    pub range: Option<Attribute>,
}

/// The shape of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// The stack that declares it.
    pub stack: &'static str,
    /// The last part of its address.
    pub name: &'static str,
    pub hash: Attribute,
    pub range: Option<Attribute>,
    pub indexes: &'static [Index],
    /// The attribute with the second (since 1970) at which DynamoDB may remove a row.
    pub expiry: Option<&'static str>,
    /// Whether its rows can be had from nowhere else. Those that hold only counters and tokens of hours are not kept.
    pub keeps: bool,
}

const fn text(name: &'static str) -> Attribute {
    Attribute { name, of: Type::Text }
}

const fn number(name: &'static str) -> Attribute {
    Attribute { name, of: Type::Number }
}

const fn index(name: &'static str, hash: Attribute, range: Attribute) -> Index {
    Index { name, hash, range: Some(range) }
}

/// The expiry attribute of every table that has one (R57, R58).
const EXPIRY: Option<&str> = Some("expirationTime");

/// Every opt-in, opt-out and failure of one, for ever (R73). `by_day` serves reports to the compliance office.
pub const AUDIT: Table = Table {
    stack: "shared",
    name: "audit",
    hash: text("contact"),
    range: Some(text("at")),
    indexes: &[index("by_day", text("day"), text("at"))],
    expiry: None,
    keeps: true,
};

/// One row an event of a financial mail (R55, R56). The range key is made unique by its fraction (A3).
pub const TRACKING: Table = Table {
    stack: "financial",
    name: "tracking",
    hash: text("campaignId"),
    range: Some(number("timestamp")),
    indexes: &[
        Index { name: "EmailIndex", hash: text("email"), range: None },
        index("email-event-index", text("recipient"), number("timestamp")),
        index("MonthYearIndex", text("month"), text("year")),
    ],
    expiry: EXPIRY,
    keeps: true,
};

/// Addresses that must not be sent to (R58). A complaint has no expiry (A24).
pub const SUPPRESSION: Table = Table {
    stack: "financial",
    name: "suppression",
    hash: text("email"),
    range: None,
    indexes: &[],
    expiry: EXPIRY,
    keeps: true,
};

/// One row a message of the outreach stream (R37): what campaign statistics are computed from.
pub const MESSAGES: Table = Table {
    stack: "outreach",
    name: "messages",
    hash: text("messageId"),
    range: None,
    indexes: &[
        index("by_campaign", text("campaignId"), number("sentAt")),
        index("by_day", text("day"), number("sentAt")),
    ],
    expiry: EXPIRY,
    keeps: true,
};

/// One row an event of a message (R28, R29), applied once whatever the number of deliveries: the range key holds the
/// provider's event id.
pub const EVENTS: Table = Table {
    stack: "outreach",
    name: "events",
    hash: text("messageId"),
    range: Some(text("event")),
    indexes: &[
        index("by_recipient", text("recipient"), number("timestamp")),
        index("by_type", text("typeDay"), number("timestamp")),
        index("by_day", text("day"), number("timestamp")),
    ],
    expiry: EXPIRY,
    keeps: true,
};

/// Webhook tokens that were seen, for a day (A9).
pub const WEBHOOK_TOKENS: Table = Table {
    stack: "outreach",
    name: "webhook-tokens",
    hash: text("token"),
    range: None,
    indexes: &[],
    expiry: EXPIRY,
    keeps: false,
};

/// Counters of requests by user, endpoint and minute (R103), by user and day, and by API and day (A10); idempotency
/// keys.
pub const RATE_LIMITS: Table = Table {
    stack: "outreach",
    name: "rate-limits",
    hash: text("subject"),
    range: None,
    indexes: &[],
    expiry: EXPIRY,
    keeps: false,
};

/// What the contact list says of each address, read 100 at a time before sending (A2). Only rows that the contact list
/// does not know of yet are in `by_pending`, the oldest first.
pub const CONTACTS: Table = Table {
    stack: "outreach",
    name: "contacts",
    hash: text("email"),
    range: None,
    indexes: &[index("by_pending", text("pending"), number("pendingSince"))],
    expiry: None,
    keeps: true,
};

/// One row a campaign, with its counters; `by_month` lists the campaigns of a month.
pub const CAMPAIGNS: Table = Table {
    stack: "outreach",
    name: "campaigns",
    hash: text("campaignId"),
    range: None,
    indexes: &[index("by_month", text("month"), number("createdAt"))],
    expiry: None,
    keeps: true,
};

/// One row a recipient of a campaign: sent, skipped or still to do. `by_recipient` answers what a person was sent
/// (R104).
pub const RECIPIENTS: Table = Table {
    stack: "outreach",
    name: "recipients",
    hash: text("campaignId"),
    range: Some(text("recipient")),
    indexes: &[index("by_recipient", text("recipient"), text("campaignId"))],
    expiry: EXPIRY,
    keeps: true,
};

/// Custom ids that stand for others: one source for links and payouts (R52, R84, R117).
pub const ID_MAPPINGS: Table = Table {
    stack: "outreach",
    name: "id-mappings",
    hash: text("customId"),
    range: None,
    indexes: &[],
    expiry: None,
    keeps: true,
};

/// Recipients of the equity mail (R45, R118).
pub const EQUITY_RECIPIENTS: Table = Table {
    stack: "outreach",
    name: "equity-recipients",
    hash: text("email"),
    range: None,
    indexes: &[],
    expiry: None,
    keeps: true,
};

/// A table as a type, so that a variable can say which one it names.
pub trait Shaped: 'static {
    const TABLE: Table;
}

macro_rules! shaped {
    ($($(#[$doc:meta])* $name:ident = $table:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {}

        impl Shaped for $name {
            const TABLE: Table = $table;
        }
    )+};
}

shaped! {
    /// See [`AUDIT`].
    Audit = AUDIT;
    /// See [`TRACKING`].
    Tracking = TRACKING;
    /// See [`SUPPRESSION`].
    Suppression = SUPPRESSION;
    /// See [`MESSAGES`].
    Messages = MESSAGES;
    /// See [`EVENTS`].
    Events = EVENTS;
    /// See [`WEBHOOK_TOKENS`].
    WebhookTokens = WEBHOOK_TOKENS;
    /// See [`RATE_LIMITS`].
    RateLimits = RATE_LIMITS;
    /// See [`CONTACTS`].
    Contacts = CONTACTS;
    /// See [`CAMPAIGNS`].
    Campaigns = CAMPAIGNS;
    /// See [`RECIPIENTS`].
    Recipients = RECIPIENTS;
    /// See [`ID_MAPPINGS`].
    IdMappings = ID_MAPPINGS;
    /// See [`EQUITY_RECIPIENTS`].
    EquityRecipients = EQUITY_RECIPIENTS;
}
