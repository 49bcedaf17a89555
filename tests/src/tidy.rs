//! Rules that a reader would have to enforce otherwise. Each rule has a canary: text that it must refuse.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kinds::KINDS;

const FILE_LINES_MAX: usize = 500;
const LINE_CHARACTERS_MAX: usize = 120;

/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "manager", "common", "misc"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A rule over one file: its path below the root, and its text.
type Rule = fn(&str, &str) -> Option<String>;

const RULES: &[(&str, Rule, (&str, &str))] = &[
    ("files stay short", short_file, ("a.rs", "\n")),
    ("lines stay short", short_lines, ("a.rs", "")),
    ("names say something", telling_name, ("controller/model/src/helpers.rs", "")),
    (
        "what decides does no I/O",
        pure_crates,
        ("controller/model/src/plan.rs", "async fn plan() { std::fs::read(\"state\"); }"),
    ),
    ("stacks are pure", pure_stacks, ("stacks/src/shared.rs", "let home = std::env::var(\"HOME\");")),
    ("nothing is pretended", no_stubs, ("a.rs", concat!("to", "do!()"))),
];

fn short_file(_: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > FILE_LINES_MAX).then(|| format!("{lines} lines"))
}

fn short_lines(_: &str, text: &str) -> Option<String> {
    let long = (1..).zip(text.lines()).find(|(_, line)| line.chars().count() > LINE_CHARACTERS_MAX)?;
    Some(format!("line {} is too long", long.0))
}

fn telling_name(path: &str, _: &str) -> Option<String> {
    let stem = Path::new(path).file_stem()?.to_str()?;
    EMPTY_NAMES.contains(&stem).then(|| format!("`{stem}` says nothing"))
}

fn contains(text: &str, words: &[&str]) -> Option<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut hits = code.filter_map(|line| words.iter().find(|word| line.contains(**word)));
    hits.next().map(|word| format!("uses {word}"))
}

fn pure_crates(path: &str, text: &str) -> Option<String> {
    let pure = path.starts_with("controller/model/src") || path.starts_with("runtime/contract/src");
    pure.then(|| {
        contains(text, &["async fn", "std::fs", "std::env", "std::net", "SystemTime", "Instant::now"])
    })?
}

fn pure_stacks(path: &str, text: &str) -> Option<String> {
    path.starts_with("stacks/src").then(|| contains(text, &["async ", "std::fs", "std::env", "aws_sdk"]))?
}

fn no_stubs(_: &str, text: &str) -> Option<String> {
    contains(text, &[concat!("to", "do!("), concat!("unimple", "mented!("), concat!("#[ig", "nore")])
}

#[test]
fn the_tree_keeps_the_rules() {
    let root = root();
    let files = sources(&root);
    assert!(files.len() > 50, "the sources are found");
    let mut broken = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("a source file");
        let shown = path.strip_prefix(&root).expect("below the root").display().to_string();
        broken.extend(
            RULES
                .iter()
                .filter_map(|(name, rule, _)| Some(format!("{name}: {shown}: {}", rule(&shown, &text)?))),
        );
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn every_rule_refuses_its_canary() {
    for (name, rule, (path, text)) in RULES {
        let text = match *name {
            "files stay short" => text.repeat(FILE_LINES_MAX + 1),
            "lines stay short" => "x".repeat(LINE_CHARACTERS_MAX + 1),
            _ => (*text).to_owned(),
        };
        assert!(rule(path, &text).is_some(), "{name} let its canary pass");
        assert!(rule("a.rs", "fn a() {}\n").is_none(), "{name} refuses everything");
    }
}

#[test]
fn every_kind_is_listed_and_has_laws() {
    let names = |folder: &str| -> Vec<String> {
        let files = fs::read_dir(root().join(folder)).expect("a folder").flatten();
        let mut names: Vec<String> = files
            .filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".rs")?.replace('_', " ")))
            .collect();
        names.sort();
        names
    };
    let mut listed: Vec<String> = KINDS.iter().map(|kind| kind.name.to_owned()).collect();
    listed.sort();
    assert_eq!(names("controller/kinds/src/kinds"), listed, "one file a kind, one entry a file");
    assert_eq!(names("tests/src/laws"), listed, "every kind has examples for the laws");
}
