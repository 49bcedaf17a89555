//! The same laws, and the program itself, against an emulator that another team wrote: one mistake
//! cannot hide in both places.
//!
//! Each test runs an emulator of its own on a loopback port. Contact lists and dashboards it lacks are
//! judged by the embedded account alone.

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use futures::FutureExt;
use kinds::{Clients, KINDS, Resource, World};

use crate::laws::{
    self, ACCOUNT, Case, Cloud, Example, Left, Mutation, PlainGate, a_birth_is_complete, a_field_converges,
    a_second_apply_writes_nothing, apply, deletes_are_repeatable, what_is_owned_is_found, world_of,
};

mod deployed;
mod deviations;
mod emulator;
mod program;
mod recorder;
mod roles;

use deviations::{DEVIATIONS, MISSING_KINDS, Out};
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
        let recorded = format!("http://127.0.0.1:{}", recorder.port);
        let config = emulator.owner().into_builder().endpoint_url(recorded).build();
        Some(Self { clients: Clients::new(&config), recorder, emulator })
    }
}

/// How the checks of one kind went.
#[derive(Default)]
struct Tally {
    kind: &'static str,
    /// Checks by name, and why they failed.
    checks: Vec<(String, Option<String>)>,
    /// Checks that were not made.
    left_out: usize,
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

    /// Compares with the table of what is known, and says how it went.
    fn end(self) -> String {
        let known: Vec<&str> = deviations(self.kind)
            .filter_map(|out| match out {
                Out::Checks(checks) => Some(checks.iter().copied()),
                Out::Start { .. } => None,
            })
            .flatten()
            .collect();
        let (failed, passed): (Vec<_>, Vec<_>) = self.checks.iter().partition(|(_, why)| why.is_some());
        let (expected, unknown): (Vec<_>, Vec<_>) =
            failed.into_iter().partition(|(name, _)| known.contains(&name.as_str()));
        let shown: Vec<String> = unknown
            .iter()
            .map(|(name, why)| format!("{name}\n    {}", why.as_deref().unwrap_or_default()))
            .collect();
        assert!(unknown.is_empty(), "{}, {} failed:\n{}", self.kind, shown.len(), shown.join("\n"));
        let needless: Vec<_> =
            known.iter().filter(|known| !expected.iter().any(|(name, _)| name == *known)).collect();
        assert!(needless.is_empty(), "{}: no longer needed in DEVIATIONS: {needless:?}", self.kind);
        let left_out = expected.len() + self.left_out;
        format!("independent emulator: {}: {} checks passed, {left_out} left out", self.kind, passed.len())
    }
}

fn deviations(kind: &str) -> impl Iterator<Item = &'static Out> {
    DEVIATIONS.iter().filter(move |(of, ..)| *of == kind).map(|(_, out, _)| out)
}

/// The changes of an example with names that tell the second change of a field from the first.
fn named<R>(example: &Example<R>) -> Vec<(String, &'static Mutation<R>)> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let name = |change: &'static Mutation<R>| {
        let number = seen.entry(change.0).and_modify(|number| *number += 1).or_insert(1);
        let nth = if *number == 1 { String::new() } else { format!("#{number}") };
        (format!("{}{nth}", change.0), change)
    };
    example.mutations.iter().map(name).collect()
}

/// An example after the changes without which the emulator cannot have it.
struct Started<'a, R: 'static> {
    example: &'a Example<R>,
    starts: Vec<&'static Mutation<R>>,
}

impl<R: Resource> Case for Started<'_, R> {
    type Spec = R;

    fn name(&self) -> &'static str {
        self.example.name
    }

    fn declare(&self, world: &mut World) -> R {
        let mut spec = self.example.declare(world);
        self.starts.iter().for_each(|(_, change)| change(&mut spec));
        spec
    }
}

impl<'a, R: Resource> Started<'a, R> {
    fn of(example: &'a Example<R>) -> Self {
        let starts = deviations(R::KIND).filter_map(|out| match out {
            Out::Start { example: of, change } if *of == example.name => Some(*change),
            _ => None,
        });
        let changes = named(example);
        let change =
            |start| changes.iter().find(|(name, _)| name == start).expect("a change of the example").1;
        Self { example, starts: starts.map(change).collect() }
    }

