//! Laws that every kind obeys, over the embedded account. A kind's author writes examples; the laws are free.
//!
//! Apply, look: no difference. Look twice: same fingerprint. Apply again: nothing is written. Every field changed one
//! at a time is found as just that change and converges, and so does the way back (which is also "a foreign hand
//! edited it"). Killed after any call of a birth, the next apply completes it and makes no second one. Delete twice
//! is fine. What is owned is found by its tags. Print and parse back: equal.

use std::sync::Arc;

use kinds::{Clients, KINDS, Resource, Scope, World, Writer};
use model::{
    Address, BoxFuture, Call, Change, Declared, Fault, Found, Gate, Impact, Managed, MayFind, Outcome,
    Verdict, call::Class,
};
use sandbox::{Account, Clock, Trouble, What, When};

mod alarm;
mod bucket;
mod contact_list;
mod key;
mod log_group;
mod queue;
mod role;
mod secret;
mod subscription;
mod table;
mod topic;

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

/// A gate for one kind at a time: no journal, no lanes; throttles, propagation and conflicts are waited out.
struct PlainGate;

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
                Some(Class::Throttle | Class::Propagation | Class::Conflict) if attempt < 60 => {
                    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
                    Ok(Verdict::Again)
                }
                _ => Ok(Verdict::Accept),
            }
        })
    }

    fn pause<'a>(
        &'a self,
        _: &'a Address,
        _: &'a str,
        time: std::time::Duration,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            tokio::time::sleep(time).await;
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

pub(crate) fn writer(account: &Account) -> Writer {
    Writer::new(Clients::new(&account.sdk_config()), scope(), Arc::new(PlainGate))
}

/// Brings everything in the world into being, in the order of declaration.
async fn apply(world: &World, account: &Account) -> Result<(), Fault> {
    for one in world.manage(&writer(account)) {
        one.converge(MayFind::Anything).await?;
    }
    Ok(())
}

/// The last declared resource: the one under test.
async fn look(world: &World, account: &Account) -> (Declared, Option<Found>) {
    let aws = writer(account);
    // References resolve through what was observed, so everything is looked at, the subject last.
    let (mut last, mut outputs) = (None, std::collections::BTreeMap::new());
    for one in world.watch(aws.reader()) {
        let (declared, found) = (one.declared().clone(), one.observe().await.expect("an observation"));
        let known = found.as_ref().map_or_else(|| declared.known.clone(), |found| found.outputs.clone());
        outputs.insert(declared.address.clone(), known);
        last = Some((declared, found));
    }
    let (mut declared, found) = last.expect("a world with a subject");
    declared.fields = declared
        .fields
        .resolve(&|reference| outputs.get(&reference.address)?.get(&reference.attribute).cloned());
    (declared, found)
}

async fn differences(world: &World, account: &Account) -> Vec<Change> {
    let (declared, found) = look(world, account).await;
    let found = found.expect("the subject exists");
    declared.layout().diff(&found.layout())
}

/// The world of an example with its subject changed.
fn world_of<R: Resource>(example: &Example<R>, change: impl FnOnce(&mut R)) -> World {
    let mut world = World::default();
    let mut spec = (example.declare)(&mut world);
    change(&mut spec);
    world.add("laws", subject_name(example), spec).expect("a fresh address");
    world
}

/// Strict queues and topics are so by their name: their examples say it in theirs.
fn subject_name<R>(example: &Example<R>) -> &'static str {
    if example.name.ends_with(".fifo") { "subject.fifo" } else { "subject" }
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
        deletes_are_repeatable(example).await;
    }
    every_field_has_a_mutation(examples);
}

