//! The plan in a terminal: verdict, risks, steps, what was left out.

use model::{Action, Change, Impact, Note, Plan, Step, plan::NOT_TARGETED};

use super::{Row, left_out, rows, sign, sign_of, summary};
use crate::render::{
    page::{Page, Paint, Span, Style},
    value::{Sign, consequence, difference, inline, is_document, tally},
    verdict::{Risk, dangers, remarks, sizes, verdict},
    words::count,
};

/// Columns before an address: two of margin, the sign, a space.
const LEFT: usize = 4;
/// Columns before a field that stands on its own line.
const FIELD: usize = 6;
const GAP: usize = 2;

/// A plan as a person reads it: the verdict, then what is dangerous, then what is long.
pub(crate) fn plan_text(plan: &Plan, style: &Style) -> String {
    let mut page = Page::new(style);
    let dangers = dangers(plan);
    let paint = match dangers.keys().next() {
        None => Paint::Strong,
        Some(Risk::Blocked | Risk::LosesData) => Paint::Bad,
        Some(_) => Paint::Careful,
    };
    let (what, time) = verdict(plan);
    let time = time.map(|time| paint.whole(format!("· {time}")));
    page.line(
        0,
        2,
        &[paint.of(what)]
            .into_iter()
            .chain(time.into_iter().flat_map(|t| [paint.of(" "), t]))
            .collect::<Vec<_>>(),
    );
    if !style.quiet {
        let place = format!("account {} in {}", plan.account, plan.region);
        let sizes = Some(sizes(plan)).filter(|sizes| !sizes.is_empty());
        let line = sizes.into_iter().chain([place]).collect::<Vec<_>>().join(" · ");
        page.line(2, 2, &[Paint::Faint.of(line)]);
    }
    for (risk, all) in dangers {
        page.blank();
        let paint = if risk <= Risk::LosesData { Paint::Bad } else { Paint::Careful };
        page.line(2, 4, &[paint.of(risk.title())]);
        for danger in all {
            let lines: Vec<&str> = danger.what.iter().map(String::as_str).collect();
            about(&mut page, &danger.address.to_string(), &lines);
            if let Some(hint) = danger.hint {
                page.line(FIELD, FIELD + 6, &[Paint::Faint.of("hint: "), Paint::Plain.of(hint)]);
            }
        }
    }
    if !style.quiet {
        steps(&mut page, plan);
        rest(&mut page, plan);
    }
    page.done()
}

/// An address and what is said about it: beside it when one line holds both, below it otherwise.
pub(in crate::render) fn about(page: &mut Page, address: &str, lines: &[&str]) {
    let head = Paint::Strong.of(address);
    match lines {
        [only] if LEFT + head.len() + GAP + only.chars().count() <= page.width() => {
            page.line(LEFT, LEFT, &[head, gap(GAP), Paint::Plain.of(only)]);
        }
        _ => {
            page.line(LEFT, LEFT, &[head]);
            lines.iter().for_each(|line| page.line(FIELD, FIELD + 2, &[Paint::Plain.of(line)]));
        }
    }
}

fn gap(columns: usize) -> Span {
    Paint::Plain.of(" ".repeat(columns))
}

/// Where the columns of the list of steps begin.
struct Columns {
    summary: usize,
    remarks: usize,
}

fn columns(rows: &[Row<'_>], width: usize) -> Columns {
    let address = |row: &Row<'_>| match row {
        Row::One { step, .. } => step.address.to_string().len(),
        Row::Many { kind, .. } => kind.len(),
    };
    let widest = rows.iter().map(address).filter(|length| *length <= width / 2).max().unwrap_or(0);
    let summary_at = LEFT + widest + GAP;
    let fits = |row: &Row<'_>| match row {
        Row::One { step, .. } => {
            let length = summary(step).chars().count();
            Some(length).filter(|length| summary_at + length <= width)
        }
        Row::Many { .. } => None,
    };
    Columns {
        summary: summary_at,
        remarks: summary_at + rows.iter().filter_map(fits).max().unwrap_or(0) + GAP,
    }
}

fn steps(page: &mut Page, plan: &Plan) {
    let rows = rows(plan);
    if rows.is_empty() {
        return;
    }
    page.blank();
    let columns = columns(&rows, page.width());
    for row in &rows {
        match row {
            Row::One { step, notes } => {
                let told = |note: &&Note| {
                    // Said beside the field already.
                    let blocked = step.changes.iter().any(|change| change.impact == Impact::Blocked);
                    !(blocked && matches!(note, Note::Blocked { .. }))
                };
                let remarks = remarks(notes.iter().copied().filter(told)).join(", ");
                one(page, step, &remarks, &columns);
            }
            Row::Many { action, kind, names, notes } => {
                let (sign, paint) = sign_of(*action);
                let pad = columns.summary.saturating_sub(LEFT + kind.len()).max(GAP);
                let mut spans = vec![paint.of(format!("{sign} ")), Paint::Plain.of(kind), gap(pad)];
                spans.push(Paint::Strong.of(format!("{:>2}", names.len())));
                spans.push(Paint::Plain.of(format!("  {}", names.join(", "))));
                if !notes.is_empty() {
                    spans.extend([gap(GAP), Paint::Faint.whole(format!("({})", notes.join("; ")))]);
                }
                page.line(2, columns.summary + 4, &spans);
            }
        }
    }
}

