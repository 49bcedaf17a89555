//! Writing a bucket's settings: one put a setting, one after the other, and only where something differs.

use aws_sdk_s3::types as sdk;
use aws_smithy_types::error::operation::BuildError;
use model::{Fault, Tags, policy::Policy};

use super::{Bucket, Versioning, look::NO_BUCKET, notify};
use crate::{
    Place, Writer,
    aws::{Absent, tag_changes},
};

/// Turns `have` into `want`. The locks come before the policy: an open one must be open before a public
/// policy is accepted, and a closed one does not mind the policy that is about to go.
pub(super) async fn settings(want: &Bucket, have: &Bucket, at: &Place, aws: &Writer) -> Result<(), Fault> {
    let name = at.name();
    if want.ownership != have.ownership {
        let document = want.ownership.write().map_err(|e| broken(at, &e))?;
        aws.write(at, "s3", "PutBucketOwnershipControls", || {
            let ask = aws.s3().put_bucket_ownership_controls().bucket(name);
            ask.ownership_controls(document.clone()).send()
        })
        .await?;
    }
    if want.public_access != have.public_access {
        aws.write(at, "s3", "PutPublicAccessBlock", || {
            let ask = aws.s3().put_public_access_block().bucket(name);
            ask.public_access_block_configuration(want.public_access.write()).send()
        })
        .await?;
    }
    if want.policy != have.policy {
        policy(want.policy.as_ref(), at, aws).await?;
    }
    if (&want.encryption, want.caller_keys) != (&have.encryption, have.caller_keys) {
        let document = want.encryption.write(want.caller_keys).map_err(|e| broken(at, &e))?;
        aws.write(at, "s3", "PutBucketEncryption", || {
            let ask = aws.s3().put_bucket_encryption().bucket(name);
            ask.server_side_encryption_configuration(document.clone()).send()
        })
        .await?;
    }
    if want.versioning != have.versioning {
        versioning(want.versioning, at, aws).await?;
    }
    if want.lifecycle != have.lifecycle {
        lifecycle(want, at, aws).await?;
    }
    if want.cors != have.cors {
        cors(want, at, aws).await?;
    }
    if want.access_log != have.access_log {
        let target = want.access_log.as_ref().map(super::AccessLog::write).transpose();
        let target = target.map_err(|e| broken(at, &e))?;
        let document = sdk::BucketLoggingStatus::builder().set_logging_enabled(target).build();
        aws.write(at, "s3", "PutBucketLogging", || {
            aws.s3().put_bucket_logging().bucket(name).bucket_logging_status(document.clone()).send()
        })
        .await?;
    }
    if (want.event_bridge, &want.notifications) != (have.event_bridge, &have.notifications) {
        let document = notify::write(want.event_bridge, &want.notifications).map_err(|e| broken(at, &e))?;
        aws.write(at, "s3", "PutBucketNotificationConfiguration", || {
            let ask = aws.s3().put_bucket_notification_configuration().bucket(name);
            ask.notification_configuration(document.clone()).send()
        })
        .await?;
    }
    Ok(())
}

/// The SDK refuses to build what lacks a required member or holds a date that is none.
fn broken(at: &Place, error: &BuildError) -> Fault {
    let inner = std::error::Error::source(error).map(|inner| format!(": {inner}")).unwrap_or_default();
    Fault::refused(&at.address, format!("a setting cannot be written: {error}{inner}"))
}

