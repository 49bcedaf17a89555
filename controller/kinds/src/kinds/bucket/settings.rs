//! The small settings of a bucket, in our words and in the SDK's.

use std::collections::BTreeSet;

use aws_sdk_s3::types as sdk;
use aws_smithy_types::error::operation::BuildError;
use model::Ref;
use serde::{Deserialize, Serialize};

use super::{Bucket, Encryption};
use crate::Scope;

/// Whose the objects are that others write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ownership {
    /// The bucket's owner's; ACLs are off. What AWS advises.
    BucketOwnerEnforced,
    /// The bucket's owner's where the writer grants it.
    BucketOwnerPreferred,
    /// The writer's: how buckets were before there was a choice.
    ObjectWriter,
}

/// Four locks against making things public. Those of the account and the organisation count as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAccess {
    /// Refuses ACLs that let anybody in.
    pub block_acls: bool,
    /// Ignores such ACLs where they are.
    pub ignore_acls: bool,
    /// Refuses policies that let anybody in.
    pub block_policy: bool,
    /// Keeps everybody but this account and AWS's services out of a bucket with such a policy.
    pub restrict: bool,
}

impl PublicAccess {
    /// All four locks closed.
    #[must_use]
    pub fn blocked() -> Self {
        Self { block_acls: true, ignore_acls: true, block_policy: true, restrict: true }
    }

    /// All four locks open; also how a bucket without this setting behaves.
    #[must_use]
    pub fn open() -> Self {
        Self { block_acls: false, ignore_acls: false, block_policy: false, restrict: false }
    }

    pub(super) fn read(live: Option<&sdk::PublicAccessBlockConfiguration>) -> Self {
        let Some(live) = live else { return Self::open() };
        Self {
            block_acls: live.block_public_acls.unwrap_or(false),
            ignore_acls: live.ignore_public_acls.unwrap_or(false),
            block_policy: live.block_public_policy.unwrap_or(false),
            restrict: live.restrict_public_buckets.unwrap_or(false),
        }
    }

    pub(super) fn write(self) -> sdk::PublicAccessBlockConfiguration {
        sdk::PublicAccessBlockConfiguration::builder()
            .block_public_acls(self.block_acls)
            .ignore_public_acls(self.ignore_acls)
            .block_public_policy(self.block_policy)
            .restrict_public_buckets(self.restrict)
            .build()
    }
}

impl Ownership {
    /// A bucket without this setting is as old as the setting, and behaves as all did then.
    pub(super) fn read(live: Option<&sdk::OwnershipControls>) -> Self {
        match live.and_then(|live| live.rules().first()).map(|rule| rule.object_ownership.as_str()) {
            Some("BucketOwnerEnforced") => Self::BucketOwnerEnforced,
            Some("BucketOwnerPreferred") => Self::BucketOwnerPreferred,
            _ => Self::ObjectWriter,
        }
    }

    pub(super) fn word(self) -> sdk::ObjectOwnership {
        match self {
            Self::BucketOwnerEnforced => sdk::ObjectOwnership::BucketOwnerEnforced,
            Self::BucketOwnerPreferred => sdk::ObjectOwnership::BucketOwnerPreferred,
            Self::ObjectWriter => sdk::ObjectOwnership::ObjectWriter,
        }
    }

    pub(super) fn write(self) -> Result<sdk::OwnershipControls, BuildError> {
        let rule = sdk::OwnershipControlsRule::builder().object_ownership(self.word()).build()?;
        sdk::OwnershipControls::builder().rules(rule).build()
    }
}

/// Whether old versions are kept. After it was first enabled, AWS asks to wait 15 minutes before writing
/// objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Versioning {
    /// Never enabled. No bucket gets back here.
    Off,
    Enabled,
    /// New versions overwrite each other; those from before are kept.
    Suspended,
}

