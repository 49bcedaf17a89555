//! How a function may be called: how often at once, and what becomes of events that it does not answer.

use serde_json::{Value, json};

use super::{
    FUNCTIONS, LATEST, arn, changed_revision, checks::between, constraint, existing, has, invalid, missing,
    named, not_found, seen,
};
use crate::services::{Refusal, World, text};

/// Of the account; at least so much stays for functions that reserve nothing.
const CONCURRENCY: u64 = 1_000;
const UNRESERVED_MIN: u64 = 100;

pub(super) fn reserve(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, _) = named(input);
    existing(name, world)?;
    let wanted = &input["ReservedConcurrentExecutions"];
    let Some(wanted) = wanted.as_u64() else {
        let what = "have value greater than or equal to 0";
        return Err(constraint("reservedConcurrentExecutions", &wanted.to_string(), what));
    };
    let others = world.all(FUNCTIONS).into_iter().filter(|(other, _)| *other != name);
    let taken: u64 = others.filter_map(|(_, one)| one["concurrency"].as_u64()).sum();
    if taken + wanted > CONCURRENCY - UNRESERVED_MIN {
        return Err(invalid(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's \
             UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_MIN}]."
        )));
    }
    world.edit(FUNCTIONS, name, |function| function["concurrency"] = wanted.into());
    changed_revision(name, world);
    Ok(json!({ "ReservedConcurrentExecutions": wanted }))
}

pub(super) fn reserved(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    Ok(json!({ "ReservedConcurrentExecutions": seen(named(input).0, world)?["concurrency"] }))
}

pub(super) fn free(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, _) = named(input);
    existing(name, world)?;
    world.edit(FUNCTIONS, name, |function| function["concurrency"] = Value::Null);
    changed_revision(name, world);
    Ok(json!({}))
}

/// The function and the qualifier of its settings for events.
fn target<'i>(input: &'i Value, world: &World<'_>) -> Result<(&'i str, &'i str), Refusal> {
    let (name, qualifier) = named(input);
    let qualifier = qualifier.unwrap_or(LATEST);
    if has(existing(name, world)?, qualifier) {
        return Ok((name, qualifier));
    }
    Err(not_found(name, Some(qualifier), world))
}

/// `merge` keeps what is left out; otherwise it goes back to its default.
pub(super) fn put_async(input: &Value, world: &mut World<'_>, merge: bool) -> Result<Value, Refusal> {
    let (name, qualifier) = target(input, world)?;
    let limits = [("MaximumRetryAttempts", 0, 2), ("MaximumEventAgeInSeconds", 60, 21_600)];
    for (member, low, high) in limits {
        if let Some(given) = input.get(member) {
            between(member, given, low, high)?;
        }
    }
    let destination = text(&input["DestinationConfig"]["OnFailure"], "Destination");
    if let Some(queue) = destination.strip_prefix(&world.arn("sqs", "")) {
        if world.get("sqs/queues", queue).is_none() {
            let message = format!("The destination ARN {destination} is invalid.");
            return Err(invalid(message));
        }
        let role = text(&existing(name, world)?["latest"], "Role");
        if !super::checks::role_may(role, "sqs:SendMessage", world) {
            return Err(invalid(format!(
                "The function's execution role does not have permissions to call SendMessage on {destination}"
            )));
        }
    }
    let mut kept = match merge {
        true => existing(name, world)?["async"].get(qualifier).cloned().unwrap_or_else(|| json!({})),
        false => json!({}),
    };
    for member in ["MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"] {
        if let Some(given) = input.get(member) {
            kept[member] = given.clone();
        }
    }
    kept["LastModified"] = world.now_s().into();
    let shown = shown_async(name, qualifier, &kept, world);
    world.edit(FUNCTIONS, name, |function| function["async"][qualifier] = kept);
    Ok(shown)
}

fn shown_async(name: &str, qualifier: &str, kept: &Value, world: &World<'_>) -> Value {
    let mut shown = kept.clone();
    shown["FunctionArn"] = arn(name, Some(qualifier), world).into();
    if shown["DestinationConfig"].is_null() {
        shown["DestinationConfig"] = json!({ "OnSuccess": {}, "OnFailure": {} });
    }
    shown
}

fn no_async(name: &str, qualifier: &str, world: &World<'_>) -> Refusal {
    missing(format!("The function {} doesn't have an EventInvokeConfig", arn(name, Some(qualifier), world)))
}

pub(super) fn get_async(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (name, qualifier) = target(input, world)?;
    let kept = seen(name, world)?["async"].get(qualifier);
    kept.map(|kept| shown_async(name, qualifier, kept, world)).ok_or_else(|| no_async(name, qualifier, world))
}

pub(super) fn delete_async(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, qualifier) = target(input, world)?;
    if existing(name, world)?["async"].get(qualifier).is_none() {
        return Err(no_async(name, qualifier, world));
    }
    world.edit(FUNCTIONS, name, |function| {
        if let Some(all) = function["async"].as_object_mut() {
            all.remove(qualifier);
        }
    });
    Ok(json!({}))
}
