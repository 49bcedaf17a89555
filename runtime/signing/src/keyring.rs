//! The key as it was read from the secret, for a bounded time.
//!
//! A rotation that moves the secret to another key must know when the last link of the old one was signed. So a key
//! is used for [`SIGNER_CACHE_S`] after it was read, and never longer, whatever happens: [`Usable::link`] itself
//! refuses. From half of that time on the secret is read again; while that fails, the key that is held goes on.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use contract::signing::SIGNER_CACHE_S;

use crate::{Custom, Refused, Signer, UnusableKey, Url};

const LIFE_MS: i64 = SIGNER_CACHE_S * 1000;
const FRESH_MS: i64 = LIFE_MS / 2;

/// Holds the key of a process.
#[derive(Debug, Default)]
pub struct Keyring {
    held: Mutex<Option<Usable>>,
}

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum NoKey<E> {
    #[error("the signing key could not be read")]
    Unread(E),
    #[error("the signing key cannot be used: {0}")]
    Unusable(#[from] UnusableKey),
}

/// A key that was read lately.
#[derive(Clone, Debug)]
pub struct Usable {
    signer: Arc<Signer>,
    read_ms: i64,
}

impl Keyring {
    /// The key: the one that is held while it is fresh, else what `read` finds in the secret. Cheap, so ask before
    /// every few links.
    ///
    /// # Errors
    /// When there is none, and the last one is too old.
    pub async fn key<E, F, Fut>(&self, now_ms: i64, read: F) -> Result<Usable, NoKey<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<String, E>>,
    {
        let held = self.held().clone().filter(|held| held.is_alive(now_ms));
        if let Some(fresh) = held.as_ref().filter(|held| held.age_ms(now_ms) < FRESH_MS) {
            return Ok(fresh.clone());
        }
        let found = match read().await {
            Ok(text) => Signer::from_secret(&text).map_err(NoKey::Unusable),
            Err(error) => Err(NoKey::Unread(error)),
        };
        match (found, held) {
            (Ok(signer), _) => {
                // As of before it was read: it may have been replaced while the answer was on its way.
                let usable = Usable { signer: Arc::new(signer), read_ms: now_ms };
                *self.held() = Some(usable.clone());
                Ok(usable)
            }
            (Err(_), Some(held)) => Ok(held),
            (Err(none), None) => Err(none),
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Usable>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Usable {
    /// A link to one address until `until_s`, in seconds since 1970.
    ///
    /// # Errors
    /// When it would live for no time or for too long, and when the key was read too long ago: ask the keyring again.
    pub fn link(&self, url: &Url, until_s: i64, now_ms: i64) -> Result<String, Refused> {
        self.check(now_ms)?;
        self.signer.link(url, until_s, now_ms.div_euclid(1000))
    }

    /// A link under a policy of its own.
    ///
    /// # Errors
    /// As of [`link`](Self::link).
    pub fn link_under(&self, policy: &Custom, url: &Url, now_ms: i64) -> Result<String, Refused> {
        self.check(now_ms)?;
        self.signer.link_under(policy, url, now_ms.div_euclid(1000))
    }

    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    fn check(&self, now_ms: i64) -> Result<(), Refused> {
        if self.is_alive(now_ms) { Ok(()) } else { Err(Refused::StaleKey) }
    }

    /// A clock that went back behind the reading tells nothing of its age.
    fn is_alive(&self, now_ms: i64) -> bool {
        (0..LIFE_MS).contains(&self.age_ms(now_ms))
    }

    fn age_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.read_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Pair};

    const MINUTE: i64 = 60_000;

    fn secret(id: &str) -> String {
        let pair = Pair::generate(Algorithm::Ecdsa).unwrap();
        serde_json::to_string(&pair.document(id)).unwrap()
    }

    async fn ask(ring: &Keyring, now_ms: i64, text: Result<&str, ()>) -> Result<Usable, NoKey<()>> {
        ring.key(now_ms, || async { text.map(str::to_owned) }).await
    }

    #[tokio::test]
    async fn a_key_is_read_again_before_it_is_too_old_and_outlives_an_outage_no_longer_than_that() {
        let (ring, first, second) = (Keyring::default(), secret("K1"), secret("K2"));
        let id = |usable: &Usable| usable.signer().key_id().to_owned();
        assert_eq!(id(&ask(&ring, 0, Ok(&first)).await.unwrap()), "K1");
        assert_eq!(id(&ask(&ring, 2 * MINUTE, Ok(&second)).await.unwrap()), "K1", "still fresh");
        assert_eq!(id(&ask(&ring, 4 * MINUTE, Err(())).await.unwrap()), "K1", "an outage");
        assert!(matches!(ask(&ring, 5 * MINUTE, Err(())).await, Err(NoKey::Unread(()))), "too old");
        assert_eq!(id(&ask(&ring, 5 * MINUTE, Ok(&second)).await.unwrap()), "K2");
    }

    #[tokio::test]
    async fn a_key_that_is_held_on_to_refuses_by_itself() {
        let ring = Keyring::default();
        let held = ask(&ring, 10 * MINUTE, Ok(&secret("K1"))).await.unwrap();
        let url = Url::of("d1", ["a"]).unwrap();
        let link = |now_ms: i64| held.link(&url, 100_000, now_ms).map(|_| ());
        assert_eq!(link(15 * MINUTE - 1), Ok(()));
        assert_eq!(link(15 * MINUTE), Err(Refused::StaleKey));
        assert_eq!(link(10 * MINUTE - 1), Err(Refused::StaleKey), "the clock went back");
    }

    #[tokio::test]
    async fn before_the_first_rotation_there_is_no_key() {
        let none = serde_json::to_string(&contract::signing::SigningKey::none()).unwrap();
        let found = ask(&Keyring::default(), 0, Ok(&none)).await;
        assert!(matches!(found, Err(NoKey::Unusable(UnusableKey::None))));
    }
}
