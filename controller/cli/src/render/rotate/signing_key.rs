//! Where the rotation of the signing key is: text and JSON.

use rotation::{CURRENT, Next, Observed, Owner, PENDING, Step};
use serde_json::{Value, json};

use super::{moment, ms};
use crate::render::{
    page::{Page, Paint, Style},
    words::{instant, rfc3339},
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

/// For people.
pub(crate) fn rotation_text(of: &Rotation<'_>, style: &Style) -> String {
    let observed = of.observed;
    let mut page = Page::new(style);
    let mut line = |indent: usize, text: &str| page.line(indent, indent + 2, &[Paint::Plain.of(text)]);
    line(0, &format!("{} · {} · {}", of.stage, of.subject, of.next.stage()));
    for key in &observed.keys {
        let trusted = is_trusted(observed, &key.id);
        let doing = match (role(observed, &key.digest), trusted) {
            _ if key.owner == Owner::Environment && trusted => "is trusted: the group began with it",
            _ if key.owner == Owner::Environment => "is trusted no more: the group began with it",
            ("current", _) => "signs links",
            ("next", true) => "is trusted, and will sign links",
            ("next", false) => "will sign links when it is trusted",
            (_, true) => "is still trusted, for links that it signed",
            (_, false) => "is not trusted",
        };
        line(2, &format!("{}  {doing}; made {}", key.id, instant(ms(key.made_s))));
    }
    if let Some(step) = of.done {
        line(2, &format!("done: {step}"));
    }
    let time = |at_s: i64| moment(at_s, observed.now_s);
    match of.next {
        Next::Do(step) => line(2, &format!("next: {step}")),
        Next::Wait { until_s, why } => {
            line(2, &format!("waits until {}:", time(*until_s)));
            line(4, &why.to_string());
        }
        Next::Rest { due_s } => line(2, &format!("nothing to do; the next rotation is due {}", time(*due_s))),
        Next::Stuck(stuck) => line(2, &format!("stuck: {stuck}")),
    }
    page.done()
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