impl Versioning {
    pub(super) fn read(live: Option<&sdk::BucketVersioningStatus>) -> Self {
        match live {
            Some(sdk::BucketVersioningStatus::Enabled) => Self::Enabled,
            Some(sdk::BucketVersioningStatus::Suspended) => Self::Suspended,
            _ => Self::Off,
        }
    }
}

impl Encryption {
    /// Encryption and whether callers may bring keys. No setting at all means keys of S3 since January 2023.
    pub(super) fn read(live: Option<&sdk::ServerSideEncryptionConfiguration>, scope: &Scope) -> (Self, bool) {
        let Some(rule) = live.and_then(|live| live.rules().first()) else { return (Self::S3, true) };
        let blocked = rule.blocked_encryption_types.as_ref().map(|types| types.encryption_type());
        let caller_keys = !blocked.is_some_and(|types| types.contains(&sdk::EncryptionType::SseC));
        let Some(how) = &rule.apply_server_side_encryption_by_default else {
            return (Self::S3, caller_keys);
        };
        let key = || Ref::live(key_arn(how.kms_master_key_id().unwrap_or("alias/aws/s3"), scope));
        let bucket_key = rule.bucket_key_enabled.unwrap_or(false);
        let encryption = match how.sse_algorithm {
            sdk::ServerSideEncryption::AwsKms => Self::Key { key: key(), bucket_key },
            sdk::ServerSideEncryption::AwsKmsDsse => Self::KeyTwice { key: key() },
            _ => Self::S3,
        };
        (encryption, caller_keys)
    }

    /// One document holds both settings, so both are always written.
    pub(super) fn write(
        &self,
        caller_keys: bool,
    ) -> Result<sdk::ServerSideEncryptionConfiguration, BuildError> {
        let how = sdk::ServerSideEncryptionByDefault::builder();
        let (how, bucket_key) = match self {
            Self::S3 => (how.sse_algorithm(sdk::ServerSideEncryption::Aes256), false),
            Self::Key { key, bucket_key } => {
                let how = how.sse_algorithm(sdk::ServerSideEncryption::AwsKms);
                (how.kms_master_key_id(key.text().as_str()), *bucket_key)
            }
            Self::KeyTwice { key } => {
                let how = how.sse_algorithm(sdk::ServerSideEncryption::AwsKmsDsse);
                (how.kms_master_key_id(key.text().as_str()), false)
            }
        };
        let blocked = if caller_keys { sdk::EncryptionType::None } else { sdk::EncryptionType::SseC };
        let blocked = sdk::BlockedEncryptionTypes::builder().encryption_type(blocked).build();
        let rule = sdk::ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(how.build()?)
            .bucket_key_enabled(bucket_key)
            .blocked_encryption_types(blocked);
        sdk::ServerSideEncryptionConfiguration::builder().rules(rule.build()).build()
    }
}

/// S3 keeps the id or ARN that it was given; a bare id becomes the ARN that references resolve to.
fn key_arn(kept: &str, scope: &Scope) -> String {
    if kept.starts_with("arn:") || kept.starts_with("alias/") {
        return kept.to_owned();
    }
    scope.arn("kms", &format!("key/{kept}"))
}

/// What browsers on other origins may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorsRule {
    pub id: Option<String>,
    /// `https://app.example.com`, with at most one `*`.
    pub origins: BTreeSet<String>,
    /// GET, PUT, POST, DELETE, HEAD.
    pub methods: BTreeSet<String>,
    /// Request headers that are let through.
    pub headers: BTreeSet<String>,
    /// Answer headers that scripts may read.
    pub exposed: BTreeSet<String>,
    /// How long browsers may remember the answer, in seconds.
    pub max_age_s: Option<i32>,
}

impl CorsRule {
    pub(super) fn read(live: &sdk::CorsRule) -> Self {
        let set = |list: &[String]| list.iter().cloned().collect();
        Self {
            id: live.id.clone(),
            origins: set(live.allowed_origins()),
            methods: set(live.allowed_methods()),
            headers: set(live.allowed_headers()),
            exposed: set(live.expose_headers()),
            max_age_s: live.max_age_seconds,
        }
    }

