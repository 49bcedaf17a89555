//! What programs read.

use serde_json::{Value, json};

use super::{drifted, everything, first};
use crate::render::{drift_json, drift_sarif, file::PlanFileError, plan_json, read_plan};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn a_plan_file_reads_back_to_the_same_plan() {
    for plan in [everything(), first()] {
        assert_eq!(read_plan(&plan_json(&plan)), Ok(plan));
    }
}

#[test]
fn the_json_of_a_plan_has_the_promised_members() {
    let read: Value = serde_json::from_str(&plan_json(&everything())).unwrap();
    for member in ["version", "stage", "account", "region", "spec_hash", "summary", "steps"] {
        assert!(read.get(member).is_some(), "{member} is missing");
    }
    assert_eq!(read["version"], 1);
    let mut summary = keys(&read["summary"]);
    summary.sort_unstable();
    assert_eq!(summary, ["create", "delete", "drifted", "replace", "unchanged", "update"]);
    for member in ["id", "address", "kind", "action", "changes", "expects", "after", "notes"] {
        assert!(read["steps"][0].get(member).is_some(), "{member} is missing");
    }
    let change = json!({"field": "rate_rps", "live": 25, "want": 50, "impact": "in-place"});
    assert_eq!(read["steps"][0]["changes"][0], change);
    let actions: Vec<&Value> = read["steps"].as_array().unwrap().iter().map(|step| &step["action"]).collect();
    for action in ["create", "update", "replace", "delete"] {
        assert!(actions.iter().any(|one| *one == action), "{action} is missing");
    }
}

#[test]
fn a_broken_plan_file_is_refused_with_its_place() {
    let good = plan_json(&everything());
    let said = |text: &str| read_plan(text).expect_err("it was read").to_string();

    assert_eq!(said(""), "this is not a plan: line 1, column 0: EOF while parsing a value");
    let cut = said(&good[..good.len() / 2]);
    assert!(cut.starts_with("this is not a plan: line "), "{cut}");
    let more = said(&format!("{good}{{}}"));
    assert!(more.ends_with("trailing characters"), "{more}");
    assert_eq!(said("{}"), "this plan cannot be read: line 1, column 2, at `.`: missing field `version`");
    assert_eq!(
        said(r#"{"version": 2, "steps": "of another shape"}"#),
        "this plan is of version 2, and this program reads version 1: make the plan again"
    );
    let action = good.replacen("\"update\"", "\"improve\"", 2);
    let unknown = said(&action.replacen("\"improve\": ", "\"update\": ", 1));
    assert!(unknown.contains("at `steps[0].action`: unknown variant `improve`"), "{unknown}");
    assert!(unknown.starts_with("this plan cannot be read: line "), "{unknown}");
}

#[test]
fn a_plan_whose_order_was_altered_is_refused() {
    let altered = |change: fn(&mut model::Plan)| {
        let mut plan = everything();
        change(&mut plan);
        match read_plan(&plan_json(&plan)) {
            Err(PlanFileError::Altered { why }) => why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(altered(|plan| plan.steps.swap(0, 1)), "step 1 is out of order");
    let before_itself = altered(|plan| plan.steps[0].after.extend([model::StepId(4)]));
    assert_eq!(before_itself, "step 1 comes after step 4, which is not before it");
    let kind = altered(|plan| plan.steps[0].kind = "table".into());
    assert_eq!(kind, "step 1 is about outreach/rest api/outreach, which is no table");
}

#[test]
fn the_json_of_drift_has_the_promised_members() {
    let read: Value = serde_json::from_str(&drift_json(&drifted())).unwrap();
    let mut members = keys(&read);
    members.sort_unstable();
    let promised = ["drifted", "missing", "stage", "unmanaged", "version"];
    let more = ["accepted", "coverage", "excluded", "field_changes", "last_changes", "sources"];
    let mut all = [&promised[..], &more[..]].concat();
    all.sort_unstable();
    assert_eq!(members, all);
    assert_eq!(read["coverage"]["account"], json!({"ours": 4, "others": 2, "nobodys": 1}));
    assert_eq!(
        (&read["accepted"][0]["state"], &read["accepted"][0]["until"]),
        (&json!("holds"), &json!("2026-03-31"))
    );
    let alarm = json!({"address": "financial/alarm/5xx", "kind": "alarm", "causes": ["its topic was deleted"],
        "changes": [{"field": "threshold", "live": "5", "want": "3", "impact": "in-place"}]});
    assert_eq!(read["drifted"][0], alarm);
    assert_eq!(read["missing"], json!(["shared/topic/alerts"]));
    assert_eq!(read["unmanaged"], json!(["reports/bucket/old (dn-dev-old)"]));
}

/// What the SARIF 2.1.0 schema requires of what is used here.
#[test]
fn sarif_has_the_required_structure() {
    let log: Value = serde_json::from_str(&drift_sarif(&drifted())).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "dn");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert_eq!(rule["defaultConfiguration"]["level"], result["level"]);
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0];
        assert!(place["logicalLocations"][0]["fullyQualifiedName"].is_string());
    }
    let place = |number: usize| &results[number]["locations"][0]["physicalLocation"];
    let declared =
        json!({"artifactLocation": {"uri": "stacks/src/financial.rs"}, "region": {"startLine": 40}});
    assert_eq!(place(0), &declared, "the line of the stack");
    let nobodys = json!({"artifactLocation": {"uri": "environments/dev.yaml"}, "region": {"startLine": 1}});
    assert_eq!(place(2), &nobodys, "what nobody declares is shown at the environment");
    let told: Vec<(&str, &str)> = results
        .iter()
        .map(|one| {
            (
                one["ruleId"].as_str().unwrap(),
                one["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("drift/field", "financial/alarm/5xx#threshold"),
            ("drift/field", "outreach/role/send#policy"),
            ("drift/unmanaged", "reports/bucket/old (dn-dev-old)"),
            ("drift/missing", "shared/topic/alerts"),
        ]
    );
    assert_eq!(results[0]["message"]["text"], "financial/alarm/5xx: threshold is \"5\", declared \"3\"");
    let fingerprints: std::collections::BTreeSet<String> =
        results.iter().map(|one| one["partialFingerprints"]["drift/v1"].to_string()).collect();
    assert_eq!(fingerprints.len(), results.len());
}
