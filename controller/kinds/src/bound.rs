//! The one place where a resource's type is forgotten: only plain data leaves.

use std::{borrow::Borrow, marker::PhantomData};

use model::{
    Address, BoxFuture, Declared, Fault, Fields, Found, Managed, MayFind, Outputs, Ref, Tags, Watched,
    fault::Cause,
    receipt::{self, Receipt},
    text,
};

use crate::{Live, Place, Reader, Resource, Scope, Writer};

/// A kind as the list of all kinds holds it.
#[derive(Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    pub tagged: bool,
    owned: for<'a> fn(&'a Reader) -> BoxFuture<'a, Result<Vec<(Address, String)>, Fault>>,
    watch: fn(Address, String, &Reader) -> Box<dyn Watched>,
    manage: fn(Address, String, &Writer) -> Box<dyn Managed>,
}

impl Kind {
    pub const fn of<R: Resource>() -> Self {
        Self {
            name: R::KIND,
            tagged: R::TAGGED,
            owned: |aws| Box::pin(R::owned(aws)),
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
    fn watch(&self, aws: &Reader) -> Box<dyn Watched>;
    fn manage(&self, aws: &Writer) -> Box<dyn Managed>;
}

struct Spec<R> {
    address: Address,
    spec: R,
}

impl World {
    /// Declares one resource.
    ///
    /// # Errors
    /// When the address is malformed or taken.
    pub fn add<R: Resource>(&mut self, stack: &str, name: &str, spec: R) -> Result<Handle<R>, DeclareError> {
        let address = Address::new(stack, R::KIND, name)?;
        if self.entries.iter().any(|entry| *entry.address() == address) {
            return Err(DeclareError::Twice(address));
        }
        self.entries.push(Box::new(Spec { address: address.clone(), spec }));
        Ok(Handle { address, kind: PhantomData })
    }

    /// The plain data of every declaration, in the order of the stacks.
    pub fn declared(&self, scope: &Scope) -> Vec<Declared> {
        self.entries.iter().map(|entry| entry.declared(scope)).collect()
    }

    /// Everything, to be looked at.
    pub fn watch(&self, aws: &Reader) -> Vec<Box<dyn Watched>> {
        self.entries.iter().map(|entry| entry.watch(aws)).collect()
    }

    /// Everything, to be changed.
    pub fn manage(&self, aws: &Writer) -> Vec<Box<dyn Managed>> {
        self.entries.iter().map(|entry| entry.manage(aws)).collect()
    }
}

impl<R: Resource> Entry for Spec<R> {
    fn address(&self) -> &Address {
        &self.address
    }

    fn declared(&self, scope: &Scope) -> Declared {
        let physical = R::physical(scope, &self.address);
        Declared {
            address: self.address.clone(),
            fields: fields_of(&self.spec),
            tags: R::TAGGED.then(|| scope.tags(&self.address)),
            known: R::known(scope, &physical),
            slow: self.spec.slow(),
            physical,
        }
    }

    fn watch(&self, aws: &Reader) -> Box<dyn Watched> {
        Box::new(self.bind(aws.clone()))
    }

    fn manage(&self, aws: &Writer) -> Box<dyn Managed> {
        Box::new(self.bind(aws.clone()))
    }
}

impl<R: Resource> Spec<R> {
    fn bind<A: Borrow<Reader>>(&self, aws: A) -> Bound<R, A> {
        let declared = self.declared(aws.borrow().scope());
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
        let declared =
            Declared { address, physical, fields: Fields::default(), tags: None, known, slow: None };
        Self { declared, spec: None, aws }
    }

    fn place(&self, tags: Tags) -> Place {
        Place { address: self.declared.address.clone(), physical: self.declared.physical.clone(), tags }
    }

    async fn look(&self, aws: &Reader) -> Result<Option<(Live<R>, Found)>, Fault> {
        let Some(live) = R::observe(&self.place(Tags::new()), aws).await? else { return Ok(None) };
        let found = found_of(&live, &self.declared.physical, aws.scope());
        aws.publish(&self.declared.address, found.outputs.clone());
        Ok(Some((live, found)))
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
        foreign: live.tags.as_ref().and_then(|tags| scope.foreign_owner(tags)),
    }
}

impl<R: Resource, A: Borrow<Reader> + Send + Sync> Watched for Bound<R, A> {
    fn declared(&self) -> &Declared {
        &self.declared
    }

    fn observe(&self) -> BoxFuture<'_, Result<Option<Found>, Fault>> {
        Box::pin(async { Ok(self.look(self.aws.borrow()).await?.map(|(_, found)| found)) })
    }
}

impl<R: Resource> Bound<R, Writer> {
    /// The spec without references, and the tags that say so.
    fn resolved(&self, aws: &Reader) -> Result<(R, Tags), Fault> {
        let address = &self.declared.address;
        let spec = self.spec.as_ref().ok_or_else(|| Fault::refused(address, "is not declared"))?;
        let broken = |error: serde_json::Error| {
            Fault::refused(address, format!("its spec does not read back: {error}"))
        };
        let value = serde_json::to_value(spec).map_err(broken)?;
        let value = text::resolve_value(value, &|reference| aws.output(reference));
        let mut missing = std::collections::BTreeSet::new();
        text::addresses_in(&value, &mut missing);
        if let Some(other) = missing.first() {
            return Err(Fault::refused(address, format!("refers to {other}, which is not there"))
                .hint("apply that resource first, or take it out of --exclude"));
        }
        let spec: R = serde_json::from_value(value).map_err(broken)?;
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
            let (spec, tags) = self.resolved(&aws)?;
            let outputs = spec.converge(&self.place(tags), seen.map(|(live, _)| live), &aws).await?;
            aws.publish(&self.declared.address, outputs.clone());
            Ok(outputs)
        })
    }

    fn delete(&self, may_find: MayFind) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            let aws = self.aws.fresh();
            let seen = self.look(&aws).await?;
            let found = seen.as_ref().map(|(_, found)| found);
            if found.is_none() {
                return Ok(());
            }
            may_find.check(&self.declared.address, found)?;
            self.refuse_foreign(found)?;
            match seen {
                Some((live, _)) => R::delete(&self.place(Tags::new()), live, &aws).await,
                None => Ok(()),
            }
        })
    }
}
