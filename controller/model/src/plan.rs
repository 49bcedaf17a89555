//! Differences to ordered steps, nothing left to decide.
//!
//! Order comes from references alone. What is wanted refers to what must exist first; what is live refers to what
//! must be deleted last. A replacement is two steps, a delete and a birth.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Address, Change, Declared, Fields, Found, Impact, Snapshot,
    fields::hex,
    graph,
    lint::{Note, Sides, notes},
    pace::Pace,
};

mod order;
#[cfg(test)]
mod tests;

use order::{check_references, connect, exclusions, keep_data, order_drafts};

/// The version of the plan's JSON.
pub const VERSION: u32 = 1;

/// Why a resource is left out when others were named.
pub const NOT_TARGETED: &str = "not targeted";

/// A step's number in its plan, counting from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u32);

/// What a step is to people. Birth, change and second half of a replacement all run the same code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Create,
    Update,
    /// The birth that follows the delete of the same address.
    Replace,
    Delete,
}

/// What a step must find, or it refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expects {
    Absent,
    /// The fingerprint of what the plan saw, and AWS's own token where there is one.
    Live {
        fingerprint: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
}

/// One step: fully decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub id: StepId,
    pub address: Address,
    pub kind: String,
    pub action: Action,
    /// The name in AWS: an orphan may have another one than its address would give.
    pub physical: String,
    /// For people; execution never reads it.
    pub changes: Vec<Change>,
    pub expects: Expects,
    pub after: BTreeSet<StepId>,
    pub notes: Vec<Note>,
}

/// How many resources of each sort a plan concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    pub unchanged: usize,
    /// Resources with a field that somebody else changed.
    pub drifted: usize,
}

/// What a run will do, bound to what it saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub version: u32,
    pub stage: String,
    pub account: String,
    pub region: String,
    /// Of everything declared: two plans of the same declarations have the same.
    pub spec_hash: String,
    pub summary: Summary,
    /// About how long it takes, in seconds, along the longest path.
    pub seconds: u64,
    pub steps: Vec<Step>,
    /// Not deleted although everything should be: it holds data and was not named, it is protected, or what is kept
    /// needs it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<Address, String>,
    /// Left out, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub excluded: BTreeMap<Address, String>,
    /// What people must know about resources that need no step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub findings: BTreeMap<Address, Vec<String>>,
}

/// Where a plan is for.
#[derive(Clone, Debug)]
pub struct Target {
    pub stage: String,
    pub account: String,
    pub region: String,
}

/// What the person chose: which resources take part, and which data may be destroyed.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these, and what they need; empty for all.
    pub targets: BTreeSet<Address>,
    pub excluded: BTreeSet<Address>,
    /// Named one by one: may be deleted although it holds data.
    pub destroy_data: BTreeSet<Address>,
    /// Delete everything that the stage owns.
    pub destroy: bool,
}

/// Why there is no plan.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("resources refer to each other in a circle: {}", path(.0))]
    Cycle(Vec<Address>),
    #[error("{from} refers to {to}, which is not declared")]
    Dangling { from: Box<Address>, to: Box<Address> },
}

fn path(addresses: &[Address]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" -> ")
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The steps that must not run until a person acts, with the reason.
    pub fn blocks(&self) -> impl Iterator<Item = (&Step, &Note)> {
        let blocking = |note: &&Note| matches!(note, Note::Blocked { .. });
        self.steps
            .iter()
            .flat_map(move |step| step.notes.iter().filter(blocking).map(move |note| (step, note)))
    }
}

/// A step before it has its number.
struct Draft<'a> {
    address: &'a Address,
    action: Action,
    declared: Option<&'a Declared>,
    found: Option<&'a Found>,
    /// Both sides as they were compared; empty where nothing is wanted, or nothing is there.
    want: Fields,
    live: Fields,
    changes: Vec<Change>,
    before: Vec<usize>,
}

/// What each resource refers to.
type References<'a> = BTreeMap<&'a Address, &'a BTreeSet<Address>>;

