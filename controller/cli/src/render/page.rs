//! Lines that keep to a width, with or without colour.

use anstyle::{AnsiColor, Effects};

/// How a text is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Columns that no line exceeds; taken as 40 when it is less.
    pub(crate) width: usize,
    pub(crate) colour: bool,
    /// Only the verdict and what needs attention.
    pub(crate) quiet: bool,
}

/// Below this nothing readable fits beside the indents.
const WIDTH_MIN: usize = 40;

/// A space where no line is broken; written as an ordinary one.
const UNBROKEN: char = '\u{a0}';

/// What a piece of text is, from which its colour follows. Nothing is said by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Strong,
    Faint,
    Good,
    Careful,
    Bad,
    Swap,
    /// The words `error:` and `hint:` at the end of a run.
    Wrong,
    Hint,
}

/// A piece of a line.
#[derive(Clone, Debug)]
pub(super) struct Span {
    paint: Paint,
    text: String,
}

/// A text that grows line by line.
#[derive(Debug)]
pub(super) struct Page {
    width: usize,
    colour: bool,
    text: String,
}

type Cell = (char, Paint);

impl Paint {
    fn style(self) -> anstyle::Style {
        let plain = anstyle::Style::new();
        match self {
            Self::Plain => plain,
            Self::Strong => plain.effects(Effects::BOLD),
            Self::Faint => plain.effects(Effects::DIMMED),
            Self::Good => plain.fg_color(Some(AnsiColor::Green.into())),
            Self::Careful => plain.fg_color(Some(AnsiColor::Yellow.into())),
            Self::Bad => plain.fg_color(Some(AnsiColor::Red.into())),
            Self::Swap => plain.fg_color(Some(AnsiColor::Magenta.into())),
            Self::Wrong => plain.fg_color(Some(AnsiColor::Red.into())).effects(Effects::BOLD),
            Self::Hint => plain.fg_color(Some(AnsiColor::Cyan.into())).effects(Effects::BOLD),
        }
    }

    /// The text with its escape codes, or without them.
    pub(super) fn on(self, text: &str, colour: bool) -> String {
        let style = self.style();
        if colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// This piece of text in this paint.
    pub(super) fn of(self, text: impl AsRef<str>) -> Span {
        Span { paint: self, text: harmless(text.as_ref()) }
    }

    /// The same, not broken at its spaces where a line holds it.
    pub(super) fn whole(self, text: impl AsRef<str>) -> Span {
        Span { paint: self, text: harmless(text.as_ref()).replace(' ', &UNBROKEN.to_string()) }
    }
}

impl Span {
    pub(super) fn len(&self) -> usize {
        self.text.chars().count()
    }
}

impl Page {
    pub(super) fn new(style: &Style) -> Self {
        Self { width: style.width.max(WIDTH_MIN), colour: style.colour, text: String::new() }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Writes the pieces after `indent` columns; what does not fit goes on below, after `hang` columns.
    pub(super) fn line(&mut self, indent: usize, hang: usize, spans: &[Span]) {
        let cells: Vec<Cell> =
            spans.iter().flat_map(|span| span.text.chars().map(|c| (c, span.paint))).collect();
        let hang = hang.min(self.width / 2);
        let mut margin = indent.min(self.width / 2);
        let mut rest = cells.as_slice();
        loop {
            let (line, next) = split(rest, self.width - margin);
            self.put(margin, line);
            let Some(next) = next else { break };
            rest = next;
            margin = hang;
        }
    }

    /// Writes a text of one or more lines of its own; a line that is indented more than `hang` stays so.
    pub(super) fn prose(&mut self, indent: usize, hang: usize, label: Span, text: &str) {
        let mut lines = text.lines();
        self.line(indent, hang, &[label, Paint::Plain.of(lines.next().unwrap_or_default())]);
        for line in lines {
            let bare = line.trim_start_matches(' ');
            let depth = hang.max(line.len() - bare.len());
            self.line(depth, depth, &[Paint::Plain.of(bare)]);
        }
    }

    pub(super) fn done(self) -> String {
        self.text
    }

    fn put(&mut self, margin: usize, line: &[Cell]) {
        let end = line.iter().rposition(|(c, _)| !matches!(*c, ' ' | UNBROKEN)).map_or(0, |last| last + 1);
        let line = &line[..end];
        if !line.is_empty() {
            self.text.extend(std::iter::repeat_n(' ', margin));
        }
        for run in line.chunk_by(|a, b| a.1 == b.1) {
            let text: String = run.iter().map(|(c, _)| if *c == UNBROKEN { ' ' } else { *c }).collect();
            self.text.push_str(&run[0].1.on(&text, self.colour));
        }
        self.text.push('\n');
    }
}

/// The first line that fits, and the rest. Breaks at a space; inside a word only where it is longer than a line.
fn split(cells: &[Cell], room: usize) -> (&[Cell], Option<&[Cell]>) {
    if cells.len() <= room {
        return (cells, None);
    }
    // A break near the start would leave a sign or a name alone above a long value.
    let last = |space: char| (room / 3..=room).rev().find(|place| cells[*place].0 == space);
    let space = last(' ').or_else(|| last(UNBROKEN));
    let (line, rest) = cells.split_at(space.unwrap_or(room));
    let start = rest.iter().position(|(c, _)| !matches!(*c, ' ' | UNBROKEN));
    (line, start.map(|start| &rest[start..]))
}

/// Writes characters that would act on a terminal, or could not be seen, as escapes.
pub(super) fn harmless(text: &str) -> String {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(width: usize, colour: bool, spans: &[Span]) -> String {
        let mut page = Page::new(&Style { width, colour, quiet: false });
        page.line(2, 6, spans);
        page.done()
    }

    #[test]
    fn lines_break_at_spaces_and_hang() {
        let text = Paint::Plain.of("one two three four five six seven eight nine ten");
        assert_eq!(page(40, false, &[text]), "  one two three four five six seven\n      eight nine ten\n");
    }

    #[test]
    fn what_is_whole_stays_whole_and_nothing_trails() {
        let spans =
            [Paint::Plain.of("one two three four five six "), Paint::Faint.whole("(about 1 m 50 s) ")];
        assert_eq!(page(40, false, &spans), "  one two three four five six\n      (about 1 m 50 s)\n");
        let long = Paint::Faint.whole("(an index is filled: about 3 m and then some more)");
        assert_eq!(page(40, false, &[long]), "  (an index is filled: about 3 m and\n      then some more)\n");
    }

    #[test]
    fn a_word_longer_than_a_line_is_broken_and_kept_whole() {
        let arn = format!("arn:{}", "x".repeat(60));
        let text = page(40, false, &[Paint::Plain.of("to "), Paint::Plain.of(&arn)]);
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert_eq!(text.split_whitespace().skip(1).collect::<String>(), arn);
    }

    #[test]
    fn colour_is_reset_on_every_line_and_absent_when_off() {
        let spans = [Paint::Bad.of("red"), Paint::Plain.of(" plain")];
        assert_eq!(page(40, true, &spans), "  \u{1b}[31mred\u{1b}[0m plain\n");
        assert_eq!(page(40, false, &spans), "  red plain\n");
    }

    #[test]
    fn control_and_invisible_characters_are_written_out() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
        assert_eq!(harmless("rate 25 → 50 · größer"), "rate 25 → 50 · größer");
    }
}
