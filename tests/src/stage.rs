//! A whole stage over the embedded account: the real stacks, kinds and engine, with time, ids and the journal in
//! memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Cursor, Write},
    path::Path,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use contract::{function::Service, needs::Needs};
use engine::{Execution, Lanes, Ledger, Observation, PacedGate, Recorder, Report, Silent, Stop, observe};
use kinds::{Clients, Managing, Reader, Scope, Watching, World, Writer};
use model::{
    BoxFuture, Drift, Fault, Gate, Plan, Selection, Target,
    journal::{Event, Journal},
};
use sandbox::{Account, Clock};
use sha2::{Digest, Sha256};
use stacks::{Artefacts, Environment, code::Artefact};
use zip::{DateTime, ZipWriter, write::SimpleFileOptions};

/// The stage's environment as a test wants it.
pub(crate) fn environment() -> Environment {
    let text = r#"{
        "account": "000000000000", "region": "us-east-1", "embedded": true,
        "data": { "deletion_protection": false, "point_in_time_recovery": true },
        "alarms": { "emails": ["ops@example.com"] },
        "names": { "shared/key/unsubscribe": "dn-unsubscribe" },
        "web": { "path": "dev", "origins": ["https://crm.example.com"] },
        "firebase": { "project": "crm" },
        "mail": {
            "domain": "example.com", "mail_from": "bounce.example.com", "sender": "crm@example.com",
            "postal_address": "1 Example Street", "unsubscribe_mailbox": "unsubscribe@example.com",
            "mailgun": { "domain": "mg.example.com" }
        },
        "reports": { "signing_keys": { "links-1": "KEY" } }
    }"#;
    let text = text.replace("KEY", &PUBLIC_KEY.replace('\n', "\\n"));
    serde_json::from_str(&text).expect("an environment")
}

/// A key of nobody.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqob2ZamFKBkf8VtGWL9hkHndIZGO\n\
    BlWb0CQlXShxVqLiPW0BpRCDg7LihcQWKoo7nxGM84MecWmgR9XmmJsV5w==\n-----END PUBLIC KEY-----\n";

/// Code that nobody runs: a small zip for each service, written once a process.
pub(crate) fn artefacts() -> Artefacts {
    ARTEFACTS.1.clone()
}

/// The folder with them, as `dn build --out` would have written it.
pub(crate) fn artefacts_folder() -> &'static Path {
    ARTEFACTS.0.path()
}

static ARTEFACTS: LazyLock<(tempfile::TempDir, Artefacts)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let one = |service: Service| write_artefact(folder.path(), service, "");
    let made: Artefacts = Service::all().map(|service| (service, one(service))).collect();
    write_list(folder.path(), &made);
    (folder, made)
});

/// Writes the zip of a service whose code differs with `edition`.
pub(crate) fn write_artefact(folder: &Path, service: Service, edition: &str) -> Artefact {
    write_zip(folder, service, edition, &Needs::of(service).text())
}

/// The same, with a contract that may be another one than this source's.
pub(crate) fn write_zip(folder: &Path, service: Service, edition: &str, contract: &str) -> Artefact {
    // Lambda looks whether it is a zip, and no further before it is called.
    let code = format!("the code of {}{edition}", service.package());
    let bytes = zip_of(code.as_bytes(), contract);
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let file = folder.join(format!("{}-{}.zip", service.package(), &sha256[..8]));
    std::fs::write(&file, &bytes).expect("a file");
    Artefact { file: Some(file), sha256, size: bytes.len() as u64 }
}

/// The zip of a program that nobody runs, with its contract beside it.
pub(crate) fn zip_of(code: &[u8], contract: &str) -> Vec<u8> {
    let options = SimpleFileOptions::default().last_modified_time(DateTime::default());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [("bootstrap", code), (contract::needs::FILE, contract.as_bytes())] {
        zip.start_file(name, options).expect("an entry");
        zip.write_all(content).expect("memory");
    }
    zip.finish().expect("a zip").into_inner()
}

/// Writes what `dn build --out` tells of the zips.
pub(crate) fn write_list(folder: &Path, made: &Artefacts) {
    let entries: serde_json::Map<String, serde_json::Value> = made
        .iter()
        .map(|(service, one)| {
            let file = one.file.as_ref().and_then(|file| file.file_name());
            let file = file.map(|name| name.to_string_lossy().into_owned());
            let entry = serde_json::json!({ "file": file, "sha256": one.sha256, "size": one.size });
            (service.package().to_owned(), entry)
        })
        .collect();
    let manifest = serde_json::json!({ "version": 1, "architecture": "x86_64", "artefacts": entries });
    std::fs::write(folder.join("artefacts.json"), manifest.to_string()).expect("a file");
}

