//! The metrics that functions write (R107, R108), named once: handlers can write no others, and alarms
//! and dashboards look at no others.

use crate::function::{Function, Trigger};

/// Where metrics are found.
pub const NAMESPACE: &str = "DistroNation";

/// The dimension that every metric has: the function's name.
pub const FUNCTION: &str = "function";

/// The name of a metric. There are none but those declared here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    text: &'static str,
    unit: Unit,
    writers: Writers,
}

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    Milliseconds,
}

/// Which functions write a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// Every function behind endpoints, with each request.
    Endpoints,
    /// These, by name.
    Some(&'static [&'static str]),
}

impl Unit {
    /// As CloudWatch writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

impl Name {
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.text
    }

    #[must_use]
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// Whether a function writes it.
    #[must_use]
    pub fn is_written_by(self, function: &Function) -> bool {
        match self.writers {
            Writers::Endpoints => function.trigger == Trigger::Api,
            Writers::Some(names) => names.contains(&function.name),
        }
    }

    /// The metric of this name.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        ALL.iter().map(|(_, name)| *name).find(|name| name.text == text)
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $constant:ident = $text:literal, $unit:ident by $writers:expr;)+) => {
        $(
            $(#[$doc])*
            pub const $constant: Name = Name { text: $text, unit: Unit::$unit, writers: $writers };
        )+

        /// Every name with the constant that handlers know it by.
        pub const ALL: &[(&str, Name)] = &[$((stringify!($constant), $constant)),+];
    };
}

const SENDERS: Writers = Writers::Some(&["send-email", "send-template-email"]);
const MAILGUN: Writers = Writers::Some(&["webhook"]);
const NIGHTLY: Writers = Writers::Some(&["drift"]);
const ROTATION: Writers = Writers::Some(&["rotate"]);
const SIGNED_IN: Writers =
    Writers::Some(&["send-email", "send-template-email", "campaign-stats", "tracking-data"]);

names! {
    /// From the event to the answer.
    RESPONSE_TIME = "responseTime", Milliseconds by Writers::Endpoints;
    REQUESTS = "requests", Count by Writers::Endpoints;
    /// Answers 4xx.
    CLIENT_ERRORS = "clientErrors", Count by Writers::Endpoints;
    /// Answers 5xx.
    SERVER_ERRORS = "serverErrors", Count by Writers::Endpoints;
    /// Tokens and signatures that were missing or refused.
    AUTHENTICATION_FAILURES = "authenticationFailures", Count by Writers::Endpoints;
    /// Users who were told to wait (R103).
    RATE_LIMIT_EVENTS = "rateLimitEvents", Count by Writers::Endpoints;
    AUTHENTICATION_SUCCESSES = "authenticationSuccesses", Count by SIGNED_IN;
    /// How long it takes to check a token.
    TOKEN_VALIDATION_TIME = "tokenValidationTime", Milliseconds by SIGNED_IN;
    /// Recipients whom the provider has taken a mail for.
    EMAILS_SENT = "emailsSent", Count by SENDERS;
    /// Mails by template, which is a dimension of its own.
    TEMPLATE_USAGE = "templateUsage", Count by Writers::Some(&["send-template-email"]);
    EMAILS_DELIVERED = "emailsDelivered", Count by MAILGUN;
    EMAILS_OPENED = "emailsOpened", Count by MAILGUN;
    EMAILS_CLICKED = "emailsClicked", Count by MAILGUN;
    /// For good (A21).
    EMAILS_BOUNCED = "emailsBounced", Count by MAILGUN;
    EMAILS_COMPLAINED = "emailsComplained", Count by MAILGUN;
    EMAILS_UNSUBSCRIBED = "emailsUnsubscribed", Count by MAILGUN;
    /// Tried again later (A21).
    EMAILS_DELAYED = "emailsDelayed", Count by MAILGUN;
    /// Resources that are not as they were applied.
    DRIFTED = "drifted", Count by NIGHTLY;
    /// One when the stage could not be compared.
    DRIFT_UNREADABLE = "driftUnreadable", Count by NIGHTLY;
    /// One while the signing key is older than it may be.
    ROTATION_OVERDUE = "rotationOverdue", Count by ROTATION;
    /// One while a step of the rotation is later than it may be.
    ROTATION_STUCK = "rotationStuck", Count by ROTATION;
}
