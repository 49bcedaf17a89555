//! What AWS holds of an API: settings, draft, stage and what the stage shows.
//!
//! An export normalises the document and exists only for a stage, so the draft is read from its parts: five
//! calls, however many routes there are (aws-semantics 9).

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_apigateway::types::{
    GatewayResponse as FoundResponse, Integration as FoundIntegration, Method, Model, RequestValidator,
    Resource as FoundResource, RestApi as FoundApi, Stage as FoundStage,
};
use futures::try_join;
use model::{Fault, Outputs, Ref, policy::Policy};
use serde_json::Value;

use super::{
    Body, Endpoint, KeySource, RestApi, Settings,
    draft::{Answer, Draft, GatewayResponse, Integration, Response, Route, Validator, own_status, schema},
    identity::{self, ABSENT, Listed, PAGE},
    mark,
    stage::Stage,
};
use crate::{
    Live, Place, Reader, Resource,
    aws::{Absent, reads, whole_account},
    kinds::gateway_account,
};

reads!(aws_sdk_apigateway:
    get_rest_apis GetRestApisFluentBuilder,
    get_rest_api GetRestApiFluentBuilder,
    get_resources GetResourcesFluentBuilder,
    get_models GetModelsFluentBuilder,
    get_request_validators GetRequestValidatorsFluentBuilder,
    get_gateway_responses GetGatewayResponsesFluentBuilder,
    get_stages GetStagesFluentBuilder,
    get_deployment GetDeploymentFluentBuilder,
    get_deployments GetDeploymentsFluentBuilder,
);

/// Every page of a list; `None` when what holds the list is not there.
macro_rules! pages {
    ($at:expr, $aws:expr, $action:literal, $absent:expr, $ask:expr) => {{
        let (mut all, mut position) = (Vec::new(), None::<String>);
        loop {
            let page = $aws
                .read($at, "apigateway", $action, || $ask.limit(PAGE).set_position(position.clone()).send())
                .await
                .absent_on($absent)?;
            let Some(page) = page else { break None };
            all.extend_from_slice(page.items());
            position = page.position;
            if position.is_none() {
                break Some(all);
            }
        }
    }};
}
pub(crate) use pages;

/// All APIs of the account, tags included.
async fn list(aws: &Reader) -> Result<Arc<Vec<FoundApi>>, Fault> {
    aws.once("apigateway:GetRestApis", async {
        let at = whole_account("rest-apis");
        Ok(pages!(&at, aws, "GetRestApis", &[], aws.apigateway().get_rest_apis()).unwrap_or_default())
    })
    .await
}

pub(super) async fn find(at: &Place, aws: &Reader) -> Result<Option<Live<RestApi>>, Fault> {
    let all = list(aws).await?;
    let Some(found) = identity::pick(at, &all, aws)? else { return Ok(None) };
    let (id, of) = (Listed::id(found), &at.address);
    let (resources, models, validators, responses, stages) = try_join!(
        async {
            let ask = || aws.apigateway().get_resources().rest_api_id(id).embed("methods");
            Ok::<_, Fault>(pages!(of, aws, "GetResources", ABSENT, ask()))
        },
        async { Ok(pages!(of, aws, "GetModels", ABSENT, aws.apigateway().get_models().rest_api_id(id))) },
        async {
            let ask = || aws.apigateway().get_request_validators().rest_api_id(id);
            Ok(pages!(of, aws, "GetRequestValidators", ABSENT, ask()))
        },
        async {
            let ask = || aws.apigateway().get_gateway_responses().rest_api_id(id);
            Ok(pages!(of, aws, "GetGatewayResponses", ABSENT, ask()))
        },
        stages(at, id, aws),
    )?;
    // One that is deleted while it is looked at is gone.
    let (Some(resources), Some(models), Some(validators), Some(responses), Some(stages)) =
        (resources, models, validators, responses, stages)
    else {
        return Ok(None);
    };
    let draft = draft(&resources, &models, &validators, &responses);
    let (stage, strays) = ours(&stages, at, aws);
    let mut actual = Settings::of_listed(at, found, aws)?.with(draft);
    if let Some(stage) = stage {
        actual.stage = Stage { strays, ..Stage::read(stage) };
        if let Some(log) = &mut actual.stage.access_log {
            let account = gateway_account::settings(of, aws).await?;
            log.account = Ref::live(gateway_account::role_of(&account).unwrap_or_default());
        }
    }
    let mut outputs = outputs(aws, id, &actual.stage.name);
    outputs.insert("name".to_owned(), Listed::name(found).to_owned());
    let mut findings = Vec::new();
    if let Some(deployment) = stage.and_then(FoundStage::deployment_id) {
        let description = description(at, id, deployment, aws).await?;
        let same = description == mark(&actual.served());
        if !same {
            findings.push(not_deployed(deployment, &description));
        }
        if let Body::Draft { deployed, .. } = &mut actual.body {
            *deployed = same;
        }
    }
    if stage.is_none() && !stages.is_empty() {
        findings.push(format!("has {} stages, none of which is this project's", stages.len()));
    }
    if identity::by_id(at.name()).is_none() && Listed::name(found) != at.name() {
        findings.push(format!("is called {} in AWS", Listed::name(found)));
    }
    Ok(Some(Live { findings, ..Live::new(actual, outputs, Some(identity::tags(found))) }))
}

