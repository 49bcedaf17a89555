//! Whole runs in which one call goes wrong: made from nothing, updated, destroyed.
//!
//! Every call of the execution counts, reads and writes. With no latency the account answers one call after the
//! other, so a run of the same plan on the same documents makes the same calls in the same order, and "call n" means
//! the same thing in every run; each run asserts that its trouble struck.
//!
//! | what happens at call n | how it is simulated |
//! | --- | --- |
//! | fails, unreachable, answer lost, throttled | the whole run is repeated with the trouble at call n |
//! | the process dies before or after | documents and journal of the undisturbed run at call n are restored |
//!
//! Documents and journal are all that is left of a killed process, so the next one starts from them; a process that
//! lives on remembers what it really would, because its whole run is repeated.
//!
//! "Dies after call n" and "dies before call n + 1" leave the same documents, and the same journal unless a line was
//! written between them; an answer lost to a call that changed nothing is to the process a call that did not arrive.
//! Neither is run twice. States that a next process cannot tell apart (documents, steps begun and done) are visited
//! once, and documents that differ in nothing but times are planned once: when all is settled, nothing depends on them.
//! Some deaths are really died, and compared with what was restored.
//!
//! After a trouble: a rerun brings everything about, the plan after it is empty, the account holds as many documents
//! of each sort as after the undisturbed run, and the journal replays. After a death this is checked for a fresh plan
//! and for the same plan applied once more.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
    time::Duration,
};

use engine::Stop;
use model::{Plan, Selection, journal::Journal};
use sandbox::{Account, Clock, Served, Trouble, Weather, What, When, store::Documents};
use serde_json::Value;
use tokio::time::Instant;

use crate::stage::{Memory, Stage};

mod scenes;
mod worlds;

/// The account at the moment when a call arrived, in the undisturbed run.
struct Moment {
    served: Served,
    documents: Documents,
    /// Bytes that the journal had.
    journal: usize,
}

/// A run to disturb: what it starts from, and how it goes when nothing happens.
struct Scene {
    name: &'static str,
    weather: Weather,
    /// Never run itself: every run has an account and a journal of its own.
    start: Stage,
    start_ms: u64,
    selection: Selection,
    plan: Plan,
    moments: Vec<Moment>,
    /// After the undisturbed run.
    end: Stage,
    /// Documents after which nothing is left to do.
    settled: Mutex<BTreeSet<u64>>,
}

/// What one scene cost and covered.
#[derive(Debug, Default)]
struct Tally {
    /// Faulty runs, or deaths.
    runs: usize,
    /// Runs that one `apply` did not end.
    rerun: usize,
    /// Different states that deaths left.
    states: usize,
}

impl Scene {
    /// Plans and runs it once, and watches.
    async fn recorded(name: &'static str, start: Stage, selection: Selection, weather: Weather) -> Self {
        start.account.set_weather(weather.clone());
        // What came before is over: every run would read it again.
        let start = start.on(start.account.clone(), Memory::default());
        let plan = start.plan(&selection).await;
        assert_eq!(plan.blocks().count(), 0, "{name}: {:?}", plan.blocks().collect::<Vec<_>>());
        let start_ms = start.account.clock().now_ms();
        let mut scene = Self {
            name,
            weather,
            end: start.clone(),
            start,
            start_ms,
            selection,
            plan,
            moments: Vec::new(),
            settled: Mutex::default(),
        };
        let moments = Arc::new(Mutex::new(Vec::new()));
        scene.end = scene.stage(scene.start.account.documents(), start_ms, usize::MAX);
        let (seen, journal) = (moments.clone(), scene.end.journal.clone());
        scene.end.account.set_witness(move |served, documents| {
            let (served, documents, journal) = (served.clone(), documents.clone(), journal.text().len());
            seen.lock().expect("no panic").push(Moment { served, documents, journal });
        });
        let report = in_the_same_order(scene.end.execute(&scene.plan, &Stop::default())).await;
        assert!(report.is_complete(), "{name}: {report:?}");
        scene.moments = std::mem::take(&mut *moments.lock().expect("no panic"));
        let left = scene.end.plan(&scene.selection).await;
        assert_eq!(left.steps, [], "{name}: nothing is left");
        scene
    }

