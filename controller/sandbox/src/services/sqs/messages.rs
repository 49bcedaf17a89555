//! Messages of queues: sent, received for a while, deleted, or moved to the queue for the dead.

use serde_json::{Value, json};

use super::{QUEUES, existing, named};
use crate::services::{Refusal, World, text};

/// By queue and number: in the order of sending.
const MESSAGES: &str = "sqs/messages";

const BATCH_MAX: usize = 10;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterValue", message)
}

fn seconds(queue: &Value, attribute: &str) -> u64 {
    text(&queue["attributes"], attribute).parse().unwrap_or_default()
}

/// All messages of a queue that have not outlived their retention, by id.
fn of<'w>(queue: &str, world: &'w World<'_>) -> Vec<(&'w str, &'w Value)> {
    let prefix = format!("{queue}/");
    let kept_s = world.get(QUEUES, queue).map_or(0, |queue| seconds(queue, "MessageRetentionPeriod"));
    let oldest = world.now_ms.saturating_sub(kept_s * 1000);
    let all = world.all(MESSAGES).into_iter().filter(|(id, _)| id.starts_with(&prefix));
    all.filter(|(_, message)| message["sent"].as_u64().unwrap_or_default() >= oldest).collect()
}

/// How many can be received now, are being worked on, or are delayed.
pub(super) fn counts(queue: &str, world: &World<'_>) -> (usize, usize, usize) {
    let (mut ready, mut taken, mut delayed) = (0, 0, 0);
    for (_, message) in of(queue, world) {
        let visible = message["visible"].as_u64().unwrap_or_default() <= world.now_ms;
        match (visible, message["receives"].as_u64().unwrap_or_default()) {
            (true, _) => ready += 1,
            (false, 0) => delayed += 1,
            (false, _) => taken += 1,
        }
    }
    (ready, taken, delayed)
}

/// Puts a message into a queue: its id.
pub(in crate::services) fn put(
    queue: &str,
    body: &str,
    attributes: &Value,
    delay_s: Option<u64>,
    world: &mut World<'_>,
) -> Result<String, Refusal> {
    let found = existing(world, queue)?;
    let delay_s = delay_s.unwrap_or_else(|| seconds(found, "DelaySeconds"));
    if body.is_empty() {
        return Err(Refusal::new("MissingParameter", "The request must contain the parameter MessageBody."));
    }
    if body.len() as u64 > seconds(found, "MaximumMessageSize") {
        let most = seconds(found, "MaximumMessageSize");
        return Err(invalid(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
        )));
    }
    let number = world.next_number();
    let id = world.next_uuid();
    let message = json!({
        "id": id, "body": body, "attributes": attributes, "sent": world.now_ms,
        "visible": world.now_ms + delay_s * 1000, "receives": 0,
    });
    world.put(MESSAGES, &format!("{queue}/{number:012}"), message);
    Ok(id)
}

pub(super) fn send(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let queue = named(input).to_owned();
    let delay_s = input["DelaySeconds"].as_u64();
    let id = put(&queue, text(input, "MessageBody"), &input["MessageAttributes"], delay_s, world)?;
    Ok(json!({ "MessageId": id }))
}

pub(super) fn send_batch(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let queue = named(input).to_owned();
    let mut done = Vec::new();
    for entry in entries(input)? {
        let delay_s = entry["DelaySeconds"].as_u64();
        let id = put(&queue, text(entry, "MessageBody"), &entry["MessageAttributes"], delay_s, world)?;
        done.push(json!({ "Id": entry["Id"], "MessageId": id }));
    }
    Ok(json!({ "Successful": done, "Failed": [] }))
}

fn entries(input: &Value) -> Result<&Vec<Value>, Refusal> {
    let entries = input["Entries"].as_array().filter(|entries| !entries.is_empty()).ok_or_else(|| {
        let message = "There should be at least one entry in the request.";
        Refusal::new("AWS.SimpleQueueService.EmptyBatchRequest", message)
    })?;
    if entries.len() > BATCH_MAX {
        let message = "Maximum number of entries per request are 10.";
        return Err(Refusal::new("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", message));
    }
    Ok(entries)
}

