//! Stories: sessions of the real command line as Markdown files in `tests/stories/`, each told in a project of its
//! own and compared line by line. `STORIES=update cargo test -p tests stories` writes what was really printed.
//!
//! A story is prose with `console` blocks. In a block, `$ …` is a command and what follows is what it prints, output
//! and errors as a terminal shows them; `[exit 2]` ends a command that does not exit with 0, and a line `[…]` stands
//! for any lines. Commands:
//!
//! | command | does |
//! | --- | --- |
//! | `dn …` or `cargo dn …` | runs the real binary |
//! | `sed -i 's/OLD/NEW/' FILE` | replaces a text that is there exactly once; OLD is no pattern |
//! | `cat >> FILE <<EOF` … `EOF` | appends lines |
//! | `hand …` | another hand than ours changes the account: see [`hand`] |
//!
//! Before comparing, what varies is replaced ([`Project::steady`]), and the lines of steps that ran side by side are
//! put in order.

use std::{env, fs, path::PathBuf};

use crate::project::{Project, root};

mod hand;
mod script;

use script::{Piece, Told};

/// Tells a story; the path is below the root of the workspace.
fn tell(path: &str) {
    let file = root().join(path);
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
    let project = Project::new();
    let mut told = String::with_capacity(text.len());
    for piece in script::pieces(&text) {
        match piece {
            Piece::Prose(line) => told += &format!("{line}\n"),
            Piece::Command(command) => {
                let happened = run(&project, &command.line, &command.input);
                told += &command.with(&happened);
            }
        }
    }
    if told == text {
        return;
    }
    if env::var_os("STORIES").is_some_and(|word| word == "update") {
        fs::write(&file, told).expect("the story is written");
        return;
    }
    let first = told.lines().zip(text.lines()).position(|(a, b)| a != b);
    let line = first.unwrap_or_else(|| told.lines().count().min(text.lines().count())) + 1;
    panic!(
        "{path} is told otherwise from line {line} on; STORIES=update writes what happened\n{}",
        script::differences(&text, &told)
    );
}

/// Runs one command of a story.
fn run(project: &Project, line: &str, input: &[String]) -> Told {
    let words = script::words(line);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let nothing = Told { code: Some(0), lines: Vec::new() };
    match words.as_slice() {
        ["cargo", "dn", args @ ..] | ["dn", args @ ..] => {
            let ran = project.dn(args);
            Told { code: ran.code, lines: script::ordered(&project.steady(&ran.text)) }
        }
        ["sed", "-i", change, file] => {
            let parts: Vec<&str> = change.split('/').collect();
            let ["s", old, new, ""] = parts.as_slice() else { panic!("{line}: expected 's/OLD/NEW/'") };
            project.replace(file, old, new);
            nothing
        }
        ["cat", ">>", file, "<<EOF"] => {
            let text = project.read(file);
            project.write(file, &format!("{text}{}\n", input.join("\n")));
            nothing
        }
        ["hand", rest @ ..] => Told { lines: hand::act(project, rest), ..nothing },
        _ => panic!("{line}: no such command in stories"),
    }
}

/// Every story, each a test of its own.
macro_rules! stories {
    ($($name:ident => $path:literal,)*) => {
        $(#[test] fn $name() { tell($path); })*
        const PATHS: &[&str] = &[$($path),*];
    };
}

stories! {
    readme => "README.md",
    five_minutes => "tests/stories/five-minutes.md",
    killed => "tests/stories/killed.md",
    drift => "tests/stories/drift.md",
    plan_file => "tests/stories/plan-file.md",
    two_at_once => "tests/stories/two-at-once.md",
    destroy => "tests/stories/destroy.md",
    targets => "tests/stories/targets.md",
}

#[test]
fn every_story_is_told() {
    let folder = root().join("tests/stories");
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).expect("the stories").flatten().map(|file| file.path()).collect();
    files.sort();
    let mut listed: Vec<PathBuf> =
        PATHS.iter().map(|path| root().join(path)).filter(|path| path.starts_with(&folder)).collect();
    listed.sort();
    assert_eq!(files, listed);
}

#[test]
fn a_story_that_is_told_otherwise_is_noticed() {
    let project = Project::new();
    let story = "```console\n$ dn history sandbox\nsomething else\n```\n";
    let Some(Piece::Command(command)) = script::pieces(story).into_iter().nth(1) else { panic!("a command") };
    let happened = run(&project, &command.line, &command.input);
    assert_eq!(happened.lines, ["nothing was applied yet"]);
    assert_eq!(command.with(&happened), "$ dn history sandbox\nnothing was applied yet\n");
}
