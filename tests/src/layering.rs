//! Dependencies between crates point one way: the crate graph compared with a table.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Who may use whom of ours, and which outside crates a layer must stay free of. A crate that is not listed fails.
const TABLE: &[(&str, &[&str], &[&str])] = &[
    ("model", &[], &["tokio", "aws-", "futures", "jiff"]),
    ("engine", &["model"], &["aws-", "jiff"]),
    ("kinds", &["model", "rotation"], &[]),
    ("sandbox", &[], &[]),
    ("serve", &["sandbox"], &["aws-sdk-"]),
    ("stand_ins", &["contract", "sandbox", "serve"], &[]),
    ("contract", &[], &["tokio", "aws-", "futures", "jiff"]),
    ("rotation", &["contract"], &["tokio", "aws-", "futures", "jiff"]),
    ("signing", &["contract"], &["tokio", "aws-sdk-", "futures", "jiff"]),
    ("support", &["contract"], &[]),
    ("subscription", &["contract", "support"], &[]),
    ("unsubscribe", &["contract", "subscription", "support"], &[]),
    ("outreach", &["contract", "subscription", "support"], &[]),
    ("financial", &["contract", "support"], &[]),
    ("dn_api", &["contract", "support"], &[]),
    // The nightly comparison is the same engine as `dn`'s, so this one service uses the controller's crates.
    ("operations", &["contract", "engine", "keeper", "kinds", "model", "rotation", "stacks", "support"], &[]),
    ("keeper", &["contract", "engine", "kinds", "model", "rotation", "signing"], &["aws-", "jiff"]),
    ("stacks", &["contract", "kinds", "model"], &["tokio", "aws-", "futures"]),
    ("release", &["contract", "kinds", "model", "stacks"], &["aws-", "tokio", "jiff"]),
    (
        "cli",
        &[
            "contract",
            "engine",
            "keeper",
            "kinds",
            "model",
            "release",
            "rotation",
            "sandbox",
            "serve",
            "stacks",
            "stand_ins",
        ],
        &["aws-sdk-"],
    ),
    ("tests", &[], &[]),
];

/// Package to what it depends on when built for use (not for its tests).
type Graph = BTreeMap<String, BTreeSet<String>>;

fn workspace() -> Graph {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata");
    let deps = |package: &cargo_metadata::Package| {
        let used = package.dependencies.iter().filter(|one| one.kind != DependencyKind::Development);
        used.map(|one| one.name.clone()).collect()
    };
    metadata.packages.iter().map(|package| (package.name.to_string(), deps(package))).collect()
}

fn violations(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (name, deps) in graph {
        let Some((_, allowed, barred)) = TABLE.iter().find(|(listed, ..)| listed == name) else {
            found.push(format!("{name} is not in the table"));
            continue;
        };
        for dep in deps {
            if graph.contains_key(dep) && !allowed.contains(&dep.as_str()) {
                found.push(format!("{name} must not use {dep}"));
            }
            if barred.iter().any(|prefix| dep.starts_with(prefix)) {
                found.push(format!("{name} must stay free of {dep}"));
            }
        }
    }
    found
}

#[test]
fn crates_depend_one_way() {
    let graph = workspace();
    assert!(graph.len() >= TABLE.len(), "the workspace lists its crates");
    assert_eq!(violations(&graph), Vec::<String>::new());
}

#[test]
fn the_guard_sees_every_sort_of_violation() {
    let mut graph = workspace();
    let mut add = |to: &str, dep: &str| {
        let fresh = graph.entry(to.to_owned()).or_default().insert(dep.to_owned());
        assert!(fresh, "{to} uses {dep} already");
    };
    add("engine", "kinds");
    add("model", "tokio");
    add("stranger", "model");
    let found = violations(&graph);
    for wanted in
        ["engine must not use kinds", "model must stay free of tokio", "stranger is not in the table"]
    {
        assert!(found.iter().any(|line| line == wanted), "{wanted}: {found:?}");
    }
    assert_eq!(found.len(), 3, "{found:?}");
}
