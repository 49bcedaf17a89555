//! Documents: everything the account holds, as JSON values by collection and id.
//!
//! In memory they are shared, so that forking an account costs next to nothing. On disk they are an append-only
//! file of changes which several processes share: each call takes the lock, reads what others appended, works, and
//! appends its own changes. A torn last line (a killed process) is ignored and overwritten.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{blobs::Blobs, trail::Trail};

/// Collection to id to document.
pub type Documents = BTreeMap<String, BTreeMap<String, Arc<Value>>>;

/// One changed document; `None` for a removed one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Edit {
    #[serde(rename = "c")]
    pub collection: String,
    #[serde(rename = "i")]
    pub id: String,
    #[serde(rename = "v")]
    pub value: Option<Arc<Value>>,
}

/// The documents and where they are kept.
#[derive(Debug, Default)]
pub struct Store {
    pub documents: Documents,
    /// How often each collection has changed since this was opened.
    changes: BTreeMap<String, u64>,
    pub(crate) blobs: Blobs,
    pub(crate) trail: Trail,
    file: Option<Backing>,
}

#[derive(Debug)]
struct Backing {
    path: PathBuf,
    lock: File,
    inode: u64,
    read: u64,
    lines: usize,
}

/// Files larger than this many lines a document are rewritten when opened.
const LINES_PER_DOCUMENT_MAX: usize = 8;

impl Store {
    /// Opens the file of changes in `directory`, making both where they are missing.
    ///
    /// # Errors
    /// When the directory or its files cannot be made, read or written.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join("account.lock"))?;
        let path = directory.join("account.jsonl");
        OpenOptions::new().create(true).append(true).open(&path)?;
        let mut store = Self {
            documents: Documents::new(),
            changes: BTreeMap::new(),
            blobs: Blobs::at(&directory.join("blobs")),
            trail: Trail::at(directory),
            file: Some(Backing { path, lock, inode: 0, read: 0, lines: 0 }),
        };
        store.transact(|_| ((), Vec::new()))?;
        store.compact()?;
        Ok(store)
    }

    /// Runs `work` on the documents as they are now, on disk too, and keeps the edits that it returns.
    ///
    /// # Errors
    /// When the file cannot be read or written; then nothing is kept.
    pub fn transact<T>(&mut self, work: impl FnOnce(&Documents) -> (T, Vec<Edit>)) -> io::Result<T> {
        let Some(file) = &mut self.file else {
            let (answer, edits) = work(&self.documents);
            apply(&mut self.documents, &mut self.changes, edits);
            return Ok(answer);
        };
        file.lock.lock()?;
        let done = file.refresh(&mut self.documents, &mut self.changes).and_then(|()| {
            let (answer, edits) = work(&self.documents);
            file.append(&edits)?;
            apply(&mut self.documents, &mut self.changes, edits);
            Ok(answer)
        });
        file.lock.unlock()?;
        done
    }

    /// Reads what other processes have appended.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn refresh(&mut self) -> io::Result<()> {
        self.transact(|_| ((), Vec::new()))
    }

    /// How often the collections whose names begin so have changed since this was opened.
    #[must_use]
    pub fn changes(&self, prefix: &str) -> u64 {
        let of = self.changes.iter().filter(|(name, _)| name.starts_with(prefix));
        of.map(|(_, changes)| changes).sum()
    }

    /// Rewrites the file with one line a document when it has grown far beyond that, and removes the blobs that
    /// nothing names.
    fn compact(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let documents = self.documents.values().map(BTreeMap::len).sum::<usize>();
        let long = file.lines > LINES_PER_DOCUMENT_MAX * (documents + 64);
        file.lock.lock()?;
        let done = file.refresh(&mut self.documents, &mut self.changes).and_then(|()| {
            if long {
                file.rewrite(&self.documents)?;
            }
            self.blobs.sweep(&self.documents)
        });
        file.lock.unlock()?;
        done
    }
}

impl Backing {
    fn refresh(&mut self, documents: &mut Documents, changes: &mut BTreeMap<String, u64>) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        let about = file.metadata()?;
        if about.ino() != self.inode || about.len() < self.read {
            for (collection, _) in std::mem::take(documents) {
                *changes.entry(collection).or_default() += 1;
            }
            (self.inode, self.read, self.lines) = (about.ino(), 0, 0);
        }
        if about.len() == self.read {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut lines = BufReader::new(file);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            let edit: Edit = serde_json::from_slice(&line)
                .map_err(|error| io::Error::other(format!("{}: {error}", self.path.display())))?;
            self.read += line.len() as u64;
            self.lines += 1;
            apply(documents, changes, vec![edit]);
            line.clear();
        }
        Ok(())
    }

    fn append(&mut self, edits: &[Edit]) -> io::Result<()> {
        if edits.is_empty() {
            return Ok(());
        }
        let mut text = Vec::new();
        for edit in edits {
            serde_json::to_writer(&mut text, edit)?;
            text.push(b'\n');
        }
        let mut file = OpenOptions::new().write(true).open(&self.path)?;
        file.set_len(self.read)?;
        file.seek(SeekFrom::Start(self.read))?;
        if let Err(error) = file.write_all(&text) {
            // A full disk may have taken a part of it: cut that off, so that nothing is half-written.
            file.set_len(self.read)?;
            return Err(error);
        }
        self.read += text.len() as u64;
        self.lines += edits.len();
        Ok(())
    }

    fn rewrite(&mut self, documents: &Documents) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut text = Vec::new();
        for (collection, ids) in documents {
            for (id, value) in ids {
                let edit =
                    Edit { collection: collection.clone(), id: id.clone(), value: Some(value.clone()) };
                serde_json::to_writer(&mut text, &edit)?;
                text.push(b'\n');
            }
        }
        fs::write(&fresh, &text)?;
        fs::rename(&fresh, &self.path)?;
        self.inode = fs::metadata(&self.path)?.ino();
        self.read = text.len() as u64;
        self.lines = documents.values().map(BTreeMap::len).sum();
        Ok(())
    }
}

fn apply(documents: &mut Documents, changes: &mut BTreeMap<String, u64>, edits: Vec<Edit>) {
    for edit in edits {
        *changes.entry(edit.collection.clone()).or_default() += 1;
        let collection = documents.entry(edit.collection).or_default();
        match edit.value {
            Some(value) => collection.insert(edit.id, value),
            None => collection.remove(&edit.id),
        };
    }
}
