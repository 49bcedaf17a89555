//! What an artefact needs of its environment: a small file beside its binary, so that code which was built long ago
//! can still be compared with the environment that a stage is about to give it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::function::{Service, required};

/// The name of the file in an artefact.
pub const FILE: &str = "contract.json";

const VERSION: u32 = 1;

/// The functions of an artefact, each with the variables without which it does not start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Needs {
    pub version: u32,
    pub service: String,
    pub functions: BTreeMap<String, BTreeSet<String>>,
}

impl Needs {
    /// What a service needs as this source declares it.
    #[must_use]
    pub fn of(service: Service) -> Self {
        let needs = |name| required(name).into_iter().map(str::to_owned).collect();
        let functions = service.functions().map(|one| (one.name.to_owned(), needs(one.name))).collect();
        Self { version: VERSION, service: service.package().to_owned(), functions }
    }

    /// The file: the same bytes from the same source.
    ///
    /// # Panics
    /// Never: texts under texts are JSON.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts under texts are JSON") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_function_can_do_without_is_not_needed() {
        let needs = Needs::of(Service::Unsubscribe);
        let unsubscribe = &needs.functions["financial-unsubscribe"];
        assert!(unsubscribe.contains("CORS_ALLOWED_ORIGINS"), "{unsubscribe:?}");
        let all = Service::Unsubscribe.functions().flat_map(|one| one.variables).map(|one| one.name);
        let needed: BTreeSet<&str> = needs.functions.values().flatten().map(String::as_str).collect();
        let spare: BTreeSet<&str> = all.filter(|name| !needed.contains(name)).collect();
        assert!(!spare.is_empty(), "a confirmation page is optional");
        let read: Needs = serde_json::from_str(&needs.text()).unwrap();
        assert_eq!(read, needs);
    }
}
