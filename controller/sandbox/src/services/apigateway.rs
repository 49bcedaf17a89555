//! API Gateway, version 1: REST APIs with a draft that is imported and edited, deployments that are snapshots
//! of it, stages that show one, usage plans and keys.
//!
//! Wire shapes are those of the API model; the default models, the escaped resource policy and the refusals
//! are as seen on AWS (aws-semantics 9, 10, 18).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, page, strings, text};
use crate::wire::{Protocol, Reply, Request, Route};

mod apis;
mod deployed;
mod domains;
mod import;
mod keys;
mod methods;
mod patch;
mod plans;
mod stages;
mod usage;

pub use deployed::{DeployedApi, DeployedRoute, GatewayAnswer, Limit, Usage, Validator};

pub(crate) const SERVICE: Service =
    Service { signing: "apigateway", protocol: Protocol::RestJson { route }, handle, tagged };

const APIS: &str = "apigateway/apis";
const DEPLOYMENTS: &str = "apigateway/deployments";
const STAGES: &str = "apigateway/stages";
const PLANS: &str = "apigateway/plans";
const KEYS: &str = "apigateway/keys";
const ACCOUNT: &str = "apigateway/account";
const DOMAINS: &str = "apigateway/domains";
const MAPPINGS: &str = "apigateway/mappings";

/// The throttle of an account, unless it was raised (quota page of API Gateway).
const ACCOUNT_RATE: f64 = 10_000.0;
const ACCOUNT_BURST: u32 = 5_000;

fn route(method: &str, path: &[&str]) -> Option<Route> {
    let own = |value: &str| value.to_owned();
    match (method, path) {
        ("GET", ["account"]) => Some(("GetAccount", Vec::new())),
        ("PATCH", ["account"]) => Some(("UpdateAccount", Vec::new())),
        (_, ["tags", arn @ ..]) => {
            let operation = match method {
                "GET" => "GetTags",
                "PUT" => "TagResource",
                "DELETE" => "UntagResource",
                _ => return None,
            };
            Some((operation, vec![("resourceArn", arn.join("/"))]))
        }
        (_, ["apikeys", rest @ ..]) => {
            let operation = of_collection(method, rest.len(), ["ApiKey", "ApiKeys"])?;
            Some((operation, rest.first().map(|id| ("keyId", own(id))).into_iter().collect()))
        }
        (_, ["domainnames", domain, "basepathmappings", rest @ ..]) => {
            let operation = of_collection(method, rest.len(), ["BasePathMapping", "BasePathMappings"])?;
            let path = rest.first().map(|path| ("basePath", own(path)));
            Some((operation, [("domainName", own(domain))].into_iter().chain(path).collect()))
        }
        (_, ["domainnames", rest @ ..]) => {
            let operation = of_collection(method, rest.len(), ["DomainName", "DomainNames"])?;
            Some((operation, rest.first().map(|name| ("domainName", own(name))).into_iter().collect()))
        }
        (_, ["usageplans", id, "keys", rest @ ..]) => {
            let operation = of_collection(method, rest.len(), ["UsagePlanKey", "UsagePlanKeys"])?;
            let key = rest.first().map(|key| ("planKeyId", own(key)));
            Some((operation, [("usagePlanId", own(id))].into_iter().chain(key).collect()))
        }
        ("GET", ["usageplans", id, "usage"]) => Some(("GetUsage", vec![("usagePlanId", own(id))])),
        (_, ["usageplans", rest @ ..]) => {
            let operation = of_collection(method, rest.len(), ["UsagePlan", "UsagePlans"])?;
            Some((operation, rest.first().map(|id| ("usagePlanId", own(id))).into_iter().collect()))
        }
        ("PUT", ["restapis", id]) => Some(("PutRestApi", vec![("restApiId", own(id))])),
        (_, ["restapis"]) => Some((of_collection(method, 0, ["RestApi", "RestApis"])?, Vec::new())),
        (_, ["restapis", id]) => {
            Some((of_collection(method, 1, ["RestApi", "RestApis"])?, vec![("restApiId", own(id))]))
        }
        (_, ["restapis", id, rest @ ..]) => {
            let (operation, mut params) = inside_api(method, rest)?;
            params.push(("restApiId", own(id)));
            Some((operation, params))
        }
        _ => None,
    }
}

