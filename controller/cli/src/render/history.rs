//! The runs of the journal.

use model::{
    Action,
    journal::{Ending, Run, StepEnd},
};
use release::manifest::short;
use serde_json::{Value, json};

use super::{
    page::{Page, Paint, Style},
    rows::sign_of,
    words::{count, duration, instant, rfc3339},
};

/// The runs, the newest first, with what did not end well.
pub(crate) fn history_text(runs: &[Run], style: &Style) -> String {
    let mut page = Page::new(style);
    if runs.is_empty() {
        page.line(0, 2, &[Paint::Plain.of("nothing was applied yet")]);
    }
    for run in runs.iter().rev() {
        let (word, paint) = ending(run);
        let done = run.steps.iter().filter(|(_, _, end)| *end == StepEnd::Done).count();
        let took = run.ended_ms.map(|end| duration(end.saturating_sub(run.begun_ms) / 1000));
        let took = took.map(|took| format!(" in {took}")).unwrap_or_default();
        page.line(
            0,
            4,
            &[
                Paint::Strong.of(instant(run.begun_ms)),
                Paint::Plain.of(format!("  {} ", run.verb)),
                paint.of(word),
                Paint::Plain.of(format!(": {done} of {}{took}", count(run.planned, "step"))),
                Paint::Faint.of(format!("  {}  run {}  {}{}", run.who, run.run, about(run), source(run))),
            ],
        );
        if style.quiet {
            continue;
        }
        for (address, action, end) in &run.steps {
            let (label, why) = match end {
                StepEnd::Done => continue,
                StepEnd::Failed(why) => ("failed: ", why.as_str()),
                StepEnd::InDoubt => ("begun, and its end is not known", ""),
            };
            let (sign, paint) = sign_of(*action);
            page.line(4, 8, &[paint.of(format!("{sign} ")), Paint::Strong.of(address.to_string())]);
            page.prose(8, 8, Paint::Bad.of(label), why);
        }
    }
    page.done()
}

/// What the run was about: a plan, or a release that was made or copied.
fn about(run: &Run) -> String {
    match run.verb.as_str() {
        "release" | "copy" => format!("release {}", short(&run.plan)),
        _ => format!("plan {}", run.plan),
    }
}

/// From which revision, and with which release.
fn source(run: &Run) -> String {
    let dirty = if run.dirty { " (dirty)" } else { "" };
    let commit = run.commit.as_ref().map(|commit| format!("  from {}{dirty}", short(commit)));
    let release = run.release.as_ref().map(|release| format!("  release {}", short(release)));
    commit.into_iter().chain(release).collect()
}

fn ending(run: &Run) -> (&'static str, Paint) {
    match run.how {
        Some(Ending::Done) => ("done", Paint::Good),
        Some(Ending::Partly) => ("partly done", Paint::Careful),
        Some(Ending::Stale) => ("stale", Paint::Careful),
        None => ("never ended", Paint::Bad),
    }
}

/// `{"version":1,"runs":[…]}`, the newest first.
pub(crate) fn history_json(runs: &[Run]) -> String {
    let runs: Vec<Value> = runs.iter().rev().map(run_json).collect();
    format!("{:#}\n", json!({"version": 1, "runs": runs}))
}

fn run_json(run: &Run) -> Value {
    let step = |(address, action, end): &(model::Address, Action, StepEnd)| {
        let (word, why) = match end {
            StepEnd::Done => ("done", None),
            StepEnd::Failed(why) => ("failed", Some(why)),
            StepEnd::InDoubt => ("in-doubt", None),
        };
        json!({"address": address, "action": action, "end": word, "why": why})
    };
    json!({
        "run": run.run,
        "verb": run.verb,
        "who": run.who,
        "plan": run.plan,
        "begun": rfc3339(run.begun_ms),
        "ended": run.ended_ms.and_then(rfc3339),
        "how": run.how,
        "planned": run.planned,
        "commit": run.commit,
        "dirty": run.dirty,
        "release": run.release,
        "steps": run.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_tells_times_as_rfc_3339_and_steps_by_name() {
        let run = Run {
            run: "dev-1".into(),
            verb: "apply".into(),
            who: "anna".into(),
            plan: "0123".into(),
            begun_ms: 1_795_371_269_000,
            ended_ms: None,
            how: Some(Ending::Partly),
            planned: 2,
            commit: Some("c0ffee".into()),
            dirty: true,
            release: None,
            steps: vec![
                ("a/b/c".parse().unwrap(), Action::Create, StepEnd::Failed("no".into())),
                ("a/b/d".parse().unwrap(), Action::Delete, StepEnd::InDoubt),
            ],
        };
        let read: Value = serde_json::from_str(&history_json(&[run])).unwrap();
        assert_eq!(
            read,
            json!({"version": 1, "runs": [{
                "run": "dev-1", "verb": "apply", "who": "anna", "plan": "0123", "planned": 2,
                "begun": "2026-11-22T18:14:29Z", "ended": null, "how": "partly",
                "commit": "c0ffee", "dirty": true, "release": null,
                "steps": [
                    {"address": "a/b/c", "action": "create", "end": "failed", "why": "no"},
                    {"address": "a/b/d", "action": "delete", "end": "in-doubt", "why": null},
                ],
            }]})
        );
    }
}
