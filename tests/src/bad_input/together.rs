//! Two processes at once.

use std::collections::BTreeMap;

use super::check;
use crate::project::{Project, Ran};

/// How many documents of each sort the account holds: twice as many queues or keys would show. Objects are left out:
/// each run has its lines of the journal.
fn counts(project: &Project) -> BTreeMap<String, usize> {
    let mut documents = project.account().documents();
    documents.remove("s3/objects");
    documents.into_iter().map(|(sort, ids)| (sort, ids.len())).filter(|(_, count)| *count > 0).collect()
}

/// At least one did the work; the other did nothing, and knows why.
#[track_caller]
fn one_wins(project: &Project, ran: [Ran; 2]) {
    let [first, second] = &ran;
    let codes = [first.code.unwrap(), second.code.unwrap()];
    assert!(codes.contains(&0), "one wins: {}\n{}", first.text, second.text);
    for (code, ran) in codes.iter().zip(&ran) {
        let says: &[&str] = match code {
            0 => &["sandbox"],
            4 => &["hint: "],
            5 => &["plan again"],
            _ => panic!("{}", ran.text),
        };
        check(ran, *code, says);
    }
    check(&project.dn(&["plan", "sandbox"]), 0, &["nothing to do"]);
    check(&project.dn(&["history", "sandbox"]), 0, &["done"]);
    check(&project.dn(&["doctor", "sandbox"]), 1, &["the journal is whole", "nobody holds the lock"]);
}

#[test]
fn two_first_applies() {
    let alone = Project::applied();
    let project = Project::new();
    let both = [(); 2].map(|()| project.start(&["apply", "sandbox", "--yes"]));
    one_wins(&project, both.map(crate::project::Running::finish));
    assert_eq!(counts(&project), counts(&alone), "nothing is doubled");
}

#[test]
fn two_applies_of_a_change() {
    let project = Project::applied();
    let before = counts(&project);
    let text = project.read("environments/sandbox.yaml");
    project.write("environments/sandbox.yaml", &(text + "queues:\n  attempts: 7\n"));
    let both = [(); 2].map(|()| project.start(&["apply", "sandbox", "--yes"]));
    one_wins(&project, both.map(crate::project::Running::finish));
    assert_eq!(counts(&project), before, "nothing is doubled");
}
