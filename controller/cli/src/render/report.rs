//! The end of an apply, and faults with what a person may do.

use std::collections::{BTreeMap, BTreeSet};

use engine::Report;
use model::{Fault, Plan, Step, StepId, text::for_people};

use super::{
    page::{Page, Paint, Style},
    rows::{about, sign},
    words::count,
};
use crate::exit::Failure;

/// What was done, what failed and why, what was not begun, and how to go on.
pub(crate) fn report_text(plan: &Plan, report: &Report, style: &Style) -> String {
    let mut page = Page::new(style);
    let steps: BTreeMap<StepId, &Step> = plan.steps.iter().map(|step| (step.id, step)).collect();
    let paint = if report.is_complete() { Paint::Good } else { Paint::Bad };
    page.line(0, 2, &[paint.of(verdict(plan, report))]);
    if report.is_complete() {
        return page.done();
    }
    if !report.failed.is_empty() {
        page.blank();
        page.line(2, 4, &[Paint::Bad.of("Failed")]);
        for (id, fault) in &report.failed {
            head(&mut page, steps.get(id).copied(), *id);
            let message = without_address(fault, steps.get(id).copied());
            page.prose(6, 8, Paint::Plain.of(""), &for_people(&message));
            if let Some(hint) = advice(fault) {
                page.prose(6, 12, Paint::Faint.of("hint: "), &for_people(hint));
            }
        }
    }
    if !report.in_doubt.is_empty() {
        page.blank();
        page.line(2, 4, &[Paint::Careful.of("Begun, and the end is not known")]);
        for id in &report.in_doubt {
            head(&mut page, steps.get(id).copied(), *id);
        }
    }
    if !report.skipped.is_empty() {
        page.blank();
        page.line(2, 4, &[Paint::Careful.of("Not begun")]);
        for (reason, names) in not_begun(plan, report) {
            about(&mut page, &reason, &[names.join(", ").as_str()]);
        }
    }
    page.blank();
    page.line(2, 4, &[Paint::Strong.of("To go on: "), Paint::Plain.of(next(report))]);
    page.done()
}

/// `dev · 5 of 7 steps done, 1 failed, 1 not begun`.
fn verdict(plan: &Plan, report: &Report) -> String {
    let total = plan.steps.len();
    if report.is_complete() {
        return match total {
            0 => format!("{} · nothing to do", plan.stage),
            _ => format!("{} · done: {}", plan.stage, count(report.done.len(), "step")),
        };
    }
    let mut parts = vec![format!("{} of {} done", report.done.len(), count(total, "step"))];
    let more = [
        (report.failed.len(), "failed"),
        (report.in_doubt.len(), "in doubt"),
        (report.skipped.len(), "not begun"),
    ];
    parts.extend(
        more.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")),
    );
    let interrupted = if report.interrupted { " · interrupted" } else { "" };
    format!("{} · {}{interrupted}", plan.stage, parts.join(", "))
}

fn head(page: &mut Page, step: Option<&Step>, id: StepId) {
    match step {
        Some(step) => {
            let (sign, paint) = sign(step);
            page.line(4, 6, &[paint.of(format!("{sign} ")), Paint::Strong.of(step.address.to_string())]);
        }
        None => page.line(4, 6, &[Paint::Strong.of(format!("step {id}"))]),
    }
}

/// The message under its resource need not name it again.
fn without_address(fault: &Fault, step: Option<&Step>) -> String {
    let full = fault.to_string();
    let name = step.map(|step| format!("{}: ", step.address));
    let short = name.and_then(|name| full.strip_prefix(&name).map(str::to_owned));
    short.unwrap_or(full)
}

/// What was not begun, by what it waited for.
fn not_begun(plan: &Plan, report: &Report) -> BTreeMap<String, Vec<String>> {
    let broken: BTreeSet<StepId> = report.failed.keys().chain(&report.in_doubt).copied().collect();
    let names: BTreeMap<StepId, String> =
        plan.steps.iter().map(|step| (step.id, step.address.to_string())).collect();
    // Steps are in topological order: what a step waited for is known before it.
    let mut roots: BTreeMap<StepId, StepId> = BTreeMap::new();
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| report.skipped.contains(&step.id)) {
        let direct = step.after.iter().find(|id| broken.contains(id));
        let root = direct.or_else(|| step.after.iter().find_map(|id| roots.get(id))).copied();
        roots.extend(root.map(|root| (step.id, root)));
        let reason = match root.and_then(|root| names.get(&root)) {
            Some(address) => format!("after {address}"),
            None => "the run had stopped".to_owned(),
        };
        reasons.entry(reason).or_default().push(step.address.to_string());
    }
    reasons
}

fn next(report: &Report) -> &'static str {
    let stale = report.failed.values().any(|fault| matches!(fault, Fault::Stale { .. }));
    let refused = report.failed.values().any(|fault| matches!(fault, Fault::Refused(_)));
    match (stale, refused) {
        (true, _) if report.is_stale() => {
            "nothing was changed, because AWS is not what the plan saw: make a new plan"
        }
        (true, _) => "make a new plan, because AWS is not what this one saw: what is done stays done",
        (false, true) => "solve what failed, then run the same command again: what is done is not done twice",
        (false, false) => "run the same command again: what is done is not done twice",
    }
}

/// What went wrong and what a person may do, each on lines of its own.
pub(crate) fn failure_text(failure: &Failure, style: &Style) -> String {
    let mut page = Page::new(style);
    error(&mut page, &failure.message, failure.hint.as_deref());
    page.done()
}

/// Faults with their hints.
#[cfg_attr(not(test), expect(dead_code, reason = "the verbs join their faults to one failure so far"))]
pub(crate) fn faults_text(faults: &[Fault], style: &Style) -> String {
    let mut page = Page::new(style);
    for fault in faults {
        error(&mut page, &fault.to_string(), advice(fault));
    }
    page.done()
}

fn error(page: &mut Page, message: &str, hint: Option<&str>) {
    page.prose(0, 7, Paint::Wrong.of("error: "), &for_people(message));
    if let Some(hint) = hint {
        page.prose(1, 7, Paint::Hint.of("hint: "), &for_people(hint));
    }
}

/// What a person may do about a fault.
fn advice(fault: &Fault) -> Option<&str> {
    match fault {
        Fault::Transient(cause) | Fault::Refused(cause) => cause.hint.as_deref(),
        Fault::Stale { .. } => Some("make a new plan: it shows what is there now"),
        Fault::Stopped(_) => Some("run the same command again to go on"),
    }
}