    /// The stage as it was at a moment, with as much of a journal.
    fn stage(&self, documents: Documents, at_ms: u64, journal: usize) -> Stage {
        let clock = Clock::Virtual { start_ms: at_ms, since: Instant::now() };
        let account = Account::of(&self.scope().account, &self.scope().region, clock, documents);
        account.set_weather(self.weather.clone());
        let text = self.end.journal.text().len();
        self.start.on(account, self.end.journal.cut(journal.min(text)))
    }

    fn scope(&self) -> &kinds::Scope {
        &self.start.scope
    }

    fn calm(&self) -> bool {
        self.weather == Weather::default()
    }

    fn calls(&self) -> usize {
        self.moments.len()
    }

    /// What the account held when the call had been answered.
    fn after(&self, number: usize) -> Documents {
        let next = self.moments.get(number).map(|next| next.documents.clone());
        next.unwrap_or_else(|| self.end.account.documents())
    }

    /// Repeats the run with a trouble at every call.
    async fn with_trouble_at_every_call(&self, what: impl Fn() -> What) -> Tally {
        let mut tally = Tally::default();
        for number in 1..=self.calls() {
            let changes = self.moments[number - 1].documents != self.after(number);
            if matches!(what(), What::LoseAnswer) && !changes {
                continue;
            }
            let stage = self.stage(self.start.account.documents(), self.start_ms, self.journal_at_start());
            let trouble = Trouble { when: When::Call(number), what: what() };
            let label = self.label(number, &format!("{trouble:?}"));
            stage.account.plan_trouble(trouble);
            let report = in_the_same_order(stage.execute(&self.plan, &Stop::default())).await;
            self.assert_same_calls(&stage, number, &label);
            assert_eq!(stage.account.troubles_left(), 0, "{label}: it struck");
            assert!(report.in_doubt.is_empty() && !report.interrupted, "{label}: {report:?}");
            tally.runs += 1;
            if !report.is_complete() {
                tally.rerun += 1;
                self.run_again(&stage, &label).await;
            }
            self.check(&stage, &label).await;
        }
        tally
    }

    /// Goes on from every state that a killed process can leave.
    async fn with_a_death_at_every_call(&self) -> Tally {
        let mut tally = Tally::default();
        let mut seen = BTreeSet::new();
        for number in 1..=self.calls() {
            let moment = &self.moments[number - 1];
            let after = self.after(number);
            for (documents, word) in [(moment.documents.clone(), "before"), (after, "after")] {
                let label = self.label(number, &format!("death {word}"));
                // At once: AWS still hides what was just made.
                let restore = || self.stage(documents.clone(), moment.served.at_ms, moment.journal);
                tally.runs += 1;
                if !seen.insert(state(&restore())) {
                    continue;
                }
                tally.states += 1;
                let fresh = restore();
                self.run_again(&fresh, &label).await;
                self.check(&fresh, &label).await;
                if self.calm() {
                    let same = restore();
                    same.settle().await;
                    let report = same.execute_file(&self.plan, &Stop::default()).await;
                    assert!(report.is_complete(), "{label}, the same plan: {report:?}");
                    self.check(&same, &label).await;
                }
            }
        }
        tally
    }

    /// Kills some runs for good, and compares what they leave with what is restored.
    async fn dies_as_restored(&self, every: usize) {
        for number in (1..=self.calls()).step_by(every) {
            for what in [What::DieBefore, What::DieAfter] {
                let stage =
                    self.stage(self.start.account.documents(), self.start_ms, self.journal_at_start());
                let moment = &self.moments[number - 1];
                let expected = match what {
                    What::DieBefore => moment.documents.clone(),
                    _ => self.after(number),
                };
                let trouble = Trouble { when: When::Call(number), what };
                let label = self.label(number, &format!("{trouble:?}"));
                stage.account.plan_trouble(trouble);
                let stop = Stop::default();
                tokio::select! {
                    report = in_the_same_order(stage.execute(&self.plan, &stop)) => {
                        panic!("{label}: lived, {report:?}")
                    }
                    () = stage.account.death() => {}
                }
                let left = but_for_chance(stage.account.documents());
                assert_eq!(left, but_for_chance(expected), "{label}: the account");
                self.assert_same_calls(&stage, number, &label);
                // Steps beside the dying one write on until the whole task is dropped; a process would not.
                let journal = stage.journal.text();
                let restored = self.end.journal.cut(moment.journal).text();
                assert!(journal.starts_with(&restored), "{label}: the journal");
            }
        }
    }

