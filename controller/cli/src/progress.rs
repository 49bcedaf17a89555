//! News on standard error: a line that moves on a terminal, nothing elsewhere while looking, one line a step.

use std::time::Duration;

use engine::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use model::{Action, Address, Fault, Step};

/// Progress for people.
pub(crate) struct News {
    bar: ProgressBar,
}

impl News {
    /// A bar over looking at resources; hidden where standard error is no terminal.
    pub(crate) fn observing() -> Self {
        Self::with(ProgressBar::new(0), "observing {pos}/{len} {wide_bar} {msg}")
    }

    /// A bar over `steps` steps.
    pub(crate) fn applying(steps: usize) -> Self {
        Self::with(ProgressBar::new(steps as u64), "applying {pos}/{len} {wide_bar} {msg}")
    }

    fn with(bar: ProgressBar, template: &str) -> Self {
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// A line above the bar, or on standard error without one.
    pub(crate) fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            anstream::eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }
}

fn doing(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "updated",
        Action::Replace => "made again",
        Action::Delete => "deleted",
    }
}

impl Progress for News {
    fn observed(&self, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
    }

    fn started(&self, step: &Step) {
        self.bar.set_message(step.address.to_string());
    }

    fn finished(&self, step: &Step, outcome: Result<(), &Fault>) {
        self.bar.inc(1);
        match outcome {
            Ok(()) => self.say(&format!("  {} {}", doing(step.action), step.address)),
            Err(fault) => {
                let (address, why) = (step.address.to_string(), fault.to_string());
                let why = why.strip_prefix(&format!("{address}: ")).unwrap_or(&why);
                self.say(&format!("  failed {address}: {why}"));
            }
        }
    }

    fn waiting(&self, address: &Address, what: &str) {
        self.bar.set_message(format!("{address}: waiting for {what}"));
    }
}
