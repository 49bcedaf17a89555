//! The whole server, with real processes; what is deployed is a value of the test.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::*;
use crate::{
    deployed::{EventSource, Function, Mapping, Method, Resource, Schedule, Usage},
    runtime::driver::tests::{artefact, artefact_with},
};

mod live;

const ALIAS: &str = "arn:aws:lambda:us-east-1:000000000000:function:crm-send:live";

/// What is deployed.
#[derive(Default)]
struct Fake {
    version: AtomicU64,
    forbidden: bool,
    sources: Vec<EventSource>,
}

impl Deployed for Fake {
    fn changes(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    fn apis(&self) -> Vec<(String, String, String)> {
        vec![("a1".into(), "crm".into(), "dev".into())]
    }

    fn api(&self, id: &str, stage: &str) -> Option<Api> {
        let integration = Integration::Proxy { function: ALIAS.into(), timeout_ms: 29_000 };
        let method = Method { integration, ..Method::default() };
        let methods = BTreeMap::from([("ANY".to_owned(), method)]);
        let resource = Resource { id: "r".into(), path: "/health".into(), methods };
        let (id, stage) = (id.to_owned(), stage.to_owned());
        Some(Api { id, name: "crm".into(), stage, resources: vec![resource], ..Api::default() })
    }

    fn mappings(&self) -> Vec<Mapping> {
        let (host, base) = ("api.example.com".to_owned(), "mail".to_owned());
        vec![Mapping { host, base, api: "a1".to_owned(), stage: Some("dev".to_owned()) }]
    }

    fn usage(&self, _: &str, _: &str, _: &str) -> Option<Usage> {
        None
    }

    fn function(&self, arn: &str) -> Option<Function> {
        Some(Function {
            name: "crm-send".into(),
            version: self.version.load(Ordering::SeqCst).to_string(),
            arn: arn.to_owned(),
            code: "code".into(),
            handler: "send".into(),
            timeout_s: 30,
            ..Function::default()
        })
    }

    fn may_invoke(&self, _: &str, _: &str, _: &str) -> bool {
        !self.forbidden
    }

    fn artefact(&self, _: &str) -> Option<Bytes> {
        Some(artefact())
    }

    fn event_sources(&self) -> Vec<EventSource> {
        self.sources.clone()
    }

    fn schedules(&self) -> Vec<Schedule> {
        Vec::new()
    }
}

struct Stage {
    fake: Arc<Fake>,
    /// `127.0.0.1:PORT` of the API and of the account.
    api: String,
    account: String,
    news: mpsc::UnboundedReceiver<News>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
    _code: TempDir,
}

impl Stage {
    async fn of(fake: Fake) -> Self {
        let fake = Arc::new(fake);
        let code = tempfile::tempdir().unwrap();
        let (tell, mut news) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let options = Options {
            account: Account::in_memory("000000000000", "us-east-1", Clock::Wall),
            deployed: fake.clone(),
            port: 0,
            code: code.path().to_owned(),
            bounds: Bounds::default(),
            news: Arc::new(move |news| drop(tell.send(news))),
        };
        let server = tokio::spawn(run(options, async { drop(stopped.await) }));
        let host = |url: &str| url.split('/').nth(2).unwrap_or_default().to_owned();
        let (mut api, mut account) = (String::new(), String::new());
        while api.is_empty() || account.is_empty() {
            match news.recv().await.expect("news") {
                News::Serving { url, .. } => api = host(&url),
                News::Account { url } => account = host(&url),
                _ => {}
            }
        }
        Self { fake, api, account, news, stop, server, _code: code }
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.server.await.unwrap().unwrap();
    }
}

/// Status and body of one request on a connection of its own. `head` is everything before the blank line.
async fn ask(host: &str, head: &str, body: &str) -> (u16, String) {
    ask_as(host, host, head, body).await
}

/// The same, of a server that is called otherwise than its address.
async fn ask_as(host: &str, address: &str, head: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{head}\r\nhost: {host}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

async fn get(host: &str, path: &str) -> (u16, String) {
    ask(host, &format!("GET {path} HTTP/1.1"), "").await
}

#[tokio::test]
async fn requests_reach_the_function() {
    let mut stage = Stage::of(Fake::default()).await;
    let (status, body) = get(&stage.api, "/dev/health").await;
    assert_eq!((status, body.as_str()), (200, r#"{"path":"/health","version":"0"}"#));
    let (status, body) = get(&stage.api, "/dev/elsewhere").await;
    assert_eq!((status, body.as_str()), (403, r#"{"message":"Missing Authentication Token"}"#));
    let logged = loop {
        let news = stage.news.recv().await.unwrap();
        if let News::Request { method, path, status, function, .. } = news {
            break (method, path, status, function);
        }
    };
    assert_eq!(logged, ("GET".into(), "/dev/health".into(), 200, Some("crm-send".into())));
    stage.end().await;
}

#[tokio::test]
async fn a_custom_domain_is_known_by_its_host() {
    let stage = Stage::of(Fake::default()).await;
    let get = async |path: &str| {
        ask_as("api.example.com:443", &stage.api, &format!("GET {path} HTTP/1.1"), "").await
    };
    assert_eq!(get("/mail/health").await, (200, r#"{"path":"/mail/health","version":"0"}"#.to_owned()));
    assert_eq!(get("/dev/health").await, (403, r#"{"message":"Forbidden"}"#.to_owned()));
    let (status, body) = get("/mail/elsewhere").await;
    assert_eq!((status, body.as_str()), (403, r#"{"message":"Missing Authentication Token"}"#));
    stage.end().await;
}

#[tokio::test]
async fn a_function_that_does_not_let_the_api_in_is_not_called() {
    let mut stage = Stage::of(Fake { forbidden: true, ..Fake::default() }).await;
    let (status, body) = get(&stage.api, "/dev/health").await;
    assert_eq!((status, body.as_str()), (500, r#"{"message":"Internal server error"}"#));
    let why = loop {
        if let News::Request { why, .. } = stage.news.recv().await.unwrap() {
            break why.unwrap();
        }
    };
    assert!(why.contains("does not let arn:aws:execute-api"), "{why}");
    stage.end().await;
}

/// The account over HTTP, with a chunked body; then Lambda's own call.
#[tokio::test]
async fn handlers_reach_the_account() {
    let stage = Stage::of(Fake::default()).await;
    let scope = "authorization: AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/sqs/aws4_request";
    let body = r#"{"QueueName":"events"}"#;
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let head = format!(
        "POST / HTTP/1.1\r\n{scope}\r\nx-amz-target: AmazonSQS.CreateQueue\r\ntransfer-encoding: chunked"
    );
    let (status, answer) = ask(&stage.account, &head, &chunked).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("/000000000000/events"), "{answer}");
    let unknown = "GET / HTTP/1.1\r\nauthorization: AWS4-HMAC-SHA256 Credential=A/1/r/nothing/aws4_request";
    let (status, answer) = ask(&stage.account, unknown, "").await;
    assert!(status == 400 && answer.contains("no service nothing"), "{status} {answer}");
    let invoke = "POST /2015-03-31/functions/crm-send:live/invocations HTTP/1.1\r\ncontent-length: 14";
    let (status, answer) = ask(&stage.account, invoke, r#"{"say":"here"}"#).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &answer["event"]["say"]), (200, &json!("here")));
    stage.end().await;
}

/// Clients that never stop asking see version 1 and then version 2, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_costs_no_request() {
    let stage = Stage::of(Fake { version: AtomicU64::new(1), ..Fake::default() }).await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (api, tell, done) = (stage.api.clone(), tell.clone(), done.clone());
            tokio::spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    let answer = get(&api, "/dev/health").await;
                    tell.send(answer).unwrap();
                }
            })
        })
        .collect();
    let (mut older, mut newer) = (0, 0);
    while newer < 20 {
        let (status, body) = told.recv().await.unwrap();
        assert_eq!(status, 200, "{body}");
        match body.as_str() {
            r#"{"path":"/health","version":"1"}"# => older += 1,
            r#"{"path":"/health","version":"2"}"# => newer += 1,
            other => panic!("{other}"),
        }
        if older == 20 {
            stage.fake.version.store(2, Ordering::SeqCst);
        }
        assert!(older < 200, "the new version is never served");
    }
    done.store(true, Ordering::SeqCst);
    futures::future::join_all(clients).await;
    stage.end().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_said() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = Options {
        account: Account::in_memory("000000000000", "us-east-1", Clock::Wall),
        deployed: Arc::new(Fake::default()),
        port: taken.local_addr().unwrap().port(),
        code: tempfile::tempdir().unwrap().path().to_owned(),
        bounds: Bounds::default(),
        news: Arc::new(|_| {}),
    };
    let error = run(options, std::future::pending()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

/// One call of a service over HTTP, as a handler would make it.
async fn service(stage: &Stage, service: &str, target: &str, input: Value) -> Value {
    let scope = format!("authorization: AWS4-HMAC-SHA256 Credential=A/1/us-east-1/{service}/aws4_request");
    let body = input.to_string();
    let length = body.len();
    let head = format!("POST / HTTP/1.1\r\n{scope}\r\nx-amz-target: {target}\r\ncontent-length: {length}");
    let (status, answer) = ask(&stage.account, &head, &body).await;
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(&answer).unwrap_or_default()
}

#[tokio::test]
async fn messages_of_a_queue_reach_their_function_and_failed_ones_stay() {
    let queue = "arn:aws:sqs:us-east-1:000000000000:events".to_owned();
    let source = EventSource { queue, function: ALIAS.into(), batch: 10, partial: true };
    let mut stage = Stage::of(Fake { sources: vec![source], ..Fake::default() }).await;
    let queue = json!({ "QueueName": "events" });
    let url = service(&stage, "sqs", "AmazonSQS.CreateQueue", queue).await["QueueUrl"].clone();
    let entry = |id: &str, body: &str| json!({ "Id": id, "MessageBody": body });
    let entries = json!({ "QueueUrl": url, "Entries": [entry("a", "even"), entry("b", "odd")] });
    service(&stage, "sqs", "AmazonSQS.SendMessageBatch", entries).await;
    let (mut bodies, mut delivered) = (Vec::new(), 0);
    while bodies.len() < 2 || delivered == 0 {
        match stage.news.recv().await.unwrap() {
            News::Line { text, .. } => {
                let Some(records) = text.strip_prefix("records ") else { continue };
                let records: Value = serde_json::from_str(records).unwrap();
                let of = records.as_array().into_iter().flatten();
                bodies.extend(of.map(|record| record["body"].as_str().unwrap_or_default().to_owned()));
            }
            News::Delivered { from, function, failed } => {
                assert_eq!((from.as_str(), function.as_str(), failed), ("queue events", "crm-send", None));
                delivered += 1;
            }
            _ => {}
        }
    }
    assert_eq!(bodies, ["even", "odd"]);
    // The one that failed is hidden until its timeout ends; the other is deleted.
    let asked = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    loop {
        let found = service(&stage, "sqs", "AmazonSQS.GetQueueAttributes", asked.clone()).await;
        let count = |name: &str| found["Attributes"][name].as_str().map(str::to_owned);
        assert_eq!(count("ApproximateNumberOfMessages").as_deref(), Some("0"));
        if count("ApproximateNumberOfMessagesNotVisible").as_deref() == Some("1") {
            break;
        }
    }
    stage.end().await;
}

#[tokio::test]
async fn what_is_published_reaches_functions() {
    let mut stage = Stage::of(Fake::default()).await;
    let form = async |body: String| {
        let scope = "authorization: AWS4-HMAC-SHA256 Credential=A/1/us-east-1/sns/aws4_request";
        let length = body.len();
        let head = format!("POST / HTTP/1.1\r\n{scope}\r\ncontent-length: {length}");
        let (status, answer) = ask(&stage.account, &head, &body).await;
        assert_eq!(status, 200, "{answer}");
    };
    form("Action=CreateTopic&Name=bounces".to_owned()).await;
    let topic = "arn:aws:sns:us-east-1:000000000000:bounces";
    form(format!("Action=Subscribe&TopicArn={topic}&Protocol=lambda&Endpoint={ALIAS}")).await;
    form(format!("Action=Publish&TopicArn={topic}&Subject=s&Message=hello")).await;
    let record = loop {
        if let News::Line { text, .. } = stage.news.recv().await.unwrap()
            && let Some(records) = text.strip_prefix("records ")
        {
            break serde_json::from_str::<Value>(records).unwrap()[0].clone();
        }
    };
    assert_eq!((&record["Sns"]["Message"], &record["Sns"]["Subject"]), (&json!("hello"), &json!("s")));
    assert_eq!(record["EventSource"], "aws:sns");
    stage.end().await;
}
