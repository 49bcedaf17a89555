//! SNS: topics, their attributes and tags; subscriptions are next door.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, page, strings, text};
use crate::wire::{Protocol, Reply, Request};

mod subscriptions;

pub(crate) const SERVICE: Service = Service {
    signing: "sns",
    protocol: Protocol::Query { namespace: "http://sns.amazonaws.com/doc/2010-03-31/" },
    handle,
    tagged,
};

const TOPICS: &str = "sns/topics";

/// Both list calls have pages of 100, whatever is asked for.
const PAGE: usize = 100;

/// Above this, only queues, functions and Firehose may subscribe.
const USUAL_MESSAGE_BYTES: u32 = 262_144;

const TAGS_MAX: usize = 50;

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    let answer = match request.operation.as_str() {
        "CreateTopic" => create(input, world)?,
        "GetTopicAttributes" => attributes(text(input, "TopicArn"), world)?,
        "SetTopicAttributes" => set(input, world)?,
        "DeleteTopic" => delete(text(input, "TopicArn"), world),
        "ListTopics" => list(input, world),
        "TagResource" => retag(input, world, |tags| tags.extend(tags_in(input)))?,
        "UntagResource" => retag(input, world, |tags| {
            let keys = input["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str);
            keys.for_each(|key| drop(tags.remove(key)));
        })?,
        "ListTagsForResource" => {
            let tags = strings(taggable(input, world)?.get("tags"));
            let tags = tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
            json!({ "Tags": tags.collect::<Vec<_>>() })
        }
        "Subscribe" => subscriptions::subscribe(input, world)?,
        "ConfirmSubscription" => subscriptions::confirm(input, world)?,
        "Unsubscribe" => subscriptions::unsubscribe(text(input, "SubscriptionArn"), world)?,
        "ListSubscriptions" => subscriptions::list(None, text(input, "NextToken"), world),
        "ListSubscriptionsByTopic" => {
            let topic = text(input, "TopicArn");
            existing(topic, world)?;
            subscriptions::list(Some(topic), text(input, "NextToken"), world)
        }
        "GetSubscriptionAttributes" => subscriptions::attributes(text(input, "SubscriptionArn"), world)?,
        "SetSubscriptionAttributes" => subscriptions::set(input, world)?,
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn invalid(what: impl AsRef<str>) -> Refusal {
    Refusal::new("InvalidParameter", format!("Invalid parameter: {}", what.as_ref()))
}

fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or_default()
}

/// A topic that reads can see.
fn existing<'w>(arn: &str, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    if !arn.starts_with("arn:aws:sns:") {
        return Err(invalid("TopicArn"));
    }
    let topic = world.get(TOPICS, name_of(arn)).filter(|_| world.arn("sns", name_of(arn)) == arn);
    topic
        .filter(|topic| world.visible(topic["created"].as_u64().unwrap_or_default()))
        .ok_or_else(|| Refusal::new("NotFound", "Topic does not exist").status(404))
}

fn is_fifo(arn: &str) -> bool {
    arn.ends_with(".fifo")
}

fn tags_in(input: &Value) -> BTreeMap<String, String> {
    let tags = input["Tags"].as_array().into_iter().flatten();
    tags.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())).collect()
}

fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "Name").to_owned();
    let mut given = strings(input.get("Attributes"));
    let fifo = given.get("FifoTopic").is_some_and(|fifo| fifo == "true");
    let plain = name.strip_suffix(".fifo").filter(|_| fifo).unwrap_or(&name);
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if plain.is_empty() || name.len() > 256 || !plain.chars().all(allowed) || fifo != is_fifo(&name) {
        return Err(invalid("Topic Name"));
    }
    for (attribute, value) in &mut given {
        match attribute.as_str() {
            "FifoTopic" => {}
            // Not among the attributes that the API reference lists for CreateTopic.
            "SignatureVersion" => {
                return Err(invalid("Attributes Reason: Unknown attribute SignatureVersion"));
            }
            _ => check(attribute, value, fifo)?,
        }
    }
    let arn = world.arn("sns", &name);
    let tags = tags_in(input);
    if tags.len() > TAGS_MAX {
        return Err(Refusal::new(
            "TagLimitExceeded",
            "Could not complete request: tag quota of per resource exceeded",
        ));
    }
    if let Some(topic) = world.get(TOPICS, &name) {
        let kept = strings(topic.get("attributes"));
        if given.iter().any(|(attribute, value)| kept.get(attribute) != Some(value)) {
            return Err(invalid("Attributes Reason: Topic already exists with different attributes"));
        }
        if !tags.is_empty() && tags != strings(topic.get("tags")) {
            return Err(invalid("Tags Reason: Topic already exists with different tags"));
        }
        return Ok(json!({ "TopicArn": arn }));
    }
    given.entry("DisplayName".to_owned()).or_default();
    given.entry("Policy".to_owned()).or_insert_with(|| default_policy(&arn, world.account));
    if fifo {
        given.entry("ContentBasedDeduplication".to_owned()).or_insert_with(|| "false".to_owned());
    }
    settle(&mut given);
    world.put(TOPICS, &name, json!({ "attributes": given, "tags": tags, "created": world.now_ms }));
    Ok(json!({ "TopicArn": arn }))
}

/// The policy that every topic has until another is set.
fn default_policy(arn: &str, account: &str) -> String {
    let actions = [
        "SNS:GetTopicAttributes",
        "SNS:SetTopicAttributes",
        "SNS:AddPermission",
        "SNS:RemovePermission",
        "SNS:DeleteTopic",
        "SNS:Subscribe",
        "SNS:ListSubscriptionsByTopic",
        "SNS:Publish",
    ];
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": { "AWS": "*" },
            "Action": actions,
            "Resource": arn,
            "Condition": { "StringEquals": { "AWS:SourceOwner": account } },
        }],
    })
    .to_string()
}

/// An empty value clears; the display name is always shown.
fn settle(attributes: &mut BTreeMap<String, String>) {
    attributes.retain(|name, value| name == "DisplayName" || !value.is_empty());
}

/// Refuses what SNS refuses, and rewrites what it rewrites.
fn check(name: &str, value: &mut String, fifo: bool) -> Result<(), Refusal> {
    let one_of = |values: &[&str]| match values.contains(&value.as_str()) {
        true => Ok(()),
        false => Err(invalid(format!("{name} Reason: must be one of {}", values.join(", ")))),
    };
    match name {
        "DisplayName" if value.chars().count() > 100 => Err(invalid("DisplayName")),
        "DisplayName" | "KmsMasterKeyId" => Ok(()),
        "Policy" => {
            let mut policy: Value = serde_json::from_str(value).map_err(|_| invalid("Policy Error: null"))?;
            if policy.get("Statement").is_none() {
                return Err(invalid("Policy statement must be present"));
            }
            name_roots(&mut policy);
            *value = policy.to_string();
            Ok(())
        }
        "SignatureVersion" => one_of(&["1", "2"]),
        "TracingConfig" => one_of(&["Active", "PassThrough"]),
        "ContentBasedDeduplication" if !fifo => {
            Err(invalid("Content-based deduplication can only be set for FIFO topics"))
        }
        "ContentBasedDeduplication" => one_of(&["true", "false"]),
        "MaximumMessageSize" => match value.parse::<u32>() {
            Ok(1024..=1_048_576) => Ok(()),
            _ => Err(invalid("MaximumMessageSize Reason: must be between 1024 and 1048576")),
        },
        "DeliveryPolicy" if value.is_empty() => Ok(()),
        "DeliveryPolicy" => match serde_json::from_str::<Value>(value) {
            Ok(Value::Object(_)) => Ok(()),
            _ => Err(invalid("DeliveryPolicy: failed to parse JSON.")),
        },
        _ => Err(invalid("AttributeName")),
    }
}

