//! What a person must know about a plan before its size.

use std::collections::{BTreeMap, BTreeSet};

use model::{Action, Address, Note, Plan, Step, text::for_people};

use super::words::{count, duration};

/// Why a step needs a person, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Risk {
    Blocked,
    LosesData,
    Widens,
    Interrupts,
    Irreversible,
    Overwrites,
    Adopts,
}

/// One step's risk, in words.
#[derive(Debug)]
pub(super) struct Danger<'a> {
    pub(super) address: &'a Address,
    pub(super) what: Vec<String>,
    pub(super) hint: Option<&'a str>,
}

impl Risk {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Blocked => "Blocked: a person must act before this can be applied",
            Self::LosesData => "Loses data",
            Self::Widens => "Widens permissions",
            Self::Interrupts => "Interrupts service",
            Self::Irreversible => "Cannot be undone",
            Self::Overwrites => "Changed outside: will be put back",
            Self::Adopts => "Takes over what exists and nobody's tags are on",
        }
    }
}

/// Every risk of a plan, the gravest first; within one risk in the order of the steps.
pub(super) fn dangers(plan: &Plan) -> BTreeMap<Risk, Vec<Danger<'_>>> {
    let mut all: BTreeMap<Risk, Vec<Danger<'_>>> = BTreeMap::new();
    for (step, note) in plan.steps.iter().flat_map(|step| step.notes.iter().map(move |note| (step, note))) {
        let people = |lines: &[String]| lines.iter().map(|line| for_people(line)).collect::<Vec<_>>();
        let (risk, what, hint) = match note {
            Note::Blocked { why, hint } => (Risk::Blocked, vec![for_people(why)], Some(hint.as_str())),
            Note::LosesData { what } => (Risk::LosesData, vec![for_people(what)], None),
            Note::Widens { gained } => (Risk::Widens, people(gained), None),
            Note::Downtime { why } => (Risk::Interrupts, vec![for_people(why)], None),
            Note::Irreversible { why } => (Risk::Irreversible, vec![for_people(why)], None),
            Note::Overwrites { fields } => (Risk::Overwrites, vec![fields.join(", ")], None),
            Note::Adopts => (Risk::Adopts, vec![step.physical.clone()], None),
            Note::TakesLong { .. } => continue,
        };
        all.entry(risk).or_default().push(Danger { address: &step.address, what, hint });
    }
    all
}

/// Resources that a plan changes; a replacement counts once.
pub(super) fn size(plan: &Plan) -> usize {
    let summary = &plan.summary;
    summary.create + summary.update + summary.replace + summary.delete
}

/// `dev · 7 changes, 1 needs approval, no data loss` and `about 1 m 50 s`.
pub(super) fn verdict(plan: &Plan) -> (String, Option<String>) {
    if plan.is_empty() {
        return (format!("{} · nothing to do", plan.stage), None);
    }
    let dangers = dangers(plan);
    let concerned = |of: &dyn Fn(Risk) -> bool| -> BTreeSet<&Address> {
        dangers
            .iter()
            .filter(|(risk, _)| of(**risk))
            .flat_map(|(_, all)| all)
            .map(|one| one.address)
            .collect()
    };
    let blocked = concerned(&|risk| risk == Risk::Blocked);
    let risky = concerned(&|risk| risk != Risk::Blocked);
    let approval = risky.difference(&blocked).count();
    let mut parts = vec![count(size(plan), "change")];
    if !blocked.is_empty() {
        parts.push(format!("{} blocked", blocked.len()));
    }
    match approval {
        0 => {}
        1 => parts.push("1 needs approval".to_owned()),
        more => parts.push(format!("{more} need approval")),
    }
    match concerned(&|risk| risk == Risk::LosesData).len() {
        0 => parts.push("no data loss".to_owned()),
        resources => parts.push(format!("data loss in {}", count(resources, "resource"))),
    }
    let time = format!("about {}", duration(plan.seconds));
    (format!("{} · {}", plan.stage, parts.join(", ")), Some(time))
}

/// `2 to create, 4 to update`.
pub(super) fn sizes(plan: &Plan) -> String {
    let summary = &plan.summary;
    let parts = [
        (summary.create, "to create"),
        (summary.update, "to update"),
        (summary.replace, "to replace"),
        (summary.delete, "to delete"),
    ];
    let parts =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, verb)| format!("{number} {verb}"));
    parts.collect::<Vec<_>>().join(", ")
}

/// Short words for a step's notes, for the margin.
pub(super) fn remarks<'a>(notes: impl Iterator<Item = &'a Note>) -> Vec<String> {
    notes
        .map(|note| match note {
            Note::Blocked { .. } => "blocked".to_owned(),
            Note::LosesData { .. } => "loses data".to_owned(),
            Note::Widens { .. } => "widens permissions".to_owned(),
            Note::Downtime { .. } => "interrupts".to_owned(),
            Note::Irreversible { .. } => "cannot be undone".to_owned(),
            Note::Overwrites { .. } => "changed outside: will be put back".to_owned(),
            Note::Adopts => "takes over".to_owned(),
            Note::TakesLong { seconds, why } => slow(*seconds, why),
        })
        .collect()
}

/// `index backfill: about 5 m`.
pub(super) fn slow(seconds: u32, why: &str) -> String {
    format!("{why}: about {}", duration(u64::from(seconds)))
}

/// Whether a step does nothing but put back what somebody changed.
pub(super) fn only_puts_back(step: &Step) -> bool {
    let outside = |field: &String| {
        step.notes.iter().any(|note| matches!(note, Note::Overwrites { fields } if fields.contains(field)))
    };
    step.action == Action::Update
        && !step.changes.is_empty()
        && step.changes.iter().all(|c| outside(&c.field))
}
