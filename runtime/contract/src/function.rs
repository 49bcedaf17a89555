//! The functions that are deployed, each with what starts it, its size and its variables.

use std::collections::BTreeSet;

use crate::variable::{Declared, Variables};

/// A crate of the runtime: one artefact that holds several functions, told apart by `_HANDLER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    Outreach,
    Unsubscribe,
    Financial,
    DnApi,
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

        /// Every function.
        pub const FUNCTIONS: &[Function] = &[$(<$type as Deployed>::FUNCTION),+];
    };
}

functions! {
    /// Tells that the outreach API works.
    OutreachHealth(crate::health::HealthVariables) = "outreach-health" in "outreach" of Outreach,
        128 MB, 5 s, Trigger::Api, "Tells that the outreach API works.";
    /// Tells that the financial API works.
    FinancialHealth(crate::health::HealthVariables) = "financial-health" in "financial" of Financial,
        128 MB, 5 s, Trigger::Api, "Tells that the financial API works.";
    /// Tells that the proxy of the CRM works.
    DnApiHealth(crate::health::HealthVariables) = "dn-api-health" in "dn_api" of DnApi,
        128 MB, 5 s, Trigger::Api, "Tells that the proxy of the CRM works.";
}
