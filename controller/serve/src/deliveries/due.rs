//! Whether a schedule is due between two moments.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Value, json};

use crate::deployed::Schedule;

const MINUTE_MS: u64 = 60_000;

/// Moments that were missed longer ago than this are not made up for.
const LATE_MS_MAX: u64 = 10 * MINUTE_MS;

/// Whether it is due after `after_ms` and not after `now_ms`. Rates count from `origin_ms`.
///
/// # Errors
/// When its expression or time zone is not understood.
pub fn is_due(schedule: &Schedule, origin_ms: u64, after_ms: u64, now_ms: u64) -> Result<bool, String> {
    let (kind, inner) = schedule
        .expression
        .split_once('(')
        .and_then(|(kind, rest)| Some((kind, rest.strip_suffix(')')?)))
        .ok_or_else(|| format!("`{}` is no expression", schedule.expression))?;
    let zone = zone(&schedule.timezone)?;
    let after_ms = after_ms.max(now_ms.saturating_sub(LATE_MS_MAX));
    match kind {
        "rate" => {
            let period_ms = period_ms(inner)?;
            let periods = |at_ms: u64| at_ms.saturating_sub(origin_ms) / period_ms;
            Ok(periods(now_ms) > periods(after_ms))
        }
        "at" => {
            let at: DateTime = inner.parse().map_err(|_| format!("`{inner}` is no time"))?;
            let at = at.to_zoned(zone).map_err(|error| error.to_string())?.timestamp().as_millisecond();
            Ok(u64::try_from(at).is_ok_and(|at| after_ms < at && at <= now_ms))
        }
        "cron" => {
            let cron = Cron::parse(inner)?;
            let first = after_ms / MINUTE_MS + 1;
            Ok((first..=now_ms / MINUTE_MS)
                .any(|minute| local(minute * MINUTE_MS, &zone).is_some_and(|at| cron.holds(at))))
        }
        other => Err(format!("`{other}` is no kind of schedule")),
    }
}

fn zone(name: &str) -> Result<TimeZone, String> {
    match name {
        "" | "UTC" | "Etc/UTC" | "GMT" => Ok(TimeZone::UTC),
        name => TimeZone::get(name).map_err(|error| format!("time zone {name}: {error}")),
    }
}

fn local(at_ms: u64, zone: &TimeZone) -> Option<DateTime> {
    let at = Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()?;
    Some(at.to_zoned(zone.clone()).datetime())
}