/// The journal in memory. Clones are the same journal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<String>>);

impl Memory {
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A journal of its own with the first `length` bytes.
    pub(crate) fn cut(&self, length: usize) -> Self {
        Self(Arc::new(Mutex::new(self.text()[..length].to_owned())))
    }

    pub(crate) fn recorder(&self) -> Recorder {
        let (journal, _) = Journal::replay(&self.text()).expect("a whole journal");
        Recorder::new(journal, Box::new(self.clone()))
    }
}

impl Ledger for Memory {
    fn append(&self, line: &str) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(line);
        Ok(())
    }
}

/// The engine's clock on the account's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) Clock);

impl engine::Clock for Time {
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// What the journal calls a plan: as `dn` does, by its steps.
fn digest(plan: &Plan) -> String {
    let mut fields = model::Fields::default();
    fields.field("steps", &plan.steps);
    fields.fingerprint()
}

/// Where a plan comes from.
pub(crate) enum Origin {
    Fresh,
    File,
}

/// A stage bound to an account. Clones are the same stage, account and journal.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) account: Account,
    pub(crate) journal: Memory,
    pub(crate) world: Arc<World>,
    pub(crate) scope: Scope,
    clients: Clients,
    lanes: Arc<Lanes>,
}

const SEED: u64 = 20_261_122;

impl Stage {
    pub(crate) fn new(environment: &Environment, account: Account, journal: Memory) -> Self {
        Self::running(environment, account, journal, &artefacts())
    }

    /// The stage with other code.
    pub(crate) fn running(
        environment: &Environment,
        account: Account,
        journal: Memory,
        code: &Artefacts,
    ) -> Self {
        let scope = Scope {
            project: environment.project.clone(),
            stage: "sandbox".to_owned(),
            account: environment.account.as_str().to_owned(),
            region: environment.region.as_str().to_owned(),
            names: environment.overrides().expect("addresses"),
            tags: environment.tags.clone(),
        };
        let world = Arc::new(stacks::declare(environment, code).expect("the stacks"));
        let clients = Clients::new(&account.sdk_config());
        Self { account, journal, world, scope, clients, lanes: Arc::default() }
    }

    /// The same declarations over another account and journal.
    pub(crate) fn on(&self, account: Account, journal: Memory) -> Self {
        let clients = Clients::new(&account.sdk_config());
        Self { account, journal, clients, lanes: Arc::default(), ..self.clone() }
    }

    /// Other declarations over the same account and journal.
    pub(crate) fn declaring(&self, world: World) -> Self {
        Self { world: Arc::new(world), ..self.clone() }
    }

    /// The stage on an empty account.
    pub(crate) fn empty(environment: &Environment) -> Self {
        let account = Account::in_memory("000000000000", "us-east-1", Clock::simulated());
        Self::new(environment, account, Memory::default())
    }

    /// May look at whatever is asked.
    pub(crate) fn looking(&self) -> Reader {
        let gate = PacedGate::read_only(self.time(), Arc::new(Silent), SEED).in_lanes(&self.lanes);
        Reader::new(self.clients.clone(), self.scope.clone(), Arc::new(gate))
    }

    /// May write whatever is asked, without a journal.
    pub(crate) fn writing(&self) -> Writer {
        let gate = PacedGate::unrecorded(self.time(), Arc::new(Silent), SEED).in_lanes(&self.lanes);
        Writer::new(self.clients.clone(), self.scope.clone(), Arc::new(gate))
    }

    fn time(&self) -> Arc<Time> {
        Arc::new(Time(self.account.clock()))
    }

    pub(crate) async fn observe(&self) -> Result<Observation, Vec<Fault>> {
        observe(&Watching::new(&self.world, self.looking()), &BTreeSet::new(), &Silent).await
    }

    /// As `drift` looks.
    pub(crate) async fn compare(&self) -> Result<Observation, Vec<Fault>> {
        let reader = self.looking().from_outside();
        observe(&Watching::new(&self.world, reader), &BTreeSet::new(), &Silent).await
    }

    pub(crate) async fn plan(&self, selection: &Selection) -> Plan {
        let seen = self.observe().await.expect("an observation");
        let Scope { stage, account, region, .. } = self.scope.clone();
        let target = Target { stage, account, region };
        model::plan(target, &seen.declared, &seen.snapshot, selection).expect("no circle")
    }