/// Compares what is declared with what was found and orders the steps between.
///
/// # Errors
/// When references run in a circle or lead nowhere.
pub fn plan(
    target: Target,
    declared: &[Declared],
    snapshot: &Snapshot,
    selection: &Selection,
) -> Result<Plan, PlanError> {
    plan_at(&Pace::default(), target, declared, snapshot, selection)
}

/// The same, with an estimate of the time that goes by how long such steps took before.
///
/// # Errors
/// When references run in a circle or lead nowhere.
pub fn plan_at(
    pace: &Pace,
    target: Target,
    declared: &[Declared],
    snapshot: &Snapshot,
    selection: &Selection,
) -> Result<Plan, PlanError> {
    let references: References<'_> = declared.iter().map(|one| (&one.address, &one.references)).collect();
    check_references(declared, &references)?;
    let by_address: BTreeMap<&Address, &Declared> = declared.iter().map(|one| (&one.address, one)).collect();
    let excluded = exclusions(declared, &references, snapshot, selection);
    let chosen: Vec<&Declared> = declared.iter().filter(|one| !excluded.contains_key(&one.address)).collect();

    let mut drafts = Vec::new();
    let mut summary = Summary::default();
    let mut findings = BTreeMap::new();
    let resolve = |fields: Fields| resolved(fields, &by_address, snapshot);
    for one in &chosen {
        let found = snapshot.found.get(&one.address);
        // What is about to be deleted needs nothing more from anybody.
        if let Some(found) = found.filter(|found| !found.findings.is_empty() && !selection.destroy) {
            findings.insert(one.address.clone(), found.findings.clone());
        }
        drafts.extend(drafts_of(one, found, &resolve, selection.destroy, &mut summary));
    }
    let chosen_orphan =
        |address: &Address| selection.targets.is_empty() || selection.targets.contains(address);
    for (address, found) in &snapshot.orphans {
        if chosen_orphan(address) && !selection.excluded.contains(address) {
            summary.delete += 1;
            let (action, live) = (Action::Delete, found.layout());
            let (want, changes, before) = (Fields::default(), Vec::new(), Vec::new());
            drafts.push(Draft {
                address,
                action,
                declared: None,
                found: Some(found),
                want,
                live,
                changes,
                before,
            });
        }
    }
    connect(&mut drafts, &references);
    let mut order = order_drafts(&drafts)?;
    let mut kept = BTreeMap::new();
    if selection.destroy {
        kept = keep_data(&mut drafts, &order, selection);
        summary.delete -= kept.len();
        order = order_drafts(&drafts)?;
    }
    let edges: Vec<Vec<usize>> = drafts.iter().map(|draft| draft.before.clone()).collect();
    let seconds = graph::longest(&edges, &order, |index| {
        let draft = &drafts[index];
        let slow =
            draft.declared.and_then(|one| one.slow.as_ref()).filter(|_| draft.action == Action::Update);
        let before = pace.seconds(draft.address.kind(), draft.action).unwrap_or(0);
        slow.map_or(0, |slow| u64::from(slow.seconds(&draft.changes))).max(before).max(1)
    });
    let steps = number(&mut drafts, &order, selection, &mut summary);
    let Target { stage, account, region } = target;
    let spec_hash = spec_hash(declared);
    Ok(Plan {
        version: VERSION,
        stage,
        account,
        region,
        spec_hash,
        summary,
        seconds,
        steps,
        kept,
        excluded,
        findings,
    })
}

/// What takes no part, and why: excluded by name, not targeted, or in need of something that is and is not there.
pub fn left_out(
    declared: &[Declared],
    snapshot: &Snapshot,
    selection: &Selection,
) -> BTreeMap<Address, String> {
    let references: References<'_> = declared.iter().map(|one| (&one.address, &one.references)).collect();
    exclusions(declared, &references, snapshot, selection)
}

