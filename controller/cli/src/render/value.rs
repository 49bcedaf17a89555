//! Values of fields, and differences of documents.

use model::{Change, Impact, text};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// Objects and lists that are longer than this, written on one line, are compared line by line.
const INLINE_MAX: usize = 60;
/// Unchanged lines around a changed one.
const CONTEXT: usize = 2;

/// What a line of a compared document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Same,
    Removed,
    Added,
    /// Lines left out that did not change.
    Gap,
}

impl Sign {
    pub(super) fn mark(self) -> char {
        match self {
            Self::Same | Self::Gap => ' ',
            Self::Removed => '-',
            Self::Added => '+',
        }
    }
}

/// A value on one line. Text stands without quotes where it cannot be taken for something else.
pub(super) fn inline(value: &Value) -> String {
    match value {
        Value::Null => "absent".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => bare(&text::for_people(text)),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let one = |(key, member): (&String, &Value)| {
                format!("{}: {}", bare(&text::for_people(key)), inline(member))
            };
            format!("{{{}}}", members.iter().map(one).collect::<Vec<_>>().join(", "))
        }
    }
}

fn bare(text: &str) -> String {
    let taken_for_another = text == "absent"
        || text.trim() != text
        || text.contains(['"', '[', ']', '{', '}', ','])
        || text.contains(" → ")
        || text.chars().any(char::is_control)
        || serde_json::from_str::<Value>(text).is_ok();
    if text.is_empty() || taken_for_another { Value::from(text).to_string() } else { text.to_owned() }
}

/// Whether a change is read line by line: a policy, a dashboard, a text of several lines.
pub(super) fn is_document(change: &Change) -> bool {
    let long = |value: &Value| match value {
        Value::Array(_) | Value::Object(_) => inline(value).chars().count() > INLINE_MAX,
        Value::String(text) => text.contains('\n'),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    };
    long(&change.live) || long(&change.want)
}

/// The lines of a document that differ, with some around them.
pub(super) fn difference(old: &Value, new: &Value) -> Vec<(Sign, String)> {
    let (mut before, mut after) = (lines(old, text::for_people), lines(new, text::for_people));
    if before == after {
        // They differ only in which attribute of a resource they refer to.
        (before, after) = (lines(old, str::to_owned), lines(new, str::to_owned));
    }
    let diff = TextDiff::from_lines(&before, &after);
    let mut out = Vec::new();
    for (number, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if number > 0 {
            out.push((Sign::Gap, "…".to_owned()));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Equal => Sign::Same,
                ChangeTag::Delete => Sign::Removed,
                ChangeTag::Insert => Sign::Added,
            };
            out.push((sign, change.value().trim_end_matches('\n').to_owned()));
        }
    }
    out
}

/// A document as lines, each with its end.
fn lines(value: &Value, shown: fn(&str) -> String) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => shown(text),
        other => format!("{:#}", people(other, shown)),
    };
    text.lines().map(|line| format!("{line}\n")).collect()
}

fn people(value: &Value, shown: fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => shown(text).into(),
        Value::Array(items) => items.iter().map(|item| people(item, shown)).collect(),
        Value::Object(members) => {
            members.iter().map(|(key, member)| (shown(key), people(member, shown))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// `+2 -1`: lines of a document that come and go.
pub(super) fn tally(difference: &[(Sign, String)]) -> String {
    let of = |sign: Sign| difference.iter().filter(|(is, _)| *is == sign).count();
    format!("+{} -{}", of(Sign::Added), of(Sign::Removed))
}

/// `visibility_s 30 → 45`; of a document only how many lines change.
pub(super) fn brief(change: &Change) -> String {
    if is_document(change) {
        let tally = tally(&difference(&change.live, &change.want));
        return format!("{} {tally}{}", change.field, consequence(change.impact));
    }
    let (live, want) = (inline(&change.live), inline(&change.want));
    format!("{} {live} → {want}{}", change.field, consequence(change.impact))
}

/// What changing a field does beyond changing it.
pub(super) fn consequence(impact: Impact) -> &'static str {
    match impact {
        Impact::InPlace => "",
        Impact::Replace => " (replaces it)",
        Impact::Blocked => " (blocked)",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_quoted_only_where_it_could_be_taken_for_something_else() {
        let cases = [
            (json!(null), "absent"),
            (json!(30), "30"),
            (json!(false), "false"),
            (json!("30"), r#""30""#),
            (json!("null"), r#""null""#),
            (json!("absent"), r#""absent""#),
            (json!(""), r#""""#),
            (json!(" x"), r#"" x""#),
            (json!("a → b"), r#""a → b""#),
            (json!("a\u{1b}[0m"), r#""a\u001b[0m""#),
            (json!("arn:aws:sqs:eu-west-1:1:dn-dev-mail"), "arn:aws:sqs:eu-west-1:1:dn-dev-mail"),
            (json!("@{shared/key/data#arn}"), "(after shared/key/data)"),
            (json!(["GET", "a,b", 3]), r#"[GET, "a,b", 3]"#),
            (json!({"rps": 25, "burst": null}), "{burst: absent, rps: 25}"),
        ];
        for (value, expected) in cases {
            assert_eq!(inline(&value), expected);
        }
    }

    #[test]
    fn documents_show_what_differs_and_two_lines_around_it() {
        let document = |action: &str| {
            json!({"Statement": [{"Action": action, "Effect": "Allow", "Resource": "@{a/b/c#arn}",
                "Sid": "one"}], "Version": "2012-10-17"})
        };
        let shown: Vec<String> = difference(&document("s3:GetObject"), &document("s3:*"))
            .into_iter()
            .map(|(sign, line)| format!("{}{line}", sign.mark()))
            .collect();
        assert_eq!(
            shown,
            [
                r#"   "Statement": ["#,
                "     {",
                r#"-      "Action": "s3:GetObject","#,
                r#"+      "Action": "s3:*","#,
                r#"       "Effect": "Allow","#,
                r#"       "Resource": "(after a/b/c)","#,
            ]
        );
    }

    #[test]
    fn a_document_that_differs_only_in_an_attribute_still_shows_it() {
        let of = |attribute: &str| json!([format!("@{{a/b/c#{attribute}}}"), "x".repeat(60)]);
        let shown = difference(&of("arn"), &of("id"));
        assert_eq!(tally(&shown), "+1 -1");
        assert!(shown.iter().any(|(_, line)| line.contains("#id")), "{shown:?}");
    }

    #[test]
    fn far_apart_changes_are_told_apart() {
        let list =
            |from: u32| (0..20).map(|n| json!(if n % 15 == 0 { n + from } else { n })).collect::<Value>();
        let shown = difference(&list(0), &list(100));
        assert_eq!(shown.iter().filter(|(sign, _)| *sign == Sign::Gap).count(), 1, "{shown:?}");
    }
}
