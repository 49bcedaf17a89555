//! Environments and arguments.

use super::{check, refused};
use crate::project::Project;

const FILE: &str = "environments/sandbox.yaml";

/// The sandbox with one thing changed is refused, with all of this said.
#[track_caller]
fn edited(old: &str, new: &str, says: &[&str]) {
    let project = Project::new();
    project.replace(FILE, old, new);
    refused(&project, &["plan", "sandbox"], 1, says);
    refused(&project, &["apply", "sandbox", "--yes"], 1, says);
}

/// As [`edited`]; the message points at the line and column of `at`, and shows that line.
#[track_caller]
fn pointed(old: &str, new: &str, at: &str, says: &str) {
    let project = Project::new();
    project.replace(FILE, old, new);
    let text = project.read(FILE);
    let before = &text[..text.rfind(at).expect("it is there")];
    let (line, column) =
        (before.matches('\n').count() + 1, before.len() - before.rfind('\n').map_or(0, |end| end + 1) + 1);
    let shown = text.lines().nth(line - 1).expect("a line");
    let place = format!("{FILE}:{line}:{column}");
    let says = [
        "environments/sandbox.yaml cannot be used",
        &place,
        &format!("{line} | {shown}"),
        says,
        "`dn schema`",
    ];
    let says = &says;
    refused(&project, &["plan", "sandbox"], 1, says);
    refused(&project, &["apply", "sandbox", "--yes"], 1, says);
}

#[test]
fn malformed_yaml_shows_the_place() {
    pointed("data:\n", "data: [\n", "[\n", "expected mapping start");
    pointed(
        "embedded: true",
        "embedded: true\nembedded: true",
        "embedded",
        "duplicate mapping key: embedded",
    );
    edited("region: us", "region: \"us", &["environments/sandbox.yaml cannot be used", "line "]);
}

#[test]
fn an_unknown_key_shows_line_column_and_what_is_known() {
    pointed("emails:", "email:", "email:", "^ unknown field `email`, expected one of emails, dead_letters");
    pointed("region:", "regoin:", "regoin", "unknown field `regoin`, expected one of account, region");
}

#[test]
fn a_wrong_value_shows_what_is_expected() {
    pointed("protection: false", "protection: maybe", "maybe", "^ invalid boolean");
    let account = "`123` is no AWS account: expected twelve digits in quotes";
    pointed("\"000000000000\"", "123", "123", account);
    pointed("us-east-1", "mars", "mars", "`mars` is no AWS Region: expected one such as us-east-1");
    edited("region: us-east-1\n", "", &["missing field `region`"]);
}

#[test]
fn an_empty_environment_is_refused() {
    let project = Project::new();
    project.write(FILE, "");
    refused(&project, &["plan", "sandbox"], 1, &["environments/sandbox.yaml cannot be used"]);
}

#[test]
fn names_are_of_declared_resources() {
    edited(
        "shared/key/unsubscribe:",
        "shared/unsubscribe:",
        &["names: `shared/unsubscribe` is not an address: expected stack/kind/name"],
    );
    edited(
        "shared/key/unsubscribe:",
        "shared/key/unsubscrib:",
        &["names: nothing is declared as shared/key/unsubscrib", "such as shared/key/unsubscribe"],
    );
}

#[test]
fn unknown_stages_and_folders() {
    let project = Project::new();
    let says = ["there is no stage `sandbx`", "stages here: dev, prod, sandbox, staging"];
    refused(&project, &["plan", "sandbx"], 1, &says);
    refused(&project, &["plan", "../environments/sandbox"], 1, &["there is no stage", "stages here: dev"]);
    refused(&project, &["plan", "sandbox", "--project", "/proc"], 1, &["no folder `environments` in /proc"]);
}

#[test]
fn arguments() {
    let project = Project::new();
    check(&project.dn(&["plan"]), 1, &["<STAGE>", "Usage: dn plan"]);
    check(&project.dn(&["plann", "sandbox"]), 1, &["unrecognized subcommand 'plann'", "'plan'"]);
    check(&project.dn(&["apply", "sandbox", "plan.json", "--target", "a/b/c"]), 1, &["cannot be used with"]);
    check(&project.dn(&["--help"]), 0, &["Exit codes: 0 nothing to do"]);
    refused(
        &project,
        &["apply", "sandbox", "--trouble", "rain=3"],
        1,
        &["`rain=3` is no trouble", "die-after=N"],
    );
}

#[test]
fn names_that_are_nothing() {
    // What is owned may be no longer declared, so the account is asked first.
    let project = Project::applied();
    let says = ["no resource has such an address", "such as financial/queue/campaigns"];
    for flag in ["--target", "--exclude", "--destroy-data"] {
        refused(&project, &["plan", "sandbox", flag, "financial/queue/campaign"], 1, &says);
        refused(&project, &["apply", "sandbox", "--yes", flag, "financial/queue/campaign"], 1, &says);
    }
    refused(&project, &["drift", "sandbox", "--exclude", "financial/queue/campaign"], 1, &says);
    refused(&project, &["plan", "sandbox", "--target", "financial/queues/*"], 1, &says);
    refused(&project, &["plan", "sandbox", "--target", "campaigns"], 1, &["no resource has such an address"]);
    refused(&project, &["plan", "sandbox", "--target", "a/[b/c"], 1, &["unclosed character class"]);
    refused(&project, &["plan", "sandbox", "--destroy-data", "*/table/*"], 1, &["--destroy-data"]);
}

#[test]
fn nobody_there_to_confirm() {
    let project = Project::new();
    check(&project.dn(&["apply", "sandbox"]), 4, &["nobody is there to confirm", "repeat with --yes"]);
    assert!(project.account().documents().values().all(std::collections::BTreeMap::is_empty));
    assert!(!project.path(".dn/sandbox/journal.jsonl").exists(), "nothing was begun");
    let project = Project::applied();
    refused(&project, &["destroy", "sandbox"], 4, &["nobody is there to confirm", "repeat with --yes"]);
}
