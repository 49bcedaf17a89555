//! The functions that are deployed, each with what starts it, its size and its variables.

use std::collections::BTreeSet;

use crate::variable::{Declared, Problem, Variables};

/// A crate of the runtime: one artefact that holds several functions, told apart by `_HANDLER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    Outreach,
    Unsubscribe,
    Financial,
    DnApi,
    Operations,
}

impl Service {
    /// Every service that has a function.
    pub fn all() -> impl Iterator<Item = Self> {
        let services: BTreeSet<Self> = FUNCTIONS.iter().map(|one| one.service).collect();
        services.into_iter()
    }

    /// The package, its binary, and the last part of its artefact's address.
    #[must_use]
    pub const fn package(self) -> &'static str {
        match self {
            Self::Outreach => "outreach",
            Self::Unsubscribe => "unsubscribe",
            Self::Financial => "financial",
            Self::DnApi => "dn_api",
            Self::Operations => "operations",
        }
    }

    /// Every function of the artefact.
    pub fn functions(self) -> impl Iterator<Item = &'static Function> {
        FUNCTIONS.iter().filter(move |one| one.service == self)
    }
}

/// What starts a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Endpoints name it.
    Api,
    /// A message on a topic: stack and name.
    Topic(&'static str, &'static str),
    /// Messages on a queue: stack and name.
    Queue(&'static str, &'static str),
    /// An expression of EventBridge Scheduler.
    Schedule(&'static str),
}

/// A function as it is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// The last part of its address, and its handler.
    pub name: &'static str,
    /// The stack that declares it.
    pub stack: &'static str,
    pub service: Service,
    pub description: &'static str,
    pub memory_mb: u32,
    pub timeout_s: u32,
    pub trigger: Trigger,
    pub variables: &'static [Declared],
}

/// A function as a type: its handler is written for these variables and no others.
pub trait Deployed: 'static {
    type Variables: Variables + Send + Sync + 'static;
    const FUNCTION: Function;
}

/// What reading variables complains of where none is set.
fn missed<V: Variables>() -> Vec<&'static str> {
    V::read(&|_| None).err().into_iter().flatten().map(|problem| problem.variable).collect()
}

macro_rules! functions {
    ($($(#[$doc:meta])* $type:ident($variables:ty) = $name:literal in $stack:literal of $service:ident,
        $memory:literal MB, $timeout:literal s, $trigger:expr, $description:literal;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub enum $type {}

            impl Deployed for $type {
                type Variables = $variables;
                const FUNCTION: Function = Function {
                    name: $name,
                    stack: $stack,
                    service: Service::$service,
                    description: $description,
                    memory_mb: $memory,
                    timeout_s: $timeout,
                    trigger: $trigger,
                    variables: <$variables as Variables>::DECLARED,
                };
            }
        )+

        /// The variables without which a function does not start, in the order of their declaration.
        #[must_use]
        pub fn required(function: &str) -> Vec<&'static str> {
            match function {
                $($name => missed::<$variables>(),)+
                _ => Vec::new(),
            }
        }

        /// Every function.
        pub const FUNCTIONS: &[Function] = &[$(<$type as Deployed>::FUNCTION),+];

        /// What a function of this name would find wrong with its variables; `None` where there is no
        /// such function.
        #[must_use]
        pub fn problems(function: &str, look_up: &dyn Fn(&str) -> Option<String>) -> Option<Vec<Problem>> {
            match function {
                $($name => Some(<$variables as Variables>::read(look_up).err().unwrap_or_default()),)+
                _ => None,
            }
        }
    };
}

functions! {
    /// Tells that the outreach API works.
    OutreachHealth(crate::health::HealthVariables) = "outreach-health" in "outreach" of Outreach,
        128 MB, 5 s, Trigger::Api, "Tells that the outreach API works.";
    /// Sends mail.
    SendEmail(crate::outreach::SendVariables) = "send-email" in "outreach" of Outreach,
        256 MB, 29 s, Trigger::Api, "Sends mail through Mailgun.";
    /// Sends mail made from a template.
    SendTemplateEmail(crate::outreach::SendVariables) = "send-template-email" in "outreach" of Outreach,
        256 MB, 29 s, Trigger::Api, "Sends mail made from a template of Mailgun.";
    /// Computes campaign statistics.
    CampaignStats(crate::outreach::StatsVariables) = "campaign-stats" in "outreach" of Outreach,
        256 MB, 29 s, Trigger::Api, "Computes campaign statistics.";
    /// Lists the events of messages.
    TrackingData(crate::outreach::TrackingVariables) = "tracking-data" in "outreach" of Outreach,
        256 MB, 29 s, Trigger::Api, "Lists the events of messages.";
    /// Takes Mailgun's webhooks.
    Webhook(crate::outreach::WebhookVariables) = "webhook" in "outreach" of Outreach,
        256 MB, 15 s, Trigger::Api, "Takes the webhooks of Mailgun.";
    /// Serves the unsubscribe links of outreach mail.
    OutreachUnsubscribe(crate::subscription::UnsubscribeVariables) = "outreach-unsubscribe" in "outreach"
        of Unsubscribe, 256 MB, 10 s, Trigger::Api, "Serves the unsubscribe links of outreach mail.";
    /// Serves the unsubscribe links of financial mail.
    FinancialUnsubscribe(crate::subscription::UnsubscribeVariables) = "financial-unsubscribe" in "financial"
        of Unsubscribe, 256 MB, 10 s, Trigger::Api, "Serves the unsubscribe links of financial mail.";
    /// Subscribes contacts again.
    AddContact(crate::subscription::AddContactVariables) = "financial-add-contact" in "financial"
        of Unsubscribe, 256 MB, 10 s, Trigger::Api, "Subscribes contacts again.";
    /// Unsubscribes who writes to the unsubscribe address.
    Mailto(crate::subscription::MailtoVariables) = "unsubscribe-mailto" in "shared" of Unsubscribe,
        256 MB, 30 s, Trigger::Topic("shared", "inbound-mail"),
        "Unsubscribes who writes to the unsubscribe address.";
    /// Keeps what SES tells of contacts and addresses.
    MailEvents(crate::subscription::MailEventsVariables) = "mail-events" in "shared" of Unsubscribe,
        256 MB, 60 s, Trigger::Queue("shared", "ses-events"),
        "Keeps what SES tells of contacts and addresses.";
    /// Brings contact list and mirror together.
    Reconcile(crate::subscription::ReconcileVariables) = "reconcile-contacts" in "shared" of Unsubscribe,
        256 MB, 300 s, Trigger::Schedule("rate(15 minutes)"), "Brings contact list and mirror together.";
    /// Tells that the financial API works.
    FinancialHealth(crate::health::HealthVariables) = "financial-health" in "financial" of Financial,
        128 MB, 5 s, Trigger::Api, "Tells that the financial API works.";
    /// Tells that the proxy of the CRM works.
    DnApiHealth(crate::health::HealthVariables) = "dn-api-health" in "dn_api" of DnApi,
        128 MB, 5 s, Trigger::Api, "Tells that the proxy of the CRM works.";
    /// Compares what is live with what was applied.
    Drift(crate::operations::DriftVariables) = "drift" in "operations" of Operations,
        512 MB, 300 s, Trigger::Schedule("cron(17 3 * * ? *)"),
        "Compares what is live with what was applied.";
    /// Rotates the key that links are signed with, a step at a time.
    Rotate(crate::operations::RotateVariables) = "rotate" in "operations" of Operations,
        256 MB, 120 s, Trigger::Schedule("cron(13 * * * ? *)"),
        "Rotates the key that links are signed with, a step at a time.";
}
