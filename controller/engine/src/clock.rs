//! Time as an input.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::BoxFuture;

/// What the engine takes for time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()>;
}

/// The machine's clock and tokio's timer; on a paused runtime waiting takes no time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wall;

impl Clock for Wall {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of the engine that reads the machine's clock"
    )]
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}
