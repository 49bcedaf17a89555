//! Work that is no plan, under the eyes of the journal.

use std::{future::Future, sync::Arc};

use engine::{Recorder, Silent};
use kinds::Writer;
use model::journal::{Ending, Event};

use super::hold::Hold;
use crate::{exit::Failure, ledger, screen::Screen, session::Connected};

/// Runs `work` with something to write with; `verb` and `about` are what the journal calls it.
pub(crate) async fn noted<T, W>(
    connected: &Connected,
    screen: &Screen,
    verb: &str,
    about: &str,
    work: impl FnOnce(Writer) -> W,
) -> Result<T, Failure>
where
    W: Future<Output = Result<T, Failure>>,
{
    let mut hold = Hold::take(connected, screen, verb).await?;
    let outcome = written_down(connected, &hold, about, work).await;
    hold.ship().await;
    hold.give_back().await;
    outcome
}

async fn written_down<T, W>(
    connected: &Connected,
    hold: &Hold<'_>,
    about: &str,
    work: impl FnOnce(Writer) -> W,
) -> Result<T, Failure>
where
    W: Future<Output = Result<T, Failure>>,
{
    let recorder = Arc::new(ledger::open(&connected.session.state)?);
    let now = || connected.session.clock.now_ms();
    let begun = Event::Begun {
        run: hold.note.run.clone(),
        verb: hold.note.verb.clone(),
        plan: about.to_owned(),
        who: hold.note.owner.clone(),
        account: connected.session.scope.account.clone(),
        steps: 0,
    };
    recorder.record(now(), begun)?;
    note_source(connected, &recorder)?;
    let outcome = work(connected.writer(Arc::new(Silent), recorder.clone())).await;
    let how = if outcome.is_ok() { Ending::Done } else { Ending::Partly };
    recorder.record(now(), Event::Ended { how })?;
    outcome
}

/// Writes down which revision a run is of, where git knows.
pub(crate) fn note_source(connected: &Connected, recorder: &Recorder) -> Result<(), Failure> {
    let session = &connected.session;
    let Some(revision) = session.revision().cloned() else { return Ok(()) };
    let release = session.release.as_ref().map(release::Manifest::id);
    let event = Event::Source { commit: revision.commit, dirty: revision.dirty, release };
    Ok(recorder.record(session.clock.now_ms(), event)?)
}
