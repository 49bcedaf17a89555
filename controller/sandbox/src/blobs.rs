//! Large bodies, kept once by their digest beside the documents that name them.
//!
//! What an account holds stays small enough to be read line by line; an object of tens of megabytes does not
//! pass through it. In memory they are shared by all accounts of the process, as a digest means the same
//! bytes everywhere; on disk each is a file, and those that no document names are removed when the account is
//! opened.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::store::Documents;

/// The member under which a document names a blob.
pub(crate) const MEMBER: &str = "blob";

static MEMORY: Mutex<BTreeMap<String, Bytes>> = Mutex::new(BTreeMap::new());

/// Where large bodies are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blobs {
    folder: Option<PathBuf>,
    /// Whether new ones are written to the folder; otherwise they stay in memory.
    durable: bool,
}

impl Blobs {
    /// Files in `folder`, which is made with the first of them.
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), durable: true }
    }

    /// The same ones, for an account whose own stay in memory.
    pub(crate) fn fork(&self) -> Self {
        Self { folder: self.folder.clone(), durable: false }
    }

    /// Keeps a body and names it: 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the file cannot be written; then there is none.
    pub(crate) fn keep(&self, body: &Bytes) -> io::Result<String> {
        let name = digest(body);
        let Some(folder) = self.folder.as_ref().filter(|_| self.durable) else {
            memory(|kept| drop(kept.insert(name.clone(), body.clone())));
            return Ok(name);
        };
        let path = folder.join(&name);
        if path.exists() {
            return Ok(name);
        }
        fs::create_dir_all(folder)?;
        // The account is locked meanwhile, so nobody else writes this file.
        let fresh = folder.join("new");
        fs::write(&fresh, body).inspect_err(|_| drop(fs::remove_file(&fresh)))?;
        fs::rename(&fresh, &path)?;
        Ok(name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Bytes> {
        memory(|kept| kept.get(name).cloned())
            .or_else(|| fs::read(self.folder.as_ref()?.join(name)).ok().map(Bytes::from))
    }

    /// Removes the files that no document names.
    pub(crate) fn sweep(&self, documents: &Documents) -> io::Result<()> {
        let Some(folder) = self.folder.as_ref().filter(|folder| self.durable && folder.exists()) else {
            return Ok(());
        };
        let mut named = BTreeSet::new();
        documents.values().flat_map(BTreeMap::values).for_each(|one| names_in(one, &mut named));
        for file in fs::read_dir(folder)? {
            let file = file?;
            if !file.file_name().to_str().is_some_and(|name| named.contains(name)) {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }
}

pub(crate) fn digest(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn memory<T>(work: impl FnOnce(&mut BTreeMap<String, Bytes>) -> T) -> T {
    work(&mut MEMORY.lock().unwrap_or_else(PoisonError::into_inner))
}

fn names_in<'v>(value: &'v Value, into: &mut BTreeSet<&'v str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| names_in(item, into)),
        Value::Object(members) => {
            into.extend(members.get(MEMBER).and_then(Value::as_str));
            members.values().for_each(|member| names_in(member, into));
        }
        _ => {}
    }
}
