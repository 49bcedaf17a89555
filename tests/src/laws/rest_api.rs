//! Examples of REST APIs.

use std::collections::{BTreeMap, BTreeSet};

use kinds::{
    World,
    kinds::{
        gateway_account::GatewayAccount,
        log_group::LogGroup,
        rest_api::{AccessLog, Body, Endpoint, KeySource, LogLevel, MethodSettings, RestApi, Stage},
        role::Role,
    },
};
use model::policy::{Policy, Statement};
use serde_json::{Value, json};

use super::{Example, hold};

pub(super) mod hands;
mod refusals;

pub(crate) use hands::patch;

/// A function behind an integration, by its alias.
fn function(name: &str) -> Value {
    let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}:live");
    json!({
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"),
    })
}

/// The answer to a browser's preflight request.
fn preflight() -> Value {
    let header = |name: &str| format!("method.response.header.Access-Control-Allow-{name}");
    json!({
        "responses": { "204": {
            "description": "allowed",
            "headers": {
                "Access-Control-Allow-Origin": { "schema": { "type": "string" } },
                "Access-Control-Allow-Methods": { "schema": { "type": "string" } },
            },
        } },
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": { "application/json": "{\"statusCode\": 204}" },
            "passthroughBehavior": "when_no_templates",
            "responses": { "default": {
                "statusCode": "204",
                "responseParameters": {
                    header("Origin"): "'https://app.example.com'",
                    header("Methods"): "'POST,OPTIONS'",
                },
            } },
        },
    })
}

pub(super) fn minimal() -> Value {
    json!({
        "openapi": "3.0.3",
        "info": { "title": "mail", "version": "1" },
        "paths": { "/send-email": { "post": {
            "responses": { "200": { "description": "sent" } },
            "x-amazon-apigateway-integration": function("send-email"),
        } } },
    })
}

/// Several routes, with all that a document may say. `role` is called with.
pub(super) fn whole(role: &str) -> Value {
    let mail = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Mail" } } });
    let addresses =
        json!({ "type": "array", "items": { "$ref": "#/components/schemas/Address" }, "maxItems": 50 });
    let cors = json!({ "gatewayresponse.header.Access-Control-Allow-Origin": "'*'" });
    json!({
        "openapi": "3.0.3",
        "info": { "title": "outreach", "version": "2", "description": "for readers" },
        "tags": [{ "name": "mail" }],
        "paths": {
            "/outreach/send-email": {
                "parameters": [{ "$ref": "#/components/parameters/Trace" }],
                "post": {
                    "operationId": "sendEmail",
                    "summary": "Sends one mail",
                    "security": [{ "key": [], "person": [] }],
                    "x-amazon-apigateway-request-validator": "all",
                    "requestBody": { "$ref": "#/components/requestBodies/Mail" },
                    "responses": {
                        "200": {
                            "description": "sent",
                            "headers": { "X-Id": { "required": true, "schema": { "type": "string" } } },
                            "content": mail,
                        },
                        "default": { "description": "an error" },
                    },
                    "x-amazon-apigateway-integration": function("send-email"),
                },
                "options": preflight(),
            },
            "/outreach/{id}/stats": { "get": {
                "parameters": [
                    { "in": "path", "name": "id", "required": true, "schema": { "type": "string" } },
                    { "in": "query", "name": "since", "schema": { "type": "string" } },
                ],
                "security": [{ "signed": [] }],
                "x-amazon-apigateway-request-validator": "parameters",
                "responses": { "200": { "description": "numbers" } },
                "x-amazon-apigateway-integration": function("stats"),
            } },
            "/queue": { "post": {
                "responses": { "200": { "description": "kept" }, "400": { "description": "not kept" } },
                "x-amazon-apigateway-integration": {
                    "type": "aws",
                    "httpMethod": "POST",
                    "uri": "arn:aws:apigateway:us-east-1:sqs:path/000000000000/mail",
                    "credentials": role,
                    "requestParameters": { "integration.request.header.X-Kind": "'mail'" },
                    "requestTemplates": { "application/json": "Action=SendMessage&MessageBody=$input.body" },
                    "passthroughBehavior": "never",
                    "timeoutInMillis": 5000,
                    "responses": {
                        "default": { "statusCode": "200", "responseTemplates": { "application/json": "{}" } },
                        "4\\d{2}": { "statusCode": "400" },
                    },
                },
            } },
            "/any": { "x-amazon-apigateway-any-method": {
                "x-amazon-apigateway-integration": function("any"),
            } },
        },
        "components": {
            "parameters": { "Trace": { "in": "header", "name": "X-Trace", "schema": { "type": "string" } } },
            "requestBodies": { "Mail": { "content": mail } },
            "schemas": {
                "Mail": {
                    "type": "object",
                    "required": ["to"],
                    "properties": {
                        "to": addresses,
                        "subject": { "type": "string", "maxLength": 100, "example": "Hello" },
                    },
                },
                "Address": { "type": "string", "pattern": "^[^@]+@[^@]+$" },
            },
            "securitySchemes": {
                "key": { "type": "apiKey", "name": "x-api-key", "in": "header" },
                "person": { "type": "http", "scheme": "bearer" },
                "signed": {
                    "type": "apiKey", "name": "Authorization", "in": "header",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                },
            },
        },
        "x-amazon-apigateway-request-validators": {
            "all": { "validateRequestBody": true, "validateRequestParameters": true },
            "parameters": { "validateRequestBody": false, "validateRequestParameters": true },
        },
        "x-amazon-apigateway-gateway-responses": {
            "DEFAULT_4XX": { "responseParameters": cors },
            "THROTTLED": {
                "statusCode": 429,
                "responseParameters": cors,
                "responseTemplates": { "application/json": "{\"error\":\"slow down\"}" },
            },
        },
    })
}

