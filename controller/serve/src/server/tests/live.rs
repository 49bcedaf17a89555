//! What another process applies to the account, served: two accounts share the files of one directory.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::*;
use crate::live;

const ROLE: &str = "arn:aws:iam::000000000000:role/send";

fn open(directory: &Path) -> Account {
    Account::open("000000000000", "us-east-1", directory, || {}).unwrap()
}

/// One call as an SDK makes it.
async fn call(account: &Account, service: &str, method: &str, path: &str, body: impl Into<Bytes>) -> Value {
    let scope = format!("AWS4-HMAC-SHA256 Credential=A/1/us-east-1/{service}/aws4_request");
    let request = Request::builder().method(method).uri(path).header("authorization", scope);
    let answer = endpoint::answer(account, request.body(body.into()).unwrap()).await;
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(answer.status().is_success(), "{method} {path}: {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

async fn deploy_function(account: &Account) {
    let trust = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C\
                 %22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C\
                 %22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D";
    let form = format!("Action=CreateRole&RoleName=send&AssumeRolePolicyDocument={trust}");
    call(account, "iam", "POST", "/", form).await;
    let function = json!({
        "FunctionName": "crm-send", "Role": ROLE, "Handler": "send", "Runtime": "provided.al2023", "Timeout": 30,
        "Code": { "ZipFile": BASE64_STANDARD.encode(artefact()) }, "Publish": true,
    });
    call(account, "lambda", "POST", "/2015-03-31/functions", bytes(&function)).await;
    let alias = bytes(&json!({ "Name": "live", "FunctionVersion": "1" }));
    call(account, "lambda", "POST", "/2015-03-31/functions/crm-send/aliases", alias).await;
}

async fn let_in(account: &Account, api: &str) {
    let statement = json!({
        "StatementId": "api", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com",
        "SourceArn": format!("arn:aws:execute-api:us-east-1:000000000000:{api}/dev/GET/users/*"),
    });
    let path = "/2015-03-31/functions/crm-send/policy?Qualifier=live";
    call(account, "lambda", "POST", path, bytes(&statement)).await;
}

fn document() -> Value {
    let uri = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ALIAS}/invocations");
    let header = json!({ "method.response.header.Access-Control-Allow-Origin": "'*'" });
    let preflight = json!({
        "responses": { "204": { "description": "a preflight", "headers": {
            "Access-Control-Allow-Origin": { "schema": { "type": "string" } },
        } } },
        "x-amazon-apigateway-integration": {
            "type": "mock", "requestTemplates": { "application/json": "{\"statusCode\": 204}" },
            "responses": { "default": { "statusCode": "204", "responseParameters": header } },
        },
    });
    let get = json!({
        "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }],
        "responses": { "200": { "description": "a user" } },
        "x-amazon-apigateway-integration": { "type": "aws_proxy", "httpMethod": "POST", "uri": uri },
    });
    json!({
        "openapi": "3.0.3", "info": { "title": "crm", "version": "1.0.0" },
        "paths": { "/users/{id}": { "get": get, "options": preflight } },
    })
}

/// The API's id.
async fn deploy_api(account: &Account) -> String {
    let api = call(account, "apigateway", "POST", "/restapis", bytes(&json!({ "name": "crm" }))).await;
    let id = api["id"].as_str().unwrap().to_owned();
    let path = format!("/restapis/{id}?mode=overwrite");
    call(account, "apigateway", "PUT", &path, bytes(&document())).await;
    let path = format!("/restapis/{id}/deployments");
    let deployment = call(account, "apigateway", "POST", &path, "{}").await["id"].clone();
    let stage = json!({ "stageName": "dev", "deploymentId": deployment });
    call(account, "apigateway", "POST", &format!("/restapis/{id}/stages"), bytes(&stage)).await;
    id
}

/// New code, published, and the alias moved to it.
async fn deploy_again(account: &Account) {
    let code = json!({ "ZipFile": BASE64_STANDARD.encode(artefact_with("again")), "Publish": true });
    let path = "/2015-03-31/functions/crm-send/code";
    let version = call(account, "lambda", "PUT", path, bytes(&code)).await["Version"].clone();
    assert_eq!(version, "2");
    let alias = json!({ "FunctionVersion": version });
    let path = "/2015-03-31/functions/crm-send/aliases/live";
    call(account, "lambda", "PUT", path, bytes(&alias)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_applies_is_served_at_once() {
    let state = tempfile::tempdir().unwrap();
    let (ours, theirs) = (open(state.path()), open(state.path()));
    let (tell, mut news) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let options = Options {
        deployed: live::of(&ours),
        account: ours,
        port: 0,
        code: state.path().join("code"),
        bounds: Bounds::default(),
        news: Arc::new(move |news| drop(tell.send(news))),
    };
    let server = tokio::spawn(run(options, async { drop(stopped.await) }));
    deploy_function(&theirs).await;
    let id = deploy_api(&theirs).await;
    let url = loop {
        if let News::Serving { url, .. } = news.recv().await.unwrap() {
            break url;
        }
    };
    let host = url.split('/').nth(2).unwrap().to_owned();
    let (status, body) = get(&host, "/dev/users/7").await;
    assert_eq!(
        (status, body.as_str()),
        (500, r#"{"message":"Internal server error"}"#),
        "nobody may call it"
    );
    let_in(&theirs, &id).await;
    let (status, body) = get(&host, "/dev/users/7").await;
    assert_eq!((status, body.as_str()), (200, r#"{"path":"/users/7","version":"1"}"#));
    let (status, _) = ask(&host, "OPTIONS /dev/users/7 HTTP/1.1", "").await;
    assert_eq!(status, 204);
    deploy_again(&theirs).await;
    let (status, body) = get(&host, "/dev/users/7").await;
    assert_eq!((status, body.as_str()), (200, r#"{"path":"/users/7","version":"2"}"#));
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}
