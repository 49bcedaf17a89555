//! REST APIs from the contract: document, stage, throttles, usage plan, and who may call which function.

use std::collections::BTreeMap;

use contract::{
    api::{APIS, Api, Auth, Endpoint, Throttle as Class},
    function::Trigger,
    reply::Code,
};
use kinds::{
    World,
    bound::{DeclareError, Handle},
    kinds::{
        api_key::ApiKey,
        function_policy::{FunctionPolicy, Permission},
        log_group::LogGroup,
        rest_api::{AccessLog, LogLevel, MethodSettings, RestApi, Throttle},
        usage_plan::{PlanStage, Quota, UsagePlan},
    },
};
use model::{Address, Ref, Text};
use serde_json::{Map, Value, json};

use crate::{Environment, domains, operations::Operations};

/// The longest that API Gateway waits for a function.
const TIMEOUT_MS: u32 = 29_000;

/// What the access log says of each call. No query strings: they hold tokens and addresses (R104).
const ACCESS: &[(&str, &str)] = &[
    ("requestId", "requestId"),
    ("ip", "identity.sourceIp"),
    ("time", "requestTime"),
    ("method", "httpMethod"),
    ("resource", "resourcePath"),
    ("status", "status"),
    ("latencyMs", "responseLatency"),
    ("bytes", "responseLength"),
    ("error", "error.responseType"),
    ("integrationStatus", "integration.status"),
];

/// Failures of the gateway in front of an API with keys, whose bodies repeat their status (R75). A wrong key is 401
/// there, where API Gateway would say 403.
const KEYED: &[(&str, u16)] = &[
    ("INVALID_API_KEY", 401),
    ("ACCESS_DENIED", 403),
    ("MISSING_AUTHENTICATION_TOKEN", 404),
    ("THROTTLED", 429),
    ("QUOTA_EXCEEDED", 429),
    ("DEFAULT_4XX", 400),
    ("DEFAULT_5XX", 500),
];

/// Failures of the gateway in front of an API whose functions have codes of their own (A5): the type, its status where
/// it is not AWS's, and the code. Who calls too often may come again in a second: the gateway counts by the second.
const CODED: &[(&str, Option<u16>, Option<Code>)] = &[
    ("THROTTLED", None, Some(Code::RateLimitExceeded)),
    ("QUOTA_EXCEEDED", None, Some(Code::RateLimitExceeded)),
    // A route that does not exist, whatever AWS calls it.
    ("MISSING_AUTHENTICATION_TOKEN", Some(404), Some(Code::NotFound)),
    ("REQUEST_TOO_LARGE", None, Some(Code::InvalidRequest)),
    ("INTEGRATION_TIMEOUT", None, Some(Code::Unavailable)),
    ("DEFAULT_4XX", None, None),
    ("DEFAULT_5XX", None, Some(Code::Internal)),
];
const AGAIN_S: u32 = 1;

/// Declares every API that has a function to call.
pub(crate) fn declare(
    world: &mut World,
    environment: &Environment,
    operations: &Operations,
) -> Result<(), DeclareError> {
    let domain = domains::declare(world, environment)?;
    for api in APIS {
        let gateway = gateway(world, environment, operations, api)?;
        if let Some(domain) = &domain {
            domains::lead(world, environment, domain, api, &gateway)?;
        }
        plan(world, environment, api, &gateway)?;
        callers(world, environment, api, &gateway)?;
    }
    Ok(())
}

