//! The bad day: a machine is lost, a run is killed, somebody edits the audit log. The journal is in the control bucket,
//! so whoever comes next knows what happened, on whatever machine.

use std::fs;

use sandbox::World;
use serde_json::Value;

use crate::project::{Project, Ran};

const JOURNAL: &str = ".dn/sandbox/journal.jsonl";
const OWNER: &str = "ada@desk as user/sandbox";

#[track_caller]
fn check(ran: &Ran, code: i32, says: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}", ran.text);
    let text = ran.text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in says {
        assert!(text.contains(words), "`{words}` is not said:\n{}", ran.text);
    }
}

/// A change that takes ten steps.
fn change(project: &Project) {
    let (old, new) = ("point_in_time_recovery: true", "point_in_time_recovery: false");
    project.replace("environments/sandbox.yaml", old, new);
}

/// All that this machine knows is lost, but for the account that is not on it.
fn lose_the_machine(project: &Project) {
    fs::remove_file(project.path(JOURNAL)).expect("a journal");
}

#[test]
fn another_machine_goes_on_with_a_run_that_was_killed() {
    let project = Project::applied();
    change(&project);
    check(&project.dn(&["apply", "sandbox", "--yes", "--trouble", "die-after=9"]), 137, &[]);
    lose_the_machine(&project);
    // What was begun and shipped is known: that there was a run, whose, and of what.
    check(&project.dn(&["history", "sandbox"]), 0, &["apply never ended", "apply done: "]);
    let mut command = project.command(crate::project::binary(), &["apply", "sandbox", "--yes"]);
    command.env("USER", "bob").env("HOSTNAME", "laptop");
    let blocked = crate::project::Running::of(command).finish();
    check(&blocked, 4, &[OWNER, "holds the lock", "dn unlock sandbox --owner"]);
    // Nobody breaks a lock without saying whose.
    check(&project.dn(&["unlock", "sandbox", "--owner", "bob@laptop"]), 4, &[OWNER]);
    check(&project.dn(&["unlock", "sandbox"]), 1, &["--owner"]);
    check(&project.dn(&["unlock", "sandbox", "--owner", OWNER]), 0, &["is broken"]);
    check(&project.dn(&["apply", "sandbox", "--yes"]), 0, &["done"]);
    check(&project.dn(&["plan", "sandbox"]), 0, &["nothing to do"]);
    check(&project.dn(&["history", "sandbox"]), 0, &["apply done", "apply never ended"]);
}

#[test]
fn the_machine_of_a_killed_run_knows_more_and_says_it() {
    let project = Project::applied();
    change(&project);
    check(&project.dn(&["apply", "sandbox", "--yes", "--trouble", "die-after=9"]), 137, &[]);
    check(&project.dn(&["unlock", "sandbox", "--owner", OWNER]), 0, &[]);
    let ran = project.dn(&["apply", "sandbox", "--yes"]);
    check(&ran, 0, &["was cut off during the update of", "looking what became of it", "done"]);
    let found = ["it was changed, and nothing is missing", "it was not changed, or not all of it"];
    assert!(found.iter().any(|words| ran.text.contains(words)), "what was found is said: {}", ran.text);
    // What only this machine knew is in the bucket now.
    lose_the_machine(&project);
    let told = project.dn(&["history", "sandbox", "--json"]);
    let told: Value = serde_json::from_str(&told.text).expect("JSON");
    let runs = told["runs"].as_array().expect("runs");
    let ends: Vec<&Value> = runs.iter().map(|run| &run["how"]).collect();
    assert_eq!(ends, [&Value::from("done"), &Value::Null, &Value::from("done")]);
    assert!(!runs[1]["steps"].as_array().expect("steps").is_empty(), "{}", runs[1]);
}

#[test]
fn a_run_whose_last_line_was_lost_is_finished_by_the_next() {
    let project = Project::applied();
    let text = project.read(JOURNAL);
    let lines: Vec<&str> = text.lines().collect();
    project.forget_shared_journal();
    project.write(JOURNAL, &(lines[..lines.len() - 1].join("\n") + "\n"));
    check(&project.dn(&["history", "sandbox"]), 0, &["apply never ended"]);
    check(&project.dn(&["apply", "sandbox", "--yes"]), 0, &["nothing to do"]);
    check(&project.dn(&["history", "sandbox"]), 0, &["apply done: 0 of 0", "apply never ended"]);
}

/// Edits the segments of the journal as a hand with access to the bucket would.
fn segments(project: &Project, edit: impl Fn(&mut World<'_>, Vec<String>) + 'static) {
    let work = move |world: &mut World<'_>| {
        let keys = world.all("s3/objects").into_keys().map(str::to_owned);
        let keys = keys.filter(|key| key.contains("journal/0")).collect();
        edit(world, keys);
    };
    project.account().edit(work).expect("the account");
}

#[test]
fn a_journal_that_was_cut_off_in_the_bucket_stops_everybody() {
    let project = Project::applied();
    change(&project);
    check(&project.dn(&["apply", "sandbox", "--yes"]), 0, &["done"]);
    segments(&project, |world, keys| {
        assert_eq!(keys.len(), 2, "a segment a run");
        world.remove("s3/objects", &keys[1]);
    });
    let says = ["the journal is not whole", "were written", "the control bucket keeps versions"];
    check(&project.dn(&["history", "sandbox"]), 1, &says);
    check(&project.dn(&["doctor", "sandbox"]), 1, &says[..2]);
    check(&project.dn(&["apply", "sandbox", "--yes"]), 1, &says);
    lose_the_machine(&project);
    check(&project.dn(&["history", "sandbox"]), 1, &says);
    // Looking does not need it.
    check(&project.dn(&["plan", "sandbox"]), 0, &["nothing to do"]);
}

#[test]
fn segments_that_changed_places_are_found() {
    let project = Project::applied();
    change(&project);
    check(&project.dn(&["apply", "sandbox", "--yes"]), 0, &["done"]);
    segments(&project, |world, keys| {
        let [first, second] = keys.as_slice() else { panic!("{keys:?}") };
        let a = world.get("s3/objects", first).expect("it").clone();
        let b = world.get("s3/objects", second).expect("it").clone();
        world.put("s3/objects", first, b);
        world.put("s3/objects", second, a);
    });
    check(&project.dn(&["history", "sandbox"]), 1, &["the journal is not whole", "cut out or reordered"]);
}