    /// The calls up to this one were those of the undisturbed run, so this trouble hit the call that is meant.
    fn assert_same_calls(&self, stage: &Stage, number: usize, label: &str) {
        let served = stage.account.served();
        let undisturbed = self.moments.iter().map(|moment| &moment.served);
        assert!(served.iter().take(number).eq(undisturbed.take(number)), "{label}: the same calls");
    }

    /// What a person does after a run that did not end well.
    async fn run_again(&self, stage: &Stage, label: &str) {
        stage.settle().await;
        let plan = stage.plan(&self.selection).await;
        assert_eq!(plan.blocks().count(), 0, "{label}: {:?}", plan.blocks().collect::<Vec<_>>());
        let report = stage.execute(&plan, &Stop::default()).await;
        assert!(report.is_complete(), "{label}, run again: {report:?}");
    }

    async fn check(&self, stage: &Stage, label: &str) {
        if !self.calm() {
            // Until everything is settled, so that here too nothing depends on times.
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
        let documents = timeless(&stage.account.documents());
        if !self.settled.lock().expect("no panic").contains(&documents) {
            let plan = stage.plan(&self.selection).await;
            assert_eq!(plan.steps, [], "{label}: nothing is left to do");
            self.settled.lock().expect("no panic").insert(documents);
        }
        assert_eq!(census(&stage.account), census(&self.end.account), "{label}: nothing is doubled or lost");
        let text = stage.journal.text();
        let whole = Journal::replay(&text).map(|(_, whole)| whole);
        assert_eq!(whole, Ok(text.len()), "{label}: the journal");
    }

    fn journal_at_start(&self) -> usize {
        self.start.journal.text().len()
    }

    fn label(&self, number: usize, what: &str) -> String {
        let Served { service, operation, .. } = &self.moments[number - 1].served;
        format!("{}: {what}: call {number} is {service}:{operation}", self.name)
    }
}

/// Runs without tokio's budget, which would interrupt runs at places that depend on what ran before them.
async fn in_the_same_order<T>(run: impl Future<Output = T>) -> T {
    tokio::task::unconstrained(run).await
}

/// All that a next process can tell about what an earlier one left.
fn state(stage: &Stage) -> u64 {
    let (journal, _) = Journal::replay(&stage.journal.text()).expect("a whole journal");
    let run = journal.runs().last().map(|run| (run.plan.clone(), format!("{:?}", run.steps)));
    let documents = serde_json::to_string(&stage.account.documents()).expect("JSON");
    let mut hasher = DefaultHasher::new();
    (run, documents).hash(&mut hasher);
    hasher.finish()
}

/// The documents with every time taken out.
fn timeless(documents: &Documents) -> u64 {
    fn strip(value: &mut Value) {
        /// Seconds since 1970 in the years of the simulation; nothing else that is kept is as large.
        const TIME: f64 = 1_700_000_000.0;
        match value {
            Value::Number(number) if number.as_f64().is_some_and(|number| number > TIME) => {
                *value = Value::Null
            }
            Value::String(text) if text.starts_with("2026-") => *value = Value::Null,
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Object(members) => members.values_mut().for_each(strip),
            _ => {}
        }
    }
    let mut hasher = DefaultHasher::new();
    for (collection, ids) in documents {
        for (id, document) in ids {
            let mut document = document.as_ref().clone();
            strip(&mut document);
            (collection, id, document.to_string()).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// How many documents of each sort there are. Invented ids differ between runs, and keys that wait for deletion are
/// as good as gone.
fn census(account: &Account) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (collection, documents) in account.documents() {
        if collection == "account" {
            continue;
        }
        let waits = |document: &Value| document["state"] == "PendingDeletion";
        let there = documents.values().filter(|document| !waits(document)).count();
        counts.insert(collection, there);
    }
    counts.retain(|_, count| *count > 0);
    counts
}

/// Documents without what no two runs have in common: keys that nobody knows.
fn but_for_chance(mut documents: Documents) -> Documents {
    let secrets = documents.iter_mut().filter(|(name, _)| name.starts_with("secretsmanager/"));
    for secret in secrets.flat_map(|(_, all)| all.values_mut()) {
        let versions = Arc::make_mut(secret).get_mut("versions").and_then(Value::as_object_mut);
        for version in versions.into_iter().flat_map(|all| all.values_mut()) {
            version["SecretString"] = Value::Null;
        }
    }
    documents
}