async fn policy(want: Option<&Policy>, at: &Place, aws: &Writer) -> Result<(), Fault> {
    let Some(want) = want else {
        let delete = || aws.s3().delete_bucket_policy().bucket(at.name()).send();
        aws.write(at, "s3", "DeleteBucketPolicy", delete).await?;
        return Ok(());
    };
    let document = want.document();
    let put = aws
        .write(at, "s3", "PutBucketPolicy", || {
            aws.s3().put_bucket_policy().bucket(at.name()).policy(&document).send()
        })
        .await;
    match put {
        // The role may well do it: the lock against public policies answers with the same code.
        Err(error) if error.is("AccessDenied") && error.message().contains("BlockPublicPolicy") => Err(
            Fault::refused(&at.address, "its policy lets anybody in, which its public access block forbids")
                .hint("name the callers in the policy, or set public_access.block_policy to false"),
        ),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

async fn versioning(want: Versioning, at: &Place, aws: &Writer) -> Result<(), Fault> {
    let status = match want {
        Versioning::Off => {
            return Err(Fault::refused(&at.address, "versioning was on once and cannot be taken back")
                .hint("declare it as suspended, or move the objects to a new bucket"));
        }
        Versioning::Enabled => sdk::BucketVersioningStatus::Enabled,
        Versioning::Suspended => sdk::BucketVersioningStatus::Suspended,
    };
    let document = sdk::VersioningConfiguration::builder().status(status).build();
    aws.write(at, "s3", "PutBucketVersioning", || {
        aws.s3().put_bucket_versioning().bucket(at.name()).versioning_configuration(document.clone()).send()
    })
    .await?;
    Ok(())
}

/// The put replaces all rules, and an empty list is refused.
async fn lifecycle(want: &Bucket, at: &Place, aws: &Writer) -> Result<(), Fault> {
    if want.lifecycle.is_empty() {
        let delete = || aws.s3().delete_bucket_lifecycle().bucket(at.name()).send();
        aws.write(at, "s3", "DeleteBucketLifecycle", delete).await?;
        return Ok(());
    }
    let rules = want.lifecycle.iter().map(|(id, rule)| rule.write(id)).collect::<Result<Vec<_>, _>>();
    let document =
        rules.and_then(|rules| sdk::BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build());
    let document = document.map_err(|e| broken(at, &e))?;
    aws.write(at, "s3", "PutBucketLifecycleConfiguration", || {
        let ask = aws.s3().put_bucket_lifecycle_configuration().bucket(at.name());
        ask.lifecycle_configuration(document.clone()).send()
    })
    .await?;
    Ok(())
}

/// The put replaces all rules, and an empty list is refused.
async fn cors(want: &Bucket, at: &Place, aws: &Writer) -> Result<(), Fault> {
    if want.cors.is_empty() {
        let delete = || aws.s3().delete_bucket_cors().bucket(at.name()).send();
        aws.write(at, "s3", "DeleteBucketCors", delete).await?;
        return Ok(());
    }
    let rules = want.cors.iter().map(super::CorsRule::write).collect::<Result<Vec<_>, _>>();
    let document =
        rules.and_then(|rules| sdk::CorsConfiguration::builder().set_cors_rules(Some(rules)).build());
    let document = document.map_err(|e| broken(at, &e))?;
    aws.write(at, "s3", "PutBucketCors", || {
        aws.s3().put_bucket_cors().bucket(at.name()).cors_configuration(document.clone()).send()
    })
    .await?;
    Ok(())
}

/// Writes the tags where they differ, and returns what the bucket carries then.
///
/// The put replaces the whole set. Tags of AWS itself (`aws:…`) are sent along as they are: S3 refuses a set
/// without them ("System Tags cannot be removed by requester"), and one that changes them. A bucket with ABAC
/// switched on refuses this call and wants `TagResource` (aws-semantics 1.8).
pub(super) async fn tags(want: &Tags, have: &Tags, at: &Place, aws: &Writer) -> Result<Tags, Fault> {
    let (set, unset) = tag_changes(have, want);
    if set.is_empty() && unset.is_empty() {
        return Ok(have.clone());
    }
    let mut all = want.clone();
    let of_aws = have.iter().filter(|(key, _)| key.starts_with("aws:"));
    all.extend(of_aws.map(|(key, value)| (key.clone(), value.clone())));
    let one = |(key, value): (&String, &String)| sdk::Tag::builder().key(key).value(value).build();
    let tags = all.iter().map(one).collect::<Result<Vec<_>, _>>();
    let document = tags.and_then(|tags| sdk::Tagging::builder().set_tag_set(Some(tags)).build());
    let document = document.map_err(|e| broken(at, &e))?;
    let put = aws
        .write(at, "s3", "PutBucketTagging", || {
            aws.s3().put_bucket_tagging().bucket(at.name()).tagging(document.clone()).send()
        })
        .await
        .absent_on(&[NO_BUCKET])?;
    if put.is_none() {
        return Err(Fault::refused(&at.address, "it was deleted while it was being written"));
    }
    Ok(all)
}
