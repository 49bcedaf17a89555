//! The journal where everyone who applies to the stage finds it: segments in the control bucket, each the lines of a
//! run, and a head that says how far the chain goes.
//!
//! | key | what it is | how it is written |
//! | --- | --- | --- |
//! | `journal/NUMBER.jsonl` | the lines from this number on | made once; grows only from what its writer saw |
//! | `journal/head.json` | number and hash of the last line | replaced only from what its writer saw |
//!
//! A line is on the machine of its run before anything is done (`Recorder`); segments follow when a run begins, every
//! minute, and when it ends. So a machine that is lost takes at most a minute of lines with it, and what they were
//! about is asked of AWS. Hashes find what was edited, cut out or reordered; the head finds what was cut off the end.

use futures::future::{BoxFuture, try_join_all};
use model::{
    Fault,
    fault::Cause,
    journal::{Entry, Journal, JournalError},
};
use serde::{Deserialize, Serialize};

use crate::lock::{Object, Place};

const FOLDER: &str = "journal/";
const HEAD: &str = "journal/head.json";

/// Reads the objects of a control bucket.
pub trait Segments: Send + Sync {
    /// Keys that start so, in order; `None` where there is no bucket yet.
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Option<Vec<String>>, Fault>>;

    /// Bytes and version of an object.
    fn read<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, Fault>>;
}

/// Writes them, each only when nobody else did.
pub trait SegmentsMut: Segments {
    fn create_once<'a>(&'a self, key: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, Result<Place, Fault>>;

    /// `false` when it is no longer the version that was read.
    fn replace<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        version: &'a str,
    ) -> BoxFuture<'a, Result<bool, Fault>>;
}

/// How the bucket's journal is to what a machine knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// There is no bucket yet.
    NoPlace,
    Same,
    /// The bucket goes on with these lines.
    Behind(String),
    /// The bucket lacks the lines from this number on: of a run that was cut off here.
    Ahead(u64),
    /// Somebody went on from an earlier line: this is the whole of what the stage knows.
    Forked(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    number: u64,
    hash: String,
}

/// Compares the bucket with the lines that a machine knows; with none of them the whole chain is verified.
///
/// # Errors
/// When either is not whole, or the bucket does not answer.
pub async fn fetch(store: &dyn Segments, local: &str) -> Result<Fetched, Fault> {
    let (journal, whole) = Journal::replay(local).map_err(|error| not_whole(&error.to_string()))?;
    let ours: Vec<&str> = local[..whole].lines().collect();
    let Some(keys) = store.list(FOLDER).await? else { return Ok(Fetched::NoPlace) };
    let firsts: Vec<u64> = keys.iter().filter_map(|key| number_of(key)).collect();
    let head = head(store).await?.map(|(head, _)| head);
    let Some(place) = firsts.iter().rposition(|first| *first <= (ours.len() as u64).max(1)) else {
        return match (firsts.first(), head) {
            (None, None) if ours.is_empty() => Ok(Fetched::Same),
            (None, None) => Ok(Fetched::Ahead(1)),
            (None, Some(head)) => Err(cut_off(0, head.number)),
            (Some(first), _) => Err(broken(*first)),
        };
    };
    let texts = try_join_all(firsts[place..].iter().map(|first| text(store, *first))).await?;
    let mut reading = Reading { journal, ours: &ours, more: String::new(), number: firsts[place] };
    let mut hashes = Vec::new();
    for (first, text) in firsts[place..].iter().zip(&texts) {
        if *first != reading.number {
            return Err(broken(reading.number));
        }
        for line in text.lines() {
            match reading.take(line)? {
                Some(hash) => hashes.push(hash),
                None => return forked(store).await,
            }
        }
    }
    check_head(head.as_ref(), &hashes, firsts[place], firsts.len())?;
    let last = reading.number - 1;
    Ok(match (ours.len() as u64).cmp(&last) {
        std::cmp::Ordering::Less => Fetched::Behind(reading.more),
        std::cmp::Ordering::Equal => Fetched::Same,
        std::cmp::Ordering::Greater => Fetched::Ahead(last + 1),
    })
}

/// Lines that are read one after the other.
struct Reading<'a> {
    journal: Journal,
    ours: &'a [&'a str],
    more: String,
    number: u64,
}

impl Reading<'_> {
    /// The hash of a line; `None` when it is whole, and another one than ours.
    fn take(&mut self, line: &str) -> Result<Option<String>, Fault> {
        let number = self.number;
        let entry: Entry = serde_json::from_str(line).map_err(|error| {
            not_whole(&JournalError::Unreadable { line: number, why: error.to_string() }.to_string())
        })?;
        let known = usize::try_from(number - 1).ok().and_then(|index| self.ours.get(index));
        match known {
            Some(ours) if *ours == line => {}
            Some(_) if entry.is_itself() => return Ok(None),
            Some(_) => return Err(not_whole(&JournalError::Altered(number).to_string())),
            None => {
                self.journal.accept(&entry).map_err(|error| not_whole(&error.to_string()))?;
                self.more.push_str(line);
                self.more.push('\n');
            }
        }
        self.number += 1;
        Ok(Some(entry.hash))
    }
}

