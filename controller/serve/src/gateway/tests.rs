use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;
use crate::deployed::{GatewayResponse, MockResponse, Period, Quota, Throttle};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:crm-send:live";

fn proxy() -> Method {
    let integration = Integration::Proxy { function: FUNCTION.into(), timeout_ms: 29_000 };
    Method { authorization: "NONE".into(), integration, ..Method::default() }
}

fn resource(path: &str, methods: Vec<(&str, Method)>) -> Resource {
    let methods = methods.into_iter().map(|(name, method)| (name.to_owned(), method)).collect();
    Resource { id: "roq9wj".into(), path: path.into(), methods }
}

fn strings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn preflight() -> Method {
    let parameters = strings(&[
        ("method.response.header.Access-Control-Allow-Origin", "'https://crm'"),
        ("method.response.header.Access-Control-Allow-Methods", "'GET,POST,OPTIONS'"),
    ]);
    let requests = strings(&[("application/json", "{\"statusCode\": 204}")]);
    let response = MockResponse { status: 204, parameters, ..MockResponse::default() };
    let integration = Integration::Mock { requests, responses: vec![response] };
    Method { authorization: "NONE".into(), integration, ..Method::default() }
}

fn api() -> Api {
    let body = json!({ "type": "object", "required": ["to"] });
    let checked = Method {
        required_parameters: BTreeSet::from(["method.request.querystring.limit".to_owned()]),
        schemas: BTreeMap::from([("application/json".to_owned(), body)]),
        ..proxy()
    };
    let keyed = Method { key_required: true, ..proxy() };
    Api {
        id: "gy415nuibc".into(),
        name: "crm".into(),
        stage: "dev".into(),
        deployment: "d1".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        resources: vec![
            resource("/{proxy+}", vec![("POST", proxy())]),
            resource("/send", vec![("POST", checked), ("OPTIONS", preflight())]),
            resource("/users/{id}", vec![("GET", keyed)]),
        ],
        ..Api::default()
    }
}

fn request(method: &str, path: &str) -> Request {
    Request {
        method: method.into(),
        path: path.into(),
        headers: vec![("accept".into(), "*/*".into())],
        source_ip: "127.0.0.1".into(),
        protocol: "HTTP/1.1".into(),
        port: 9000,
        id: "deef4878-7910-11e6-8f14-25afc3e9ae33".into(),
        trace: "Root=1-5ebe3d09-0".into(),
        at_ms: 1_589_522_469_693,
        ..Request::default()
    }
}

fn usage() -> Usage {
    Usage { key_id: "k1".into(), plan_id: "p1".into(), ..Usage::default() }
}

fn answer(api: &Api, usage: Option<&Usage>, request: &Request) -> Response {
    match decide(api, usage, &mut Limits::default(), request) {
        Decision::Answer(answer) => answer,
        Decision::Call(call) => panic!("{} is called", call.function),
    }
}

fn called(api: &Api, usage: Option<&Usage>, request: &Request) -> Call {
    match decide(api, usage, &mut Limits::default(), request) {
        Decision::Call(call) => call,
        Decision::Answer(answer) => panic!("{} {:?}", answer.status, answer.body),
    }
}

#[track_caller]
fn check(answer: &Response, status: u16, error: &str, body: &str) {
    assert_eq!((answer.status, &answer.body[..]), (status, body.as_bytes()));
    assert_eq!(answer.header("x-amzn-errortype"), Some(error));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-amzn-requestid"), Some("deef4878-7910-11e6-8f14-25afc3e9ae33"));
}

#[test]
fn what_is_not_there_misses_a_token() {
    let error = "MissingAuthenticationTokenException";
    let body = r#"{"message":"Missing Authentication Token"}"#;
    check(&answer(&api(), None, &request("GET", "/dev/send")), 403, error, body);
    check(&answer(&api(), None, &request("GET", "/dev/nothing/here")), 403, error, body);
    let forbidden = r#"{"message":"Forbidden"}"#;
    check(&answer(&api(), None, &request("POST", "/prod/send")), 403, "ForbiddenException", forbidden);
    let iam = Method { authorization: "AWS_IAM".into(), ..proxy() };
    let signed = Api { resources: vec![resource("/x", vec![("GET", iam)])], ..api() };
    check(&answer(&signed, None, &request("GET", "/dev/x")), 403, error, body);
}

