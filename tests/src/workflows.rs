//! The workflows of the forge: a linter reads them, and their steps are run here, against embedded accounts.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::project::{Project, root};

mod lint;
mod run;

use run::Machine;

const FILES: [&str; 5] = ["drift", "plan", "promote", "rotate", "test"];

fn path(name: &str) -> PathBuf {
    root().join(format!(".github/workflows/{name}.yml"))
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn read(name: &str) -> Value {
    serde_saphyr::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow["jobs"].as_object().expect("jobs").iter()
}

#[test]
fn every_workflow_is_tested() {
    let folder = root().join(".github/workflows");
    let names = fs::read_dir(folder).expect("the workflows").flatten();
    let mut names: Vec<String> = names.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(names, FILES.map(|name| format!("{name}.yml")));
}

/// Nothing is allowed that is not named; nothing is used that could be another thing tomorrow; nothing hangs.
#[test]
fn permissions_are_named_and_actions_are_pinned() {
    for name in FILES {
        let workflow = read(name);
        assert_eq!(workflow["permissions"], serde_json::json!({}), "{name}: nothing by default");
        for (job, about) in jobs(&workflow) {
            assert!(about["timeout-minutes"].as_u64().is_some_and(|most| most <= 90), "{name}: {job}");
            let permissions = about["permissions"].as_object().expect("permissions");
            let writes: Vec<&String> =
                permissions.iter().filter(|(_, may)| *may == "write").map(|(what, _)| what).collect();
            let known = match (name, job.as_str()) {
                ("plan", _) => vec!["id-token", "pull-requests"],
                ("drift", _) => vec!["id-token", "security-events"],
                ("promote", "staging" | "prod") => vec!["contents", "id-token"],
                ("test", _) => vec![],
                _ => vec!["id-token"],
            };
            assert_eq!(writes, known, "{name}: {job}");
        }
        for line in text(name).lines().filter(|line| line.contains("uses: ")) {
            let (_, pin) = line.split_once('@').unwrap_or_else(|| panic!("{name}: {line}"));
            let (digest, version) = pin.split_once(" # v").unwrap_or_else(|| panic!("{name}: {line}"));
            let hexadecimal = digest.len() == 40 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(
                hexadecimal && version.starts_with(|first: char| first.is_ascii_digit()),
                "{name}: {line}"
            );
        }
    }
}

/// The roles that workflows ask for are those that the stages declare, and looking is not changing.
#[test]
fn roles_are_those_that_are_declared() {
    let declared = Project::new().dn(&["graph", "dev"]);
    for name in FILES {
        for line in text(name).lines().filter(|line| line.contains("role-to-assume: ")) {
            let (_, role) = line.rsplit_once("-ci-").unwrap_or_else(|| panic!("{name}: {line}"));
            assert!(declared.text.contains(&format!("operations/role/ci-{role}")), "{name}: ci-{role}");
            assert!(role == "look" || ["promote", "rotate"].contains(&name), "{name} only looks");
        }
    }
}

#[test]
fn a_linter_finds_nothing() {
    let Some(linter) = lint::Linter::installed() else { return };
    for name in FILES {
        assert_eq!(linter.complaints(&path(name)), "", "{name}");
    }
    let canary = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      \
                  - run: echo ${{ steps.x.outputs.y }}\n";
    let folder = tempfile::tempdir().expect("a folder");
    let bad = folder.path().join("bad.yml");
    fs::write(&bad, canary).expect("a file");
    assert!(
        linter.complaints(&bad).contains("property \"x\" is not defined"),
        "the linter sees what is wrong"
    );
}

/// Dev, staging and prod as embedded accounts.
fn embedded() -> Project {
    let project = Project::new();
    let sandbox = project.read("environments/sandbox.yaml");
    for stage in ["dev", "staging", "prod"] {
        project.write(&format!("environments/{stage}.yaml"), &sandbox);
    }
    project
}

#[test]
fn steps_run_here() {
    let project = embedded();
    let machine = Machine::new(&project);
    machine.job(&read("promote"), "dev");
    assert_eq!(project.dn(&["plan", "dev"]).code, Some(0), "the job applied it");

    machine.job(&read("plan"), "plan");
    let comment = project.read("comment.md");
    assert!(comment.starts_with("<!-- dn plan dev -->\n## dev · nothing to do"), "{comment}");
    assert!(machine.asked("gh").iter().any(|line| line.contains("--method POST")), "the first comment");
    project.replace("environments/dev.yaml", "point_in_time_recovery: true", "point_in_time_recovery: false");
    machine.job(&read("plan"), "plan");
    assert!(project.read("comment.md").contains("to update"), "{}", project.read("comment.md"));
    let asked = machine.asked("gh");
    assert!(
        asked.iter().any(|line| line.contains("--method PATCH") && line.contains("comments/7 ")),
        "{asked:?}"
    );
    assert_eq!(asked.iter().filter(|line| line.contains("/comments --field")).count(), 1, "edited in place");

    assert!(!machine.job(&read("drift"), "drift").contains("has drifted"));
    let lost = project.path("environments/dev.yaml");
    assert!(lost.is_file());
    let account = sandbox::Account::open("000000000000", "us-east-1", &project.path(".dn/dev"), || {});
    let account = account.expect("the account's files");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = aws_sdk_cloudwatch::Client::new(&account.sdk_config());
        let ask = client.delete_alarms().alarm_names("dn-dev-function-webhook-errors");
        ask.send().await.expect("the alarm is gone");
    });
    assert!(machine.job(&read("drift"), "drift").contains("::warning::dev has drifted"));
    let sarif: Value = serde_json::from_str(&project.read("drift.sarif")).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "drift/missing");
    assert!(machine.asked("gh").iter().any(|line| line.contains("code-scanning/sarifs")));
    let said = machine.failing_job(&read("promote"), "staging");
    assert!(said.contains("dev cannot be promoted"), "nobody promotes what has drifted: {said}");
}

