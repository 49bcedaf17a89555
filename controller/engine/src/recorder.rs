//! The journal, written before and after everything that changes something.

use std::{
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use model::{
    Fault,
    fault::Cause,
    journal::{Event, Journal, JournalError},
};

/// Where journal lines go: a line is kept when `append` returns.
pub trait Ledger: Send + Sync {
    /// Writes one line, with its end of line, so that a crash leaves it whole or not there.
    ///
    /// # Errors
    /// When it cannot be kept; then nothing of it is.
    fn append(&self, line: &str) -> io::Result<()>;
}

/// The journal of one stage, in order, whoever writes.
pub struct Recorder {
    journal: Mutex<Journal>,
    ledger: Box<dyn Ledger>,
    broken: AtomicBool,
}

impl Recorder {
    /// Goes on with a journal that was read.
    pub fn new(journal: Journal, ledger: Box<dyn Ledger>) -> Self {
        Self { journal: Mutex::new(journal), ledger, broken: AtomicBool::new(false) }
    }

    /// Records one event.
    ///
    /// # Errors
    /// When the ledger cannot keep it: the caller must not act.
    pub fn record(&self, at_ms: u64, event: Event) -> Result<(), Fault> {
        let mut journal = self.journal();
        let refused = |error: JournalError| Fault::Refused(Cause::new(error.to_string()));
        let entry = journal.next(at_ms, event).map_err(refused)?;
        let line =
            serde_json::to_string(&entry).map_err(|error| Fault::Refused(Cause::new(error.to_string())))?;
        self.ledger.append(&(line + "\n")).map_err(|error| {
            self.broken.store(true, Ordering::Relaxed);
            Fault::Refused(Cause::new(format!("the journal cannot be written: {error}")).hint(
                "nothing is changed without a journal: free space or fix the directory, then run it again",
            ))
        })?;
        journal.accept(&entry).map_err(refused)
    }

    /// Whether an event was lost: nothing more should be begun.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// The journal up to now.
    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