fn gateway(
    world: &mut World,
    environment: &Environment,
    operations: &Operations,
    api: &Api,
) -> Result<Handle<RestApi>, DeclareError> {
    let log = LogGroup::kept_for_days(environment.logs.retention_days);
    let log = world.add(api.stack, &format!("{}-access", api.name), log)?;
    let (rate, burst) = Class::Standard.rate();
    let mut declared = RestApi::serving(document(environment, api)?, environment.web.path_of(api.name));
    declared.description = api.description.to_owned();
    let stage = &mut declared.stage;
    stage.settings = Some(counted(rate, burst));
    stage.methods = api
        .endpoints
        .iter()
        .flat_map(|endpoint| {
            let (rate, burst) = endpoint.throttle.rate();
            // A preflight is nobody's request yet.
            let verbs = endpoint.verbs().filter(|verb| *verb != "OPTIONS");
            verbs.map(move |verb| (format!("{verb} {}", endpoint.path), counted(rate, burst)))
        })
        .collect();
    let format = ACCESS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    stage.access_log = Some(AccessLog { group: log.arn(), format, account: operations.gateways.clone() });
    stage.tracing = environment.logs.tracing;
    world.add(api.stack, api.name, declared)
}

/// Throttled, and counted method by method: alarms and dashboards go by that.
fn counted(rate: u32, burst: u32) -> MethodSettings {
    MethodSettings {
        metrics: true,
        log: LogLevel::Off,
        log_bodies: false,
        throttle: Throttle::new(rate, burst),
    }
}

/// What API Gateway imports: routes and how they reach functions. Shapes of bodies are checked by the functions,
/// whose failures all have one shape; the published document describes them.
fn document(environment: &Environment, api: &Api) -> Result<Value, DeclareError> {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for endpoint in api.endpoints {
        let item = paths.entry(endpoint.path).or_default();
        item.insert(endpoint.method.name().to_lowercase(), operation(environment, endpoint)?);
        // Which origin is allowed depends on who asks, so the function answers the preflight too.
        for verb in endpoint.verbs().filter(|verb| *verb != endpoint.method.name()) {
            let integration = integration(environment, endpoint)?;
            let plain = json!({ "x-amazon-apigateway-integration": integration, "responses": {} });
            item.entry(verb.to_lowercase()).or_insert(plain);
        }
    }
    let mut document = json!({
        "openapi": "3.0.1",
        "info": { "title": api.title, "version": contract::reply::VERSION },
        "paths": paths,
        "x-amazon-apigateway-gateway-responses": failures(environment, api),
    });
    if is_keyed(api) {
        let scheme = json!({ "type": "apiKey", "name": "x-api-key", "in": "header" });
        document["components"] = json!({ "securitySchemes": { "api_key": scheme } });
    }
    Ok(document)
}

fn operation(environment: &Environment, endpoint: &Endpoint) -> Result<Value, DeclareError> {
    let mut operation = json!({
        "operationId": endpoint.id,
        "responses": {},
        "x-amazon-apigateway-integration": integration(environment, endpoint)?,
    });
    if endpoint.auth == Auth::ApiKey {
        operation["security"] = json!([{ "api_key": [] }]);
    }
    Ok(operation)
}

/// The alias is named, not waited for: a function may need the URL of its API.
fn integration(environment: &Environment, endpoint: &Endpoint) -> Result<Value, DeclareError> {
    let function = Address::new(endpoint.function.stack, "function", endpoint.function.name)?;
    let region = environment.region.as_str();
    let uri = Text::from(format!("arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/"))
        .then(Text::named(&function, "alias_arn").as_str())
        .then("/invocations");
    Ok(json!({ "type": "aws_proxy", "httpMethod": "POST", "uri": uri, "timeoutInMillis": TIMEOUT_MS }))
}

