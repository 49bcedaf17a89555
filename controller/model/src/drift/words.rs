//! What a changed document means: a sentence for each thing in it that is not as it was applied.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Change,
    policy::{self, Policy},
    text,
};

/// Sentences for one change; more are counted.
const SENTENCES_MAX: usize = 6;

/// What a change means. A change of one plain value explains itself.
#[must_use]
pub fn explained(change: &Change) -> Vec<String> {
    let mut said = Vec::new();
    match (policy_of(&change.want), policy_of(&change.live)) {
        (None, None) => leaves("", &change.want, &change.live, &mut said),
        (want, live) => {
            let more = policy::gained(want.as_ref(), live.as_ref());
            said.extend(more.into_iter().map(|line| format!("wider than declared: {line}")));
            let less = policy::gained(live.as_ref(), want.as_ref());
            said.extend(less.into_iter().map(|line| format!("declared and gone: {line}")));
        }
    }
    if said.len() > SENTENCES_MAX {
        let more = said.len() - SENTENCES_MAX;
        said.truncate(SENTENCES_MAX);
        said.push(format!("and {more} more"));
    }
    let field = text::for_people(&change.field);
    said.into_iter().map(|line| format!("{field}: {line}")).collect()
}

fn policy_of(value: &Value) -> Option<Policy> {
    value.get("Statement").and_then(|_| Policy::deserialize(value).ok())
}

/// Where two documents differ, part by part.
fn leaves(at: &str, want: &Value, live: &Value, said: &mut Vec<String>) {
    let place = if at.is_empty() { String::new() } else { format!("{at} ") };
    match (want, live) {
        (Value::Object(wanted), Value::Object(held)) => {
            let names: std::collections::BTreeSet<&String> = wanted.keys().chain(held.keys()).collect();
            for name in names {
                let (want, live) = (want.get(name), live.get(name));
                let inner = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                leaves(&inner, want.unwrap_or(&Value::Null), live.unwrap_or(&Value::Null), said);
            }
        }
        (Value::Array(wanted), Value::Array(held)) if plain(wanted) && plain(held) => {
            let only = |of: &[Value], other: &[Value]| -> Vec<String> {
                of.iter().filter(|one| !other.contains(one)).map(shown).collect()
            };
            let (more, less) = (only(held, wanted), only(wanted, held));
            if !more.is_empty() {
                said.push(format!("{place}holds what is not declared: {}", more.join(", ")));
            }
            if !less.is_empty() {
                said.push(format!("{place}lacks what is declared: {}", less.join(", ")));
            }
        }
        _ if want == live || at.is_empty() => {}
        (Value::Null, _) => said.push(format!("{place}is there and not declared")),
        (_, Value::Null) => said.push(format!("{place}is declared and gone")),
        (want, live) if scalar(want) && scalar(live) => {
            said.push(format!("{place}is {}, declared {}", shown(live), shown(want)));
        }
        _ => said.push(format!("{place}differs")),
    }
}

fn plain(items: &[Value]) -> bool {
    items.iter().all(scalar)
}

fn scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text::for_people(text),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Impact;

    #[track_caller]
    fn check(want: Value, live: Value, said: &[&str]) {
        let change = Change { field: "f".to_owned(), live, want, impact: Impact::InPlace };
        assert_eq!(explained(&change), said);
    }

    #[test]
    fn a_document_is_told_part_by_part() {
        check(
            json!({ "throttle": { "rate": 25, "burst": 50 }, "log": "off" }),
            json!({ "throttle": { "rate": 900, "burst": 50 }, "log": "off", "cache": true }),
            &["f: cache is there and not declared", "f: throttle.rate is 900, declared 25"],
        );
        check(
            json!(["a", "b"]),
            json!(["b", "c"]),
            &["f: holds what is not declared: c", "f: lacks what is declared: a"],
        );
        check(json!({ "a": [1] }), json!({}), &["f: a is declared and gone"]);
        check(json!(1), json!(2), &[]);
        let many = |value: u32| (0..9).map(|n| (format!("k{n}"), json!(value))).collect::<Value>();
        let said = explained(&Change {
            field: "f".to_owned(),
            live: many(1),
            want: many(2),
            impact: Impact::InPlace,
        });
        assert_eq!((said.len(), said.last().map(String::as_str)), (7, Some("f: and 3 more")));
    }

    #[test]
    fn a_policy_is_told_by_what_it_gives() {
        let statement = |who: &str| {
            json!({ "Effect": "Allow", "Principal": { "AWS": who }, "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::b/*" })
        };
        let policy = |all: Value| json!({ "Version": "2012-10-17", "Statement": all });
        let (mine, all) = (statement("arn:aws:iam::1:role/r"), statement("*"));
        check(
            policy(json!([mine])),
            policy(json!([mine, all])),
            &["f: wider than declared: * may s3:GetObject on arn:aws:s3:::b/*"],
        );
        check(
            policy(json!([mine])),
            Value::Null,
            &["f: declared and gone: arn:aws:iam::1:role/r may s3:GetObject on arn:aws:s3:::b/*"],
        );
    }
}
