//! The one place where a resource's type is forgotten: only plain data leaves.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
    panic::Location,
};

use model::{
    Address, BoxFuture, Data, Declared, Fault, Fields, Found, Holds, Managed, MayFind, Outputs, Ref, Source,
    Tags, Watched,
    fault::Cause,
    receipt::{self, Receipt},
    text,
};
use serde_json::Value;

use crate::{Live, Place, Reader, Resource, Scope, Writer, specs::Specs};

/// A kind as the list of all kinds holds it.
#[derive(Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    pub tagged: bool,
    owned: Inventory<(Address, String)>,
    unmanaged: Inventory<String>,
    watch: fn(Address, String, &Reader) -> Box<dyn Watched>,
    manage: fn(Address, String, &Writer) -> Box<dyn Managed>,
}

type Inventory<T> = for<'a> fn(&'a Reader) -> BoxFuture<'a, Result<Vec<T>, Fault>>;

impl Kind {
    pub const fn of<R: Resource>() -> Self {
        Self {
            name: R::KIND,
            tagged: R::TAGGED,
            owned: |aws| Box::pin(R::owned(aws)),
            unmanaged: |aws| Box::pin(R::unmanaged(aws)),
            watch: |address, physical, aws| {
                Box::new(Bound::<R, Reader>::orphan(address, physical, aws.clone()))
            },
            manage: |address, physical, aws| {
                Box::new(Bound::<R, Writer>::orphan(address, physical, aws.clone()))
            },
        }
    }

    /// Address and physical name of everything of this kind that the stage owns.
    ///
    /// # Errors
    /// When a list call fails.
    pub async fn owned(&self, aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        (self.owned)(aws).await
    }

    /// Physical names of what hangs on the stage's own resources and may not be deleted by it.
    ///
    /// # Errors
    /// When a list call fails.
    pub async fn unmanaged(&self, aws: &Reader) -> Result<Vec<String>, Fault> {
        (self.unmanaged)(aws).await
    }

    /// A resource that is owned but not declared, to be looked at.
    pub fn watch_orphan(&self, address: Address, physical: String, aws: &Reader) -> Box<dyn Watched> {
        (self.watch)(address, physical, aws)
    }

    /// A resource that is owned but not declared, to be deleted.
    pub fn manage_orphan(&self, address: Address, physical: String, aws: &Writer) -> Box<dyn Managed> {
        (self.manage)(address, physical, aws)
    }
}

/// A declared resource, typed where it is made and pointed at.
pub struct Handle<R> {
    address: Address,
    kind: PhantomData<fn() -> R>,
}

impl<R: Resource> Handle<R> {
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// A pointer by ARN, which most APIs want.
    pub fn arn(&self) -> Ref<R> {
        Ref::to(&self.address, "arn")
    }

    /// A pointer by another attribute: `name`, `url`, `id`.
    pub fn by(&self, attribute: &str) -> Ref<R> {
        Ref::to(&self.address, attribute)
    }
}

/// Everything that should exist, before it is known where: a pure value made by the stacks.
#[derive(Default)]
pub struct World {
    entries: Vec<Box<dyn Entry>>,
}

/// What went wrong while declaring.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeclareError {
    #[error(transparent)]
    Address(#[from] model::address::AddressError),
    #[error("{0} is declared twice")]
    Twice(Address),
}

trait Entry: Send + Sync {
    fn address(&self) -> &Address;
    fn declared(&self, scope: &Scope) -> Declared;
    fn spec(&self) -> Value;
    fn watch(&self, declared: Declared, aws: &Reader) -> Box<dyn Watched>;
    fn manage(&self, declared: Declared, aws: &Writer) -> Box<dyn Managed>;
}

struct Spec<R> {
    address: Address,
    spec: R,
    /// The line of a stack that declared it.
    source: &'static Location<'static>,
}

impl World {
    /// Declares one resource.
    ///
    /// # Errors
    /// When the address is malformed or taken.
    #[track_caller]
    pub fn add<R: Resource>(&mut self, stack: &str, name: &str, spec: R) -> Result<Handle<R>, DeclareError> {
        let address = Address::new(stack, R::KIND, name)?;
        if self.entries.iter().any(|entry| *entry.address() == address) {
            return Err(DeclareError::Twice(address));
        }
        self.entries.push(Box::new(Spec { address: address.clone(), spec, source: Location::caller() }));
        Ok(Handle { address, kind: PhantomData })
    }

    /// Leaves out every declaration that is not wanted: for a part of a stage that stands by itself.
    pub fn retain(&mut self, wanted: impl Fn(&Address) -> bool) {
        self.entries.retain(|entry| wanted(entry.address()));
    }

