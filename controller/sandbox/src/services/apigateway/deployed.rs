//! What a caller of an API meets: the snapshot that a stage shows, and who may call how often.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{APIS, DEPLOYMENTS, KEYS, PLANS, STAGES, apis::status_of};
use crate::{Account, services::text, store::Documents};

/// A stage as callers meet it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeployedApi {
    pub id: String,
    pub name: String,
    pub stage: String,
    pub deployment: String,
    pub routes: Vec<DeployedRoute>,
    /// By type (`DEFAULT_4XX`, `THROTTLED` …): only those that the API has itself.
    pub gateway_responses: BTreeMap<String, GatewayAnswer>,
    pub variables: BTreeMap<String, String>,
    /// Schemas by name, as JSON; references to other models are URLs that end in `/models/NAME`.
    pub models: BTreeMap<String, String>,
    pub binary_media_types: Vec<String>,
    /// Smallest body that is compressed, in bytes.
    pub minimum_compression: Option<u64>,
    /// `HEADER` or `AUTHORIZER`.
    pub api_key_source: String,
    /// The stage's own, which every method has that none is said for.
    pub throttle: Option<Limit>,
}

/// One method of one path.
#[derive(Clone, Debug, PartialEq)]
pub struct DeployedRoute {
    /// `GET`, or `ANY`.
    pub method: String,
    /// `/users/{id}`.
    pub path: String,
    /// `AWS_PROXY`, `MOCK` …
    pub integration: String,
    pub uri: Option<String>,
    /// The whole integration as API Gateway shows it: templates, parameters, responses.
    pub details: Value,
    /// Header parameters that the method may answer with, by status.
    pub responses: Value,
    pub api_key_required: bool,
    pub authorization: String,
    pub validator: Option<Validator>,
    /// `method.request.querystring.NAME` and whether it is required.
    pub parameters: BTreeMap<String, bool>,
    /// Models of bodies, by content type.
    pub bodies: BTreeMap<String, String>,
    pub throttle: Option<Limit>,
}

/// What is checked before the integration is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validator {
    pub body: bool,
    pub parameters: bool,
}

/// What the gateway itself answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayAnswer {
    /// The API's own, or AWS's of that type; none where the cause decides (`DEFAULT_4XX`).
    pub status: Option<u16>,
    /// `gatewayresponse.header.NAME` and its value, quoted as AWS wants it.
    pub parameters: BTreeMap<String, String>,
    pub templates: BTreeMap<String, String>,
}

/// Calls per second, and at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    pub rate: f64,
    pub burst: u64,
}

/// What a key may do at one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    pub key: String,
    pub plan: String,
    pub enabled: bool,
    pub throttle: Option<Limit>,
    /// Calls and the period they are counted in: `DAY`, `WEEK`, `MONTH`.
    pub quota: Option<(u64, String)>,
    /// By path and method: `/send-email/POST`.
    pub methods: BTreeMap<String, Limit>,
}

fn get<'d>(documents: &'d Documents, collection: &str, id: &str) -> Option<&'d Value> {
    documents.get(collection)?.get(id).map(AsRef::as_ref)
}

fn all<'d>(documents: &'d Documents, collection: &str) -> impl Iterator<Item = (&'d String, &'d Value)> {
    documents.get(collection).into_iter().flatten().map(|(id, value)| (id, value.as_ref()))
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    crate::services::strings(Some(value))
}

fn limit(value: &Value, rate: &str, burst: &str) -> Option<Limit> {
    Some(Limit { rate: value[rate].as_f64()?, burst: value[burst].as_u64()? })
}

