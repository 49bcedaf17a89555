//! Everything together: a port for each API, one for the account, processes, deliveries.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use sandbox::{Account, Clock};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use crate::{
    deliveries,
    deployed::{Api, Integration},
    endpoint,
    gateway::{self, Decision, Limits, Outcome, route::Led},
    http_server::{self, Peer},
    news::{News, Route, Sink},
    runtime::{Functions, Settings, driver::Invoke, failure, pool::Bounds, process::Surroundings},
    view::{Deployed, View},
};

/// What to serve, and how.
pub struct Options {
    pub account: Account,
    /// What is deployed in that account.
    pub deployed: Arc<dyn Deployed>,
    /// Of the first API; the others follow. 0 is any, for each.
    pub port: u16,
    /// Where artefacts are unpacked.
    pub code: PathBuf,
    pub bounds: Bounds,
    pub news: Sink,
}

/// The account takes bodies as large as its own limits; artefacts are the largest.
const ACCOUNT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How often the account is looked at for APIs that have been added, and for events.
const LOOK_MS: u64 = 250;

/// What requests and deliveries share.
pub(crate) struct Server {
    pub(crate) account: Account,
    pub(crate) view: View,
    pub(crate) functions: Functions,
    pub(crate) clock: Clock,
    pub(crate) news: Sink,
    limits: Mutex<Limits>,
    /// A call to the account may have put an event somewhere.
    pub(crate) stirred: Arc<Notify>,
}

/// Serves until `stop` resolves; then what is in flight is finished and every process ended.
///
/// # Errors
/// When a port cannot be had.
pub async fn run(options: Options, stop: impl Future<Output = ()>) -> io::Result<()> {
    let Options { account, deployed, port, code, bounds, news } = options;
    let (ended, ending) = watch::channel(false);
    let (account_ended, account_ending) = watch::channel(false);
    let (listener, address) = http_server::bind(0).await?;
    let endpoint = format!("http://{address}");
    let clock = account.clock();
    let artefacts = {
        let deployed = deployed.clone();
        Arc::new(move |sha256: &str| deployed.artefact(sha256))
    };
    let surroundings = Surroundings {
        endpoint: endpoint.clone(),
        access_key: "AKIASANDBOX".to_owned(),
        secret_key: "sandbox".to_owned(),
    };
    let settings = Settings { clock, code, artefacts, surroundings, bounds, news: news.clone() };
    let server = Arc::new(Server {
        account,
        view: View::new(deployed),
        functions: Functions::new(settings),
        clock,
        news: news.clone(),
        limits: Mutex::default(),
        stirred: Arc::default(),
    });
    let answering = server.clone();
    let account_server =
        tokio::spawn(http_server::listen(listener, account_ending, ACCOUNT_BYTES_MAX, move |request, _| {
            account_call(answering.clone(), request)
        }));
    news(News::Account { url: endpoint });

    let mut serving = JoinSet::new();
    let mut ports = Ports { next: port, known: BTreeMap::new() };
    let bound = ports.open_new(&server, &mut serving, &ending).await;
    if bound.is_ok() {
        let delivering = tokio::spawn(deliveries::deliver(server.clone(), ending.clone()));
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(Duration::from_millis(LOOK_MS)) => {}
            }
            if let Err(error) = ports.open_new(&server, &mut serving, &ending).await {
                news(News::Trouble(format!("an API has no port: {error}")));
            }
        }
        let _ = ended.send(true);
        let _ = delivering.await;
    }
    while serving.join_next().await.is_some() {}
    server.functions.close().await;
    // Last: what was in flight needed it.
    let _ = account_ended.send(true);
    let _ = account_server.await;
    bound
}

/// Which API has which port. A port stays with its API for as long as the server runs.
struct Ports {
    next: u16,
    known: BTreeMap<(String, String), u16>,
}

