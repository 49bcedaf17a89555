//! When a schedule runs: expressions, time zones and instants, checked before AWS sees them.

use std::{fmt, str::FromStr};

use aws_smithy_types::{DateTime, date_time::Format};
use serde::{Deserialize, Serialize};

/// `rate(…)`, `cron(…)` or `at(…)`, in one spelling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expression(String);

/// A name of the IANA time zone database, such as `America/New_York`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timezone(String);

/// A second in UTC, such as `2026-01-31T06:00:00Z`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(String);

/// What a rate is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Minutes,
    Hours,
    Days,
}

/// Why a text does not say when.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    #[error("`{0}` is no schedule: expected rate(5 minutes), cron(0 6 * * ? *) or at(2026-01-31T06:00:00)")]
    Shape(String),
    #[error("`{text}` is no schedule: the {field} `{part}` is not in {least}-{most}")]
    Field { text: String, field: &'static str, part: String, least: u32, most: u32 },
    #[error("`{0}` is no schedule: of day-of-month and day-of-week exactly one must be `?`")]
    Days(String),
    #[error("`{0}` is no schedule: there is no such day or time")]
    At(String),
    #[error("`{0}` is no time zone: expected a name such as Europe/Vienna, or UTC")]
    Timezone(String),
    #[error("`{0}` is no time in UTC: expected 2026-01-31T06:00:00Z")]
    Moment(String),
}

