//! Drift for code scanning: SARIF 2.1.0 (OASIS standard, sections 3.13 to 3.49).

use model::Drift;
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
            let text = format!("{address}: {field} {what}");
            results.push(result(stage, FIELD, &text, &format!("{address}#{field}"), field));
        }
    }
    for what in &drift.unmanaged {
        results.push(result(stage, UNMANAGED, &format!("{what} is not declared"), what, what));
    }
    for address in &drift.missing {
        let at = address.to_string();
        results.push(result(stage, MISSING, &format!("{at} is declared and not there"), &at, address.name()));
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

/// One result. The environment's file is where a person goes to declare what was found; code scanning shows no
/// result without a file. The fingerprint makes tomorrow's result the same alert.
fn result(stage: &str, rule: usize, text: &str, at: &str, name: &str) -> Value {
    let (id, _, _, level) = RULES[rule];
    json!({
        "ruleId": id,
        "ruleIndex": rule,
        "level": level,
        "message": {"text": text},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": format!("environments/{stage}.yaml")},
                "region": {"startLine": 1},
            },
            "logicalLocations": [{"name": name, "fullyQualifiedName": at, "kind": "resource"}],
        }],
        "partialFingerprints": {"drift/v1": format!("{stage}:{id}:{at}")},
    })
}
