//! Who may call a function: one policy for each of its qualifiers.

use serde_json::{Value, json};

use super::{
    FUNCTIONS, arn, checks::fits, conflict, constraint, existing, functions::same_revision, has, invalid,
    missing, named, not_found, parts, seen,
};
use crate::services::{Refusal, World, text};

const BYTES_MAX: usize = 20_480;

/// The policy of what is not qualified.
const WHOLE: &str = "";

fn target<'i>(input: &'i Value, world: &World<'_>) -> Result<(&'i str, &'i str), Refusal> {
    let (name, qualifier) = named(input);
    let function = existing(name, world)?;
    match qualifier {
        None => Ok((name, WHOLE)),
        Some("$LATEST") => Err(invalid("We currently do not support adding policies for $LATEST.")),
        Some(qualifier) if has(function, qualifier) => Ok((name, qualifier)),
        Some(_) => Err(not_found(name, qualifier, world)),
    }
}

fn statement_of(input: &Value, resource: &str) -> Result<Value, Refusal> {
    let (sid, action, principal) =
        (text(input, "StatementId"), text(input, "Action"), text(input, "Principal"));
    if sid.is_empty() || !sid.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return Err(constraint("statementId", sid, "satisfy regular expression pattern: ([a-zA-Z0-9-_]+)"));
    }
    if !(action == "*" || action.starts_with("lambda:")) {
        return Err(constraint(
            "action",
            action,
            "satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])",
        ));
    }
    let principal = match principal {
        "" => return Err(constraint("principal", "", "satisfy regular expression pattern: [^\\s]+")),
        "*" => json!("*"),
        service if service.ends_with(".amazonaws.com") => json!({ "Service": service }),
        account if account.chars().all(|c| c.is_ascii_digit()) => {
            json!({ "AWS": format!("arn:aws:iam::{account}:root") })
        }
        arn if arn.starts_with("arn:aws:") => json!({ "AWS": arn }),
        _ => {
            return Err(invalid(
                "The provided principal was invalid. Please check the principal and try again.",
            ));
        }
    };
    let mut statement = json!({
        "Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource,
    });
    if let Some(account) = input.get("SourceAccount").and_then(Value::as_str) {
        if account.len() != 12 || !account.chars().all(|c| c.is_ascii_digit()) {
            return Err(constraint("sourceAccount", account, "satisfy regular expression pattern: \\d{12}"));
        }
        statement["Condition"]["StringEquals"]["AWS:SourceAccount"] = account.into();
    }
    if let Some(source) = input.get("SourceArn").and_then(Value::as_str) {
        if !source.starts_with("arn:") {
            return Err(constraint(
                "sourceArn",
                source,
                "satisfy regular expression pattern: arn:(aws[a-zA-Z0-9-]*):.*",
            ));
        }
        statement["Condition"]["ArnLike"]["AWS:SourceArn"] = source.into();
    }
    Ok(statement)
}

fn statements(function: &Value, qualifier: &str) -> Vec<Value> {
    function["policies"][qualifier]["statements"].as_array().cloned().unwrap_or_default()
}

/// With the last statement the policy goes too.
fn write(name: &str, qualifier: &str, statements: Vec<Value>, world: &mut World<'_>) {
    let revision = world.next_uuid();
    world.edit(FUNCTIONS, name, |function| match statements.is_empty() {
        true => {
            if let Some(all) = function["policies"].as_object_mut() {
                all.remove(qualifier);
            }
        }
        false => {
            function["policies"][qualifier] = json!({ "revision": revision, "statements": statements });
        }
    });
}

pub(super) fn add(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, qualifier) = target(input, world)?;
    let function = existing(name, world)?;
    let ending = Some(qualifier).filter(|qualifier| *qualifier != WHOLE);
    let statement = statement_of(input, &arn(name, ending, world))?;
    let mut all = statements(function, qualifier);
    same_revision(input, text(&function["policies"][qualifier], "revision"))?;
    if all.iter().any(|one| one["Sid"] == statement["Sid"]) {
        return Err(conflict(format!(
            "The statement id ({}) provided already exists. Please provide a new statement id, or remove the \
             existing statement.",
            text(&statement, "Sid")
        )));
    }
    all.push(statement.clone());
    if document(&all).len() > BYTES_MAX {
        let message = "The final policy size is bigger than the limit (20480).";
        return Err(Refusal::new("PolicyLengthExceededException", message));
    }
    write(name, qualifier, all, world);
    Ok(json!({ "Statement": statement.to_string() }))
}

fn document(statements: &[Value]) -> String {
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements }).to_string()
}

/// One answer for "no function" and "no policy".
fn no_policy() -> Refusal {
    missing("The resource you requested does not exist.")
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (name, qualifier) = target(input, world).map_err(|_| no_policy())?;
    let function = seen(name, world).map_err(|_| no_policy())?;
    let all = statements(function, qualifier);
    if all.is_empty() {
        return Err(no_policy());
    }
    Ok(json!({ "Policy": document(&all), "RevisionId": function["policies"][qualifier]["revision"] }))
}

pub(super) fn remove(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, qualifier) = target(input, world)?;
    let function = existing(name, world)?;
    same_revision(input, text(&function["policies"][qualifier], "revision"))?;
    let (sid, mut all) = (text(input, "StatementId"), statements(function, qualifier));
    let before = all.len();
    all.retain(|one| one["Sid"] != sid);
    if all.len() == before {
        return Err(missing(format!("Statement {sid} is not found in resource policy.")));
    }
    write(name, qualifier, all, world);
    Ok(json!({}))
}

/// Whether the policy lets a service call the function in the name of `source`.
pub(super) fn may_invoke(function: &str, principal: &str, source: &str, world: &World<'_>) -> bool {
    let (name, qualifier) = parts(function);
    let Some(found) = world.get(FUNCTIONS, name) else { return false };
    statements(found, qualifier.unwrap_or(WHOLE)).iter().any(|one| {
        let who = &one["Principal"];
        let action = text(one, "Action");
        let one_of = |condition: &Value, fit: &dyn Fn(&str) -> bool| match condition {
            Value::Null => true,
            Value::Array(many) => many.iter().filter_map(Value::as_str).any(fit),
            one => one.as_str().is_some_and(fit),
        };
        // The account of a source without one in its ARN (a bucket) is this one.
        let account = source.split(':').nth(4).filter(|account| !account.is_empty());
        let condition = &one["Condition"];
        text(one, "Effect") == "Allow"
            && (who == "*" || who["Service"] == principal || who["AWS"] == principal)
            && fits(action.to_ascii_lowercase().as_bytes(), b"lambda:invokefunction")
            && one_of(&condition["ArnLike"]["AWS:SourceArn"], &|like| {
                fits(like.as_bytes(), source.as_bytes())
            })
            && one_of(&condition["StringEquals"]["AWS:SourceAccount"], &|wanted| {
                wanted == account.unwrap_or(world.account)
            })
    })
}
