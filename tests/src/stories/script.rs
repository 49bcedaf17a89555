//! Markdown to commands with what they should print, and back.

/// The rest of what a command prints does not matter.
const ELISION: &str = "[…]";

/// Lines of a story, in order.
#[derive(Debug)]
pub(super) enum Piece {
    Prose(String),
    Command(Command),
}

/// One command in a `console` block.
#[derive(Debug)]
pub(super) struct Command {
    /// Without the `$`.
    pub(super) line: String,
    /// The lines up to `EOF`, for `<<EOF`.
    pub(super) input: Vec<String>,
    expected: Vec<String>,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) code: Option<i32>,
    pub(super) lines: Vec<String>,
}

/// Takes a story apart.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut inside = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            inside = !inside && line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            let heredoc = command.ends_with("<<EOF");
            let input =
                if heredoc { lines.by_ref().take_while(|line| *line != "EOF").collect() } else { vec![] };
            let input = input.into_iter().map(str::to_owned).collect();
            pieces.push(Piece::Command(Command { line: command.to_owned(), input, expected: Vec::new() }));
            continue;
        } else if let Some(Piece::Command(last)) = pieces.last_mut().filter(|_| inside) {
            last.expected.push(line.to_owned());
            continue;
        }
        pieces.push(Piece::Prose(line.to_owned()));
    }
    pieces
}

impl Command {
    /// The command with what it really printed; an elision stays where the lines around it still fit.
    pub(super) fn with(&self, told: &Told) -> String {
        let mut lines = told.lines.clone();
        match told.code {
            Some(0) => {}
            Some(code) => lines.push(format!("[exit {code}]")),
            None => lines.push("[killed]".to_owned()),
        }
        let mut shown = vec![format!("$ {}", self.line)];
        if self.line.ends_with("<<EOF") {
            shown.extend(self.input.iter().cloned());
            shown.push("EOF".to_owned());
        }
        // A blank line before the next command is the author's.
        let author: Vec<&String> = self.expected.iter().rev().take_while(|line| line.is_empty()).collect();
        let expected = &self.expected[..self.expected.len() - author.len()];
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        shown.extend(elided(expected, &lines));
        shown.extend(author.into_iter().cloned());
        shown.join("\n") + "\n"
    }
}

/// `lines` with as many elided as `expected` elides.
fn elided(expected: &[String], lines: &[String]) -> Vec<String> {
    let parts: Vec<&[String]> = expected.split(|line| line == ELISION).collect();
    let [first, middle @ .., last] = parts.as_slice() else { return lines.to_vec() };
    if first.len() + last.len() > lines.len() {
        return lines.to_vec();
    }
    let (front, rest) = lines.split_at(first.len());
    let (mut rest, back) = rest.split_at(rest.len() - last.len());
    let mut shown = front.to_vec();
    for part in middle {
        let found = rest.windows(part.len().max(1)).position(|window| window == *part);
        let Some(at) = found else { return lines.to_vec() };
        shown.push(ELISION.to_owned());
        shown.extend_from_slice(part);
        rest = &rest[at + part.len()..];
    }
    shown.push(ELISION.to_owned());
    shown.extend_from_slice(back);
    shown
}

/// Lines in which steps that ran side by side are put in order, so that a transcript does not depend on luck.
pub(super) fn ordered(text: &str) -> Vec<String> {
    let step = |line: &str| {
        let mut words = line.strip_prefix("  ")?.split(' ');
        let word = words.next()?;
        (["created", "updated", "deleted", "failed"].contains(&word) && words.next()?.contains('/'))
            .then_some(())
    };
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    for run in lines.chunk_by_mut(|a, b| step(a).is_some() && step(b).is_some()) {
        if run.len() > 1 {
            run.sort();
        }
    }
    lines
}

/// The words of a command line; quotes keep spaces.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().expect("one at least").push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The lines that differ, with some around them.
pub(super) fn differences(expected: &str, told: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), told.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let tail = tail.min(old.len() - same).min(new.len() - same);
    let show = |sign: &str, lines: &[&str]| -> String {
        lines.iter().map(|line| format!("{sign} {line}\n")).collect()
    };
    let before = &old[same.saturating_sub(3)..same];
    show(" ", before) + &show("-", &old[same..old.len() - tail]) + &show("+", &new[same..new.len() - tail])
}

#[test]
fn elisions_stay_where_they_fit() {
    let of = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    let check =
        |expected: &str, lines: &str, shown: &str| assert_eq!(elided(&of(expected), &of(lines)), of(shown));
    check("a […] d", "a b c d", "a […] d");
    check("a […] c […] e", "a b c d e", "a […] c […] e");
    check("a […] d", "a b c x", "a […] x");
    check("a […] x […] e", "a b c d e", "a b c d e");
    check("a […] b c", "a b", "a b");
    check("a b", "a c", "a c");
}

#[test]
fn words_and_order() {
    assert_eq!(words("dn unlock x --owner 'ada as b'"), ["dn", "unlock", "x", "--owner", "ada as b"]);
    assert_eq!(
        ordered("b\n  created b/c/d\n  created a/c/d\na"),
        ["b", "  created a/c/d", "  created b/c/d", "a"]
    );
}
