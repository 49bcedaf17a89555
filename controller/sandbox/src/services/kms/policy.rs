//! What KMS refuses in a key policy.

use serde_json::{Value, json};

use crate::services::{Refusal, World, text};

const BYTES_MAX: usize = 32_768;

/// The policy of a key that was made without one.
pub(super) fn default(world: &World<'_>) -> String {
    json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": { "AWS": root(world) },
            "Action": "kms:*",
            "Resource": "*",
        }],
    })
    .to_string()
}

fn root(world: &World<'_>) -> String {
    format!("arn:aws:iam::{}:root", world.account)
}

/// Refuses what is no policy, names principals that are not there, or locks everybody out.
pub(super) fn check(world: &World<'_>, document: &str) -> Result<(), Refusal> {
    let malformed = |message: &str| Err(Refusal::new("MalformedPolicyDocumentException", message));
    if document.len() > BYTES_MAX {
        return Err(Refusal::new("LimitExceededException", "The key policy is longer than 32768 bytes"));
    }
    let Ok(policy) = serde_json::from_str::<Value>(document) else {
        return malformed("Policy is not valid JSON");
    };
    let statements = statements(&policy);
    if statements.is_empty() || statements.iter().any(|one| !["Allow", "Deny"].contains(&text(one, "Effect")))
    {
        return malformed("Policy contains a statement that is not valid");
    }
    if strange_principal(world, &policy).is_some() {
        return malformed("Policy contains a statement with one or more invalid principals.");
    }
    if !statements.iter().any(|one| keeps_the_door_open(world, one)) {
        return malformed("The new key policy will not allow you to update the key policy in the future.");
    }
    Ok(())
}

fn statements(policy: &Value) -> Vec<&Value> {
    match &policy["Statement"] {
        Value::Array(many) => many.iter().collect(),
        one @ Value::Object(_) => vec![one],
        _ => Vec::new(),
    }
}

fn one_or_many(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn principals(statement: &Value) -> Vec<&str> {
    match &statement["Principal"] {
        all @ Value::String(_) => one_or_many(all),
        of => one_or_many(&of["AWS"]),
    }
}

fn keeps_the_door_open(world: &World<'_>, statement: &Value) -> bool {
    let caller = format!("arn:aws:iam::{}:user/sandbox", world.account);
    let who = |member: &&str| [root(world).as_str(), world.account, &caller, "*"].contains(member);
    let what = |action: &&str| match action.to_ascii_lowercase().split_once('*') {
        Some((start, "")) => "kms:putkeypolicy".starts_with(start),
        _ => action.eq_ignore_ascii_case("kms:PutKeyPolicy"),
    };
    text(statement, "Effect") == "Allow"
        && principals(statement).iter().any(who)
        && one_or_many(&statement["Action"]).iter().any(what)
}

/// A principal of this account that does not exist, or that was made too short a time ago to be seen.
pub(in crate::services) fn strange_principal(world: &World<'_>, policy: &Value) -> Option<String> {
    let unique_id = |member: &str| ["AROA", "AIDA"].iter().any(|id| member.starts_with(id));
    let role = format!("arn:aws:iam::{}:role/", world.account);
    let strange = |member: &&str| {
        if unique_id(member) {
            return true;
        }
        let Some(path) = member.strip_prefix(&role) else { return false };
        let name = path.rsplit('/').next().unwrap_or(path);
        let Some(found) = world.get("iam/roles", name) else { return true };
        let seen_ms = found["created"].as_u64().unwrap_or_default();
        u128::from(world.now_ms) < u128::from(seen_ms) + world.weather.propagation.as_millis()
    };
    statements(policy).into_iter().flat_map(principals).find(strange).map(str::to_owned)
}
