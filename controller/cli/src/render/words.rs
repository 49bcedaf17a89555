//! Counts, durations and times as people say them.

use jiff::Timestamp;

/// About how long: the two largest units that are not zero, as in `1 m 50 s`.
pub(crate) fn duration(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (unit, size) in units {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        } else if !parts.is_empty() {
            break;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

/// `1 change`, `2 changes`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `2026-11-22 18:14:29 UTC`.
pub(crate) fn instant(milliseconds: u64) -> String {
    stamp(milliseconds).map_or_else(
        || format!("{milliseconds} ms after 1970"),
        |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// The day in UTC: `2026-03-01`.
pub(crate) fn day(milliseconds: u64) -> String {
    stamp(milliseconds).map_or_else(String::new, |at| at.strftime("%Y-%m-%d").to_string())
}

/// RFC 3339, for programs.
pub(super) fn rfc3339(milliseconds: u64) -> Option<String> {
    stamp(milliseconds).map(|at| at.to_string())
}

fn stamp(milliseconds: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(milliseconds).ok()?).ok()
}

/// At most `max` characters: the middle goes, since both ends of an ARN tell more.
pub(super) fn cut_middle(text: &str, max: usize) -> String {
    let length = text.chars().count();
    if length <= max {
        return text.to_owned();
    }
    let kept = max.saturating_sub(1);
    let (front, back) = (kept - kept / 2, kept / 2);
    let start: String = text.chars().take(front).collect();
    let end: String = text.chars().skip(length - back).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        let shown: Vec<String> = [0, 45, 60, 110, 3_600, 7_501, 86_399, 90_000, 3_600 * 24 * 3 + 5]
            .into_iter()
            .map(duration)
            .collect();
        assert_eq!(
            shown,
            ["0 s", "45 s", "1 m", "1 m 50 s", "1 h", "2 h 5 m", "23 h 59 m", "1 d 1 h", "3 d"]
        );
    }

    #[test]
    fn times_are_utc_whatever_the_machine_says() {
        assert_eq!(instant(1_795_371_269_123), "2026-11-22 18:14:29 UTC");
        assert_eq!(rfc3339(1_795_371_269_123).unwrap(), "2026-11-22T18:14:29.123Z");
        assert_eq!(instant(u64::MAX), "18446744073709551615 ms after 1970");
    }

    #[test]
    fn the_middle_is_cut() {
        assert_eq!(cut_middle("arn:aws:sqs:eu-west-1:1:dn-dev-mail", 15), "arn:aws…ev-mail");
        assert_eq!(cut_middle("short", 15), "short");
    }
}