/// The operation on a member of a collection, or on the collection itself.
fn of_collection(method: &str, depth: usize, nouns: [&str; 2]) -> Option<&'static str> {
    const OPERATIONS: &[&str] = &[
        "CreateApiKey",
        "CreateBasePathMapping",
        "CreateDeployment",
        "CreateDomainName",
        "CreateRestApi",
        "CreateStage",
        "CreateUsagePlan",
        "CreateUsagePlanKey",
        "DeleteApiKey",
        "DeleteBasePathMapping",
        "DeleteDeployment",
        "DeleteDomainName",
        "DeleteRestApi",
        "DeleteStage",
        "DeleteUsagePlan",
        "DeleteUsagePlanKey",
        "GetApiKey",
        "GetApiKeys",
        "GetBasePathMapping",
        "GetBasePathMappings",
        "GetDeployment",
        "GetDeployments",
        "GetDomainName",
        "GetDomainNames",
        "GetModels",
        "GetRequestValidators",
        "GetRestApi",
        "GetRestApis",
        "GetStage",
        "GetStages",
        "GetUsagePlan",
        "GetUsagePlanKeys",
        "GetUsagePlans",
        "UpdateApiKey",
        "UpdateBasePathMapping",
        "UpdateDomainName",
        "UpdateRestApi",
        "UpdateStage",
        "UpdateUsagePlan",
    ];
    let [one, many] = nouns;
    let name = match (method, depth) {
        ("GET", 0) => format!("Get{many}"),
        ("POST", 0) => format!("Create{one}"),
        ("GET", 1) => format!("Get{one}"),
        ("PATCH", 1) => format!("Update{one}"),
        ("DELETE", 1) => format!("Delete{one}"),
        _ => return None,
    };
    OPERATIONS.iter().find(|operation| **operation == name).copied()
}

