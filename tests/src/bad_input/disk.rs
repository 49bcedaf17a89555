//! Folders that cannot be written, full disks, and journals that are not whole.

use std::fs;

use model::journal::{Ending, Event, Journal};
use sandbox::store::Documents;

use super::{check, refused};
use crate::project::Project;

const JOURNAL: &str = ".dn/sandbox/journal.jsonl";

/// What the account holds, but for the versions that the lock left where it came and went.
fn owned(project: &Project) -> Documents {
    let mut documents = project.account().documents();
    documents.retain(|sort, _| sort != "account" && !sort.starts_with("s3/"));
    assert!(documents.contains_key("dynamodb/tables"), "{:?}", documents.keys());
    documents
}

#[test]
fn a_state_folder_that_cannot_be_made() {
    // Permissions do not bind root, so a file stands where the folder should be.
    let project = Project::new();
    project.write(".dn", "");
    refused(&project, &["plan", "sandbox"], 1, &[".dn/sandbox", "Not a directory"]);
    refused(&project, &["apply", "sandbox", "--yes"], 1, &[".dn/sandbox", "Not a directory"]);
}

#[test]
fn a_plan_that_cannot_be_saved() {
    let project = Project::applied();
    refused(
        &project,
        &["plan", "sandbox", "--out", "nowhere/plan.json"],
        1,
        &["nowhere/plan.json", "check the path"],
    );
    refused(&project, &["graph", "sandbox", "--svg", "nowhere/graph.svg"], 1, &["nowhere/graph.svg"]);
}

#[test]
fn a_journal_that_cannot_be_opened() {
    let project = Project::applied();
    project.replace(
        "environments/sandbox.yaml",
        "point_in_time_recovery: true",
        "point_in_time_recovery: false",
    );
    fs::remove_file(project.path(JOURNAL)).unwrap();
    fs::create_dir(project.path(JOURNAL)).unwrap();
    let before = owned(&project);
    check(&project.dn(&["apply", "sandbox", "--yes"]), 1, &["journal.jsonl", "directory", "hint: "]);
    assert!(owned(&project) == before, "nothing is changed");
}

/// A whole journal, longer than the account's file, whose end is eight bytes below a multiple of 1024.
fn long_journal() -> String {
    let (mut journal, mut text) = (Journal::default(), String::new());
    let begun = |who: String| {
        let (run, verb, plan, account) = ("r".into(), "apply".into(), "p".into(), "000000000000".into());
        Event::Begun { run, verb, plan, who, account, steps: 0 }
    };
    let line = |journal: &mut Journal, event: Event| {
        let entry = journal.next(1, event).unwrap();
        journal.accept(&entry).unwrap();
        serde_json::to_string(&entry).unwrap() + "\n"
    };
    while text.len() < 1024 * 1024 {
        text += &line(&mut journal, begun("ada".to_owned()));
        text += &line(&mut journal, Event::Ended { how: Ending::Done });
    }
    let bare = text.len() + line(&mut journal.clone(), begun(String::new())).len();
    let padding = (2 * 1024 - 8 - bare % 1024) % 1024;
    text + &line(&mut journal, begun("x".repeat(padding)))
}

#[test]
fn a_full_disk_before_the_first_line() {
    let project = Project::applied();
    project.forget_shared_journal();
    let journal = long_journal();
    assert_eq!(journal.len() % 1024, 1016);
    project.write(JOURNAL, &journal);
    project.replace(
        "environments/sandbox.yaml",
        "point_in_time_recovery: true",
        "point_in_time_recovery: false",
    );
    let blocks = journal.len() as u64 / 1024 + 1;
    let before = owned(&project);
    let ran = project.dn_on_a_full_disk(blocks, &["apply", "sandbox", "--yes"]);
    check(&ran, 1, &["the journal cannot be written", "File too large", "free space"]);
    assert_eq!(project.read(JOURNAL), journal, "nothing of the line is kept");
    assert!(owned(&project) == before, "nothing is changed");
    // With space again the same command works: the lock was given back.
    check(&project.dn(&["apply", "sandbox", "--yes"]), 0, &["done"]);
}