pub(super) fn receive(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let queue = named(input).to_owned();
    let found = existing(world, &queue)?;
    let most = input["MaxNumberOfMessages"].as_u64().unwrap_or(1);
    if !(1..=BATCH_MAX as u64).contains(&most) {
        return Err(invalid(
            "Value for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10.",
        ));
    }
    let hidden_s = input["VisibilityTimeout"].as_u64().unwrap_or_else(|| seconds(found, "VisibilityTimeout"));
    let redrive: Option<Value> = serde_json::from_str(text(&found["attributes"], "RedrivePolicy")).ok();
    let redrive = redrive.and_then(|redrive| {
        let most = &redrive["maxReceiveCount"];
        let most = most.as_u64().or_else(|| most.as_str()?.parse().ok())?;
        Some((most, text(&redrive, "deadLetterTargetArn").rsplit(':').next()?.to_owned()))
    });
    let ready: Vec<(String, Value)> = of(&queue, world)
        .into_iter()
        .filter(|(_, message)| message["visible"].as_u64().unwrap_or_default() <= world.now_ms)
        .map(|(id, message)| (id.to_owned(), message.clone()))
        .collect();
    let mut received = Vec::new();
    for (key, mut message) in ready {
        if received.len() as u64 == most {
            break;
        }
        let receives = message["receives"].as_u64().unwrap_or_default() + 1;
        if let Some((_, dead)) = redrive.as_ref().filter(|(most, _)| receives > *most) {
            let number = world.next_number();
            message["receives"] = 0.into();
            world.remove(MESSAGES, &key);
            world.put(MESSAGES, &format!("{dead}/{number:012}"), message);
            continue;
        }
        let receipt = format!("{key}#{receives}");
        message["receives"] = receives.into();
        message["visible"] = (world.now_ms + hidden_s * 1000).into();
        if message["first"].is_null() {
            message["first"] = world.now_ms.into();
        }
        received.push(json!({
            "MessageId": message["id"],
            "ReceiptHandle": receipt,
            "Body": message["body"],
            "Attributes": {
                "ApproximateReceiveCount": receives.to_string(),
                "SentTimestamp": message["sent"].to_string(),
                "SenderId": world.account,
                "ApproximateFirstReceiveTimestamp": message["first"].to_string(),
            },
            "MessageAttributes": message["attributes"],
        }));
        world.put(MESSAGES, &key, message);
    }
    Ok(match received.is_empty() {
        true => json!({}),
        false => json!({ "Messages": received }),
    })
}

/// The message of a receipt, unless it was received again since: then the receipt is void.
fn of_receipt(queue: &str, receipt: &str, world: &World<'_>) -> Result<Option<String>, Refusal> {
    let wrong = || {
        let message = format!("The input receipt handle \"{receipt}\" is not a valid receipt handle.");
        Refusal::new("ReceiptHandleIsInvalid", message)
    };
    let (key, receives) = receipt.rsplit_once('#').ok_or_else(wrong)?;
    if !key.starts_with(&format!("{queue}/")) {
        return Err(wrong());
    }
    let receives: u64 = receives.parse().map_err(|_| wrong())?;
    let current = world.get(MESSAGES, key).filter(|message| message["receives"] == receives);
    Ok(current.map(|_| key.to_owned()))
}

pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let queue = named(input).to_owned();
    existing(world, &queue)?;
    if let Some(key) = of_receipt(&queue, text(input, "ReceiptHandle"), world)? {
        world.remove(MESSAGES, &key);
    }
    Ok(json!({}))
}

