//! An S3 bucket.
//!
//! Surprises (aws-semantics section 7): the name is unique in the world, so it ends in the account's number;
//! what was never set answers with an error instead of an empty document; two puts on one bucket at the same
//! time conflict, so they go one by one; versioning, once on, can only be suspended; a name that was just
//! deleted answers `OperationAborted` for minutes to hours (a conflict that the engine waits out); S3 keeps
//! any key id that it is given, so only keys of this account's own kind can be named.

use std::collections::BTreeMap;

use model::{Address, Fault, Fields, Outputs, Ref, Tags, policy::Policy};
use serde::{Deserialize, Serialize};

use super::key::Key;
use crate::{Live, Place, Reader, Resource, Scope, Writer, aws::Absent};

mod birth;
mod empty;
mod lifecycle;
pub(crate) mod look;
mod notify;
mod settings;
mod write;

pub use lifecycle::{Due, LifecycleRule, StorageClass, Transition};
pub use notify::{Notification, Target};
pub use settings::{AccessLog, CorsRule, LogKeys, Ownership, PublicAccess, Versioning};

/// Objects, and who may do what with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Whose the objects are that others write, and whether ACLs count.
    pub ownership: Ownership,
    pub public_access: PublicAccess,
    /// Must name the bucket itself as resource: `Text::of(&address, "arn")`.
    pub policy: Option<Policy>,
    pub encryption: Encryption,
    /// Whether uploads may bring a key of their own (SSE-C). AWS switches it off for new buckets since April
    /// 2026.
    pub caller_keys: bool,
    pub versioning: Versioning,
    /// What happens to objects with age, by rule id.
    pub lifecycle: BTreeMap<String, LifecycleRule>,
    /// What browsers on other origins may do. The first rule that fits counts, so the order does too.
    pub cors: Vec<CorsRule>,
    /// Where a log of all requests is written.
    pub access_log: Option<AccessLog>,
    /// Whether all events go to EventBridge.
    pub event_bridge: bool,
    /// Who else hears of events, by id.
    pub notifications: BTreeMap<String, Notification>,
}

/// How objects are encrypted unless an upload says otherwise. S3 encrypts always.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// By keys of S3 itself: no cost, no key policy.
    S3,
    Key {
        key: Ref<Key>,
        /// One key for many objects: far fewer calls to KMS, and the bucket's ARN as encryption context.
        bucket_key: bool,
    },
    /// Encrypted twice (DSSE).
    KeyTwice { key: Ref<Key> },
}

impl Bucket {
    /// What AWS makes today: nobody but the owner, no ACLs, keys of S3, no versions.
    #[must_use]
    pub fn private() -> Self {
        Self {
            ownership: Ownership::BucketOwnerEnforced,
            public_access: PublicAccess::blocked(),
            policy: None,
            encryption: Encryption::S3,
            caller_keys: false,
            versioning: Versioning::Off,
            lifecycle: BTreeMap::new(),
            cors: Vec::new(),
            access_log: None,
            event_bridge: false,
            notifications: BTreeMap::new(),
        }
    }
}

impl Resource for Bucket {
    const KIND: &'static str = "bucket";
    const IRREVERSIBLE: Option<&'static str> = Some("the objects are gone, and anyone may take the name");

    /// All accounts share the names, so the account's number is a part of it.
    fn physical(scope: &Scope, address: &Address) -> String {
        if scope.names.contains_key(address) {
            return scope.name(address);
        }
        format!("{}-{}", scope.name(address), scope.account)
    }

    /// `domain` is the regional name: the global one redirects for hours after a birth outside us-east-1.
    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), format!("arn:aws:s3:::{physical}")),
            ("name".to_owned(), physical.to_owned()),
            ("domain".to_owned(), format!("{physical}.s3.{}.amazonaws.com", scope.region)),
        ])
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        arn.strip_prefix("arn:aws:s3:::").map(str::to_owned)
    }

    fn list(&self, to: &mut Fields) {
        let Self {
            ownership,
            public_access,
            policy,
            encryption,
            caller_keys,
            versioning,
            lifecycle,
            cors,
            access_log,
            event_bridge,
            notifications,
        } = self;
        to.field("ownership", ownership);
        to.field("public_access", public_access);
        to.field("policy", policy);
        to.field("encryption", encryption);
        to.field("caller_keys", caller_keys);
        // There is no way back to a bucket that never had versions.
        match versioning {
            Versioning::Off => to.blocked("versioning", versioning),
            Versioning::Enabled | Versioning::Suspended => to.field("versioning", versioning),
        }
        to.each("lifecycle", lifecycle);
        to.field("cors", cors);
        to.field("access_log", access_log);
        to.field("event_bridge", event_bridge);
        to.each("notification", notifications);
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        look::bucket(at, aws).await
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let live = match live {
            Some(live) => live,
            None => birth::create(self, at, aws).await?,
        };
        write::settings(self, &live.actual, at, aws).await?;
        write::tags(&at.tags, live.tags.as_ref().unwrap_or(&Tags::new()), at, aws).await?;
        Ok(live.outputs)
    }

    async fn delete(at: &Place, _: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        empty::abort_uploads(at, aws).await?;
        empty::delete_versions(at, aws).await?;
        let deleted =
            aws.write(at, "s3", "DeleteBucket", || aws.s3().delete_bucket().bucket(at.name()).send()).await;
        if deleted.as_ref().is_err_and(|error| error.is("BucketNotEmpty")) {
            return Err(Fault::refused(&at.address, "something wrote to it while it was being emptied")
                .hint("stop what writes to the bucket, then run it again"));
        }
        deleted.absent_on(&[look::NO_BUCKET])?;
        Ok(())
    }
}
