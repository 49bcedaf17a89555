//! Where a rotation is: text and JSON.

use rotation::{CURRENT, Next, Observed, PENDING, Step};
use serde_json::{Value, json};

use super::{
    page::Style,
    words::{duration, instant, rfc3339},
};

/// What is told of a rotation.
pub(crate) struct Rotation<'a> {
    pub(crate) stage: &'a str,
    /// What is rotated, as on the command line.
    pub(crate) subject: &'a str,
    pub(crate) observed: &'a Observed,
    /// The step that was made before this look.
    pub(crate) done: Option<&'a Step>,
    pub(crate) next: &'a Next,
}

/// What a key of ours is for.
fn role(observed: &Observed, digest: &str) -> &'static str {
    let labels = observed.secret.iter().flat_map(|secret| &secret.versions);
    let labels = labels.filter(|version| version.id == digest).flat_map(|version| &version.labels);
    let mut role = "old";
    for label in labels {
        match label.as_str() {
            CURRENT => return "current",
            PENDING => role = "next",
            _ => {}
        }
    }
    role
}

fn is_trusted(observed: &Observed, id: &str) -> bool {
    observed.group.as_ref().is_some_and(|group| group.members.contains(id))
}

fn ms(seconds: i64) -> u64 {
    u64::try_from(seconds.saturating_mul(1000)).unwrap_or_default()
}

/// For people.
pub(crate) fn rotation_text(of: &Rotation<'_>, style: &Style) -> String {
    let observed = of.observed;
    let mut lines = vec![format!("{} · {} · {}", of.stage, of.subject, of.next.stage())];
    for key in &observed.keys {
        let doing = match (role(observed, &key.digest), is_trusted(observed, &key.id)) {
            ("current", _) => "signs links",
            ("next", true) => "is trusted, and will sign links",
            ("next", false) => "will sign links when it is trusted",
            (_, true) => "is still trusted, for links that it signed",
            (_, false) => "is not trusted",
        };
        lines.push(format!("  {}  {doing}; made {}", key.id, instant(ms(key.made_s))));
    }
    if let Some(step) = of.done {
        lines.push(format!("  done: {step}"));
    }
    lines.extend(next_lines(of.next, observed.now_s));
    let width = style.width;
    lines.iter().map(|line| super::page::wrapped(line, width)).collect::<Vec<_>>().join("\n") + "\n"
}

fn next_lines(next: &Next, now_s: i64) -> Vec<String> {
    let time = |at_s: i64| {
        let left = u64::try_from(at_s - now_s).unwrap_or_default();
        format!("{} ({} from now)", instant(ms(at_s)), duration(left))
    };
    match next {
        Next::Do(step) => vec![format!("  next: {step}")],
        Next::Wait { until_s, why } => {
            vec![format!("  waits until {}", time(*until_s)), format!("    {why}")]
        }
        Next::Rest { due_s } => vec![format!("  nothing to do; the next rotation is due {}", time(*due_s))],
        Next::Stuck(stuck) => vec![format!("  stuck: {stuck}")],
    }
}

/// For programs.
pub(crate) fn rotation_json(of: &Rotation<'_>) -> String {
    let observed = of.observed;
    let keys: Vec<Value> = observed
        .keys
        .iter()
        .map(|key| {
            json!({
                "id": key.id,
                "role": role(observed, &key.digest),
                "trusted": is_trusted(observed, &key.id),
                "made": rfc3339(ms(key.made_s)),
            })
        })
        .collect();
    let step = |step: &Step| json!({ "action": step.name(), "text": step.to_string() });
    let next = match of.next {
        Next::Do(what) => step(what),
        Next::Wait { until_s, why } => {
            json!({ "wait_until": rfc3339(ms(*until_s)), "why": why.to_string() })
        }
        Next::Rest { due_s } => json!({ "rest_until": rfc3339(ms(*due_s)) }),
        Next::Stuck(stuck) => json!({ "stuck": stuck.to_string(), "hint": stuck.hint() }),
    };
    let all = json!({
        "version": 1,
        "stage": of.stage,
        "subject": of.subject,
        "state": of.next.stage(),
        "keys": keys,
        "done": of.done.map(step),
        "next": next,
    });
    format!("{all:#}\n")
}