/// The whole of what the stage knows, verified.
async fn forked(store: &dyn Segments) -> Result<Fetched, Fault> {
    match Box::pin(fetch(store, "")).await? {
        Fetched::Behind(whole) => Ok(Fetched::Forked(whole)),
        other => Ok(other),
    }
}

/// The head must be a line of the chain; lines behind it are of a run that was cut off while it wrote.
fn check_head(head: Option<&Head>, hashes: &[String], first: u64, segments: usize) -> Result<(), Fault> {
    let last = first + hashes.len() as u64 - 1;
    match head {
        // The very first segment was written, and the head was about to be.
        None if segments == 1 => Ok(()),
        None => Err(not_whole("its head is gone")),
        Some(head) if head.number > last => Err(cut_off(last, head.number)),
        Some(head) => {
            let at = head.number.checked_sub(first).and_then(|index| usize::try_from(index).ok());
            match at.and_then(|index| hashes.get(index)) {
                Some(hash) if *hash != head.hash => {
                    Err(not_whole(&JournalError::Altered(head.number).to_string()))
                }
                _ => Ok(()),
            }
        }
    }
}

/// Brings lines to the bucket: those of one segment, whole, from its first number on. `false` when there is no bucket.
///
/// # Errors
/// When somebody else wrote meanwhile, or the bucket does not answer.
pub async fn ship(store: &dyn SegmentsMut, first: u64, lines: &str) -> Result<bool, Fault> {
    let Some(last) = lines.lines().next_back() else { return Ok(true) };
    let last: Entry = serde_json::from_str(last).map_err(|error| not_whole(&error.to_string()))?;
    let key = format!("{FOLDER}{first:012}.jsonl");
    // Whether it is there already is asked by writing: a lost answer looks the same, and ends the same.
    match store.create_once(&key, lines.as_bytes()).await? {
        Place::Missing => return Ok(false),
        Place::Written => {}
        Place::Taken => grow(store, &key, lines).await?,
    }
    let bytes = serde_json::to_vec(&Head { number: last.number, hash: last.hash.clone() });
    let bytes = bytes.map_err(|error| not_whole(&error.to_string()))?;
    let written = match head(store).await? {
        Some((head, _)) if head.number == last.number && head.hash == last.hash => true,
        Some((head, _)) if head.number >= last.number => false,
        Some((_, version)) => store.replace(HEAD, &bytes, &version).await?,
        None => store.create_once(HEAD, &bytes).await? == Place::Written,
    };
    if written { Ok(true) } else { Err(two_writers()) }
}

async fn grow(store: &dyn SegmentsMut, key: &str, lines: &str) -> Result<(), Fault> {
    let Some((there, version)) = store.read(key).await? else { return Err(two_writers()) };
    if there == lines.as_bytes() {
        return Ok(());
    }
    let ours = lines.as_bytes().starts_with(&there);
    if ours && store.replace(key, lines.as_bytes(), &version).await? { Ok(()) } else { Err(two_writers()) }
}

async fn head(store: &dyn Segments) -> Result<Option<(Head, String)>, Fault> {
    let Some((bytes, version)) = store.read(HEAD).await? else { return Ok(None) };
    let head = serde_json::from_slice(&bytes).map_err(|_| not_whole("its head cannot be read"))?;
    Ok(Some((head, version)))
}

async fn text(store: &dyn Segments, first: u64) -> Result<String, Fault> {
    let found = store.read(&format!("{FOLDER}{first:012}.jsonl")).await?;
    let (bytes, _) = found.ok_or_else(|| broken(first))?;
    let text = String::from_utf8(bytes).map_err(|_| not_whole("it holds what is no text"))?;
    if text.is_empty() || text.ends_with('\n') { Ok(text) } else { Err(not_whole("a line of it was cut")) }
}

fn number_of(key: &str) -> Option<u64> {
    key.strip_prefix(FOLDER)?.strip_suffix(".jsonl")?.parse().ok()
}

fn broken(number: u64) -> Fault {
    not_whole(&JournalError::Broken(number).to_string())
}

fn cut_off(have: u64, written: u64) -> Fault {
    not_whole(&format!("it ends at line {have}, and {written} were written"))
}

fn not_whole(why: &str) -> Fault {
    let text = format!("the journal is not whole: {why}");
    let hint =
        "the control bucket keeps versions: look who changed `journal/` there, and have the right one back";
    Fault::Refused(Cause::new(text).hint(hint))
}

fn two_writers() -> Fault {
    let text = "somebody else wrote to the journal meanwhile";
    Fault::Refused(Cause::new(text).hint("two runs without a lock: look at `dn history`, then run it again"))
}

#[cfg(test)]
mod tests;
