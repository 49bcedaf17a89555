//! Where words go: data to standard output, everything else to standard error.

use std::io::{IsTerminal, stdin, stdout};

use crate::{
    exit::Failure,
    render::{Style, failure_text},
};

/// Columns when there is no terminal to ask.
const WIDTH: usize = 100;

/// The terminal, or what stands in for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    width: usize,
    colour: bool,
}

impl Screen {
    pub(crate) fn new(width: Option<usize>) -> Self {
        let asked = || terminal_size::terminal_size().map(|(columns, _)| usize::from(columns.0));
        let colour = anstream::AutoStream::choice(&stdout()) != anstream::ColorChoice::Never;
        Self { width: width.or_else(asked).unwrap_or(WIDTH).max(40), colour }
    }

    pub(crate) fn style(&self) -> Style {
        Style { width: self.width, colour: self.colour, quiet: false }
    }

    /// The answer to what was asked. A closed pipe is no error: whoever read it had enough.
    pub(crate) fn data(&self, text: &str) {
        use std::io::Write as _;
        let mut out = anstream::stdout();
        let _ = out.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = out.write_all(b"\n");
        }
        let _ = out.flush();
    }

    /// A remark.
    pub(crate) fn remark(&self, text: &str) {
        anstream::eprintln!("{}", text.trim_end());
    }

    /// What went wrong, and what to do about it.
    pub(crate) fn failure(&self, failure: &Failure) {
        anstream::eprint!("{}", failure_text(failure, &self.style()));
    }

    /// Whether a person can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        stdin().is_terminal()
    }
}
