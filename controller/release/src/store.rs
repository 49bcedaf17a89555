//! Manifests and artefacts in control buckets.
//!
//! | key | what it is |
//! | --- | --- |
//! | `releases/NUMBER-NAME.json` | a manifest; the numbers tell in which order releases came to the stage |
//! | `artefacts/DIGEST.zip` | the code, as the artefact kind keeps it |
//!
//! All are written once (`If-None-Match: *`). Whoever is interrupted finds what is there already.

use std::{
    borrow::Borrow,
    io::{Cursor, Read},
};

use contract::needs::FILE;
use futures::future::{try_join, try_join_all};
use kinds::{
    Objects, Reader, Writer,
    kinds::artefact::{digest, key},
};
use model::{Fault, fault::Cause};

use crate::{
    Manifest,
    manifest::{Entry, short},
};

const FOLDER: &str = "releases/";

/// A release that a bucket holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// Counts from 1 in the order of arrival.
    pub number: u32,
    /// 64 hexadecimal digits.
    pub id: String,
}

impl Kept {
    fn key(&self) -> String {
        format!("{FOLDER}{:06}-{}.json", self.number, self.id)
    }

    fn of_key(key: &str) -> Option<Self> {
        let (number, id) = key.strip_prefix(FOLDER)?.strip_suffix(".json")?.split_once('-')?;
        Some(Self { number: number.parse().ok()?, id: id.to_owned() })
    }
}

/// Every release of a stage, in the order of arrival.
///
/// # Errors
/// When S3 refuses or does not answer.
pub async fn list<A: Borrow<Reader>>(bucket: &Objects<A>) -> Result<Vec<Kept>, Fault> {
    let keys = bucket.list(FOLDER).await?;
    let mut all: Vec<Kept> = keys.iter().filter_map(|key| Kept::of_key(key)).collect();
    all.sort();
    Ok(all)
}

/// Reads a release; what does not fit its name is refused.
///
/// # Errors
/// When it is gone, was changed, or S3 refuses or does not answer.
pub async fn read<A: Borrow<Reader>>(bucket: &Objects<A>, kept: &Kept) -> Result<Manifest, Fault> {
    let found = bucket.read(&kept.key()).await?;
    let gone = || refused(format!("release {} is gone from {}", short(&kept.id), bucket.bucket()));
    let (bytes, _) = found.ok_or_else(gone)?;
    Manifest::read(&kept.id, &bytes).map_err(|error| refused(error.to_string()))
}

/// A bucket that does not hold what was written into it.
fn refused(text: String) -> Fault {
    Fault::Refused(Cause::new(text).hint("the control bucket keeps versions: have the right one back"))
}

/// Keeps a release unless the bucket holds it already.
///
/// # Errors
/// When the bucket is not there, or S3 refuses or does not answer.
pub async fn keep(bucket: &Objects<Writer>, manifest: &Manifest) -> Result<Kept, Fault> {
    let id = manifest.id();
    let all = list(bucket).await?;
    if let Some(kept) = all.iter().find(|kept| kept.id == id) {
        return Ok(kept.clone());
    }
    let number = all.last().map_or(1, |last| last.number + 1);
    let kept = Kept { number, id };
    // Somebody was first with the same bytes: that is what was wanted.
    bucket.create_once(&kept.key(), &manifest.bytes()).await?;
    Ok(kept)
}

/// Whether a bucket holds a release with all of its code.
///
/// # Errors
/// When S3 refuses or does not answer.
pub async fn holds<A: Borrow<Reader>>(bucket: &Objects<A>, manifest: &Manifest) -> Result<bool, Fault> {
    let artefacts =
        manifest.artefacts.values().map(async |one| bucket.holds(&key(&one.sha256), &one.sha256).await);
    let (artefacts, kept) = try_join(try_join_all(artefacts), list(bucket)).await?;
    let id = manifest.id();
    Ok(artefacts.into_iter().all(|held| held) && kept.iter().any(|kept| kept.id == id))
}

/// Brings a release from one control bucket to another, and tells how many artefacts had to be copied. The manifest
/// comes last, so what it names is there.
///
/// # Errors
/// When something of it is gone or was changed, or S3 refuses or does not answer.
pub async fn bring<A: Borrow<Reader>>(
    from: &Objects<A>,
    to: &Objects<Writer>,
    manifest: &Manifest,
) -> Result<usize, Fault> {
    let copies = manifest.artefacts.values().map(|entry| copy(from, to, entry));
    let copied = try_join_all(copies).await?;
    keep(to, manifest).await?;
    Ok(copied.into_iter().filter(|copied| *copied == Copied::Now).count())
}

/// Whether bytes had to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    Now,
    Before,
}

/// Brings the code of one service from one control bucket to another, byte for byte: what was read is compared with
/// its digest and its contract before it is written, and S3 compares it again when it is written.
///
/// # Errors
/// When it is gone or was changed, or S3 refuses or does not answer.
pub async fn copy<A: Borrow<Reader>>(
    from: &Objects<A>,
    to: &Objects<Writer>,
    entry: &Entry,
) -> Result<Copied, Fault> {
    let name = key(&entry.sha256);
    if to.holds(&name, &entry.sha256).await? {
        return Ok(Copied::Before);
    }
    let gone = || refused(format!("{name} is gone from {}", from.bucket()));
    let (bytes, _) = from.read(&name).await?.ok_or_else(gone)?;
    check(&bytes, entry).map_err(|why| refused(format!("{name} of {}: {why}", from.bucket())))?;
    to.create_digest(&name, &bytes, &entry.sha256).await?;
    Ok(Copied::Now)
}

/// Whether bytes are the code that a release names.
///
/// # Errors
/// What is wrong with them.
pub fn check(bytes: &[u8], entry: &Entry) -> Result<(), String> {
    let found = digest(bytes);
    if found != entry.sha256 || bytes.len() as u64 != entry.size {
        return Err(format!("its digest is {}, and {} was released", short(&found), short(&entry.sha256)));
    }
    let contract = contract_of(bytes)?;
    if digest(contract.as_bytes()) != entry.contract_sha256 {
        return Err(format!("its {FILE} is not the one that was released"));
    }
    Ok(())
}

/// The contract file of an artefact.
///
/// # Errors
/// When it is no zip, or has none.
pub fn contract_of(bytes: &[u8]) -> Result<String, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("its {FILE} cannot be read: {error}");
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
    let mut file = zip.by_name(FILE).map_err(|error| unreadable(&error))?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| unreadable(&error))?;
    Ok(text)
}