fn period_ms(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no rate");
    let (number, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let unit_ms = match unit.trim().trim_end_matches('s') {
        "minute" => MINUTE_MS,
        "hour" => 60 * MINUTE_MS,
        "day" => 24 * 60 * MINUTE_MS,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().filter(|number| *number > 0).map(|number| number * unit_ms).ok_or_else(wrong)
}

/// `minutes hours day-of-month month day-of-week year`. `L`, `W` and `#` are not understood.
struct Cron {
    fields: Vec<Vec<(i16, i16, i16)>>,
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const RANGES: &[(i16, i16, &[&str])] =
    &[(0, 59, &[]), (0, 23, &[]), (1, 31, &[]), (1, 12, MONTHS), (1, 7, DAYS), (1970, 2199, &[])];

impl Cron {
    fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.len() != RANGES.len() {
            return Err(format!("`{text}` has not the six fields of a cron expression"));
        }
        let fields = words.iter().zip(RANGES).map(|(word, (low, high, names))| {
            word.split(',').map(|part| steps(part, *low, *high, names)).collect::<Option<Vec<_>>>()
        });
        let fields = fields.collect::<Option<Vec<_>>>();
        Ok(Self { fields: fields.ok_or_else(|| format!("`{text}` is not understood here"))? })
    }

    fn holds(&self, at: DateTime) -> bool {
        let weekday = i16::from(at.weekday().to_sunday_zero_offset()) + 1;
        let now =
            [at.minute().into(), at.hour().into(), at.day().into(), at.month().into(), weekday, at.year()];
        self.fields.iter().zip(now).all(|(parts, now)| {
            parts.iter().any(|(low, high, step)| (*low..=*high).contains(&now) && (now - low) % step == 0)
        })
    }
}

/// `*`, `?`, `5`, `1-5`, `MON-FRI`, `0/15`: first, last, step.
fn steps(part: &str, low: i16, high: i16, names: &[&str]) -> Option<(i16, i16, i16)> {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let number = |text: &str| {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = named.map_or_else(|| text.parse().ok(), |at| Some(low + i16::try_from(at).ok()?))?;
        (low..=high).contains(&number).then_some(number)
    };
    let step_by = step.map_or(Some(1), |step| step.parse().ok().filter(|step| *step > 0))?;
    let (first, last) = match (range, range.split_once('-')) {
        ("*" | "?", _) => (low, high),
        (_, Some((first, last))) => (number(first)?, number(last)?),
        (one, None) if step.is_some() => (number(one)?, high),
        (one, None) => (number(one)?, number(one)?),
    };
    Some((first, last, step_by))
}

/// The event of a schedule that has none of its own.
#[must_use]
pub fn event(schedule: &Schedule, account: &str, region: &str, id: &str, at_ms: u64) -> Value {
    let at =
        i64::try_from(at_ms).ok().and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or_default();
    json!({
        "version": "0",
        "id": id,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": account,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": region,
        "resources": [schedule.arn],
        "detail": "{}",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> u64 {
        u64::try_from(text.parse::<Timestamp>().unwrap().as_millisecond()).unwrap()
    }

    #[track_caller]
    fn check(expression: &str, after: &str, now: &str, wanted: bool) {
        let schedule = Schedule { expression: expression.into(), ..Schedule::default() };
        let origin_ms = ms("2026-11-22T08:00:00Z");
        assert_eq!(
            is_due(&schedule, origin_ms, ms(after), ms(now)),
            Ok(wanted),
            "{expression} {after} {now}"
        );
    }

    #[test]
    fn cron_holds_at_its_minutes() {
        // A Sunday.
        for (expression, wanted) in [
            ("cron(0 9 * * ? *)", true),
            ("cron(0 9 ? * SUN *)", true),
            ("cron(0 9 ? * 1 *)", true),
            ("cron(0 9 ? * MON-FRI *)", false),
            ("cron(0/15 8-10 22 NOV ? 2026)", true),
            ("cron(5 9 * * ? *)", false),
            ("cron(0 9 1,22 11 ? *)", true),
            ("cron(0 9 * 12 ? *)", false),
        ] {
            check(expression, "2026-11-22T08:59:59.500Z", "2026-11-22T09:00:00Z", wanted);
        }
        check("cron(0 9 * * ? *)", "2026-11-22T09:00:00Z", "2026-11-22T09:00:00.500Z", false);
        check("cron(0 9 * * ? *)", "2026-11-22T08:00:00Z", "2026-11-22T09:05:00Z", true);
        check("cron(0 9 * * ? *)", "2026-11-22T08:00:00Z", "2026-11-22T12:00:00Z", false);
    }

    #[test]
    fn rates_count_from_the_start() {
        check("rate(5 minutes)", "2026-11-22T08:04:59Z", "2026-11-22T08:05:00Z", true);
        check("rate(5 minutes)", "2026-11-22T08:05:00Z", "2026-11-22T08:09:59Z", false);
        check("rate(1 hour)", "2026-11-22T08:59:00Z", "2026-11-22T09:00:01Z", true);
    }

    #[test]
    fn one_moment_comes_once() {
        check("at(2026-11-22T09:00:00)", "2026-11-22T08:59:59Z", "2026-11-22T09:00:00Z", true);
        check("at(2026-11-22T09:00:00)", "2026-11-22T09:00:00Z", "2026-11-22T09:00:01Z", false);
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for expression in
            ["cron(0 9 L * ? *)", "cron(0 9 * *)", "rate(0 days)", "rate(5 moons)", "every day", "at(x)"]
        {
            let schedule = Schedule { expression: expression.into(), ..Schedule::default() };
            assert!(is_due(&schedule, 0, 0, 1).is_err(), "{expression}");
        }
    }
}