/// Changes one place of the document.
pub(super) fn set(api: &mut RestApi, pointer: &str, value: Value) {
    let Body::Document(document) = &mut api.body else { panic!("a document was declared") };
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
}

/// What comes before an API that logs: its group, the role that writes, and the account that knows the role.
pub(super) fn log_of(world: &mut World) -> AccessLog {
    let role = Role {
        managed: BTreeSet::from([
            "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs".to_owned(),
        ]),
        ..Role::of_service("apigateway.amazonaws.com")
    };
    let role = world.add("laws", "logs", role).expect("an address");
    let account = world.add("laws", "account", GatewayAccount { log_role: role.arn() }).expect("an address");
    let group = world.add("laws", "access", LogGroup::kept_for_days(30)).expect("an address");
    let format = [("id", "requestId"), ("ip", "identity.sourceIp"), ("status", "status")];
    AccessLog {
        group: group.arn(),
        account: account.by("log_role"),
        format: format.map(|(key, variable)| (key.to_owned(), variable.to_owned())).into(),
    }
}

fn logged() -> MethodSettings {
    MethodSettings { metrics: true, log: LogLevel::Error, ..MethodSettings::throttled(100, 200) }
}

pub(super) fn full(world: &mut World) -> RestApi {
    let log = log_of(world);
    let caller = Role::of_service("apigateway.amazonaws.com");
    let caller = world.add("laws", "caller", caller).expect("an address");
    let allow = Statement::allow(["execute-api:Invoke"], ["execute-api:/*"]).to_aws("*");
    RestApi {
        description: "Mail for campaigns".to_owned(),
        binary_media_types: BTreeSet::from(["image/gif".to_owned(), "application/pdf".to_owned()]),
        minimum_compression_bytes: Some(1_024),
        policy: Some(Policy::new([allow])),
        stage: Stage {
            variables: BTreeMap::from([("alias".to_owned(), "live".to_owned())]),
            settings: Some(logged()),
            methods: BTreeMap::from([
                ("POST /outreach/send-email".to_owned(), MethodSettings::throttled(25, 50)),
                ("GET /outreach/{id}/stats".to_owned(), MethodSettings::throttled(50, 100)),
            ]),
            access_log: Some(log),
            tracing: true,
            ..Stage::named("dev")
        },
        ..RestApi::serving(whole(caller.arn().text().as_str()), "dev")
    }
}

const SEND: &str = "/paths/~1outreach~1send-email/post";