impl Ports {
    /// Gives a port to every stage that has none.
    async fn open_new(
        &mut self,
        server: &Arc<Server>,
        serving: &mut JoinSet<()>,
        ending: &watch::Receiver<bool>,
    ) -> io::Result<()> {
        let mut apis: Vec<_> = server.view.apis().iter().cloned().collect();
        apis.sort_by(|one, other| (&one.1, &one.2, &one.0).cmp(&(&other.1, &other.2, &other.0)));
        for (id, name, stage) in apis {
            if self.known.contains_key(&(id.clone(), stage.clone())) {
                continue;
            }
            let Some(api) = server.view.api(&id, &stage) else { continue };
            let (listener, address) = self.bind().await?;
            self.known.insert((id.clone(), stage.clone()), address.port());
            let url = format!("http://{address}/{stage}");
            (server.news)(News::Serving { api: name, url, routes: routes(&api) });
            let server = server.clone();
            serving.spawn(http_server::listen(
                listener,
                ending.clone(),
                gateway::BODY_BYTES_MAX,
                move |request, peer| gateway_call(server.clone(), id.clone(), stage.clone(), request, peer),
            ));
        }
        Ok(())
    }

    /// The first must be the one that was asked for; later ones step over what is taken.
    async fn bind(&mut self) -> io::Result<(tokio::net::TcpListener, std::net::SocketAddr)> {
        const STEPS_MAX: u16 = 100;
        let mut steps = 0;
        loop {
            match http_server::bind(self.next).await {
                Ok(bound) => {
                    self.next = if self.next == 0 { 0 } else { bound.1.port().wrapping_add(1) };
                    return Ok(bound);
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    steps += 1;
                    if self.known.is_empty() || steps > STEPS_MAX {
                        let taken = format!("port {} is taken", self.next);
                        return Err(io::Error::new(error.kind(), taken));
                    }
                    self.next = self.next.wrapping_add(1);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What can be called, preflights left out.
fn routes(api: &Api) -> Vec<Route> {
    let mut routes = Vec::new();
    for resource in &api.resources {
        for (method, about) in &resource.methods {
            if matches!(about.integration, Integration::Proxy { .. }) && method != "OPTIONS" {
                let (method, path) = (method.clone(), resource.path.clone());
                routes.push(Route { method, path, key_required: about.key_required });
            }
        }
    }
    routes
}

/// A call of a handler, or of anyone else with the account's URL.
async fn account_call(server: Arc<Server>, request: Request<Bytes>) -> Response<Bytes> {
    if let Some(call) = endpoint::invocation(&request) {
        return server.direct_call(call, request.into_body()).await;
    }
    let writes = matches!(endpoint::service(&request), Some("sns" | "sqs"));
    let answer = endpoint::answer(&server.account, request).await;
    if writes {
        server.stirred.notify_one();
    }
    answer
}

/// A request to an API.
async fn gateway_call(
    server: Arc<Server>,
    id: String,
    stage: String,
    request: Request<Bytes>,
    peer: Peer,
) -> Response<Bytes> {
    let began_ms = server.clock.now_ms();
    let mut request = read(request, peer, began_ms);
    let (method, path) = (request.method.clone(), request.path.clone());
    let host = request.header("host").unwrap_or_default();
    let (answer, function, why) = match gateway::route::led(&server.view.mappings(), host, &path) {
        Led::Not => server.answer(&id, &stage, request).await,
        Led::To { api, stage, domain } => {
            request.domain = Some(domain);
            server.answer(&api, &stage, request).await
        }
        Led::Nowhere => {
            let why = format!("{host} leads nowhere with this path");
            (nowhere(&id, &request), None, Some(why))
        }
    };
    let took_ms = server.clock.now_ms().saturating_sub(began_ms);
    let status = answer.status;
    (server.news)(News::Request { method, path, status, took_ms, function, why });
    answer.into_http()
}

/// The answer of an API that has nothing: what clients get who come to no stage.
fn nowhere(id: &str, request: &gateway::Request) -> gateway::Response {
    gateway::nowhere(&Api { id: id.to_owned(), ..Api::default() }, request)
}

/// A request as API Gateway sees it, with ids of its own.
#[must_use]
pub fn read(request: Request<Bytes>, peer: Peer, at_ms: u64) -> gateway::Request {
    let (parts, body) = request.into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    gateway::Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        domain: None,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body,
        source_ip: peer.client.ip().to_string(),
        protocol: format!("{:?}", parts.version),
        port: peer.port,
        id: new_id(),
        trace: new_trace(at_ms),
        at_ms,
    }
}

pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// `Root=1-SECONDS-RANDOM`, as X-Ray writes it.
pub(crate) fn new_trace(at_ms: u64) -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("Root=1-{:08x}-{}", at_ms / 1000, &random[..24])
}

impl Server {
    /// The answer, the function that was called, and what went wrong where the client is not told.
    async fn answer(
        &self,
        id: &str,
        stage: &str,
        request: gateway::Request,
    ) -> (gateway::Response, Option<String>, Option<String>) {
        let Some(api) = self.view.api(id, stage) else {
            return (nowhere(id, &request), None, Some("this stage has been deleted".to_owned()));
        };
        let usage = request.header("x-api-key").and_then(|key| self.view.usage(key, id, stage));
        let decision = {
            let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
            gateway::decide(&api, usage.as_deref(), &mut limits, &request)
        };
        let call = match decision {
            Decision::Answer(answer) => return (answer, None, None),
            Decision::Call(call) => call,
        };
        if let Some(usage) =
            usage.filter(|_| call.event["requestContext"]["identity"]["apiKeyId"].is_string())
            && let Err(error) = self.account.count_call(&usage.plan_id, &usage.key_id)
        {
            let answer = gateway::finish(&api, &request, &Outcome::Failed);
            return (answer, None, Some(format!("the call cannot be counted: {error}")));
        }
        let (outcome, why) = self.call(&request, &call).await;
        let answer = gateway::finish(&api, &request, &outcome);
        let malformed = matches!(outcome, Outcome::Answered(_)) && answer.status == 502;
        let why = why.or_else(|| malformed.then(|| "the function's answer is no proxy response".to_owned()));
        let function = call.function.split(':').nth(6).map(str::to_owned);
        (answer, function, why)
    }

    async fn call(&self, request: &gateway::Request, call: &gateway::Call) -> (Outcome, Option<String>) {
        let Some(function) = self.view.function(&call.function) else {
            return (Outcome::Forbidden, Some(format!("there is no {}", call.function)));
        };
        if !self.view.may_invoke(&call.function, "apigateway.amazonaws.com", &call.source_arn) {
            let why = format!("the policy of {} does not let {} in", call.function, call.source_arn);
            return (Outcome::Forbidden, Some(why));
        }
        let payload = Bytes::from(call.event.to_string());
        let invoke = Invoke { id: new_id(), trace: request.trace.clone(), payload };
        let limit = Duration::from_millis(call.timeout_ms);
        match tokio::time::timeout(limit, self.functions.invoke(&function, invoke)).await {
            Err(_) => (Outcome::TimedOut, Some(format!("no answer in {} ms", call.timeout_ms))),
            Ok(failure::Outcome::Answer(payload)) => (Outcome::Answered(payload), None),
            Ok(failure::Outcome::Throttled) => (Outcome::Throttled, Some("reserved concurrency".to_owned())),
            Ok(failure::Outcome::Error(payload)) => (Outcome::Failed, Some(failure::message(&payload))),
        }
    }

    /// Lambda's own `Invoke`, for functions that call each other.
    async fn direct_call(self: Arc<Self>, call: endpoint::Invocation, payload: Bytes) -> Response<Bytes> {
        let (id, region) = (self.account.id(), self.account.region());
        let Some(function) = self.view.function(&call.arn(id, region)) else {
            let message = format!("Function not found: {}", call.arn(id, region));
            return endpoint::error(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
        };
        let trace = new_trace(self.clock.now_ms());
        let invoke = Invoke { id: new_id(), trace, payload };
        if call.asynchronous {
            let answer = endpoint::invoked(StatusCode::ACCEPTED, &function.version, Bytes::new(), false);
            tokio::spawn(async move { self.functions.invoke(&function, invoke).await });
            return answer;
        }
        match self.functions.invoke(&function, invoke).await {
            failure::Outcome::Answer(payload) => {
                endpoint::invoked(StatusCode::OK, &function.version, payload, false)
            }
            failure::Outcome::Error(payload) => {
                endpoint::invoked(StatusCode::OK, &function.version, payload, true)
            }
            failure::Outcome::Throttled => {
                let message = "Rate Exceeded.";
                endpoint::error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", message)
            }
        }
    }
}

#[cfg(test)]
mod tests;
