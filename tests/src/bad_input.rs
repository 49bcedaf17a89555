//! Wrong input, hostile surroundings and interruptions, on the real command line: a message that names what is wrong
//! and what to do, the right exit code, and nothing half-written.

use crate::project::{Project, Ran};

mod account;
mod disk;
mod environment;
mod interruption;
mod plan_file;
mod together;
mod toolchain;

/// Checks how a run ended and that it said all of this, wherever lines broke.
#[track_caller]
fn check(ran: &Ran, code: i32, says: &[&str]) {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(ran.code, Some(code), "{}", ran.text);
    for text in says {
        assert!(words(&ran.text).contains(&words(text)), "`{text}` is not said:\n{}", ran.text);
    }
    assert!(!ran.text.contains("panicked"), "{}", ran.text);
}

/// As [`check`], for a failure: it gives a hint, and the project's files are as they were.
#[track_caller]
pub(crate) fn refused(project: &Project, args: &[&str], code: i32, says: &[&str]) {
    let before = project.files();
    let ran = project.dn(args);
    check(&ran, code, says);
    assert!(ran.text.contains("hint: "), "a hint:\n{}", ran.text);
    assert_eq!(project.files(), before, "nothing is written");
}