    pub(super) fn write(&self) -> Result<sdk::CorsRule, BuildError> {
        let list = |set: &BTreeSet<String>| Some(set.iter().cloned().collect());
        sdk::CorsRule::builder()
            .set_id(self.id.clone())
            .set_allowed_origins(list(&self.origins))
            .set_allowed_methods(list(&self.methods))
            .set_allowed_headers(list(&self.headers))
            .set_expose_headers(list(&self.exposed))
            .set_max_age_seconds(self.max_age_s)
            .build()
    }
}

/// Where a log of all requests is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessLog {
    /// By `name`. Its policy must let `logging.s3.amazonaws.com` put objects.
    pub bucket: Ref<Bucket>,
    pub prefix: String,
    pub keys: LogKeys,
}

/// How log objects are named behind the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogKeys {
    Plain,
    /// `account/region/bucket/year/month/day/`, by the day of the request.
    ByEventDay,
    /// The same, by the day on which the log was delivered.
    ByDeliveryDay,
}

impl AccessLog {
    pub(super) fn read(live: &sdk::LoggingEnabled) -> Self {
        let partitioned = live.target_object_key_format().and_then(|format| format.partitioned_prefix());
        let keys = match partitioned.and_then(|prefix| prefix.partition_date_source()) {
            Some(sdk::PartitionDateSource::EventTime) => LogKeys::ByEventDay,
            Some(_) => LogKeys::ByDeliveryDay,
            None => LogKeys::Plain,
        };
        Self { bucket: Ref::live(live.target_bucket()), prefix: live.target_prefix().to_owned(), keys }
    }

    pub(super) fn write(&self) -> Result<sdk::LoggingEnabled, BuildError> {
        let partitioned = |source| {
            let prefix = sdk::PartitionedPrefix::builder().partition_date_source(source).build();
            sdk::TargetObjectKeyFormat::builder().partitioned_prefix(prefix).build()
        };
        let format = match self.keys {
            LogKeys::Plain => None,
            LogKeys::ByEventDay => Some(partitioned(sdk::PartitionDateSource::EventTime)),
            LogKeys::ByDeliveryDay => Some(partitioned(sdk::PartitionDateSource::DeliveryTime)),
        };
        sdk::LoggingEnabled::builder()
            .target_bucket(self.bucket.text().as_str())
            .target_prefix(&self.prefix)
            .set_target_object_key_format(format)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope {
            project: "p".into(),
            stage: "s".into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            names: Default::default(),
            tags: Default::default(),
        }
    }

    #[test]
    fn what_was_never_set_reads_as_aws_behaves() {
        assert_eq!(PublicAccess::read(None), PublicAccess::open());
        assert_eq!(Ownership::read(None), Ownership::ObjectWriter);
        assert_eq!(Versioning::read(None), Versioning::Off);
        assert_eq!(Encryption::read(None, &scope()), (Encryption::S3, true));
    }

    #[test]
    fn every_encryption_is_read_back() {
        let key = || Ref::live("arn:aws:kms:eu-west-1:123456789012:key/k");
        for encryption in [
            Encryption::S3,
            Encryption::Key { key: key(), bucket_key: true },
            Encryption::Key { key: key(), bucket_key: false },
            Encryption::KeyTwice { key: key() },
        ] {
            for caller_keys in [false, true] {
                let document = encryption.write(caller_keys).unwrap();
                assert_eq!(Encryption::read(Some(&document), &scope()), (encryption.clone(), caller_keys));
            }
        }
    }

    #[test]
    fn a_bare_key_id_is_an_arn() {
        assert_eq!(key_arn("k", &scope()), "arn:aws:kms:eu-west-1:123456789012:key/k");
        assert_eq!(key_arn("alias/aws/s3", &scope()), "alias/aws/s3");
        assert_eq!(key_arn("arn:x", &scope()), "arn:x");
    }
}
