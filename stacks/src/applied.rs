//! What an apply leaves in the control bucket, so that whoever compares later declares the same.

use std::collections::BTreeMap;

use contract::function::Service;
use kinds::Scope;
use model::{Address, address::AddressError};
use serde::{Deserialize, Serialize};

use crate::{Artefacts, Environment, code::Artefact};

/// The version of the form.
const VERSION: u32 = 1;

/// An environment as it was applied, with the digests of its code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    version: u32,
    pub stage: String,
    /// Of everything declared then: another one now means that another version of the stacks declares.
    pub spec_hash: String,
    pub environment: Environment,
    code: BTreeMap<String, Digest>,
    /// What was left out on purpose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<Address>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Digest {
    sha256: String,
    size: u64,
}

impl Applied {
    /// What was applied just now.
    #[must_use]
    pub fn new(
        stage: &str,
        spec_hash: &str,
        environment: &Environment,
        artefacts: &Artefacts,
        excluded: Vec<Address>,
    ) -> Self {
        let digest = |one: &Artefact| Digest { sha256: one.sha256.clone(), size: one.size };
        let code = artefacts.iter().map(|(of, one)| (of.package().to_owned(), digest(one))).collect();
        let (stage, spec_hash) = (stage.to_owned(), spec_hash.to_owned());
        Self { version: VERSION, stage, spec_hash, environment: environment.clone(), code, excluded }
    }

    /// # Errors
    /// Says what cannot be read of it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let of_now = read.version == VERSION;
        of_now.then_some(read).ok_or_else(|| "it is of another version of dn".to_owned())
    }

    /// # Panics
    /// Never: every member can be written as JSON.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("an environment is plain data")
    }

    /// The code by its digests; its files are elsewhere.
    #[must_use]
    pub fn artefacts(&self) -> Artefacts {
        let one = |service: Service| {
            let Digest { sha256, size } = self.code.get(service.package())?.clone();
            Some((service, Artefact { file: None, sha256, size }))
        };
        Service::all().filter_map(one).collect()
    }

    /// Whose environment it is.
    ///
    /// # Errors
    /// When a key under `names` is no address.
    pub fn scope(&self) -> Result<Scope, AddressError> {
        self.environment.scope(&self.stage)
    }
}
