//! Plan files.

use super::{check, refused};
use crate::project::Project;

const CHANGE: (&str, &str) = ("point_in_time_recovery: true", "point_in_time_recovery: false");

/// A project with a change, and its plan in `plan.json`.
fn planned() -> Project {
    let project = Project::applied();
    project.replace("environments/sandbox.yaml", CHANGE.0, CHANGE.1);
    check(&project.dn(&["plan", "sandbox", "--out", "plan.json"]), 2, &["to update"]);
    project
}

#[test]
fn a_file_that_is_no_plan_shows_the_place() {
    let project = Project::applied();
    let apply = ["apply", "sandbox", "plan.json", "--yes"];
    refused(&project, &apply, 1, &["plan.json", "No such file", "check the path"]);
    for (text, says) in [
        ("{\n  \"version\": 1,\n  oops\n}", "this is not a plan: line 3, column 3"),
        ("", "this is not a plan: line 1, column 0"),
        ("{\"version\": 99}", "this plan is of version 99"),
        ("{\"version\": 1}", "missing field"),
    ] {
        project.write("plan.json", text);
        refused(&project, &apply, 1, &["plan.json", says, "plan STAGE --out FILE"]);
    }
}

#[test]
fn a_plan_with_a_wrong_field_shows_where() {
    let project = planned();
    project.write("plan.json", &project.read("plan.json").replacen("\"update\",", "\"upend\",", 1));
    let says = ["line ", "column ", "steps[0].action", "upend"];
    refused(&project, &["apply", "sandbox", "plan.json", "--yes"], 1, &says);
}

#[test]
fn a_plan_for_another_stage_or_other_declarations() {
    let project = planned();
    let text = project.read("plan.json");
    project.write("plan.json", &text.replacen("\"stage\": \"sandbox\"", "\"stage\": \"prod\"", 1));
    let ran = project.dn(&["apply", "sandbox", "plan.json", "--yes"]);
    check(&ran, 4, &["plan.json is a plan for prod", "not for sandbox", "hint: "]);
    project.write("plan.json", &text);
    project.replace("environments/sandbox.yaml", CHANGE.1, CHANGE.0);
    refused(&project, &["apply", "sandbox", "plan.json", "--yes"], 5, &["other declarations", "plan again"]);
}

#[test]
fn a_plan_whose_work_is_done_is_not_done_twice() {
    let project = planned();
    let apply = ["apply", "sandbox", "plan.json", "--yes"];
    check(&project.dn(&apply), 0, &["done"]);
    refused(&project, &apply, 5, &["applied this plan already", "plan again"]);
}

#[test]
fn a_plan_that_was_cut_off_goes_on() {
    let project = planned();
    check(&project.dn(&["apply", "sandbox", "plan.json", "--yes", "--trouble", "die-after=6"]), 137, &[]);
    check(&project.dn(&["unlock", "sandbox", "--owner", "ada@desk as user/sandbox"]), 0, &["is broken"]);
    check(&project.dn(&["apply", "sandbox", "plan.json", "--yes"]), 0, &["cut off", "done"]);
    check(&project.dn(&["plan", "sandbox"]), 0, &["nothing to do"]);
}
