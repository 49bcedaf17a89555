//! CloudTrail: who changed what, of the last ninety days.

use serde_json::{Value, json};

use super::{Refusal, Service, World, page, text};
use crate::wire::{Protocol, Reply, Request};

pub(crate) const SERVICE: Service = Service {
    signing: "cloudtrail",
    protocol: Protocol::Json { version: "1.1" },
    handle,
    tagged: |_| Vec::new(),
};

const KEPT_MS: u64 = 90 * 24 * 60 * 60 * 1_000;
const PAGE_MAX: u64 = 50;

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    match request.operation.as_str() {
        "LookupEvents" => lookup(&request.input, world).map(Reply::value),
        other => Err(request.unknown(other)),
    }
}

fn lookup(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let size = input["MaxResults"].as_u64().unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&size) {
        return Err(Refusal::new(
            "InvalidMaxResultsException",
            "The value of MaxResults must be from 1 to 50.",
        ));
    }
    let attributes = input["LookupAttributes"].as_array().map(Vec::as_slice).unwrap_or_default();
    if attributes.len() > 1 {
        let message = "You can specify one lookup attribute.";
        return Err(Refusal::new("InvalidLookupAttributesException", message));
    }
    let at_ms = |event: &Value| event["at_ms"].as_u64().unwrap_or_default();
    // Whole seconds, or fractions of them.
    let moment = |name: &str| input[name].as_f64().map(|seconds| (seconds * 1000.0) as u64);
    let begin = moment("StartTime").unwrap_or_default().max(world.now_ms.saturating_sub(KEPT_MS));
    let end = moment("EndTime").unwrap_or(u64::MAX);
    let mut found = Vec::new();
    for event in world.trail.events().into_iter().rev() {
        let inside = (begin..=end).contains(&at_ms(&event));
        if inside
            && attributes
                .iter()
                .map(|one| holds(one, &event))
                .collect::<Result<Vec<_>, _>>()?
                .iter()
                .all(|yes| *yes)
        {
            found.push(shown(&event, world));
        }
    }
    let (events, next) = page(&found, text(input, "NextToken"), usize::try_from(size).unwrap_or(50));
    Ok(match next {
        Some(next) => json!({ "Events": events, "NextToken": next }),
        None => json!({ "Events": events }),
    })
}

fn holds(attribute: &Value, event: &Value) -> Result<bool, Refusal> {
    let value = text(attribute, "AttributeValue");
    Ok(match text(attribute, "AttributeKey") {
        "ResourceName" => event["resources"].as_array().is_some_and(|all| all.iter().any(|one| one == value)),
        "EventName" => event["name"] == value,
        "EventSource" => event["source"] == value,
        "EventId" => event["id"] == value,
        "Username" => event["who"] == value,
        "ReadOnly" => value == "false",
        other => {
            let message = format!("{other} is no lookup attribute.");
            return Err(Refusal::new("InvalidLookupAttributesException", message));
        }
    })
}

fn shown(event: &Value, world: &World<'_>) -> Value {
    let names = event["resources"].as_array().into_iter().flatten();
    let resources: Vec<Value> = names.map(|name| json!({ "ResourceName": name })).collect();
    let seconds = event["at_ms"].as_f64().unwrap_or_default() / 1000.0;
    let whole = json!({
        "eventVersion": "1.08", "eventID": event["id"], "eventName": event["name"],
        "eventSource": event["source"], "awsRegion": world.region, "readOnly": false,
        "userIdentity": { "type": "IAMUser", "accountId": world.account, "userName": event["who"] },
        "requestParameters": event["given"], "managementEvent": true, "eventCategory": "Management",
    });
    json!({
        "EventId": event["id"], "EventName": event["name"], "EventSource": event["source"],
        "EventTime": seconds.floor(), "ReadOnly": "false", "Username": event["who"], "Resources": resources,
        "CloudTrailEvent": whole.to_string(),
    })
}