#[test]
fn a_key_must_be_known_to_a_plan() {
    let get =
        Request { headers: vec![("x-api-key".into(), "secret".into())], ..request("GET", "/dev/users/7") };
    check(&answer(&api(), None, &get), 403, "ForbiddenException", r#"{"message":"Forbidden"}"#);
    let call = called(&api(), Some(&usage()), &get);
    assert_eq!(call.function, FUNCTION);
    assert_eq!(call.source_arn, "arn:aws:execute-api:us-east-1:000000000000:gy415nuibc/dev/GET/users/*");
    assert_eq!(call.event["requestContext"]["identity"]["apiKey"], "secret");
    assert_eq!(call.event["requestContext"]["identity"]["apiKeyId"], "k1");
}

#[test]
fn throttles_and_quotas_answer_429() {
    let throttles = BTreeMap::from([("*/*".to_owned(), Throttle { rate: 1.0, burst: 1.0 })]);
    let (api, mut limits) = (Api { throttles, ..api() }, Limits::default());
    let quota = Some(Quota { limit: 1, period: Period::Day, offset: 0 });
    let usage = Usage { quota, ..usage() };
    let mut ask = |after_ms| {
        let request = request("GET", "/dev/users/7");
        let request = Request { at_ms: request.at_ms + after_ms, ..request };
        decide(&api, Some(&usage), &mut limits, &request)
    };
    assert!(matches!(ask(0), Decision::Call(_)));
    let Decision::Answer(answer) = ask(1) else { panic!("it is throttled") };
    check(&answer, 429, "TooManyRequestsException", r#"{"message":"Too Many Requests"}"#);
    let Decision::Answer(answer) = ask(2000) else { panic!("the quota is used up") };
    check(&answer, 429, "LimitExceededException", r#"{"message":"Limit Exceeded"}"#);
}

#[test]
fn validators_refuse_parameters_first() {
    let post = Request { body: Bytes::from("[]"), ..request("POST", "/dev/send") };
    let missing = r#"{"message":"Missing required request parameters: [limit]"}"#;
    check(&answer(&api(), None, &post), 400, "BadRequestException", missing);
    let post = Request { query: "limit=1".into(), ..post };
    let invalid = r#"{"message":"Invalid request body"}"#;
    check(&answer(&api(), None, &post), 400, "BadRequestException", invalid);
    let form =
        vec![("content-type".to_owned(), "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
    called(&api(), None, &Request { headers: form, ..post.clone() });
    called(&api(), None, &Request { body: Bytes::from(r#"{"to":"a"}"#), ..post });
}

#[test]
fn ten_megabytes_are_enough() {
    let large = |bytes| Request { body: Bytes::from(vec![b' '; bytes]), ..request("POST", "/dev/elsewhere") };
    called(&api(), None, &large(BODY_BYTES_MAX));
    let body = r#"{"message":"HTTP content length exceeded 10485760 bytes."}"#;
    check(&answer(&api(), None, &large(BODY_BYTES_MAX + 1)), 413, "RequestTooLargeException", body);
}

#[test]
fn gateway_responses_are_the_api_s_own() {
    let cors = strings(&[
        ("gatewayresponse.header.Access-Control-Allow-Origin", "'https://crm'"),
        ("gatewayresponse.header.x-origin", "method.request.header.Origin"),
        ("gatewayresponse.header.x-absent", "method.request.header.Absent"),
    ]);
    let default = GatewayResponse { parameters: cors.clone(), ..GatewayResponse::default() };
    let template = "{\"success\":false,\"error\":$context.error.messageString,\"id\":\"$context.requestId\"}";
    let templates = strings(&[("application/json", template)]);
    let own = GatewayResponse { status: Some(401), parameters: cors, templates };
    let responses = BTreeMap::from([
        ("DEFAULT_4XX".to_owned(), default.clone()),
        ("DEFAULT_5XX".to_owned(), default),
        ("MISSING_AUTHENTICATION_TOKEN".to_owned(), own),
    ]);
    let api = Api { responses, ..api() };
    let headers = vec![("origin".to_owned(), "https://crm".to_owned())];
    let lost = answer(&api, None, &Request { headers, ..request("GET", "/dev/send") });
    let body: Value = serde_json::from_slice(&lost.body).unwrap();
    let id = "deef4878-7910-11e6-8f14-25afc3e9ae33";
    assert_eq!(body, json!({ "success": false, "error": "Missing Authentication Token", "id": id }));
    assert_eq!(lost.status, 401);
    assert_eq!(lost.header("access-control-allow-origin"), Some("https://crm"));
    assert_eq!(lost.header("x-origin"), Some("https://crm"));
    assert_eq!(lost.header("x-absent"), None);
    let keyless = answer(&api, None, &request("GET", "/dev/users/7"));
    check(&keyless, 403, "ForbiddenException", r#"{"message":"Forbidden"}"#);
    assert_eq!(keyless.header("access-control-allow-origin"), Some("https://crm"));
    let failed = finish(&api, &request("POST", "/dev/x"), &Outcome::Failed);
    assert_eq!((failed.status, failed.header("access-control-allow-origin")), (502, Some("https://crm")));
}

#[test]
fn a_preflight_is_answered_without_a_function() {
    let answer = answer(&api(), None, &request("OPTIONS", "/dev/send"));
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://crm"));
    assert_eq!(answer.header("Access-Control-Allow-Methods"), Some("GET,POST,OPTIONS"));
}

/// Members that the documentation's example of an event has (awslabs/aws-lambda-rust-runtime,
/// example-apigw-request.json, MIT), but for those of an authorizer.
#[test]
fn the_event_is_the_one_of_the_documentation() {
    let api = Api { variables: strings(&[("stageVariableName", "stageVariableValue")]), ..api() };
    let headers = [("content-type", "application/json"), ("x-several", "1"), ("host", "127.0.0.1:9000")]
        .into_iter()
        .chain([("x-several", "2"), ("user-agent", "PostmanRuntime/2.4.5"), ("connection", "keep-alive")])
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let request = Request {
        headers: headers.collect(),
        query: "name=me&name=you&empty=&plus=a+b%20c".into(),
        body: Bytes::from("{\r\n\t\"a\": 1\r\n}"),
        ..request("POST", "/dev/hello/w%20rld")
    };
    let event = called(&api, None, &request).event;
    let wanted = json!({
        "resource": "/{proxy+}",
        "path": "/hello/w%20rld",
        "httpMethod": "POST",
        "headers": {
            "content-type": "application/json", "x-several": "2", "Host": "127.0.0.1:9000",
            "User-Agent": "PostmanRuntime/2.4.5", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Port": "9000",
            "X-Forwarded-Proto": "http", "X-Amzn-Trace-Id": "Root=1-5ebe3d09-0",
        },
        "multiValueHeaders": {
            "content-type": ["application/json"], "x-several": ["1", "2"], "Host": ["127.0.0.1:9000"],
            "User-Agent": ["PostmanRuntime/2.4.5"], "X-Forwarded-For": ["127.0.0.1"],
            "X-Forwarded-Port": ["9000"], "X-Forwarded-Proto": ["http"],
            "X-Amzn-Trace-Id": ["Root=1-5ebe3d09-0"],
        },
        "queryStringParameters": { "name": "you", "empty": "", "plus": "a b c" },
        "multiValueQueryStringParameters": { "name": ["me", "you"], "empty": [""], "plus": ["a b c"] },
        "pathParameters": { "proxy": "hello/w rld" },
        "stageVariables": { "stageVariableName": "stageVariableValue" },
        "requestContext": {
            "accountId": "000000000000", "apiId": "gy415nuibc", "deploymentId": "d1", "stage": "dev",
            "domainName": "gy415nuibc.execute-api.us-east-1.amazonaws.com", "domainPrefix": "gy415nuibc",
            "extendedRequestId": "deef4878791011e=", "httpMethod": "POST", "path": "/dev/hello/w%20rld",
            "protocol": "HTTP/1.1", "requestId": "deef4878-7910-11e6-8f14-25afc3e9ae33",
            "requestTime": "15/May/2020:06:01:09 +0000", "requestTimeEpoch": 1_589_522_469_693_u64,
            "resourceId": "roq9wj", "resourcePath": "/{proxy+}",
            "identity": {
                "accessKey": null, "accountId": null, "caller": null, "cognitoAuthenticationProvider": null,
                "cognitoAuthenticationType": null, "cognitoIdentityId": null, "cognitoIdentityPoolId": null,
                "principalOrgId": null, "sourceIp": "127.0.0.1", "user": null,
                "userAgent": "PostmanRuntime/2.4.5", "userArn": null,
            },
        },
        "body": "{\r\n\t\"a\": 1\r\n}",
        "isBase64Encoded": false,
    });
    for (member, value) in wanted.as_object().unwrap() {
        assert_eq!(&event[member], value, "{member}");
    }
    assert_eq!(event.as_object().unwrap().len(), wanted.as_object().unwrap().len());
}

#[test]
fn what_is_empty_is_null() {
    let event = called(&api(), None, &request("POST", "/dev/x")).event;
    for member in ["queryStringParameters", "multiValueQueryStringParameters", "stageVariables", "body"] {
        assert_eq!(event[member], Value::Null, "{member}");
    }
}

#[test]
fn bytes_travel_as_base64_where_the_api_says_so() {
    let headers = vec![
        ("content-type".to_owned(), "image/png".to_owned()),
        ("accept".to_owned(), "image/png,*/*".to_owned()),
    ];
    let body = Bytes::from_static(&[0xff, 0, 1]);
    let post = Request { headers, body: body.clone(), ..request("POST", "/dev/x") };
    let binary = Api { binary_media_types: BTreeSet::from(["image/png".to_owned()]), ..api() };
    let event = called(&binary, None, &post).event;
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/wAB"), &json!(true)));
    assert_eq!(called(&api(), None, &post).event["isBase64Encoded"], false);
    let payload = json!({ "statusCode": 200, "body": "/wAB", "isBase64Encoded": true }).to_string();
    assert_eq!(reply::proxy(&binary, &post, payload.as_bytes()).unwrap().body, body);
    assert_eq!(&reply::proxy(&api(), &post, payload.as_bytes()).unwrap().body[..], b"/wAB");
}

#[test]
fn an_answer_may_leave_everything_out_but_may_not_add() {
    let reply = |payload: Value| {
        let answer = reply::proxy(&api(), &request("POST", "/dev/x"), payload.to_string().as_bytes());
        answer.map(|answer| {
            let own = ["x-amzn-RequestId", "x-amz-apigw-id", "X-Amzn-Trace-Id"];
            let sent = answer.headers.into_iter().filter(|(name, _)| !own.contains(&name.as_str()));
            (answer.status, sent.collect::<Vec<_>>(), String::from_utf8(answer.body.to_vec()).unwrap())
        })
    };
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let json_type = header("content-type", "application/json");
    assert_eq!(reply(json!({})), Some((200, vec![json_type.clone()], String::new())));
    let several = json!({
        "statusCode": "201", "body": "x", "isBase64Encoded": false,
        "headers": { "X-One": 1, "Set-Cookie": "lost", "Date": "never", "Content-Type": "text/plain" },
        "multiValueHeaders": { "set-cookie": ["a=1", "b=2"], "X-Yes": [true] },
    });
    let sent = vec![
        header("Content-Type", "text/plain"),
        header("X-One", "1"),
        header("X-Yes", "true"),
        header("set-cookie", "a=1"),
        header("set-cookie", "b=2"),
        header("x-amzn-Remapped-Date", "never"),
    ];
    let (status, mut found, body) = reply(several).unwrap();
    found.sort();
    assert_eq!((status, found, body.as_str()), (201, sent, "x"));
    for malformed in [
        json!({ "statusCode": 200, "message": "hello" }),
        json!({ "statusCode": "many" }),
        json!({ "statusCode": 1000 }),
        json!({ "body": { "a": 1 } }),
        json!({ "headers": { "a": ["b"] } }),
        json!({ "multiValueHeaders": { "a": "b" } }),
        json!({ "isBase64Encoded": "yes" }),
        json!("text"),
        json!(null),
    ] {
        assert_eq!(reply(malformed.clone()), None, "{malformed}");
    }
}

#[test]
fn a_call_that_ends_badly_says_little() {
    let post = request("POST", "/dev/x");
    let error = "InternalServerErrorException";
    let body = r#"{"message":"Internal server error"}"#;
    check(&finish(&api(), &post, &Outcome::Failed), 502, error, body);
    check(&finish(&api(), &post, &Outcome::Forbidden), 500, error, body);
    check(&finish(&api(), &post, &Outcome::Throttled), 500, error, body);
    check(&finish(&api(), &post, &Outcome::Answered(Bytes::from("no"))), 502, error, body);
    let late = r#"{"message":"Endpoint request timed out"}"#;
    check(&finish(&api(), &post, &Outcome::TimedOut), 504, error, late);
}
