//! An account to plug into the SDK, to fork, and to ask what was called.

use std::{
    collections::BTreeMap,
    future::pending,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        stalled_stream_protection::StalledStreamProtectionConfig,
    },
    http::StatusCode,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use percent_encoding::percent_decode_str;
use tokio::sync::Notify;

use crate::{
    Clock, Trouble, Weather, What, When,
    services::{self, Refusal, SERVICES, Schedule, Service, World},
    store::{Documents, Edit, Store},
    trail,
    trouble::{Pending, writes},
    weather::Buckets,
    wire::{Answer, Reply, Request},
};

/// One call that the account answered, in the order of arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The signing name: `dynamodb`, `monitoring` for CloudWatch.
    pub service: String,
    pub operation: String,
    pub writes: bool,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

/// A simulated AWS account. Clones are the same account; [`fork`](Self::fork) makes another.
#[derive(Clone)]
pub struct Account {
    shared: Arc<Shared>,
}

struct Shared {
    id: String,
    region: String,
    clock: Clock,
    state: Mutex<State>,
    on_death: Box<dyn Fn() + Send + Sync>,
    /// Wakes those who wait for the death.
    death: Notify,
}

/// Is shown every call and what the account held when it arrived.
type Witness = Box<dyn FnMut(&Served, &Documents) + Send>;

struct State {
    store: Store,
    weather: Weather,
    buckets: Buckets,
    troubles: Vec<Pending>,
    served: Vec<Served>,
    witness: Option<Witness>,
    dead: bool,
}

impl Account {
    /// An empty account in memory.
    #[must_use]
    pub fn in_memory(id: &str, region: &str, clock: Clock) -> Self {
        Self::with(id, region, clock, Store::default(), Weather::default(), Box::new(|| {}))
    }

    /// The account kept in `directory`, made when it is missing, by the machine's clock.
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub fn open(
        id: &str,
        region: &str,
        directory: &Path,
        on_death: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::open_at(Clock::Wall, id, region, directory, on_death)
    }

    /// The same by another clock. `on_death` is what [`What::DieBefore`] and [`What::DieAfter`] do.
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub fn open_at(
        clock: Clock,
        id: &str,
        region: &str,
        directory: &Path,
        on_death: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let store = Store::open(directory)?;
        Ok(Self::with(id, region, clock, store, Weather::default(), Box::new(on_death)))
    }

    fn with(
        id: &str,
        region: &str,
        clock: Clock,
        store: Store,
        weather: Weather,
        on_death: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        let buckets = Buckets::default();
        let (troubles, served) = (Vec::new(), Vec::new());
        let state = State { store, weather, buckets, troubles, served, witness: None, dead: false };
        let (id, region, state) = (id.to_owned(), region.to_owned(), Mutex::new(state));
        let death = Notify::new();
        Self { shared: Arc::new(Shared { id, region, clock, state, on_death, death }) }
    }

    /// Another account in memory with the same contents, calm and without troubles.
    #[must_use]
    pub fn fork(&self) -> Self {
        let fork = Self::of(&self.shared.id, &self.shared.region, self.shared.clock, self.documents());
        fork.state().store.blobs = self.state().store.blobs.fork();
        fork
    }

    /// An account in memory that holds these documents.
    #[must_use]
    pub fn of(id: &str, region: &str, clock: Clock, documents: Documents) -> Self {
        let account = Self::in_memory(id, region, clock);
        account.state().store.documents = documents;
        account
    }

    /// Everything the account holds, as other processes left it too.
    #[must_use]
    pub fn documents(&self) -> Documents {
        let mut state = self.state();
        // What cannot be read now is told by the next call; until then the account is as it was seen last.
        let _ = state.store.refresh();
        state.store.documents.clone()
    }

    /// Grows whenever a collection whose name begins with one of `prefixes` changes, by whichever process: whoever
    /// keeps what it has read can tell whether to read again. Much cheaper than [`documents`](Self::documents).
    #[must_use]
    pub fn changes(&self, prefixes: &[&str]) -> u64 {
        let mut state = self.state();
        let _ = state.store.refresh();
        prefixes.iter().map(|prefix| state.store.changes(prefix)).sum()
    }

    /// Twelve digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    #[must_use]
    pub fn region(&self) -> &str {
        &self.shared.region
    }

    /// Schedules of EventBridge Scheduler as they stand: who runs the account's functions calls them on time.
    #[must_use]
    pub fn schedules(&self) -> Vec<Schedule> {
        services::schedules(&self.documents())
    }

