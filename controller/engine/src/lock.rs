//! One apply at a time: a lock with owner and age, and a way to break it that is asked for and never automatic.

use model::{BoxFuture, Fault};
use serde::{Deserialize, Serialize};

/// What the lock says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockNote {
    /// Who holds it: user and machine.
    pub owner: String,
    pub run: String,
    pub verb: String,
    /// The process, on the owner's machine.
    pub process: u32,
    /// Milliseconds since 1970.
    pub since_ms: u64,
    /// When the run was last heard of, which it says every minute.
    #[serde(default)]
    pub beat_ms: u64,
}

impl LockNote {
    /// Whether both are of one run, whenever it was last heard of.
    #[must_use]
    pub fn is_of(&self, other: &Self) -> bool {
        (&self.owner, &self.run, self.process) == (&other.owner, &other.run, other.process)
    }

    /// Milliseconds since 1970 of when the run was last heard of.
    #[must_use]
    pub fn heard_ms(&self) -> u64 {
        self.since_ms.max(self.beat_ms)
    }
}

/// The bytes of an object, and the version that they are of.
pub type Object = (Vec<u8>, String);

/// Where the lock is kept: one place for all who apply to the stage.
pub trait LockStore: Send + Sync {
    /// Writes the lock unless there is one; `Place::Missing` when there is nowhere to keep it yet.
    fn create_once<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Place, Fault>>;

    /// The lock as it is, and its version.
    fn read(&self) -> BoxFuture<'_, Result<Option<Object>, Fault>>;

    /// Writes over the version that was read; `false` when it is no longer that one.
    fn replace<'a>(&'a self, bytes: &'a [u8], version: &'a str) -> BoxFuture<'a, Result<bool, Fault>>;

    fn remove(&self) -> BoxFuture<'_, Result<(), Fault>>;
}

/// What became of an attempt to write the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Written,
    Taken,
    /// The control bucket is not made yet.
    Missing,
}

/// The outcome of asking for the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    ByUs,
    ByOther(LockNote),
    NoPlaceYet,
}

/// Takes the lock, or tells who holds it.
///
/// # Errors
/// When the store fails.
pub async fn acquire(store: &dyn LockStore, note: &LockNote) -> Result<Held, Fault> {
    let bytes = serde_json::to_vec(note)
        .map_err(|error| Fault::Refused(model::fault::Cause::new(error.to_string())))?;
    let place = match store.create_once(&bytes).await {
        // The answer was lost: whether the lock is ours is for the next look to tell.
        Err(Fault::Transient(_)) => Place::Taken,
        other => other?,
    };
    match place {
        Place::Written => Ok(Held::ByUs),
        Place::Missing => Ok(Held::NoPlaceYet),
        Place::Taken => match holder(store).await? {
            // A lost answer to our own write looks like somebody else's lock.
            Some(other) if other.is_of(note) => Ok(Held::ByUs),
            Some(other) => Ok(Held::ByOther(other)),
            // Released between the two calls: whoever asked again would get it, so a person may too.
            None => {
                Ok(Held::ByOther(LockNote { owner: "someone who just finished".to_owned(), ..note.clone() }))
            }
        },
    }
}

/// Who holds the lock now.
///
/// # Errors
/// When the store fails.
pub async fn holder(store: &dyn LockStore) -> Result<Option<LockNote>, Fault> {
    Ok(store.read().await?.map(|(bytes, _)| told(&bytes)))
}

fn told(bytes: &[u8]) -> LockNote {
    let unreadable = LockNote {
        owner: "unknown (the lock cannot be read)".to_owned(),
        run: String::new(),
        verb: String::new(),
        process: 0,
        since_ms: 0,
        beat_ms: 0,
    };
    serde_json::from_slice(bytes).unwrap_or(unreadable)
}

