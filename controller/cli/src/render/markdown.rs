//! Plan and drift as comments on a pull request.
//!
//! Values come from AWS and from branches of strangers: whatever they hold, they stay inside their table cell,
//! code span or fence, and mention nobody.

use std::fmt::Write as _;

use model::{Action, Address, Change, Drift, Plan};

use super::{
    page::harmless,
    rows::{Row, left_out, rows, sign, sign_of, summary},
    value::{brief, difference, is_document},
    verdict::{dangers, remarks, sizes, verdict},
    words::{count, cut_middle},
};

/// GitHub refuses comments of more than 65536 characters; documents are left out before that.
const COMMENT_MAX: usize = 60_000;
/// Characters of one cell.
const CELL_MAX: usize = 240;

/// A plan as a comment: the verdict, the risks, a table of steps, documents folded away.
pub(crate) fn plan_markdown(plan: &Plan) -> String {
    let (what, time) = verdict(plan);
    let verdict = [what].into_iter().chain(time).collect::<Vec<_>>().join(" · ");
    let mut out = format!("## {}\n\n", plain(&verdict));
    let sizes = Some(sizes(plan)).filter(|sizes| !sizes.is_empty()).map(|sizes| format!("{sizes} · "));
    let (account, region, hash) = (code(&plan.account), code(&plan.region), code(&plan.spec_hash));
    let _ = writeln!(out, "{}account {account} in {region} · declarations {hash}", sizes.unwrap_or_default());
    for (risk, all) in dangers(plan) {
        let _ = writeln!(out, "\n**{}**\n", risk.title());
        for danger in all {
            let what: Vec<String> = danger.what.iter().map(|line| plain(line)).collect();
            let _ = writeln!(out, "- {}: {}", code(&danger.address.to_string()), what.join("; "));
            if let Some(hint) = danger.hint {
                let _ = writeln!(out, "  <br>hint: {}", plain(hint));
            }
        }
    }
    table(&mut out, plan);
    rest(&mut out, plan);
    let documents = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::Update | Action::Replace))
        .flat_map(|step| step.changes.iter().map(|change| (&step.address, change)));
    details(&mut out, documents.filter(|(_, change)| folded(change)), Direction::LiveToWant);
    out
}

fn table(out: &mut String, plan: &Plan) {
    if plan.is_empty() {
        return;
    }
    out.push_str("\n| | Address | Action | What | Notes |\n| --- | --- | --- | --- | --- |\n");
    for row in rows(plan) {
        let cells = match row {
            Row::One { step, notes } => [
                sign(step).0.to_owned(),
                code(&step.address.to_string()),
                word(step.action).to_owned(),
                code(&cut_middle(&summary(step), CELL_MAX)),
                plain(&remarks(notes.into_iter()).join(", ")),
            ],
            Row::Many { action, kind, names, notes } => [
                sign_of(action).0.to_owned(),
                code(&kind),
                format!("{} {}", word(action), names.len()),
                code(&names.join(", ")),
                plain(&notes.join("; ")),
            ],
        };
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
    }
}

fn rest(out: &mut String, plan: &Plan) {
    if plan.summary.unchanged > 0 {
        let _ = writeln!(out, "\n{} unchanged.", plan.summary.unchanged);
    }
    if !plan.excluded.is_empty() {
        let _ = writeln!(out, "\n**Left out: {}**\n", count(plan.excluded.len(), "resource"));
        for (why, addresses) in left_out(plan) {
            let addresses: Vec<String> = addresses.iter().map(|address| code(address)).collect();
            let _ = writeln!(out, "- {}: {}", plain(why), addresses.join(", "));
        }
    }
    if !plan.findings.is_empty() {
        out.push_str("\n**To know**\n\n");
        for (address, lines) in &plan.findings {
            let lines: Vec<String> = lines.iter().map(|line| plain(line)).collect();
            let _ = writeln!(out, "- {}: {}", code(&address.to_string()), lines.join("; "));
        }
    }
}

/// What changed behind our back, as a comment or an issue.
pub(crate) fn drift_markdown(drift: &Drift) -> String {
    let mut out = format!("## {}\n", plain(&super::drift::verdict(drift)));
    if !drift.drifted.is_empty() {
        out.push_str("\n| Address | Field | Declared | Live |\n| --- | --- | --- | --- |\n");
    }
    for one in &drift.drifted {
        for change in &one.changes {
            let value = |value| {
                if is_document(change) {
                    "document".to_owned()
                } else {
                    code(&cut_middle(&super::value::inline(value), CELL_MAX / 2))
                }
            };
            let (address, field) = (code(&one.address.to_string()), code(&change.field));
            let _ =
                writeln!(out, "| {address} | {field} | {} | {} |", value(&change.want), value(&change.live));
        }
    }
    for (title, lines) in [
        ("Missing: declared and not there", drift.missing.iter().map(ToString::to_string).collect()),
        ("Unmanaged: there and not declared", drift.unmanaged.clone()),
    ] {
        list(&mut out, title, &lines);
    }
    let causes = |one: &model::drift::Drifted| {
        one.causes.iter().map(|cause| format!("{}: {cause}", one.address)).collect::<Vec<_>>()
    };
    let explained = drift.drifted.iter().flat_map(|one| {
        one.explained.iter().map(|line| format!("{}: {line}", one.address)).collect::<Vec<_>>()
    });
    list(&mut out, "What that means", &explained.collect());
    list(&mut out, "What is known about it", &drift.drifted.iter().flat_map(causes).collect());
    let doings = drift.last_changes.keys().flat_map(|address| {
        super::drift::changed_by(drift, address).into_iter().map(move |line| format!("{address}: {line}"))
    });
    list(&mut out, "Who changed it", &doings.collect());
    let accepted =
        |one: &model::drift::Acceptance| format!("{}: {}", one.entry.address, super::drift::acceptance(one));
    list(&mut out, "Accepted", &drift.accepted.iter().map(accepted).collect());
    let _ = writeln!(out, "\n{}.", plain(&super::drift::coverage(drift).join("; ")));
    let all = drift.drifted.iter().flat_map(|one| one.changes.iter().map(|change| (&one.address, change)));
    details(&mut out, all.filter(|(_, change)| folded(change)), Direction::WantToLive);
    out
}

