//! One stage, opened: its environment, what it declares, and the account behind it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};
use engine::{Clock, Lanes, Observation, PacedGate, Progress, Recorder, Silent, Wall, observe};
use kinds::{
    Clients, Managing, Objects, Reader, Resource, Scope, Watching, World, Writer, kinds::bucket::Bucket,
    quotas,
};
use model::{
    Address, BoxFuture, Declared, Fault, Target,
    drift::{Accepted, Owners, Suspect, cause},
    fault::Cause,
};
use release::{Manifest, Revision, manifest::short};
use sandbox::{Account, Trouble, What, When};
use stacks::{Applied, Artefacts, Environment, HandOver};

use crate::{
    args::{Stage, Weather},
    artefacts,
    choice::nearest,
    exit::{Failure, Kind},
    names,
    progress::News,
    project::Project,
    releases, source,
};

/// Exit status of a process that the embedded account killed, as a shell reports SIGKILL.
const KILLED: i32 = 137;

/// A stage before anything is asked of its account.
pub(crate) struct Session {
    pub(crate) stage: String,
    pub(crate) state: PathBuf,
    pub(crate) scope: Scope,
    pub(crate) world: World,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) embedded: bool,
    /// The folder with `environments/`.
    pub(crate) root: PathBuf,
    /// Differences that people know of.
    pub(crate) accepted: Vec<Accepted>,
    /// The code that the stacks were declared with.
    pub(crate) artefacts: Artefacts,
    /// The release that the code is of; `None` where it is built from the source.
    pub(crate) release: Option<Manifest>,
    revision: OnceLock<Option<Revision>>,
    /// The AWS profile, where it is not the usual one.
    profile: Option<String>,
    environment: Environment,
}

/// A stage whose account has been checked.
pub(crate) struct Connected {
    pub(crate) session: Session,
    /// ARN of whom the credentials belong to.
    pub(crate) caller: String,
    clients: Clients,
    /// Of this process, whatever it does: looking and changing share AWS's rates.
    lanes: Arc<Lanes>,
}

impl Session {
    /// Reads the environment and declares the stacks. No call is made, but to read the manifest of a release that
    /// this machine does not know yet.
    pub(crate) fn open(project: &Project, stage: &str) -> Result<Self, Failure> {
        let mut session = Self::without_code(project, stage)?;
        match session.release_line().map(|id| releases::named(project, stage, id)).transpose()? {
            Some(manifest) => session.run_release(&manifest)?,
            None => {
                let code = session.environment.code;
                session.declare(artefacts::of_stage(project.artefacts(), code)?)?;
            }
        }
        session.check_names()?;
        session.accepted = accepted(project, stage, &session.environment, &session.declared())?;
        Ok(session)
    }

    /// Declares everything but what has code.
    pub(crate) fn without_code(project: &Project, stage: &str) -> Result<Self, Failure> {
        let environment = project.environment(stage)?;
        let scope = environment.scope(stage).map_err(|error| Failure::error(error.to_string()))?;
        let mut session = Self {
            stage: stage.to_owned(),
            state: project.state(stage),
            scope,
            world: World::default(),
            clock: Arc::new(Wall),
            embedded: environment.embedded,
            root: project.root().to_owned(),
            accepted: Vec::new(),
            artefacts: Artefacts::new(),
            release: None,
            revision: OnceLock::new(),
            profile: None,
            environment,
        };
        session.declare(Artefacts::new())?;
        Ok(session)
    }

    /// The revision that the project was of when it was asked first, where git knows one.
    pub(crate) fn revision(&self) -> Option<&Revision> {
        self.revision.get_or_init(|| source::revision(&self.root)).as_ref()
    }

    /// With another AWS profile than the usual one.
    pub(crate) fn with_profile(self, profile: Option<String>) -> Self {
        Self { profile, ..self }
    }

    /// The release that the environment names.
    pub(crate) fn release_line(&self) -> Option<&str> {
        self.environment.release.as_deref()
    }