/// The layout of what is wanted, with every reference that is known by now replaced.
pub fn resolved(fields: Fields, declared: &BTreeMap<&Address, &Declared>, snapshot: &Snapshot) -> Fields {
    fields.resolve(&|reference| {
        let found = snapshot.found.get(&reference.address);
        let found = found.and_then(|found| found.outputs.get(&reference.attribute));
        let known = || declared.get(&reference.address)?.known.get(&reference.attribute);
        found.or_else(known).cloned()
    })
}

/// The steps that one declared resource needs: none, one, or two.
fn drafts_of<'a>(
    one: &'a Declared,
    found: Option<&'a Found>,
    resolve: &dyn Fn(Fields) -> Fields,
    destroy: bool,
    summary: &mut Summary,
) -> Vec<Draft<'a>> {
    let draft = |action, want: &Fields, live: &Fields, changes| Draft {
        address: &one.address,
        action,
        declared: Some(one),
        found,
        want: want.clone(),
        live: live.clone(),
        changes,
        before: Vec::new(),
    };
    let nothing = Fields::default();
    let Some(live) = found.map(Found::layout) else {
        if destroy {
            return Vec::new();
        }
        summary.create += 1;
        let want = resolve(one.layout());
        return vec![draft(Action::Create, &want, &nothing, want.diff(&nothing))];
    };
    if destroy {
        if found.is_some_and(|found| found.inherent) {
            return Vec::new();
        }
        summary.delete += 1;
        return vec![draft(Action::Delete, &nothing, &live, Vec::new())];
    }
    let want = resolve(one.layout());
    let changes = want.diff(&live);
    if changes.is_empty() {
        summary.unchanged += 1;
        return Vec::new();
    }
    let replaces = changes.iter().any(|change| change.impact == Impact::Replace);
    let blocked = changes.iter().any(|change| change.impact == Impact::Blocked);
    if replaces && !blocked {
        summary.replace += 1;
        let delete = draft(Action::Delete, &want, &live, changes.clone());
        return vec![delete, draft(Action::Replace, &want, &live, changes)];
    }
    summary.update += 1;
    vec![draft(Action::Update, &want, &live, changes)]
}

fn number(
    drafts: &mut [Draft<'_>],
    order: &[usize],
    selection: &Selection,
    summary: &mut Summary,
) -> Vec<Step> {
    let mut ids = vec![StepId(0); drafts.len()];
    for (place, index) in (1..).zip(order) {
        ids[*index] = StepId(place);
    }
    let mut steps = Vec::with_capacity(drafts.len());
    for index in order {
        let draft = &mut drafts[*index];
        let sides = Sides { want: &draft.want, live: &draft.live };
        let notes = notes(draft.action, draft.declared, &sides, draft.found, &draft.changes, selection);
        if notes.iter().any(|note| matches!(note, Note::Overwrites { .. })) && draft.action != Action::Replace
        {
            summary.drifted += 1;
        }
        let expects = match draft.found.filter(|_| draft.action != Action::Replace) {
            None => Expects::Absent,
            Some(found) => {
                Expects::Live { fingerprint: draft.live.fingerprint(), token: found.token.clone() }
            }
        };
        let physical = draft.found.map(|found| &found.physical).or(draft.declared.map(|one| &one.physical));
        steps.push(Step {
            id: ids[*index],
            address: draft.address.clone(),
            kind: draft.address.kind().to_owned(),
            action: draft.action,
            physical: physical.cloned().unwrap_or_default(),
            changes: std::mem::take(&mut draft.changes),
            expects,
            after: draft.before.iter().map(|earlier| ids[*earlier]).collect(),
            notes,
        });
    }
    steps
}

/// Sixteen hexadecimal digits over everything declared.
pub fn spec_hash(declared: &[Declared]) -> String {
    let mut hash = Sha256::new();
    for one in declared {
        hash.update(one.address.to_string());
        hash.update([0]);
        hash.update(&one.physical);
        hash.update([0]);
        hash.update(&one.hash);
    }
    hex(&hash.finalize()[..8])
}
