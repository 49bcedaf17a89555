//! The same laws, and the program itself, against an emulator that another team wrote: one mistake cannot hide in
//! both places.
//!
//! Each test runs an emulator of its own on a loopback port. Contact lists are missing there and are judged by the
//! embedded account alone.

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use futures::FutureExt;
use kinds::{Clients, Resource};

use crate::laws::{
    self, ACCOUNT, Cloud, Example, Left, PlainGate, REGION, a_birth_is_complete, a_field_converges,
    a_second_apply_writes_nothing, apply, deletes_are_repeatable, what_is_owned_is_found, world_of,
};

mod deviations;
mod emulator;
mod program;
mod recorder;

use deviations::DEVIATIONS;
use emulator::{Emulator, tell};
use recorder::Recorder;

/// An emulator as the laws see it.
struct Independent {
    clients: Clients,
    recorder: Recorder,
    emulator: Emulator,
}

impl Cloud for Independent {
    fn clients(&self) -> Clients {
        self.clients.clone()
    }

    fn gate(&self) -> PlainGate {
        PlainGate::HASTY
    }

    fn forget_served(&self) {
        self.recorder.forget();
    }

    fn writes(&self) -> Vec<String> {
        self.recorder.writes()
    }
}

impl Independent {
    async fn start() -> Option<Self> {
        let emulator = Emulator::start(ACCOUNT).await?;
        let recorder = Recorder::before(emulator.port).await;
        let keys = Credentials::new("test", "test", None, None, "an emulator");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .endpoint_url(format!("http://127.0.0.1:{}", recorder.port))
            .build();
        Some(Self { clients: Clients::new(&config), recorder, emulator })
    }
}

/// How the checks of one kind went.
#[derive(Default)]
struct Tally {
    kind: &'static str,
    /// Checks by name, and why they failed.
    checks: Vec<(String, Option<String>)>,
}

impl Tally {
    /// Makes a check; `None` when it failed.
    async fn check<T>(&mut self, name: String, check: impl Future<Output = T>) -> Option<T> {
        let (value, why) = match AssertUnwindSafe(check).catch_unwind().await {
            Ok(value) => (Some(value), None),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                (None, Some(text.unwrap_or_default()))
            }
        };
        self.checks.push((name, why));
        value
    }

    /// Compares with the table of what is known.
    fn end(self) {
        let covers = |known: &str, check: &str| {
            check == known || check.strip_prefix(known).is_some_and(|rest| rest.starts_with(": "))
        };
        let known: Vec<&str> =
            DEVIATIONS.iter().filter(|(kind, ..)| *kind == self.kind).map(|(_, check, _)| *check).collect();
        let (failed, passed): (Vec<_>, Vec<_>) = self.checks.iter().partition(|(_, why)| why.is_some());
        let (left_out, unknown): (Vec<_>, Vec<_>) =
            failed.into_iter().partition(|(name, _)| known.iter().any(|known| covers(known, name)));
        let needless: Vec<&&str> =
            known.iter().filter(|known| !left_out.iter().any(|(name, _)| covers(known, name))).collect();
        tell(&format!("{}: {} checks passed, {} left out", self.kind, passed.len(), left_out.len()));
        let shown: Vec<String> = unknown
            .iter()
            .map(|(name, why)| format!("{name}\n    {}", why.as_deref().unwrap_or_default()))
            .collect();
        assert!(unknown.is_empty(), "{}, {} failed:\n{}", self.kind, shown.len(), shown.join("\n"));
        assert!(needless.is_empty(), "{}: no longer needed in DEVIATIONS: {needless:?}", self.kind);
    }
}

/// Runs the laws that need nothing but an account for every example of a kind.
async fn hold<R: Resource>(examples: &[Example<R>]) {
    let Some(cloud) = Independent::start().await else { return };
    let mut tally = Tally { kind: R::KIND, ..Tally::default() };
    for example in examples {
        let name = example.name;
        cloud.emulator.reset().await;
        tally.check(format!("{name}: birth"), a_birth_is_complete(example, &cloud)).await;
        tally.check(format!("{name}: second apply"), a_second_apply_writes_nothing(example, &cloud)).await;
        tally.check(format!("{name}: ownership"), what_is_owned_is_found(example, &cloud)).await;

        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let mut left = Some(Left::AsItWas);
        for mutation in example.mutations {
            let number = seen.entry(mutation.0).and_modify(|number| *number += 1).or_insert(1);
            let nth = if *number == 1 { String::new() } else { format!("#{number}") };
            let check = async {
                if left != Some(Left::AsItWas) {
                    cloud.emulator.reset().await;
                    apply(&world_of(example, |_| {}), &cloud).await.expect("a birth");
                }
                a_field_converges(example, mutation, &cloud).await
            };
            left = tally.check(format!("{name}: {}{nth}", mutation.0), check).await;
        }

        cloud.emulator.reset().await;
        tally.check(format!("{name}: delete"), deletes_are_repeatable(example, &cloud)).await;
    }
    tally.end();
}

#[tokio::test]
async fn laws_of_the_alarm_elsewhere() {
    hold(&laws::alarm::examples()).await;
}

#[tokio::test]
async fn laws_of_the_bucket_elsewhere() {
    hold(&laws::bucket::examples()).await;
}

#[tokio::test]
async fn laws_of_the_key_elsewhere() {
    hold(&laws::key::examples()).await;
}

#[tokio::test]
async fn laws_of_the_log_group_elsewhere() {
    hold(&laws::log_group::examples()).await;
}

#[tokio::test]
async fn laws_of_the_queue_elsewhere() {
    hold(&laws::queue::examples()).await;
}

#[tokio::test]
async fn laws_of_the_role_elsewhere() {
    hold(&laws::role::examples()).await;
}

#[tokio::test]
async fn laws_of_the_secret_elsewhere() {
    hold(&laws::secret::examples()).await;
}

#[tokio::test]
async fn laws_of_the_subscription_elsewhere() {
    hold(&laws::subscription::examples()).await;
}

#[tokio::test]
async fn laws_of_the_table_elsewhere() {
    hold(&laws::table::examples()).await;
}

#[tokio::test]
async fn laws_of_the_topic_elsewhere() {
    hold(&laws::topic::examples()).await;
}
