//! The lock and the journal of the stage while a function changes something: as a run of `dn` has them, without a disk.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use engine::{
    Clock, Fetched, Held, Ledger, LockNote, LockStore, PacedGate, Recorder, Silent, lock, segments,
};
use keeper::control::{ControlJournal, ControlLock};
use kinds::{Clients, Objects, Reader, Resource, Scope, Writer, kinds::bucket::Bucket};
use model::{
    Fault,
    journal::{Ending, Event, Journal},
};

use crate::control;

/// Lambda ends every call after fifteen minutes: a lock of a function that is older is nobody's.
const DEAD_AFTER_MS: u64 = 20 * 60 * 1000;

/// Whose stage it is, and who works on it.
pub(crate) struct Hand {
    pub(crate) clients: Clients,
    pub(crate) scope: Scope,
    pub(crate) clock: Arc<dyn Clock>,
    /// As lock and journal name it.
    pub(crate) owner: String,
}

/// What became of work under the lock.
pub(crate) enum Worked<T> {
    Done(T),
    /// Somebody else holds it.
    Held(String),
}

impl Hand {
    pub(crate) fn reader(&self) -> Reader {
        let gate = PacedGate::read_only(self.clock.clone(), Arc::new(Silent), self.clock.now_ms());
        Reader::new(self.clients.clone(), self.scope.clone(), Arc::new(gate))
    }

    /// For lock and journal.
    fn bookkeeper(&self) -> Writer {
        let gate = PacedGate::unrecorded(self.clock.clone(), Arc::new(Silent), self.clock.now_ms());
        Writer::new(self.clients.clone(), self.scope.clone(), Arc::new(gate))
    }

    fn journal(&self) -> ControlJournal<Writer> {
        let at = control::address();
        let name = Bucket::physical(&self.scope, &at);
        ControlJournal(Objects::new(self.bookkeeper(), &at, &name))
    }

    /// Runs `work` under the lock, with something to write with that the journal sees.
    pub(crate) async fn alone<T, W>(
        &self,
        verb: &str,
        work: impl FnOnce(Writer) -> W,
    ) -> Result<Worked<T>, Fault>
    where
        W: Future<Output = Result<T, Fault>>,
    {
        let now_ms = self.clock.now_ms();
        let note = LockNote {
            owner: self.owner.clone(),
            run: format!("{}-{now_ms}", self.scope.stage),
            verb: verb.to_owned(),
            process: std::process::id(),
            since_ms: now_ms,
            beat_ms: 0,
        };
        let store = ControlLock::new(self.bookkeeper(), &control::address());
        if let Some(other) = self.acquire(&store, &note).await? {
            return Ok(Worked::Held(other));
        }
        let outcome = self.noted(&note, work).await;
        // What went wrong before is what counts; a lock that stays is too old some minutes later.
        let _ = lock::release(&store, &note).await;
        outcome.map(Worked::Done)
    }

    /// Takes the lock; else who holds it. One that a call of this function left behind is broken.
    async fn acquire(&self, store: &ControlLock, note: &LockNote) -> Result<Option<String>, Fault> {
        let other = match lock::acquire(store, note).await? {
            Held::ByUs => return Ok(None),
            Held::NoPlaceYet => return Ok(Some("nobody: there is no control bucket".to_owned())),
            Held::ByOther(other) => other,
        };
        let dead = other.heard_ms().saturating_add(DEAD_AFTER_MS) < note.since_ms;
        if other.owner != note.owner || !dead {
            return Ok(Some(other.owner));
        }
        let Some((bytes, version)) = store.read().await? else { return Ok(Some(other.owner)) };
        let same = serde_json::from_slice::<LockNote>(&bytes).is_ok_and(|found| found.is_of(&other));
        let ours = serde_json::to_vec(note).unwrap_or_default();
        let taken = same && store.replace(&ours, &version).await?;
        Ok((!taken).then_some(other.owner))
    }

    async fn noted<T, W>(&self, note: &LockNote, work: impl FnOnce(Writer) -> W) -> Result<T, Fault>
    where
        W: Future<Output = Result<T, Fault>>,
    {
        let store = self.journal();
        let known = match segments::fetch(&store, "").await? {
            Fetched::Behind(lines) => lines,
            // Nothing is known here, so there is nothing that the bucket could lack.
            Fetched::Same | Fetched::NoPlace | Fetched::Ahead(_) | Fetched::Forked(_) => String::new(),
        };
        let (journal, _) = Journal::replay(&known)
            .map_err(|error| Fault::refused(&control::address(), format!("the journal: {error}")))?;
        let (first, lines) = (journal.last_number() + 1, Lines::default());
        let recorder = Arc::new(Recorder::new(journal, Box::new(lines.clone())));
        let begun = Event::Begun {
            run: note.run.clone(),
            verb: note.verb.clone(),
            plan: String::new(),
            who: note.owner.clone(),
            account: self.scope.account.clone(),
            steps: 0,
        };
        recorder.record(self.clock.now_ms(), begun)?;
        // A function has no disk that outlives it: what is begun is in the bucket before anything is changed.
        segments::ship(&store, first, &lines.text()).await?;
        let now_ms = self.clock.now_ms();
        let gate = PacedGate::recorded(self.clock.clone(), Arc::new(Silent), now_ms, recorder.clone());
        let writer = Writer::new(self.clients.clone(), self.scope.clone(), Arc::new(gate));
        let outcome = work(writer).await;
        let how = if outcome.is_ok() { Ending::Done } else { Ending::Partly };
        recorder.record(self.clock.now_ms(), Event::Ended { how })?;
        let shipped = segments::ship(&store, first, &lines.text()).await;
        let done = outcome?;
        shipped.map(|_| done)
    }
}

/// The lines of this run.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<String>>);

impl Lines {
    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Ledger for Lines {
    fn append(&self, line: &str) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(line);
        Ok(())
    }
}
