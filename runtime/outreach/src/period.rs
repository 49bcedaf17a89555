//! Days and times of queries.

use contract::setting::TrackingDays;
use jiff::{Timestamp, civil, tz::TimeZone};
use support::{Failed, Request};

pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const MOST: usize = 1000;
const USUAL: usize = 100;

/// The day of a time, in UTC: `2023-10-24`.
pub(crate) fn day(at_ms: i64) -> String {
    support::time::iso(at_ms).chars().take(10).collect()
}

/// When a row of this time is not kept any longer, in seconds since 1970.
pub(crate) fn expiry_s(at_ms: i64, days: &TrackingDays) -> i64 {
    (at_ms + i64::from(days.0) * DAY_MS).div_euclid(1000)
}

/// From one time to another, both inclusive, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

impl Period {
    /// What `startDate` and `endDate` ask for; `None` without either. A missing start is `usual_days`
    /// before the end.
    pub(crate) fn asked(request: &Request, now_ms: i64, usual_days: i64) -> Result<Option<Self>, Failed> {
        let start = time(request, "startDate", false)?;
        let end = time(request, "endDate", true)?;
        if start.is_none() && end.is_none() {
            return Ok(None);
        }
        let to_ms = end.unwrap_or(now_ms);
        let from_ms = start.unwrap_or(to_ms - usual_days * DAY_MS);
        if from_ms > to_ms {
            return Err(Failed::invalid("startDate: must not be after endDate"));
        }
        Ok(Some(Self { from_ms, to_ms }))
    }

    pub(crate) fn last(days: i64, now_ms: i64) -> Self {
        Self { from_ms: now_ms - days * DAY_MS, to_ms: now_ms }
    }

    /// Without what is not kept any longer, and without the future: so its days are few, whatever is asked
    /// for.
    pub(crate) fn kept(self, now_ms: i64, days: &TrackingDays) -> Self {
        let oldest = now_ms - i64::from(days.0) * DAY_MS + 1000;
        // A clock of Mailgun's may be ahead.
        Self { from_ms: self.from_ms.max(oldest), to_ms: self.to_ms.min(now_ms + DAY_MS) }
    }

    /// Its days in UTC, the oldest first.
    pub(crate) fn days(self) -> Vec<String> {
        if self.from_ms > self.to_ms {
            return Vec::new();
        }
        let (first, last) = (self.from_ms.div_euclid(DAY_MS), self.to_ms.div_euclid(DAY_MS));
        (first..=last).map(|number| day(number * DAY_MS)).collect()
    }
}

/// A time of the query: with or without offset (then UTC), or a whole day.
fn time(request: &Request, name: &str, end: bool) -> Result<Option<i64>, Failed> {
    let Some(text) = request.parameter(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    // A plus sign of the offset comes as a space where the caller did not encode it.
    let encoded = if text.contains('T') { text.replace(' ', "+") } else { text.to_owned() };
    let in_utc = |at: civil::DateTime| at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    let whole =
        |date: civil::Date| in_utc(if end { date.at(23, 59, 59, 999_000_000) } else { date.at(0, 0, 0, 0) });
    let parsed = encoded.parse::<Timestamp>().ok();
    let date = || encoded.parse::<civil::Date>().ok().filter(|_| encoded.len() == 10).and_then(whole);
    let local = || encoded.parse::<civil::DateTime>().ok().and_then(in_utc);
    let at = parsed.or_else(date).or_else(local).map(Timestamp::as_millisecond);
    at.map(Some).ok_or_else(|| Failed::invalid(format!("{name}: not a date of ISO 8601")))
}

/// Which part of the results is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) limit: usize,
    pub(crate) offset: usize,
}

impl Page {
    pub(crate) fn asked(request: &Request) -> Result<Self, Failed> {
        let number = |name: &str, usual: usize, allowed: std::ops::RangeInclusive<usize>| {
            let Some(text) = request.parameter(name).filter(|text| !text.is_empty()) else {
                return Ok(usual);
            };
            let plain = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|number| plain && allowed.contains(number));
            number.ok_or_else(|| {
                let range = if *allowed.end() == MOST { "from 1 to 1000" } else { "of 0 or more" };
                Failed::invalid(format!("{name}: a whole number {range}"))
            })
        };
        Ok(Self { limit: number("limit", USUAL, 1..=MOST)?, offset: number("offset", 0, 0..=usize::MAX)? })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use http::{HeaderMap, Method};
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_698_156_045_123;

