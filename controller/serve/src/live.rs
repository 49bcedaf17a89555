//! What is deployed, as the embedded account has it: the one place where its types become ours.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use sandbox::{Account, DeployedApi, DeployedRoute, Limit};
use serde_json::Value;

use crate::{
    deployed::{
        Api, EventSource, Function, GatewayResponse, Integration, Mapping, Method, MockResponse, Period,
        Quota, Resource, Schedule, Throttle, Usage,
    },
    view::Deployed,
};

/// Collections of the account that hold anything of what is read here.
const COLLECTIONS: &[&str] = &["apigateway/", "lambda/", "scheduler/"];

/// API Gateway's own limit for an integration that names none.
const TIMEOUT_MS: u64 = 29_000;

/// Without anything in between.
struct Live(Account);

/// What is deployed in an account.
#[must_use]
pub fn of(account: &Account) -> Arc<dyn Deployed> {
    Arc::new(Live(account.clone()))
}

impl Deployed for Live {
    fn changes(&self) -> u64 {
        self.0.changes(COLLECTIONS)
    }

    fn apis(&self) -> Vec<(String, String, String)> {
        let apis = self.0.apis().into_iter();
        apis.flat_map(|(id, name, stages)| {
            stages.into_iter().map(move |stage| (id.clone(), name.clone(), stage))
        })
        .collect()
    }

    fn api(&self, id: &str, stage: &str) -> Option<Api> {
        Some(api(self.0.deployed_api(id, stage)?, self.0.id(), self.0.region()))
    }

    fn mappings(&self) -> Vec<Mapping> {
        let all = self.0.mappings().into_iter();
        all.map(|(host, base, api, stage)| Mapping { host, base, api, stage }).collect()
    }

    fn usage(&self, key: &str, api: &str, stage: &str) -> Option<Usage> {
        let found = self.0.usage(key, api, stage).filter(|usage| usage.enabled)?;
        let quota = found.quota.and_then(|(limit, period)| {
            let period = match period.as_str() {
                "DAY" => Period::Day,
                "WEEK" => Period::Week,
                "MONTH" => Period::Month,
                _ => return None,
            };
            Some(Quota { limit, period, offset: 0 })
        });
        Some(Usage {
            key_id: found.key,
            plan_id: found.plan,
            throttle: found.throttle.map(throttle),
            methods: found.methods.into_iter().map(|(at, limit)| (at, throttle(limit))).collect(),
            quota,
        })
    }

    fn function(&self, arn: &str) -> Option<Function> {
        let found = self.0.deployed_function(arn)?;
        let least = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Some(Function {
            name: found.name,
            version: found.version,
            arn: found.arn,
            account: self.0.id().to_owned(),
            region: self.0.region().to_owned(),
            code: found.code_sha256,
            handler: found.handler,
            memory_mb: least(found.memory_mb),
            timeout_s: least(found.timeout_s),
            variables: found.environment,
            log_group: found.log_group,
            reserved: found.reserved_concurrency.map(least),
        })
    }

    fn may_invoke(&self, arn: &str, principal: &str, source: &str) -> bool {
        self.0.may_invoke(arn, principal, source)
    }

    fn artefact(&self, sha256: &str) -> Option<Bytes> {
        self.0.code(sha256)
    }

    fn event_sources(&self) -> Vec<EventSource> {
        let enabled = self.0.event_sources().into_iter().filter(|source| source.enabled);
        enabled
            .map(|source| EventSource {
                queue: source.queue_arn,
                function: source.function_arn,
                batch: u32::try_from(source.batch_size).unwrap_or(10),
                partial: source.reports_failures,
            })
            .collect()
    }

    fn schedules(&self) -> Vec<Schedule> {
        let all = self.0.schedules().into_iter().filter(|one| one.enabled);
        all.map(|one| Schedule {
            arn: format!(
                "arn:aws:scheduler:{}:{}:schedule/{}/{}",
                self.0.region(),
                self.0.id(),
                one.group,
                one.name
            ),
            expression: one.expression,
            timezone: one.timezone,
            target: one.target_arn,
            input: one.input,
        })
        .collect()
    }
}