fn inside_api(method: &str, path: &[&str]) -> Option<Route> {
    let own = |value: &str| value.to_owned();
    let member = |name, rest: &[&str]| rest.first().map(|id| (name, own(id))).into_iter().collect();
    match (method, path) {
        (_, ["deployments", rest @ ..]) => {
            let operation = of_collection(method, rest.len(), ["Deployment", "Deployments"])?;
            Some((operation, member("deploymentId", rest)))
        }
        (_, ["stages", rest @ ..]) => {
            let operation = of_collection(method, rest.len(), ["Stage", "Stages"])?;
            Some((operation, member("stageName", rest)))
        }
        ("GET", ["models"]) => Some(("GetModels", Vec::new())),
        ("GET", ["requestvalidators"]) => Some(("GetRequestValidators", Vec::new())),
        ("GET", ["gatewayresponses"]) => Some(("GetGatewayResponses", Vec::new())),
        ("PUT", ["gatewayresponses", kind]) => {
            Some(("PutGatewayResponse", vec![("responseType", own(kind))]))
        }
        ("DELETE", ["gatewayresponses", kind]) => {
            Some(("DeleteGatewayResponse", vec![("responseType", own(kind))]))
        }
        ("GET", ["resources"]) => Some(("GetResources", Vec::new())),
        (_, ["resources", id, "methods", verb, rest @ ..]) => {
            let operation = match (method, rest) {
                ("PATCH", []) => "UpdateMethod",
                ("DELETE", []) => "DeleteMethod",
                ("PATCH", ["integration"]) => "UpdateIntegration",
                _ => return None,
            };
            Some((operation, vec![("resourceId", own(id)), ("httpMethod", own(verb))]))
        }
        _ => None,
    }
}

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    let answer = match request.operation.as_str() {
        "GetAccount" => account(world),
        "UpdateAccount" => update_account(input, world)?,
        "GetTags" => json!({ "tags": find_tagged(input, world)?.2 }),
        "TagResource" => retag(input, world, |tags| tags.extend(strings(input.get("tags"))))?,
        "UntagResource" => {
            // One key comes as a string, several as a list.
            let keys = match &input["tagKeys"] {
                Value::Array(keys) => keys.iter().filter_map(Value::as_str).collect(),
                one => one.as_str().into_iter().collect::<Vec<_>>(),
            };
            retag(input, world, |tags| tags.retain(|key, _| !keys.contains(&key.as_str())))?
        }
        "CreateRestApi" => apis::create(input, world)?,
        "PutRestApi" => apis::put(&request.body, input, world)?,
        "GetRestApi" => apis::shown(text(input, "restApiId"), apis::existing(input, world)?),
        "GetRestApis" => apis::list(input, world),
        "UpdateRestApi" => apis::update(input, world)?,
        "DeleteRestApi" => apis::delete(input, world)?,
        "GetResources" => apis::resources(input, world)?,
        "GetModels" => apis::part(input, world, "models")?,
        "GetRequestValidators" => apis::part(input, world, "validators")?,
        "GetGatewayResponses" => apis::gateway_responses(input, world)?,
        "PutGatewayResponse" => methods::put_gateway_response(input, world)?,
        "DeleteGatewayResponse" => methods::delete_gateway_response(input, world)?,
        "UpdateMethod" => methods::update(input, world)?,
        "DeleteMethod" => methods::delete(input, world)?,
        "UpdateIntegration" => methods::update_integration(input, world)?,
        "CreateDeployment" => stages::deploy(input, world)?,
        "GetDeployment" => stages::deployment(input, world)?,
        "GetDeployments" => stages::deployments(input, world)?,
        "DeleteDeployment" => stages::delete_deployment(input, world)?,
        "CreateStage" => stages::create(input, world)?,
        "GetStage" => stages::get(input, world)?,
        "GetStages" => stages::list(input, world)?,
        "UpdateStage" => stages::update(input, world)?,
        "DeleteStage" => stages::delete(input, world)?,
        "CreateUsagePlan" => plans::create(input, world)?,
        "GetUsagePlan" => plans::shown(text(input, "usagePlanId"), plans::existing(input, world)?),
        "GetUsagePlans" => plans::list(input, world),
        "UpdateUsagePlan" => plans::update(input, world)?,
        "DeleteUsagePlan" => plans::delete(input, world)?,
        "CreateUsagePlanKey" => plans::add_key(input, world)?,
        "GetUsagePlanKeys" => plans::keys(input, world)?,
        "DeleteUsagePlanKey" => plans::remove_key(input, world)?,
        "CreateDomainName" => domains::create(input, world)?,
        "GetDomainName" => domains::get(input, world)?,
        "GetDomainNames" => domains::list(input, world),
        "UpdateDomainName" => domains::update(input, world)?,
        "DeleteDomainName" => domains::delete(input, world)?,
        "CreateBasePathMapping" => domains::map(input, world)?,
        "GetBasePathMapping" => domains::get_mapping(input, world)?,
        "GetBasePathMappings" => domains::mappings(input, world)?,
        "UpdateBasePathMapping" => domains::remap(input, world)?,
        "DeleteBasePathMapping" => domains::unmap(input, world)?,
        "GetUsage" => usage::get(input, world)?,
        "CreateApiKey" => keys::create(input, world)?,
        "GetApiKey" => keys::get(input, world)?,
        "GetApiKeys" => keys::list(input, world),
        "UpdateApiKey" => keys::update(input, world)?,
        "DeleteApiKey" => keys::delete(input, world)?,
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new("BadRequestException", message)
}

fn missing(message: impl Into<String>) -> Refusal {
    Refusal::new("NotFoundException", message).status(404)
}

fn conflict(message: impl Into<String>) -> Refusal {
    Refusal::new("ConflictException", message).status(409)
}

/// An invented id: ten characters, as AWS's are.
fn new_id(world: &mut World<'_>) -> String {
    format!("a{:09x}", world.next_number())
}

/// A page of `item`s; sizes come as text in a query, and default to 25 (API reference).
fn items(input: &Value, all: &[Value]) -> Value {
    let size = text(input, "limit").parse().unwrap_or(25);
    let (page, next) = page(all, text(input, "position"), size);
    json!({ "item": page, "position": next })
}