pub(super) fn delete_batch(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let queue = named(input).to_owned();
    existing(world, &queue)?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for entry in entries(input)? {
        match of_receipt(&queue, text(entry, "ReceiptHandle"), world) {
            Ok(key) => {
                key.iter().for_each(|key| world.remove(MESSAGES, key));
                done.push(json!({ "Id": entry["Id"] }));
            }
            Err(refusal) => failed.push(json!({
                "Id": entry["Id"], "SenderFault": true, "Code": refusal.code, "Message": refusal.message,
            })),
        }
    }
    Ok(json!({ "Successful": done, "Failed": failed }))
}

pub(super) fn change_visibility(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let queue = named(input).to_owned();
    existing(world, &queue)?;
    let hidden_s = input["VisibilityTimeout"].as_u64().unwrap_or_default();
    if let Some(key) = of_receipt(&queue, text(input, "ReceiptHandle"), world)? {
        let visible = world.now_ms + hidden_s * 1000;
        world.edit(MESSAGES, &key, |message| message["visible"] = visible.into());
    }
    Ok(json!({}))
}

pub(super) fn purge(queue: &str, world: &mut World<'_>) {
    let keys: Vec<String> = of(queue, world).into_iter().map(|(key, _)| key.to_owned()).collect();
    keys.iter().for_each(|key| world.remove(MESSAGES, key));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::SERVICE;
    use crate::{
        Weather,
        services::{
            World,
            asking::{ask, refused},
        },
        store::Documents,
    };

    #[test]
    fn a_message_is_hidden_for_a_while_and_then_given_up() {
        let (documents, weather) = (Documents::new(), Weather::default());
        let mut world = World::new(&documents, 1_000_000, "000000000000", "us-east-1", &weather);
        let call = |world: &mut World<'_>, operation: &str, input| ask(&SERVICE, world, operation, input);
        call(&mut world, "CreateQueue", json!({ "QueueName": "dead" })).unwrap();
        let redrive =
            r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":2}"#;
        let attributes = json!({ "VisibilityTimeout": "10", "RedrivePolicy": redrive });
        call(&mut world, "CreateQueue", json!({ "QueueName": "live", "Attributes": attributes })).unwrap();
        let (live, dead) = (json!({ "QueueUrl": "x/live" }), json!({ "QueueUrl": "x/dead" }));
        call(&mut world, "SendMessage", json!({ "QueueUrl": "x/live", "MessageBody": "one" })).unwrap();
        let first = call(&mut world, "ReceiveMessage", live.clone()).unwrap();
        assert_eq!(first["Messages"][0]["Body"], "one");
        assert_eq!(call(&mut world, "ReceiveMessage", live.clone()).unwrap(), json!({}));
        world.now_ms += u64::try_from(Duration::from_secs(10).as_millis()).unwrap();
        let again = call(&mut world, "ReceiveMessage", live.clone()).unwrap();
        assert_eq!(again["Messages"][0]["Attributes"]["ApproximateReceiveCount"], "2");
        let void = json!({ "QueueUrl": "x/live", "ReceiptHandle": first["Messages"][0]["ReceiptHandle"] });
        call(&mut world, "DeleteMessage", void).unwrap();
        world.now_ms += 10_000;
        assert_eq!(call(&mut world, "ReceiveMessage", live.clone()).unwrap(), json!({}), "given up");
        let given_up = call(&mut world, "ReceiveMessage", dead.clone()).unwrap();
        let receipt =
            json!({ "QueueUrl": "x/dead", "ReceiptHandle": given_up["Messages"][0]["ReceiptHandle"] });
        call(&mut world, "DeleteMessage", receipt).unwrap();
        world.now_ms += 60_000;
        assert_eq!(call(&mut world, "ReceiveMessage", dead).unwrap(), json!({}));
        let wrong = json!({ "QueueUrl": "x/live", "ReceiptHandle": "dead/1#1" });
        refused(&SERVICE, &mut world, "DeleteMessage", wrong, ("ReceiptHandleIsInvalid", "not a valid"));
    }
}