/// A field of a cron expression: its name, its bounds, and words for its numbers from the least on.
struct Bounds(&'static str, u32, u32, &'static [&'static str]);

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// In the order of the expression (Scheduler user guide, schedule types).
const CRON: [Bounds; 6] = [
    Bounds("minute", 0, 59, &[]),
    Bounds("hour", 0, 23, &[]),
    Bounds("day of the month", 1, 31, &[]),
    Bounds("month", 1, 12, MONTHS),
    Bounds("day of the week", 1, 7, WEEKDAYS),
    Bounds("year", 1970, 2199, &[]),
];
const DAY: usize = 2;
const WEEKDAY: usize = 4;

/// First parts of the names of time zones, and names that have one part only.
const AREAS: &[&str] = &[
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Etc",
    "Europe",
    "Indian",
    "Pacific",
];

impl Unit {
    fn word(self, count: u32) -> &'static str {
        match (self, count) {
            (Self::Minutes, 1) => "minute",
            (Self::Minutes, _) => "minutes",
            (Self::Hours, 1) => "hour",
            (Self::Hours, _) => "hours",
            (Self::Days, 1) => "day",
            (Self::Days, _) => "days",
        }
    }

    fn of(word: &str) -> Option<Self> {
        match word.strip_suffix('s').unwrap_or(word) {
            "minute" => Some(Self::Minutes),
            "hour" => Some(Self::Hours),
            "day" => Some(Self::Days),
            _ => None,
        }
    }
}

impl Expression {
    /// Every so often, from the moment on at which the schedule was made. Zero counts as one.
    #[must_use]
    pub fn rate(count: u32, unit: Unit) -> Self {
        let count = count.max(1);
        Self(format!("rate({count} {})", unit.word(count)))
    }

    /// What AWS holds, whether or not this program would have taken it.
    pub(super) fn live(text: &str) -> Self {
        text.parse().unwrap_or_else(|_| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Expression {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        let shape = || WhenError::Shape(text.to_owned());
        let (name, inside) =
            text.trim().strip_suffix(')').and_then(|text| text.split_once('(')).ok_or_else(shape)?;
        match name {
            "rate" => {
                let (count, unit) = inside.trim().split_once(' ').ok_or_else(shape)?;
                let count = count.parse().ok().filter(|count| *count > 0).ok_or_else(shape)?;
                Ok(Self::rate(count, Unit::of(unit.trim()).ok_or_else(shape)?))
            }
            "cron" => cron(text, inside).map(Self),
            "at" => {
                let wrong = |_| WhenError::At(text.to_owned());
                // One spelling only, without a zone and without parts of seconds.
                if inside.len() != "2026-01-31T06:00:00".len() {
                    return Err(shape());
                }
                DateTime::from_str(&format!("{inside}Z"), Format::DateTime).map_err(wrong)?;
                Ok(Self(format!("at({inside})")))
            }
            _ => Err(shape()),
        }
    }
}

fn cron(text: &str, inside: &str) -> Result<String, WhenError> {
    let fields: Vec<String> = inside.split_whitespace().map(str::to_ascii_uppercase).collect();
    if fields.len() != CRON.len() {
        return Err(WhenError::Shape(text.to_owned()));
    }
    for (place, (field, bounds)) in fields.iter().zip(&CRON).enumerate() {
        let Bounds(name, least, most, _) = *bounds;
        let day = place == DAY || place == WEEKDAY;
        if let Some(part) = field.split(',').find(|part| !(bounds.allows(part, place) || day && field == "?"))
        {
            let (text, part) = (text.to_owned(), part.to_owned());
            return Err(WhenError::Field { text, field: name, part, least, most });
        }
    }
    if (fields[DAY] == "?") == (fields[WEEKDAY] == "?") {
        return Err(WhenError::Days(text.to_owned()));
    }
    Ok(format!("cron({})", fields.join(" ")))
}

impl Bounds {
    fn number(&self, text: &str) -> Option<u32> {
        let Self(_, least, most, words) = self;
        let word = words.iter().zip(*least..).find(|(word, _)| **word == text).map(|(_, number)| number);
        word.or_else(|| text.parse().ok()).filter(|number| (least..=most).contains(&number))
    }

    /// One part of a list: `*`, `5`, `MON-FRI`, `0/15`, and for days `L`, `15W`, `LW`, `6L`, `3#2`.
    fn allows(&self, part: &str, place: usize) -> bool {
        let special = match place {
            DAY => {
                ["L", "LW"].contains(&part)
                    || part.strip_suffix('W').is_some_and(|day| self.number(day).is_some())
            }
            WEEKDAY => {
                let last =
                    part.strip_suffix('L').is_some_and(|day| day.is_empty() || self.number(day).is_some());
                let nth = part.split_once('#').is_some_and(|(day, nth)| {
                    self.number(day).is_some() && ["1", "2", "3", "4", "5"].contains(&nth)
                });
                last || nth
            }
            _ => false,
        };
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let in_range = match range.split_once('-') {
            Some((first, last)) => self.number(first).is_some() && self.number(last).is_some(),
            None => range == "*" || self.number(range).is_some(),
        };
        special || in_range && step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0))
    }
}

impl Timezone {
    #[must_use]
    pub fn utc() -> Self {
        Self("UTC".to_owned())
    }

    pub(super) fn live(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Timezone {
    type Err = WhenError;

    /// Which towns there are is for AWS to say: its list is newer than any of ours.
    fn from_str(text: &str) -> Result<Self, WhenError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_+-/".contains(c);
        let named =
            text.split_once('/').is_some_and(|(area, town)| AREAS.contains(&area) && !town.is_empty());
        if text.len() <= 50 && text.chars().all(allowed) && (named || ["UTC", "GMT"].contains(&text)) {
            return Ok(Self(text.to_owned()));
        }
        Err(WhenError::Timezone(text.to_owned()))
    }
}

impl Moment {
    pub(super) fn live(time: &DateTime) -> Self {
        Self(
            DateTime::from_secs(time.secs())
                .fmt(Format::DateTime)
                .unwrap_or_else(|_| time.secs().to_string()),
        )
    }

    /// `None` for what only AWS takes for a time.
    pub(super) fn time(&self) -> Option<DateTime> {
        DateTime::from_str(&self.0, Format::DateTime).ok()
    }
}

impl FromStr for Moment {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        let time = DateTime::from_str(text, Format::DateTime).ok().filter(|time| time.subsec_nanos() == 0);
        time.map(|time| Self::live(&time)).ok_or_else(|| WhenError::Moment(text.to_owned()))
    }
}

macro_rules! as_text {
    ($($name:ident),+) => {$(
        impl TryFrom<String> for $name {
            type Error = WhenError;

            fn try_from(text: String) -> Result<Self, WhenError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(one: $name) -> Self {
                one.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}
as_text!(Expression, Timezone, Moment);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_have_one_spelling() {
        for (given, wanted) in [
            ("rate(1 minutes)", "rate(1 minute)"),
            ("rate(5 minute)", "rate(5 minutes)"),
            ("rate( 2 days )", "rate(2 days)"),
            ("cron(0  6 * * ? *)", "cron(0 6 * * ? *)"),
            ("cron(0/15 8-17 ? jan-mar,12 mon-fri 2026)", "cron(0/15 8-17 ? JAN-MAR,12 MON-FRI 2026)"),
            ("cron(0-15/1 8-8 ? * 2,3,4 *)", "cron(0-15/1 8-8 ? * 2,3,4 *)"),
            ("cron(0 0 LW * ? *)", "cron(0 0 LW * ? *)"),
            ("cron(0 0 15W * ? *)", "cron(0 0 15W * ? *)"),
            ("cron(0 0 ? * 6L *)", "cron(0 0 ? * 6L *)"),
            ("cron(0 0 ? * MON#2 *)", "cron(0 0 ? * MON#2 *)"),
            ("at(2028-02-29T06:00:00)", "at(2028-02-29T06:00:00)"),
        ] {
            assert_eq!(given.parse::<Expression>().map(String::from).as_deref(), Ok(wanted));
        }
        assert_eq!(Expression::rate(1, Unit::Days).as_str(), "rate(1 day)");
        assert_eq!(Expression::live("rate(1 fortnight)").as_str(), "rate(1 fortnight)");
    }

    #[test]
    fn what_says_no_time_is_refused_with_the_field() {
        for (given, part) in [
            ("", "expected"),
            ("rate(0 minutes)", "expected"),
            ("rate(5 weeks)", "expected"),
            ("cron(0 6 * * ?)", "expected"),
            ("cron(60 6 * * ? *)", "minute `60`"),
            ("cron(0 24 * * ? *)", "hour `24`"),
            ("cron(0 6 32 * ? *)", "day of the month `32`"),
            ("cron(0 6 ? 13 * *)", "month `13`"),
            ("cron(0 6 ? * 8 *)", "day of the week `8`"),
            ("cron(? 6 ? * 1 *)", "minute `?`"),
            ("cron(0/0 6 ? * 1 *)", "minute `0/0`"),
            ("cron(0 6 * * * *)", "exactly one"),
            ("cron(0 6 ? * ? *)", "exactly one"),
            ("at(2027-02-29T06:00:00)", "no such day"),
            ("at(2027-02-28)", "expected"),
        ] {
            let error = given.parse::<Expression>().expect_err(given).to_string();
            assert!(error.contains(part), "{given}: {error}");
        }
    }

    #[test]
    fn zones_and_moments_are_names_and_seconds() {
        for text in ["UTC", "Europe/Vienna", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            assert!(text.parse::<Timezone>().is_ok(), "{text}");
        }
        for text in ["", "Vienna", "CEST", "Europe/", "Mars/Olympus", "Europe/Wien?"] {
            assert!(text.parse::<Timezone>().is_err(), "{text:?} was accepted");
        }
        let moment: Moment = "2026-01-31T06:00:00Z".parse().unwrap();
        assert_eq!(Moment::live(&moment.time().unwrap()), moment);
        for text in ["2026-01-31", "2026-01-31T06:00:00", "2026-01-31T06:00:00.5Z", "2026-02-30T00:00:00Z"] {
            assert!(text.parse::<Moment>().is_err(), "{text:?} was accepted");
        }
    }
}
