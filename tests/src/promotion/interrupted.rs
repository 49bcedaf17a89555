//! A promotion killed at every call: each different state that it can leave is gone on from, and ends as if nothing
//! had happened. Deaths and lost answers that are really died and lost are compared in some places.
//!
//! What a killed process leaves is what its accounts hold and what its journal says: two deaths that leave the same
//! are one.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
};

use model::Selection;
use sandbox::{Account, Clock, Trouble, What, When, store::Documents};
use tokio::time::Instant;

use super::{applied, code, in_account, promote, released, served};
use crate::stage::{Memory, Stage};

/// What was there when a call arrived.
struct Moment {
    documents: Documents,
    /// Bytes that the journal had.
    journal: usize,
    at_ms: u64,
}

struct Scene {
    dev: Stage,
    /// Before the promotion.
    staging: Stage,
}

const STAGING: &str = "222222222222";

impl Scene {
    async fn new() -> Self {
        let dev = released(&in_account("111111111111"), &code(" 2")).await;
        let staging = applied(&in_account(STAGING), &code(" 1")).await;
        Self { dev, staging }
    }

    /// The target as it was at a moment.
    fn at(&self, documents: Documents, at_ms: u64, journal: Memory) -> Stage {
        let clock = Clock::Virtual { start_ms: at_ms, since: Instant::now() };
        self.staging.on(Account::of(STAGING, "us-east-1", clock, documents), journal)
    }

    fn afresh(&self) -> Stage {
        let now = self.staging.account.clock().now_ms();
        self.at(self.staging.account.documents(), now, Memory::default())
    }

    /// Promotes, and makes sure that everything is as it should be.
    async fn completes(&self, staging: &Stage, label: &str) {
        let done = promote(&self.dev, &in_account(STAGING), staging).await;
        let done = done.unwrap_or_else(|fault| panic!("{label}: {fault}"));
        assert_eq!(done.plan(&Selection::default()).await.steps, [], "{label}: nothing is left");
        assert_eq!(served(&done.account), served(&self.dev.account), "{label}: the same code");
        let releases = |account: &Account| {
            let objects = account.documents().remove("s3/objects").unwrap_or_default();
            objects.into_keys().filter(|key| key.contains("releases/")).count()
        };
        assert_eq!(releases(&done.account), 1, "{label}: nothing is doubled");
    }
}

fn digest(documents: &Documents, journal: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (serde_json::to_string(documents).expect("JSON"), journal).hash(&mut hasher);
    hasher.finish()
}

#[tokio::test(start_paused = true)]
async fn a_promotion_killed_at_any_call_is_gone_on_with() {
    let scene = Scene::new().await;
    let whole = scene.afresh();
    let moments = Arc::new(Mutex::new(Vec::new()));
    let (seen, journal) = (moments.clone(), whole.journal.clone());
    whole.account.set_witness(move |call, documents| {
        let (documents, journal, at_ms) = (documents.clone(), journal.text().len(), call.at_ms);
        seen.lock().expect("no panic").push(Moment { documents, journal, at_ms });
    });
    scene.completes(&whole, "undisturbed").await;
    let moments = std::mem::take(&mut *moments.lock().expect("no panic"));
    let mut visited = BTreeSet::new();
    for (number, moment) in (1..).zip(&moments) {
        let journal = whole.journal.cut(moment.journal);
        // What was called and not yet answered does not change what the next run does.
        let begun = model::journal::Journal::replay(&journal.text()).expect("it is whole").0;
        let steps = begun.runs().last().map(|run| format!("{:?}", run.steps)).unwrap_or_default();
        if visited.insert(digest(&moment.documents, &steps)) {
            let stage = scene.at(moment.documents.clone(), moment.at_ms, journal);
            scene.completes(&stage, &format!("killed before call {number}")).await;
        }
    }
    println!("promotion: {} calls, {} different states to go on from", moments.len(), visited.len());
    assert!(visited.len() > 50, "every write leaves another state: {}", visited.len());
}

#[tokio::test(start_paused = true)]
async fn deaths_and_lost_answers_while_copying_are_harmless() {
    let scene = Scene::new().await;
    for number in 1..=6 {
        for what in [What::DieBefore, What::DieAfter, What::LoseAnswer, What::fails(), What::throttled(3)] {
            let staging = scene.afresh();
            let trouble = Trouble { when: When::Write(number), what };
            let label = format!("{trouble:?}");
            staging.account.plan_trouble(trouble);
            let environment = in_account(STAGING);
            tokio::select! {
                _ = promote(&scene.dev, &environment, &staging) => {}
                () = staging.account.death() => {}
            }
            assert_eq!(staging.account.troubles_left(), 0, "{label}: it struck");
            let documents = staging.account.documents();
            let now = staging.account.clock().now_ms();
            scene.completes(&scene.at(documents, now, staging.journal.clone()), &label).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_while_it_is_read_changes_nothing_by_halves() {
    let scene = Scene::new().await;
    scene.dev.account.forget_served();
    scene.completes(&scene.afresh(), "undisturbed").await;
    let calls = scene.dev.account.served().len();
    for number in 1..=calls {
        let staging = scene.afresh();
        scene.dev.account.plan_trouble(Trouble { when: When::Call(number), what: What::Unreachable });
        let _ = promote(&scene.dev, &in_account(STAGING), &staging).await;
        assert_eq!(scene.dev.account.troubles_left(), 0, "call {number}: it struck");
        scene.completes(&staging, &format!("call {number} of the source was lost")).await;
    }
    println!("promotion: {calls} calls of the source");
}
