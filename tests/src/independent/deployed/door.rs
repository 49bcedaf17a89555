//! The stage's APIs on ports of the loopback, in front of functions in the emulator: each request is made into the
//! proxy event that API Gateway would make of it, and given to the function's alias by `Invoke`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_lambda::{Client, primitives::Blob};
use bytes::Bytes;
use http::{Request, Response};
use sandbox::{Account, Clock};
use serde_json::Value;
use serve::{
    deployed::Api,
    gateway::{self, BODY_BYTES_MAX, Call, Decision, Limits, Outcome},
    http_server::{self, Peer},
    server,
    view::View,
};
use tokio::sync::watch;

/// Where the APIs are.
pub(super) struct Doors {
    /// `http://127.0.0.1:PORT/STAGE` by the name of the API.
    pub(super) urls: BTreeMap<String, String>,
    invoked: Invoked,
}

/// Function, route, and status, in the order in which they were answered.
type Invoked = Arc<Mutex<Vec<(String, String, u16)>>>;

struct Door {
    api: Arc<Api>,
    view: Arc<View>,
    limits: Mutex<Limits>,
    lambda: Client,
    invoked: Invoked,
}

impl Doors {
    /// One for each API that is deployed in this account.
    pub(super) async fn open(account: &Account, lambda: &Client, ending: &watch::Receiver<bool>) -> Self {
        let view = Arc::new(View::new(serve::live::of(account)));
        let mut doors = Self { urls: BTreeMap::new(), invoked: Invoked::default() };
        for (id, name, stage) in view.apis().iter() {
            let (listener, address) = http_server::bind(0).await.expect("a free port");
            let door = Arc::new(Door {
                api: view.api(id, stage).expect("a deployed stage"),
                view: view.clone(),
                limits: Mutex::default(),
                lambda: lambda.clone(),
                invoked: doors.invoked.clone(),
            });
            doors.urls.insert(name.clone(), format!("http://{address}/{stage}"));
            let answering = move |request, peer| {
                let door = door.clone();
                async move { door.answer(request, peer).await }
            };
            tokio::spawn(http_server::listen(listener, ending.clone(), BODY_BYTES_MAX, answering));
        }
        doors
    }

    pub(super) fn invoked(&self) -> Vec<(String, String, u16)> {
        self.invoked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Door {
    async fn answer(&self, request: Request<Bytes>, peer: Peer) -> Response<Bytes> {
        let request = server::read(request, peer, Clock::Wall.now_ms());
        let api = &self.api;
        let key = request.header("x-api-key");
        let usage = key.and_then(|key| self.view.usage(key, &api.id, &api.stage));
        let decision = {
            let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
            gateway::decide(api, usage.as_deref(), &mut limits, &request)
        };
        let call = match decision {
            Decision::Answer(answer) => return answer.into_http(),
            Decision::Call(call) => call,
        };
        let answer = gateway::finish(api, &request, &self.call(&call).await);
        let function = call.function.rsplit(':').nth(1).unwrap_or_default().to_owned();
        let route = format!("{} {}", request.method, call.event["resource"].as_str().unwrap_or_default());
        let mut invoked = self.invoked.lock().unwrap_or_else(PoisonError::into_inner);
        invoked.push((function, route, answer.status));
        answer.into_http()
    }

    async fn call(&self, call: &Call) -> Outcome {
        let Some((function, alias)) = call.function.rsplit_once(':') else { return Outcome::Forbidden };
        if !self.lets_in(function, alias, &call.source_arn).await {
            return Outcome::Forbidden;
        }
        invoke(&self.lambda, function, alias, &call.event).await
    }

    /// Whether the policy of the alias lets this route in; the routes of the stacks are named one by one.
    async fn lets_in(&self, function: &str, alias: &str, source: &str) -> bool {
        let policy = self.lambda.get_policy().function_name(function).qualifier(alias).send().await;
        let policy = policy.ok().and_then(|policy| policy.policy).unwrap_or_default();
        let policy: Value = serde_json::from_str(&policy).unwrap_or_default();
        policy["Statement"].as_array().into_iter().flatten().any(|statement| {
            statement["Principal"]["Service"] == "apigateway.amazonaws.com"
                && statement["Condition"]["ArnLike"]["AWS:SourceArn"] == source
        })
    }
}

/// Calls a function, and waits for what it answers.
pub(super) async fn invoke(lambda: &Client, function: &str, alias: &str, event: &Value) -> Outcome {
    let call = lambda.invoke().function_name(function).qualifier(alias);
    match call.payload(Blob::new(event.to_string())).send().await {
        Ok(answer) if answer.function_error().is_none() => {
            Outcome::Answered(answer.payload.map(Blob::into_inner).unwrap_or_default().into())
        }
        Ok(_) => Outcome::Failed,
        Err(error) => panic!("{function}: {error:?}"),
    }
}