/// What a person must know when the stage does not show what is found in the draft.
fn not_deployed(deployment: &str, description: &str) -> String {
    if description.starts_with(super::MARK) {
        return "its callers do not get this: the draft was changed and not deployed, or the stage was moved \
                to another deployment"
            .to_owned();
    }
    format!("another hand deployed what its callers get (deployment {deployment}: {description:?})")
}

pub(super) fn outputs(aws: &Reader, id: &str, stage: &str) -> Outputs {
    let region = &aws.scope().region;
    let mut outputs = Outputs::from([
        ("id".to_owned(), id.to_owned()),
        ("arn".to_owned(), identity::arn(aws, "restapis", id)),
        ("execution_arn".to_owned(), aws.scope().arn("execute-api", id)),
    ]);
    if !stage.is_empty() {
        outputs.insert("stage".to_owned(), stage.to_owned());
        outputs.insert("url".to_owned(), format!("https://{id}.execute-api.{region}.amazonaws.com/{stage}"));
    }
    outputs
}

/// All stages of an API: a list without pages.
pub(super) async fn stages(at: &Place, id: &str, aws: &Reader) -> Result<Option<Vec<FoundStage>>, Fault> {
    let answer = aws
        .read(&at.address, "apigateway", "GetStages", || aws.apigateway().get_stages().rest_api_id(id).send())
        .await
        .absent_on(ABSENT)?;
    Ok(answer.map(|answer| answer.item.unwrap_or_default()))
}

/// Whether a stage carries the tags of this address.
pub(super) fn is_ours(stage: &FoundStage, at: &Place, aws: &Reader) -> bool {
    let tags = stage.tags().cloned().unwrap_or_default().into_iter().collect();
    aws.scope().owned_address(&tags).as_ref() == Some(&at.address)
}

/// The stage that is meant, and those that were meant before: of several with our tags the one that was
/// changed last; without any, the only one there is.
fn ours<'s>(
    stages: &'s [FoundStage],
    at: &Place,
    aws: &Reader,
) -> (Option<&'s FoundStage>, std::collections::BTreeSet<String>) {
    let mut tagged: Vec<&FoundStage> = stages.iter().filter(|stage| is_ours(stage, at, aws)).collect();
    tagged.sort_by_key(|stage| stage.last_updated_date().map(|date| (date.secs(), date.subsec_nanos())));
    match (tagged.pop(), stages) {
        (Some(last), _) => {
            (Some(last), tagged.iter().filter_map(|stage| stage.stage_name().map(str::to_owned)).collect())
        }
        (None, [only]) => (Some(only), std::collections::BTreeSet::new()),
        _ => (None, std::collections::BTreeSet::new()),
    }
}

async fn description(at: &Place, id: &str, deployment: &str, aws: &Reader) -> Result<String, Fault> {
    let answer = aws
        .read(&at.address, "apigateway", "GetDeployment", || {
            aws.apigateway().get_deployment().rest_api_id(id).deployment_id(deployment).send()
        })
        .await
        .absent_on(ABSENT)?;
    Ok(answer.and_then(|answer| answer.description).unwrap_or_default())
}

macro_rules! settings {
    ($at:expr, $found:expr, $aws:expr) => {{
        let (found, id) = ($found, $found.id().unwrap_or_default());
        let kinds = found.endpoint_configuration().map(|one| one.types().to_vec()).unwrap_or_default();
        Settings {
            name: found.name().unwrap_or_default().to_owned(),
            description: found.description().unwrap_or_default().to_owned(),
            binary_media_types: found.binary_media_types().iter().cloned().collect(),
            minimum_compression_bytes: found.minimum_compression_size().and_then(|n| u32::try_from(n).ok()),
            api_key_source: match found.api_key_source() {
                Some(aws_sdk_apigateway::types::ApiKeySourceType::Authorizer) => KeySource::Authorizer,
                _ => KeySource::Header,
            },
            endpoint: kinds.first().map_or(Endpoint::Edge, Endpoint::read),
            execute_api: !found.disable_execute_api_endpoint(),
            policy: policy($at, id, found.policy(), $aws)?,
        }
    }};
}

impl Settings {
    fn of_listed(at: &Place, found: &FoundApi, aws: &Reader) -> Result<Self, Fault> {
        Ok(settings!(at, found, aws))
    }

    pub(super) fn of_imported(
        at: &Place,
        found: &aws_sdk_apigateway::operation::put_rest_api::PutRestApiOutput,
        aws: &Reader,
    ) -> Result<Self, Fault> {
        Ok(settings!(at, found, aws))
    }

