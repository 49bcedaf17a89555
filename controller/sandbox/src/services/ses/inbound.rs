//! Receiving, version 1 of the API: rule sets, of which one is active, and their rules in order.
//!
//! Codes and messages were seen on AWS (floci-io/floci pull request 3119).

use serde_json::{Value, json};

use super::{done, identities};
use crate::{
    services::{Refusal, Service, World, page, s3, sns, text},
    wire::{Protocol, Reply, Request},
};

/// It is signed as version 2 is; the account tells them apart by their paths.
pub(crate) const SERVICE: Service = Service {
    signing: "ses-v1",
    protocol: Protocol::Query { namespace: "http://ses.amazonaws.com/doc/2010-12-01/" },
    handle,
    tagged: |_| Vec::new(),
};

const RULE_SETS: &str = "ses/rule-sets";

/// One document, of this id too: the name of the active set.
const ACTIVE: &str = "ses/active-rule-set";

const RULE_SETS_MAX: usize = 40;
const RULES_MAX: usize = 200;
const ACTIONS_MAX: usize = 10;
const PAGE: usize = 100;

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    let answer = match request.operation.as_str() {
        "CreateReceiptRuleSet" => create_set(text(input, "RuleSetName"), world)?,
        "DescribeReceiptRuleSet" => {
            let name = text(input, "RuleSetName");
            shown(name, existing(name, world)?)
        }
        "DescribeActiveReceiptRuleSet" => match active(world) {
            Some(name) => shown(&name, existing(&name, world)?),
            None => done(),
        },
        "ListReceiptRuleSets" => {
            let all = world.all(RULE_SETS).into_iter().map(|(name, set)| metadata(name, set));
            let (all, next) = page(&all.collect::<Vec<_>>(), text(input, "NextToken"), PAGE);
            json!({ "RuleSets": all, "NextToken": next })
        }
        "SetActiveReceiptRuleSet" => activate(text(input, "RuleSetName"), world)?,
        "DeleteReceiptRuleSet" => delete_set(text(input, "RuleSetName"), world)?,
        "CreateReceiptRule" => create(input, world)?,
        "DescribeReceiptRule" => {
            let rules = rules_of(text(input, "RuleSetName"), world)?;
            json!({ "Rule": rules[position(&rules, text(input, "RuleName"))?] })
        }
        "UpdateReceiptRule" => update(input, world)?,
        "SetReceiptRulePosition" => reposition(input, world)?,
        "DeleteReceiptRule" => {
            // A rule that is not there is no error; a set that is not there is.
            let (set, name) = (text(input, "RuleSetName"), text(input, "RuleName"));
            let mut rules = rules_of(set, world)?;
            rules.retain(|rule| text(rule, "Name") != name);
            keep(set, rules, world)
        }
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterValue", message)
}

fn check_name(what: &str, name: &str) -> Result<(), Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let ends = [name.chars().next(), name.chars().last()];
    let ends_well = ends.iter().all(|end| end.is_some_and(|c| c.is_ascii_alphanumeric()));
    match name.len() <= 64 && name.chars().all(allowed) && ends_well {
        true => Ok(()),
        false => Err(invalid(format!("Not a valid {what}: {name}"))),
    }
}

fn active(world: &World<'_>) -> Option<String> {
    world.get(ACTIVE, ACTIVE)?.as_str().map(str::to_owned)
}

fn existing<'w>(name: &str, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    let missing = || Refusal::new("RuleSetDoesNotExist", format!("Rule set does not exist: {name}"));
    world.get(RULE_SETS, name).ok_or_else(missing)
}

fn metadata(name: &str, set: &Value) -> Value {
    json!({ "Name": name, "CreatedTimestamp": set["created"] })
}

fn shown(name: &str, set: &Value) -> Value {
    json!({ "Metadata": metadata(name, set), "Rules": set["rules"] })
}

