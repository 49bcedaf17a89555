//! Real processes: this test binary again, started as a function.

use std::{
    io::{BufRead, BufReader, Cursor, Read, Write},
    net::TcpStream,
    sync::Mutex,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::news::News;

/// The function: it does what its event says, and nothing where it is not started as one.
#[test]
#[expect(clippy::disallowed_methods, reason = "a function reads its environment")]
fn program() {
    let Ok(api) = std::env::var("AWS_LAMBDA_RUNTIME_API") else {
        assert!(std::env::var("_HANDLER").is_err(), "handlers are started with the Runtime API");
        return;
    };
    let own = |name: &str| std::env::var(name).unwrap_or_default();
    match own("_HANDLER").as_str() {
        "dies" => {
            eprintln!("no table name");
            std::process::exit(3);
        }
        "cannot" => {
            call(&api, "POST", "init/error", r#"{"errorMessage":"TABLE is not set","errorType":"Init"}"#);
            std::process::exit(1);
        }
        _ => {}
    }
    loop {
        let (headers, event) = call(&api, "GET", "invocation/next", "");
        let event: Value = serde_json::from_str(&event).expect("an event");
        let id = headers.iter().find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "));
        let id = id.expect("an id").to_owned();
        let path = format!("invocation/{id}/response");
        match event["do"].as_str() {
            Some("exit") => {
                eprintln!("out of memory");
                std::process::exit(7);
            }
            Some("hang") => loop {
                std::thread::park();
            },
            Some("fail") => {
                let error = r#"{"errorMessage":"no such campaign","errorType":"NotFound"}"#;
                call(&api, "POST", &format!("invocation/{id}/error"), error);
            }
            Some("skip") => {}
            // A request of API Gateway.
            None if event["httpMethod"].is_string() => {
                let body = json!({ "version": own("AWS_LAMBDA_FUNCTION_VERSION"), "path": event["path"] });
                let answer = json!({ "statusCode": 200, "body": body.to_string() });
                call(&api, "POST", &path, &answer.to_string());
            }
            // Messages of a queue: the odd ones fail.
            None if event["Records"].is_array() => {
                println!("records {}", event["Records"]);
                let failed = event["Records"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|record| record["body"] == "odd");
                let failed: Vec<Value> =
                    failed.map(|record| json!({ "itemIdentifier": record["messageId"] })).collect();
                call(&api, "POST", &path, &json!({ "batchItemFailures": failed }).to_string());
            }
            Some("wrong") => {
                let (headers, _) = call(&api, "POST", "invocation/another/response", "{}");
                call(&api, "POST", &path, &json!({ "status": headers[0] }).to_string());
            }
            _ => {
                println!("event {}", event["say"]);
                let answer = json!({
                    "event": event, "id": id, "process": std::process::id(), "stage": own("STAGE"),
                    "deadline": headers.iter().any(|line| line.starts_with("lambda-runtime-deadline-ms: ")),
                });
                call(&api, "POST", &path, &answer.to_string());
            }
        }
    }
}

/// One request of the Runtime API: the answer's lines (the first names the status), and its body.
fn call(api: &str, method: &str, path: &str, body: &str) -> (Vec<String>, String) {
    let mut stream = TcpStream::connect(api).expect("the Runtime API");
    let length = body.len();
    let head = format!("{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nhost: {api}\r\nconnection: close");
    write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}").expect("sent");
    let mut lines = BufReader::new(stream);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        match line.trim_end() {
            "" => break,
            line => headers.push(line.to_owned()),
        }
    }
    let mut body = String::new();
    lines.read_to_string(&mut body).expect("a body");
    (headers, body)
}

struct Stage {
    functions: Functions,
    news: Arc<Mutex<Vec<News>>>,
    _code: TempDir,
}

/// An artefact whose `bootstrap` is [`program`].
pub(crate) fn artefact() -> Bytes {
    artefact_with("")
}

/// The same with something else beside it.
pub(crate) fn artefact_with(other: &str) -> Bytes {
    let program = std::env::current_exe().unwrap().display().to_string();
    let script = format!("#!/bin/sh\nexec '{program}' runtime::driver::tests::program --exact --nocapture\n");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(script.as_bytes()).unwrap();
    zip.start_file("other", SimpleFileOptions::default()).unwrap();
    zip.write_all(other.as_bytes()).unwrap();
    Bytes::from(zip.finish().unwrap().into_inner())
}

fn stage(bounds: Bounds) -> Stage {
    let code = tempfile::tempdir().unwrap();
    let zip = artefact();
    let news: Arc<Mutex<Vec<News>>> = Arc::default();
    let told = news.clone();
    let settings = Settings {
        clock: Clock::Wall,
        code: code.path().to_owned(),
        artefacts: Arc::new(move |sha256| (sha256 == "the code").then(|| zip.clone())),
        surroundings: Surroundings {
            endpoint: String::new(),
            access_key: String::new(),
            secret_key: String::new(),
        },
        bounds,
        news: Arc::new(move |news| told.lock().unwrap().push(news)),
    };
    Stage { functions: Functions::new(settings), news, _code: code }
}

