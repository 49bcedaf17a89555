//! A function reads what its stack sets and does what its role allows. The types see to most of it
//! (doc tests of `support::Call` and `support::table::Writer` that do not compile); what types cannot
//! see is guarded here.

use std::{collections::BTreeMap, fs, path::Path};

use contract::function::{FUNCTIONS, problems};
use kinds::kinds::function::Function;

use crate::{project::root, stage::Stage, stage::environment};

/// Variables without which a function works: by name, with why.
const OPTIONAL: &[(&str, &str)] = &[
    ("UNSUBSCRIBE_CONFIRMATION_URL", "the function serves a page of its own"),
    ("UNSUBSCRIBE_MAILBOX", "list headers then have no mailto link"),
];

/// The environment of every function as it is deployed.
async fn deployed() -> BTreeMap<String, BTreeMap<String, String>> {
    let stage = Stage::empty(&environment());
    assert!(stage.apply().await.is_complete());
    let client = aws_sdk_lambda::Client::new(&stage.account.sdk_config());
    let mut all = BTreeMap::new();
    for (address, _) in stage.world.specs(&stage.scope).of::<Function>() {
        let name = stage.scope.name(&address);
        let found = client.get_function_configuration().function_name(name).qualifier("live").send().await;
        let found = found.expect("a function").environment.and_then(|one| one.variables).unwrap_or_default();
        all.insert(address.name().to_owned(), found.into_iter().collect());
    }
    all
}

#[tokio::test(start_paused = true)]
async fn the_stack_sets_every_variable_that_a_function_reads_and_no_other() {
    let deployed = deployed().await;
    let mut optional = Vec::new();
    for function in FUNCTIONS {
        let name = function.name;
        let set = deployed.get(name).unwrap_or_else(|| panic!("{name} is deployed"));
        let declared: Vec<&str> = function.variables.iter().map(|one| one.name).collect();
        let others: Vec<&String> = set.keys().filter(|one| !declared.contains(&one.as_str())).collect();
        assert!(others.is_empty(), "{name} reads none of {others:?}");
        let found = problems(name, &|one| set.get(one).cloned());
        assert_eq!(found, Some(Vec::new()), "{name} starts");
        // And each is looked at: without it, the function says so and does not start.
        for variable in declared {
            let found = problems(name, &|one| set.get(one).filter(|_| one != variable).cloned());
            let named: Vec<&str> = found.expect("a function").iter().map(|one| one.variable).collect();
            match named[..] {
                [] => optional.push(variable),
                [one] => assert_eq!(one, variable, "{name}"),
                _ => panic!("{name} without {variable} says {named:?}"),
            }
        }
    }
    optional.sort_unstable();
    optional.dedup();
    let allowed: Vec<&str> = OPTIONAL.iter().map(|(name, _)| *name).collect();
    assert_eq!(optional, allowed, "what may be missing is listed with its reason");
}

#[test]
fn a_variable_that_the_stack_forgot_is_named() {
    let found =
        problems("outreach-health", &|name| (name != "STAGE").then(|| "https://x.example".to_owned()));
    let told: Vec<String> = found.expect("a function").iter().map(ToString::to_string).collect();
    assert_eq!(told, ["STAGE: is not set"]);
    assert_eq!(problems("nobody", &|_| None), None);
}

/// A file, and why it may.
type Door = (&'static str, &'static str);

/// Words that reach past the types, and the files that may say them, with why.
const DOORS: &[(&[&str], &[Door])] = &[
    (
        &[".dynamodb()", ".kms()", ".mail()", ".secrets()", "Client::new(", "Client::from_conf("],
        &[
            ("runtime/support/src/aws.rs", "makes the clients"),
            ("runtime/support/src/table.rs", "a reader or writer only for a variable that says so"),
            ("runtime/support/src/secret.rs", "a value only by the name in a variable"),
            ("runtime/support/src/stand_in.rs", "for tests"),
            ("runtime/subscription/src/list.rs", "only for the variable that may update contacts"),
            ("runtime/subscription/src/token.rs", "only for the variables of the key, one way each"),
            ("runtime/subscription/src/registry.rs", "transactions of items that writers made"),
            ("runtime/outreach/src/event.rs", "transactions of items that writers made"),
            (
                "runtime/operations/src/control.rs",
                "the bucket and the topic of the variables; everything else goes through the kinds",
            ),
        ],
    ),
    (
        &["env::var"],
        &[
            ("runtime/support/src/entry.rs", "hands the process environment to the declared variables"),
            ("runtime/support/src/aws.rs", "what Lambda sets for every function"),
            ("runtime/support/src/log.rs", "what Lambda sets for every function"),
        ],
    ),
];

/// What a file of the runtime says that it may not: tests and benches may say all.
fn past_the_types(path: &str, text: &str) -> Vec<String> {
    let test = path.contains("/tests/")
        || path.contains("/benches/")
        || path.ends_with("/tests.rs")
        || path.ends_with("/trial.rs");
    let code = if test { "" } else { text.split("#[cfg(test)]").next().unwrap_or_default() };
    let lines = || code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut said = Vec::new();
    for (words, files) in DOORS {
        if files.iter().all(|(file, _)| *file != path) {
            let hits = words.iter().filter(|word| lines().any(|line| line.contains(**word)));
            said.extend(hits.map(|word| format!("{path} says {word}")));
        }
    }
    said
}

fn sources(folder: &Path, into: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let shown = path.strip_prefix(root()).expect("below the root").display().to_string();
            into.push((shown, fs::read_to_string(&path).expect("a source file")));
        }
    }
}

#[test]
fn handlers_reach_aws_and_the_environment_by_their_variables_only() {
    let mut files = Vec::new();
    sources(&root().join("runtime"), &mut files);
    assert!(files.len() > 40, "the sources are found");
    let said: Vec<String> = files.iter().flat_map(|(path, text)| past_the_types(path, text)).collect();
    assert!(said.is_empty(), "use a variable's own door, or give a reason in DOORS: {said:#?}");
    for (words, doors) in DOORS {
        for (door, _) in *doors {
            let text = files.iter().find(|(path, _)| path == door).map(|(_, text)| text.as_str());
            let text = text.unwrap_or_else(|| panic!("{door} is no file"));
            assert!(words.iter().any(|word| text.contains(word)), "{door} needs no reason any more");
        }
    }
}

#[test]
fn a_handler_past_its_types_is_seen() {
    let path = "runtime/outreach/src/stats.rs";
    for (text, sees) in [
        ("call.aws.dynamodb().scan()", 1),
        ("let client = aws_sdk_s3::Client::new(call.aws.config());", 1),
        ("let name = std::env::var(\"TABLE\");", 1),
        ("call.aws.kms().encrypt(); env::var(\"KEY\")", 2),
        ("// call.aws.kms()", 0),
        ("fn a() {}\n#[cfg(test)]\nmod tests { fn b() { aws.secrets(); } }", 0),
    ] {
        assert_eq!(past_the_types(path, text).len(), sees, "{text}");
    }
}
