//! Where the rotation of an API key is: text and JSON. Ids and never values.

use kinds::kinds::api_key::rotation::day;
use rotation::api_key::{Key, Mark, Next, Observed, Step, in_use};
use serde_json::{Value, json};

use super::{moment, ms};
use crate::render::{
    page::{Page, Paint, Style},
    words::{instant, rfc3339},
};

/// What is told of a rotation.
pub(crate) struct KeyRotation<'a> {
    pub(crate) stage: &'a str,
    /// The last part of the key's address.
    pub(crate) name: &'a str,
    pub(crate) observed: &'a Observed,
    /// The step that was made before this look.
    pub(crate) done: Option<&'a Step>,
    pub(crate) next: &'a Next,
}

/// The key that callers are told of.
fn current(observed: &Observed) -> Option<&str> {
    let marks: Vec<Mark<'_>> = observed.keys.iter().map(Key::mark).collect();
    in_use(&marks)
}

fn role(current: Option<&str>, key: &Key) -> &'static str {
    match (current == Some(key.id.as_str()), key.since_s, key.follows.as_deref()) {
        (true, ..) => "current",
        (false, None, follows) if follows.is_some() && follows == current => "next",
        _ => "old",
    }
}

/// For people.
pub(crate) fn key_rotation_text(of: &KeyRotation<'_>, style: &Style) -> String {
    let observed = of.observed;
    let mut page = Page::new(style);
    let mut line = |indent: usize, text: &str| page.line(indent, indent + 2, &[Paint::Plain.of(text)]);
    line(0, &format!("{} · api-key {} · {}", of.stage, of.name, of.next.stage()));
    let current = current(observed);
    for key in &observed.keys {
        let doing = match (role(current, key), key.enabled, key.in_plan) {
            (_, false, _) => "is disabled".to_owned(),
            ("current", _, true) => "is the one that callers are told of".to_owned(),
            ("current", _, false) => "is the one that callers are told of, and the plan lacks it".to_owned(),
            ("next", _, true) => "works, and callers will be told of it".to_owned(),
            ("next", _, false) => "does not work yet".to_owned(),
            (_, _, false) => "does not work".to_owned(),
            _ => match key.used {
                Some(0) => "still works; nobody sent it on the last full day".to_owned(),
                Some(calls) => format!("still works; sent {} on the last full day", times(calls)),
                None => "still works".to_owned(),
            },
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
        Next::Used { .. } => line(2, &used(of.next)),
        Next::Rest { due_s } => line(2, &format!("nothing to do; the next rotation is due {}", time(*due_s))),
        Next::Stuck(stuck) => line(2, &format!("stuck: {stuck}")),
    }
    page.done()
}

fn times(calls: u64) -> String {
    if calls == 1 { "once".to_owned() } else { format!("{calls} times") }
}

/// Who still sends what should go.
pub(crate) fn used(next: &Next) -> String {
    match next {
        Next::Used { key, calls, day: on } => {
            let (often, on) = (times(*calls), day(*on));
            format!("{key} was sent {often} on {on}: whoever sends it has not changed over")
        }
        _ => String::new(),
    }
}

/// For programs.
pub(crate) fn key_rotation_json(of: &KeyRotation<'_>) -> String {
    let observed = of.observed;
    let current = current(observed);
    let key = |key: &Key| {
        json!({
            "id": key.id,
            "role": role(current, key),
            "enabled": key.enabled,
            "in_plan": key.in_plan,
            "used_last_day": key.used,
            "made": rfc3339(ms(key.made_s)),
        })
    };
    let keys: Vec<Value> = observed.keys.iter().map(key).collect();
    let step = |step: &Step| json!({ "action": step.name(), "text": step.to_string() });
    let next = match of.next {
        Next::Do(what) => step(what),
        Next::Wait { until_s, why } => {
            json!({ "wait_until": rfc3339(ms(*until_s)), "why": why.to_string() })
        }
        Next::Used { key, calls, day: on } => {
            json!({ "used": { "key": key, "calls": calls, "day": day(*on) } })
        }
        Next::Rest { due_s } => json!({ "rest_until": rfc3339(ms(*due_s)) }),
        Next::Stuck(stuck) => json!({ "stuck": stuck.to_string(), "hint": stuck.hint() }),
    };
    let all = json!({
        "version": 1,
        "stage": of.stage,
        "subject": "api-key",
        "name": of.name,
        "state": of.next.stage(),
        "keys": keys,
        "done": of.done.map(step),
        "next": next,
    });
    format!("{all:#}\n")
}
