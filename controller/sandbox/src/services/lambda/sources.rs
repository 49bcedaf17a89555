//! Event sources: queues that Lambda reads for a function.

use serde_json::{Value, json};

use super::{
    FUNCTIONS, SOURCES, arn, checks, checks::between, conflict, functions::resolved, invalid, missing, named,
    not_found, paged, parts,
};
use crate::services::{Refusal, World, strings, text};

/// Larger batches need time to gather.
const BATCH_WITHOUT_WINDOW_MAX: u64 = 10;

/// What is being deleted is listed for a while.
fn is_gone(source: &Value, world: &World<'_>) -> bool {
    source["deleted"] == true && !world.is_working(source["changed"].as_u64().unwrap_or_default())
}

fn existing<'w>(input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    let source = world.get(SOURCES, text(input, "UUID")).filter(|source| !is_gone(source, world));
    source.ok_or_else(|| missing("The resource you requested does not exist."))
}

fn shown(id: &str, source: &Value, world: &World<'_>) -> Value {
    let working = world.is_working(source["changed"].as_u64().unwrap_or_default());
    let enabled = source["enabled"] == true;
    let state = match (working, source["deleted"] == true, source["fresh"] == true) {
        (_, true, _) => "Deleting",
        (true, _, true) => "Creating",
        (true, _, false) => "Updating",
        (false, ..) if enabled => "Enabled",
        (false, ..) => "Disabled",
    };
    let report = source["report"] == true;
    json!({
        "UUID": id,
        "EventSourceMappingArn": world.arn("lambda", &format!("event-source-mapping:{id}")),
        "EventSourceArn": source["queue"],
        "FunctionArn": source["function"],
        "BatchSize": source["batch"],
        "MaximumBatchingWindowInSeconds": source["window"],
        "ScalingConfig": source["concurrency"].as_u64().map(|most| json!({ "MaximumConcurrency": most })),
        "FunctionResponseTypes": if report { json!(["ReportBatchItemFailures"]) } else { json!([]) },
        "LastModified": source["changed"].as_u64().unwrap_or_default() as f64 / 1000.0,
        "State": state,
        "StateTransitionReason": "USER_INITIATED",
    })
}

/// Sets what the request has; what is left out stays.
fn merge(source: &mut Value, input: &Value) -> Result<(), Refusal> {
    let limits = [("BatchSize", "batch", 1, 10_000), ("MaximumBatchingWindowInSeconds", "window", 0, 300)];
    for (member, ours, low, high) in limits {
        if let Some(given) = input.get(member) {
            between(member, given, low, high)?;
            source[ours] = given.clone();
        }
    }
    if source["batch"].as_u64() > Some(BATCH_WITHOUT_WINDOW_MAX) && source["window"] == 0 {
        return Err(invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ));
    }
    if let Some(given) = input.get("ScalingConfig") {
        let most = &given["MaximumConcurrency"];
        if !most.is_null() {
            between("ScalingConfig.maximumConcurrency", most, 2, 1_000)?;
        }
        source["concurrency"] = most.clone();
    }
    if let Some(given) = input.get("FunctionResponseTypes").and_then(Value::as_array) {
        source["report"] = given.contains(&json!("ReportBatchItemFailures")).into();
    }
    if let Some(enabled) = input.get("Enabled") {
        source["enabled"] = enabled.clone();
    }
    Ok(())
}

