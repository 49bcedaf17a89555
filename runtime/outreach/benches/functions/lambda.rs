//! One process of a function and the Runtime API that it polls.

use std::{
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::Value;
use serve::http_server;
use tokio::{
    process::{Child, Command},
    sync::{Mutex, mpsc, watch},
};

use crate::around::Around;

const PATIENCE: Duration = Duration::from_secs(30);

/// A program that speaks the Runtime API.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) command: Vec<String>,
}

/// A process that waits for work.
pub(crate) struct Running {
    child: Child,
    work: mpsc::UnboundedSender<Bytes>,
    given: mpsc::UnboundedReceiver<Instant>,
    answers: mpsc::UnboundedReceiver<(Instant, Bytes)>,
    /// From the start of the process to its first poll.
    pub(crate) start: Duration,
    _stop: watch::Sender<bool>,
}

/// How long one request took: all of it, and without the time of what it called.
pub(crate) struct Took {
    pub(crate) all: Duration,
    pub(crate) own: Duration,
}

impl Running {
    pub(crate) async fn start(program: &Program, handler: &str, around: &Around) -> Self {
        let (work, waiting) = mpsc::unbounded_channel::<Bytes>();
        let (gives, given) = mpsc::unbounded_channel();
        let (answer, answers) = mpsc::unbounded_channel();
        let (polled, mut polls) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let (listener, address) = http_server::bind(0).await.expect("a port");
        let (stop, ending) = watch::channel(false);
        tokio::spawn(http_server::listen(listener, ending, 1 << 24, move |request: Request<Bytes>, _| {
            let (waiting, gives, answer, polled) =
                (waiting.clone(), gives.clone(), answer.clone(), polled.clone());
            async move {
                let now = Instant::now();
                if request.method() == Method::POST {
                    let _ = answer.send((now, request.into_body()));
                    let mut taken = Response::new(Bytes::new());
                    *taken.status_mut() = http::StatusCode::ACCEPTED;
                    return taken;
                }
                let _ = polled.send(now);
                let Some(event) = waiting.lock().await.recv().await else {
                    return Response::new(Bytes::new());
                };
                let next = Response::builder()
                    .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
                    .header("lambda-runtime-deadline-ms", "4102444800000")
                    .header(
                        "lambda-runtime-invoked-function-arn",
                        "arn:aws:lambda:us-east-1:000000000000:function:f",
                    )
                    .header("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700")
                    .body(event)
                    .expect("a response");
                let _ = gives.send(Instant::now());
                next
            }
        }));
        let mut command = Command::new(&program.command[0]);
        command.args(&program.command[1..]).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.envs(around.variables()).env("_HANDLER", handler);
        command.env("AWS_LAMBDA_RUNTIME_API", address.to_string());
        for (name, value) in
            [("FUNCTION_NAME", handler), ("FUNCTION_MEMORY_SIZE", "256"), ("FUNCTION_VERSION", "1")]
        {
            command.env(format!("AWS_LAMBDA_{name}"), value);
        }
        command.env("AWS_LAMBDA_LOG_GROUP_NAME", "g").env("AWS_LAMBDA_LOG_STREAM_NAME", "s");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        let begun = Instant::now();
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.command[0]));
        let first = tokio::time::timeout(PATIENCE, polls.recv()).await.expect("it polls").expect("a time");
        Self { child, work, given, answers, start: first - begun, _stop: stop }
    }

    /// Gives it one event; returns the answer and how long it took.
    pub(crate) async fn ask(&mut self, event: &Value, around: &Around) -> (Value, Took) {
        let busy = around.busy_ns();
        self.work.send(Bytes::from(event.to_string())).expect("it waits");
        let (ended, body) =
            tokio::time::timeout(PATIENCE, self.answers.recv()).await.expect("in time").expect("an answer");
        let all = ended - self.given.recv().await.expect("it was given");
        let own = all.saturating_sub(Duration::from_nanos(around.busy_ns() - busy));
        (serde_json::from_slice(&body).expect("JSON"), Took { all, own })
    }

    /// Resident memory now, in KiB.
    pub(crate) fn memory_kib(&self) -> u64 {
        let id = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}
