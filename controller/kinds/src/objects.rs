//! Objects in one bucket, made once or replaced only when nobody else did: what a lock and a journal need.
//!
//! S3 itself decides who was first (`If-None-Match: *`, `If-Match`; aws-semantics 1.1). When an answer is
//! lost, the next attempt may meet its own work: then `false` says "somebody was first", and a read tells
//! who.

use std::borrow::Borrow;

use aws_sdk_s3::{primitives::ByteStream, types::ChecksumMode};
use model::{Address, Fault, Tags, fault::Cause};

use crate::{
    Place, Reader, Writer,
    aws::{Absent, CallError},
    kinds::artefact::{base64_of, digits_of},
};

const NO_BUCKET: &str = "NoSuchBucket";
const NO_KEY: &str = "NoSuchKey";
/// S3 answers HEAD without a body; the SDK names the status.
const NO_HEAD: &str = "NotFound";
const CHANGED: &str = "PreconditionFailed";

/// The objects of one bucket: to read with a [`Reader`], to read and write with a [`Writer`].
#[derive(Clone)]
pub struct Objects<A> {
    aws: A,
    at: Place,
}

impl<A: Borrow<Reader>> Objects<A> {
    /// The objects of the bucket of this name; `address` is what calls and faults name.
    pub fn new(aws: A, address: &Address, bucket: &str) -> Self {
        let at = Place { address: address.clone(), physical: bucket.to_owned(), tags: Tags::new() };
        Self { aws, at }
    }

    /// The name of the bucket.
    pub fn bucket(&self) -> &str {
        self.at.name()
    }

    /// An object and its version (ETag); `None` when it, or the whole bucket, is not there.
    ///
    /// # Errors
    /// When S3 refuses or does not answer. Without `s3:ListBucket`, S3 refuses what is absent.
    pub async fn read(&self, key: &str) -> Result<Option<(Vec<u8>, String)>, Fault> {
        let (aws, at) = (self.aws.borrow(), &self.at);
        let answer = aws
            .read(&at.address, "s3", "GetObject", || aws.s3().get_object().bucket(at.name()).key(key).send())
            .await
            .absent_on(&[NO_BUCKET, NO_KEY])?;
        let Some(answer) = answer else { return Ok(None) };
        let etag = answer.e_tag.unwrap_or_default();
        let body = answer.body.collect().await.map_err(|error| {
            let text = format!("the body of {key} broke off: {error}");
            Fault::Transient(Cause::new(text).at(&at.address).hint("run it again"))
        })?;
        Ok(Some((body.to_vec(), etag)))
    }

    /// Whether the bucket is there.
    ///
    /// # Errors
    /// When S3 refuses or does not answer.
    pub async fn exists(&self) -> Result<bool, Fault> {
        let (aws, at) = (self.aws.borrow(), &self.at);
        let page = aws
            .read(&at.address, "s3", "ListObjectsV2", || {
                aws.s3().list_objects_v2().bucket(at.name()).max_keys(1).send()
            })
            .await
            .absent_on(&[NO_BUCKET])?;
        Ok(page.is_some())
    }

    /// Whether there is an object of this digest (64 hexadecimal digits) under the key: S3's own check sum, as what
    /// a name says proves nothing.
    ///
    /// # Errors
    /// When S3 refuses or does not answer.
    pub async fn holds(&self, key: &str, sha256: &str) -> Result<bool, Fault> {
        let (aws, at) = (self.aws.borrow(), &self.at);
        let head = aws
            .read(&at.address, "s3", "HeadObject", || {
                let ask = aws.s3().head_object().bucket(at.name()).key(key);
                ask.checksum_mode(ChecksumMode::Enabled).send()
            })
            .await
            .absent_on(&[NO_HEAD, NO_BUCKET, NO_KEY])?;
        Ok(head.is_some_and(|head| head.checksum_sha256().map(digits_of).as_deref() == Some(sha256)))
    }

