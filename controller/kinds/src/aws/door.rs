//! Calls: paced, retried and journalled by the engine's gate, with errors that name resource, call and hint.

use std::{
    any::Any,
    collections::BTreeMap,
    future::Future,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use model::{
    Address, Call, Fault, Gate, Outcome, Outputs, Verdict, call::Class, fault::Cause, text::Reference,
};
use tokio::sync::OnceCell;

use crate::{Clients, Place, Scope};

/// A failed call: what AWS said, and about which resource.
#[derive(Clone, Debug)]
pub struct CallError {
    call: Call,
    outcome: Outcome,
}

type Memo = Arc<OnceCell<Result<Arc<dyn Any + Send + Sync>, Fault>>>;

/// May look. `plan`, `drift` and `graph` are given nothing more: it has no way to write, and neither have its
/// clients, which are [`ReadOnly`](super::ReadOnly).
///
/// ```compile_fail,E0599
/// # use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
/// async fn touch(aws: &kinds::Reader, at: &kinds::Place) {
///     let late = || async { Err::<(), _>(SdkError::<aws_sdk_sqs::Error, HttpResponse>::timeout_error("late")) };
///     let _ = aws.write(at, "sqs", "DeleteQueue", late).await;
/// }
/// ```
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
    /// Answers of list calls, for one run of looking.
    memos: Arc<Mutex<BTreeMap<String, Memo>>>,
    /// One resource is looked at by itself, just before it is written: narrow calls, no stale lists.
    alone: bool,
    /// Nothing will be deleted, so nobody asks what deleting would lose.
    outside: bool,
}

struct Shared {
    clients: Clients,
    scope: Scope,
    gate: Arc<dyn Gate>,
    outputs: Mutex<BTreeMap<Address, Outputs>>,
}

/// May look and touch.
///
/// ```
/// # use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
/// async fn touch(aws: &kinds::Writer, at: &kinds::Place) {
///     let late = || async { Err::<(), _>(SdkError::<aws_sdk_sqs::Error, HttpResponse>::timeout_error("late")) };
///     let _ = aws.write(at, "sqs", "DeleteQueue", late).await;
/// }
/// ```
#[derive(Clone)]
pub struct Writer(Reader);

impl Deref for Writer {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.0
    }
}

impl Writer {
    pub fn new(clients: Clients, scope: Scope, gate: Arc<dyn Gate>) -> Self {
        Self(Reader::new(clients, scope, gate))
    }

    /// The part of it that can only look.
    pub fn reader(&self) -> &Reader {
        &self.0
    }

    /// A view that looks afresh, for one step.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self(self.0.fresh())
    }

    /// Makes a call that changes something. `attempt` is run again where the gate says so.
    ///
    /// # Errors
    /// What the last attempt ended with; see [`CallError::is`] for telling them apart.
    pub async fn write<T, E, F, Fut>(
        &self,
        at: &Place,
        service: &str,
        action: &str,
        attempt: F,
    ) -> Result<T, CallError>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
        T: Send + Sync,
        E: ProvideErrorMetadata + Send + Sync,
    {
        self.0.call(&at.address, service, action, true, attempt).await
    }
}

impl Reader {
    pub fn new(clients: Clients, scope: Scope, gate: Arc<dyn Gate>) -> Self {
        let shared = Shared { clients, scope, gate, outputs: Mutex::default() };
        Self { shared: Arc::new(shared), memos: Arc::default(), alone: false, outside: false }
    }

    #[must_use]
    pub fn fresh(&self) -> Self {
        Self { shared: self.shared.clone(), memos: Arc::default(), alone: true, outside: self.outside }
    }

    /// A view that compares and never asks what a resource holds: `drift` needs no look at anybody's data, and no
    /// permission for one.
    #[must_use]
    pub fn from_outside(&self) -> Self {
        Self { outside: true, ..self.clone() }
    }

    /// Whether what a resource holds matters.
    pub(crate) fn looks_inside(&self) -> bool {
        !self.outside
    }

    /// Whether one resource is looked at by itself: then a narrow call beats a list.
    pub fn alone(&self) -> bool {
        self.alone
    }

    pub fn scope(&self) -> &Scope {
        &self.shared.scope
    }