    pub fn set_weather(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// Plans a misfortune, counted from now.
    pub fn plan_trouble(&self, trouble: Trouble) {
        self.state().troubles.push(Pending { trouble, seen: 0 });
    }

    /// Troubles that have not struck.
    #[must_use]
    pub fn troubles_left(&self) -> usize {
        self.state().troubles.len()
    }

    /// Whether the process that used this account "died" at a call.
    #[must_use]
    pub fn died(&self) -> bool {
        self.state().dead
    }

    /// Resolves when the process that uses this account "dies": its calls are never answered again.
    pub async fn death(&self) {
        loop {
            let told = self.shared.death.notified();
            if self.died() {
                return;
            }
            told.await;
        }
    }

    /// Shows every call from now on, and what the account held when it arrived, to `witness`, which must not ask
    /// the account anything: it is locked meanwhile.
    pub fn set_witness(&self, witness: impl FnMut(&Served, &Documents) + Send + 'static) {
        self.state().witness = Some(Box::new(witness));
    }

    /// Calls answered so far.
    #[must_use]
    pub fn served(&self) -> Vec<Served> {
        self.state().served.clone()
    }

    /// Forgets the calls answered so far.
    pub fn forget_served(&self) {
        self.state().served.clear();
    }

    /// Another hand edits the account, now.
    ///
    /// # Errors
    /// When the account is kept in a directory that cannot be read or written.
    pub fn edit(&self, change: impl FnOnce(&mut World<'_>)) -> io::Result<()> {
        let now_ms = self.shared.clock.now_ms();
        let edited = self.work(&mut self.state(), now_ms, |world| {
            change(world);
            Ok(Reply::value(serde_json::Value::Null))
        })?;
        edited.map(drop).map_err(|refusal| io::Error::other(refusal.message))
    }

    #[must_use]
    pub fn clock(&self) -> Clock {
        self.shared.clock
    }

    /// An SDK configuration whose HTTP connection ends in this account.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        let connector = self.connector();
        let client: SharedHttpClient = http_client_fn(move |_, _| connector.clone());
        let keys = Credentials::new("AKIASANDBOX", "sandbox", None, None, "the embedded account");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.shared.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(client)
            .build()
    }

    /// The connection that ends in this account, for whoever receives requests by other ways than the SDK.
    #[must_use]
    pub fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector(self.clone()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request, service: &'static Service) -> Result<Answer, ConnectorError> {
        let latency = self.state().weather.latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let met = self.meet(request, service).map_err(|error| ConnectorError::io(Box::new(error)))?;
        match met {
            Met::Answer(answer) => Ok(answer),
            Met::Lost => {
                let lost = io::Error::new(io::ErrorKind::ConnectionReset, "the connection was reset");
                Err(ConnectorError::io(Box::new(lost)))
            }
            Met::Death => {
                self.shared.death.notify_waiters();
                (self.shared.on_death)();
                pending().await
            }
        }
    }

    /// Serves one call, with whatever trouble is due.
    fn meet(&self, request: Request, service: &'static Service) -> io::Result<Met> {
        let now_ms = self.shared.clock.now_ms();
        let mut state = self.state();
        if state.dead {
            return Ok(Met::Death);
        }
        let request = match service.protocol.read(request) {
            Ok(request) => request,
            Err(refusal) => {
                return Ok(Met::Answer(service.protocol.write(&Request::default(), Err(refusal))));
            }
        };
        let served = Served {
            service: service.signing.to_owned(),
            operation: request.operation.clone(),
            writes: writes(&request.operation),
            at_ms: now_ms,
        };
        let State { witness, store, .. } = &mut *state;
        if let Some(witness) = witness {
            witness(&served, &store.documents);
        }
        let trouble = state.due(&served);
        state.served.push(served);
        let refuse = |refusal| Ok(Met::Answer(service.protocol.write(&request, Err(refusal))));
        match trouble {
            Some(Due::Refuse(refusal)) => return refuse(refusal),
            Some(Due::What(What::Unreachable)) => return Ok(Met::Lost),
            Some(Due::What(What::DieBefore)) => {
                state.dead = true;
                return Ok(Met::Death);
            }
            Some(Due::What(What::Edit(edit))) => {
                self.work(&mut state, now_ms, |world| {
                    edit(world);
                    Ok(Reply::value(serde_json::Value::Null))
                })?
                .ok();
            }
            Some(Due::What(What::LoseAnswer)) => {
                self.work(&mut state, now_ms, |world| trail::served(service, &request, world))?.ok();
                return Ok(Met::Lost);
            }
            Some(Due::What(What::DieAfter)) => {
                self.work(&mut state, now_ms, |world| trail::served(service, &request, world))?.ok();
                state.dead = true;
                return Ok(Met::Death);
            }
            Some(Due::What(What::Fail { .. })) | None => {}
        }
        if state.weather.rates && !state.buckets.admit(service.signing, &request.operation, now_ms) {
            return refuse(Refusal::new("ThrottlingException", "Rate exceeded"));
        }
        let outcome = self.work(&mut state, now_ms, |world| trail::served(service, &request, world))?;
        Ok(Met::Answer(service.protocol.write(&request, outcome)))
    }

    /// Looks at what the account holds now, outside of any call; `None` where its files cannot be read.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&World<'_>) -> T) -> Option<T> {
        let now_ms = self.shared.clock.now_ms();
        let (id, region) = (&self.shared.id, &self.shared.region);
        let mut state = self.state();
        let State { store, weather, .. } = &mut *state;
        let blobs = store.blobs.clone();
        let seen = store.transact(|documents| {
            let mut world = World::new(documents, now_ms, id, region, weather);
            world.blobs = blobs;
            (look(&world), Vec::new())
        });
        seen.ok()
    }

