//! A world bound to an account: what the engine is given.

use futures::future::try_join_all;
use model::{Address, BoxFuture, Declared, Estate, Fault, Managed, ManagedEstate, Watched};

use crate::{KINDS, Kind, Reader, World, Writer};

/// To be looked at: all that `plan`, `drift` and `graph` are given.
pub struct Watching {
    items: Vec<Box<dyn Watched>>,
    aws: Reader,
}

/// To be changed.
pub struct Managing {
    items: Vec<Box<dyn Managed>>,
    aws: Writer,
}

impl Watching {
    pub fn new(world: &World, aws: Reader) -> Self {
        Self { items: world.watch(&aws), aws }
    }
}

impl Managing {
    pub fn new(world: &World, aws: Writer) -> Self {
        Self { items: world.manage(&aws), aws }
    }
}

fn kind_of(address: &Address) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == address.kind())
}

async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
    let all = try_join_all(KINDS.iter().map(|kind| kind.owned(aws))).await?;
    Ok(all.into_iter().flatten().collect())
}

/// What others attached to what the stage owns: whatever a kind reports that is not declared.
async fn attached(aws: &Reader, declared: Vec<&dyn Watched>) -> Result<Vec<String>, Fault> {
    let all = try_join_all(KINDS.iter().map(async |kind| {
        let known = |physical: &String| {
            declared
                .iter()
                .map(|one| one.declared())
                .any(|one| one.address.kind() == kind.name && one.physical == *physical)
        };
        let found = kind.unmanaged(aws).await?.into_iter().filter(|physical| !known(physical));
        Ok::<_, Fault>(found.map(|physical| format!("{} {physical}", kind.name)).collect::<Vec<_>>())
    }));
    Ok(all.await?.into_iter().flatten().collect())
}

impl Estate for Watching {
    fn watched(&self) -> Vec<&dyn Watched> {
        self.items.iter().map(AsRef::as_ref).collect()
    }

    fn owned(&self) -> BoxFuture<'_, Result<Vec<(Address, String)>, Fault>> {
        Box::pin(owned(&self.aws))
    }

    fn watch_orphan(&self, address: &Address, physical: &str) -> Option<Box<dyn Watched>> {
        Some(kind_of(address)?.watch_orphan(address.clone(), physical.to_owned(), &self.aws))
    }

    fn attached(&self) -> BoxFuture<'_, Result<Vec<String>, Fault>> {
        Box::pin(attached(&self.aws, self.watched()))
    }
}

impl Estate for Managing {
    fn watched(&self) -> Vec<&dyn Watched> {
        self.items.iter().map(|item| -> &dyn Watched { item.as_ref() }).collect()
    }

    fn owned(&self) -> BoxFuture<'_, Result<Vec<(Address, String)>, Fault>> {
        Box::pin(owned(self.aws.reader()))
    }

    fn watch_orphan(&self, address: &Address, physical: &str) -> Option<Box<dyn Watched>> {
        Some(kind_of(address)?.watch_orphan(address.clone(), physical.to_owned(), self.aws.reader()))
    }

    fn attached(&self) -> BoxFuture<'_, Result<Vec<String>, Fault>> {
        Box::pin(attached(self.aws.reader(), self.watched()))
    }
}

impl Managing {
    /// Looks at what a resource refers to and this run has not met: when it needs no step of its own, nothing else
    /// tells the id that AWS gave it.
    async fn meet(&self, declared: &Declared) -> Result<(), Fault> {
        let left = declared.fields.clone().resolve(&|reference| self.aws.output(reference)).references();
        let unknown = |one: &&dyn Managed| {
            let address = &one.declared().address;
            *address != declared.address && left.contains(address)
        };
        try_join_all(self.items.iter().map(AsRef::as_ref).filter(unknown).map(|one| one.observe()))
            .await
            .map(|_| ())
    }
}

/// Lends a declared resource as if it were owned, so that orphans and declared ones are one type.
struct Lent<'a> {
    one: &'a dyn Managed,
    estate: &'a Managing,
}

impl Watched for Lent<'_> {
    fn declared(&self) -> &Declared {
        self.one.declared()
    }

    fn resolved(&self) -> Declared {
        self.one.resolved()
    }

    fn observe(&self) -> BoxFuture<'_, Result<Option<model::Found>, Fault>> {
        self.one.observe()
    }
}

impl Managed for Lent<'_> {
    fn converge(&self, may_find: model::MayFind) -> BoxFuture<'_, Result<model::Outputs, Fault>> {
        Box::pin(async {
            self.estate.meet(self.one.declared()).await?;
            self.one.converge(may_find).await
        })
    }

    fn delete(&self, may_find: model::MayFind, data: model::Data) -> BoxFuture<'_, Result<(), Fault>> {
        self.one.delete(may_find, data)
    }
}

impl ManagedEstate for Managing {
    fn managed(&self, address: &Address, physical: &str) -> Option<Box<dyn Managed + '_>> {
        let same =
            |one: &&dyn Managed| one.declared().address == *address && one.declared().physical == physical;
        if let Some(declared) = self.items.iter().map(AsRef::as_ref).find(same) {
            return Some(Box::new(Lent { one: declared, estate: self }));
        }
        Some(kind_of(address)?.manage_orphan(address.clone(), physical.to_owned(), &self.aws))
    }
}
