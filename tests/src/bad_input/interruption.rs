//! Ctrl-C, a polite kill, and a terminal that is gone.

use model::journal::{Ending, Journal};

use super::check;
use crate::project::{Project, Running};

const JOURNAL: &str = ".dn/sandbox/journal.jsonl";

/// The control bucket is made first and alone; when something else is made, everything is under way.
fn under_way(running: &mut Running) {
    running.wait_for("created operations/bucket/control");
    running.wait_for("created ");
}

fn journal(project: &Project) -> Journal {
    let text = project.read(JOURNAL);
    let (journal, whole) = Journal::replay(&text).expect("a whole journal");
    assert_eq!(whole, text.len(), "no line is torn");
    journal
}

/// Interrupted once, a run finishes what it began and begins nothing more.
#[track_caller]
fn once(signal: &str) {
    let project = Project::new();
    let mut running = project.start(&["apply", "sandbox", "--yes"]);
    under_way(&mut running);
    running.signal(signal);
    let ran = running.finish();
    check(&ran, 6, &["finishing what is in flight", "interrupted", "not begun", "run it again to go on"]);
    let journal = journal(&project);
    assert_eq!((journal.runs()[0].how, journal.in_doubt().count()), (Some(Ending::Partly), 0));
    check(&project.dn(&["apply", "sandbox", "--yes"]), 0, &["done"]);
    check(&project.dn(&["plan", "sandbox"]), 0, &["nothing to do"]);
}

#[test]
fn ctrl_c() {
    once("INT");
}

#[test]
fn a_terminal_that_is_gone() {
    once("HUP");
}

#[test]
fn a_polite_kill() {
    once("TERM");
}

#[test]
fn ctrl_c_twice_stops_now_and_says_what_is_in_doubt() {
    let project = Project::new();
    let mut running = project.start(&["apply", "sandbox", "--yes", "--weather", "realistic"]);
    under_way(&mut running);
    running.signal("INT");
    running.wait_for("once more stops now");
    running.signal("INT");
    let ran = running.finish();
    check(&ran, 6, &["stopping now", "in doubt", "the end is not known", "run it again to go on"]);
    assert!(journal(&project).in_doubt().count() > 0);
    check(&project.dn(&["apply", "sandbox", "--yes"]), 0, &["the last run was cut off during", "done"]);
    check(&project.dn(&["plan", "sandbox"]), 0, &["nothing to do"]);
}

#[test]
fn while_looking_it_ends_at_once() {
    let project = Project::applied();
    let before = project.files();
    let running = project.start(&["plan", "sandbox", "--weather", "realistic"]);
    running.signal("INT");
    assert_eq!(running.finish().code, None, "the signal ends it");
    assert_eq!(project.files(), before);
}