    pub(crate) fn architecture(&self) -> &'static str {
        self.environment.code.architecture.name()
    }

    /// Declares the stacks anew, with the code of a release.
    pub(crate) fn run_release(&mut self, manifest: &Manifest) -> Result<(), Failure> {
        let wanted = self.architecture();
        if manifest.architecture != wanted {
            let text = format!(
                "release {} is for {}, and {} wants {wanted}",
                short(&manifest.id()),
                manifest.architecture,
                self.stage
            );
            return Err(Failure::new(Kind::Blocked, text).hint("choose the same code.architecture for both"));
        }
        let code = manifest.code().map_err(|error| Failure::error(error.to_string()))?;
        self.release = Some(manifest.clone());
        self.declare(code)
    }

    fn declare(&mut self, artefacts: Artefacts) -> Result<(), Failure> {
        self.world = stacks::declare(&self.environment, &artefacts)
            .map_err(|error| Failure::error(format!("the stacks cannot be declared: {error}")))?;
        self.artefacts = artefacts;
        Ok(())
    }

    /// A name for what is not declared is a mistake.
    fn check_names(&self) -> Result<(), Failure> {
        let (scope, stage) = (&self.scope, &self.stage);
        let declared = self.declared();
        if let Some(unknown) =
            scope.names.keys().find(|name| !declared.iter().any(|one| one.address == **name))
        {
            return Err(Failure::error(format!(
                "environments/{stage}.yaml: names: nothing is declared as {unknown}"
            ))
            .hint(nearest(&unknown.to_string(), &declared)));
        }
        Ok(())
    }

    pub(crate) fn declared(&self) -> Vec<Declared> {
        self.world.declared(&self.scope)
    }

    /// What an apply of all but `excluded` leaves behind.
    pub(crate) fn applied(&self, excluded: Vec<Address>) -> Applied {
        let hash = model::plan::spec_hash(&self.declared());
        Applied::new(&self.stage, &hash, &self.environment, &self.artefacts, excluded)
    }

    /// How old keys become, and how they are taken away.
    pub(crate) fn rotation(&self) -> &stacks::environment::Rotation {
        &self.environment.rotation
    }

    pub(crate) fn target(&self) -> Target {
        let Scope { stage, account, region, .. } = self.scope.clone();
        Target { stage, account, region }
    }

    /// What people set elsewhere.
    pub(crate) fn hand_over(&self) -> Result<HandOver, Failure> {
        stacks::hand_over(&self.environment).map_err(|error| Failure::error(error.to_string()))
    }

    /// Stops before anything is looked at when the declarations are beyond what AWS gives.
    pub(crate) fn within_quotas(&self) -> Result<(), Failure> {
        let exceeded = quotas::exceeded(&self.world, &self.scope, &self.environment.quotas);
        if exceeded.is_empty() {
            return Ok(());
        }
        let each: Vec<String> = exceeded.iter().map(ToString::to_string).collect();
        let text = format!("more than AWS gives is declared\n       {}", each.join("\n       "));
        let hint = format!(
            "declare less; where AWS has given the account more, say so under `quotas` in \
                environments/{}.yaml",
            self.stage
        );
        Err(Failure::new(Kind::Blocked, text).hint(hint))
    }

    /// Finds the account and makes sure that it is the one of the environment, before anything else is read.
    pub(crate) async fn connect(mut self, options: &Stage) -> Result<Connected, Failure> {
        if let Some(by) = options.later {
            self.clock = Arc::new(Later(by));
        }
        let clients = if self.embedded {
            let account = self.embedded_account(options)?;
            Clients::new(&account.sdk_config()).with_names(Arc::new(names::Embedded(account)))
        } else {
            Clients::new(&self.live_account(options).await?).with_names(Arc::new(names::Resolver))
        };
        let gate = PacedGate::read_only(self.clock.clone(), Arc::new(Silent), self.clock.now_ms());
        let caller = Reader::new(clients.clone(), self.scope.clone(), Arc::new(gate)).caller().await;
        let caller = caller.map_err(|fault| unknown_caller(&self, &fault))?;
        if caller.account != self.scope.account {
            let message = format!(
                "these credentials belong to account {}, and stage {} is account {}",
                caller.account, self.stage, self.scope.account
            );
            return Err(Failure::new(Kind::Blocked, message).hint(format!(
                "sign in to {} or choose its AWS_PROFILE; nothing was read",
                self.scope.account
            )));
        }
        // Its weather is what limits an embedded account; calm, nothing does.
        let unlimited = self.embedded && options.weather == Weather::Calm;
        let lanes = Arc::new(if unlimited { Lanes::unlimited() } else { Lanes::default() });
        Ok(Connected { session: self, caller: caller.arn, clients, lanes })
    }

    async fn live_account(&self, options: &Stage) -> Result<SdkConfig, Failure> {
        if options.weather != Weather::Calm || !options.trouble.is_empty() || options.later.is_some() {
            return Err(Failure::error(format!(
                "--weather, --trouble and --later are for embedded accounts, not for {}",
                self.stage
            )));
        }
        let waits = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_attempt_timeout(Duration::from_secs(60))
            .build();
        let defaults = aws_config::defaults(BehaviorVersion::latest());
        let defaults = match &self.profile {
            Some(profile) => defaults.profile_name(profile),
            None => defaults,
        };
        Ok(defaults
            .region(Region::new(self.environment.region.as_str().to_owned()))
            .timeout_config(waits)
            .load()
            .await)
    }

    fn embedded_account(&self, options: &Stage) -> Result<Account, Failure> {
        let troubles = options.trouble.iter().map(|text| trouble(text)).collect::<Result<Vec<_>, _>>()?;
        let die = || std::process::exit(KILLED);
        let clock = sandbox::Clock::Ahead(options.later.unwrap_or_default());
        let account = Account::open_at(clock, &self.scope.account, &self.scope.region, &self.state, die)
            .map_err(|error| Failure::file(&self.state, &error))?;
        if options.weather == Weather::Realistic {
            account.set_weather(sandbox::Weather::realistic());
        }
        troubles.into_iter().for_each(|trouble| account.plan_trouble(trouble));
        Ok(account)
    }
}