impl Account {
    /// What callers of a stage meet; `None` when there is no such API or stage.
    #[must_use]
    pub fn deployed_api(&self, id: &str, stage: &str) -> Option<DeployedApi> {
        let documents = self.documents();
        let shown = get(&documents, STAGES, &format!("{id}/{stage}"))?;
        let deployment = text(shown, "deploymentId");
        let api = &get(&documents, DEPLOYMENTS, &format!("{id}/{deployment}"))?["api"];
        let draft = &api["draft"];
        let responses = draft["responses"].as_object().into_iter().flatten();
        let answer = |kind: &str, response: &Value| GatewayAnswer {
            status: response["statusCode"]
                .as_str()
                .or(status_of(kind))
                .and_then(|status| status.parse().ok()),
            parameters: strings(&response["responseParameters"]),
            templates: strings(&response["responseTemplates"]),
        };
        let models = draft["models"].as_object().into_iter().flatten();
        Some(DeployedApi {
            id: id.to_owned(),
            name: text(api, "name").to_owned(),
            stage: stage.to_owned(),
            deployment: deployment.to_owned(),
            routes: routes(draft, shown),
            gateway_responses: responses.map(|(kind, one)| (kind.clone(), answer(kind, one))).collect(),
            variables: strings(&shown["variables"]),
            models: models.map(|(name, one)| (name.clone(), text(one, "schema").to_owned())).collect(),
            binary_media_types: api["binary"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|kind| kind.as_str().map(str::to_owned))
                .collect(),
            minimum_compression: api["compression"].as_u64(),
            api_key_source: text(api, "key_source").to_owned(),
            throttle: method_limit(shown, "*/*"),
        })
    }

    /// Ids, names and the stages of every API.
    #[must_use]
    pub fn apis(&self) -> Vec<(String, String, Vec<String>)> {
        let documents = self.documents();
        let stages = |id: &str| {
            let prefix = format!("{id}/");
            all(&documents, STAGES)
                .filter_map(|(key, _)| key.strip_prefix(&prefix).map(str::to_owned))
                .collect()
        };
        all(&documents, APIS)
            .map(|(id, api)| (id.clone(), text(api, "name").to_owned(), stages(id)))
            .collect()
    }

    /// What the key with this value may do at a stage; `None` when no usage plan lets it in.
    #[must_use]
    pub fn usage(&self, key_value: &str, api: &str, stage: &str) -> Option<Usage> {
        let documents = self.documents();
        let (key, found) = all(&documents, KEYS).find(|(_, key)| key["value"] == key_value)?;
        all(&documents, PLANS).find_map(|(plan_id, plan)| {
            let has_key = plan["keys"].as_array()?.iter().any(|one| *one == **key);
            let stages = plan["apiStages"].as_array()?.iter();
            let mut at = stages.filter(|one| one["apiId"] == api && one["stage"] == stage);
            let at = at.next().filter(|_| has_key)?;
            let methods = at["throttle"].as_object().into_iter().flatten();
            let quota = &plan["quota"];
            Some(Usage {
                key: key.clone(),
                plan: plan_id.clone(),
                enabled: found["enabled"] == true,
                throttle: limit(&plan["throttle"], "rateLimit", "burstLimit"),
                quota: quota["limit"].as_u64().map(|limit| (limit, text(quota, "period").to_owned())),
                methods: methods
                    .filter_map(|(path, one)| Some((path.clone(), limit(one, "rateLimit", "burstLimit")?)))
                    .collect(),
            })
        })
    }
}

fn method_limit(stage: &Value, key: &str) -> Option<Limit> {
    limit(stage["methodSettings"].get(key)?, "throttlingRateLimit", "throttlingBurstLimit")
}

fn routes(draft: &Value, stage: &Value) -> Vec<DeployedRoute> {
    let mut routes = Vec::new();
    for (_, resource) in draft["resources"].as_object().into_iter().flatten() {
        let path = text(resource, "path");
        for (verb, method) in resource["methods"].as_object().into_iter().flatten() {
            let integration = &method["methodIntegration"];
            let validators = draft["validators"].as_object().into_iter().flatten();
            let validator = validators.map(|(_, one)| one).find(|one| {
                !method["requestValidatorId"].is_null() && one["id"] == method["requestValidatorId"]
            });
            let parameters = method["requestParameters"].as_object().into_iter().flatten();
            let key = format!("{}/{verb}", path.replace('~', "~0").replace('/', "~1"));
            routes.push(DeployedRoute {
                method: verb.clone(),
                path: path.to_owned(),
                integration: text(integration, "type").to_owned(),
                uri: integration["uri"].as_str().map(str::to_owned),
                details: integration.clone(),
                responses: method["methodResponses"].clone(),
                api_key_required: method["apiKeyRequired"] == true,
                authorization: text(method, "authorizationType").to_owned(),
                validator: validator.map(|one| Validator {
                    body: one["validateRequestBody"] == true,
                    parameters: one["validateRequestParameters"] == true,
                }),
                parameters: parameters.map(|(name, required)| (name.clone(), *required == true)).collect(),
                bodies: strings(&method["requestModels"]),
                throttle: method_limit(stage, &key),
            });
        }
    }
    routes.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
    routes
}
