//! From starting a function's process to its first question for work, its memory then, and one invocation.
//!
//! ```sh
//! cargo dn build --release-mode
//! cargo bench --package outreach --bench start -- target/lambda/outreach:outreach-health
//! ```
//!
//! Each argument is `BINARY:HANDLER`. A handler of Node 20 that does the same (`start.js`, without any SDK, so
//! at its best) is measured beside them where `node` is installed. The Runtime API is a stand-in on the
//! loopback. This needs nothing but the standard library, so that
//! `CARGO_MANIFEST_DIR=$PWD/runtime/outreach rustc -O --edition 2024 runtime/outreach/benches/start.rs` will do.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Processes that are started of each.
const STARTS: usize = 40;

/// Invocations of one process.
const CALLS: usize = 300;

/// What a function may read; each takes what it needs.
const VARIABLES: &[(&str, &str)] = &[
    ("STAGE", "bench"),
    ("VERSION", "1.0.0"),
    ("CORS_ALLOWED_ORIGINS", "https://crm.example.com"),
    ("UNSUBSCRIBE_KMS_KEY_ID", "alias/bench"),
    ("UNSUBSCRIBE_TOKEN_MAX_AGE_DAYS", "30"),
    ("SES_CONTACT_LIST_NAME", "bench"),
    ("CONTACTS_TABLE", "bench"),
    ("UNSUBSCRIBE_AUDIT_TABLE", "bench"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
];

const EVENT: &str = r#"{"resource":"/outreach/health","path":"/outreach/health","httpMethod":"GET",
    "headers":{"Origin":"https://crm.example.com"},"multiValueHeaders":{"Origin":["https://crm.example.com"]},
    "queryStringParameters":null,"multiValueQueryStringParameters":null,"pathParameters":null,"stageVariables":null,
    "requestContext":{"requestId":"r","stage":"dev","httpMethod":"GET","path":"/dev/outreach/health",
    "identity":{"sourceIp":"127.0.0.1"}},"body":null,"isBase64Encoded":false}"#;

/// What the stand-in saw.
enum Seen {
    Asked(Instant),
    /// When, and the status that the caller would get.
    Answered(Instant, String),
}

/// A Runtime API that hands out what is sent to it.
struct Api {
    address: String,
    seen: Receiver<Seen>,
    work: Sender<()>,
}

impl Api {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let ((tell, seen), (work, todo)) = (channel(), channel());
        let todo = Arc::new(Mutex::new(todo));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tell, todo) = (tell.clone(), todo.clone());
                thread::spawn(move || serve(&stream, &tell, &todo));
            }
        });
        Self { address, seen, work }
    }
}

/// Serves one connection until its end.
fn serve(stream: &TcpStream, tell: &Sender<Seen>, todo: &Mutex<Receiver<()>>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut lines = BufReader::new(stream);
    let mut out = stream;
    loop {
        let mut first = String::new();
        lines.read_line(&mut first).ok().filter(|read| *read > 0)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            lines.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        lines.read_exact(&mut body).ok()?;
        if first.starts_with("GET") {
            tell.send(Seen::Asked(Instant::now())).ok()?;
            todo.lock().ok()?.recv().ok()?;
            let head = "Lambda-Runtime-Aws-Request-Id: r\r\nLambda-Runtime-Deadline-Ms: 9999999999999\r\n\
                Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:bench\r\n";
            let length = EVENT.len();
            write!(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}").ok()?;
            write!(out, "Content-Length: {length}\r\n\r\n{EVENT}").ok()?;
        } else {
            let at = Instant::now();
            let text = String::from_utf8_lossy(&body);
            let status = text.split("\"statusCode\":").nth(1).unwrap_or_default().chars().take(3).collect();
            tell.send(Seen::Answered(at, status)).ok()?;
            write!(out, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").ok()?;
        }
    }
}

/// What is measured: a program and its handler.
struct Subject {
    name: String,
    program: String,
    arguments: Vec<String>,
    handler: String,
}

impl Subject {
    #[expect(clippy::disallowed_methods, reason = "starting processes is what is measured")]
    fn start(&self, api: &Api) -> Child {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(VARIABLES.iter().copied());
        command.env("_HANDLER", &self.handler).env("AWS_LAMBDA_RUNTIME_API", &api.address);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.program))
    }
}

fn end(mut child: Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// Resident memory in KiB.
fn resident(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or_default()
}

fn asked(api: &Api) -> Instant {
    match api.seen.recv_timeout(Duration::from_secs(20)).expect("it asks for work") {
        Seen::Asked(at) => at,
        Seen::Answered(..) => panic!("an answer to nothing"),
    }
}

fn measure(subject: &Subject) {
    let (mut starts, mut sizes) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let api = Api::open();
        let begun = Instant::now();
        let child = subject.start(&api);
        starts.push(asked(&api) - begun);
        sizes.push(resident(&child));
        end(child);
    }
    let api = Api::open();
    let child = subject.start(&api);
    asked(&api);
    let (mut calls, mut statuses) = (Vec::new(), BTreeSet::new());
    for _ in 0..CALLS {
        let begun = Instant::now();
        api.work.send(()).expect("the stand-in runs");
        let mut answered = None;
        // The next question comes after the answer, on this connection or another.
        while let Seen::Answered(at, status) =
            api.seen.recv_timeout(Duration::from_secs(20)).expect("it answers")
        {
            answered = Some((at - begun, status));
        }
        let (time, status) = answered.expect("it answers before it asks again");
        calls.push(time);
        statuses.insert(status);
    }
    end(child);
    println!(
        "{:<34} first poll {:>6.1} ms (p95 {:>6.1})   memory {:>5.1} MB   one call {:>6.3} ms (p95 {:>6.3}) with {}",
        subject.name,
        ms(quantile(&mut starts, 50)),
        ms(quantile(&mut starts, 95)),
        quantile(&mut sizes, 50) as f64 / 1024.0,
        ms(quantile(&mut calls, 50)),
        ms(quantile(&mut calls, 95)),
        statuses.into_iter().collect::<Vec<_>>().join(", "),
    );
}

fn quantile<T: Copy + Ord>(values: &mut [T], per_cent: usize) -> T {
    values.sort_unstable();
    values[(values.len() - 1) * per_cent / 100]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn main() {
    let mut subjects: Vec<Subject> = Vec::new();
    for argument in env::args().skip(1).filter(|argument| !argument.starts_with("--")) {
        let (program, handler) = argument.rsplit_once(':').expect("BINARY:HANDLER");
        // Cargo runs benches in the package's folder.
        let found = [program.to_owned(), format!("../../{program}")];
        let program = found.iter().find(|path| fs::metadata(path).is_ok()).expect("a binary");
        let name = format!("{} ({handler})", program.rsplit('/').next().unwrap_or_default());
        let (program, handler) = (program.clone(), handler.to_owned());
        subjects.push(Subject { name, program, arguments: Vec::new(), handler });
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/start.js");
    let node = ["/usr/bin/node", "/usr/local/bin/node"].into_iter().find(|path| fs::metadata(path).is_ok());
    if let Some(node) = node {
        let arguments = vec![script.to_owned()];
        let (name, handler) = ("node, without an SDK".to_owned(), "health".to_owned());
        subjects.push(Subject { name, program: node.to_owned(), arguments, handler });
    }
    subjects.iter().for_each(measure);
}