fn function() -> Function {
    Function {
        name: "send".into(),
        version: "1".into(),
        arn: "arn:aws:lambda:us-east-1:000000000000:function:send:live".into(),
        code: "the code".into(),
        handler: "echo".into(),
        timeout_s: 60,
        variables: [("STAGE".to_owned(), "sandbox".to_owned())].into(),
        ..Function::default()
    }
}

async fn outcome(stage: &Stage, function: &Function, id: &str, event: Value) -> Result<Value, String> {
    let payload = Bytes::from(event.to_string());
    let invoke = Invoke { id: id.to_owned(), trace: "Root=1".to_owned(), payload };
    match stage.functions.invoke(function, invoke).await {
        Outcome::Answer(payload) => Ok(serde_json::from_slice(&payload).unwrap()),
        Outcome::Error(payload) => Err(failure::message(&payload)),
        Outcome::Throttled => Err("throttled".to_owned()),
    }
}

#[tokio::test]
async fn a_function_answers_and_its_process_is_used_again() {
    let stage = stage(Bounds::default());
    let first = outcome(&stage, &function(), "a", json!({ "say": "hello" })).await.unwrap();
    assert_eq!(first["event"]["say"], "hello");
    assert_eq!(
        (&first["id"], &first["stage"], &first["deadline"]),
        (&json!("a"), &json!("sandbox"), &json!(true))
    );
    let second = outcome(&stage, &function(), "b", json!({})).await.unwrap();
    assert_eq!(first["process"], second["process"]);
    let newer = Function { version: "2".into(), ..function() };
    let third = outcome(&stage, &newer, "c", json!({})).await.unwrap();
    assert_ne!(first["process"], third["process"], "another version has processes of its own");
    stage.functions.close().await;
    let said = News::Line { function: "send".into(), text: "event \"hello\"".into() };
    assert!(stage.news.lock().unwrap().contains(&said));
    let refused = outcome(&stage, &function(), "d", json!({})).await.unwrap_err();
    assert!(refused.contains("going down"), "{refused}");
}

#[tokio::test]
async fn calls_at_once_run_in_no_more_processes_than_are_allowed() {
    let stage = stage(Bounds { processes: 2, ..Bounds::default() });
    let function = function();
    let calls = (0..8).map(|number| {
        let (stage, function) = (&stage, &function);
        async move { outcome(stage, function, &format!("{number}"), json!({ "say": number })).await.unwrap() }
    });
    let answers = futures::future::join_all(calls).await;
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!((&answer["event"]["say"], &answer["id"]), (&json!(number), &json!(number.to_string())));
    }
    let processes: std::collections::BTreeSet<u64> =
        answers.iter().filter_map(|answer| answer["process"].as_u64()).collect();
    assert!((1..=2).contains(&processes.len()), "{processes:?}");
    stage.functions.close().await;
}

#[tokio::test]
async fn failures_are_told_as_lambda_tells_them() {
    let stage = stage(Bounds::default());
    let ask = async |function: &Function, event| outcome(&stage, function, "r", event).await.unwrap_err();
    assert_eq!(ask(&function(), json!({ "do": "fail" })).await, "NotFound: no such campaign");
    let exit = ask(&function(), json!({ "do": "exit" })).await;
    let wanted =
        "Runtime.ExitError: RequestId: r Error: Runtime exited with error: exit status 7\nout of memory";
    assert_eq!(exit, wanted);
    let skipped = ask(&function(), json!({ "do": "skip" })).await;
    assert!(skipped.starts_with("Runtime.NoResponse"), "{skipped}");
    let late = ask(&Function { timeout_s: 1, ..function() }, json!({ "do": "hang" })).await;
    assert_eq!(late, "Sandbox.Timedout: RequestId: r Error: Task timed out after 1.00 seconds");
    let dies = ask(&Function { handler: "dies".into(), ..function() }, json!({})).await;
    assert_eq!(dies, "Runtime.InitError: exit status 3\nno table name");
    let cannot = ask(&Function { handler: "cannot".into(), ..function() }, json!({})).await;
    assert_eq!(cannot, "Runtime.InitError: TABLE is not set");
    let gone = ask(&Function { code: "other".into(), ..function() }, json!({})).await;
    assert_eq!(gone, "Runtime.InitError: the code other of send is not there");
    let off = ask(&Function { reserved: Some(0), ..function() }, json!({})).await;
    assert_eq!(off, "throttled");
    let answer = outcome(&stage, &function(), "r", json!({ "do": "wrong" })).await.unwrap();
    assert_eq!(answer["status"], "HTTP/1.1 400 Bad Request");
    stage.functions.close().await;
}

#[tokio::test]
async fn closing_waits_for_what_runs_and_leaves_no_process() {
    let stage = stage(Bounds::default());
    let function = function();
    let answer = outcome(&stage, &function, "a", json!({})).await.unwrap();
    let (last, ()) =
        tokio::join!(outcome(&stage, &function, "b", json!({ "say": 1 })), stage.functions.close());
    assert_eq!(last.unwrap()["process"], answer["process"]);
    let process = format!("/proc/{}", answer["process"]);
    assert!(!std::path::Path::new(&process).exists(), "the process has ended");
}
