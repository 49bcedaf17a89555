//! Lambda: functions, their versions and aliases, who may call them, and the queues that feed them.
//!
//! Nothing runs here: [`invoke`] answers as a test wants it, and [`deployed`] hands what an alias serves to
//! whoever runs it.
//!
//! A function is one document: `latest` and `versions` hold configurations as AWS shows them, with members of
//! our own in lower case (`code`: where the zip came from and its blob; `changed`, `pending`: its state).

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, strings, text};
use crate::wire::{Protocol, Reply, Request, Route};

mod calls;
mod checks;
mod configuration;
mod deployed;
mod functions;
mod invoke;
mod policy;
mod sources;
mod versions;

pub use deployed::{DeployedFunction, EventSource};

pub(crate) const SERVICE: Service =
    Service { signing: "lambda", protocol: Protocol::RestJson { route }, handle, tagged };

const FUNCTIONS: &str = "lambda/functions";
const SOURCES: &str = "lambda/sources";

/// The qualifier of what is not published.
const LATEST: &str = "$LATEST";

fn route(method: &str, path: &[&str]) -> Option<Route> {
    let [_version, path @ ..] = path else { return None };
    let of = |name: &str| ("FunctionName", name.to_owned());
    let named = |operation, name: &str| Some((operation, vec![of(name)]));
    match (method, path) {
        ("POST", ["functions"]) => Some(("CreateFunction", Vec::new())),
        ("GET", ["functions"]) => Some(("ListFunctions", Vec::new())),
        ("GET", ["functions", name]) => named("GetFunction", name),
        ("DELETE", ["functions", name]) => named("DeleteFunction", name),
        ("GET", ["functions", name, "configuration"]) => named("GetFunctionConfiguration", name),
        ("PUT", ["functions", name, "configuration"]) => named("UpdateFunctionConfiguration", name),
        ("PUT", ["functions", name, "code"]) => named("UpdateFunctionCode", name),
        ("POST", ["functions", name, "invocations"]) => named("Invoke", name),
        ("POST", ["functions", name, "versions"]) => named("PublishVersion", name),
        ("GET", ["functions", name, "versions"]) => named("ListVersionsByFunction", name),
        ("POST", ["functions", name, "aliases"]) => named("CreateAlias", name),
        ("GET", ["functions", name, "aliases"]) => named("ListAliases", name),
        (_, ["functions", name, "aliases", alias]) => {
            let operation = match method {
                "GET" => "GetAlias",
                "PUT" => "UpdateAlias",
                "DELETE" => "DeleteAlias",
                _ => return None,
            };
            Some((operation, vec![of(name), ("Name", (*alias).to_owned())]))
        }
        ("PUT", ["functions", name, "concurrency"]) => named("PutFunctionConcurrency", name),
        ("GET", ["functions", name, "concurrency"]) => named("GetFunctionConcurrency", name),
        ("DELETE", ["functions", name, "concurrency"]) => named("DeleteFunctionConcurrency", name),
        ("PUT", ["functions", name, "event-invoke-config"]) => named("PutFunctionEventInvokeConfig", name),
        ("POST", ["functions", name, "event-invoke-config"]) => {
            named("UpdateFunctionEventInvokeConfig", name)
        }
        ("GET", ["functions", name, "event-invoke-config"]) => named("GetFunctionEventInvokeConfig", name),
        ("DELETE", ["functions", name, "event-invoke-config"]) => {
            named("DeleteFunctionEventInvokeConfig", name)
        }
        ("POST", ["functions", name, "policy"]) => named("AddPermission", name),
        ("GET", ["functions", name, "policy"]) => named("GetPolicy", name),
        ("DELETE", ["functions", name, "policy", sid]) => {
            Some(("RemovePermission", vec![of(name), ("StatementId", (*sid).to_owned())]))
        }
        ("POST", ["event-source-mappings"]) => Some(("CreateEventSourceMapping", Vec::new())),
        ("GET", ["event-source-mappings"]) => Some(("ListEventSourceMappings", Vec::new())),
        (_, ["event-source-mappings", id]) => {
            let operation = match method {
                "GET" => "GetEventSourceMapping",
                "PUT" => "UpdateEventSourceMapping",
                "DELETE" => "DeleteEventSourceMapping",
                _ => return None,
            };
            Some((operation, vec![("UUID", (*id).to_owned())]))
        }
        (_, ["tags", arn]) => {
            let operation = match method {
                "GET" => "ListTags",
                "POST" => "TagResource",
                "DELETE" => "UntagResource",
                _ => return None,
            };
            Some((operation, vec![("Resource", (*arn).to_owned())]))
        }
        _ => None,
    }
}

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    if request.operation == "Invoke" {
        return invoke::invoke(input, world);
    }
    let answer = match request.operation.as_str() {
        "CreateFunction" => functions::create(input, world)?,
        "GetFunction" => functions::get(input, world)?,
        "GetFunctionConfiguration" => functions::configuration(input, world)?,
        "ListFunctions" => functions::list(input, world),
        "UpdateFunctionConfiguration" => functions::update_configuration(input, world)?,
        "UpdateFunctionCode" => functions::update_code(input, world)?,
        "DeleteFunction" => functions::delete(input, world)?,
        "PublishVersion" => versions::publish(input, world)?,
        "ListVersionsByFunction" => versions::list(input, world)?,
        "CreateAlias" => versions::create_alias(input, world)?,
        "GetAlias" => versions::get_alias(input, world)?,
        "UpdateAlias" => versions::update_alias(input, world)?,
        "DeleteAlias" => versions::delete_alias(input, world)?,
        "ListAliases" => versions::list_aliases(input, world)?,
        "PutFunctionConcurrency" => calls::reserve(input, world)?,
        "GetFunctionConcurrency" => calls::reserved(input, world)?,
        "DeleteFunctionConcurrency" => calls::free(input, world)?,
        "PutFunctionEventInvokeConfig" => calls::put_async(input, world, false)?,
        "UpdateFunctionEventInvokeConfig" => calls::put_async(input, world, true)?,
        "GetFunctionEventInvokeConfig" => calls::get_async(input, world)?,
        "DeleteFunctionEventInvokeConfig" => calls::delete_async(input, world)?,
        "AddPermission" => policy::add(input, world)?,
        "GetPolicy" => policy::get(input, world)?,
        "RemovePermission" => policy::remove(input, world)?,
        "CreateEventSourceMapping" => sources::create(input, world)?,
        "GetEventSourceMapping" => sources::get(input, world)?,
        "ListEventSourceMappings" => sources::list(input, world),
        "UpdateEventSourceMapping" => sources::update(input, world)?,
        "DeleteEventSourceMapping" => sources::delete(input, world)?,
        "ListTags" => json!({ "Tags": tagged_function(input, world)?.1["tags"] }),
        "TagResource" => {
            let (name, function) = tagged_function(input, world)?;
            let mut tags = strings(function.get("tags"));
            tags.extend(strings(input.get("Tags")));
            if let Some(key) = tags.keys().find(|key| key.starts_with("aws:")) {
                return Err(invalid(format!("The tag key {key} is reserved.")));
            }
            retag(&name, json!(tags), world)
        }
        "UntagResource" => {
            let (name, function) = tagged_function(input, world)?;
            let mut tags = strings(function.get("tags"));
            // One key comes as a string, several as a list.
            let keys = match &input["tagKeys"] {
                Value::Array(keys) => keys.iter().filter_map(Value::as_str).collect(),
                one => one.as_str().into_iter().collect::<Vec<_>>(),
            };
            tags.retain(|key, _| !keys.contains(&key.as_str()));
            retag(&name, json!(tags), world)
        }
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterValueException", message)
}

