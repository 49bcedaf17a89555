//! Carries out what the pool decides: starts and stops processes, hands them work over the Runtime API, and brings
//! their answers back.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use sandbox::Clock;
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot},
    task::JoinSet,
};

use super::{
    api::{self, Ask, Invocation},
    code,
    failure::{self, Outcome},
    pool::{Bounds, Effect, End, Job, Pool, Worker},
    process::{self, Surroundings},
};
use crate::{
    deployed::{Function, Room},
    news::Sink,
};

/// Lambda takes no larger answer.
const ANSWER_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The zip of an artefact by its SHA-256, as functions name it.
pub type Artefacts = Arc<dyn Fn(&str) -> Option<Bytes> + Send + Sync>;

/// What functions need to run.
#[derive(Clone)]
pub struct Settings {
    pub clock: Clock,
    /// Where artefacts are unpacked.
    pub code: PathBuf,
    pub artefacts: Artefacts,
    pub surroundings: Surroundings,
    pub bounds: Bounds,
    pub news: Sink,
}

/// One call of a function.
#[derive(Clone, Debug, Default)]
pub struct Invoke {
    /// The request's id.
    pub id: String,
    pub trace: String,
    pub payload: Bytes,
}

/// The functions of an account, as processes. Clones are the same.
#[derive(Clone)]
pub struct Functions(Arc<Shared>);

struct Shared {
    settings: Settings,
    state: Mutex<State>,
    /// Something may be due earlier than it was.
    changed: Notify,
    /// A process has ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    pool: Pool,
    jobs: BTreeMap<Job, Pending>,
    workers: BTreeMap<Worker, Handle>,
    /// What is started in a room.
    rooms: BTreeMap<Room, Function>,
    next_job: Job,
}

struct Pending {
    invoke: Invoke,
    arn: String,
    timeout_s: u32,
    answer: oneshot::Sender<Outcome>,
}

#[derive(Default)]
struct Handle {
    /// The process waits for work here.
    give: Option<oneshot::Sender<Invocation>>,
    /// What it has, by the id that it knows.
    has: Option<(String, Job)>,
    stop: Arc<Notify>,
    /// What it said about why it cannot start.
    init_error: Option<String>,
    /// How it ended.
    ended: Option<String>,
}

impl Functions {
    /// Nothing runs yet. To be called on a runtime.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let state = State { pool: Pool::new(settings.bounds), ..State::default() };
        let (changed, ended) = (Notify::new(), Notify::new());
        let shared = Arc::new(Shared { settings, state: Mutex::new(state), changed, ended });
        tokio::spawn(keep_time(Arc::downgrade(&shared)));
        Self(shared)
    }

    /// Calls a function. When this is dropped, a call that has not begun is forgotten.
    pub async fn invoke(&self, function: &Function, invoke: Invoke) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        let job = {
            let mut state = self.0.state();
            let job = state.next_job;
            state.next_job += 1;
            let (arn, timeout_s) = (function.arn.clone(), function.timeout_s);
            state.jobs.insert(job, Pending { invoke, arn, timeout_s, answer });
            state.rooms.insert(function.room(), function.clone());
            let effects = state.pool.ask(job, function, self.0.now_ms());
            self.0.carry_out(&mut state, effects);
            job
        };
        let waiting = Waiting { shared: &self.0, job };
        let outcome = outcome.await.unwrap_or_else(|_| failure::closing());
        drop(waiting);
        outcome
    }

    /// Takes no more calls, waits for those that run, and ends every process.
    pub async fn close(&self) {
        {
            let mut state = self.0.state();
            let effects = state.pool.close();
            self.0.carry_out(&mut state, effects);
        }
        loop {
            let ended = self.0.ended.notified();
            if self.0.state().workers.is_empty() {
                return;
            }
            ended.await;
        }
    }
}

/// Withdraws a call when whoever made it goes away.
struct Waiting<'a> {
    shared: &'a Shared,
    job: Job,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if state.jobs.remove(&self.job).is_some() {
            state.pool.withdraw(self.job);
        }
    }
}