    /// The API that has these settings and this draft, without a stage.
    pub(super) fn with(self, draft: Draft) -> RestApi {
        RestApi {
            description: self.description,
            body: Body::Draft { draft, deployed: false },
            binary_media_types: self.binary_media_types,
            minimum_compression_bytes: self.minimum_compression_bytes,
            api_key_source: self.api_key_source,
            endpoint: self.endpoint,
            execute_api: self.execute_api,
            policy: self.policy,
            stage: Stage::named(""),
        }
    }
}

/// A policy comes with its quotes escaped once more, and with whole ARNs for `execute-api:/…`.
fn policy(at: &Place, id: &str, text: Option<&str>, aws: &Reader) -> Result<Option<Policy>, Fault> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let own = format!("{}/", aws.scope().arn("execute-api", id));
    let text = text.replace("\\\"", "\"").replace("\\/", "/").replace(&own, "execute-api:/");
    let read = Policy::parse(&text);
    read.map(Some).map_err(|error| Fault::refused(&at.address, format!("its policy cannot be read: {error}")))
}

fn sorted<V: Clone>(map: Option<&std::collections::HashMap<String, V>>) -> BTreeMap<String, V> {
    map.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn draft(
    resources: &[FoundResource],
    models: &[Model],
    validators: &[RequestValidator],
    responses: &[FoundResponse],
) -> Draft {
    let names: BTreeMap<&str, &str> =
        validators.iter().filter_map(|one| Some((one.id()?, one.name()?))).collect();
    let mut routes = BTreeMap::new();
    for resource in resources {
        for (verb, method) in resource.resource_methods().into_iter().flatten() {
            let name = format!("{verb} {}", resource.path().unwrap_or_default());
            routes.insert(name, route(method, &names));
        }
    }
    // `Empty` and `Error` come with every API; an import takes them away.
    let is_default = |model: &&Model| {
        let text = model.description().unwrap_or_default();
        text.starts_with("This is a default") && text.ends_with("schema model")
    };
    let read =
        |text: &str| serde_json::from_str(text).map_or_else(|_| text.into(), |value: Value| schema(&value));
    Draft {
        routes,
        models: models
            .iter()
            .filter(|model| !is_default(model))
            .filter_map(|model| Some((model.name()?.to_owned(), read(model.schema().unwrap_or_default()))))
            .collect(),
        validators: validators
            .iter()
            .filter_map(|one| {
                let (body, parameters) = (one.validate_request_body(), one.validate_request_parameters());
                Some((one.name()?.to_owned(), Validator { body, parameters }))
            })
            .collect(),
        gateway_responses: responses
            .iter()
            .filter(|one| !one.default_response())
            .filter_map(|one| {
                let kind = one.response_type()?.as_str();
                let response = GatewayResponse {
                    status: own_status(kind, one.status_code().map(str::to_owned)),
                    parameters: sorted(one.response_parameters()),
                    templates: sorted(one.response_templates()),
                };
                Some((kind.to_owned(), response))
            })
            .collect(),
    }
}

fn route(method: &Method, validators: &BTreeMap<&str, &str>) -> Route {
    let authorization = method.authorization_type().unwrap_or("NONE").to_owned();
    let responses = method.method_responses().into_iter().flatten().map(|(status, one)| {
        let (headers, bodies) = (sorted(one.response_parameters()), sorted(one.response_models()));
        (status.clone(), Response { headers, bodies })
    });
    Route {
        operation: method.operation_name().filter(|name| !name.is_empty()).map(str::to_owned),
        authorization: match method.authorizer_id() {
            Some(id) => format!("{authorization} {id}"),
            None => authorization,
        },
        api_key: method.api_key_required().unwrap_or_default(),
        validator: method
            .request_validator_id()
            .filter(|id| !id.is_empty())
            .map(|id| validators.get(id).copied().unwrap_or(id).to_owned()),
        parameters: sorted(method.request_parameters()),
        bodies: sorted(method.request_models()),
        integration: method.method_integration().map(integration),
        responses: responses.collect(),
    }
}

fn integration(found: &FoundIntegration) -> Integration {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let responses = found.integration_responses().into_iter().flatten().map(|(status, one)| {
        let answer = Answer {
            pattern: text(one.selection_pattern()),
            parameters: sorted(one.response_parameters()),
            templates: sorted(one.response_templates()),
            content_handling: one.content_handling().map(|word| word.as_str().to_owned()),
        };
        (status.clone(), answer)
    });
    Integration {
        kind: found.r#type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        method: text(found.http_method()),
        uri: text(found.uri()),
        credentials: text(found.credentials()),
        parameters: sorted(found.request_parameters()),
        templates: sorted(found.request_templates()),
        passthrough: found.passthrough_behavior().unwrap_or("WHEN_NO_MATCH").to_owned(),
        content_handling: found.content_handling().map(|word| word.as_str().to_owned()),
        timeout_ms: u32::try_from(found.timeout_in_millis()).unwrap_or_default(),
        responses: responses.collect(),
    }
}

/// What the stage owns: the first API of an address by its name, any other by its id.
pub(super) async fn owned(aws: &Reader) -> Result<Vec<(model::Address, String)>, Fault> {
    identity::owned(aws, "restapis", <RestApi as Resource>::KIND).await
}
