//! One release: what runs, where it came from, and what it was made with.
//!
//! Its name is the SHA-256 of its bytes, so a manifest cannot be changed without becoming another one. It holds no
//! time and no person: the same source makes the same release. Who made it when is in the journal.

use std::collections::BTreeMap;

use contract::{function::Service, needs::Needs};
use kinds::kinds::artefact::digest;
use serde::{Deserialize, Serialize};
use stacks::{Artefacts, code::Artefact};

const VERSION: u32 = 1;

/// Digits of a name that people are shown.
const SHORT: usize = 12;

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub version: u32,
    pub revision: Revision,
    /// The compiler in its own words, where it is known.
    pub toolchain: Option<String>,
    /// Of the processor: `x86_64` or `arm64`.
    pub architecture: String,
    /// Of everything that the stage declared it with.
    pub spec_hash: String,
    /// By the package of each service.
    pub artefacts: BTreeMap<String, Entry>,
}

/// The source of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// Of git.
    pub commit: String,
    /// Whether files differed from that commit.
    pub dirty: bool,
}

/// The code of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Of the zip: 64 hexadecimal digits.
    pub sha256: String,
    /// Bytes of the zip.
    pub size: u64,
    /// Of the contract file in it.
    pub contract_sha256: String,
    pub contract: Needs,
}

/// Why a manifest cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("release {0} is not what its name says: its bytes were changed")]
    Altered(String),
    #[error("release {id} cannot be read: {why}")]
    Unreadable { id: String, why: String },
    #[error("release {id} holds the code of `{service}`, which this program does not know")]
    UnknownService { id: String, service: String },
}

impl Manifest {
    /// A release of these artefacts; `contracts` are the files in them.
    #[must_use]
    pub fn new(revision: Revision, toolchain: Option<String>, architecture: &str, spec_hash: String) -> Self {
        let (architecture, artefacts) = (architecture.to_owned(), BTreeMap::new());
        Self { version: VERSION, revision, toolchain, architecture, spec_hash, artefacts }
    }

    /// With the code of one service.
    #[must_use]
    pub fn with(mut self, service: Service, artefact: &Artefact, contract: Needs) -> Self {
        let entry = Entry {
            sha256: artefact.sha256.clone(),
            size: artefact.size,
            contract_sha256: digest(contract.text().as_bytes()),
            contract,
        };
        self.artefacts.insert(service.package().to_owned(), entry);
        self
    }

    /// The bytes that are kept.
    ///
    /// # Panics
    /// Never: every member can be written as JSON.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let text = serde_json::to_string_pretty(self).expect("a manifest is made of what JSON can hold");
        (text + "\n").into_bytes()
    }

    /// Its name: 64 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        digest(&self.bytes())
    }

    /// Reads the bytes of the release of this name.
    ///
    /// # Errors
    /// When they are others, or of another version of this program.
    pub fn read(id: &str, bytes: &[u8]) -> Result<Self, ManifestError> {
        if digest(bytes) != id {
            return Err(ManifestError::Altered(short(id).to_owned()));
        }
        let unreadable = |why: String| ManifestError::Unreadable { id: short(id).to_owned(), why };
        let read: Self = serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        if read.version != VERSION {
            return Err(unreadable(format!("it is of version {}", read.version)));
        }
        Ok(read)
    }

    /// What the stacks are declared with: the code is in the control bucket already, under its digest.
    ///
    /// # Errors
    /// When it holds the code of a service that is not known.
    pub fn code(&self) -> Result<Artefacts, ManifestError> {
        let one = |(name, entry): (&String, &Entry)| {
            let service = Service::all().find(|service| service.package() == name).ok_or_else(|| {
                ManifestError::UnknownService { id: short(&self.id()).to_owned(), service: name.clone() }
            })?;
            Ok((service, Artefact { file: None, sha256: entry.sha256.clone(), size: entry.size }))
        };
        self.artefacts.iter().map(one).collect()
    }
}

/// The first digits of a digest, for people.
#[must_use]
pub fn short(digest: &str) -> &str {
    digest.get(..SHORT).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let revision = Revision { commit: "c0ffee".into(), dirty: false };
        let artefact = Artefact { file: None, sha256: digest(b"zip"), size: 3 };
        Manifest::new(revision, None, "x86_64", "spec".into()).with(
            Service::Outreach,
            &artefact,
            Needs::of(Service::Outreach),
        )
    }

    #[test]
    fn a_name_fits_its_bytes_and_no_others() {
        let made = manifest();
        assert_eq!(Manifest::read(&made.id(), &made.bytes()), Ok(made.clone()));
        let text = String::from_utf8(made.bytes()).unwrap();
        let forged = text.replace("\"dirty\": false", "\"dirty\": true");
        assert_ne!(forged, text);
        let altered = Manifest::read(&made.id(), forged.as_bytes());
        assert!(matches!(altered, Err(ManifestError::Altered(_))), "{altered:?}");
        assert_ne!(Manifest { toolchain: Some("rustc 2".into()), ..made.clone() }.id(), made.id());
    }

    #[test]
    fn its_code_is_in_the_bucket() {
        let code = manifest().code().unwrap();
        assert_eq!(code[&Service::Outreach].file, None);
        let mut unknown = manifest();
        let entry = unknown.artefacts["outreach"].clone();
        unknown.artefacts.insert("billing".into(), entry);
        assert!(matches!(unknown.code(), Err(ManifestError::UnknownService { .. })));
    }
}