/// Stops what is overdue, for as long as anyone has the functions.
async fn keep_time(shared: std::sync::Weak<Shared>) {
    loop {
        let Some(held) = shared.upgrade() else { return };
        let now_ms = held.now_ms();
        let next = {
            let mut state = held.state();
            let effects = state.pool.due(now_ms);
            held.carry_out(&mut state, effects);
            state.pool.next_due()
        };
        let wait = next.map_or(1000, |at_ms| at_ms.saturating_sub(now_ms)).clamp(1, 1000);
        tokio::select! {
            () = held.changed.notified() => {}
            () = tokio::time::sleep(Duration::from_millis(wait)) => {}
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        self.settings.clock.now_ms()
    }

    fn carry_out(self: &Arc<Self>, state: &mut State, effects: Vec<Effect>) {
        if !effects.is_empty() {
            self.changed.notify_one();
        }
        for effect in effects {
            match effect {
                Effect::Start(worker, room) => {
                    let Some(function) = state.rooms.get(&room).cloned() else { continue };
                    let handle = Handle::default();
                    let stop = handle.stop.clone();
                    state.workers.insert(worker, handle);
                    tokio::spawn(work(self.clone(), worker, function, stop));
                }
                Effect::Give { worker, job, deadline_ms } => state.give(worker, job, deadline_ms),
                Effect::Stop(worker) => {
                    if let Some(handle) = state.workers.get(&worker) {
                        handle.stop.notify_one();
                    }
                }
                Effect::End(job, end) => state.end(job, end),
            }
        }
    }
}

impl State {
    fn give(&mut self, worker: Worker, job: Job, deadline_ms: u64) {
        let Some(handle) = self.workers.get_mut(&worker) else { return };
        let Some(pending) = self.jobs.get(&job) else { return };
        let Invoke { id, trace, payload } = pending.invoke.clone();
        handle.has = Some((id.clone(), job));
        let invocation = Invocation { id, deadline_ms, arn: pending.arn.clone(), trace, payload };
        let given = handle.give.take().is_some_and(|give| give.send(invocation).is_ok());
        if !given {
            // The process no longer listens: with its end the call ends too.
            handle.stop.notify_one();
        }
    }

    fn end(&mut self, job: Job, end: End) {
        let Some(Pending { invoke, timeout_s, answer, .. }) = self.jobs.remove(&job) else { return };
        let ended = |worker: &Worker| self.workers.get(worker).and_then(|handle| handle.ended.clone());
        let outcome = match end {
            End::Throttled => Outcome::Throttled,
            End::TimedOut => failure::timed_out(&invoke.id, timeout_s),
            End::Exited(worker) => match ended(&worker) {
                Some(how) => failure::exited(&invoke.id, &how),
                None => failure::no_answer(&invoke.id),
            },
            End::NotStarted(worker) => {
                let said = self.workers.get(&worker).and_then(|handle| handle.init_error.clone());
                let why = said.or_else(|| ended(&worker));
                failure::not_started(&why.unwrap_or_else(|| "it did not ask for work in time".to_owned()))
            }
            End::Closed => failure::closing(),
        };
        // Nobody may be waiting any more.
        let _ = answer.send(outcome);
    }
}

/// One process from its start to its end.
async fn work(shared: Arc<Shared>, worker: Worker, function: Function, stop: Arc<Notify>) {
    let how = match run(&shared, worker, &function, &stop).await {
        Ok(how) | Err(how) => how,
    };
    let mut state = shared.state();
    if let Some(handle) = state.workers.get_mut(&worker) {
        handle.ended = Some(how);
    }
    let effects = state.pool.gone(worker, shared.now_ms());
    shared.carry_out(&mut state, effects);
    state.workers.remove(&worker);
    drop(state);
    shared.ended.notify_waiters();
}

/// How the process ended, or why it could not be started.
async fn run(
    shared: &Arc<Shared>,
    worker: Worker,
    function: &Function,
    stop: &Notify,
) -> Result<String, String> {
    let Settings { artefacts, code: root, surroundings, news, .. } = &shared.settings;
    let zip = artefacts(&function.code)
        .ok_or_else(|| format!("the code {} of {} is not there", function.code, function.name))?;
    let root = root.clone();
    let unpacked = tokio::task::spawn_blocking(move || code::unpack(&root, &zip)).await;
    let folder = unpacked.map_err(|error| error.to_string())?;
    let folder = folder.map_err(|error| format!("the code of {} is unusable: {error}", function.name))?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?.to_string();
    let environment = process::environment(function, surroundings, &folder, &address);
    let mut running = process::start(function, &folder, &environment, news)
        .map_err(|error| process::cannot_start(&error))?;
    let mut connections = JoinSet::new();
    let status = loop {
        tokio::select! {
            status = running.child.wait() => break status,
            () = stop.notified() => {
                // It may have ended by itself meanwhile.
                let _ = running.child.start_kill();
                break running.child.wait().await;
            }
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let shared = shared.clone();
                let answer = service_fn(move |request| {
                    let shared = shared.clone();
                    async move { Ok::<_, Infallible>(shared.answer(worker, request).await) }
                });
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        }
    };
    running.drain().await;
    let how = process::ending(status);
    let said = running.tail.text();
    Ok(if said.is_empty() { how } else { format!("{how}\n{said}") })
}

impl Shared {
    /// Answers a process.
    async fn answer(
        self: &Arc<Self>,
        worker: Worker,
        request: http::Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        match api::read(request.method(), request.uri().path()) {
            Ask::Next => self.next(worker).await,
            Ask::Response(id) => self.ended(worker, &id, request, Outcome::Answer).await,
            Ask::Error(id) => self.ended(worker, &id, request, Outcome::Error).await,
            Ask::InitError => {
                let body = request.into_body().collect().await.map(|body| body.to_bytes());
                let said: serde_json::Value =
                    body.ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
                let message = said["errorMessage"].as_str().unwrap_or("the runtime gave no reason");
                if let Some(handle) = self.state().workers.get_mut(&worker) {
                    handle.init_error = Some(message.to_owned());
                }
                api::accepted()
            }
            Ask::Unknown => api::refused(StatusCode::NOT_FOUND, "UnknownOperation"),
        }
    }

    async fn next(self: &Arc<Self>, worker: Worker) -> Response<Full<Bytes>> {
        let (give, given) = oneshot::channel();
        {
            let mut state = self.state();
            let Some(handle) = state.workers.get_mut(&worker) else {
                return api::refused(StatusCode::GONE, "Stopped");
            };
            handle.give = Some(give);
            let effects = state.pool.ready(worker, self.now_ms());
            self.carry_out(&mut state, effects);
        }
        match given.await {
            Ok(invocation) => api::next(invocation),
            Err(_) => api::refused(StatusCode::GONE, "Stopped"),
        }
    }

    /// Brings an answer back to whoever asked.
    async fn ended(
        self: &Arc<Self>,
        worker: Worker,
        id: &str,
        request: http::Request<Incoming>,
        outcome: fn(Bytes) -> Outcome,
    ) -> Response<Full<Bytes>> {
        let body = Limited::new(request.into_body(), ANSWER_BYTES_MAX).collect().await;
        let (outcome, answer) = match body {
            Ok(body) => (outcome(body.to_bytes()), api::accepted()),
            Err(_) => (
                failure::too_large(ANSWER_BYTES_MAX),
                api::refused(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"),
            ),
        };
        let mut state = self.state();
        let has = state.workers.get(&worker).and_then(|handle| handle.has.clone());
        let job = has.filter(|(current, _)| current == id).map(|(_, job)| job);
        let Some(job) = job.filter(|job| state.pool.answered(worker, *job, self.now_ms())) else {
            return api::refused(StatusCode::BAD_REQUEST, "InvalidRequestID");
        };
        if let Some(pending) = state.jobs.remove(&job) {
            // Nobody may be waiting any more.
            let _ = pending.answer.send(outcome);
        }
        answer
    }
}

impl std::fmt::Debug for Functions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Functions")
    }
}

#[cfg(test)]
pub(crate) mod tests;