    /// The keys that start so, in the order of their bytes; none when the bucket is not there.
    ///
    /// # Errors
    /// When S3 refuses or does not answer.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        Ok(self.list_in(prefix).await?.unwrap_or_default())
    }

    /// The same, but `None` when the bucket is not there.
    ///
    /// # Errors
    /// When S3 refuses or does not answer.
    pub async fn list_in(&self, prefix: &str) -> Result<Option<Vec<String>>, Fault> {
        let (aws, at) = (self.aws.borrow(), &self.at);
        let (mut keys, mut token) = (Vec::new(), None::<String>);
        loop {
            let page = aws
                .read(&at.address, "s3", "ListObjectsV2", || {
                    let ask = aws.s3().list_objects_v2().bucket(at.name()).prefix(prefix);
                    ask.set_continuation_token(token.clone()).send()
                })
                .await
                .absent_on(&[NO_BUCKET])?;
            let Some(page) = page else { return Ok(None) };
            keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(Some(keys));
            }
        }
    }
}

impl Objects<Writer> {
    /// Writes an object that must not be there yet; `false` when it is.
    ///
    /// # Errors
    /// When the bucket is not there, or S3 refuses or does not answer.
    pub async fn create_once(&self, key: &str, bytes: &[u8]) -> Result<bool, Fault> {
        let put = self
            .aws
            .write(&self.at, "s3", "PutObject", || {
                let ask = self.aws.s3().put_object().bucket(self.bucket()).key(key).if_none_match("*");
                ask.body(ByteStream::from(bytes.to_vec())).send()
            })
            .await;
        self.written(put)
    }

    /// Writes bytes of this digest (64 hexadecimal digits), which must not be there yet; `false` when they are. S3
    /// computes the digest again, refuses what differs, and tells it to whoever looks.
    ///
    /// # Errors
    /// When the bucket is not there, or S3 refuses or does not answer.
    pub async fn create_digest(&self, key: &str, bytes: &[u8], sha256: &str) -> Result<bool, Fault> {
        let sum = base64_of(sha256);
        let put = self
            .aws
            .write(&self.at, "s3", "PutObject", || {
                let ask = self.aws.s3().put_object().bucket(self.bucket()).key(key).if_none_match("*");
                let ask = ask.set_checksum_sha256(sum.clone()).content_type("application/zip");
                ask.body(ByteStream::from(bytes.to_vec())).send()
            })
            .await;
        self.written(put)
    }

    /// Writes over the version that was read; `false` when it is no longer that one, or gone.
    ///
    /// # Errors
    /// When the bucket is not there, or S3 refuses or does not answer.
    pub async fn replace(&self, key: &str, bytes: &[u8], etag: &str) -> Result<bool, Fault> {
        let put = self
            .aws
            .write(&self.at, "s3", "PutObject", || {
                let ask = self.aws.s3().put_object().bucket(self.bucket()).key(key).if_match(etag);
                ask.body(ByteStream::from(bytes.to_vec())).send()
            })
            .await;
        self.written(put)
    }

    /// Deletes an object; that it is gone by now is fine.
    ///
    /// # Errors
    /// When the bucket is not there, or S3 refuses or does not answer.
    pub async fn remove(&self, key: &str) -> Result<(), Fault> {
        let deleted = self
            .aws
            .write(&self.at, "s3", "DeleteObject", || {
                self.aws.s3().delete_object().bucket(self.bucket()).key(key).send()
            })
            .await;
        self.written(deleted).map(drop)
    }

    fn written<T>(&self, outcome: Result<T, CallError>) -> Result<bool, Fault> {
        match outcome {
            Ok(_) => Ok(true),
            Err(error) if error.is(CHANGED) || error.is(NO_KEY) => Ok(false),
            Err(error) => {
                let no_bucket = error.is(NO_BUCKET);
                let fault = Fault::from(error);
                Err(if no_bucket { fault.hint("apply the bucket first") } else { fault })
            }
        }
    }
}