fn missing(message: impl Into<String>) -> Refusal {
    Refusal::new("ResourceNotFoundException", message).status(404)
}

fn conflict(message: impl Into<String>) -> Refusal {
    Refusal::new("ResourceConflictException", message).status(409)
}

/// A value that the API model's own limits forbid.
fn constraint(member: &str, value: &str, what: &str) -> Refusal {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member \
         must {what}"
    );
    Refusal::new("ValidationException", message)
}

/// The name and the qualifier of a name, a partial ARN or an ARN.
fn parts(given: &str) -> (&str, Option<&str>) {
    let rest = given.split_once("function:").map_or(given, |(_, rest)| rest);
    rest.split_once(':').map_or((rest, None), |(name, qualifier)| (name, Some(qualifier)))
}

/// The function that a request names, and the qualifier in its name or beside it.
fn named(input: &Value) -> (&str, Option<&str>) {
    let (name, qualifier) = parts(text(input, "FunctionName"));
    (name, input.get("Qualifier").and_then(Value::as_str).or(qualifier))
}

fn arn(name: &str, qualifier: Option<&str>, world: &World<'_>) -> String {
    let ending = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
    world.arn("lambda", &format!("function:{name}{ending}"))
}

fn not_found(name: &str, qualifier: Option<&str>, world: &World<'_>) -> Refusal {
    missing(format!("Function not found: {}", arn(name, qualifier, world)))
}

