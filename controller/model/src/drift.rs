//! What changed behind our back, field by field.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    Address, Change, Declared, Found, Snapshot,
    plan::{VERSION, resolved},
    receipt::{Origin, Receipt},
};

/// The report of `drift`. Orders are stable: that of the declarations, then of addresses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drift {
    pub version: u32,
    pub stage: String,
    pub drifted: Vec<Drifted>,
    /// Owned by the stage, or attached to what it owns, and not declared.
    pub unmanaged: Vec<String>,
    /// Declared and not there.
    pub missing: Vec<Address>,
}

/// One resource that is not as it was applied.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drifted {
    pub address: Address,
    pub kind: String,
    pub changes: Vec<Change>,
    /// What is known about why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

impl Drift {
    /// Whether everything is as it was applied.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.drifted.is_empty() && self.unmanaged.is_empty() && self.missing.is_empty()
    }
}

/// Compares what is live with what was applied. A field whose spec was edited since, while AWS still holds what we
/// wrote, is a pending change and no drift.
#[must_use]
pub fn drift(stage: &str, declared: &[Declared], snapshot: &Snapshot, attached: Vec<String>) -> Drift {
    let by_address: BTreeMap<&Address, &Declared> = declared.iter().map(|one| (&one.address, one)).collect();
    let (mut drifted, mut missing) = (Vec::new(), Vec::new());
    for one in declared {
        let Some(found) = snapshot.found.get(&one.address) else {
            missing.push(one.address.clone());
            continue;
        };
        let changes = changes_by_others(one, found, &by_address, snapshot);
        if !changes.is_empty() {
            let (address, kind) = (one.address.clone(), one.address.kind().to_owned());
            drifted.push(Drifted { address, kind, changes, causes: found.findings.clone() });
        }
    }
    let orphan = |(address, found): &(Address, Found)| format!("{address} ({})", found.physical);
    let unmanaged = snapshot.orphans.iter().map(orphan).chain(attached).collect();
    Drift { version: VERSION, stage: stage.to_owned(), drifted, unmanaged, missing }
}

fn changes_by_others(
    one: &Declared,
    found: &Found,
    by_address: &BTreeMap<&Address, &Declared>,
    snapshot: &Snapshot,
) -> Vec<Change> {
    let (want, live) = (resolved(one.layout(), by_address, snapshot), found.layout());
    let mut changes = want.diff(&live);
    if let Some(receipt) = found.tags.as_ref().and_then(Receipt::read) {
        changes.retain(|change| receipt.origin(&change.field, &want, &live) != Origin::Spec);
    }
    changes
}
