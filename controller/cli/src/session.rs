//! One stage, opened: its environment, what it declares, and the account behind it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};
use engine::{Clock, Lanes, Observation, PacedGate, Progress, Recorder, Silent, Wall, observe};
use kinds::{Clients, Managing, Reader, Scope, Watching, World, Writer};
use model::{
    Address, Declared, Fault, Target,
    drift::{Accepted, Doing, Owners},
    fault::Cause,
};
use sandbox::{Account, Trouble, What, When};
use stacks::{Applied, Artefacts, Environment};

use crate::{
    args::{Stage, Weather},
    artefacts,
    choice::nearest,
    exit::{Failure, Kind},
    progress::News,
    project::Project,
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
    /// Differences that people know of.
    pub(crate) accepted: Vec<Accepted>,
    artefacts: Artefacts,
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
    /// Reads the environment and declares the stacks. No call is made.
    pub(crate) fn open(project: &Project, stage: &str) -> Result<Self, Failure> {
        let environment = project.environment(stage)?;
        let artefacts = artefacts::of_stage(project.artefacts(), environment.code)?;
        let world = stacks::declare(&environment, &artefacts)
            .map_err(|error| Failure::error(format!("the stacks cannot be declared: {error}")))?;
        let scope = environment.scope(stage).map_err(|error| Failure::error(error.to_string()))?;
        let declared = world.declared(&scope);
        if let Some(unknown) =
            scope.names.keys().find(|name| !declared.iter().any(|one| one.address == **name))
        {
            return Err(Failure::error(format!(
                "environments/{stage}.yaml: names: nothing is declared as {unknown}"
            ))
            .hint(nearest(&unknown.to_string(), &declared)));
        }
        let accepted = accepted(project, stage, &environment, &declared)?;
        let (stage, state) = (stage.to_owned(), project.state(stage));
        let (clock, embedded) = (Arc::new(Wall), environment.embedded);
        Ok(Self { stage, state, scope, world, clock, embedded, accepted, artefacts, environment })
    }

    pub(crate) fn declared(&self) -> Vec<Declared> {
        self.world.declared(&self.scope)
    }

    /// What an apply of all but `excluded` leaves behind.
    pub(crate) fn applied(&self, excluded: Vec<Address>) -> Applied {
        let hash = model::plan::spec_hash(&self.declared());
        Applied::new(&self.stage, &hash, &self.environment, &self.artefacts, excluded)
    }

    pub(crate) fn target(&self) -> Target {
        let Scope { stage, account, region, .. } = self.scope.clone();
        Target { stage, account, region }
    }

    /// Finds the account and makes sure that it is the one of the environment, before anything else is read.
    pub(crate) async fn connect(self, options: &Stage) -> Result<Connected, Failure> {
        let config =
            if self.embedded { self.embedded_account(options)? } else { self.live_account(options).await? };
        let clients = Clients::new(&config);
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
        Ok(Connected { session: self, caller: caller.arn, clients, lanes: Arc::default() })
    }

    async fn live_account(&self, options: &Stage) -> Result<SdkConfig, Failure> {
        if options.weather != Weather::Calm || !options.trouble.is_empty() {
            return Err(Failure::error(format!(
                "--weather and --trouble are for embedded accounts, not for {}",
                self.stage
            )));
        }
        let waits = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_attempt_timeout(Duration::from_secs(60))
            .build();
        Ok(aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(self.environment.region.as_str().to_owned()))
            .timeout_config(waits)
            .load()
            .await)
    }

    fn embedded_account(&self, options: &Stage) -> Result<SdkConfig, Failure> {
        let troubles = options.trouble.iter().map(|text| trouble(text)).collect::<Result<Vec<_>, _>>()?;
        let die = || std::process::exit(KILLED);
        let account = Account::open(&self.scope.account, &self.scope.region, &self.state, die)
            .map_err(|error| Failure::file(&self.state, &error))?;
        if options.weather == Weather::Realistic {
            account.set_weather(sandbox::Weather::realistic());
        }
        troubles.into_iter().for_each(|trouble| account.plan_trouble(trouble));
        Ok(account.sdk_config())
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
    let wrong = || {
        let known = "die-before=N, die-after=N, lose-answer=N, fail=N or throttle=N";
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

    /// Who changed each of these last, where AWS tells.
    pub(crate) async fn last_changes(&self, of: &[(Address, String)]) -> BTreeMap<Address, Doing> {
        let gate = PacedGate::read_only(self.session.clock.clone(), Arc::new(Silent), self.seed());
        self.reader(gate.in_lanes(&self.lanes)).last_changes(of).await
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

    fn reader(&self, gate: PacedGate) -> Reader {
        Reader::new(self.clients.clone(), self.session.scope.clone(), Arc::new(gate))
    }
}