    /// Without one of the changes beforehand it is not made as declared, or that change is not needed.
    async fn every_start_is_needed(&self, cloud: &Independent) {
        for number in 0..self.starts.len() {
            let mut starts = self.starts.clone();
            let (field, _) = starts.remove(number);
            cloud.emulator.reset().await;
            let bare = Started { example: self.example, starts };
            let birth = AssertUnwindSafe(a_birth_is_complete(&bare, cloud)).catch_unwind().await;
            assert!(birth.is_err(), "no longer needed in DEVIATIONS: {field} of {}", self.name());
        }
    }
}

/// Runs the laws that need nothing but an account for every example of a kind.
async fn hold<R: Resource>(examples: &[Example<R>]) {
    let Some(cloud) = Independent::start().await else { return };
    let mut tally = Tally { kind: R::KIND, ..Tally::default() };
    for out in deviations(R::KIND) {
        if let Out::Start { example, .. } = out {
            assert!(examples.iter().any(|one| one.name == *example), "no example is called {example}");
        }
    }
    for example in examples {
        let name = example.name;
        let case = Started::of(example);
        case.every_start_is_needed(&cloud).await;
        cloud.emulator.reset().await;
        tally.check(format!("{name}: birth"), a_birth_is_complete(&case, &cloud)).await;
        tally.check(format!("{name}: second apply"), a_second_apply_writes_nothing(&case, &cloud)).await;
        tally.check(format!("{name}: ownership"), what_is_owned_is_found(&case, &cloud)).await;

        let mut left = Some(Left::AsItWas);
        for (change_name, change) in named(example) {
            if case.starts.iter().any(|(field, _)| *field == change.0) {
                tally.left_out += 1;
                continue;
            }
            let check = async {
                if left != Some(Left::AsItWas) {
                    cloud.emulator.reset().await;
                    apply(&world_of(&case, |_| {}), &cloud).await.expect("a birth");
                }
                a_field_converges(&case, change, &cloud).await
            };
            left = tally.check(format!("{name}: {change_name}"), check).await;
        }

        cloud.emulator.reset().await;
        tally.check(format!("{name}: delete"), deletes_are_repeatable(&case, &cloud)).await;
    }
    tell(&tally.end());
}

#[tokio::test]
async fn laws_of_the_alarm_elsewhere() {
    hold(&laws::alarm::examples()).await;
}

#[tokio::test]
async fn laws_of_the_artefact_elsewhere() {
    hold(&laws::artefact::examples()).await;
}

#[tokio::test]
async fn laws_of_the_api_key_elsewhere() {
    hold(&laws::api_key::examples()).await;
}

#[tokio::test]
async fn laws_of_the_bucket_elsewhere() {
    hold(&laws::bucket::examples()).await;
}

#[tokio::test]
async fn laws_of_the_identity_pool_elsewhere() {
    hold(&laws::identity_pool::examples()).await;
}

#[tokio::test]
async fn laws_of_the_identity_provider_elsewhere() {
    hold(&laws::identity_provider::examples()).await;
}

#[tokio::test]
async fn laws_of_the_identity_pool_roles_elsewhere() {
    hold(&laws::identity_pool_roles::examples()).await;
}

#[tokio::test]
async fn laws_of_the_configuration_set_elsewhere() {
    hold(&laws::configuration_set::examples()).await;
}

#[tokio::test]
async fn laws_of_the_receipt_rule_elsewhere() {
    hold(&laws::receipt_rule::examples()).await;
}

#[tokio::test]
async fn laws_of_the_distribution_elsewhere() {
    hold(&laws::distribution::examples()).await;
}

#[tokio::test]
async fn laws_of_the_key_group_elsewhere() {
    hold(&laws::key_group::examples()).await;
}

#[tokio::test]
async fn laws_of_the_origin_access_control_elsewhere() {
    hold(&laws::origin_access_control::examples()).await;
}

