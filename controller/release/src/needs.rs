//! Whether a stage gives the code of a release what it reads.
//!
//! Code and stacks are compiled from one contract, so of one source they always fit. A release is of another source
//! than the declarations that it is deployed with: this is what keeps the two together.

use std::collections::BTreeSet;

use model::Declared;
use serde_json::Value;

use crate::Manifest;

/// What a function's fields name its variables with.
const VARIABLES: &str = "environment.";

/// Every function that would not start, and why; nothing when all would.
#[must_use]
pub fn unmet(manifest: &Manifest, declared: &[Declared]) -> Vec<String> {
    let functions = declared.iter().filter(|one| one.address.kind() == "function");
    let mut problems = Vec::new();
    for function in functions {
        let at = &function.address;
        let needs = manifest.artefacts.values().find_map(|one| one.contract.functions.get(at.name()));
        let Some(needs) = needs else {
            problems.push(format!("{at}: the code of the release has no such function"));
            continue;
        };
        let set: BTreeSet<&str> = function
            .fields
            .rows()
            .iter()
            .filter(|row| row.value != Value::Null)
            .filter_map(|row| row.name.strip_prefix(VARIABLES))
            .collect();
        let missing = needs.iter().filter(|name| !set.contains(name.as_str()));
        problems.extend(missing.map(|name| format!("{at} needs {name}, which the stage does not set")));
    }
    problems
}