    pub(crate) async fn drift(&self) -> Drift {
        let seen = self.compare().await.expect("an observation");
        let seen = model::drift::Seen {
            stage: &self.scope.stage,
            declared: &seen.declared,
            snapshot: &seen.snapshot,
            attached: &seen.attached,
            owners: None,
        };
        model::drift(seen, &Selection::default(), &[], "2026-03-01")
    }

    /// Executes a plan that was just made as `dn apply` does, but for the lock.
    pub(crate) async fn execute(&self, plan: &Plan, stop: &Stop) -> Report {
        self.execute_through(plan, stop, Origin::Fresh, |gate| Arc::new(gate)).await
    }

    /// Executes a plan file: a run of it that was cut off goes on where it stopped.
    pub(crate) async fn execute_file(&self, plan: &Plan, stop: &Stop) -> Report {
        self.execute_through(plan, stop, Origin::File, |gate| Arc::new(gate)).await
    }

    /// The same, with something around the gate.
    pub(crate) async fn execute_through(
        &self,
        plan: &Plan,
        stop: &Stop,
        origin: Origin,
        around: impl FnOnce(PacedGate) -> Arc<dyn Gate>,
    ) -> Report {
        let recorder = Arc::new(self.journal.recorder());
        let gate = PacedGate::recorded(self.time(), Arc::new(Silent), SEED, recorder.clone());
        let gate = gate.in_lanes(&self.lanes);
        let writer = Writer::new(self.clients.clone(), self.scope.clone(), around(gate));
        let estate = Managing::new(&self.world, writer);
        let digest = digest(plan);
        let begun = Event::Begun {
            run: "run".to_owned(),
            verb: "apply".to_owned(),
            plan: digest.clone(),
            who: "test".to_owned(),
            account: plan.account.clone(),
            steps: plan.steps.len(),
        };
        let earlier = match origin {
            Origin::Fresh => BTreeMap::new(),
            Origin::File => recorder.journal().earlier(&digest),
        };
        recorder.record(self.account.clock().now_ms(), begun).expect("a journal in memory");
        let (clock, progress, stop) = (self.time(), Arc::new(Silent), stop.clone());
        let execution =
            Execution { plan, estate: &estate, recorder: &recorder, clock, progress, stop, earlier };
        let report = execution.run(|_| true).await;
        let ended = Event::Ended { how: report.ending() };
        recorder.record(self.account.clock().now_ms(), ended).expect("a journal in memory");
        report
    }

    /// What an apply begins with.
    pub(crate) async fn settle(&self) {
        let (journal, _) = Journal::replay(&self.journal.text()).expect("a whole journal");
        engine::settle(&journal, &*self.time(), &Silent).await;
    }

    /// Plans and executes everything.
    pub(crate) async fn apply(&self) -> Report {
        self.settle().await;
        let plan = self.plan(&Selection::default()).await;
        self.execute(&plan, &Stop::default()).await
    }
}

#[tokio::test(start_paused = true)]
async fn from_nothing_to_an_empty_plan() {
    let stage = Stage::empty(&environment());
    let report = stage.apply().await;
    assert_eq!(report.failed, BTreeMap::new());
    assert!(report.is_complete(), "{report:?}");
    stage.account.forget_served();
    let plan = stage.plan(&Selection::default()).await;
    assert_eq!(plan.steps, []);
    assert_eq!(plan.summary.unchanged, stage.world.declared(&stage.scope).len());
    assert!(stage.drift().await.is_empty());
    assert!(stage.account.served().iter().all(|call| !call.writes), "planning writes nothing");
    let again = stage.plan(&Selection::default()).await;
    let bytes = |plan: &Plan| serde_json::to_string(plan).expect("JSON");
    assert_eq!(bytes(&plan), bytes(&again), "two plans of one world are byte-equal");
}

/// Slow, paced and eventually consistent, as AWS is: rates, states that take seconds, windows of "not found".
#[tokio::test(start_paused = true)]
async fn from_nothing_in_real_weather() {
    let stage = Stage::empty(&environment());
    stage.account.set_weather(sandbox::Weather::realistic());
    let report = stage.apply().await;
    assert_eq!(report.failed, BTreeMap::new());
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(stage.plan(&Selection::default()).await.steps, []);
    assert!(stage.drift().await.is_empty());
}