fn create_set(name: &str, world: &mut World<'_>) -> Result<Value, Refusal> {
    check_name("ruleSetName", name)?;
    if world.get(RULE_SETS, name).is_some() {
        return Err(Refusal::new("AlreadyExists", format!("Rule set already exists: {name}")));
    }
    if world.all(RULE_SETS).len() >= RULE_SETS_MAX {
        return Err(Refusal::new("LimitExceeded", "Too many rule sets"));
    }
    let created = i64::try_from(world.now_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let created = created.unwrap_or_default().to_string();
    world.put(RULE_SETS, name, json!({ "created": created, "rules": [] }));
    Ok(done())
}

/// No name: none is active any more, and no mail comes in.
fn activate(name: &str, world: &mut World<'_>) -> Result<Value, Refusal> {
    if name.is_empty() {
        world.remove(ACTIVE, ACTIVE);
    } else {
        existing(name, world)?;
        world.put(ACTIVE, ACTIVE, name.into());
    }
    Ok(done())
}

/// With all its rules. One that is not there is no error.
fn delete_set(name: &str, world: &mut World<'_>) -> Result<Value, Refusal> {
    if active(world).is_some_and(|active| active == name) {
        return Err(Refusal::new("CannotDelete", format!("Cannot delete active rule set: {name}")));
    }
    world.remove(RULE_SETS, name);
    Ok(done())
}

fn rules_of(set: &str, world: &World<'_>) -> Result<Vec<Value>, Refusal> {
    Ok(existing(set, world)?["rules"].as_array().cloned().unwrap_or_default())
}

fn keep(set: &str, rules: Vec<Value>, world: &mut World<'_>) -> Value {
    world.edit(RULE_SETS, set, |set| set["rules"] = rules.into());
    done()
}

fn position(rules: &[Value], name: &str) -> Result<usize, Refusal> {
    let found = rules.iter().position(|rule| text(rule, "Name") == name);
    found.ok_or_else(|| Refusal::new("RuleDoesNotExist", format!("Rule does not exist: {name}")))
}

/// Behind the named rule, or at the front.
fn place_after(rules: &[Value], after: &str) -> Result<usize, Refusal> {
    if after.is_empty() { Ok(0) } else { Ok(position(rules, after)? + 1) }
}

fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (set, name) = (text(input, "RuleSetName"), text(&input["Rule"], "Name"));
    check_name("ruleName", name)?;
    let mut rules = rules_of(set, world)?;
    if position(&rules, name).is_ok() {
        return Err(Refusal::new("AlreadyExists", format!("Rule already exists: {name}")));
    }
    if rules.len() >= RULES_MAX {
        return Err(Refusal::new("LimitExceeded", "Too many rules"));
    }
    let place = place_after(&rules, text(input, "After"))?;
    let rule = accept(&input["Rule"], world)?;
    rules.insert(place, rule);
    Ok(keep(set, rules, world))
}

/// Replaces a rule where it stands.
fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let set = text(input, "RuleSetName");
    let mut rules = rules_of(set, world)?;
    let place = position(&rules, text(&input["Rule"], "Name"))?;
    rules[place] = accept(&input["Rule"], world)?;
    Ok(keep(set, rules, world))
}

fn reposition(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (set, name, after) = (text(input, "RuleSetName"), text(input, "RuleName"), text(input, "After"));
    let mut rules = rules_of(set, world)?;
    let place = position(&rules, name)?;
    if name == after {
        return Ok(done());
    }
    place_after(&rules, after)?;
    let rule = rules.remove(place);
    let place = place_after(&rules, after)?;
    rules.insert(place, rule);
    Ok(keep(set, rules, world))
}

/// A rule as it is kept: defaults filled in, and what its actions name looked at.
fn accept(given: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let list = |member: &str| given[member].as_array().cloned().unwrap_or_default();
    let (mut actions, recipients) = (list("Actions"), list("Recipients"));
    if actions.len() > ACTIONS_MAX {
        return Err(Refusal::new("LimitExceeded", "Too many actions"));
    }
    let tls = given["TlsPolicy"].as_str().unwrap_or("Optional");
    if !["Optional", "Require"].contains(&tls) {
        return Err(Refusal::new("ValidationError", "rule.tlsPolicy must be one of [Optional, Require]"));
    }
    for action in &mut actions {
        let Some((kind, details)) = action.as_object_mut().and_then(|kinds| kinds.iter_mut().next()) else {
            return Err(invalid("An action must be given."));
        };
        check_action(kind, details, world)?;
        if kind == "SNSAction" && details["Encoding"].is_null() {
            details["Encoding"] = "UTF-8".into();
        }
    }
    Ok(json!({
        "Name": given["Name"],
        "Enabled": text(given, "Enabled") == "true",
        "ScanEnabled": text(given, "ScanEnabled") == "true",
        "TlsPolicy": tls,
        "Recipients": recipients,
        "Actions": actions,
    }))
}

fn check_action(kind: &str, details: &Value, world: &mut World<'_>) -> Result<(), Refusal> {
    if let Some(topic) = details["TopicArn"].as_str() {
        if !topic.starts_with("arn:aws:sns:") {
            return Err(Refusal::new("InvalidSnsTopic", format!("Invalid SNS topic: {topic}")));
        }
        if !sns::lets_in("ses.amazonaws.com", topic, world) {
            let message = format!("Could not publish to SNS topic: {topic}");
            return Err(Refusal::new("InvalidSnsTopic", message));
        }
    }
    match kind {
        "S3Action" => {
            let bucket = text(details, "BucketName");
            let role = !text(details, "IamRoleArn").is_empty();
            let key = format!("{}AMAZON_SES_SETUP_NOTIFICATION", text(details, "ObjectKeyPrefix"));
            s3::take_mail(world, bucket, role, &key)
                .map_err(|why| Refusal::new("InvalidS3Configuration", format!("{why}: {bucket}")))
        }
        "LambdaAction" if !text(details, "FunctionArn").starts_with("arn:aws:lambda:") => {
            let message = format!("Invalid Lambda function: {}", text(details, "FunctionArn"));
            Err(Refusal::new("InvalidLambdaFunction", message))
        }
        "BounceAction" if !identities::is_verified(text(details, "Sender"), world) => {
            Err(invalid(format!("Identity is not verified: {}", text(details, "Sender"))))
        }
        _ => Ok(()),
    }
}
