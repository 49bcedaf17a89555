//! SQS: queues, their attributes and tags; messages are next door.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, page, strings, text};
use crate::wire::{Protocol, Reply, Request};

pub(super) mod messages;

pub(crate) const SERVICE: Service =
    Service { signing: "sqs", protocol: Protocol::Json { version: "1.0" }, handle, tagged };

const QUEUES: &str = "sqs/queues";
const REMOVED: &str = "sqs/removed";

/// A deleted name cannot be used again for this long.
const NAME_BLOCKED_MS: u64 = 60_000;

const DEFAULTS: &[(&str, &str)] = &[
    ("VisibilityTimeout", "30"),
    ("MessageRetentionPeriod", "345600"),
    ("DelaySeconds", "0"),
    ("ReceiveMessageWaitTimeSeconds", "0"),
    ("MaximumMessageSize", "262144"),
    ("SqsManagedSseEnabled", "true"),
];

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    let answer = match request.operation.as_str() {
        "CreateQueue" => create(input, world)?,
        "GetQueueUrl" => {
            let name = text(input, "QueueName");
            existing(world, name)?;
            json!({ "QueueUrl": url(world, name) })
        }
        "ListQueues" => list(input, world),
        "GetQueueAttributes" => attributes(input, world)?,
        "SetQueueAttributes" => set(input, world)?,
        "ListQueueTags" => json!({ "Tags": existing(world, named(input))?["tags"] }),
        "TagQueue" => retag(input, world, |tags, input| tags.extend(strings(input.get("Tags"))))?,
        "UntagQueue" => retag(input, world, |tags, input| {
            let keys = input["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str);
            keys.for_each(|key| drop(tags.remove(key)));
        })?,
        "DeleteQueue" => {
            let name = named(input).to_owned();
            existing(world, &name)?;
            messages::purge(&name, world);
            world.remove(QUEUES, &name);
            world.put(REMOVED, &name, world.now_ms.into());
            json!({})
        }
        "SendMessage" => messages::send(input, world)?,
        "SendMessageBatch" => messages::send_batch(input, world)?,
        "ReceiveMessage" => messages::receive(input, world)?,
        "DeleteMessage" => messages::delete(input, world)?,
        "DeleteMessageBatch" => messages::delete_batch(input, world)?,
        "ChangeMessageVisibility" => messages::change_visibility(input, world)?,
        "PurgeQueue" => {
            existing(world, named(input))?;
            messages::purge(named(input), world);
            json!({})
        }
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn url(world: &World<'_>, name: &str) -> String {
    format!("https://sqs.{}.amazonaws.com/{}/{name}", world.region, world.account)
}

/// The queue's name at the end of the request's URL.
fn named(input: &Value) -> &str {
    text(input, "QueueUrl").rsplit('/').next().unwrap_or_default()
}

fn existing<'w>(world: &'w World<'_>, name: &str) -> Result<&'w Value, Refusal> {
    world.get(QUEUES, name).ok_or_else(|| {
        Refusal::new("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
    })
}

fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "QueueName").to_owned();
    let given = strings(input.get("Attributes"));
    check(&given, world)?;
    if given.get("FifoQueue").is_some_and(|fifo| fifo == "true") != name.ends_with(".fifo") {
        let message = "The name of a FIFO queue can only include alphanumeric characters, hyphens, \
            or underscores, must end with .fifo suffix";
        return Err(Refusal::new("InvalidParameterValue", message));
    }
    if let Some(queue) = world.get(QUEUES, &name) {
        let kept = strings(queue.get("attributes"));
        if given.iter().any(|(key, value)| kept.get(key) != Some(value)) {
            return Err(Refusal::new(
                "QueueAlreadyExists",
                "A queue already exists with the same name and a different value for attribute",
            ));
        }
        return Ok(json!({ "QueueUrl": url(world, &name) }));
    }
    let removed = world.get(REMOVED, &name).and_then(Value::as_u64);
    if removed.is_some_and(|at| !world.weather.invisible.is_zero() && world.now_ms < at + NAME_BLOCKED_MS) {
        let message = "You must wait 60 seconds after deleting a queue before you can create another with \
            the same name.";
        return Err(Refusal::new("AWS.SimpleQueueService.QueueDeletedRecently", message));
    }
    let mut attributes: BTreeMap<String, String> =
        DEFAULTS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    attributes.extend(given);
    settle(&mut attributes);
    let tags = strings(input.get("tags"));
    world.put(QUEUES, &name, json!({ "attributes": attributes, "tags": tags, "created": world.now_ms }));
    Ok(json!({ "QueueUrl": url(world, &name) }))
}

/// An empty value clears; a key of one's own switches SQS's own encryption off.
fn settle(attributes: &mut BTreeMap<String, String>) {
    attributes.retain(|_, value| !value.is_empty());
    if attributes.contains_key("KmsMasterKeyId") {
        attributes.insert("SqsManagedSseEnabled".to_owned(), "false".to_owned());
    }
}

fn check(given: &BTreeMap<String, String>, world: &World<'_>) -> Result<(), Refusal> {
    let invalid = |name: &str| {
        Refusal::new("InvalidAttributeValue", format!("Invalid value for the parameter {name}."))
    };
    for (name, low, high) in [
        ("VisibilityTimeout", 0, 43_200),
        ("MessageRetentionPeriod", 60, 1_209_600),
        ("DelaySeconds", 0, 900),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
        ("MaximumMessageSize", 1024, 1_048_576),
    ] {
        let Some(value) = given.get(name) else { continue };
        if !value.parse::<u32>().is_ok_and(|value| (low..=high).contains(&value)) {
            return Err(invalid(name));
        }
    }
    if let Some(policy) = given.get("Policy").filter(|policy| !policy.is_empty()) {
        serde_json::from_str::<Value>(policy).map_err(|_| invalid("Policy"))?;
    }
    if let Some(redrive) = given.get("RedrivePolicy").filter(|redrive| !redrive.is_empty()) {
        let redrive: Value = serde_json::from_str(redrive).map_err(|_| invalid("RedrivePolicy"))?;
        let target = text(&redrive, "deadLetterTargetArn").rsplit(':').next().unwrap_or_default();
        if world.get(QUEUES, target).is_none() {
            let message = format!(
                "Value {redrive} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist."
            );
            return Err(Refusal::new("InvalidParameterValue", message));
        }
    }
    Ok(())
}

fn list(input: &Value, world: &World<'_>) -> Value {
    let prefix = text(input, "QueueNamePrefix");
    let names = world.all(QUEUES).into_keys().filter(|name| name.starts_with(prefix));
    let urls: Vec<String> = names.map(|name| url(world, name)).collect();
    let size = input["MaxResults"].as_u64().unwrap_or(1000);
    let (urls, next) = page(&urls, text(input, "NextToken"), usize::try_from(size).unwrap_or(1000));
    json!({ "QueueUrls": urls, "NextToken": next })
}

fn attributes(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let name = named(input);
    let queue = existing(world, name)?;
    let mut attributes = strings(queue.get("attributes"));
    attributes.insert("QueueArn".to_owned(), world.arn("sqs", name));
    let (ready, taken, delayed) = messages::counts(name, world);
    attributes.insert("ApproximateNumberOfMessages".to_owned(), ready.to_string());
    attributes.insert("ApproximateNumberOfMessagesNotVisible".to_owned(), taken.to_string());
    attributes.insert("ApproximateNumberOfMessagesDelayed".to_owned(), delayed.to_string());
    Ok(json!({ "Attributes": attributes }))
}

fn set(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = named(input).to_owned();
    let queue = existing(world, &name)?;
    let given = strings(input.get("Attributes"));
    check(&given, world)?;
    if given.contains_key("FifoQueue") {
        return Err(Refusal::new("InvalidAttributeName", "Unknown Attribute FifoQueue."));
    }
    let mut attributes = strings(queue.get("attributes"));
    attributes.extend(given);
    settle(&mut attributes);
    world.edit(QUEUES, &name, |queue| queue["attributes"] = json!(attributes));
    Ok(json!({}))
}

fn retag(
    input: &Value,
    world: &mut World<'_>,
    change: impl FnOnce(&mut BTreeMap<String, String>, &Value),
) -> Result<Value, Refusal> {
    let name = named(input).to_owned();
    let mut tags = strings(existing(world, &name)?.get("tags"));
    change(&mut tags, input);
    world.edit(QUEUES, &name, |queue| queue["tags"] = json!(tags));
    Ok(json!({}))
}

fn tagged(world: &World<'_>) -> Vec<Tagged> {
    world
        .all(QUEUES)
        .iter()
        .map(|(name, queue)| (world.arn("sqs", name), strings(queue.get("tags"))))
        .collect()
}
