//! Time as an input.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// What the account takes for "now".
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The time of this machine.
    Wall,
    /// So much later than the time of this machine.
    Ahead(Duration),
    /// A start, in milliseconds since 1970, advanced by tokio's own time: on a paused runtime a wait of an hour
    /// takes no time at all.
    Virtual { start_ms: u64, since: Instant },
}

impl Clock {
    /// Virtual time that starts at 2026-01-01T00:00:00Z. To be called on a runtime.
    #[must_use]
    pub fn simulated() -> Self {
        Self::Virtual { start_ms: 1_767_225_600_000, since: Instant::now() }
    }

    /// Milliseconds since 1970.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of this crate that reads the machine's clock"
    )]
    pub fn now_ms(&self) -> u64 {
        let wall = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = match self {
            Self::Wall => wall(),
            Self::Ahead(by) => wall().saturating_add(*by),
            Self::Virtual { start_ms, since } => Duration::from_millis(*start_ms) + since.elapsed(),
        };
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
