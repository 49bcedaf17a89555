//! What is declared, and what was found: the two inputs of every decision.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Address, Change, Fields, receipt};

/// Tags as AWS holds them, without those whose key starts with `aws:`.
pub type Tags = BTreeMap<String, String>;

/// Attributes that other resources may refer to: `arn`, `name`, `url`, `id`.
pub type Outputs = BTreeMap<String, String>;

/// One resource that should exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    pub address: Address,
    /// The name in AWS: computed, or overridden by the environment.
    pub physical: String,
    /// References that are known by now may have been replaced.
    pub fields: Fields,
    /// The resources that must exist before this one.
    pub references: BTreeSet<Address>,
    /// Of the declaration itself, whatever is known by now.
    pub hash: String,
    /// Tags that it should carry; `None` for kinds that AWS cannot tag.
    pub tags: Option<Tags>,
    /// What is known about it from names alone.
    pub known: Outputs,
    /// A change of what exists that takes long.
    pub slow: Option<Slow>,
    /// Where it is declared.
    pub source: Option<Source>,
}

/// A line of a source file, as an editor opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Below the root of the workspace: `stacks/src/shared.rs`.
    pub file: String,
    pub line: u32,
}

/// Fields whose change takes long on a resource that exists; a birth has nothing to work through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slow {
    /// The part of the rows' names before the first dot.
    pub group: String,
    /// About how long each changed row takes.
    pub seconds_each: u32,
    pub why: String,
}

impl Slow {
    /// About how long these changes take.
    #[must_use]
    pub fn seconds(&self, changes: &[Change]) -> u32 {
        let slow = changes.iter().filter(|change| change.field.split('.').next() == Some(&self.group));
        self.seconds_each.saturating_mul(u32::try_from(slow.count()).unwrap_or(u32::MAX))
    }
}

/// Whether deleting the resource would lose something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum Holds {
    /// Looked, and found empty; or a kind that holds nothing.
    #[default]
    Nothing,
    /// Holds data, described for people: `items`, `12 contacts`, `objects`.
    Data(String),
}

/// One resource that was found.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Found {
    pub physical: String,
    pub fields: Fields,
    /// `None` for kinds that AWS cannot tag.
    pub tags: Option<Tags>,
    pub outputs: Outputs,
    /// AWS's own concurrency token, where there is one.
    pub token: Option<String>,
    pub holds: Holds,
    /// A native lock that refuses deletion, described for people.
    pub protected: Option<String>,
    /// What a person must know or do: "waiting for confirmation", "principal was deleted".
    pub findings: Vec<String>,
    /// Why deleting it cannot be undone, where that is so.
    pub irreversible: Option<String>,
    /// A part of the account in the state in which AWS makes it: there is nothing to delete.
    pub inherent: bool,
    /// Another tool that owns it (`CloudFormation stack billing`).
    pub foreign: Option<String>,
}

/// Fields followed by one row a tag; the receipt is bookkeeping and no field.
fn layout(fields: &Fields, tags: Option<&Tags>) -> Fields {
    let mut all = fields.clone();
    if let Some(tags) = tags {
        let mut shown = tags.clone();
        shown.remove(receipt::TAG);
        all.each("tag", &shown);
    }
    all
}

impl Found {
    /// Fields and tags as one layout: what is compared and fingerprinted.
    #[must_use]
    pub fn layout(&self) -> Fields {
        layout(&self.fields, self.tags.as_ref())
    }

    /// Whether its tags say that it is this resource.
    #[must_use]
    pub fn tags_name(&self, address: &Address) -> bool {
        self.tags
            .as_ref()
            .and_then(|tags| tags.get("dn:address"))
            .is_some_and(|name| *name == address.to_string())
    }

    /// Differs when anything that is compared differs.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.layout().fingerprint()
    }
}

impl Declared {
    /// Fields and tags as one layout: what is compared.
    #[must_use]
    pub fn layout(&self) -> Fields {
        layout(&self.fields, self.tags.as_ref())
    }

    /// A declaration as its stack made it: what it refers to and its hash follow from its fields.
    #[must_use]
    pub fn new(
        address: Address,
        physical: String,
        fields: Fields,
        tags: Option<Tags>,
        known: Outputs,
    ) -> Self {
        let mut references = fields.references();
        // It may mention itself: its own names are known.
        references.remove(&address);
        let hash = layout(&fields, tags.as_ref()).fingerprint();
        Self { address, physical, fields, references, hash, tags, known, slow: None, source: None }
    }
}

/// The world as one run saw it. An address that is missing was absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub found: BTreeMap<Address, Found>,
    /// Owned by this stage, but not declared (or declared under another physical name).
    pub orphans: Vec<(Address, Found)>,
}
