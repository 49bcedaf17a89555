//! From the process to a handler.
//!
//! One artefact holds the functions of a service. `_HANDLER` says which one this process is; its variables are read
//! and checked before the first event, so that a missing one fails the deployment's smoke check and not a customer
//! (R115).

use std::{env, future::Future, pin::Pin, process::ExitCode, sync::Arc, time::Instant};

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use contract::{
    function::Deployed,
    reply::Code,
    variable::{Problem, Variables},
};
use http::Method;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tracing::{error, info};

use crate::{
    Aws, Clock, Failed, Reply, Request,
    auth::Keys,
    http::Http,
    log,
    metric::{self, Metric},
    secret::Secrets,
};

/// What a handler is given beside its event.
pub struct Call<F: Deployed> {
    pub variables: F::Variables,
    pub clock: Clock,
    pub aws: Aws,
    /// For what is not AWS.
    pub http: Http,
    /// The keys of Firebase tokens.
    pub keys: Keys,
    pub secrets: Secrets,
}

impl<F: Deployed> Call<F> {
    #[must_use]
    pub fn new(variables: F::Variables, clock: Clock, aws: Aws, http: Http) -> Self {
        Self { variables, clock, aws, http, keys: Keys::default(), secrets: Secrets::default() }
    }
}

type Running = Pin<Box<dyn Future<Output = Result<(), lambda_runtime::Error>>>>;

/// A function of an artefact: its name, and how it runs.
pub struct Entry {
    name: &'static str,
    begin: Box<dyn Fn() -> Result<Running, Vec<Problem>>>,
}

/// A function behind endpoints. `origins` are those that browsers may call it from.
pub fn api<F, H, Answer>(handler: H, origins: fn(&F::Variables) -> &[String]) -> Entry
where
    F: Deployed,
    H: Fn(Request, Arc<Call<F>>) -> Answer + Copy + Send + Sync + 'static,
    Answer: Future<Output = Result<Reply, Failed>> + Send + 'static,
{
    entry::<F, _>(move |call| {
        let service = service_fn(move |event: LambdaEvent<Value>| {
            let call = call.clone();
            async move { Ok::<_, lambda_runtime::Error>(answer(event.payload, &call, handler, origins).await) }
        });
        Box::pin(lambda_runtime::run(service))
    })
}

/// A function that messages or a schedule start: what it returns is the answer to the event source.
pub fn event<F, E, H, Answer, A>(handler: H) -> Entry
where
    F: Deployed,
    E: DeserializeOwned + Send + 'static,
    A: Serialize + Send + 'static,
    H: Fn(E, Arc<Call<F>>) -> Answer + Copy + Send + Sync + 'static,
    Answer: Future<Output = Result<A, Failed>> + Send + 'static,
{
    entry::<F, _>(move |call| {
        let service = service_fn(move |event: LambdaEvent<E>| {
            let call = call.clone();
            async move {
                handler(event.payload, call).await.map_err(|failed| {
                    let cause = failed.cause.unwrap_or(failed.message);
                    error!(function = F::FUNCTION.name, code = ?failed.code, cause, "failed");
                    lambda_runtime::Error::from(cause)
                })
            }
        });
        Box::pin(lambda_runtime::run(service))
    })
}

fn entry<F: Deployed, R: Fn(Arc<Call<F>>) -> Running + 'static>(run: R) -> Entry {
    let begin = move || {
        let variables = F::Variables::read(&|name| env::var(name).ok())?;
        let call = Call::new(variables, Clock::Wall, Aws::of_process(), Http::of_process());
        Ok(run(Arc::new(call)))
    };
    Entry { name: F::FUNCTION.name, begin: Box::new(begin) }
}

/// One request: the handler's answer or failure, with CORS, and a line in the log.
async fn answer<F, H, Answer>(
    event: Value,
    call: &Arc<Call<F>>,
    handler: H,
    origins: fn(&F::Variables) -> &[String],
) -> ApiGatewayProxyResponse
where
    F: Deployed,
    H: Fn(Request, Arc<Call<F>>) -> Answer,
    Answer: Future<Output = Result<Reply, Failed>>,
{
    let begun = Instant::now();
    let request = match Request::read(event) {
        Ok(request) => request,
        Err(failed) => return failed.reply(call.clock).for_gateway(),
    };
    let outcome = match request.method {
        Method::OPTIONS => Ok(Reply::preflight()),
        _ => handler(request.clone(), call.clone()).await,
    };
    let reply = match &outcome {
        Ok(reply) => reply.clone(),
        Err(failed) => failed.reply(call.clock),
    };
    let (code, cause) = match &outcome {
        Ok(_) => (None, None),
        Err(failed) => (Some(failed.code), failed.cause.as_deref()),
    };
    info!(
        function = F::FUNCTION.name,
        request = request.id,
        method = %request.method,
        path = request.path,
        status = reply.status,
        ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        code = code.map(tracing::field::debug),
        cause,
        "answered"
    );
    let metrics = measured(&reply, code, begun);
    metric::emit(F::FUNCTION.name, call.clock.now_ms(), &metrics, &[("request", request.id.as_str().into())]);
    reply.shared_with(&request, origins(&call.variables)).for_gateway()
}

/// What every request adds to the metrics of its function, and what the handler did (R107).
fn measured(reply: &Reply, code: Option<Code>, begun: Instant) -> Vec<Metric> {
    let is = |of: bool| usize::from(of);
    let credentials = [Code::MissingToken, Code::InvalidToken, Code::InvalidSignature];
    let refused = code.is_some_and(|code| credentials.contains(&code));
    let mut metrics = vec![
        Metric::milliseconds("responseTime", begun.elapsed().as_secs_f64() * 1000.0),
        Metric::count("requests", 1),
        Metric::count("clientErrors", is((400..500).contains(&reply.status))),
        Metric::count("serverErrors", is(reply.status >= 500)),
        Metric::count("authenticationFailures", is(refused)),
        Metric::count("rateLimitEvents", is(code == Some(Code::RateLimitExceeded))),
    ];
    metrics.extend(reply.metrics.iter().cloned());
    metrics
}

/// Runs the function that `_HANDLER` names until Lambda ends the process.
pub async fn run(entries: impl IntoIterator<Item = Entry>) -> ExitCode {
    log::begin();
    let entries: Vec<Entry> = entries.into_iter().collect();
    let wanted = env::var("_HANDLER").unwrap_or_default();
    let Some(entry) = entries.iter().find(|entry| entry.name == wanted) else {
        let names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
        error!(
            handler = wanted,
            "_HANDLER names no function of this artefact: it holds {}",
            names.join(", ")
        );
        return ExitCode::FAILURE;
    };
    let running = match (entry.begin)() {
        Ok(running) => running,
        Err(problems) => {
            for problem in problems {
                error!(function = entry.name, "variable {problem}");
            }
            return ExitCode::FAILURE;
        }
    };
    match running.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            error!(function = entry.name, %cause, "the Runtime API cannot be reached");
            ExitCode::FAILURE
        }
    }
}