async fn births_are_complete_and_repeatable<R: Resource>(example: &Example<R>) {
    let (name, account) = (example.name, fresh());
    let world = world_of(example, |_| {});
    let mut spec_world = World::default();
    let spec = (example.declare)(&mut spec_world);
    let printed = serde_json::to_string(&spec).expect("a spec prints");
    assert_eq!(
        serde_json::from_str::<R>(&printed).expect("a spec parses"),
        spec,
        "{name}: print and parse back"
    );

    assert!(look(&world, &account).await.1.is_none(), "{name}: absent before it is made");
    apply(&world, &account).await.expect("a birth");
    assert_eq!(differences(&world, &account).await, [], "{name}: nothing differs after a birth");
    let first = look(&world, &account).await.1.expect("it exists");
    let second = look(&world, &account).await.1.expect("it exists");
    assert_eq!(first.fingerprint(), second.fingerprint(), "{name}: looked twice");
    assert_eq!(first.findings, second.findings, "{name}: looked twice");

    account.forget_served();
    apply(&world, &account).await.expect("a second apply");
    let writes: Vec<_> =
        account.served().into_iter().filter(|call| call.writes).map(|call| call.operation).collect();
    assert_eq!(writes, Vec::<String>::new(), "{name}: a second apply writes nothing");

    if R::TAGGED {
        let kind = KINDS.iter().find(|kind| kind.name == R::KIND).expect("the kind is listed");
        let owned = kind.owned(writer(&account).reader()).await.expect("an inventory");
        let address = Address::new("laws", R::KIND, subject_name(example)).expect("an address");
        let ours = owned.iter().filter(|(at, _)| *at == address).count();
        assert_eq!(ours, 1, "{name}: found by its tags, in {owned:?}");
    }
}

async fn every_field_converges<R: Resource>(example: &Example<R>) {
    let born = fresh();
    apply(&world_of(example, |_| {}), &born).await.expect("a birth");
    every_field_converges_in(example, &born).await;
}

/// The same in an account where the example exists already.
async fn every_field_converges_in<R: Resource>(example: &Example<R>, born: &Account) {
    let base = world_of(example, |_| {});
    for (field, mutate) in example.mutations {
        let label = format!("{}.{field}", example.name);
        let account = born.fork();
        let changed = world_of(example, mutate);
        if physical(&changed) != physical(&base) {
            another_resource_is_made(&base, &changed, &account, &label).await;
            continue;
        }
        let changes = differences(&changed, &account).await;
        assert!(!changes.is_empty(), "{label}: the change is seen");
        for change in &changes {
            let group = change.field.split('.').next().unwrap_or_default();
            assert_eq!(group, *field, "{label}: only this field differs, found {change:?}");
        }
        let impact = changes[0].impact;
        match impact {
            Impact::Blocked => continue,
            Impact::Replace => subject(&base.manage(&writer(&account)))
                .delete(MayFind::Anything, model::Data::Lose)
                .await
                .expect(&label),
            Impact::InPlace => {}
        }
        apply(&changed, &account).await.expect(&label);
        assert_eq!(differences(&changed, &account).await, [], "{label}: converged");
        // The way back is also what repairs the edit of a foreign hand.
        assert!(!differences(&base, &account).await.is_empty(), "{label}: a foreign edit is seen");
        if impact == Impact::InPlace {
            apply(&base, &account).await.expect(&label);
            assert_eq!(differences(&base, &account).await, [], "{label}: converged back");
        }
    }
}

/// A field that is a part of the natural key: the old one goes, the new one comes.
async fn another_resource_is_made(base: &World, changed: &World, account: &Account, label: &str) {
    assert!(look(changed, account).await.1.is_none(), "{label}: another resource, not made yet");
    subject(&base.manage(&writer(account))).delete(MayFind::Anything, model::Data::Lose).await.expect(label);
    apply(changed, account).await.expect(label);
    assert_eq!(differences(changed, account).await, [], "{label}: made");
    assert!(look(base, account).await.1.is_none(), "{label}: the old one is gone");
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

async fn deletes_are_repeatable<R: Resource>(example: &Example<R>) {
    let (name, account) = (example.name, fresh());
    let world = world_of(example, |_| {});
    apply(&world, &account).await.expect("a birth");
    for _ in 0..2 {
        subject(&world.manage(&writer(&account)))
            .delete(MayFind::Anything, model::Data::Lose)
            .await
            .expect("a delete");
        assert!(look(&world, &account).await.1.is_none(), "{name}: gone");
    }
    apply(&world, &account).await.expect("a second birth");
    assert_eq!(differences(&world, &account).await, [], "{name}: made again");
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