#[test]
fn a_full_disk_half_way() {
    let project = Project::applied();
    project.forget_shared_journal();
    let journal = long_journal();
    project.write(JOURNAL, &journal);
    project.replace(
        "environments/sandbox.yaml",
        "point_in_time_recovery: true",
        "point_in_time_recovery: false",
    );
    let blocks = journal.len() as u64 / 1024 + 5;
    let ran = project.dn_on_a_full_disk(blocks, &["apply", "sandbox", "--yes"]);
    check(&ran, 6, &["the journal cannot be written", "free space", "not begun"]);
    let text = project.read(JOURNAL);
    assert!(text.starts_with(&journal) && text.len() > journal.len(), "some was written");
    assert!(Journal::replay(&text).is_ok_and(|(_, whole)| whole == text.len()), "and is whole");
    check(&project.dn(&["apply", "sandbox", "--yes"]), 0, &["done"]);
    check(&project.dn(&["plan", "sandbox"]), 0, &["nothing to do"]);
}

#[test]
fn a_tampered_journal_stops_everything_that_would_write_to_it() {
    let project = Project::applied();
    let text = project.read(JOURNAL).replacen("ada@desk", "eve@desk", 1);
    project.write(JOURNAL, &text);
    let says = ["line 1 of the journal was altered", "keep a copy"];
    refused(&project, &["history", "sandbox"], 1, &says);
    refused(&project, &["apply", "sandbox", "--yes"], 1, &says);
    check(&project.dn(&["doctor", "sandbox"]), 1, &["todo", "line 1 of the journal was altered"]);
    // Looking does not need it.
    check(&project.dn(&["plan", "sandbox"]), 0, &["nothing to do"]);
    // Destroying would write to it, and gives the lock back when it cannot.
    check(&project.dn(&["destroy", "sandbox", "--yes"]), 1, &says);
    check(&project.dn(&["doctor", "sandbox"]), 1, &["nobody holds the lock"]);
}

#[test]
fn a_journal_with_lines_cut_out() {
    let project = Project::applied();
    let text: Vec<String> = project.read(JOURNAL).lines().map(|line| format!("{line}\n")).collect();
    project.write(JOURNAL, &(text[..3].concat() + &text[4..].concat()));
    refused(&project, &["history", "sandbox"], 1, &["does not follow the one before it", "keep a copy"]);
}

#[test]
fn a_torn_last_line_is_cut_off_and_gone_on_with() {
    let project = Project::applied();
    let text = project.read(JOURNAL);
    project.write(JOURNAL, &text[..text.len() - 20]);
    check(&project.dn(&["history", "sandbox"]), 0, &["apply done"]);
    assert_eq!(project.read(JOURNAL), text, "the control bucket knows the line");
    project.forget_shared_journal();
    project.write(JOURNAL, &text[..text.len() - 20]);
    check(&project.dn(&["history", "sandbox"]), 0, &["never ended"]);
    project.replace(
        "environments/sandbox.yaml",
        "point_in_time_recovery: true",
        "point_in_time_recovery: false",
    );
    check(&project.dn(&["apply", "sandbox", "--yes"]), 0, &["done"]);
    let text = project.read(JOURNAL);
    assert!(
        Journal::replay(&text).is_ok_and(|(journal, whole)| whole == text.len() && journal.runs().len() == 2)
    );
}

#[test]
fn an_account_file_that_cannot_be_read() {
    let project = Project::applied();
    let text = project.read(".dn/sandbox/account.jsonl");
    project.write(".dn/sandbox/account.jsonl", &format!("no json\n{text}"));
    refused(&project, &["plan", "sandbox"], 1, &["account.jsonl"]);
}