/// What the gateway itself answers: readable by browsers (R4), in the shape of the API's failures (R3).
fn failures(environment: &Environment, api: &Api) -> Value {
    let mut headers = Map::new();
    // A static header cannot echo; the first origin is the CRM's.
    if let Some(origin) = environment.web.origins.first() {
        headers.insert(
            "gatewayresponse.header.Access-Control-Allow-Origin".to_owned(),
            json!(format!("'{origin}'")),
        );
        headers.insert("gatewayresponse.header.Access-Control-Allow-Credentials".to_owned(), json!("'true'"));
        headers.insert("gatewayresponse.header.Vary".to_owned(), json!("'Origin'"));
    }
    let answer = |template: String| {
        let templates = json!({ "application/json": template });
        json!({ "responseParameters": headers, "responseTemplates": templates })
    };
    if !is_keyed(api) {
        let coded = CODED.iter().map(|(kind, status, code)| {
            let mut answer = answer(coded(kind, *code));
            if let Some(status) = status {
                answer["statusCode"] = json!(status.to_string());
            }
            if *code == Some(Code::RateLimitExceeded) {
                answer["responseParameters"]["gatewayresponse.header.Retry-After"] =
                    json!(format!("'{AGAIN_S}'"));
            }
            ((*kind).to_owned(), answer)
        });
        return Value::Object(coded.collect());
    }
    let mut answers = Map::new();
    for (kind, status) in KEYED {
        let template = format!(r#"{{"statusCode":{status},"message":$context.error.messageString}}"#);
        let mut answer = answer(template);
        if !kind.starts_with("DEFAULT") {
            answer["statusCode"] = json!(status.to_string());
        }
        answers.insert((*kind).to_owned(), answer);
    }
    answers.into()
}

/// The body of a failure in the shape of R3. Its time is as API Gateway writes times: it has no other text of it.
fn coded(kind: &str, code: Option<Code>) -> String {
    let error = match kind {
        "MISSING_AUTHENTICATION_TOKEN" => r#""No such method or path""#,
        _ => "$context.error.messageString",
    };
    let code = code.map_or_else(String::new, |code| format!(r#","code":{}"#, json!(code)));
    format!(
        r#"{{"success":false,"error":{error}{code},"timestamp":"$context.requestTime","version":"{}"}}"#,
        contract::reply::VERSION
    )
}

fn is_keyed(api: &Api) -> bool {
    api.endpoints.iter().any(|endpoint| endpoint.auth == Auth::ApiKey)
}

/// Keys and quotas. Callers with tokens need no key; the quota then counts nobody, and the functions count (A10).
fn plan(
    world: &mut World,
    environment: &Environment,
    api: &Api,
    gateway: &Handle<RestApi>,
) -> Result<(), DeclareError> {
    let (rate, burst) = Class::Standard.rate();
    let stage = PlanStage {
        api: gateway.by("id"),
        stage: environment.web.path_of(api.name).into(),
        throttles: BTreeMap::new(),
    };
    let mut plan = UsagePlan {
        stages: [stage].into(),
        throttle: Some(Throttle::new(rate, burst)),
        quota: Some(Quota::daily(api.quota_a_day)),
        ..UsagePlan::unlimited(&format!("What callers of {} may ask for.", api.name))
    };
    if is_keyed(api) {
        let key = world.add(api.stack, &format!("{}-crm", api.name), ApiKey::enabled("The CRM."))?;
        plan.keys = [key.by("id")].into();
    }
    world.add(api.stack, api.name, plan).map(|_| ())
}

/// Lets the gateway call each function for exactly the routes that lead to it.
fn callers(
    world: &mut World,
    environment: &Environment,
    api: &Api,
    gateway: &Handle<RestApi>,
) -> Result<(), DeclareError> {
    let stage = environment.web.path_of(api.name);
    let mut by_function: BTreeMap<(&str, &str), BTreeMap<String, Permission>> = BTreeMap::new();
    for endpoint in api.endpoints.iter().filter(|endpoint| endpoint.function.trigger == Trigger::Api) {
        let function = (endpoint.function.stack, endpoint.function.name);
        let statements = by_function.entry(function).or_default();
        for method in endpoint.verbs() {
            let route = format!("/{stage}/{method}{}", endpoint.path);
            let source = gateway.by("execution_arn").text().clone().then(&route);
            let sid: String = format!("{method}{}", endpoint.path)
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                .collect();
            statements.insert(sid, Permission::of_service("apigateway.amazonaws.com", source));
        }
    }
    for ((stack, name), statements) in by_function {
        let function = Ref::to(&Address::new(stack, "function", name)?, "name");
        let policy = FunctionPolicy { function, statements, strays: BTreeMap::new() };
        world.add(stack, name, policy)?;
    }
    Ok(())
}
