//! Subscriptions of SNS. Those that a person or a web server must confirm have no usable ARN until then, and
//! vanish when nobody does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{PAGE, USUAL_MESSAGE_BYTES, entries, existing, invalid, is_fifo};
use crate::services::{Refusal, World, page, strings, text};

const SUBSCRIPTIONS: &str = "sns/subscriptions";

/// A token to confirm with lives for two days.
const PENDING_MS: u64 = 2 * 24 * 3_600_000;

const PROTOCOLS: &[&str] =
    &["http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose"];

fn is_pending(subscription: &Value) -> bool {
    subscription["pending"] == true
}

/// Everything that has not vanished, by ARN.
fn living<'w>(world: &'w World<'_>) -> impl Iterator<Item = (&'w str, &'w Value)> {
    let now_ms = world.now_ms;
    world.all(SUBSCRIPTIONS).into_iter().filter(move |(_, one)| {
        !is_pending(one) || now_ms < one["created"].as_u64().unwrap_or_default() + PENDING_MS
    })
}

fn of_topic<'w>(topic: &str, world: &'w World<'_>) -> impl Iterator<Item = (&'w str, &'w Value)> {
    living(world).filter(move |(_, one)| text(one, "topic") == topic)
}

/// Those that get what is published.
pub(super) fn confirmed<'w>(topic: &str, world: &'w World<'_>) -> impl Iterator<Item = (&'w str, &'w Value)> {
    of_topic(topic, world).filter(|(_, one)| !is_pending(one))
}

/// How many are confirmed, and how many are pending.
pub(super) fn count(topic: &str, world: &World<'_>) -> (usize, usize) {
    let pending = of_topic(topic, world).filter(|(_, one)| is_pending(one)).count();
    (of_topic(topic, world).count() - pending, pending)
}

pub(super) fn delete_of(topic: &str, world: &mut World<'_>) {
    let arns: Vec<String> = of_topic(topic, world).map(|(arn, _)| arn.to_owned()).collect();
    arns.iter().for_each(|arn| world.remove(SUBSCRIPTIONS, arn));
}

fn takes_large_messages(protocol: &str) -> bool {
    matches!(protocol, "sqs" | "lambda" | "firehose")
}

/// Refuses a large message size for a topic with other subscribers than AWS's own.
pub(super) fn all_take_large_messages(topic: &str, world: &World<'_>) -> Result<(), Refusal> {
    let others = of_topic(topic, world).filter(|(_, one)| !takes_large_messages(text(one, "protocol")));
    match others.count() {
        0 => Ok(()),
        _ => Err(invalid("MaximumMessageSize Reason: the topic has subscriptions of other protocols")),
    }
}

pub(super) fn subscribe(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (topic, protocol, endpoint) =
        (text(input, "TopicArn"), text(input, "Protocol"), text(input, "Endpoint"));
    let about = existing(topic, world)?;
    let large = text(&about["attributes"], "MaximumMessageSize").parse::<u32>();
    if large.is_ok_and(|bytes| bytes > USUAL_MESSAGE_BYTES) && !takes_large_messages(protocol) {
        return Err(invalid(format!("Invalid protocol type: {protocol}")));
    }
    check_endpoint(topic, protocol, endpoint)?;
    let given = strings(input.get("Attributes"));
    let mut kept = BTreeMap::new();
    // The scope first: it decides which filter policies are allowed.
    for name in ["FilterPolicyScope"].into_iter().chain(given.keys().map(String::as_str)) {
        if let Some(value) = given.get(name) {
            put(&mut kept, protocol, name, Some(value))?;
        }
    }
    if protocol == "firehose" && !kept.contains_key("SubscriptionRoleArn") {
        return Err(invalid("Attributes Reason: SubscriptionRoleArn is required for firehose"));
    }
    let wants_arn = text(input, "ReturnSubscriptionArn") == "true";
    let answer = |arn: &str, pending: bool| match pending && !wants_arn {
        true => json!({ "SubscriptionArn": "pending confirmation" }),
        false => json!({ "SubscriptionArn": arn }),
    };
    let same = of_topic(topic, world)
        .find(|(_, one)| text(one, "protocol") == protocol && text(one, "endpoint") == endpoint);
    if let Some((arn, one)) = same {
        let old = strings(one.get("attributes"));
        if given.keys().any(|name| old.get(name) != kept.get(name)) {
            return Err(invalid("Attributes Reason: Subscription already exists with different attributes"));
        }
        return Ok(answer(arn, is_pending(one)));
    }
    let ours = endpoint.split(':').nth(4) == Some(world.account);
    let pending = match protocol {
        "sqs" | "lambda" | "firehose" => !ours,
        "sms" | "application" => false,
        _ => true,
    };
    let arn = format!("{topic}:{}", world.next_uuid());
    let token = format!("{:0>64x}", world.next_number());
    let subscription = json!({
        "topic": topic, "protocol": protocol, "endpoint": endpoint, "pending": pending, "token": token,
        "attributes": kept, "created": world.now_ms,
    });
    world.put(SUBSCRIPTIONS, &arn, subscription);
    Ok(answer(&arn, pending))
}

