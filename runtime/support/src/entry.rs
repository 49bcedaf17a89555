//! From the process to a handler.
//!
//! One artefact holds the functions of a service. `_HANDLER` says which one this process is; its
//! variables are read and checked before the first event, so that a missing one fails the deployment's
//! smoke check and not a customer (R115).

use std::{env, future::Future, ops::Deref, pin::Pin, process::ExitCode, sync::Arc, time::Instant};

use contract::{
    api::body_max_of,
    function::Deployed,
    health::CHECK,
    metric as name,
    reply::Code,
    variable::{Problem, Variables},
};
use http::Method;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tracing::{error, info};

use crate::{
    Aws, Clock, Failed, Reply, Request,
    auth::Keys,
    http::Http,
    log,
    metric::{self, Metric},
    request::Head,
    secret::Secrets,
};

/// What every handler is given beside its event and its variables.
pub struct Tools {
    pub clock: Clock,
    pub aws: Aws,
    /// For what is not AWS.
    pub http: Http,
    /// The keys of Firebase tokens.
    pub keys: Keys,
    pub secrets: Secrets,
}

/// What the handler of one function is given beside its event.
///
/// A handler reads what its stack sets:
///
/// ```
/// use contract::function::SendEmail;
/// use support::Call;
///
/// fn handler(call: &Call<SendEmail>) -> &str {
///     &call.variables.mailgun_url.0
/// }
/// ```
///
/// What its contract does not declare is not set, and does not compile:
///
/// ```compile_fail,E0609
/// use contract::function::OutreachHealth;
/// use support::Call;
///
/// fn handler(call: &Call<OutreachHealth>) -> &str {
///     &call.variables.mailgun_url.0
/// }
/// ```
pub struct Call<F: Deployed> {
    pub variables: F::Variables,
    pub tools: Tools,
}

impl<F: Deployed> Call<F> {
    #[must_use]
    pub fn new(variables: F::Variables, clock: Clock, aws: Aws, http: Http) -> Self {
        let tools = Tools { clock, aws, http, keys: Keys::default(), secrets: Secrets::default() };
        Self { variables, tools }
    }
}

/// `call.clock`: what works with the tools alone is written for [`Tools`], and compiled once for all
/// functions.
impl<F: Deployed> Deref for Call<F> {
    type Target = Tools;

