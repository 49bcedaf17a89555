//! One stage, opened: its environment, what it declares, and the account behind it.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};
use engine::{Clock, Lanes, Observation, PacedGate, Progress, Recorder, Silent, Wall, observe};
use kinds::{Clients, Managing, Reader, Scope, Watching, World, Writer};
use model::{Address, BoxFuture, Declared, Fault, Target, fault::Cause};
use sandbox::{Account, Trouble, What, When};
use stacks::Environment;

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
        let names = environment.overrides().map_err(|error| Failure::error(error.to_string()))?;
        let scope = Scope {
            project: environment.project.clone(),
            stage: stage.to_owned(),
            account: environment.account.as_str().to_owned(),
            region: environment.region.as_str().to_owned(),
            names,
            tags: environment.tags.clone(),
        };
        let declared = world.declared(&scope);
        if let Some(unknown) =
            scope.names.keys().find(|name| !declared.iter().any(|one| one.address == **name))
        {
            return Err(Failure::error(format!(
                "environments/{stage}.yaml: names: nothing is declared as {unknown}"
            ))
            .hint(nearest(&unknown.to_string(), &declared)));
        }
        let (stage, state) = (stage.to_owned(), project.state(stage));
        let (clock, embedded) = (Arc::new(Wall), environment.embedded);
        Ok(Self { stage, state, scope, world, clock, embedded, environment })
    }

    pub(crate) fn declared(&self) -> Vec<Declared> {
        self.world.declared(&self.scope)
    }

    pub(crate) fn target(&self) -> Target {
        let Scope { stage, account, region, .. } = self.scope.clone();
        Target { stage, account, region }
    }

    /// Finds the account and makes sure that it is the one of the environment, before anything else is read.
    pub(crate) async fn connect(mut self, options: &Stage) -> Result<Connected, Failure> {
        if let Some(by) = options.later {
            self.clock = Arc::new(Later(by));
        }
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
        Ok(aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(self.environment.region.as_str().to_owned()))
            .timeout_config(waits)
            .load()
            .await)
    }

    fn embedded_account(&self, options: &Stage) -> Result<SdkConfig, Failure> {
        let troubles = options.trouble.iter().map(|text| trouble(text)).collect::<Result<Vec<_>, _>>()?;
        let die = || std::process::exit(KILLED);
        let clock = sandbox::Clock::Ahead(options.later.unwrap_or_default());
        let account = Account::open_at(clock, &self.scope.account, &self.scope.region, &self.state, die)
            .map_err(|error| Failure::file(&self.state, &error))?;
        if options.weather == Weather::Realistic {
            account.set_weather(sandbox::Weather::realistic());
        }
        troubles.into_iter().for_each(|trouble| account.plan_trouble(trouble));
        Ok(account.sdk_config())
    }
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

    fn reader(&self, gate: PacedGate) -> Reader {
        Reader::new(self.clients.clone(), self.session.scope.clone(), Arc::new(gate))
    }
}