fn check_endpoint(topic: &str, protocol: &str, endpoint: &str) -> Result<(), Refusal> {
    if !PROTOCOLS.contains(&protocol) {
        return Err(invalid(format!("Amazon SNS does not support this protocol string: {protocol}")));
    }
    if is_fifo(topic) && protocol != "sqs" {
        return Err(invalid(format!("Invalid protocol type: {protocol}")));
    }
    let (fits, what) = match protocol {
        "http" => (endpoint.starts_with("http://"), "Endpoint must match the specified protocol"),
        "https" => (endpoint.starts_with("https://"), "Endpoint must match the specified protocol"),
        "email" | "email-json" => (endpoint.contains('@'), "Email address"),
        "sqs" => (endpoint.starts_with("arn:aws:sqs:"), "SQS endpoint ARN"),
        "lambda" => (endpoint.starts_with("arn:aws:lambda:"), "Lambda endpoint ARN"),
        _ => (!endpoint.is_empty(), "Endpoint"),
    };
    if !fits {
        return Err(invalid(what));
    }
    if protocol == "sqs" && is_fifo(endpoint) && !is_fifo(topic) {
        return Err(invalid(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics",
        ));
    }
    Ok(())
}

/// Sets or clears one attribute, with the refusals of SNS.
fn put(
    kept: &mut BTreeMap<String, String>,
    protocol: &str,
    name: &str,
    value: Option<&str>,
) -> Result<(), Refusal> {
    let object = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(invalid(format!("{name}: failed to parse JSON."))),
    };
    let value = value.unwrap_or_default();
    match name {
        "RawMessageDelivery" if !["true", "false"].contains(&value) => {
            return Err(invalid(format!("Attributes Reason: RawMessageDelivery: Invalid value [{value}].")));
        }
        "RawMessageDelivery"
            if !["sqs", "http", "https", "firehose"].contains(&protocol) && value == "true" =>
        {
            return Err(invalid(format!(
                "Attributes Reason: Delivery protocol [{protocol}] does not support raw message delivery."
            )));
        }
        "FilterPolicy" => {
            let policy = object(value)?;
            if policy.as_object().is_some_and(serde_json::Map::is_empty) {
                kept.remove(name);
                return Ok(());
            }
            check_scope(&policy, kept.get("FilterPolicyScope"))?;
        }
        "FilterPolicyScope" if !["MessageAttributes", "MessageBody"].contains(&value) => {
            return Err(invalid(format!("FilterPolicyScope: Invalid value [{value}].")));
        }
        "FilterPolicyScope" => {
            let policy = kept.get("FilterPolicy").map(|text| object(text)).transpose()?;
            check_scope(&policy.unwrap_or_default(), Some(&value.to_owned()))?;
        }
        "RedrivePolicy" if value.is_empty() => {
            kept.remove(name);
            return Ok(());
        }
        "RedrivePolicy" => {
            if !text(&object(value)?, "deadLetterTargetArn").starts_with("arn:aws:sqs:") {
                return Err(invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn"));
            }
        }
        "DeliveryPolicy" if value.is_empty() => {
            kept.remove(name);
            return Ok(());
        }
        "DeliveryPolicy" if !["http", "https"].contains(&protocol) => {
            return Err(invalid(format!(
                "Delivery protocol [{protocol}] does not support delivery policies."
            )));
        }
        "DeliveryPolicy" => drop(object(value)?),
        "RawMessageDelivery" | "SubscriptionRoleArn" => {}
        _ => return Err(invalid("AttributeName")),
    }
    kept.insert(name.to_owned(), value.to_owned());
    Ok(())
}

fn check_scope(policy: &Value, scope: Option<&String>) -> Result<(), Refusal> {
    let members = || policy.as_object().into_iter().flatten().filter(|(key, _)| *key != "$or");
    let nested = members().any(|(_, value)| value.is_object());
    if nested && scope.is_none_or(|scope| scope != "MessageBody") {
        return Err(invalid("Filter policy scope MessageAttributes does not support nested filter policy"));
    }
    if members().any(|(_, value)| !value.is_object() && !value.is_array()) {
        return Err(invalid("FilterPolicy: Match value must be an array"));
    }
    Ok(())
}

