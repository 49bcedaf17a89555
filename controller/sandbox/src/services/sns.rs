//! SNS: topics, their attributes and tags; subscriptions are next door.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, grants, page, strings, text};
use crate::wire::{Protocol, Reply, Request};

mod publish;
mod subscriptions;

pub use publish::Notification;

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
        "Publish" => publish::publish(input, world)?,
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

/// Whether a service of AWS may publish to a topic. Right after its birth a topic is not known everywhere.
pub(crate) fn lets_in(service: &str, arn: &str, world: &World<'_>) -> bool {
    existing(arn, world).is_ok_and(|topic| {
        let policy = text(&topic["attributes"], "Policy");
        world.settled(topic["created"].as_u64().unwrap_or_default())
            && grants::allows(policy, service, "sns:Publish", world)
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{services::asking, store::Documents, weather::Weather};

    fn ask(world: &mut World<'_>, operation: &str, input: Value) -> Result<Value, Refusal> {
        asking::ask(&SERVICE, world, operation, input)
    }

    #[track_caller]
    fn refused(world: &mut World<'_>, operation: &str, input: Value, code: &str, part: &str) {
        asking::refused(&SERVICE, world, operation, input, (code, part));
    }

    const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:t";
    const ABSENT: &str = "arn:aws:sns:us-east-1:000000000000:absent";

    fn within(test: impl FnOnce(&mut World<'_>)) {
        let (base, weather) = (Documents::new(), Weather::default());
        let mut world = World::new(&base, 1_000, "000000000000", "us-east-1", &weather);
        ask(&mut world, "CreateTopic", json!({ "Name": "t", "Tags": [{ "Key": "a", "Value": "1" }] }))
            .unwrap();
        test(&mut world);
    }

    #[test]
    fn a_topic_is_made_once_and_never_changed_by_making_it_again() {
        within(|world| {
            let again = ask(world, "CreateTopic", json!({ "Name": "t" })).unwrap();
            assert_eq!(again["TopicArn"], TOPIC);
            let other = json!({ "Name": "t", "Attributes": { "DisplayName": "x" } });
            refused(
                world,
                "CreateTopic",
                other,
                "InvalidParameter",
                "already exists with different attributes",
            );
            let other = json!({ "Name": "t", "Tags": [{ "Key": "a", "Value": "2" }] });
            refused(world, "CreateTopic", other, "InvalidParameter", "already exists with different tags");
            let fifo = json!({ "Name": "t.fifo" });
            refused(world, "CreateTopic", fifo, "InvalidParameter", "Topic Name");
            let signed = json!({ "Name": "u", "Attributes": { "SignatureVersion": "2" } });
            refused(world, "CreateTopic", signed, "InvalidParameter", "SignatureVersion");
        });
    }

    #[test]
    fn what_is_not_there_is_said_in_three_ways() {
        within(|world| {
            refused(world, "GetTopicAttributes", json!({ "TopicArn": ABSENT }), "NotFound", "Topic");
            refused(world, "ListTagsForResource", json!({ "ResourceArn": ABSENT }), "ResourceNotFound", "");
            refused(world, "GetTopicAttributes", json!({ "TopicArn": "t" }), "InvalidParameter", "TopicArn");
            ask(world, "DeleteTopic", json!({ "TopicArn": ABSENT })).unwrap();
            let mail = json!({ "TopicArn": ABSENT, "Protocol": "email", "Endpoint": "a@b" });
            refused(world, "Subscribe", mail, "NotFound", "Topic");
            let gone = json!({ "SubscriptionArn": format!("{TOPIC}:0") });
            refused(world, "GetSubscriptionAttributes", gone.clone(), "NotFound", "Subscription");
            ask(world, "Unsubscribe", gone).unwrap();
        });
    }

    #[test]
    fn values_are_checked_and_account_ids_become_roots() {
        within(|world| {
            for (name, value) in [
                ("Policy", "{"),
                ("Policy", ""),
                ("SignatureVersion", "3"),
                ("TracingConfig", "On"),
                ("ContentBasedDeduplication", "true"),
                ("MaximumMessageSize", "1023"),
                ("DeliveryPolicy", "[]"),
                ("Owner", "1"),
            ] {
                let input = json!({ "TopicArn": TOPIC, "AttributeName": name, "AttributeValue": value });
                refused(world, "SetTopicAttributes", input, "InvalidParameter", "");
            }
            let policy = r#"{"Statement":[{"Principal":{"AWS":["111111111111","*"]}}]}"#;
            let input = json!({ "TopicArn": TOPIC, "AttributeName": "Policy", "AttributeValue": policy });
            ask(world, "SetTopicAttributes", input).unwrap();
            let shown = ask(world, "GetTopicAttributes", json!({ "TopicArn": TOPIC })).unwrap();
            assert!(shown.to_string().contains("arn:aws:iam::111111111111:root"), "{shown}");
        });
    }

    fn subscribe(
        world: &mut World<'_>,
        protocol: &str,
        endpoint: &str,
        attributes: Value,
    ) -> Result<Value, Refusal> {
        let input = json!({
            "TopicArn": TOPIC, "Protocol": protocol, "Endpoint": endpoint, "Attributes": attributes,
            "ReturnSubscriptionArn": "true",
        });
        ask(world, "Subscribe", input)
    }

    #[test]
    fn endpoints_and_filters_are_checked() {
        within(|world| {
            let nested = json!({ "FilterPolicy": r#"{"a":{"b":["c"]}}"# });
            for (protocol, endpoint, attributes, part) in [
                ("pigeon", "roof", json!({}), "protocol string"),
                ("https", "http://example.com", json!({}), "specified protocol"),
                ("email", "nobody", json!({}), "Email"),
                ("sqs", "https://sqs.us-east-1.amazonaws.com/1/q", json!({}), "SQS endpoint ARN"),
                ("sqs", "arn:aws:sqs:us-east-1:000000000000:q.fifo", json!({}), "FIFO SQS"),
                ("lambda", "arn:aws:lambda:x", json!({ "RawMessageDelivery": "true" }), "raw message"),
                ("email", "a@b", nested, "nested"),
                ("email", "a@b", json!({ "FilterPolicy": r#"{"a":"b"}"# }), "array"),
                ("email", "a@b", json!({ "DeliveryPolicy": "{}" }), "delivery policies"),
                ("email", "a@b", json!({ "RedrivePolicy": "{}" }), "invalid arn"),
            ] {
                let refusal = subscribe(world, protocol, endpoint, attributes).expect_err(part);
                assert_eq!(refusal.code, "InvalidParameter", "{part}");
                assert!(refusal.message.contains(part), "{part}: {}", refusal.message);
            }
        });
    }

    #[test]
    fn a_pending_subscription_has_no_arn_in_lists_until_its_token_comes_back() {
        within(|world| {
            let arn = subscribe(world, "email", "a@b", json!({})).unwrap()["SubscriptionArn"].clone();
            let topic = json!({ "TopicArn": TOPIC });
            let listed = ask(world, "ListSubscriptionsByTopic", topic.clone()).unwrap();
            assert_eq!(listed["Subscriptions"][0]["SubscriptionArn"], "PendingConfirmation");
            let one = json!({ "SubscriptionArn": arn });
            refused(world, "Unsubscribe", one.clone(), "InvalidParameter", "pending confirmation");
            let plain = json!({ "SubscriptionArn": "PendingConfirmation" });
            refused(world, "Unsubscribe", plain, "InvalidParameter", "does not start with arn");
            let raw =
                json!({ "SubscriptionArn": arn, "AttributeName": "FilterPolicy", "AttributeValue": "{}" });
            refused(world, "SetSubscriptionAttributes", raw, "InvalidParameter", "pending");
            let asked = json!({ "TopicArn": TOPIC, "Protocol": "email", "Endpoint": "a@b" });
            assert_eq!(ask(world, "Subscribe", asked).unwrap()["SubscriptionArn"], "pending confirmation");
            let other = subscribe(world, "email", "a@b", json!({ "FilterPolicy": r#"{"a":["b"]}"# }));
            assert!(other.unwrap_err().message.contains("different attributes"));

            let wrong = json!({ "TopicArn": TOPIC, "Token": "0" });
            refused(world, "ConfirmSubscription", wrong, "InvalidParameter", "Token");
            let token = world.all("sns/subscriptions").values().next().unwrap()["token"].clone();
            ask(world, "ConfirmSubscription", json!({ "TopicArn": TOPIC, "Token": token })).unwrap();
            let listed = ask(world, "ListSubscriptionsByTopic", topic).unwrap();
            assert_eq!(listed["Subscriptions"][0]["SubscriptionArn"], arn);
            let shown = ask(world, "GetTopicAttributes", json!({ "TopicArn": TOPIC })).unwrap();
            assert!(shown.to_string().contains(r#"{"key":"SubscriptionsConfirmed","value":"1"}"#), "{shown}");
            ask(world, "Unsubscribe", one).unwrap();
            assert_eq!(ask(world, "ListSubscriptions", json!({})).unwrap()["Subscriptions"], json!([]));
        });
    }

    #[test]
    fn deleting_a_topic_deletes_its_subscriptions() {
        within(|world| {
            subscribe(world, "sqs", "arn:aws:sqs:us-east-1:000000000000:q", json!({})).unwrap();
            ask(world, "DeleteTopic", json!({ "TopicArn": TOPIC })).unwrap();
            assert!(world.all("sns/subscriptions").is_empty());
            assert_eq!(ask(world, "ListTopics", json!({})).unwrap()["Topics"], json!([]));
        });
    }
}
