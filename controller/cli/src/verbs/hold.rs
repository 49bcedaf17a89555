//! The lock while a run is at work: taken, kept alive, given back; and the journal brought to the bucket meanwhile.

use std::time::Duration;

use engine::{Held, LockNote, Stop, lock};
use keeper::control::ControlLock;

use super::run::{held, owner};
use crate::{exit::Failure, ledger, screen::Screen, session::Connected};

/// How often a run says that it is still at work.
const EVERY: Duration = Duration::from_secs(60);

/// A lock that is ours, or will be once there is somewhere to keep it.
pub(super) struct Hold<'a> {
    pub(super) connected: &'a Connected,
    store: ControlLock,
    pub(super) note: LockNote,
    taken: bool,
    /// The first line of the journal that the bucket does not hold.
    unshipped: u64,
}

impl<'a> Hold<'a> {
    /// Takes the lock, or tells who holds it; then brings this machine's journal up to date.
    pub(super) async fn take(connected: &'a Connected, screen: &Screen, verb: &str) -> Result<Self, Failure> {
        let session = &connected.session;
        let now = session.clock.now_ms();
        let note = LockNote {
            owner: owner(&connected.caller),
            run: format!("{}-{now}", session.stage),
            verb: verb.to_owned(),
            process: std::process::id(),
            since_ms: now,
            beat_ms: 0,
        };
        let store = ControlLock::new(connected.lock_writer(), &stacks::control_bucket());
        let mut hold = Self { connected, store, note, taken: false, unshipped: 1 };
        hold.again().await?;
        // Only now: whoever held the lock before may have written to it.
        match ledger::refresh(connected, screen).await {
            Ok(unshipped) => Ok(Self { unshipped, ..hold }),
            Err(failure) => {
                hold.give_back().await;
                Err(failure)
            }
        }
    }

    pub(super) fn is_taken(&self) -> bool {
        self.taken
    }

    /// Takes the lock where that was not possible before.
    pub(super) async fn again(&mut self) -> Result<(), Failure> {
        if self.taken {
            return Ok(());
        }
        match lock::acquire(&self.store, &self.note).await? {
            Held::ByUs => self.taken = true,
            Held::NoPlaceYet => {}
            Held::ByOther(other) => {
                return Err(held(&self.connected.session.stage, &other, self.note.since_ms));
            }
        }
        Ok(())
    }

    /// Brings the journal to the bucket. What cannot be brought now goes with the next run.
    pub(super) async fn ship(&self) {
        if !self.taken {
            return;
        }
        if let Err(failure) = ledger::ship(self.connected, self.unshipped).await {
            let stage = &self.connected.session.stage;
            anstream::eprintln!("the journal of {stage} was not brought to its bucket: {}", failure.message);
        }
    }

    /// Works until it is dropped; asks to stop when the lock is somebody else's by now.
    pub(super) async fn beat(&self, stop: &Stop) {
        let clock = &self.connected.session.clock;
        loop {
            clock.sleep(EVERY).await;
            if !self.taken {
                continue;
            }
            self.ship().await;
            // One that is not answered is no reason to stop: the next one may be.
            if let Ok(false) = lock::beat(&self.store, &self.note, clock.now_ms()).await {
                anstream::eprintln!("somebody broke the lock of this run: finishing what is in flight");
                stop.request();
                return std::future::pending().await;
            }
        }
    }

    /// Gives the lock back. What went wrong before is what counts, so a failure here is not told.
    pub(super) async fn give_back(&mut self) {
        if self.taken {
            let _ = lock::release(&self.store, &self.note).await;
            self.taken = false;
        }
    }
}