/// One merge goes through all stages, and each that ran another release says so in the repository.
#[test]
fn a_merge_goes_through_the_stages() {
    let project = embedded();
    let machine = Machine::new(&project);
    let promote = read("promote");
    assert!(machine.job(&promote, "dev").contains("dev · release "), "the code of dev has a name");
    machine.job(&promote, "staging");
    machine.job(&promote, "prod");
    let lines = ["staging", "prod"].map(|stage| {
        assert_eq!(project.dn(&["plan", stage]).code, Some(0), "{stage} is what its file says");
        let file = project.read(&format!("environments/{stage}.yaml"));
        let line = file.lines().find(|line| line.starts_with("release: "));
        line.unwrap_or_else(|| panic!("{stage} names its release: {file}")).to_owned()
    });
    assert_eq!(lines[0], lines[1], "the same bytes");
    assert_eq!(machine.subjects(), ["prod runs what was promoted", "staging runs what was promoted", "a"]);
    // Again, with nothing new.
    machine.job(&promote, "staging");
    assert_eq!(machine.subjects().len(), 3, "nothing is committed for nothing");
}

#[test]
fn a_rotation_begins() {
    let project = embedded();
    let machine = Machine::new(&project);
    machine.job(&read("promote"), "dev");
    let said = machine.job(&read("rotate"), "rotate");
    assert!(said.contains("signing-key"), "{said}");
    assert_eq!(project.dn(&["plan", "dev"]).code, Some(0), "a plan does not fight it");
}

/// A plan that is blocked is a comment and a failed job.
#[test]
fn a_blocked_plan_fails_the_job() {
    let project = embedded();
    let machine = Machine::new(&project);
    machine.job(&read("promote"), "dev");
    project.replace("environments/dev.yaml", "embedded: true", "embedded: true\nproject: other");
    let said = machine.failing_job(&read("plan"), "plan");
    assert!(said.contains("::error::the plan has steps that must not run"), "{said}");
    let comment = project.read("comment.md");
    assert!(comment.contains("**Blocked: a person must act"), "it is written all the same: {comment}");
}

/// Account and Region of every stage are found in its file, as the workflows look for them.
#[test]
fn accounts_are_found_in_the_environments() {
    let project = Project::new();
    let machine = Machine::new(&project);
    let workflow = read("drift");
    let step = &workflow["jobs"]["drift"]["steps"][2];
    assert_eq!(step["id"], "account");
    for stage in ["dev", "staging", "prod", "sandbox"] {
        let outputs = machine.outputs_of(step, stage);
        let text = project.read(&format!("environments/{stage}.yaml"));
        assert!(text.contains(&format!("account: \"{}\"", outputs["account"])), "{stage}: {outputs:?}");
        assert!(text.contains(&format!("region: {}\n", outputs["region"])), "{stage}: {outputs:?}");
    }
}
