//! A zip of code in the control bucket, written once under its digest.
//!
//! Outputs: `bucket` and `key` (where it is), `sha256` (64 hexadecimal digits, as AWS Lambda's `CodeSha256`
//! but for the notation). All three are known from the declaration alone.
//!
//! Other bytes are another object, so a new digest at the same address is a birth; the object of before
//! stays, as functions go back to it (`dn` deletes it only with the whole stage, or by hand). Who owns an
//! object is not written on it: the same bytes may be the code of several functions, and listing the bucket
//! would tell nothing that a person has to act on. So there are no orphans of this kind.

use std::path::{Path, PathBuf};

use aws_sdk_s3::{primitives::ByteStream, types::ChecksumMode};
use aws_smithy_types::base64;
use model::{Address, Fault, Fields, Outputs, Ref, fields::hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::bucket::Bucket;
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads},
};

reads!(aws_sdk_s3: head_object HeadObjectFluentBuilder);

/// S3 answers HEAD without a body; the SDK names the status.
const ABSENT: &[&str] = &["NotFound", "NoSuchKey", "NoSuchBucket"];

const FOLDER: &str = "/artefacts/";

/// The bytes of one release of some functions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Artefact {
    /// By name.
    pub bucket: Ref<Bucket>,
    /// Of the bytes, 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Where the bytes are until they are in the bucket. No field: it is read when the object is not there.
    pub source: Source,
}

/// A file on this machine; `None` for what was found in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Source(Option<PathBuf>);

impl Source {
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Some(path.into()))
    }
}

impl Artefact {
    /// The zip at `path`, which has this digest and size.
    #[must_use]
    pub fn of(bucket: Ref<Bucket>, sha256: &str, size: u64, path: &Path) -> Self {
        Self { source: Source::file(path), ..Self::kept(bucket, sha256, size) }
    }

    /// A zip that is in the bucket already.
    #[must_use]
    pub fn kept(bucket: Ref<Bucket>, sha256: &str, size: u64) -> Self {
        Self { bucket, sha256: sha256.to_owned(), size, source: Source::default() }
    }

    /// Reads the file, and makes sure that it is what was declared.
    fn bytes(&self, at: &Place) -> Result<Vec<u8>, Fault> {
        let Some(path) = &self.source.0 else {
            return Err(Fault::refused(&at.address, "is not in the bucket, and no file is declared for it")
                .hint("the stage is pinned to a release: promote that release to it again"));
        };
        let shown = path.display();
        let unreadable = |error| {
            Fault::refused(&at.address, format!("{shown} cannot be read: {error}"))
                .hint("build the artefacts first: cargo dn build")
        };
        // Some megabytes from this machine's disk, once: not worth a thread, whose end no simulation could order.
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let found = digest(&bytes);
        if found == self.sha256 && bytes.len() as u64 == self.size {
            return Ok(bytes);
        }
        let text = format!("{shown} has the digest {found}, and {} was declared", self.sha256);
        Err(Fault::refused(&at.address, text).hint("it was built again since: plan again"))
    }
}

/// The key of a digest in a control bucket.
#[must_use]
pub fn key(sha256: &str) -> String {
    format!("{}{sha256}.zip", FOLDER.trim_start_matches('/'))
}

/// Bucket and key; the bucket may be a reference that is not resolved yet.
fn parts(physical: &str) -> Option<(&str, &str)> {
    let at = physical.rfind(FOLDER)?;
    Some((&physical[..at], &physical[at + 1..]))
}

fn digest_of(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key).trim_end_matches(".zip")
}

/// The digest under which bytes are kept: 64 hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Digests go over the wire in Base64.
pub(crate) fn base64_of(sha256: &str) -> Option<String> {
    let digits: Option<Vec<u8>> = (0..sha256.len() / 2)
        .map(|pair| u8::from_str_radix(sha256.get(pair * 2..pair * 2 + 2)?, 16).ok())
        .collect();
    digits.filter(|bytes| bytes.len() == 32 && sha256.len() == 64).map(base64::encode)
}

/// The digits of a digest in Base64; empty when it is none.
pub(crate) fn digits_of(sha256: &str) -> String {
    base64::decode(sha256).map(|bytes| hex(&bytes)).unwrap_or_default()
}

