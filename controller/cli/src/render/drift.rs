//! What changed behind our back, for people and for programs.

use model::{
    Address, Change, Drift,
    drift::{Acceptance, Accepted, Coverage, Doing, Owners, State},
};

use super::{
    page::{Page, Paint, Style},
    rows::about,
    value::{difference, inline, is_document, tally},
    words::{count, instant},
};

/// Columns before a field.
const FIELD: usize = 6;

/// `dev · 3 fields changed in 2 resources, 1 missing, 3 unmanaged, 1 accepted`.
pub(super) fn verdict(drift: &Drift) -> String {
    let mut parts = Vec::new();
    if !drift.drifted.is_empty() {
        let fields = drift.drifted.iter().map(|one| one.changes.len()).sum();
        let resources = count(drift.drifted.len(), "resource");
        parts.push(format!("{} changed in {resources}", count(fields, "field")));
    }
    if !drift.missing.is_empty() {
        parts.push(format!("{} missing", drift.missing.len()));
    }
    if !drift.unmanaged.is_empty() {
        parts.push(format!("{} unmanaged", drift.unmanaged.len()));
    }
    if parts.is_empty() {
        parts.push("no drift".to_owned());
    }
    let accepted: usize = drift.accepted.iter().map(holding).sum();
    if accepted > 0 {
        parts.push(format!("{accepted} accepted"));
    }
    format!("{} · {}", drift.stage, parts.join(", "))
}

/// Drift as a person reads it: what is declared, what is live instead.
pub(crate) fn drift_text(drift: &Drift, style: &Style) -> String {
    let mut page = Page::new(style);
    let paint = if drift.is_empty() { Paint::Strong } else { Paint::Careful };
    page.line(0, 2, &[paint.of(verdict(drift))]);
    if !drift.drifted.is_empty() {
        page.blank();
    }
    for one in &drift.drifted {
        page.line(2, 4, &[Paint::Careful.of("! "), Paint::Strong.of(one.address.to_string())]);
        for change in &one.changes {
            field(&mut page, change);
        }
        for line in &one.explained {
            page.line(FIELD, FIELD + 2, &[Paint::Faint.of("that is: "), Paint::Plain.of(line)]);
        }
        for cause in &one.causes {
            page.line(FIELD, FIELD + 2, &[Paint::Faint.of("known: "), Paint::Plain.of(cause)]);
        }
        for line in changed_by(drift, &one.address) {
            page.line(FIELD, FIELD + 2, &[Paint::Faint.of(line)]);
        }
    }
    if !drift.missing.is_empty() {
        page.blank();
        page.line(2, 4, &[Paint::Bad.of("Missing: declared and not there")]);
        for address in &drift.missing {
            let lines = changed_by(drift, address);
            about(&mut page, &address.to_string(), &lines.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    if !drift.unmanaged.is_empty() {
        page.blank();
        page.line(2, 4, &[Paint::Careful.of("Unmanaged: there and not declared")]);
        drift.unmanaged.iter().for_each(|what| page.line(4, FIELD, &[Paint::Plain.of(what)]));
    }
    accepted(&mut page, drift);
    page.blank();
    for line in coverage(drift) {
        page.line(2, 4, &[Paint::Faint.of(line)]);
    }
    page.done()
}

/// Who gave its fields the values that they have, and who changed it last where that is somebody else.
pub(super) fn changed_by(drift: &Drift, address: &Address) -> Vec<String> {
    let mut calls: Vec<(&Doing, Vec<&str>)> = Vec::new();
    for (field, doing) in drift.field_changes.get(address).into_iter().flatten() {
        match calls.iter_mut().find(|(one, _)| *one == doing) {
            Some((_, fields)) => fields.push(field),
            None => calls.push((doing, vec![field])),
        }
    }
    calls.sort_by_key(|(doing, _)| doing.at_ms);
    let last = drift.last_changes.get(address).filter(|last| calls.iter().all(|(one, _)| one != last));
    let told = calls.iter().map(|(doing, fields)| format!("{} set with {}", fields.join(", "), call(doing)));
    told.chain(last.map(|doing| format!("last change: {}", call(doing)))).collect()
}

fn call(Doing { who, call, at_ms }: &Doing) -> String {
    format!("{call} by {who}, {}", instant(*at_ms))
}

fn holding(one: &Acceptance) -> usize {
    if one.state == State::Holds { one.changes.len() } else { 0 }
}

/// One accepted difference in words, without its address.
pub(super) fn acceptance(one: &Acceptance) -> String {
    let Accepted { field, reason, until, .. } = &one.entry;
    match one.state {
        State::Holds => format!("{field}: accepted until {until}: {reason}"),
        State::Expired => format!("{field}: was accepted until {until}: {reason}"),
        State::Needless => {
            format!("{field}: accepted until {until}, and nothing differs: take the entry out")
        }
    }
}

fn accepted(page: &mut Page, drift: &Drift) {
    if drift.accepted.is_empty() {
        return;
    }
    page.blank();
    page.line(2, 4, &[Paint::Strong.of("Accepted")]);
    for one in &drift.accepted {
        about(page, &one.entry.address.to_string(), &[&acceptance(one)]);
    }
}

/// What was compared, and how much of the account that is.
pub(super) fn coverage(drift: &Drift) -> Vec<String> {
    let Coverage { declared, compared, fields, account } = drift.coverage;
    let mut lines = vec![format!(
        "{compared} of {} compared, in {}",
        count(declared, "resource"),
        count(fields, "field")
    )];
    for (address, why) in &drift.excluded {
        lines.push(format!("left out: {address} ({why})"));
    }
    if let Some(Owners { ours, others, nobodys }) = account {
        let all = count(ours + others + nobodys, "tagged resource");
        lines.push(format!("{all} in the account: {ours} ours, {others} of others, {nobodys} of nobody"));
    }
    lines
}

fn field(page: &mut Page, change: &Change) {
    let name = Paint::Plain.of(format!("{}  ", change.field));
    if is_document(change) {
        let lines = difference(&change.want, &change.live);
        let legend = format!("{} (- declared, + live)", tally(&lines));
        page.line(FIELD, FIELD + 2, &[name, Paint::Faint.of(legend)]);
        super::rows::document(page, &lines);
        return;
    }
    let (want, live) = (inline(&change.want), inline(&change.live));
    let text = format!("declared {want}, live {live}");
    if FIELD + name.len() + text.chars().count() <= page.width() {
        page.line(FIELD, FIELD + 2, &[name, Paint::Plain.of(text)]);
    } else {
        page.line(FIELD, FIELD + 2, &[name]);
        page.line(FIELD + 2, FIELD + 4, &[Paint::Faint.of("declared "), Paint::Plain.of(want)]);
        page.line(FIELD + 2, FIELD + 4, &[Paint::Faint.of("live     "), Paint::Plain.of(live)]);
    }
}

/// Drift for programs; the order of everything is stable.
///
/// # Panics
/// Never: every member can be written as JSON.
pub(crate) fn drift_json(drift: &Drift) -> String {
    let mut text = serde_json::to_string_pretty(drift).expect("drift is made of values that JSON can hold");
    text.push('\n');
    text
}