    fn deref(&self) -> &Tools {
        &self.tools
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Value, lambda_runtime::Error>> + Send>>;
/// From an event to what Lambda is answered.
type Serve = Box<dyn Fn(Value) -> Answering + Send + Sync>;

/// A function of an artefact: its name, and how it serves.
pub struct Entry {
    name: &'static str,
    begin: Box<dyn Fn() -> Result<Serve, Vec<Problem>>>,
}

/// A function behind endpoints. `origins` are those that browsers may call it from.
pub fn api<F, H, Answer>(handler: H, origins: fn(&F::Variables) -> &[String]) -> Entry
where
    F: Deployed,
    H: Fn(Request, Arc<Call<F>>) -> Answer + Copy + Send + Sync + 'static,
    Answer: Future<Output = Result<Reply, Failed>> + Send + 'static,
{
    entry::<F>(move |event, call| Box::pin(asked(event, call, handler, origins)))
}

/// One event of API Gateway, whatever it holds.
async fn asked<F, H, Answer>(
    event: Value,
    call: Arc<Call<F>>,
    handler: H,
    origins: fn(&F::Variables) -> &[String],
) -> Result<Value, lambda_runtime::Error>
where
    F: Deployed,
    H: Fn(Request, Arc<Call<F>>) -> Answer,
    Answer: Future<Output = Result<Reply, Failed>>,
{
    let begun = Instant::now();
    // Also of what cannot be read: its refusal goes to a browser and into the log like any other.
    let mut head = Head::of(&event);
    let outcome = match Request::read(event, const { body_max_of(F::FUNCTION.name) }) {
        Err(failed) => Err(failed),
        Ok(request) => {
            head.path.clone_from(&request.path);
            match request.method {
                Method::OPTIONS => Ok(Reply::preflight()),
                _ => handler(request, call.clone()).await,
            }
        }
    };
    answer(F::FUNCTION.name, &head, outcome, origins(&call.variables), begun, call.clock)
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
    entry::<F>(move |event, call| {
        Box::pin(async move {
            // The message may quote the event.
            let event = serde_json::from_value(event).map_err(|_| "the event has another form")?;
            let answer = handler(event, call).await.map_err(|failed| {
                let cause = failed.cause.unwrap_or(failed.message);
                error!(function = F::FUNCTION.name, code = ?failed.code, cause, "failed");
                cause
            })?;
            Ok(serde_json::to_value(answer)?)
        })
    })
}

fn entry<F: Deployed>(
    serve: impl Fn(Value, Arc<Call<F>>) -> Answering + Copy + Send + Sync + 'static,
) -> Entry {
    let begin = move || {
        let variables = F::Variables::read(&|name| env::var(name).ok())?;
        let call = Arc::new(Call::new(variables, Clock::Wall, Aws::of_process(), Http::of_process()));
        Ok(Box::new(move |event| if is_check(&event) { healthy::<F>() } else { serve(event, call.clone()) })
            as Serve)
    };
    Entry { name: F::FUNCTION.name, begin: Box::new(begin) }
}

/// Whether a deployment asks if this version works, before anybody is served by it.
fn is_check(event: &Value) -> bool {
    serde_json::from_str::<Value>(CHECK).is_ok_and(|check| check == *event)
}

/// The process has started, and its variables were read: that is the answer.
fn healthy<F: Deployed>() -> Answering {
    Box::pin(async { Ok(json!({ "healthy": true, "function": F::FUNCTION.name })) })
}

/// The handler's answer or failure, with CORS, metrics, and a line in the log.
fn answer(
    function: &'static str,
    head: &Head,
    outcome: Result<Reply, Failed>,
    origins: &[String],
    begun: Instant,
    clock: Clock,
) -> Result<Value, lambda_runtime::Error> {
    let (reply, code, cause) = match outcome {
        Ok(reply) => (reply, None, None),
        Err(failed) => (failed.reply(clock), Some(failed.code), failed.cause),
    };
    info!(
        function,
        request = head.id,
        method = head.method,
        path = head.path,
        status = reply.status,
        ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        code = code.map(tracing::field::debug),
        cause,
        "answered"
    );
    let metrics = measured(&reply, code, begun);
    metric::emit(function, clock.now_ms(), &metrics, &[("request", head.id.as_str().into())]);
    Ok(serde_json::to_value(reply.shared_with(head.origin.as_deref(), origins).for_gateway())?)
}

/// What every request adds to the metrics of its function, and what the handler did (R107).
fn measured(reply: &Reply, code: Option<Code>, begun: Instant) -> Vec<Metric> {
    let is = |of: bool| usize::from(of);
    let credentials = [Code::MissingToken, Code::InvalidToken, Code::InvalidSignature];
    let refused = code.is_some_and(|code| credentials.contains(&code));
    let mut metrics = vec![
        Metric::milliseconds(name::RESPONSE_TIME, begun.elapsed().as_secs_f64() * 1000.0),
        Metric::count(name::REQUESTS, 1),
        Metric::count(name::CLIENT_ERRORS, is((400..500).contains(&reply.status))),
        Metric::count(name::SERVER_ERRORS, is(reply.status >= 500)),
        Metric::count(name::AUTHENTICATION_FAILURES, is(refused)),
        Metric::count(name::RATE_LIMIT_EVENTS, is(code == Some(Code::RateLimitExceeded))),
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
    let serve = match (entry.begin)() {
        Ok(serve) => serve,
        Err(problems) => {
            for problem in problems {
                error!(function = entry.name, "variable {problem}");
            }
            return ExitCode::FAILURE;
        }
    };
    let service = service_fn(|event: LambdaEvent<Value>| serve(event.payload));
    match lambda_runtime::run(service).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            error!(function = entry.name, %cause, "the Runtime API cannot be reached");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use contract::{
        function::{OutreachHealth, Webhook},
        health::HealthVariables,
    };

    use super::*;
    use crate::stand_in::Dice;

    const ORIGIN: &str = "https://crm.example.com";

    fn health() -> Arc<Call<OutreachHealth>> {
        let variables = HealthVariables::read(&|_| Some(ORIGIN.to_owned())).expect("variables");
        Call::new(variables, Clock::Fixed(0), Aws::of_process(), Http::of_process()).into()
    }

    async fn ask(event: Value, call: &Arc<Call<OutreachHealth>>) -> Value {
        let echo = async |request: Request, _| Ok(Reply::json(200, &request.body.len()));
        asked(event, call.clone(), echo, |variables| &variables.origins.0).await.expect("an answer")
    }

    fn event(dice: &mut Dice) -> Value {
        let base64 = dice.once_in(2);
        let body = dice.text(40_000);
        json!({
            "resource": "/outreach/health", "path": "/dev/outreach/health",
            "httpMethod": *dice.pick(&["GET", "POST", "OPTIONS", "HEAD", "PATCH", "x y"]),
            "headers": { "Origin": ORIGIN, "X": dice.text(9) },
            "multiValueHeaders": { "Origin": [ORIGIN], "X": [dice.text(9), dice.text(9)] },
            "queryStringParameters": { "a": dice.text(9) }, "multiValueQueryStringParameters": { "a": [] },
            "requestContext": {
                "stage": "dev", "requestId": "r", "httpMethod": "GET", "identity": { "sourceIp": dice.text(9) },
            },
            "body": if base64 && dice.once_in(2) { STANDARD.encode(body) } else { body },
            "isBase64Encoded": base64,
        })
    }

    #[tokio::test]
    async fn ten_thousand_events_are_answered_and_every_answer_is_for_browsers() {
        let (call, mut good) = (health(), 0);
        for seed in 0..10_000 {
            let mut dice = Dice::new(seed);
            let event = match dice.below(20) {
                0 => dice.json(),
                number if number < 9 => event(&mut dice),
                _ => {
                    let whole = event(&mut dice);
                    dice.mutated(whole)
                }
            };
            let from = event["headers"]["Origin"] == ORIGIN;
            let answer = ask(event, &call).await;
            let status = answer["statusCode"].as_u64().expect("a status");
            assert!([200, 204, 400].contains(&status), "seed {seed}: {answer}");
            let headers = &answer["multiValueHeaders"];
            assert_eq!(headers["vary"], json!(["Origin"]), "seed {seed}: {answer}");
            let allowed = headers["access-control-allow-origin"] == json!([ORIGIN]);
            assert_eq!(allowed, from, "seed {seed}: {answer}");
            good += usize::from(status == 200);
        }
        assert!(good > 300, "some are good: {good}");
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_refused_as_everything_is() {
        let event = json!({
            "resource": "/a", "path": "/a", "httpMethod": "POST", "headers": { "origin": ORIGIN, "x": "\u{7f}" },
            "requestContext": { "requestId": "r1", "httpMethod": "POST", "identity": {} }, "body": "b",
        });
        let head = Head::of(&event);
        assert_eq!((head.id.as_str(), head.method.as_str(), head.path.as_str()), ("r1", "POST", "/a"));
        let answer = ask(event, &health()).await;
        assert_eq!(answer["statusCode"], 400);
        assert_eq!(answer["multiValueHeaders"]["access-control-allow-origin"], json!([ORIGIN]));
        assert!(answer["body"].as_str().is_some_and(|body| body.contains("InvalidRequest")), "{answer}");
    }

    #[tokio::test]
    async fn every_function_answers_the_check_of_a_deployment_and_nothing_else_looks_like_it() {
        assert!(is_check(&json!({ "dn": "health" })));
        for other in [json!({}), json!({ "dn": "health", "path": "/" }), json!({ "dn": 1 }), Value::Null] {
            assert!(!is_check(&other), "{other}");
        }
        let answer = healthy::<Webhook>().await.expect("it works");
        assert_eq!(answer, json!({ "healthy": true, "function": "webhook" }));
    }
}