pub(crate) fn examples() -> [Example<RestApi>; 2] {
    [
        Example {
            name: "minimal",
            declare: |_| RestApi::serving(minimal(), "dev"),
            mutations: &[
                ("description", |api| api.description = "Mail".to_owned()),
                ("routes", |api| {
                    set(api, "/paths/~1send-email/post/x-amazon-apigateway-integration", function("b"))
                }),
                ("binary_media_types", |api| api.binary_media_types = BTreeSet::from(["*/*".to_owned()])),
                ("minimum_compression_bytes", |api| api.minimum_compression_bytes = Some(0)),
                ("api_key_source", |api| api.api_key_source = KeySource::Authorizer),
                ("endpoint", |api| api.endpoint = Endpoint::Edge),
                ("execute_api", |api| api.execute_api = false),
                ("policy", |api| {
                    let deny =
                        Statement::deny(["execute-api:Invoke"], ["execute-api:/dev/POST/*"]).to_aws("*");
                    api.policy = Some(Policy::new([deny]));
                }),
                ("stage", |api| api.stage.name = "staging".to_owned()),
                ("stage_variables", |api| {
                    api.stage.variables.insert("alias".to_owned(), "live".to_owned());
                }),
                ("stage_settings", |api| api.stage.settings = Some(MethodSettings::throttled(100, 200))),
                ("method_settings", |api| {
                    let settings = MethodSettings::throttled(5, 10);
                    api.stage.methods.insert("POST /send-email".to_owned(), settings);
                }),
                ("tracing", |api| api.stage.tracing = true),
                ("cache_gb", |api| api.stage.cache_gb = Some("0.5".parse().expect("a number"))),
            ],
        },
        Example {
            name: "everything",
            declare: full,
            mutations: &[
                ("description", |api| api.description = String::new()),
                ("routes", |api| set(api, &format!("{SEND}/security"), json!([]))),
                ("routes", |api| set(api, &format!("{SEND}/operationId"), json!("mail"))),
                ("routes", |api| {
                    set(api, &format!("{SEND}/x-amazon-apigateway-request-validator"), json!("parameters"));
                }),
                ("routes", |api| set(api, &format!("{SEND}/responses"), json!({}))),
                ("routes", |api| set(api, "/paths/~1queue", json!({}))),
                ("routes", |api| {
                    let timeout = "/paths/~1queue/post/x-amazon-apigateway-integration/timeoutInMillis";
                    set(api, timeout, json!(29_000));
                }),
                ("routes", |api| set(api, "/components/parameters/Trace/name", json!("X-Other"))),
                ("models", |api| set(api, "/components/schemas/Mail/required", json!(["to", "subject"]))),
                ("validators", |api| {
                    let body = "/x-amazon-apigateway-request-validators/all/validateRequestBody";
                    set(api, body, json!(false));
                }),
                ("gateway_responses", |api| {
                    set(
                        api,
                        "/x-amazon-apigateway-gateway-responses",
                        json!({ "DEFAULT_5XX": { "statusCode": "502" } }),
                    );
                }),
                ("binary_media_types", |api| {
                    api.binary_media_types = BTreeSet::from(["image/gif".to_owned()])
                }),
                ("minimum_compression_bytes", |api| api.minimum_compression_bytes = None),
                ("policy", |api| api.policy = None),
                ("stage", |api| api.stage.name = "staging".to_owned()),
                ("stage_variables", |api| api.stage.variables.clear()),
                ("stage_settings", |api| api.stage.settings = None),
                ("stage_settings", |api| {
                    api.stage.settings =
                        Some(MethodSettings { log: LogLevel::Info, log_bodies: true, ..logged() });
                }),
                ("method_settings", |api| {
                    api.stage.methods.remove("POST /outreach/send-email");
                }),
                ("method_settings", |api| {
                    let rate = "0.5".parse().expect("a number");
                    api.stage.methods.get_mut("POST /outreach/send-email").expect("settings").throttle.rate =
                        rate;
                }),
                ("access_log", |api| api.stage.access_log = None),
                ("access_log", |api| {
                    api.stage.access_log.as_mut().expect("a log").format.remove("ip");
                }),
                ("tracing", |api| api.stage.tracing = false),
            ],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_rest_api() {
    hold(&examples()).await;
}