/// The accepted differences; each is of something that is declared.
fn accepted(
    project: &Project,
    stage: &str,
    environment: &Environment,
    declared: &[Declared],
) -> Result<Vec<Accepted>, Failure> {
    let wrong = |place: usize, what: String| {
        Failure::error(format!("{}: accepted: {what}", project.place_of_accepted(stage, place)))
    };
    let accepted = environment.accepted().map_err(|(place, error)| wrong(place, error.to_string()))?;
    for (place, entry) in accepted.iter().enumerate() {
        if !declared.iter().any(|one| one.address == entry.address) {
            let what = format!("nothing is declared as {}", entry.address);
            return Err(wrong(place, what).hint(nearest(&entry.address.to_string(), declared)));
        }
    }
    Ok(accepted)
}

/// The machine's clock, as if it were so much later.
struct Later(Duration);

impl Clock for Later {
    fn now_ms(&self) -> u64 {
        Wall.now_ms().saturating_add(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX))
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        Wall.sleep(time)
    }
}

/// Without knowing whose credentials these are, nothing else is asked.
fn unknown_caller(session: &Session, fault: &Fault) -> Failure {
    let cause = fault.cause().cloned().map(|cause| Cause { address: None, ..cause });
    let why = cause.as_ref().map_or_else(|| fault.to_string(), ToString::to_string);
    let failure = Failure::error(format!(
        "stage {} is account {}, and whose credentials these are cannot be told: {why}",
        session.stage, session.scope.account
    ));
    let hint = cause.and_then(|cause| cause.hint).unwrap_or_else(|| "sign in, then run it again".to_owned());
    failure.hint(hint)
}

fn trouble(text: &str) -> Result<Trouble, Failure> {
    if text == "ring" {
        let (service, operation) = ("lambda".to_owned(), "UpdateAlias".to_owned());
        return Ok(Trouble { when: When::Operation { service, operation }, what: What::rings() });
    }
    let wrong = || {
        let known = "die-before=N, die-after=N, lose-answer=N, fail=N, throttle=N or ring";
        Failure::error(format!("`{text}` is no trouble"))
            .hint(format!("{known}: at the N-th call that changes something"))
    };
    let (what, number) = text.split_once('=').ok_or_else(wrong)?;
    let number: usize = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
    let what = match what {
        "die-before" => What::DieBefore,
        "die-after" => What::DieAfter,
        "lose-answer" => What::LoseAnswer,
        "fail" => What::fails(),
        "throttle" => What::throttled(3),
        _ => return Err(wrong()),
    };
    Ok(Trouble { when: When::Write(number), what })
}

impl Connected {
    fn seed(&self) -> u64 {
        self.session.clock.now_ms()
    }

