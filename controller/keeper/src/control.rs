//! What runs of a stage share, as objects in its control bucket: the lock, and the journal.

use std::borrow::Borrow;

use contract::operations::LOCK as KEY;
use engine::{LockStore, Segments, SegmentsMut, lock::Place};
use futures::future::BoxFuture;
use kinds::{Objects, Reader, Resource, Writer, kinds::bucket::Bucket};
use model::{Address, Fault};

/// Keeps the lock where everyone who applies to the stage finds it.
pub struct ControlLock(Objects<Writer>);

impl ControlLock {
    #[must_use]
    pub fn new(aws: Writer, bucket: &Address) -> Self {
        let name = Bucket::physical(aws.scope(), bucket);
        Self(Objects::new(aws, bucket, &name))
    }
}

impl LockStore for ControlLock {
    fn create_once<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Place, Fault>> {
        Box::pin(create_once(&self.0, KEY, bytes))
    }

    fn read(&self) -> BoxFuture<'_, Result<Option<(Vec<u8>, String)>, Fault>> {
        Box::pin(self.0.read(KEY))
    }

    fn replace<'a>(&'a self, bytes: &'a [u8], version: &'a str) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(self.0.replace(KEY, bytes, version))
    }

    fn remove(&self) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(async move { self.0.remove(KEY).await })
    }
}

/// The journal's segments: to be read with a [`Reader`], to be written too with a [`Writer`].
pub struct ControlJournal<A>(pub Objects<A>);

impl<A: Borrow<Reader> + Send + Sync> Segments for ControlJournal<A> {
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Option<Vec<String>>, Fault>> {
        Box::pin(self.0.list_in(prefix))
    }

    fn read<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<(Vec<u8>, String)>, Fault>> {
        Box::pin(self.0.read(key))
    }
}

impl SegmentsMut for ControlJournal<Writer> {
    fn create_once<'a>(&'a self, key: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, Result<Place, Fault>> {
        Box::pin(create_once(&self.0, key, bytes))
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        version: &'a str,
    ) -> BoxFuture<'a, Result<bool, Fault>> {
        Box::pin(self.0.replace(key, bytes, version))
    }
}

async fn create_once(objects: &Objects<Writer>, key: &str, bytes: &[u8]) -> Result<Place, Fault> {
    match objects.create_once(key, bytes).await {
        Ok(true) => Ok(Place::Written),
        Ok(false) => Ok(Place::Taken),
        Err(fault) if code(&fault) == Some("NoSuchBucket") => Ok(Place::Missing),
        Err(fault) => Err(fault),
    }
}

fn code(fault: &Fault) -> Option<&str> {
    fault.cause()?.code.as_deref()
}