fn throttle(limit: Limit) -> Throttle {
    Throttle { rate: limit.rate, burst: limit.burst as f64 }
}

fn api(found: DeployedApi, account: &str, region: &str) -> Api {
    let own = found
        .routes
        .iter()
        .filter_map(|route| Some((format!("{}/{}", route.path, route.method), throttle(route.throttle?))));
    let mut throttles: BTreeMap<String, Throttle> = own.collect();
    throttles.extend(found.throttle.map(|limit| ("*/*".to_owned(), throttle(limit))));
    let models: BTreeMap<String, Value> = found
        .models
        .iter()
        .filter_map(|(name, schema)| Some((name.clone(), serde_json::from_str(schema).ok()?)))
        .collect();
    let answer = |one: sandbox::GatewayAnswer| GatewayResponse {
        status: one.status,
        parameters: one.parameters,
        templates: one.templates,
    };
    let mut resources: BTreeMap<String, Resource> = BTreeMap::new();
    for route in &found.routes {
        let resource = resources.entry(route.path.clone()).or_default();
        resource.id = resource_id(&route.path);
        resource.path.clone_from(&route.path);
        resource.methods.insert(route.method.clone(), method(route, &models));
    }
    Api {
        id: found.id,
        name: found.name,
        stage: found.stage,
        deployment: found.deployment,
        account: account.to_owned(),
        region: region.to_owned(),
        variables: found.variables,
        binary_media_types: found.binary_media_types.into_iter().collect(),
        resources: resources.into_values().collect(),
        models,
        responses: found.gateway_responses.into_iter().map(|(kind, one)| (kind, answer(one))).collect(),
        throttles,
    }
}

/// Six letters, as AWS invents them, always the same for a path.
fn resource_id(path: &str) -> String {
    crate::runtime::code::digest(path.as_bytes()).chars().take(6).collect()
}

fn method(route: &DeployedRoute, models: &BTreeMap<String, Value>) -> Method {
    let checks = route.validator;
    let required = route.parameters.iter().filter(|(_, required)| **required).map(|(name, _)| name.clone());
    let schema = |(kind, model): (&String, &String)| Some((kind.clone(), models.get(model)?.clone()));
    Method {
        key_required: route.api_key_required,
        authorization: route.authorization.clone(),
        operation: None,
        required_parameters: match checks.is_some_and(|checks| checks.parameters) {
            true => required.collect(),
            false => BTreeSet::new(),
        },
        schemas: match checks.is_some_and(|checks| checks.body) {
            true => route.bodies.iter().filter_map(schema).collect(),
            false => BTreeMap::new(),
        },
        integration: integration(route),
    }
}

fn integration(route: &DeployedRoute) -> Integration {
    let details = &route.details;
    match route.integration.as_str() {
        "AWS_PROXY" => Integration::Proxy {
            function: function_of(route.uri.as_deref().unwrap_or_default()).to_owned(),
            timeout_ms: details["timeoutInMillis"].as_u64().unwrap_or(TIMEOUT_MS),
        },
        "MOCK" => {
            let responses = details["integrationResponses"].as_object().into_iter().flatten();
            let response = |(status, one): (&String, &Value)| MockResponse {
                pattern: one["selectionPattern"].as_str().filter(|text| !text.is_empty()).map(str::to_owned),
                status: status.parse().unwrap_or(200),
                parameters: strings(&one["responseParameters"]),
                templates: strings(&one["responseTemplates"]),
            };
            Integration::Mock {
                requests: strings(&details["requestTemplates"]),
                responses: responses.map(response).collect(),
            }
        }
        other => Integration::Other(other.to_owned()),
    }
}

/// The function in `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`.
fn function_of(uri: &str) -> &str {
    let rest = uri.split_once("/functions/").map_or(uri, |(_, rest)| rest);
    rest.strip_suffix("/invocations").unwrap_or(rest)
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    let members = value.as_object().into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integration_names_its_function() {
        let function = "arn:aws:lambda:us-east-1:000000000000:function:crm-sandbox-send:live";
        let uri =
            format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations");
        assert_eq!(function_of(&uri), function);
    }
}
