//! What changed behind our back, field by field.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`accepted`] | differences that people know of and have accepted until a date |
//! | [`cause`] | which call left a field as it is |
//! | [`words`] | what a changed document means, in a sentence |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Address, Change, Declared, Found, Selection, Snapshot,
    plan::{VERSION, left_out, resolved},
    receipt::{Origin, Receipt},
    snapshot::Source,
};

pub mod accepted;
pub mod cause;
pub mod words;

pub use accepted::{Acceptance, Accepted, State};

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
    /// What people accepted: counted, listed and left out of the rest until its date passes.
    pub accepted: Vec<Acceptance>,
    /// What was not compared, and why.
    pub excluded: BTreeMap<Address, String>,
    pub coverage: Coverage,
    /// Where what drifted or is missing is declared.
    pub sources: BTreeMap<Address, Source>,
    /// Who changed it last, where AWS tells.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub last_changes: BTreeMap<Address, Doing>,
    /// Who gave a drifted field its live value, where AWS tells.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub field_changes: BTreeMap<Address, BTreeMap<String, Doing>>,
}

/// What is asked about in AWS's own records.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    pub address: Address,
    /// What the records know it by: the id that AWS gave it, or its name.
    pub name: String,
    /// Fields that drifted, and what they hold now.
    pub fields: Vec<(String, serde_json::Value)>,
}

/// One change, by whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doing {
    /// As AWS names them: a user, or the session of a role.
    pub who: String,
    /// `SetQueueAttributes`.
    pub call: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

/// One resource that is not as it was applied.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drifted {
    pub address: Address,
    pub kind: String,
    pub changes: Vec<Change>,
    /// What the changed documents mean.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub explained: Vec<String>,
    /// What is known about why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

/// How much of what should be looked at was, and how much of the account that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Resources that the stage declares.
    pub declared: usize,
    /// Those of them that were found and compared.
    pub compared: usize,
    /// Fields that were compared.
    pub fields: usize,
    /// What the account holds, where it was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Owners>,
}

/// Whose the resources of an account and Region are, as far as the tagging API lists them: what AWS can tag and what
/// carries a tag or once did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owners {
    /// They carry the tags of this stage.
    pub ours: usize,
    /// They carry the tags of another stage or tool.
    pub others: usize,
    /// Nobody's tags are on them.
    pub nobodys: usize,
}

/// What a report is made from.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    pub stage: &'a str,
    pub declared: &'a [Declared],
    pub snapshot: &'a Snapshot,
    /// What others attached to what the stage owns.
    pub attached: &'a [String],
    pub owners: Option<Owners>,
}

impl Drift {
    /// Whether everything is as it was applied, or accepted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.drifted.is_empty() && self.unmanaged.is_empty() && self.missing.is_empty()
    }

    /// What drifted and what is missing, to be asked about.
    #[must_use]
    pub fn suspects(&self, seen: Seen<'_>) -> Vec<Suspect> {
        let changed = |one: &Change| (one.field.clone(), one.live.clone());
        let drifted =
            self.drifted.iter().map(|one| (&one.address, one.changes.iter().map(changed).collect()));
        let missing = self.missing.iter().map(|address| (address, Vec::new()));
        let suspect = |(address, fields): (&Address, Vec<_>)| {
            let found = seen.snapshot.found.get(address);
            let id = found.and_then(|found| found.outputs.get("id").cloned());
            let declared = || seen.declared.iter().find(|one| one.address == *address);
            let name = id.or_else(|| Some(declared()?.physical.clone()))?;
            Some(Suspect { address: address.clone(), name, fields })
        };
        drifted.chain(missing).filter_map(suspect).collect()
    }

    /// Takes in what the records told of the suspects: the calls that changed each, newest first.
    pub fn explain_by(&mut self, suspects: &[Suspect], calls: &BTreeMap<Address, Vec<cause::Call>>) {
        for one in suspects {
            let Some(calls) = calls.get(&one.address) else { continue };
            let last = calls.first().map(|call| (one.address.clone(), call.doing.clone()));
            self.last_changes.extend(last);
            let cause = |(field, live): &(String, serde_json::Value)| {
                Some((field.clone(), cause::of_field(field, live, calls)?.clone()))
            };
            let fields: BTreeMap<String, Doing> = one.fields.iter().filter_map(cause).collect();
            if !fields.is_empty() {
                self.field_changes.insert(one.address.clone(), fields);
            }
        }
    }

    /// Sixteen hexadecimal digits over what is wrong: the same for as long as the same is wrong.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut fields = crate::Fields::default();
        let drifted: Vec<_> = self.drifted.iter().map(|one| (&one.address, &one.changes)).collect();
        fields.field("drifted", &drifted);
        fields.field("unmanaged", &self.unmanaged);
        fields.field("missing", &self.missing);
        fields.fingerprint()
    }
}

/// Compares what is live with what was applied. A field whose spec was edited since, while AWS still holds what we
/// wrote, is a pending change and no drift. What is accepted on the day `today` (`2026-03-01`) is told apart.
#[must_use]
pub fn drift(seen: Seen<'_>, selection: &Selection, accepted: &[Accepted], today: &str) -> Drift {
    let Seen { stage, declared, snapshot, attached, owners } = seen;
    let by_address: BTreeMap<&Address, &Declared> = declared.iter().map(|one| (&one.address, one)).collect();
    let excluded = left_out(declared, snapshot, selection);
    let (mut drifted, mut missing) = (Vec::new(), Vec::new());
    let mut coverage = Coverage { declared: declared.len(), account: owners, ..Coverage::default() };
    let mut book = accepted::Book::open(accepted, today);
    for one in declared.iter().filter(|one| !excluded.contains_key(&one.address)) {
        let Some(found) = snapshot.found.get(&one.address) else {
            missing.push(one.address.clone());
            continue;
        };
        coverage.compared += 1;
        coverage.fields += one.layout().rows().len();
        let changes = book.leave_out(&one.address, changes_by_others(one, found, &by_address, snapshot));
        if !changes.is_empty() {
            let (address, kind) = (one.address.clone(), one.address.kind().to_owned());
            let explained = changes.iter().flat_map(words::explained).collect();
            drifted.push(Drifted { address, kind, changes, explained, causes: found.findings.clone() });
        }
    }
    let chosen = |(address, _): &&(Address, Found)| !selection.excluded.contains(address);
    let orphan = |(address, found): &(Address, Found)| format!("{address} ({})", found.physical);
    let orphans = snapshot.orphans.iter().filter(chosen).map(orphan);
    let unmanaged = orphans.chain(attached.iter().cloned()).collect();
    let told = drifted.iter().map(|one| &one.address).chain(&missing);
    let sources = told.filter_map(|at| Some((at.clone(), by_address.get(at)?.source.clone()?))).collect();
    Drift {
        version: VERSION,
        stage: stage.to_owned(),
        drifted,
        unmanaged,
        missing,
        accepted: book.close(),
        excluded,
        coverage,
        sources,
        last_changes: BTreeMap::new(),
        field_changes: BTreeMap::new(),
    }
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