/// Says that the run is still at work; `false` when the lock is no longer its own.
///
/// # Errors
/// When the store fails.
pub async fn beat(store: &dyn LockStore, note: &LockNote, now_ms: u64) -> Result<bool, Fault> {
    let Some((bytes, version)) = store.read().await? else { return Ok(false) };
    if !told(&bytes).is_of(note) {
        return Ok(false);
    }
    let bytes = serde_json::to_vec(&LockNote { beat_ms: now_ms, ..note.clone() })
        .map_err(|error| Fault::Refused(model::fault::Cause::new(error.to_string())))?;
    store.replace(&bytes, &version).await
}

/// Gives the lock back, unless it is somebody else's by now.
///
/// # Errors
/// When the store fails.
pub async fn release(store: &dyn LockStore, note: &LockNote) -> Result<(), Fault> {
    match holder(store).await? {
        Some(ours) if ours.is_of(note) => store.remove().await,
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use super::*;

    /// The lock, and how often it was written.
    #[derive(Default)]
    struct Store(Mutex<(Option<Vec<u8>>, usize)>);

    impl Store {
        fn kept(&self) -> MutexGuard<'_, (Option<Vec<u8>>, usize)> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl LockStore for Store {
        fn create_once<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Place, Fault>> {
            let mut kept = self.kept();
            let place = if kept.0.is_some() { Place::Taken } else { Place::Written };
            kept.0.get_or_insert_with(|| bytes.to_vec());
            Box::pin(async move { Ok(place) })
        }

        fn read(&self) -> BoxFuture<'_, Result<Option<(Vec<u8>, String)>, Fault>> {
            let kept = self.kept();
            let found = kept.0.clone().map(|bytes| (bytes, kept.1.to_string()));
            Box::pin(async { Ok(found) })
        }

        fn replace<'a>(&'a self, bytes: &'a [u8], version: &'a str) -> BoxFuture<'a, Result<bool, Fault>> {
            let mut kept = self.kept();
            let fits = kept.0.is_some() && kept.1.to_string() == version;
            if fits {
                *kept = (Some(bytes.to_vec()), kept.1 + 1);
            }
            Box::pin(async move { Ok(fits) })
        }

        fn remove(&self) -> BoxFuture<'_, Result<(), Fault>> {
            *self.kept() = (None, 0);
            Box::pin(async { Ok(()) })
        }
    }

    fn note(owner: &str) -> LockNote {
        let (owner, verb) = (owner.to_owned(), "apply".to_owned());
        LockNote { owner, run: "r-1".to_owned(), verb, process: 7, since_ms: 1_000, beat_ms: 0 }
    }

    #[tokio::test]
    async fn a_run_is_heard_of_while_the_lock_is_its_own() {
        let (store, ours) = (Store::default(), note("ada"));
        assert_eq!(acquire(&store, &ours).await, Ok(Held::ByUs));
        assert_eq!(beat(&store, &ours, 61_000).await, Ok(true));
        let held = holder(&store).await.expect("an answer").expect("a lock");
        assert_eq!((held.since_ms, held.heard_ms()), (1_000, 61_000));
        assert_eq!(acquire(&store, &ours).await, Ok(Held::ByUs), "a lost answer, whenever it was heard of");
        assert_eq!(acquire(&store, &note("bob")).await, Ok(Held::ByOther(held)));
        // Broken, and taken by somebody else: it is not taken back.
        store.remove().await.expect("it is broken");
        assert_eq!(beat(&store, &ours, 121_000).await, Ok(false));
        assert_eq!(acquire(&store, &note("bob")).await, Ok(Held::ByUs));
        assert_eq!(beat(&store, &ours, 121_000).await, Ok(false));
        release(&store, &ours).await.expect("nothing to give back");
        assert_eq!(holder(&store).await.expect("an answer").map(|note| note.owner), Some("bob".to_owned()));
    }

    #[test]
    fn a_note_of_before_there_were_beats_is_read() {
        let old = r#"{"owner":"ada","run":"r","verb":"apply","process":1,"since_ms":5}"#;
        assert_eq!(told(old.as_bytes()).heard_ms(), 5);
    }
}
