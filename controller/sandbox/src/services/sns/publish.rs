//! Publishing: to queues at once; what functions are to be called with waits for whoever runs them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{existing, invalid, subscriptions};
use crate::{
    Account,
    services::{Refusal, World, sqs, text},
    wire::Reply,
};

/// Calls of functions that nobody has made yet, in order.
const CALLS: &str = "sns/calls";

/// AWS gives a function up after this; so it is with one that nobody serves.
const KEPT_MS: u64 = 6 * 3_600_000;

/// A function that a message waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub function_arn: String,
    pub topic_arn: String,
    /// JSON, as SNS calls functions with.
    pub event: String,
}

impl Account {
    /// Takes the messages that were published to functions: each is handed out once.
    #[must_use]
    pub fn take_notifications(&self) -> Vec<Notification> {
        let mut taken = Vec::new();
        let take = |world: &mut World<'_>| {
            let calls: Vec<(String, Value)> =
                world.all(CALLS).into_iter().map(|(id, call)| (id.to_owned(), call.clone())).collect();
            for (id, call) in calls {
                world.remove(CALLS, &id);
                if world.now_ms < call["at"].as_u64().unwrap_or_default() + KEPT_MS {
                    taken.push(Notification {
                        function_arn: text(&call, "function").to_owned(),
                        topic_arn: text(&call, "topic").to_owned(),
                        event: call["event"].to_string(),
                    });
                }
            }
            Ok(Reply::value(Value::Null))
        };
        match self.change(take) {
            Ok(_) => taken,
            // What cannot be taken off the file stays there for the next time.
            Err(_) => Vec::new(),
        }
    }
}

pub(super) fn publish(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let topic = text(input, "TopicArn").to_owned();
    existing(&topic, world)?;
    let message = text(input, "Message");
    if message.is_empty() {
        return Err(invalid("Empty message"));
    }
    let id = world.next_uuid();
    let given = input["MessageAttributes"].as_object().cloned().unwrap_or_default();
    let targets: Vec<(String, Value)> = subscriptions::confirmed(&topic, world)
        .filter(|(_, one)| wanted(&one["attributes"], message, &given))
        .map(|(arn, one)| (arn.to_owned(), one.clone()))
        .collect();
    let at = i64::try_from(world.now_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let about = json!({
        "Type": "Notification", "MessageId": id, "TopicArn": topic, "Message": message,
        "Timestamp": at.unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "SignatureVersion": "1", "Signature": "EXAMPLE",
    });
    for (arn, subscription) in targets {
        let endpoint = text(&subscription, "endpoint").to_owned();
        match text(&subscription, "protocol") {
            "sqs" => {
                let raw = text(&subscription["attributes"], "RawMessageDelivery") == "true";
                let (body, attributes) = match raw {
                    true => (message.to_owned(), Value::Object(given.clone())),
                    false => (enveloped(&about, input, &given, &arn, "URL").to_string(), Value::Null),
                };
                let queue = endpoint.rsplit(':').next().unwrap_or_default();
                // A queue that is gone takes nothing, and the publisher never learns of it.
                sqs::messages::put(queue, &body, &attributes, None, world).ok();
            }
            "lambda" => {
                let record = json!({
                    "EventVersion": "1.0", "EventSubscriptionArn": arn, "EventSource": "aws:sns",
                    "Sns": enveloped(&about, input, &given, &arn, "Url"),
                });
                let number = world.next_number();
                let call = json!({
                    "function": endpoint, "topic": topic, "at": world.now_ms, "event": { "Records": [record] },
                });
                world.put(CALLS, &format!("{number:012}"), call);
            }
            _ => {}
        }
    }
    Ok(json!({ "MessageId": id }))
}

/// The message with what SNS says about it. Queues read `…URL` where functions read `…Url`.
fn enveloped(about: &Value, input: &Value, given: &Map<String, Value>, arn: &str, url: &str) -> Value {
    let mut envelope = about.clone();
    if let Some(subject) = input["Subject"].as_str() {
        envelope["Subject"] = subject.into();
    }
    envelope[format!("SigningCert{url}")] = "https://sns.us-east-1.amazonaws.com/example.pem".into();
    envelope[format!("Unsubscribe{url}")] =
        format!("https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={arn}").into();
    let attributes: Map<String, Value> = given
        .iter()
        .map(|(name, value)| {
            let kind = text(value, "DataType");
            let value = value["StringValue"].as_str().or_else(|| value["BinaryValue"].as_str());
            (name.clone(), json!({ "Type": kind, "Value": value }))
        })
        .collect();
    if url == "Url" || !attributes.is_empty() {
        envelope["MessageAttributes"] = attributes.into();
    }
    envelope
}

/// Whether the subscription's filter lets a message through.
fn wanted(attributes: &Value, message: &str, given: &Map<String, Value>) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(text(attributes, "FilterPolicy")) else { return true };
    if text(attributes, "FilterPolicyScope") == "MessageBody" {
        return serde_json::from_str::<Value>(message).is_ok_and(|body| fits(&policy, &body));
    }
    let values = given.iter().map(|(name, value)| {
        let said = text(value, "StringValue");
        let value = match text(value, "DataType") {
            "Number" | "String.Array" => serde_json::from_str(said).unwrap_or_else(|_| said.into()),
            _ => Value::from(said),
        };
        (name.clone(), value)
    });
    fits(&policy, &Value::Object(values.collect()))
}

