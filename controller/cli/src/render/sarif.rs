//! Drift for code scanning: SARIF 2.1.0 (OASIS standard, sections 3.13 to 3.49).

use model::{Address, Drift, Source};
use serde_json::{Value, json};

use super::value::{difference, inline, is_document, tally};

/// What a result is about: its id, its name, one sentence, its level.
const RULES: [(&str, &str, &str, &str); 3] = [
    ("drift/field", "FieldDrift", "A field of a live resource is not as it was applied.", "warning"),
    ("drift/unmanaged", "Unmanaged", "Something in AWS belongs to the stage and is not declared.", "warning"),
    ("drift/missing", "Missing", "A declared resource is not there.", "error"),
];

const FIELD: usize = 0;
const UNMANAGED: usize = 1;
const MISSING: usize = 2;

/// One result for each drifted field, each unmanaged and each missing resource.
///
/// # Panics
/// Never: every member can be written as JSON.
pub(crate) fn drift_sarif(drift: &Drift) -> String {
    let stage = &drift.stage;
    let mut results = Vec::new();
    for one in &drift.drifted {
        for change in &one.changes {
            let what = if is_document(change) {
                format!("differs in lines ({})", tally(&difference(&change.want, &change.live)))
            } else {
                format!("is {}, declared {}", inline(&change.live), inline(&change.want))
            };
            let (address, field) = (one.address.to_string(), &change.field);
            let mut text = format!("{address}: {field} {what}");
            let told = one.explained.iter().filter(|line| line.starts_with(&format!("{field}: ")));
            told.for_each(|line| text.push_str(&format!("; {line}")));
            let at = format!("{address}#{field}");
            let place = (at.as_str(), field.as_str());
            results.push(result(drift, FIELD, &text, place, Some(&one.address)));
        }
    }
    for what in &drift.unmanaged {
        results.push(result(drift, UNMANAGED, &format!("{what} is not declared"), (what, what), None));
    }
    for address in &drift.missing {
        let at = address.to_string();
        let text = format!("{at} is declared and not there");
        results.push(result(drift, MISSING, &text, (&at, address.name()), Some(address)));
    }
    let rules: Vec<Value> = RULES
        .iter()
        .map(|(id, name, text, level)| {
            json!({
                "id": id,
                "name": name,
                "shortDescription": {"text": text},
                "defaultConfiguration": {"level": level},
            })
        })
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "dn", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "automationDetails": {"id": format!("drift/{stage}/")},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

/// One result, at the line of the stack that declares the resource. What nobody declares is shown at the stage's
/// environment: code scanning shows no result without a file. The fingerprint makes tomorrow's result the same
/// alert, wherever the line has moved.
fn result(
    drift: &Drift,
    rule: usize,
    text: &str,
    (at, name): (&str, &str),
    address: Option<&Address>,
) -> Value {
    let (id, _, _, level) = RULES[rule];
    let stage = &drift.stage;
    let source = address.and_then(|address| drift.sources.get(address)).cloned();
    let source = source.unwrap_or_else(|| Source { file: format!("environments/{stage}.yaml"), line: 1 });
    json!({
        "ruleId": id,
        "ruleIndex": rule,
        "level": level,
        "message": {"text": text},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": source.file},
                "region": {"startLine": source.line},
            },
            "logicalLocations": [{"name": name, "fullyQualifiedName": at, "kind": "resource"}],
        }],
        "partialFingerprints": {"drift/v1": format!("{stage}:{id}:{at}")},
    })
}