    pub(super) fn clients(&self) -> &Clients {
        &self.shared.clients
    }

    /// Makes a call that changes nothing.
    ///
    /// # Errors
    /// What the last attempt ended with.
    pub async fn read<T, E, F, Fut>(
        &self,
        at: &Address,
        service: &str,
        action: &str,
        attempt: F,
    ) -> Result<T, CallError>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
        T: Send + Sync,
        E: ProvideErrorMetadata + Send + Sync,
    {
        self.call(at, service, action, false, attempt).await
    }

    async fn call<T, E, F, Fut>(
        &self,
        at: &Address,
        service: &str,
        action: &str,
        writes: bool,
        attempt: F,
    ) -> Result<T, CallError>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
        T: Send + Sync,
        E: ProvideErrorMetadata + Send + Sync,
    {
        let call =
            Call { address: at.clone(), service: service.to_owned(), action: action.to_owned(), writes };
        let gate = &self.shared.gate;
        let stopped = |fault: Fault| CallError {
            call: call.clone(),
            outcome: Outcome::NotSent { message: fault.to_string() },
        };
        for number in 1.. {
            gate.enter(&call).await.map_err(stopped)?;
            // On the heap: the SDK's futures are so large that some kinds' rounds of calls overflowed the stack.
            let result = Box::pin(attempt()).await;
            let outcome = result.as_ref().map_or_else(outcome_of, |_| Outcome::Ok);
            if gate.leave(&call, number, &outcome).await.map_err(stopped)? == Verdict::Accept {
                return result.map_err(|_| CallError { call, outcome });
            }
        }
        unreachable!("the gate bounds the attempts")
    }

    /// Runs `look` once in this run of looking, however many resources ask.
    ///
    /// # Errors
    /// The fault of the one run, for every asker.
    pub async fn once<T>(
        &self,
        key: &str,
        look: impl Future<Output = Result<T, Fault>> + Send,
    ) -> Result<Arc<T>, Fault>
    where
        T: Send + Sync + 'static,
    {
        let memo = lock(&self.memos).entry(key.to_owned()).or_default().clone();
        let answer = memo
            .get_or_init(async move || look.await.map(|found| Arc::new(found) as Arc<dyn Any + Send + Sync>))
            .await
            .clone()?;
        Ok(answer.downcast().expect("one key has one type"))
    }

    /// Looks until `look` gives something, at most `waiting.seconds_max`.
    ///
    /// # Errors
    /// The fault of a look, or a transient one that says what was waited for.
    pub async fn until<T, F, Fut>(&self, at: &Place, waiting: Waiting, look: F) -> Result<T, Fault>
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<Option<T>, Fault>> + Send,
        T: Send,
    {
        let (mut waited, mut pause) = (Duration::ZERO, waiting.first);
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if waited >= waiting.at_most {
                let text = format!("waited {} s for {}", waited.as_secs(), waiting.what);
                return Err(Fault::Transient(
                    Cause::new(text).at(&at.address).hint("run apply again to go on"),
                ));
            }
            self.shared.gate.pause(&at.address, waiting.what, pause).await?;
            waited += pause;
            pause = (pause * 2).min(waiting.longest);
        }
    }

    /// What others may refer to, once known.
    pub(crate) fn publish(&self, address: &Address, outputs: Outputs) {
        lock(&self.shared.outputs).insert(address.clone(), outputs);
    }

    pub(crate) fn output(&self, reference: &Reference) -> Option<String> {
        lock(&self.shared.outputs).get(&reference.address)?.get(&reference.attribute).cloned()
    }
}

/// A bounded wait: what for, how often to look, and how long at most.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    pub what: &'static str,
    pub first: Duration,
    pub longest: Duration,
    pub at_most: Duration,
}