/// SNS stores an account id as the ARN of the account's root.
fn name_roots(policy: &mut Value) {
    let root = |member: &mut Value| {
        if let Some(id) =
            member.as_str().filter(|id| id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit()))
        {
            *member = format!("arn:aws:iam::{id}:root").into();
        }
    };
    let statements = match &mut policy["Statement"] {
        Value::Array(statements) => statements.as_mut_slice(),
        one => std::slice::from_mut(one),
    };
    for statement in statements {
        match statement.get_mut("Principal").and_then(|principal| principal.get_mut("AWS")) {
            Some(Value::Array(members)) => members.iter_mut().for_each(root),
            Some(one) => root(one),
            None => {}
        }
    }
}

fn attributes(arn: &str, world: &World<'_>) -> Result<Value, Refusal> {
    let mut shown = strings(existing(arn, world)?.get("attributes"));
    let (confirmed, pending) = subscriptions::count(arn, world);
    shown.insert("TopicArn".to_owned(), arn.to_owned());
    shown.insert("Owner".to_owned(), world.account.to_owned());
    shown.insert("SubscriptionsConfirmed".to_owned(), confirmed.to_string());
    shown.insert("SubscriptionsPending".to_owned(), pending.to_string());
    shown.insert("SubscriptionsDeleted".to_owned(), "0".to_owned());
    let effective = shown.get("DeliveryPolicy").cloned().unwrap_or_else(|| {
        json!({ "http": { "defaultHealthyRetryPolicy": {
            "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear",
        }, "disableSubscriptionOverrides": false } })
        .to_string()
    });
    shown.insert("EffectiveDeliveryPolicy".to_owned(), effective);
    Ok(entries(&shown))
}

/// A map as SNS writes it.
fn entries(attributes: &BTreeMap<String, String>) -> Value {
    let entries: Vec<Value> =
        attributes.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    json!({ "Attributes": { "entry[]": entries } })
}

fn set(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (arn, name) = (text(input, "TopicArn"), text(input, "AttributeName"));
    let mut kept = strings(existing(arn, world)?.get("attributes"));
    let mut value = text(input, "AttributeValue").to_owned();
    check(name, &mut value, is_fifo(arn))?;
    if name == "MaximumMessageSize" && value.parse().is_ok_and(|bytes: u32| bytes > USUAL_MESSAGE_BYTES) {
        subscriptions::all_take_large_messages(arn, world)?;
    }
    kept.insert(name.to_owned(), value);
    settle(&mut kept);
    world.edit(TOPICS, name_of(arn), |topic| topic["attributes"] = json!(kept));
    Ok(json!({}))
}

fn delete(arn: &str, world: &mut World<'_>) -> Value {
    subscriptions::delete_of(arn, world);
    world.remove(TOPICS, name_of(arn));
    json!({})
}

fn list(input: &Value, world: &World<'_>) -> Value {
    let arns: Vec<Value> = world
        .all(TOPICS)
        .into_iter()
        .filter(|(_, topic)| world.visible(topic["created"].as_u64().unwrap_or_default()))
        .map(|(name, _)| json!({ "TopicArn": world.arn("sns", name) }))
        .collect();
    let (arns, next) = page(&arns, text(input, "NextToken"), PAGE);
    json!({ "Topics": arns, "NextToken": next })
}

fn taggable<'w>(input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    existing(text(input, "ResourceArn"), world).map_err(|refusal| match refusal.code.as_str() {
        "NotFound" => Refusal::new("ResourceNotFound", "Resource does not exist").status(404),
        _ => refusal,
    })
}

fn retag(
    input: &Value,
    world: &mut World<'_>,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<Value, Refusal> {
    let mut tags = strings(taggable(input, world)?.get("tags"));
    change(&mut tags);
    if tags.len() > TAGS_MAX {
        return Err(Refusal::new(
            "TagLimitExceeded",
            "Could not complete request: tag quota of per resource exceeded",
        ));
    }
    world.edit(TOPICS, name_of(text(input, "ResourceArn")), |topic| topic["tags"] = json!(tags));
    Ok(json!({}))
}

fn tagged(world: &World<'_>) -> Vec<Tagged> {
    world
        .all(TOPICS)
        .iter()
        .map(|(name, topic)| (world.arn("sns", name), strings(topic.get("tags"))))
        .collect()
}
