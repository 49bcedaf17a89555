//! Reading a bucket: everything at once, in one round of calls.

use aws_sdk_s3::types as sdk;
use model::{Fault, Holds, Tags, policy::Policy};

use super::{
    AccessLog, Bucket, CorsRule, Encryption, LifecycleRule, Ownership, PublicAccess, Versioning, notify,
};
use crate::{
    Live, Place, Reader, Resource,
    aws::{Absent, reads},
};

reads!(aws_sdk_s3:
    get_bucket_cors GetBucketCorsFluentBuilder,
    get_bucket_encryption GetBucketEncryptionFluentBuilder,
    get_bucket_lifecycle_configuration GetBucketLifecycleConfigurationFluentBuilder,
    get_bucket_logging GetBucketLoggingFluentBuilder,
    get_bucket_notification_configuration GetBucketNotificationConfigurationFluentBuilder,
    get_bucket_ownership_controls GetBucketOwnershipControlsFluentBuilder,
    get_bucket_policy GetBucketPolicyFluentBuilder,
    get_bucket_tagging GetBucketTaggingFluentBuilder,
    get_bucket_versioning GetBucketVersioningFluentBuilder,
    get_object GetObjectFluentBuilder,
    get_public_access_block GetPublicAccessBlockFluentBuilder,
    head_bucket HeadBucketFluentBuilder,
    list_object_versions ListObjectVersionsFluentBuilder,
    list_objects_v2 ListObjectsV2FluentBuilder,
);

pub(super) const NO_BUCKET: &str = "NoSuchBucket";

/// What the doorway calls an answer without an error code.
const UNNAMED: &str = "Unknown";

/// The bucket as it is. S3 answers with an error for each setting that was never made; each becomes "absent"
/// here. "Access denied" never does.
pub(super) async fn bucket(at: &Place, aws: &Reader) -> Result<Option<Live<Bucket>>, Fault> {
    let (exists, read) = futures::join!(exists(at, aws), everything(at, aws));
    // Whether it is there, and ours, decides; the other calls only ran along to save a round. Where a HEAD
    // fails for another reason (expired credentials), its answer has no code, and the others say more.
    match exists {
        Ok(false) => return Ok(None),
        Err(fault) if code_of(&fault) != Some(UNNAMED) => return Err(fault),
        Ok(true) | Err(_) => {}
    }
    match read {
        Err(fault) if code_of(&fault) == Some(NO_BUCKET) => Ok(None),
        read => read.map(Some),
    }
}

fn code_of(fault: &Fault) -> Option<&str> {
    fault.cause().and_then(|cause| cause.code.as_deref())
}

/// HEAD answers have no body, so only the status tells.
async fn exists(at: &Place, aws: &Reader) -> Result<bool, Fault> {
    let name = at.name();
    let head = aws.read(&at.address, "s3", "HeadBucket", || aws.s3().head_bucket().bucket(name).send()).await;
    let Err(error) = head else { return Ok(true) };
    match error.status() {
        Some(404) => Ok(false),
        Some(403) => {
            let text = format!("the bucket {name} exists, and these credentials may not use it");
            Err(Fault::refused(&at.address, text).hint(
                "if it is this account's, allow s3:ListBucket to the role you use; if not, give this resource \
                 another name in the environment: bucket names are unique in the world",
            ))
        }
        Some(301 | 307) => {
            let text = format!("the bucket {name} is in another Region than {}", aws.scope().region);
            Err(Fault::refused(&at.address, text)
                .hint("give this resource another name in the environment, or deploy to the bucket's Region"))
        }
        _ => Err(error.into()),
    }
}

async fn everything(at: &Place, aws: &Reader) -> Result<Live<Bucket>, Fault> {
    let outputs = Bucket::known(aws.scope(), at.name());
    let (access, crypto, versions, cors, lifecycle, notifications, tags, holds) = futures::try_join!(
        access(at, aws),
        encryption(at, aws),
        versioning(at, aws),
        cors(at, aws),
        lifecycle(at, aws),
        notifications(at, aws),
        aws.tags_of(at, &outputs["arn"], tags(at, aws)),
        holds(at, aws),
    )?;
    let (ownership, public_access, policy, access_log) = access;
    let (encryption, caller_keys) = crypto;
    let (versioning, protected) = versions;
    let (event_bridge, notifications) = notifications;
    let deleted = policy.iter().flat_map(Policy::deleted_principals);
    let findings = deleted.map(|id| format!("its policy names {id}, which was deleted")).collect();
    let actual = Bucket {
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
    };
    Ok(Live { holds, protected, findings, ..Live::new(actual, outputs, Some(tags)) })
}

type Access = (Ownership, PublicAccess, Option<Policy>, Option<AccessLog>);

