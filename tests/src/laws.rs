//! Laws that every kind obeys, over the embedded account. A kind's author writes examples; the laws are free.
//!
//! Apply, look: no difference. Look twice: same fingerprint. Apply again: nothing is written. Every field changed one
//! at a time is found as just that change and converges, and so does the way back (which is also "a foreign hand
//! edited it"). Killed after any call of a birth, the next apply completes it and makes no second one. Delete twice
//! is fine. What is owned is found by its tags. Print and parse back: equal.

use std::{sync::Arc, time::Duration};

use kinds::{Clients, KINDS, Resource, Scope, World, Writer};
use model::{
    Address, BoxFuture, Call, Change, Declared, Fault, Found, Gate, Impact, Managed, MayFind, Outcome,
    Verdict, call::Class,
};
use sandbox::{Account, Clock, Trouble, What, When};

pub(crate) mod alarm;
pub(crate) mod api_key;
pub(crate) mod artefact;
pub(crate) mod base_path_mapping;
pub(crate) mod bucket;
pub(crate) mod configuration_set;
pub(crate) mod contact_list;
pub(crate) mod dashboard;
pub(crate) mod distribution;
pub(crate) mod domain_name;
pub(crate) mod function;
pub(crate) mod function_policy;
pub(crate) mod gateway_account;
pub(crate) mod identity;
pub(crate) mod identity_pool;
pub(crate) mod identity_pool_roles;
pub(crate) mod identity_provider;
pub(crate) mod key;
pub(crate) mod key_group;
pub(crate) mod log_group;
pub(crate) mod mail_account;
pub(crate) mod origin_access_control;
pub(crate) mod public_key;
pub(crate) mod queue;
pub(crate) mod receipt_rule;
pub(crate) mod response_headers_policy;
pub(crate) mod rest_api;
pub(crate) mod role;
pub(crate) mod schedule;
pub(crate) mod schedule_group;
pub(crate) mod secret;
pub(crate) mod subscription;
pub(crate) mod table;
pub(crate) mod topic;
pub(crate) mod usage_plan;

pub(crate) const ACCOUNT: &str = "000000000000";
pub(crate) const REGION: &str = "us-east-1";

/// A field, and a change of only that.
pub(crate) type Mutation<R> = (&'static str, fn(&mut R));

/// A resource with what it refers to, and one change for each of its fields.
pub(crate) struct Example<R: 'static> {
    pub(crate) name: &'static str,
    /// Declares what the resource refers to, and returns its spec.
    pub(crate) declare: fn(&mut World) -> R,
    /// The field (the part of its row's name before the first dot) and a change of only that.
    pub(crate) mutations: &'static [Mutation<R>],
}

/// What the laws are run for: an example, or one that is made a little different first.
pub(crate) trait Case {
    type Spec: Resource;

    fn name(&self) -> &'static str;

    /// Declares what the resource refers to, and returns its spec.
    fn declare(&self, world: &mut World) -> Self::Spec;
}

impl<R: Resource> Case for Example<R> {
    type Spec = R;

    fn name(&self) -> &'static str {
        self.name
    }

    fn declare(&self, world: &mut World) -> R {
        (self.declare)(world)
    }
}

/// Where the laws are run: the embedded account, or an emulator behind an endpoint.
pub(crate) trait Cloud: Sync {
    fn clients(&self) -> Clients;

    fn gate(&self) -> PlainGate {
        PlainGate::PATIENT
    }

    fn forget_served(&self);

    /// Calls since then that may have changed something.
    fn writes(&self) -> Vec<String>;
}

impl Cloud for Account {
    fn clients(&self) -> Clients {
        Clients::new(&self.sdk_config())
    }

    fn forget_served(&self) {
        self.forget_served();
    }

    fn writes(&self) -> Vec<String> {
        self.served().into_iter().filter(|call| call.writes).map(|call| call.operation).collect()
    }
}

