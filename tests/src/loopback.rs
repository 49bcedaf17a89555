//! An endpoint on the loopback, for `AWS_ENDPOINT_URL`: it answers as told, and passes everything else on to an
//! embedded account.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use sandbox::{Account, Clock};

/// Status and body instead of the account's answer.
pub(crate) type Instead = Option<(u16, String)>;

/// The endpoint; it ends with the process of the tests.
pub(crate) struct Loopback {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Loopback {
    /// Serves an empty account; `instead` is asked first, with `service:Operation`.
    pub(crate) fn serve(account: &str, instead: impl Fn(&str) -> Instead + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let account = Account::in_memory(account, "us-east-1", Clock::Wall);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (account, told, instead) = (account.clone(), told.clone(), instead.clone());
                thread::spawn(move || answer(&stream, &account, &told, &instead));
            }
        });
        Self { url, asked }
    }

    /// `service:Operation` of every call, in the order of arrival.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One request, one answer: the connection is closed after it.
fn answer(
    stream: &TcpStream,
    account: &Account,
    asked: &Mutex<Vec<String>>,
    instead: &impl Fn(&str) -> Instead,
) {
    let Some(request) = read(stream) else { return };
    let name = name(&request);
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
    let (status, body) = match instead(&name) {
        Some((status, body)) => (status, body.into_bytes()),
        None => pass_on(account, request),
    };
    let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let mut stream = stream;
    // A caller who hung up is not our concern.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

fn read(stream: &TcpStream) -> Option<http::Request<Vec<u8>>> {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let mut request =
        http::Request::builder().method(words.next()?).uri(format!("http://127.0.0.1{}", words.next()?));
    let mut length = 0;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().ok()?;
        }
        request = request.header(name, value);
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    request.body(body).ok()
}

/// `sqs:GetQueueUrl`; method and path where the protocol names no operation.
fn name(request: &http::Request<Vec<u8>>) -> String {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let service =
        header("authorization").split("Credential=").nth(1).and_then(|scope| scope.split('/').nth(3));
    let body = String::from_utf8_lossy(request.body());
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
    let target = header("x-amz-target").rsplit('.').next().filter(|target| !target.is_empty());
    let path = || format!("{} {}", request.method(), request.uri().path());
    let operation = target.or(action).map_or_else(path, str::to_owned);
    format!("{}:{operation}", service.unwrap_or_default())
}

fn pass_on(account: &Account, request: http::Request<Vec<u8>>) -> (u16, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let request = request.map(SdkBody::from).try_into().expect("a request");
        let answer = account.connector().call(request).await.expect("an answer");
        let status = answer.status().as_u16();
        let body = ByteStream::new(answer.into_body()).collect().await.expect("a body");
        (status, body.into_bytes().to_vec())
    })
}