fn account(world: &World<'_>) -> Value {
    let role = world.get(ACCOUNT, "settings").map(|settings| settings["role"].clone());
    json!({
        "cloudwatchRoleArn": role,
        "throttleSettings": { "rateLimit": ACCOUNT_RATE, "burstLimit": ACCOUNT_BURST },
        "features": ["UsagePlans"],
        "apiKeyVersion": "4",
    })
}

fn update_account(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    for op in patch::operations(input)? {
        match (op.op, op.path.as_slice()) {
            ("replace", [path]) if path == "cloudwatchRoleArn" && op.value.is_empty() => {
                world.remove(ACCOUNT, "settings");
            }
            ("replace", [path]) if path == "cloudwatchRoleArn" => {
                if !op.value.starts_with("arn:aws:iam::") {
                    return Err(bad("The role ARN is not well formed"));
                }
                if !can_log(op.value, world) {
                    return Err(bad(
                        "The role ARN does not have required permissions configured. Please grant trust \
                         permission for API Gateway and add the required role policy.",
                    ));
                }
                world.put(ACCOUNT, "settings", json!({ "role": op.value }));
            }
            _ => return Err(op.refused("/cloudwatchRoleArn, /throttle")),
        }
    }
    Ok(account(world))
}

/// Whether the role is there, seen by now, and may be assumed by API Gateway.
fn can_log(role: &str, world: &World<'_>) -> bool {
    let statement = json!({ "Statement": [{ "Principal": { "AWS": role } }] });
    super::iam::principals::unseen_principal(&statement, world).is_none()
        && super::iam::principals::trusts(role, "apigateway.amazonaws.com", world)
}

/// Collection, id and tags of what an ARN names.
fn find_tagged(
    input: &Value,
    world: &World<'_>,
) -> Result<(&'static str, String, BTreeMap<String, String>), Refusal> {
    let arn = text(input, "resourceArn");
    let unknown = || missing("Invalid resource identifier specified");
    let prefix = format!("arn:aws:apigateway:{}::/", world.region);
    let path = arn.strip_prefix(&prefix).ok_or_else(|| bad("Invalid ARN specified in the request"))?;
    let (collection, id) = match path.split('/').collect::<Vec<_>>().as_slice() {
        ["restapis", id] => (APIS, (*id).to_owned()),
        ["restapis", id, "stages", stage] => (STAGES, format!("{id}/{stage}")),
        ["usageplans", id] => (PLANS, (*id).to_owned()),
        ["apikeys", id] => (KEYS, (*id).to_owned()),
        ["domainnames", name] => (DOMAINS, (*name).to_owned()),
        _ => return Err(unknown()),
    };
    let tags = strings(world.get(collection, &id).ok_or_else(unknown)?.get("tags"));
    Ok((collection, id, tags))
}

fn retag(
    input: &Value,
    world: &mut World<'_>,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<Value, Refusal> {
    let (collection, id, mut tags) = find_tagged(input, world)?;
    change(&mut tags);
    check_tags(&tags)?;
    world.edit(collection, &id, |document| document["tags"] = json!(tags));
    Ok(json!({}))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() > 50 || tags.keys().any(|key| key.starts_with("aws:")) {
        return Err(bad("The tags are too many, or one is reserved."));
    }
    Ok(())
}

fn tagged(world: &World<'_>) -> Vec<Tagged> {
    let of = |collection: &str, arn: &dyn Fn(&str) -> String| -> Vec<Tagged> {
        let all = world.all(collection);
        all.iter()
            .map(|(id, document)| {
                (format!("arn:aws:apigateway:{}::/{}", world.region, arn(id)), strings(document.get("tags")))
            })
            .collect()
    };
    let mut all = of(APIS, &|id| format!("restapis/{id}"));
    all.extend(of(STAGES, &|id| format!("restapis/{}", id.replacen('/', "/stages/", 1))));
    all.extend(of(PLANS, &|id| format!("usageplans/{id}")));
    all.extend(of(KEYS, &|id| format!("apikeys/{id}")));
    all.extend(of(DOMAINS, &|name| format!("domainnames/{name}")));
    all
}