/// The hand of the person who opens the link in the mail.
pub(super) fn confirm(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let topic = text(input, "TopicArn");
    existing(topic, world)?;
    let found = of_topic(topic, world).find(|(_, one)| text(one, "token") == text(input, "Token"));
    let arn = found.map(|(arn, _)| arn.to_owned()).ok_or_else(|| invalid("Token"))?;
    world.edit(SUBSCRIPTIONS, &arn, |one| one["pending"] = false.into());
    Ok(json!({ "SubscriptionArn": arn }))
}

fn checked(arn: &str) -> Result<(), Refusal> {
    match arn.starts_with("arn:") {
        true => Ok(()),
        false => Err(invalid(format!("SubscriptionArn Reason: {arn} does not start with arn"))),
    }
}

pub(super) fn unsubscribe(arn: &str, world: &mut World<'_>) -> Result<Value, Refusal> {
    checked(arn)?;
    if world.get(SUBSCRIPTIONS, arn).is_some_and(is_pending) {
        let reason = "Cannot unsubscribe a subscription that is pending confirmation";
        return Err(invalid(format!("SubscriptionArn Reason: {reason}")));
    }
    // One that is not there is no error.
    world.remove(SUBSCRIPTIONS, arn);
    Ok(json!({}))
}

pub(super) fn list(topic: Option<&str>, token: &str, world: &World<'_>) -> Value {
    let all: Vec<Value> = living(world)
        .filter(|(_, one)| topic.is_none_or(|topic| text(one, "topic") == topic))
        .filter(|(_, one)| world.visible(one["created"].as_u64().unwrap_or_default()))
        .map(|(arn, one)| {
            json!({
                "SubscriptionArn": if is_pending(one) { "PendingConfirmation" } else { arn },
                "Owner": world.account,
                "Protocol": one["protocol"],
                "Endpoint": one["endpoint"],
                "TopicArn": one["topic"],
            })
        })
        .collect();
    let (all, next) = page(&all, token, PAGE);
    json!({ "Subscriptions": all, "NextToken": next })
}

fn found<'w>(arn: &str, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    checked(arn)?;
    let one = living(world).find(|(id, _)| *id == arn).map(|(_, one)| one);
    one.filter(|one| world.visible(one["created"].as_u64().unwrap_or_default()))
        .ok_or_else(|| Refusal::new("NotFound", "Subscription does not exist").status(404))
}

pub(super) fn attributes(arn: &str, world: &World<'_>) -> Result<Value, Refusal> {
    let one = found(arn, world)?;
    let mut shown = strings(one.get("attributes"));
    shown.entry("RawMessageDelivery".to_owned()).or_insert_with(|| "false".to_owned());
    match shown.contains_key("FilterPolicy") {
        true => drop(
            shown.entry("FilterPolicyScope".to_owned()).or_insert_with(|| "MessageAttributes".to_owned()),
        ),
        false => drop(shown.remove("FilterPolicyScope")),
    }
    let principal = format!("arn:aws:iam::{}:user/sandbox", world.account);
    for (name, value) in [
        ("SubscriptionArn", arn),
        ("TopicArn", text(one, "topic")),
        ("Protocol", text(one, "protocol")),
        ("Endpoint", text(one, "endpoint")),
        ("Owner", world.account),
        ("SubscriptionPrincipal", &principal),
        ("PendingConfirmation", if is_pending(one) { "true" } else { "false" }),
        ("ConfirmationWasAuthenticated", if is_pending(one) { "false" } else { "true" }),
    ] {
        shown.insert(name.to_owned(), value.to_owned());
    }
    Ok(entries(&shown))
}

pub(super) fn set(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let arn = text(input, "SubscriptionArn");
    let one = found(arn, world)?;
    if is_pending(one) {
        return Err(invalid("SubscriptionArn Reason: the subscription is pending confirmation"));
    }
    let mut kept = strings(one.get("attributes"));
    let (name, value) = (text(input, "AttributeName"), input["AttributeValue"].as_str());
    // Cleared by leaving the value out; an empty one is refused.
    if name == "RedrivePolicy" && value == Some("") {
        return Err(invalid("RedrivePolicy: failed to parse JSON."));
    }
    put(&mut kept, text(one, "protocol"), name, value)?;
    world.edit(SUBSCRIPTIONS, arn, |one| one["attributes"] = json!(kept));
    Ok(json!({}))
}