    /// Looks at everything but `skipped`, with nothing that could change it.
    pub(crate) async fn observe(&self, skipped: &BTreeSet<Address>) -> Result<Observation, Vec<Fault>> {
        self.look(skipped, |reader| reader).await
    }

    /// As [`observe`](Self::observe), into each resource by itself: a list may not know yet what it holds.
    pub(crate) async fn observe_closely(
        &self,
        skipped: &BTreeSet<Address>,
    ) -> Result<Observation, Vec<Fault>> {
        self.look(skipped, |reader| reader.fresh()).await
    }

    /// Looks to compare and to nothing else: never at what a resource holds. Also counts whose the account's
    /// resources are; an emulator or a role that does not tell is no failure.
    pub(crate) async fn compare(
        &self,
        skipped: &BTreeSet<Address>,
    ) -> Result<(Observation, Option<Owners>), Vec<Fault>> {
        let gate = PacedGate::read_only(self.session.clock.clone(), Arc::new(Silent), self.seed());
        let owners = self.reader(gate.in_lanes(&self.lanes));
        let (observed, owners) =
            futures::join!(self.look(skipped, |reader| reader.from_outside()), owners.owners());
        Ok((observed?, owners.ok()))
    }

    /// The calls that changed each of these, where AWS tells.
    pub(crate) async fn changes_of(&self, suspects: &[Suspect]) -> BTreeMap<Address, Vec<cause::Call>> {
        let gate = PacedGate::read_only(self.session.clock.clone(), Arc::new(Silent), self.seed());
        self.reader(gate.in_lanes(&self.lanes)).changes_of(suspects).await
    }

    async fn look(
        &self,
        skipped: &BTreeSet<Address>,
        how: impl Fn(Reader) -> Reader,
    ) -> Result<Observation, Vec<Fault>> {
        let news = Arc::new(News::observing());
        let gate = PacedGate::read_only(self.session.clock.clone(), news.clone(), self.seed());
        let gate = gate.in_lanes(&self.lanes);
        let watching = Watching::new(&self.session.world, how(self.reader(gate)));
        let observed = observe(&watching, skipped, news.as_ref()).await;
        news.clear();
        observed
    }

    /// Everything, to be changed under the eyes of the journal.
    pub(crate) fn managing(&self, progress: Arc<dyn Progress>, recorder: Arc<Recorder>) -> Managing {
        Managing::new(&self.session.world, self.writer(progress, recorder))
    }

    /// Looks, and can change nothing.
    pub(crate) fn reading(&self) -> Reader {
        let gate = PacedGate::read_only(self.session.clock.clone(), Arc::new(Silent), self.seed());
        self.reader(gate.in_lanes(&self.lanes))
    }

    /// May change things under the eyes of the journal.
    pub(crate) fn writer(&self, progress: Arc<dyn Progress>, recorder: Arc<Recorder>) -> Writer {
        let gate = PacedGate::recorded(self.session.clock.clone(), progress, self.seed(), recorder);
        let gate = gate.in_lanes(&self.lanes);
        Writer::new(self.clients.clone(), self.session.scope.clone(), Arc::new(gate))
    }

    /// What the lock is kept with.
    pub(crate) fn lock_writer(&self) -> Writer {
        let gate = PacedGate::unrecorded(self.session.clock.clone(), Arc::new(Silent), self.seed());
        let gate = gate.in_lanes(&self.lanes);
        Writer::new(self.clients.clone(), self.session.scope.clone(), Arc::new(gate))
    }

    /// May look, at whatever is asked.
    pub(crate) fn looking(&self) -> Reader {
        let gate = PacedGate::read_only(self.session.clock.clone(), Arc::new(Silent), self.seed());
        self.reader(gate.in_lanes(&self.lanes))
    }

    /// The objects of the control bucket, to be read.
    pub(crate) fn control(&self) -> Objects<Reader> {
        let at = stacks::control_bucket();
        Objects::new(self.looking(), &at, &Bucket::physical(&self.session.scope, &at))
    }

    /// The same, to be written too.
    pub(crate) fn control_with(&self, aws: Writer) -> Objects<Writer> {
        let at = stacks::control_bucket();
        Objects::new(aws, &at, &Bucket::physical(&self.session.scope, &at))
    }

    fn reader(&self, gate: PacedGate) -> Reader {
        Reader::new(self.clients.clone(), self.session.scope.clone(), Arc::new(gate))
    }
}
