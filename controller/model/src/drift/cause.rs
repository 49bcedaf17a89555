//! Which call left a field as it is: read from what the calls of a resource asked for.
//!
//! The records of AWS say what a call was given, not which of our fields that is. A call is the cause of a field when
//! what it was given holds the field's live value, in a member whose name fits where the value alone says little.
//! Calls that write a whole document again say nothing new: of an unbroken run of calls that gave the same value in
//! the same place, the first is the cause.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Doing;

/// One call that changed a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub doing: Doing,
    /// What it was given, as AWS records it; null where that is not told.
    pub given: Value,
}

/// Deeper documents say nothing about one field.
const DEPTH_MAX: usize = 12;
/// Shorter words are units and articles.
const WORD_MIN: usize = 4;

/// The call that gave a field its live value, where one of these did. `calls` come newest first.
#[must_use]
pub fn of_field<'c>(field: &str, live: &Value, calls: &'c [Call]) -> Option<&'c Doing> {
    let value = plain(live);
    if value.is_empty() {
        return None;
    }
    let mut run: Option<(String, &Doing)> = None;
    for call in calls {
        let given = members(&call.given);
        match &run {
            None => {
                let found = given.iter().find(|(path, given)| *given == value && fits(field, live, path));
                run = found.map(|(path, _)| (path.clone(), &call.doing));
            }
            Some((path, _)) => match given.iter().find(|(one, _)| one == path) {
                Some((_, given)) if *given == value => run = Some((path.clone(), &call.doing)),
                Some(_) => break,
                None => {}
            },
        }
    }
    run.map(|(_, doing)| doing)
}

/// Whether a member of this name may be the field. A number or a switch says nothing by its value.
fn fits(field: &str, live: &Value, path: &str) -> bool {
    let text = match live {
        Value::String(text) => text.parse::<f64>().is_err() && text.parse::<bool>().is_err(),
        Value::Object(_) | Value::Array(_) => true,
        _ => false,
    };
    text || !words(field).is_disjoint(&words(path))
}

/// The words of a name in any of the ways that names are written.
fn words(name: &str) -> BTreeSet<String> {
    let mut all = vec![String::new()];
    for letter in name.chars() {
        if !letter.is_alphanumeric() || letter.is_uppercase() {
            all.push(String::new());
        }
        if let (true, Some(word)) = (letter.is_alphanumeric(), all.last_mut()) {
            word.extend(letter.to_lowercase());
        }
    }
    all.retain(|word| word.len() >= WORD_MIN);
    all.into_iter().collect()
}

/// Every member of a document, however deep, with its path and its value in one spelling.
fn members(document: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    descend(document, "", 0, &mut all);
    all
}

fn descend(value: &Value, path: &str, depth: usize, all: &mut Vec<(String, String)>) {
    let parsed = inner(value);
    let value = parsed.as_ref().unwrap_or(value);
    all.push((path.to_owned(), plain(value)));
    if depth == DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(name, one)| descend(one, &format!("{path}.{name}"), depth + 1, all));
        }
        Value::Array(items) => {
            // Not by number: lists of AWS have no order that means something.
            items.iter().for_each(|one| descend(one, &format!("{path}[]"), depth + 1, all));
        }
        _ => {}
    }
}

/// A document that is given as a text: policies are.
fn inner(value: &Value) -> Option<Value> {
    let text = value.as_str().filter(|text| text.starts_with(['{', '[']))?;
    serde_json::from_str(text).ok()
}

/// A value in one spelling: numbers and switches as texts, lists in order, nothing for what is empty.
fn plain(value: &Value) -> String {
    match inner(value).as_ref().unwrap_or(value) {
        Value::Null => String::new(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.as_f64().map(|one| one.to_string()).unwrap_or_default(),
        Value::String(text) => text.parse::<f64>().map_or_else(|_| text.clone(), |one| one.to_string()),
        Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(plain).collect();
            items.sort_unstable();
            // A list of one is written as that one in policies.
            if items.len() == 1 { items.remove(0) } else { items.join("\u{1}") }
        }
        Value::Object(map) => {
            let members = map.iter().map(|(name, one)| format!("{}\u{2}{}", name.to_lowercase(), plain(one)));
            members.collect::<Vec<_>>().join("\u{3}")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(who: &str, given: Value) -> Call {
        Call { doing: Doing { who: who.to_owned(), call: "Put".to_owned(), at_ms: 0 }, given }
    }

    fn who<'c>(field: &str, live: &Value, calls: &'c [Call]) -> Option<&'c str> {
        of_field(field, live, calls).map(|doing| doing.who.as_str())
    }

    #[test]
    fn each_field_has_the_call_that_gave_it() {
        let calls = [
            call("cy", json!({ "attributes": { "DelaySeconds": "7" } })),
            call("bo", json!({ "attributes": { "VisibilityTimeout": "60", "DelaySeconds": "0" } })),
        ];
        assert_eq!(who("visibility_s", &json!(60), &calls), Some("bo"));
        assert_eq!(who("delay_s", &json!(7), &calls), Some("cy"));
        assert_eq!(who("retention_s", &json!(60), &calls), None, "a number alone says nothing");
        assert_eq!(who("delay_s", &json!(3), &calls), None);
        assert_eq!(who("delay_s", &Value::Null, &calls), None);
    }

    #[test]
    fn who_wrote_the_rest_again_is_not_the_cause() {
        let put = |who: &str, threshold: f64, period: i64| {
            call(who, json!({ "alarmName": "a", "threshold": threshold, "period": period }))
        };
        let calls = [put("cy", 5.0, 300), put("bo", 5.0, 60), put("dn", 3.0, 60), put("al", 5.0, 60)];
        assert_eq!(who("threshold", &json!("5"), &calls), Some("bo"), "since then it is 5");
        assert_eq!(who("period_s", &json!(300), &calls), Some("cy"));
    }

    #[test]
    fn documents_are_compared_as_what_they_say() {
        let statement = json!({ "Effect": "Allow", "Action": ["s3:Get", "s3:Put"], "Resource": "*" });
        let text = json!({ "Statement": [statement] }).to_string();
        let calls = [call("bo", json!({ "policyDocument": text, "roleName": "r" }))];
        let live = json!({ "Resource": ["*"], "Action": ["s3:Put", "s3:Get"], "Effect": "Allow" });
        assert_eq!(who("policy.all", &live, &calls), Some("bo"));
        assert_eq!(who("tag.team", &json!("legacy"), &calls), None);
    }
}