/// A gate for one kind at a time: no journal, no lanes; throttles, propagation and conflicts are waited out.
pub(crate) struct PlainGate {
    attempts_max: u32,
    /// No wait is longer.
    pause_max: Duration,
}

impl PlainGate {
    /// For simulated time, in which a wait costs nothing.
    pub(crate) const PATIENT: Self = Self { attempts_max: 60, pause_max: Duration::from_secs(60) };

    /// For emulators, where everything is ready at once or never.
    pub(crate) const HASTY: Self = Self { attempts_max: 3, pause_max: Duration::from_millis(5) };
}

impl Gate for PlainGate {
    fn enter<'a>(&'a self, _: &'a Call) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async { Ok(()) })
    }

    fn leave<'a>(
        &'a self,
        _: &'a Call,
        attempt: u32,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Verdict, Fault>> {
        Box::pin(async move {
            match outcome.class() {
                Some(Class::Throttle | Class::Propagation | Class::Conflict)
                    if attempt < self.attempts_max =>
                {
                    tokio::time::sleep(Duration::from_secs(5).min(self.pause_max)).await;
                    Ok(Verdict::Again)
                }
                _ => Ok(Verdict::Accept),
            }
        })
    }

    fn pause<'a>(&'a self, _: &'a Address, _: &'a str, time: Duration) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            tokio::time::sleep(time.min(self.pause_max)).await;
            Ok(())
        })
    }
}

pub(crate) fn scope() -> Scope {
    Scope {
        project: "dn".to_owned(),
        stage: "test".to_owned(),
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
        names: std::collections::BTreeMap::new(),
        tags: model::Tags::from([("cost-centre".to_owned(), "crm".to_owned())]),
    }
}

pub(crate) fn writer(cloud: &impl Cloud) -> Writer {
    Writer::new(cloud.clients(), scope(), Arc::new(cloud.gate()))
}

/// Brings everything in the world into being, in the order of declaration.
pub(crate) async fn apply(world: &World, cloud: &impl Cloud) -> Result<(), Fault> {
    for one in world.manage(&writer(cloud)) {
        one.converge(MayFind::Anything).await?;
    }
    Ok(())
}

/// The last declared resource: the one under test.
async fn look(world: &World, cloud: &impl Cloud) -> (Declared, Option<Found>) {
    let aws = writer(cloud);
    // References resolve through what was observed, so everything is looked at, the subject last.
    let mut last = None;
    for one in world.watch(aws.reader()) {
        let found = one.observe().await.expect("an observation");
        // As a plan does: a set of references is in the order of what they stand for.
        last = Some((one.resolved(), found));
    }
    last.expect("a world with a subject")
}

async fn differences(world: &World, cloud: &impl Cloud) -> Vec<Change> {
    let (declared, found) = look(world, cloud).await;
    let found = found.expect("the subject exists");
    declared.layout().diff(&found.layout())
}

/// The world of an example with its subject changed.
pub(crate) fn world_of<C: Case>(case: &C, change: impl FnOnce(&mut C::Spec)) -> World {
    let mut world = World::default();
    let mut spec = case.declare(&mut world);
    change(&mut spec);
    world.add("laws", subject_name(case), spec).expect("a fresh address");
    world
}

/// Strict queues and topics are so by their name: their examples say it in theirs.
fn subject_name(case: &impl Case) -> &'static str {
    if case.name().ends_with(".fifo") { "subject.fifo" } else { "subject" }
}

fn fresh() -> Account {
    Account::in_memory(ACCOUNT, REGION, Clock::simulated())
}

fn subject(managed: &[Box<dyn Managed>]) -> &dyn Managed {
    managed.last().expect("a world with a subject").as_ref()
}

/// Runs every law for every example of a kind.
pub(crate) async fn hold<R: Resource>(examples: &[Example<R>]) {
    for example in examples {
        births_are_complete_and_repeatable(example).await;
        every_field_converges(example).await;
        a_killed_birth_is_completed(example).await;
        deletes_are_repeatable(example, &fresh()).await;
    }
    every_field_has_a_mutation(examples);
}

