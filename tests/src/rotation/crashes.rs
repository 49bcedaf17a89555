//! Killed at any call, answered wrongly or raced: the rotation goes on from what is live.

use super::{DRAINED_MIN, SETTLED_MIN, advance, live, rotate};
use crate::project::Project;

/// Everything up to a steady stage, with one misfortune at a call of the step that is made `at` so many minutes.
fn with_trouble(trouble: &str, at: usize) {
    let project = Project::applied();
    let mut steps = 0;
    for later_min in [0, SETTLED_MIN, DRAINED_MIN] {
        for _ in 0..12 {
            if steps == at {
                let later = format!("{later_min}m");
                let fixed = ["rotate", "sandbox", "signing-key", "--yes", "--later", &later];
                let ran = project.dn(&[&fixed[..], &["--trouble", trouble]].concat());
                if ran.code == Some(137) {
                    let unlocked = project.dn(&["unlock", "sandbox", "--owner", "ada@desk as user/sandbox"]);
                    assert_eq!(unlocked.code, Some(0), "{}", unlocked.text);
                }
            } else {
                let (code, told) = rotate(&project, later_min, &["--yes"]);
                assert_eq!(code, Some(0), "{trouble} at {at}: {told:#}");
                if told["done"].is_null() {
                    break;
                }
            }
            steps += 1;
        }
    }
    // A key that was left half made is waited for and deleted; then all goes its way.
    let later_min = DRAINED_MIN + 60;
    for round in 0..3 {
        advance(&project, later_min + round * DRAINED_MIN, &[]);
    }
    let (_, told) = rotate(&project, later_min + 2 * DRAINED_MIN, &["--status"]);
    assert_eq!(told["state"], "steady", "{trouble} at {at}: {told:#}");
    let live = live(&project);
    let signer = signing::Signer::from_secret(&live.document).expect("a key");
    assert_eq!(live.members, [signer.key_id()], "{trouble} at {at}");
    assert_eq!(live.keys.len(), 2, "{trouble} at {at}: the key in use, and the environment's");
}

/// The second call that changes something is the step's first, after the lock; making a key has two. The proof of the
/// crate `rotation` goes through all calls; these are the ones where AWS, lock and journal have a part in it.
#[test]
fn killed_or_answered_wrongly_it_goes_on() {
    for (trouble, at) in [
        ("die-after=2", 0),
        ("die-after=2", 1),
        ("die-after=3", 1),
        ("lose-answer=2", 1),
        ("lose-answer=3", 1),
        ("die-after=2", 2),
        ("die-after=2", 3),
        ("lose-answer=2", 3),
    ] {
        with_trouble(trouble, at);
    }
}