impl Resource for Artefact {
    const KIND: &'static str = "artefact";
    const TAGGED: bool = false;

    fn physical_of(&self, _: &Scope, _: &Address) -> String {
        format!("{}/{}", self.bucket.text(), key(&self.sha256))
    }

    fn known(_: &Scope, physical: &str) -> Outputs {
        let Some((bucket, key)) = parts(physical) else { return Outputs::new() };
        let outputs = [("bucket", bucket), ("key", key), ("sha256", digest_of(key))];
        outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    fn list(&self, to: &mut Fields) {
        let Self { bucket, sha256, size, source: _ } = self;
        to.fixed("bucket", bucket);
        to.field("sha256", sha256);
        to.field("size", size);
    }

    fn physical_of_arn(_: &str) -> Option<String> {
        None
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let Some((bucket, key)) = parts(at.name()) else { return Ok(None) };
        if model::text::references(bucket).next().is_some() {
            // The bucket is not there yet.
            return Ok(None);
        }
        let head = aws
            .read(&at.address, "s3", "HeadObject", || {
                let ask = aws.s3().head_object().bucket(bucket).key(key);
                ask.checksum_mode(ChecksumMode::Enabled).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(head) = head else { return Ok(None) };
        // S3's own check sum: what the name says proves nothing. Without one, somebody else put it there.
        let sha256 = head.checksum_sha256().map(digits_of).unwrap_or_default();
        let size = head.content_length().and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
        let actual = Self { bucket: Ref::live(bucket), sha256, size, source: Source::default() };
        let mut outputs = Self::known(aws.scope(), at.name());
        outputs.extend(head.version_id().map(|id| ("object_version".to_owned(), id.to_owned())));
        Ok(Some(Live { token: head.e_tag, ..Live::new(actual, outputs, None) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let outputs = Self::known(aws.scope(), at.name());
        let (bucket, key) = (self.bucket.text().as_str(), key(&self.sha256));
        if live.as_ref().is_some_and(|live| live.actual.sha256 == self.sha256) {
            return Ok(outputs);
        }
        let sum = base64_of(&self.sha256).ok_or_else(|| {
            Fault::refused(&at.address, format!("{} is no SHA-256 digest", self.sha256))
                .hint("64 hexadecimal digits in lower case")
        })?;
        let bytes = self.bytes(at)?;
        // Other bytes under this name are replaced, if they are still those that were looked at.
        let found = live.and_then(|live| live.token);
        let put = aws
            .write(at, "s3", "PutObject", || {
                let ask = aws.s3().put_object().bucket(bucket).key(&key).checksum_sha256(&sum);
                let ask = match &found {
                    Some(etag) => ask.if_match(etag),
                    None => ask.if_none_match("*"),
                };
                ask.content_type("application/zip").body(ByteStream::from(bytes.clone())).send()
            })
            .await;
        match put {
            // Somebody was first, with the same bytes: the name is their digest.
            Err(error) if error.is("PreconditionFailed") && found.is_none() => Ok(outputs),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(outputs),
        }
    }

    /// Removes this digest and no other. In a bucket with versions just the version that was found, for good.
    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let (bucket, key) = (&live.outputs["bucket"], &live.outputs["key"]);
        aws.write(at, "s3", "DeleteObject", || {
            let ask = aws.s3().delete_object().bucket(bucket).key(key);
            ask.set_version_id(live.outputs.get("object_version").cloned()).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_even_before_its_bucket_is_known() {
        let key = "artefacts/ab.zip";
        for bucket in ["dn-dev-control-1", "@{shared/bucket/control#name}"] {
            let physical = format!("{bucket}/{key}");
            assert_eq!(parts(&physical), Some((bucket, key)));
            assert_eq!(digest_of(key), "ab");
        }
    }

    #[test]
    fn digests_survive_both_notations() {
        let digits = digest(b"zip");
        assert_eq!(digits_of(&base64_of(&digits).unwrap()), digits);
        for wrong in ["", "ab", &digits[1..], &digits.replace(|c: char| c.is_ascii_digit(), "x")] {
            assert_eq!(base64_of(wrong), None, "{wrong}");
        }
    }
}
