//! The lock of a stage, an object in its control bucket.

use engine::{LockStore, lock::Place};
use kinds::{Resource, Writer, kinds::bucket::Bucket, objects::Objects};
use model::{Address, BoxFuture, Fault};

const KEY: &str = "lock.json";

/// Keeps the lock where everyone who applies to the stage finds it.
pub(crate) struct ControlLock(Objects<Writer>);

impl ControlLock {
    pub(crate) fn new(aws: Writer, bucket: &Address) -> Self {
        let name = Bucket::physical(aws.scope(), bucket);
        Self(Objects::new(aws, bucket, &name))
    }
}

impl LockStore for ControlLock {
    fn create_once<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Place, Fault>> {
        Box::pin(async move {
            match self.0.create_once(KEY, bytes).await {
                Ok(true) => Ok(Place::Written),
                Ok(false) => Ok(Place::Taken),
                Err(fault) if code(&fault) == Some("NoSuchBucket") => Ok(Place::Missing),
                Err(fault) => Err(fault),
            }
        })
    }

    fn read(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>, Fault>> {
        Box::pin(async move { Ok(self.0.read(KEY).await?.map(|(bytes, _)| bytes)) })
    }

    fn remove(&self) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(async move { self.0.remove(KEY).await })
    }
}

fn code(fault: &Fault) -> Option<&str> {
    fault.cause()?.code.as_deref()
}