#[tokio::test]
async fn laws_of_the_public_key_elsewhere() {
    hold(&laws::public_key::examples()).await;
}

#[tokio::test]
async fn laws_of_the_response_headers_policy_elsewhere() {
    hold(&laws::response_headers_policy::examples()).await;
}

#[tokio::test]
async fn laws_of_the_function_elsewhere() {
    hold(&laws::function::examples()).await;
}

#[tokio::test]
async fn laws_of_the_function_policy_elsewhere() {
    hold(&laws::function_policy::examples()).await;
}

#[tokio::test]
async fn laws_of_the_gateway_account_elsewhere() {
    hold(&laws::gateway_account::examples()).await;
}

#[tokio::test]
async fn laws_of_the_domain_name_elsewhere() {
    hold(&laws::domain_name::examples()).await;
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
async fn laws_of_the_schedule_elsewhere() {
    hold(&laws::schedule::examples()).await;
}

#[tokio::test]
async fn laws_of_the_schedule_group_elsewhere() {
    hold(&laws::schedule_group::examples()).await;
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

#[tokio::test]
async fn laws_of_objects_elsewhere() {
    let Some(cloud) = Independent::start().await else { return };
    laws::bucket::objects::objects_obey(&cloud).await;
}

/// Some example fails at birth with what the table says.
async fn is_missing<R: Resource>(examples: &[Example<R>], says: &str) {
    let Some(cloud) = Independent::start().await else { return };
    let mut tally = Tally { kind: R::KIND, ..Tally::default() };
    for example in examples {
        tally.check(example.name.to_owned(), a_birth_is_complete(example, &cloud)).await;
        cloud.emulator.reset().await;
    }
    let missing = |(_, why): &(String, Option<String>)| why.as_ref().is_some_and(|why| why.contains(says));
    assert!(tally.checks.iter().any(missing), "{}: {:?}", tally.kind, tally.checks);
}

#[tokio::test]
async fn what_is_missing_elsewhere_still_is() {
    for (kind, says) in MISSING_KINDS {
        match *kind {
            "base path mapping" => is_missing(&laws::base_path_mapping::examples(), says).await,
            "contact list" => is_missing(&laws::contact_list::examples(), says).await,
            "dashboard" => is_missing(&laws::dashboard::examples(), says).await,
            "identity" => is_missing(&laws::identity::examples(), says).await,
            "mail account" => is_missing(&laws::mail_account::examples(), says).await,
            "rest api" => is_missing(&laws::rest_api::examples(), says).await,
            "usage plan" => is_missing(&laws::usage_plan::examples(), says).await,
            other => panic!("{other} has no examples here"),
        }
    }
}

#[test]
#[should_panic(expected = "no longer needed in DEVIATIONS: [\"with a key: ownership\"]")]
fn an_entry_that_is_no_longer_needed_is_named() {
    let checks = [("plain: ownership", Some("not found".to_owned())), ("with a key: ownership", None)];
    let checks = checks.map(|(name, why)| (name.to_owned(), why)).into();
    Tally { kind: "secret", checks, left_out: 0 }.end();
}

#[test]
#[should_panic(expected = "secret, 1 failed:\nplain: birth\n    it differs")]
fn a_failure_that_is_not_listed_is_told() {
    let checks = vec![("plain: birth".to_owned(), Some("it differs".to_owned()))];
    Tally { kind: "secret", checks, left_out: 0 }.end();
}

#[test]
fn every_kind_is_judged_elsewhere_or_listed_as_missing() {
    let tests = include_str!("independent.rs");
    for kind in KINDS {
        let judged = tests.contains(&format!("hold(&laws::{}::examples())", kind.name.replace(' ', "_")));
        let missing = MISSING_KINDS.iter().any(|(name, _)| *name == kind.name);
        assert!(judged != missing, "{}", kind.name);
    }
    for (name, ..) in DEVIATIONS {
        assert!(KINDS.iter().any(|kind| kind.name == *name), "{name} is no kind");
    }
}