impl Waiting {
    /// Looks after half a second, then ever more seldom, up to ten seconds apart.
    pub const fn up_to(at_most_s: u64, what: &'static str) -> Self {
        Self {
            what,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(10),
            at_most: Duration::from_secs(at_most_s),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn outcome_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Outcome {
    let source = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(inner) = next {
            text = format!("{text}: {inner}");
            next = inner.source();
        }
        text
    };
    match error {
        SdkError::ServiceError(answer) => {
            let header = answer.raw().headers().get("retry-after");
            Outcome::Error {
                code: answer.err().code().unwrap_or("Unknown").to_owned(),
                message: answer.err().message().unwrap_or_default().to_owned(),
                status: answer.raw().status().as_u16(),
                retry_after: header.and_then(|text| text.parse().ok()).map(Duration::from_secs),
            }
        }
        SdkError::ConstructionFailure(_) => Outcome::NotSent { message: source(&SourceOf(error)) },
        SdkError::DispatchFailure(failure) if failure.is_user() || failure.is_other() => {
            Outcome::NotSent { message: source(&SourceOf(error)) }
        }
        _ => Outcome::NoAnswer { message: source(&SourceOf(error)) },
    }
}

/// Gives an SDK error whose service error is no `std::error::Error` a chain to walk.
struct SourceOf<'a, E>(&'a SdkError<E, HttpResponse>);

impl<E> std::fmt::Debug for SourceOf<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl<E> std::fmt::Display for SourceOf<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            SdkError::ConstructionFailure(_) => "the request could not be made",
            SdkError::TimeoutError(_) => "no answer in time",
            SdkError::DispatchFailure(_) => "the request did not reach AWS",
            SdkError::ResponseError(_) => "the answer could not be read",
            _ => "the call failed",
        })
    }
}

impl<E> std::error::Error for SourceOf<'_, E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.0 {
            SdkError::DispatchFailure(failure) => {
                failure.as_connector_error().and_then(|e| std::error::Error::source(e))
            }
            _ => None,
        }
    }
}

impl CallError {
    /// Whether AWS answered with this error code.
    pub fn is(&self, wanted: &str) -> bool {
        matches!(&self.outcome, Outcome::Error { code, .. } if code == wanted)
    }

    /// What AWS said, or empty.
    pub fn message(&self) -> &str {
        match &self.outcome {
            Outcome::Ok => "",
            Outcome::Error { message, .. } | Outcome::NoAnswer { message } | Outcome::NotSent { message } => {
                message
            }
        }
    }

    /// The HTTP status, where AWS answered.
    pub fn status(&self) -> Option<u16> {
        match &self.outcome {
            Outcome::Error { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Reads "is not there" as a value.
pub trait Absent<T> {
    /// `None` when AWS answered with one of these codes.
    ///
    /// # Errors
    /// Every other failure.
    fn absent_on(self, codes: &[&str]) -> Result<Option<T>, Fault>;
}

impl<T> Absent<T> for Result<T, CallError> {
    fn absent_on(self, codes: &[&str]) -> Result<Option<T>, Fault> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if codes.iter().any(|code| error.is(code)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

const DENIED: &[&str] =
    &["AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"];
const EXPIRED: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
];

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        let CallError { call, outcome } = error;
        let action = format!("{}:{}", call.service, call.action);
        let class = outcome.class();
        let (code, message) = match outcome {
            Outcome::Error { code, message, .. } => (Some(code), message),
            Outcome::NoAnswer { message } | Outcome::NotSent { message } => (None, message),
            Outcome::Ok => (None, String::new()),
        };
        let hint = match (&code, class) {
            (Some(code), _) if DENIED.contains(&code.as_str()) => {
                Some(format!("allow {action} to the role you use"))
            }
            (Some(code), _) if EXPIRED.contains(&code.as_str()) => {
                Some("the credentials are expired or unknown: sign in again".to_owned())
            }
            (None, Some(Class::Terminal)) => {
                Some("check the credentials and AWS_ENDPOINT_URL of this shell".to_owned())
            }
            (None, _) => Some("check the network and AWS_ENDPOINT_URL; then run it again".to_owned()),
            (Some(_), Some(Class::Throttle)) => Some("AWS is busy: run it again later".to_owned()),
            _ => None,
        };
        let cause = Cause { address: Some(call.address), call: Some(action), code, message, hint };
        match class {
            Some(Class::Terminal) | None => Self::Refused(cause),
            Some(Class::Throttle | Class::Propagation | Class::Conflict | Class::Unknown) => {
                Self::Transient(cause)
            }
        }
    }
}
