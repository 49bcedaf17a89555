//! Interruption: the first request lets what is in flight finish, the second stops now.

use tokio::sync::watch;

/// How urgently a run should stop. Clones are the same request.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<u8>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Stop {
    /// Asks once more.
    pub fn request(&self) {
        self.0.send_modify(|asked| *asked = asked.saturating_add(1));
    }

    /// Whether nothing new should be begun.
    #[must_use]
    pub fn requested(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Resolves when nothing new should be begun.
    pub async fn soon(&self) {
        self.at_least(1).await;
    }

    /// Resolves when everything should be dropped.
    pub async fn now(&self) {
        self.at_least(2).await;
    }

    async fn at_least(&self, times: u8) {
        let mut asked = self.0.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = asked.wait_for(|asked| *asked >= times).await;
    }
}