    /// The plain data of every declaration, in the order of the stacks. Physical names that are natural keys
    /// hold what names alone tell of the resources they refer to, and so does what is known from them.
    pub fn declared(&self, scope: &Scope) -> Vec<Declared> {
        let mut all: Vec<Declared> = self.entries.iter().map(|entry| entry.declared(scope)).collect();
        let known = known_of(&all);
        let look_up = |to: &text::Reference| known.get(&to.address)?.get(&to.attribute).cloned();
        for one in &mut all {
            one.physical = text::resolve(&one.physical, &look_up);
            // What names tell of a natural key may be a part of it.
            one.known.values_mut().for_each(|value| *value = text::resolve(value, &look_up));
        }
        all
    }

    /// Every spec, typed again kind by kind.
    #[must_use]
    pub fn specs(&self, scope: &Scope) -> Specs {
        let specs = self.entries.iter().map(|entry| (entry.address().clone(), entry.spec()));
        Specs::new(specs, known_of(&self.declared(scope)), scope)
    }

    /// Everything, to be looked at.
    pub fn watch(&self, aws: &Reader) -> Vec<Box<dyn Watched>> {
        let declared = self.declared(aws.scope());
        self.entries.iter().zip(declared).map(|(entry, declared)| entry.watch(declared, aws)).collect()
    }

    /// Everything, to be changed.
    pub fn manage(&self, aws: &Writer) -> Vec<Box<dyn Managed>> {
        let declared = self.declared(aws.scope());
        self.entries.iter().zip(declared).map(|(entry, declared)| entry.manage(declared, aws)).collect()
    }
}

/// What names alone tell of each.
fn known_of(declared: &[Declared]) -> BTreeMap<Address, Outputs> {
    declared.iter().map(|one| (one.address.clone(), one.known.clone())).collect()
}

impl<R: Resource> Entry for Spec<R> {
    fn address(&self) -> &Address {
        &self.address
    }

    fn spec(&self) -> Value {
        serde_json::to_value(&self.spec).expect("specs are made of values that JSON can hold")
    }

    fn declared(&self, scope: &Scope) -> Declared {
        let physical = self.spec.physical_of(scope, &self.address);
        let known = R::known(scope, &physical);
        let tags = R::TAGGED.then(|| scope.tags(&self.address));
        let declared = Declared::new(self.address.clone(), physical, fields_of(&self.spec), tags, known);
        let source = Source { file: self.source.file().to_owned(), line: self.source.line() };
        Declared { slow: self.spec.slow(), source: Some(source), ..declared }
    }

    fn watch(&self, declared: Declared, aws: &Reader) -> Box<dyn Watched> {
        Box::new(self.bind(declared, aws.clone()))
    }

    fn manage(&self, declared: Declared, aws: &Writer) -> Box<dyn Managed> {
        Box::new(self.bind(declared, aws.clone()))
    }
}

impl<R: Resource> Spec<R> {
    fn bind<A: Borrow<Reader>>(&self, declared: Declared, aws: A) -> Bound<R, A> {
        aws.borrow().publish(&self.address, declared.known.clone());
        Bound { declared, spec: Some(self.spec.clone()), aws }
    }
}

/// A resource bound to an account: looked at with a [`Reader`], changed with a [`Writer`].
struct Bound<R, A> {
    declared: Declared,
    /// `None` for what is owned but not declared.
    spec: Option<R>,
    aws: A,
}

impl Borrow<Reader> for Writer {
    fn borrow(&self) -> &Reader {
        self.reader()
    }
}

impl<R: Resource, A: Borrow<Reader>> Bound<R, A> {
    fn orphan(address: Address, physical: String, aws: A) -> Self {
        let known = R::known(aws.borrow().scope(), &physical);
        let declared = Declared::new(address, physical, Fields::default(), None, known);
        Self { declared, spec: None, aws }
    }

    fn place(&self, tags: Tags, aws: &Reader) -> Place {
        let physical = text::resolve(&self.declared.physical, &|reference| aws.output(reference));
        Place { address: self.declared.address.clone(), physical, tags }
    }

    async fn look(&self, aws: &Reader) -> Result<Option<(Live<R>, Found)>, Fault> {
        let place = self.place(Tags::new(), aws);
        let Some(mut live) = R::observe(&place, aws).await? else { return Ok(None) };
        if live.unread && self.spec.is_some() {
            live.actual = self.typed(self.filled_in(aws)?)?;
        }
        let found = found_of(&live, &place.physical, aws.scope());
        // What is not declared may still have the address of what is, from before that was given another name.
        if self.spec.is_some() {
            aws.publish(&self.declared.address, found.outputs.clone());
        }
        Ok(Some((live, found)))
    }

    /// The spec with every reference replaced that is known by now.
    fn filled_in(&self, aws: &Reader) -> Result<Value, Fault> {
        let address = &self.declared.address;
        let spec = self.spec.as_ref().ok_or_else(|| Fault::refused(address, "is not declared"))?;
        let value = serde_json::to_value(spec).map_err(|error| self.broken(&error))?;
        Ok(text::resolve_value(value, &|reference| aws.output(reference)))
    }

    fn typed(&self, spec: Value) -> Result<R, Fault> {
        serde_json::from_value(spec).map_err(|error| self.broken(&error))
    }

