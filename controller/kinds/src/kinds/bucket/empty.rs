//! Emptying a bucket: S3 deletes none that holds versions, delete markers or unfinished uploads.

use aws_sdk_s3::types as sdk;
use model::Fault;

use super::look::NO_BUCKET;
use crate::{Place, Writer, aws::Absent};

/// Keys that one DeleteObjects takes, which is also a page of the list.
const BATCH: i32 = 1000;

pub(super) async fn abort_uploads(at: &Place, aws: &Writer) -> Result<(), Fault> {
    let (mut key, mut upload) = (None::<String>, None::<String>);
    loop {
        let page = aws
            .read(&at.address, "s3", "ListMultipartUploads", || {
                let ask = aws.s3().list_multipart_uploads().bucket(at.name());
                ask.set_key_marker(key.clone()).set_upload_id_marker(upload.clone()).send()
            })
            .await
            .absent_on(&[NO_BUCKET])?;
        let Some(page) = page else { return Ok(()) };
        for one in page.uploads() {
            let (key, id) = (one.key().unwrap_or_default(), one.upload_id().unwrap_or_default());
            aws.write(at, "s3", "AbortMultipartUpload", || {
                aws.s3().abort_multipart_upload().bucket(at.name()).key(key).upload_id(id).send()
            })
            .await
            .absent_on(&["NoSuchUpload", NO_BUCKET])?;
        }
        if page.is_truncated != Some(true) {
            return Ok(());
        }
        (key, upload) = (page.next_key_marker, page.next_upload_id_marker);
    }
}

/// Deletes page after page, always from the beginning: what was deleted is not listed again.
pub(super) async fn delete_versions(at: &Place, aws: &Writer) -> Result<(), Fault> {
    loop {
        let page = aws
            .read(&at.address, "s3", "ListObjectVersions", || {
                aws.s3().list_object_versions().bucket(at.name()).max_keys(BATCH).send()
            })
            .await
            .absent_on(&[NO_BUCKET])?;
        let Some(page) = page else { return Ok(()) };
        let versions = page.versions().iter().map(|one| (one.key(), one.version_id()));
        let markers = page.delete_markers().iter().map(|one| (one.key(), one.version_id()));
        let one = |(key, id): (Option<&str>, Option<&str>)| {
            let id = id.map(str::to_owned);
            sdk::ObjectIdentifier::builder().key(key.unwrap_or_default()).set_version_id(id).build()
        };
        let batch = versions.chain(markers).map(one).collect::<Result<Vec<_>, _>>();
        let unnamed = |_| Fault::refused(&at.address, "S3 listed a version without a key");
        let batch = batch.map_err(unnamed)?;
        if batch.is_empty() {
            return Ok(());
        }
        let delete = sdk::Delete::builder().set_objects(Some(batch)).quiet(true).build().map_err(unnamed)?;
        let answer = aws
            .write(at, "s3", "DeleteObjects", || {
                aws.s3().delete_objects().bucket(at.name()).delete(delete.clone()).send()
            })
            .await?;
        // The call succeeds even when single objects stay.
        if let Some(error) = answer.errors().first() {
            let (code, key) = (error.code().unwrap_or("Unknown"), error.key().unwrap_or_default());
            let text = format!("{} objects stay, the first is {key}: {code}", answer.errors().len());
            return Err(Fault::refused(&at.address, text).hint(
                "allow s3:DeleteObjectVersion to the role you use, and look for an Object Lock on the bucket",
            ));
        }
    }
}