fn check_queue(queue: &str, configuration: &Value, world: &World<'_>) -> Result<(), Refusal> {
    if !checks::role_may(text(configuration, "Role"), "sqs:ReceiveMessage", world) {
        let message = "The provided execution role does not have permissions to call ReceiveMessage on SQS";
        return Err(invalid(message));
    }
    let name = queue.strip_prefix(&world.arn("sqs", ""));
    let Some(found) = name.and_then(|name| world.get("sqs/queues", name)) else {
        return Err(invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. \
             SQS Error Message: The specified queue does not exist.",
        ));
    };
    let attributes = strings(found.get("attributes"));
    let visibility: u64 =
        attributes.get("VisibilityTimeout").and_then(|text| text.parse().ok()).unwrap_or_default();
    let timeout = configuration["Timeout"].as_u64().unwrap_or_default();
    if visibility < timeout {
        return Err(invalid(format!(
            "Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"
        )));
    }
    Ok(())
}

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, qualifier) = named(input);
    let queue = text(input, "EventSourceArn");
    let function = super::existing(name, world)?;
    let (configuration, _) =
        resolved(function, qualifier).ok_or_else(|| not_found(name, qualifier, world))?;
    check_queue(queue, configuration, world)?;
    let target = arn(name, qualifier, world);
    let all = world.all(SOURCES);
    let same = |one: &&Value| one["queue"] == queue && one["function"] == target.as_str();
    if let Some((id, _)) = all.iter().find(|(_, one)| same(one) && !is_gone(one, world)) {
        return Err(conflict(format!(
            "An event source mapping with SQS arn (\" {queue} \") and function (\" {name} \") already \
             exists. Please update or delete the existing mappings with UUID {id}"
        )));
    }
    let mut source = json!({
        "queue": queue, "function": target, "batch": 10, "window": 0, "concurrency": null, "report": false,
        "enabled": true, "fresh": true, "changed": world.now_ms,
    });
    merge(&mut source, input)?;
    let id = world.next_uuid();
    let answer = shown(&id, &source, world);
    world.put(SOURCES, &id, source);
    Ok(answer)
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    Ok(shown(text(input, "UUID"), existing(input, world)?, world))
}

/// Of a function exactly as it was named: those of its aliases are not among those of the function.
pub(super) fn list(input: &Value, world: &World<'_>) -> Value {
    let (function, queue) = (text(input, "FunctionName"), text(input, "EventSourceArn"));
    let (name, qualifier) = parts(function);
    let target = (!function.is_empty()).then(|| arn(name, qualifier, world));
    let all: Vec<Value> = world
        .all(SOURCES)
        .into_iter()
        .filter(|(_, one)| !is_gone(one, world))
        .filter(|(_, one)| target.as_ref().is_none_or(|target| one["function"] == target.as_str()))
        .filter(|(_, one)| queue.is_empty() || one["queue"] == queue)
        .map(|(id, one)| shown(id, one, world))
        .collect();
    let (page, next) = paged(&all, input);
    json!({ "EventSourceMappings": page, "NextMarker": next })
}

fn steady(input: &Value, world: &World<'_>, verb: &str) -> Result<(), Refusal> {
    if !world.is_working(existing(input, world)?["changed"].as_u64().unwrap_or_default()) {
        return Ok(());
    }
    let message = format!("Cannot {verb} the event source mapping because it is in use.");
    Err(Refusal::new("ResourceInUseException", message))
}

pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    steady(input, world, "update")?;
    let mut source = existing(input, world)?.clone();
    merge(&mut source, input)?;
    if !text(input, "FunctionName").is_empty() {
        let (name, qualifier) = named(input);
        if world.get(FUNCTIONS, name).is_none() {
            return Err(not_found(name, qualifier, world));
        }
        source["function"] = arn(name, qualifier, world).into();
    }
    source["changed"] = world.now_ms.into();
    source["fresh"] = false.into();
    let answer = shown(text(input, "UUID"), &source, world);
    world.put(SOURCES, text(input, "UUID"), source);
    Ok(answer)
}

pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    steady(input, world, "delete")?;
    let (id, mut source) = (text(input, "UUID"), existing(input, world)?.clone());
    source["deleted"] = true.into();
    source["changed"] = world.now_ms.into();
    let answer = shown(id, &source, world);
    match world.weather.function.is_zero() {
        true => world.remove(SOURCES, id),
        false => world.put(SOURCES, id, source),
    }
    Ok(answer)
}