    fn broken(&self, error: &serde_json::Error) -> Fault {
        Fault::refused(&self.declared.address, format!("its spec does not read back: {error}"))
    }
}

fn fields_of<R: Resource>(spec: &R) -> Fields {
    let mut to = Fields::default();
    spec.list(&mut to);
    to
}

fn found_of<R: Resource>(live: &Live<R>, physical: &str, scope: &Scope) -> Found {
    let ours = |tags: &Tags| {
        tags.iter().filter(|(key, _)| !key.starts_with("aws:")).map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    Found {
        physical: physical.to_owned(),
        fields: fields_of(&live.actual),
        tags: live.tags.as_ref().map(ours),
        outputs: live.outputs.clone(),
        token: live.token.clone(),
        holds: live.holds.clone(),
        protected: live.protected.clone(),
        findings: live.findings.clone(),
        irreversible: R::IRREVERSIBLE.map(str::to_owned),
        inherent: live.inherent,
        foreign: live.tags.as_ref().and_then(|tags| scope.foreign_owner(tags)),
    }
}

impl<R: Resource, A: Borrow<Reader> + Send + Sync> Watched for Bound<R, A> {
    fn declared(&self) -> &Declared {
        &self.declared
    }

    fn resolved(&self) -> Declared {
        let spec = self.filled_in(self.aws.borrow()).and_then(|spec| self.typed(spec));
        match spec {
            Ok(spec) => Declared { fields: fields_of(&spec), ..self.declared.clone() },
            // A spec that does not read back is refused when it is applied; until then its own layout is shown.
            Err(_) => self.declared.clone(),
        }
    }

    fn observe(&self) -> BoxFuture<'_, Result<Option<Found>, Fault>> {
        Box::pin(async {
            let aws: &Reader = self.aws.borrow();
            // It is looked at because it will be deleted: what it holds is asked for, not guessed from a list.
            let fresh = self.spec.is_none().then(|| aws.fresh());
            Ok(self.look(fresh.as_ref().unwrap_or(aws)).await?.map(|(_, found)| found))
        })
    }
}

impl<R: Resource> Bound<R, Writer> {
    /// The spec without references, and the tags that say so.
    fn ready(&self, aws: &Reader) -> Result<(R, Tags), Fault> {
        let value = self.filled_in(aws)?;
        let mut missing = BTreeSet::new();
        text::references_in(&value, &mut missing);
        if let Some(other) = missing.first() {
            let message = format!("refers to {}, which is not there", other.address);
            return Err(Fault::refused(&self.declared.address, message)
                .hint("apply that resource first, or take it out of --exclude"));
        }
        let spec = self.typed(value)?;
        let mut tags = self.declared.tags.clone().unwrap_or_default();
        let with_tags = Declared { fields: fields_of(&spec), ..self.declared.clone() };
        tags.insert(receipt::TAG.to_owned(), Receipt::of(&with_tags.layout()).write());
        Ok((spec, tags))
    }

    fn refuse_foreign(&self, found: Option<&Found>) -> Result<(), Fault> {
        match found.and_then(|found| found.foreign.as_ref()) {
            None => Ok(()),
            Some(owner) => Err(Fault::Refused(
                Cause::new(format!("belongs to {owner}"))
                    .at(&self.declared.address)
                    .hint("give this resource another name in the environment, or release that one there"),
            )),
        }
    }
}

impl<R: Resource> Managed for Bound<R, Writer> {
    fn converge(&self, may_find: MayFind) -> BoxFuture<'_, Result<Outputs, Fault>> {
        Box::pin(async move {
            let aws = self.aws.fresh();
            let seen = self.look(&aws).await?;
            let found = seen.as_ref().map(|(_, found)| found);
            may_find.check(&self.declared.address, found)?;
            self.refuse_foreign(found)?;
            let (spec, tags) = self.ready(&aws)?;
            let outputs = spec.converge(&self.place(tags, &aws), seen.map(|(live, _)| live), &aws).await?;
            aws.publish(&self.declared.address, outputs.clone());
            Ok(outputs)
        })
    }

    fn delete(&self, may_find: MayFind, data: Data) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            let aws = self.aws.fresh();
            let seen = self.look(&aws).await?;
            let found = seen.as_ref().map(|(_, found)| found);
            if found.is_none() {
                return Ok(());
            }
            may_find.check(&self.declared.address, found)?;
            self.refuse_foreign(found)?;
            // What a plan saw as empty may have been filled since: counts in lists lag by hours.
            if let (Some(Holds::Data(what)), Data::Keep) = (found.map(|found| &found.holds), data) {
                let message = format!("holds data by now ({what}), and nobody allowed to destroy that");
                return Err(Fault::refused(&self.declared.address, message)
                    .hint("name it with --destroy-data ADDRESS, or leave it out with --exclude ADDRESS"));
            }
            match seen {
                Some((live, _)) => R::delete(&self.place(Tags::new(), &aws), live, &aws).await,
                None => Ok(()),
            }
        })
    }
}