async fn births_are_complete_and_repeatable<R: Resource>(example: &Example<R>) {
    let account = fresh();
    a_birth_is_complete(example, &account).await;
    a_second_apply_writes_nothing(example, &account).await;
    what_is_owned_is_found(example, &account).await;
}

/// In an empty account.
pub(crate) async fn a_birth_is_complete<C: Case>(example: &C, cloud: &impl Cloud) {
    let name = example.name();
    let world = world_of(example, |_| {});
    let mut spec_world = World::default();
    let spec = example.declare(&mut spec_world);
    let printed = serde_json::to_string(&spec).expect("a spec prints");
    assert_eq!(
        serde_json::from_str::<C::Spec>(&printed).expect("a spec parses"),
        spec,
        "{name}: print and parse back"
    );

    assert!(look(&world, cloud).await.1.is_none(), "{name}: absent before it is made");
    apply(&world, cloud).await.expect("a birth");
    assert_eq!(differences(&world, cloud).await, [], "{name}: nothing differs after a birth");
    let first = look(&world, cloud).await.1.expect("it exists");
    let second = look(&world, cloud).await.1.expect("it exists");
    assert_eq!(first.fingerprint(), second.fingerprint(), "{name}: looked twice");
    assert_eq!(first.findings, second.findings, "{name}: looked twice");
}

/// Where the example exists.
pub(crate) async fn a_second_apply_writes_nothing<C: Case>(example: &C, cloud: &impl Cloud) {
    cloud.forget_served();
    apply(&world_of(example, |_| {}), cloud).await.expect("a second apply");
    assert_eq!(cloud.writes(), Vec::<String>::new(), "{}: a second apply writes nothing", example.name());
}

/// Where the example exists.
pub(crate) async fn what_is_owned_is_found<C: Case>(example: &C, cloud: &impl Cloud) {
    if C::Spec::TAGGED {
        let kind = KINDS.iter().find(|kind| kind.name == C::Spec::KIND).expect("the kind is listed");
        let owned = kind.owned(writer(cloud).reader()).await.expect("an inventory");
        let address = Address::new("laws", C::Spec::KIND, subject_name(example)).expect("an address");
        let ours = owned.iter().filter(|(at, _)| *at == address).count();
        assert_eq!(ours, 1, "{}: found by its tags, in {owned:?}", example.name());
    }
}

async fn every_field_converges<R: Resource>(example: &Example<R>) {
    let born = fresh();
    apply(&world_of(example, |_| {}), &born).await.expect("a birth");
    every_field_converges_in(example, &born).await;
}

/// The same in an account where the example exists already.
async fn every_field_converges_in<R: Resource>(example: &Example<R>, born: &Account) {
    for mutation in example.mutations {
        a_field_converges(example, mutation, &born.fork()).await;
    }
}

/// What is left of an example after one of its fields was changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Left {
    AsItWas,
    Changed,
}

/// Where the example exists.
pub(crate) async fn a_field_converges<C: Case>(
    example: &C,
    (field, mutate): &Mutation<C::Spec>,
    cloud: &impl Cloud,
) -> Left {
    let base = world_of(example, |_| {});
    let label = format!("{}.{field}", example.name());
    let changed = world_of(example, mutate);
    if physical(&changed) != physical(&base) {
        another_resource_is_made(&base, &changed, cloud, &label).await;
        return Left::Changed;
    }
    let changes = differences(&changed, cloud).await;
    assert!(!changes.is_empty(), "{label}: the change is seen");
    for change in &changes {
        let group = change.field.split('.').next().unwrap_or_default();
        assert_eq!(group, *field, "{label}: only this field differs, found {change:?}");
    }
    let impact = changes[0].impact;
    match impact {
        Impact::Blocked => return Left::AsItWas,
        Impact::Replace => subject(&base.manage(&writer(cloud)))
            .delete(MayFind::Anything, model::Data::Lose)
            .await
            .expect(&label),
        Impact::InPlace => {}
    }
    apply(&changed, cloud).await.expect(&label);
    assert_eq!(differences(&changed, cloud).await, [], "{label}: converged");
    // The way back is also what repairs the edit of a foreign hand.
    assert!(!differences(&base, cloud).await.is_empty(), "{label}: a foreign edit is seen");
    if impact != Impact::InPlace {
        return Left::Changed;
    }
    apply(&base, cloud).await.expect(&label);
    assert_eq!(differences(&base, cloud).await, [], "{label}: converged back");
    Left::AsItWas
}

