//! New code makes an alarm ring while callers come to it by steps: they are brought back, and the real program says
//! why.

use contract::function::Service;
use serde_json::Value;

use crate::{
    project::{Project, Ran},
    stage::{write_artefact, write_list},
};

const NAME: &str = "dn-sandbox-financial-health";
const CANARY: &str = "\nswitch:\n  canary: {percent: 50, minutes: 1}\n";

/// The version that everybody is served by, and the weights of others.
fn alias(project: &Project) -> (String, Value) {
    let function = &project.account().documents()["lambda/functions"][NAME];
    let alias = &function["aliases"]["live"];
    let weights = alias["RoutingConfig"]["AdditionalVersionWeights"].clone();
    (alias["FunctionVersion"].as_str().expect("a version").to_owned(), weights)
}

/// Applies other code of one service; the alarms ring as soon as callers come to it.
fn apply(project: &Project, more: &[&str]) -> Ran {
    let folder = project.path("code");
    std::fs::create_dir_all(&folder).expect("a folder");
    let edition = |service| if service == Service::Financial { "2" } else { "" };
    let made = Service::all().map(|service| (service, write_artefact(&folder, service, edition(service))));
    write_list(&folder, &made.collect());
    let folder = folder.display().to_string();
    project.dn(&[&["apply", "sandbox", "--yes", "--artefacts", &folder], more].concat())
}

#[test]
fn who_makes_an_alarm_ring_serves_nobody_any_more_and_the_apply_ends_with_6() {
    let project = Project::applied();
    let text = project.read("environments/sandbox.yaml");
    project.write("environments/sandbox.yaml", &(text.clone() + CANARY));
    assert_eq!(alias(&project), ("1".to_owned(), Value::Null));
    let ran = apply(&project, &["--trouble", "ring"]);
    assert_eq!(ran.code, Some(6), "{}", ran.text);
    let said = ran.text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "financial/function/financial-health:",
        "dn-sandbox-function-financial-health-errors",
        "rang while version 2 had 50 % of the calls: live was moved back to version 1",
        "hint: everybody is served as before; put the code right and apply again",
    ] {
        assert!(said.contains(words), "`{words}` is not said:\n{}", ran.text);
    }
    let (version, weights) = alias(&project);
    assert!(version == "1" && weights.as_object().is_none_or(|all| all.is_empty()), "{weights}");
    let history = project.dn(&["history", "sandbox"]).text;
    assert!(history.contains("apply partly"), "{history}");

    // The plan knows that it is not done; without steps it is, and nothing rings.
    let plan = project.dn(&["plan", "sandbox", "--artefacts", &project.path("code").display().to_string()]);
    assert_eq!(plan.code, Some(2), "{}", plan.text);
    project.write("environments/sandbox.yaml", &text);
    let ran = apply(&project, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    assert_eq!(alias(&project).0, "2");
}

#[test]
fn it_is_for_embedded_accounts_and_spelt_right() {
    let project = Project::applied();
    let ran = project.dn(&["apply", "dev", "--yes", "--trouble", "ring"]);
    assert!(ran.code == Some(1) && ran.text.contains("are for embedded accounts"), "{}", ran.text);
    let ran = project.dn(&["plan", "sandbox", "--trouble", "rings"]);
    assert!(ran.code == Some(1) && ran.text.contains("throttle=N or ring"), "{}", ran.text);
}