/// The function of a call that changes it; what was just made can be changed before it can be read.
fn existing<'w>(name: &str, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    world.get(FUNCTIONS, name).ok_or_else(|| not_found(name, None, world))
}

/// The function of a call that reads it.
fn seen<'w>(name: &str, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    let found = world.get(FUNCTIONS, name);
    let found = found.filter(|found| world.visible(found["created"].as_u64().unwrap_or_default()));
    found.ok_or_else(|| not_found(name, None, world))
}

/// Whether something of the function has this qualifier.
fn has(function: &Value, qualifier: &str) -> bool {
    let is = |of: &str| function[of].get(qualifier).is_some();
    qualifier == LATEST || is("versions") || is("aliases")
}

fn changed_revision(name: &str, world: &mut World<'_>) {
    let revision = world.next_uuid();
    world.edit(FUNCTIONS, name, |function| function["latest"]["RevisionId"] = revision.into());
}

fn tagged_function<'w>(input: &Value, world: &'w World<'_>) -> Result<(String, &'w Value), Refusal> {
    let (name, qualifier) = parts(text(input, "Resource"));
    if qualifier.is_some() {
        let message =
            "Tags on function aliases and versions are not supported. Please specify either a function ARN.";
        return Err(invalid(message));
    }
    Ok((name.to_owned(), existing(name, world)?))
}

fn retag(name: &str, tags: Value, world: &mut World<'_>) -> Value {
    world.edit(FUNCTIONS, name, |function| function["tags"] = tags);
    changed_revision(name, world);
    json!({})
}

fn tagged(world: &World<'_>) -> Vec<Tagged> {
    let all = world.all(FUNCTIONS);
    all.iter().map(|(name, one)| (arn(name, None, world), strings(one.get("tags")))).collect()
}

/// One page of a list, as `Marker` and `MaxItems` say.
fn paged(all: &[Value], input: &Value) -> (Vec<Value>, Option<String>) {
    let size = text(input, "MaxItems").parse().unwrap_or(50).min(50);
    super::page(all, text(input, "Marker"), size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_many_names() {
        for name in ["f", "123456789012:function:f", "arn:aws:lambda:us-east-1:123456789012:function:f"] {
            assert_eq!(parts(name), ("f", None), "{name}");
            assert_eq!(parts(&format!("{name}:live")), ("f", Some("live")), "{name}");
        }
    }

    #[test]
    fn patterns_fit_as_in_policies() {
        let fits = |pattern: &str, text: &str| checks::fits(pattern.as_bytes(), text.as_bytes());
        assert!(fits("arn:*:a?c/*", "arn:aws:abc/") && fits("*", "") && fits("a", "a"));
        assert!(!fits("arn:*:a?c", "arn:aws:abcd") && !fits("", "a") && !fits("a?", "a"));
    }
}