/// Every key must be matched by one of its conditions; keys with objects go deeper.
fn fits(policy: &Value, value: &Value) -> bool {
    policy.as_object().into_iter().flatten().all(|(key, conditions)| match conditions {
        Value::Object(_) => fits(conditions, &value[key]),
        _ => conditions.as_array().into_iter().flatten().any(|condition| match &value[key] {
            Value::Array(several) => several.iter().any(|one| meets(condition, one)),
            one => meets(condition, one),
        }),
    })
}

fn meets(condition: &Value, value: &Value) -> bool {
    let Value::Object(operator) = condition else {
        return condition == value || (condition.as_f64().is_some() && condition.as_f64() == value.as_f64());
    };
    let said = value.as_str();
    operator.iter().all(|(name, operand)| match (name.as_str(), operand) {
        ("exists", Value::Bool(wanted)) => value.is_null() != *wanted,
        ("prefix", Value::String(prefix)) => said.is_some_and(|said| said.starts_with(prefix)),
        ("suffix", Value::String(suffix)) => said.is_some_and(|said| said.ends_with(suffix)),
        ("equals-ignore-case", Value::String(other)) => {
            said.is_some_and(|said| said.eq_ignore_ascii_case(other))
        }
        ("anything-but", Value::Array(others)) => !value.is_null() && !others.contains(value),
        ("anything-but", other) => !value.is_null() && other != value,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_lets_through_what_it_names() {
        let policy = json!({ "event": ["bounce", { "prefix": "comp" }], "amount": [5], "test": [{ "exists": false }] });
        let good = json!({ "event": "complaint", "amount": 5.0, "other": 1 });
        assert!(fits(&policy, &good));
        for (member, value) in [("event", json!("open")), ("amount", json!("5")), ("test", json!("yes"))] {
            let mut bad = good.clone();
            bad[member] = value;
            assert!(!fits(&policy, &bad), "{bad}");
        }
        let deep = json!({ "mail": { "tags": ["a"] }, "kind": [{ "anything-but": ["x"] }] });
        assert!(fits(&deep, &json!({ "mail": { "tags": ["b", "a"] }, "kind": "y" })));
        assert!(!fits(&deep, &json!({ "mail": { "tags": ["b"] }, "kind": "y" })));
        assert!(!fits(&deep, &json!({ "mail": { "tags": ["a"] } })));
    }
}
