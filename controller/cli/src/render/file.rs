//! The plan as JSON, and back.

use std::collections::BTreeSet;

use model::{Plan, StepId, plan::VERSION};
use serde::Deserialize;

/// Why a plan file cannot be applied.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlanFileError {
    #[error("this is not a plan: line {line}, column {column}: {why}")]
    NotJson { line: usize, column: usize, why: String },
    #[error("this plan is of version {found}, and this program reads version {VERSION}: make the plan again")]
    Version { found: u64 },
    #[error("this plan cannot be read: line {line}, column {column}, at `{path}`: {why}")]
    Field { line: usize, column: usize, path: String, why: String },
    #[error("this plan was altered: {why}")]
    Altered { why: String },
}

/// The plan as a file and for programs; the order of everything is stable.
///
/// # Panics
/// Never: every member can be written as JSON.
pub(crate) fn plan_json(plan: &Plan) -> String {
    let mut text = serde_json::to_string_pretty(plan).expect("a plan is made of values that JSON can hold");
    text.push('\n');
    text
}

/// Only what every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// Reads a plan that [`plan_json`] wrote.
///
/// # Errors
/// When it is no JSON, of another version, or not what the program that made it would write: a step that comes
/// after itself, or one whose number is missing, would never run.
pub(crate) fn read_plan(text: &str) -> Result<Plan, PlanFileError> {
    let versioned: Versioned = parse(text)?;
    if versioned.version != u64::from(VERSION) {
        return Err(PlanFileError::Version { found: versioned.version });
    }
    let plan: Plan = parse(text)?;
    check(&plan).map_err(|why| PlanFileError::Altered { why })?;
    Ok(plan)
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, PlanFileError> {
    let mut from = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut from).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.into_inner());
        named(&inner, path)
    })?;
    from.end().map_err(|error| named(&error, String::new()))?;
    Ok(value)
}

fn named(error: &serde_json::Error, path: String) -> PlanFileError {
    let (line, column) = (error.line(), error.column());
    // Serde ends its message with the place, which is said already.
    let full = error.to_string();
    let why = full.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&full).to_owned();
    match error.classify() {
        serde_json::error::Category::Data => PlanFileError::Field { line, column, path, why },
        _ => PlanFileError::NotJson { line, column, why },
    }
}

/// What execution relies on.
fn check(plan: &Plan) -> Result<(), String> {
    let mut seen: BTreeSet<StepId> = BTreeSet::new();
    for step in &plan.steps {
        if seen.last().is_some_and(|last| *last >= step.id) {
            return Err(format!("step {} is out of order", step.id));
        }
        if let Some(missing) = step.after.iter().find(|earlier| !seen.contains(earlier)) {
            return Err(format!("step {} comes after step {missing}, which is not before it", step.id));
        }
        if step.kind != step.address.kind() {
            return Err(format!("step {} is about {}, which is no {}", step.id, step.address, step.kind));
        }
        seen.insert(step.id);
    }
    Ok(())
}