    /// Changes what the account holds, outside of any call.
    pub(crate) fn change(
        &self,
        work: impl FnOnce(&mut World<'_>) -> Result<Reply, Refusal>,
    ) -> io::Result<Result<Reply, Refusal>> {
        let mut state = self.state();
        self.work(&mut state, self.shared.clock.now_ms(), work)
    }

    /// Runs a piece of work on the documents; its edits are kept only when it succeeds.
    fn work(
        &self,
        state: &mut State,
        now_ms: u64,
        work: impl FnOnce(&mut World<'_>) -> Result<Reply, Refusal>,
    ) -> io::Result<Result<Reply, Refusal>> {
        let (id, region) = (&self.shared.id, &self.shared.region);
        let State { store, weather, .. } = state;
        let (blobs, trail) = (store.blobs.clone(), store.trail.clone());
        store.transact(|documents| {
            let mut world = World::new(documents, now_ms, id, region, weather);
            (world.blobs, world.trail) = (blobs, trail);
            let outcome = work(&mut world);
            let edits: Vec<Edit> = if outcome.is_ok() { world.into_edits() } else { Vec::new() };
            (outcome, edits)
        })
    }
}

enum Met {
    Answer(Answer),
    Lost,
    Death,
}

enum Due {
    Refuse(Refusal),
    What(What),
}

impl State {
    /// Counts a call against every planned trouble, and takes the first that is due.
    fn due(&mut self, served: &Served) -> Option<Due> {
        let mut hit = None;
        for (index, pending) in self.troubles.iter_mut().enumerate() {
            let (counts, target) = match &pending.trouble.when {
                When::Call(number) => (true, *number),
                When::Write(number) => (served.writes, *number),
                When::Operation { service, operation } => {
                    (*service == served.service && *operation == served.operation, 1)
                }
            };
            if counts {
                pending.seen += 1;
                if pending.seen >= target && hit.is_none() {
                    hit = Some(index);
                }
            }
        }
        let index = hit?;
        if let What::Fail { code, message, status, times } = &mut self.troubles[index].trouble.what {
            let refusal = Refusal::new(code, message.clone()).status(*status);
            *times -= 1;
            if *times == 0 {
                self.troubles.remove(index);
            }
            return Some(Due::Refuse(refusal));
        }
        Some(Due::What(self.troubles.remove(index).trouble.what))
    }
}

#[derive(Clone)]
struct Connector(Account);

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector(embedded account)")
    }
}

impl HttpConnector for Connector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let account = self.0.clone();
        HttpConnectorFuture::new(async move {
            let body = std::mem::replace(request.body_mut(), SdkBody::taken());
            let body =
                ByteStream::new(body).collect().await.map_err(|e| ConnectorError::user(Box::new(e)))?;
            let (request, signing) = decode(&request, body.into_bytes())?;
            let service = SERVICES.iter().find(|service| service.signing == signing).ok_or_else(|| {
                ConnectorError::user(format!("the embedded account has no service {signing}").into())
            })?;
            let answer = account.answer(request, service).await?;
            let status =
                StatusCode::try_from(answer.status).map_err(|e| ConnectorError::user(Box::new(e)))?;
            let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
            for (name, value) in answer.headers {
                response.headers_mut().insert(name, value);
            }
            Ok(response)
        })
    }
}

/// Reads what came over the "wire", and for which service it was signed.
fn decode(request: &HttpRequest, body: bytes::Bytes) -> Result<(Request, String), ConnectorError> {
    let headers: BTreeMap<String, String> =
        request.headers().iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let scope = headers.get("authorization").and_then(|text| text.split("Credential=").nth(1));
    let signing = scope.and_then(|scope| scope.split('/').nth(3)).unwrap_or_default().to_owned();
    // Version 1 of SES is signed as version 2 is, and has no paths.
    let signing =
        if signing == "ses" && request.uri().ends_with('/') { "ses-v1".to_owned() } else { signing };
    let uri: http::Uri = request.uri().parse().map_err(|e| ConnectorError::user(Box::new(e)))?;
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let query = pairs.map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    });
    // S3 puts the bucket into the host name; here it goes back to the front of the path.
    let bucket = uri.host().and_then(|host| host.split_once(".s3.")).map(|(bucket, _)| bucket);
    let path = bucket.map_or_else(|| decode(uri.path()), |bucket| format!("/{bucket}{}", decode(uri.path())));
    let request = Request {
        method: request.method().to_owned(),
        path,
        query: query.collect(),
        headers,
        body,
        ..Request::default()
    };
    Ok((request, signing))
}