/// One step: everything on one line where it fits, the changed fields below otherwise.
fn one(page: &mut Page, step: &Step, remarks: &str, columns: &Columns) {
    let (sign, paint) = sign(step);
    let address = step.address.to_string();
    let what = summary(step);
    let start = columns.summary.max(LEFT + address.len() + GAP);
    let whole = start + what.chars().count() <= page.width();
    let changes = matches!(step.action, Action::Update | Action::Replace);
    let shown = match (whole, changes) {
        (true, _) => what.clone(),
        (false, true) => count(step.changes.len(), "field"),
        (false, false) => String::new(),
    };
    let mut spans = vec![paint.of(format!("{sign} ")), Paint::Strong.of(&address)];
    let mut end = LEFT + address.len();
    if !shown.is_empty() && start + shown.chars().count() <= page.width() {
        spans.extend([gap(start - end), Paint::Plain.of(&shown)]);
        end = start + shown.chars().count();
    }
    let length = remarks.chars().count();
    let beside = [columns.remarks.max(end + GAP), end + GAP];
    let beside = beside.into_iter().find(|place| place + length <= page.width());
    match beside.filter(|_| length > 0) {
        Some(place) => spans.extend([gap(place - end), Paint::Faint.of(remarks)]),
        None if length > 0 => {
            page.line(2, FIELD, &std::mem::take(&mut spans));
            page.line(FIELD, FIELD + 2, &[Paint::Faint.of(remarks)]);
        }
        None => {}
    }
    if !spans.is_empty() {
        page.line(2, FIELD, &spans);
    }
    if !whole && !changes {
        page.line(FIELD, FIELD + 2, &[Paint::Plain.of(&what)]);
    }
    for change in step.changes.iter().filter(|change| changes && (!whole || is_document(change))) {
        if !whole || step.changes.len() > 1 {
            field(page, change);
        } else {
            document(page, &difference(&change.live, &change.want));
        }
    }
}

/// One changed field on its own lines, in full.
fn field(page: &mut Page, change: &Change) {
    let name = Paint::Plain.of(&change.field);
    let consequence = Paint::Bad.of(consequence(change.impact));
    if is_document(change) {
        let lines = difference(&change.live, &change.want);
        page.line(FIELD, FIELD + 2, &[name, gap(GAP), Paint::Faint.of(tally(&lines)), consequence]);
        document(page, &lines);
        return;
    }
    let (live, want) = (inline(&change.live), inline(&change.want));
    let length = name.len() + GAP + live.chars().count() + 3 + want.chars().count() + consequence.len();
    if FIELD + length <= page.width() {
        let values = Paint::Plain.of(format!("{live} → {want}"));
        page.line(FIELD, FIELD + 2, &[name, gap(GAP), values, consequence]);
    } else {
        page.line(FIELD, FIELD + 2, &[name, consequence]);
        document_line(page, Sign::Removed, &live);
        document_line(page, Sign::Added, &want);
    }
}

/// The lines of a document that differ.
pub(in crate::render) fn document(page: &mut Page, lines: &[(Sign, String)]) {
    lines.iter().for_each(|(sign, line)| document_line(page, *sign, line));
}

fn document_line(page: &mut Page, sign: Sign, line: &str) {
    let paint = match sign {
        Sign::Same => Paint::Plain,
        Sign::Gap => Paint::Faint,
        Sign::Removed => Paint::Bad,
        Sign::Added => Paint::Good,
    };
    let depth = line.chars().take_while(|c| *c == ' ').count();
    page.line(FIELD + 2, FIELD + 6 + depth, &[paint.of(format!("{} {line}", sign.mark()))]);
}

/// What needs no step: counted, left out, or worth knowing.
fn rest(page: &mut Page, plan: &Plan) {
    if plan.summary.unchanged > 0 {
        if plan.is_empty() {
            page.blank();
        }
        page.line(2, 4, &[Paint::Faint.of(format!("{} unchanged", plan.summary.unchanged))]);
    }
    if !plan.kept.is_empty() {
        page.blank();
        page.line(2, 4, &[Paint::Careful.of(format!("Kept: {}", count(plan.kept.len(), "resource")))]);
        for (address, why) in &plan.kept {
            about(page, &address.to_string(), &[why.as_str()]);
        }
    }
    if !plan.excluded.is_empty() {
        page.blank();
        page.line(2, 4, &[Paint::Strong.of(format!("Left out: {}", count(plan.excluded.len(), "resource")))]);
        for (why, addresses) in left_out(plan) {
            // Whoever named a target did not ask for the names of all the others.
            let who = if why == NOT_TARGETED { addresses.len().to_string() } else { addresses.join(", ") };
            page.line(LEFT, FIELD, &[Paint::Faint.of(format!("{why}: ")), Paint::Plain.of(who)]);
        }
    }
    if !plan.findings.is_empty() {
        page.blank();
        page.line(2, 4, &[Paint::Strong.of("To know")]);
        for (address, lines) in &plan.findings {
            about(page, &address.to_string(), &lines.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}
