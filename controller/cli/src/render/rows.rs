//! The steps of a plan as people read them, and the plan in a terminal.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use model::{Action, Address, Note, Plan, Step};

use super::{page::Paint, value::brief, verdict};

pub(crate) use text::plan_text;
pub(super) use text::{about, document};

/// From this many births (or deletes) on they are grouped by stack and kind: a first plan stays readable.
const GROUPED_FROM: usize = 9;

/// One row of the list of steps.
#[derive(Debug)]
pub(super) enum Row<'a> {
    /// A step; of a replacement the birth, with the notes of the delete before it.
    One { step: &'a Step, notes: Vec<&'a Note> },
    /// Births or deletes of one kind in one stack.
    Many { action: Action, kind: String, names: Vec<&'a str>, notes: Vec<String> },
}

/// What changes before what is new, both in the order of the steps.
pub(super) fn rows<'a>(plan: &'a Plan) -> Vec<Row<'a>> {
    let reborn: BTreeSet<&Address> =
        plan.steps.iter().filter(|step| step.action == Action::Replace).map(|step| &step.address).collect();
    let farewell = |step: &&Step| step.action == Action::Delete && reborn.contains(&step.address);
    let farewells: BTreeMap<&Address, &Step> =
        plan.steps.iter().filter(farewell).map(|step| (&step.address, step)).collect();
    let told: Vec<&Step> = plan.steps.iter().filter(|step| !farewell(step)).collect();
    let grouped = |action| {
        matches!(action, Action::Create | Action::Delete)
            && told.iter().filter(|step| step.action == action).count() >= GROUPED_FROM
    };
    let (many, few): (Vec<&Step>, Vec<&Step>) = told.iter().partition(|step| grouped(step.action));
    let one = |step: &'a Step| {
        let earlier = farewells.get(&step.address).filter(|_| step.action == Action::Replace);
        let notes = earlier.into_iter().flat_map(|earlier| &earlier.notes).chain(&step.notes).collect();
        Row::One { step, notes }
    };
    few.into_iter().map(one).chain(groups(&many)).collect()
}

fn groups<'a>(steps: &[&'a Step]) -> Vec<Row<'a>> {
    let mut groups: BTreeMap<(Action, &str, &str), Vec<&'a Step>> = BTreeMap::new();
    for step in steps {
        let at = &step.address;
        groups.entry((step.action, at.stack(), at.kind())).or_default().push(step);
    }
    let row = |((action, stack, kind), mut steps): ((Action, &str, &str), Vec<&'a Step>)| {
        steps.sort_by_key(|step| step.address.name());
        let names = steps.iter().map(|step| step.address.name()).collect();
        let notes = shared_remarks(&steps);
        Row::Many { action, kind: format!("{stack}/{kind}"), names, notes }
    };
    groups.into_iter().map(row).collect()
}

/// What is remarkable about a group, each thing once; of the slow ones the slowest.
fn shared_remarks(steps: &[&Step]) -> Vec<String> {
    let mut slow: BTreeMap<&str, u32> = BTreeMap::new();
    let mut others = Vec::new();
    for note in steps.iter().flat_map(|step| &step.notes) {
        match note {
            Note::TakesLong { seconds, why } => {
                let longest = slow.entry(why).or_default();
                *longest = (*longest).max(*seconds);
            }
            other => others.push(other),
        }
    }
    let mut remarks = verdict::remarks(others.into_iter());
    remarks.extend(slow.into_iter().map(|(why, seconds)| verdict::slow(seconds, why)));
    let mut told = BTreeSet::new();
    remarks.retain(|remark| told.insert(remark.clone()));
    remarks
}

/// The sign in front of a step and its colour.
pub(super) fn sign(step: &Step) -> (&'static str, Paint) {
    if verdict::only_puts_back(step) { ("!", Paint::Careful) } else { sign_of(step.action) }
}

pub(super) fn sign_of(action: Action) -> (&'static str, Paint) {
    match action {
        Action::Create => ("+", Paint::Good),
        Action::Update => ("~", Paint::Careful),
        Action::Replace => ("±", Paint::Swap),
        Action::Delete => ("-", Paint::Bad),
    }
}

/// What a step does, on one line: the changed fields, or what a birth or a delete is about.
pub(super) fn summary(step: &Step) -> String {
    match step.action {
        Action::Create => super::words::count(step.changes.len(), "field"),
        Action::Delete => step.physical.clone(),
        Action::Update | Action::Replace => step.changes.iter().map(brief).collect::<Vec<_>>().join(", "),
    }
}

/// What was left out, by reason.
pub(super) fn left_out(plan: &Plan) -> BTreeMap<&str, Vec<String>> {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (address, why) in &plan.excluded {
        reasons.entry(why).or_default().push(address.to_string());
    }
    reasons
}