fn list(out: &mut String, title: &str, lines: &Vec<String>) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n**{title}**\n");
    for line in lines {
        let _ = writeln!(out, "- {}", code(line));
    }
}

/// Whether a change is shown in full under the table.
fn folded(change: &Change) -> bool {
    is_document(change) || brief(change).chars().count() > CELL_MAX / 2
}

#[derive(Clone, Copy)]
enum Direction {
    /// What applying does.
    LiveToWant,
    /// What somebody did.
    WantToLive,
}

fn details<'a>(
    out: &mut String,
    changes: impl Iterator<Item = (&'a Address, &'a Change)>,
    direction: Direction,
) {
    let mut left_out = 0;
    for (address, change) in changes {
        let (old, new) = match direction {
            Direction::LiveToWant => (&change.live, &change.want),
            Direction::WantToLive => (&change.want, &change.live),
        };
        let lines = difference(old, new);
        let body: Vec<String> =
            lines.iter().map(|(sign, line)| format!("{}{}", sign.mark(), harmless(line))).collect();
        let body = body.join("\n");
        let fence = "`".repeat(longest_run(&body).max(2) + 1);
        let title = format!("<code>{}</code> {}", entities(&address.to_string()), entities(&change.field));
        let block =
            format!("\n<details><summary>{title}</summary>\n\n{fence}diff\n{body}\n{fence}\n\n</details>\n");
        if out.len() + block.len() > COMMENT_MAX {
            left_out += 1;
        } else {
            out.push_str(&block);
        }
    }
    if left_out > 0 {
        let _ =
            writeln!(out, "\n{} not shown: the comment would be too long.", count(left_out, "difference"));
    }
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Text in a code span that nothing inside it can end, in a table or outside one.
fn code(text: &str) -> String {
    let text = harmless(text);
    if text.is_empty() {
        return String::new();
    }
    // In a code span only a back quote means something, in a table also the bar (and what is before it).
    let tame = !text.contains(['`', '|', '\\']) && text.trim() == text;
    if tame { format!("`{text}`") } else { format!("<code>{}</code>", entities(&text)) }
}

/// Prose that is read as prose: everything that could be markup, a mention or a link is written as an entity.
fn plain(text: &str) -> String {
    entities(&harmless(text))
}

fn entities(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (place, c) in chars.iter().copied().enumerate() {
        let before = place.checked_sub(1).map(|before| chars[before]);
        let after = chars.get(place + 1).copied();
        let inert = match c {
            // A web address becomes a link by its `://` or its `www.`
            ':' => after != Some('/'),
            '.' => before != Some('w') && before != Some('W'),
            // Emphasis only at the edge of a word.
            '_' => [before, after].iter().all(|side| side.is_some_and(char::is_alphanumeric)),
            ' ' | ',' | '/' | '-' | ';' | '·' | '→' | '±' | '(' | ')' | '…' => true,
            _ => c.is_alphanumeric(),
        };
        if inert {
            out.push(c);
        } else {
            let _ = write!(out, "&#{};", u32::from(c));
        }
        // Mentions and issue numbers are found after entities are read: a space without width parts them.
        if matches!(c, '@' | '#') {
            out.push_str("&#8203;");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_cannot_be_ended_from_inside() {
        assert_eq!(code("rate 25 → 50 *x* <b> @team"), "`rate 25 → 50 *x* <b> @team`");
        assert_eq!(code("a|b"), "<code>a&#124;b</code>");
        assert_eq!(code("``` </code>"), "<code>&#96;&#96;&#96; &#60;/code&#62;</code>");
        assert_eq!(code("two\nlines"), "<code>two&#92;nlines</code>");
    }

    #[test]
    fn prose_is_only_prose() {
        assert_eq!(plain("[x](http://e.com) @team"), "&#91;x&#93;(http&#58;//e.com) &#64;&#8203;team");
        assert_eq!(plain("www.e.com replica_region _x_"), "www&#46;e.com replica_region &#95;x&#95;");
        assert_eq!(plain("its holder may s3:* on x"), "its holder may s3:&#42; on x");
    }
}