/// Who may do what, and what is written down about it.
async fn access(at: &Place, aws: &Reader) -> Result<Access, Fault> {
    let name = at.name();
    let ownership = async {
        aws.read(&at.address, "s3", "GetBucketOwnershipControls", || {
            aws.s3().get_bucket_ownership_controls().bucket(name).send()
        })
        .await
        .absent_on(&["OwnershipControlsNotFoundError"])
    };
    let block = async {
        aws.read(&at.address, "s3", "GetPublicAccessBlock", || {
            aws.s3().get_public_access_block().bucket(name).send()
        })
        .await
        .absent_on(&["NoSuchPublicAccessBlockConfiguration"])
    };
    let policy = async {
        aws.read(&at.address, "s3", "GetBucketPolicy", || aws.s3().get_bucket_policy().bucket(name).send())
            .await
            .absent_on(&["NoSuchBucketPolicy"])
    };
    let logging = async {
        let answer = aws
            .read(&at.address, "s3", "GetBucketLogging", || aws.s3().get_bucket_logging().bucket(name).send())
            .await?;
        Ok(answer.logging_enabled)
    };
    let (ownership, block, policy, logging) = futures::try_join!(ownership, block, policy, logging)?;
    let policy = policy.and_then(|answer| answer.policy).filter(|text| !text.is_empty());
    let policy = policy.map(|text| Policy::parse(&text)).transpose();
    Ok((
        Ownership::read(ownership.and_then(|answer| answer.ownership_controls).as_ref()),
        PublicAccess::read(block.and_then(|answer| answer.public_access_block_configuration).as_ref()),
        policy.map_err(|e| Fault::refused(&at.address, format!("its policy cannot be read: {e}")))?,
        logging.as_ref().map(AccessLog::read),
    ))
}

async fn encryption(at: &Place, aws: &Reader) -> Result<(Encryption, bool), Fault> {
    let answer = aws
        .read(&at.address, "s3", "GetBucketEncryption", || {
            aws.s3().get_bucket_encryption().bucket(at.name()).send()
        })
        .await
        .absent_on(&["ServerSideEncryptionConfigurationNotFoundError"])?;
    let document = answer.and_then(|answer| answer.server_side_encryption_configuration);
    Ok(Encryption::read(document.as_ref(), aws.scope()))
}

/// Versioning, and the lock that only the account's root with its MFA device opens.
async fn versioning(at: &Place, aws: &Reader) -> Result<(Versioning, Option<String>), Fault> {
    let answer = aws
        .read(&at.address, "s3", "GetBucketVersioning", || {
            aws.s3().get_bucket_versioning().bucket(at.name()).send()
        })
        .await?;
    let locked = answer.mfa_delete == Some(sdk::MfaDeleteStatus::Enabled);
    let locked = locked.then(|| "MFA delete is on: only the account's root can delete versions".to_owned());
    Ok((Versioning::read(answer.status.as_ref()), locked))
}

async fn cors(at: &Place, aws: &Reader) -> Result<Vec<CorsRule>, Fault> {
    let answer = aws
        .read(&at.address, "s3", "GetBucketCors", || aws.s3().get_bucket_cors().bucket(at.name()).send())
        .await
        .absent_on(&["NoSuchCORSConfiguration"])?;
    Ok(answer.iter().flat_map(|answer| answer.cors_rules()).map(CorsRule::read).collect())
}

async fn lifecycle(
    at: &Place,
    aws: &Reader,
) -> Result<std::collections::BTreeMap<String, LifecycleRule>, Fault> {
    let answer = aws
        .read(&at.address, "s3", "GetBucketLifecycleConfiguration", || {
            aws.s3().get_bucket_lifecycle_configuration().bucket(at.name()).send()
        })
        .await
        .absent_on(&["NoSuchLifecycleConfiguration"])?;
    let rules = answer.iter().flat_map(|answer| answer.rules());
    Ok(rules.map(|rule| (rule.id().unwrap_or_default().to_owned(), LifecycleRule::read(rule))).collect())
}

async fn notifications(at: &Place, aws: &Reader) -> Result<notify::Everything, Fault> {
    let answer = aws
        .read(&at.address, "s3", "GetBucketNotificationConfiguration", || {
            aws.s3().get_bucket_notification_configuration().bucket(at.name()).send()
        })
        .await?;
    Ok(notify::read(&answer))
}

async fn tags(at: &Place, aws: &Reader) -> Result<Tags, Fault> {
    let answer = aws
        .read(&at.address, "s3", "GetBucketTagging", || {
            aws.s3().get_bucket_tagging().bucket(at.name()).send()
        })
        .await
        .absent_on(&["NoSuchTagSet"])?;
    let tags = answer.iter().flat_map(|answer| answer.tag_set());
    Ok(tags.map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
}

/// Old versions and delete markers keep a bucket from being deleted too, so they count.
async fn holds(at: &Place, aws: &Reader) -> Result<Holds, Fault> {
    if !aws.looks_inside() {
        return Ok(Holds::Nothing);
    }
    let answer = aws
        .read(&at.address, "s3", "ListObjectVersions", || {
            aws.s3().list_object_versions().bucket(at.name()).max_keys(1).send()
        })
        .await?;
    let found = !answer.versions().is_empty() || !answer.delete_markers().is_empty();
    Ok(if found { Holds::Data("objects".to_owned()) } else { Holds::Nothing })
}