/// A field that is a part of the natural key: the old one goes, the new one comes.
async fn another_resource_is_made(base: &World, changed: &World, cloud: &impl Cloud, label: &str) {
    assert!(look(changed, cloud).await.1.is_none(), "{label}: another resource, not made yet");
    subject(&base.manage(&writer(cloud))).delete(MayFind::Anything, model::Data::Lose).await.expect(label);
    apply(changed, cloud).await.expect(label);
    assert_eq!(differences(changed, cloud).await, [], "{label}: made");
    assert!(look(base, cloud).await.1.is_none(), "{label}: the old one is gone");
}

fn physical(world: &World) -> String {
    world.declared(&scope()).pop().expect("a world with a subject").physical
}

async fn a_killed_birth_is_completed<R: Resource>(example: &Example<R>) {
    let world = world_of(example, |_| {});
    let whole = fresh();
    apply(&world, &whole).await.expect("a birth");
    let documents_of = |account: &Account| -> Vec<(String, usize)> {
        account
            .documents()
            .into_iter()
            .filter(|(name, _)| name != "account")
            .map(|(name, ids)| (name, ids.len()))
            .collect()
    };
    for number in 1.. {
        let account = fresh();
        account.plan_trouble(Trouble { when: When::Write(number), what: What::DieAfter });
        let run = apply(&world, &account);
        let dead = async {
            while !account.died() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            done = run => done.expect("a run that nothing killed"),
            () = dead => {}
        }
        if !account.died() {
            assert!(number > 1, "{}: nothing was written", example.name);
            return;
        }
        let revived = account.fork();
        apply(&world, &revived).await.expect("the run after a crash");
        let label = format!("{}: killed after write {number}", example.name);
        assert_eq!(differences(&world, &revived).await, [], "{label}");
        assert_eq!(documents_of(&revived), documents_of(&whole), "{label}: nothing is doubled");
    }
}

/// In an empty account.
pub(crate) async fn deletes_are_repeatable(example: &impl Case, cloud: &impl Cloud) {
    let name = example.name();
    let world = world_of(example, |_| {});
    apply(&world, cloud).await.expect("a birth");
    for _ in 0..2 {
        subject(&world.manage(&writer(cloud)))
            .delete(MayFind::Anything, model::Data::Lose)
            .await
            .expect("a delete");
        assert!(look(&world, cloud).await.1.is_none(), "{name}: gone");
    }
    apply(&world, cloud).await.expect("a second birth");
    assert_eq!(differences(&world, cloud).await, [], "{name}: made again");
}

fn every_field_has_a_mutation<R: Resource>(examples: &[Example<R>]) {
    let mutated: std::collections::BTreeSet<&str> =
        examples.iter().flat_map(|example| example.mutations).map(|(field, _)| *field).collect();
    for example in examples {
        let mut world = World::default();
        let mut fields = model::Fields::default();
        (example.declare)(&mut world).list(&mut fields);
        for row in fields.rows() {
            let group = row.name.split('.').next().unwrap_or_default();
            assert!(mutated.contains(group), "{} has no mutation of {group}", R::KIND);
        }
    }
}
