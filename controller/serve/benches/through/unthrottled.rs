//! A server in this process, whose one route has no throttle.

use std::{
    collections::BTreeMap,
    io::{Cursor, Write},
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use bytes::Bytes;
use sandbox::{Account, Clock};
use serve::{
    deployed::{Api, EventSource, Function, Integration, Mapping, Method, Resource, Schedule, Usage},
    gateway::{self, Decision, Limits, Request},
    news::News,
    runtime::{Functions, Settings, driver::Invoke, failure::Outcome, pool::Bounds, process::Surroundings},
    server::{self, Options},
    view::Deployed,
};
use tokio::{runtime::Runtime, sync::oneshot};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{one_at_a_time, side_by_side, tell};

/// Calls of each sort.
const CALLS: usize = 2_000;

const ALIAS: &str = "arn:aws:lambda:us-east-1:000000000000:function:bench:live";

/// What every health function reads.
const VARIABLES: &[(&str, &str)] =
    &[("STAGE", "bench"), ("VERSION", "1.0.0"), ("CORS_ALLOWED_ORIGINS", "http://localhost:3000")];

/// One function behind one route.
struct Bench {
    zip: Bytes,
    handler: String,
}

impl Bench {
    fn function(&self) -> Function {
        let variables = VARIABLES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Function {
            name: "bench".to_owned(),
            version: "1".to_owned(),
            arn: ALIAS.to_owned(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            code: "code".to_owned(),
            handler: self.handler.clone(),
            memory_mb: 128,
            timeout_s: 10,
            variables: variables.collect(),
            log_group: "/aws/lambda/bench".to_owned(),
            reserved: None,
        }
    }

    fn served() -> Api {
        let integration = Integration::Proxy { function: ALIAS.to_owned(), timeout_ms: 29_000 };
        let method = Method { integration, ..Method::default() };
        let methods = BTreeMap::from([("GET".to_owned(), method)]);
        let resource = Resource { id: "r".to_owned(), path: "/health".to_owned(), methods };
        Api {
            id: "a1".to_owned(),
            name: "bench".to_owned(),
            stage: "dev".to_owned(),
            resources: vec![resource],
            ..Api::default()
        }
    }
}

impl Deployed for Bench {
    fn changes(&self) -> u64 {
        0
    }

    fn apis(&self) -> Vec<(String, String, String)> {
        vec![("a1".to_owned(), "bench".to_owned(), "dev".to_owned())]
    }

    fn api(&self, _: &str, _: &str) -> Option<Api> {
        Some(Self::served())
    }

    fn mappings(&self) -> Vec<Mapping> {
        Vec::new()
    }

    fn usage(&self, _: &str, _: &str, _: &str) -> Option<Usage> {
        None
    }

    fn function(&self, _: &str) -> Option<Function> {
        Some(self.function())
    }

    fn may_invoke(&self, _: &str, _: &str, _: &str) -> bool {
        true
    }

    fn artefact(&self, _: &str) -> Option<Bytes> {
        Some(self.zip.clone())
    }

    fn event_sources(&self) -> Vec<EventSource> {
        Vec::new()
    }

    fn schedules(&self) -> Vec<Schedule> {
        Vec::new()
    }
}

/// Measures `BINARY:HANDLER`.
pub(crate) fn measure(subject: &str) {
    let (binary, handler) = subject.rsplit_once(':').expect("BINARY:HANDLER");
    // Cargo runs a bench in the folder of its package.
    let binary = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(binary);
    let binary = std::fs::read(&binary).unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
    let bench = Arc::new(Bench { zip: zipped(&binary), handler: handler.to_owned() });
    let runtime = Runtime::new().expect("a runtime");
    let code = tempfile::tempdir().expect("a folder");
    let alone = runtime.block_on(called(&bench, code.path()));

    let (tell, heard) = mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let options = Options {
        account: Account::in_memory("000000000000", "us-east-1", Clock::Wall),
        deployed: bench,
        port: 0,
        code: code.path().to_owned(),
        bounds: Bounds::default(),
        news: Arc::new(move |news| {
            if let News::Serving { url, .. } = news {
                let _ = tell.send(url);
            }
        }),
    };
    let serving = runtime.spawn(server::run(options, async { drop(stopped.await) }));
    let url: String = heard.recv().expect("it is served");
    let host = url.split('/').nth(2).unwrap_or_default();
    let served = one_at_a_time(host, "/dev/health", CALLS, Duration::ZERO);
    let added = served.saturating_sub(alone).as_secs_f64() * 1000.0;
    println!("added by gateway and HTTP: {added:.3} ms");
    side_by_side(host, "/dev/health");
    stop.send(()).expect("it runs");
    runtime.block_on(serving).expect("no panic").expect("a port");
}

/// The time that one call takes with nothing in front of the function, and tells it.
async fn called(bench: &Arc<Bench>, code: &Path) -> Duration {
    let artefact = {
        let bench = bench.clone();
        Arc::new(move |_: &str| Some(bench.zip.clone()))
    };
    let surroundings = Surroundings {
        endpoint: "http://127.0.0.1:9".to_owned(),
        access_key: "AKIASANDBOX".to_owned(),
        secret_key: "sandbox".to_owned(),
    };
    let functions = Functions::new(Settings {
        clock: Clock::Wall,
        code: code.to_owned(),
        artefacts: artefact,
        surroundings,
        bounds: Bounds::default(),
        news: Arc::new(|_| {}),
    });
    let request = Request { method: "GET".to_owned(), path: "/dev/health".to_owned(), ..Request::default() };
    let decision = gateway::decide(&Bench::served(), None, &mut Limits::default(), &request);
    let Decision::Call(call) = decision else { panic!("{decision:?}") };
    let payload = Bytes::from(call.event.to_string());
    let (function, mut times) = (bench.function(), Vec::new());
    for number in 0..=CALLS {
        let invoke = Invoke { id: number.to_string(), trace: String::new(), payload: payload.clone() };
        let begun = Instant::now();
        let outcome = functions.invoke(&function, invoke).await;
        // The first one starts the process.
        if number > 0 {
            times.push(begun.elapsed());
        }
        assert!(matches!(outcome, Outcome::Answer(_)), "{outcome:?}");
    }
    functions.close().await;
    tell("the function alone", &mut times)
}

fn zipped(binary: &[u8]) -> Bytes {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).expect("an entry");
    zip.write_all(binary).expect("memory");
    zip.finish().expect("a zip").into_inner().into()
}