    fn request(query: &[(&str, &str)]) -> Request {
        Request {
            id: String::new(),
            method: Method::GET,
            path: String::new(),
            headers: HeaderMap::new(),
            query: query
                .iter()
                .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]))
                .collect::<BTreeMap<_, _>>(),
            body: Vec::new(),
            source_ip: String::new(),
            base_url: String::new(),
        }
    }

    #[test]
    fn dates_are_read_in_the_forms_of_iso_8601() {
        for (text, want) in [
            ("2023-10-24T00:00:00Z", 1_698_105_600_000),
            ("2023-10-24T02:00:00+02:00", 1_698_105_600_000),
            ("2023-10-24T02:00:00 02:00", 1_698_105_600_000),
            ("2023-10-24T00:00:00", 1_698_105_600_000),
            ("2023-10-24T00:00:00.123Z", 1_698_105_600_123),
            ("2023-10-24", 1_698_105_600_000),
        ] {
            assert_eq!(time(&request(&[("startDate", text)]), "startDate", false), Ok(Some(want)), "{text}");
        }
        assert_eq!(
            time(&request(&[("endDate", "2023-10-24")]), "endDate", true),
            Ok(Some(1_698_191_999_999))
        );
        for text in ["yesterday", "2023-13-01", "2023-10", "1698105600", "2023-10-24T25:00:00Z"] {
            let refused = time(&request(&[("endDate", text)]), "endDate", true).expect_err(text);
            assert_eq!(refused.message, "endDate: not a date of ISO 8601");
        }
    }

    #[test]
    fn a_period_is_no_longer_than_what_is_kept() {
        let asked = request(&[("startDate", "1970-01-01"), ("endDate", "2999-01-01")]);
        let period = Period::asked(&asked, NOW, 30).expect("dates").expect("a period");
        assert_eq!(period.kept(NOW, &TrackingDays(90)).days().len(), 92);
        assert_eq!(Period::last(1, NOW).days(), ["2023-10-23", "2023-10-24"]);
        let backwards = request(&[("startDate", "2023-10-25"), ("endDate", "2023-10-24")]);
        assert!(Period::asked(&backwards, NOW, 30).is_err());
        let long_ago = request(&[("endDate", "2001-01-01")]);
        let period = Period::asked(&long_ago, NOW, 30).expect("dates").expect("a period");
        assert!(period.kept(NOW, &TrackingDays(90)).days().is_empty());
    }

    #[test]
    fn pages_have_limits() {
        assert_eq!(Page::asked(&request(&[])), Ok(Page { limit: 100, offset: 0 }));
        let page = Page::asked(&request(&[("limit", "1000"), ("offset", "7")]));
        assert_eq!(page, Ok(Page { limit: 1000, offset: 7 }));
        for limit in ["0", "1001", "-1", "+1", "1.5", "ten", " 1"] {
            let refused = Page::asked(&request(&[("limit", limit)])).expect_err(limit);
            assert_eq!(refused.message, "limit: a whole number from 1 to 1000");
        }
        assert!(Page::asked(&request(&[("offset", "-1")])).is_err());
    }

    proptest! {
        #[test]
        fn no_query_is_too_much(text in ".{0,40}", digits in "[0-9T:+Z. -]{0,30}") {
            for text in [&text, &digits] {
                let asked = ["startDate", "endDate", "limit", "offset"].map(|name| (name, text.as_str()));
                let asked = request(&asked);
                let _ = Page::asked(&asked);
                if let Ok(Some(period)) = Period::asked(&asked, NOW, 30) {
                    prop_assert!(period.kept(NOW, &TrackingDays(90)).days().len() <= 92);
                }
            }
        }
    }
}
