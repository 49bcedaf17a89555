//! Time as an input.

use jiff::Timestamp;

/// Tells the time.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's.
    Wall,
    /// Always the same: milliseconds since 1970.
    Fixed(i64),
}

impl Clock {
    /// Milliseconds since 1970.
    #[must_use]
    pub fn now_ms(self) -> i64 {
        match self {
            Self::Wall => Timestamp::now().as_millisecond(),
            Self::Fixed(at_ms) => at_ms,
        }
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn now_s(self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    /// Now, as answers carry it (R2).
    #[must_use]
    pub fn timestamp(self) -> String {
        iso(self.now_ms())
    }
}

/// ISO 8601, UTC, with milliseconds and a trailing `Z`.
#[must_use]
pub fn iso(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_always_three_digits() {
        assert_eq!(iso(1_763_769_600_000), "2025-11-22T00:00:00.000Z");
        assert_eq!(iso(1_763_769_600_007), "2025-11-22T00:00:00.007Z");
        assert_eq!(Clock::Fixed(1_500).now_s(), 1);
    }
}
