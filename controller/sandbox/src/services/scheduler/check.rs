//! What Scheduler refuses to take down.

use super::{Refusal, Value, World, check_role, group_of, invalid, text};

/// First parts of time zone names, and names without parts.
const ZONES: &[&str] = &[
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
    "Etc",
    "UTC",
    "GMT",
];

const INPUT_MAX: usize = 262_144;

pub(super) fn name(name: &str) -> Result<(), Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: ^[0-9a-zA-Z-_.]+$ and have length at most 64"
    )))
}

pub(super) fn schedule(input: &Value, world: &World<'_>) -> Result<(), Refusal> {
    name(text(input, "Name"))?;
    name(group_of(input))?;
    expression(text(input, "ScheduleExpression"))?;
    let zone = input["ScheduleExpressionTimezone"].as_str().unwrap_or("UTC");
    if !ZONES.contains(&zone.split('/').next().unwrap_or_default()) {
        return Err(invalid(format!("Invalid Schedule Expression Timezone {zone}.")));
    }
    if text(input, "Description").chars().count() > 512 {
        return Err(invalid("Value at 'description' failed to satisfy constraint: length at most 512"));
    }
    window(&input["FlexibleTimeWindow"])?;
    one_of(input, "State", &["ENABLED", "DISABLED"])?;
    one_of(input, "ActionAfterCompletion", &["NONE", "DELETE"])?;
    if let (Some(start), Some(end)) = (input["StartDate"].as_f64(), input["EndDate"].as_f64())
        && start >= end
    {
        return Err(invalid("The StartDate you specify must be earlier than the EndDate."));
    }
    let key = text(input, "KmsKeyArn");
    let is_key = key.starts_with("arn:aws:kms:") && key.contains(":key/");
    if !(key.is_empty() || is_key) {
        return Err(invalid("Value at 'kmsKeyArn' failed to satisfy constraint: the ARN of a key"));
    }
    target(&input["Target"], world)
}

fn one_of(input: &Value, member: &str, words: &[&str]) -> Result<(), Refusal> {
    match input[member].as_str() {
        Some(word) if !words.contains(&word) => {
            Err(invalid(format!("Value '{word}' at '{member}' is unknown")))
        }
        _ => Ok(()),
    }
}

fn window(window: &Value) -> Result<(), Refusal> {
    let minutes = &window["MaximumWindowInMinutes"];
    match text(window, "Mode") {
        "OFF" if minutes.is_null() => Ok(()),
        "OFF" => Err(invalid("Flexible time window mode is OFF, but MaximumWindowInMinutes is specified.")),
        "FLEXIBLE" if minutes.as_u64().is_some_and(|minutes| (1..=1440).contains(&minutes)) => Ok(()),
        "FLEXIBLE" => Err(invalid("MaximumWindowInMinutes must be between 1 and 1440.")),
        _ => Err(invalid("Value at 'flexibleTimeWindow.mode' failed to satisfy constraint: OFF, FLEXIBLE")),
    }
}

fn target(target: &Value, world: &World<'_>) -> Result<(), Refusal> {
    let (arn, role) = (text(target, "Arn"), text(target, "RoleArn"));
    if !arn.starts_with("arn:aws:") || arn.split(':').count() < 6 {
        return Err(invalid(format!("Provided Arn is not in correct format: {arn}")));
    }
    if !role.starts_with("arn:aws:iam::") || !role.contains(":role/") {
        return Err(invalid(format!("Provided RoleArn is not in correct format: {role}")));
    }
    check_role(role, world)?;
    let retry = |member: &str| target["RetryPolicy"][member].as_i64();
    if retry("MaximumEventAgeInSeconds").is_some_and(|age| !(60..=86_400).contains(&age)) {
        return Err(invalid("MaximumEventAgeInSeconds must be between 60 and 86400."));
    }
    if retry("MaximumRetryAttempts").is_some_and(|attempts| !(0..=185).contains(&attempts)) {
        return Err(invalid("MaximumRetryAttempts must be between 0 and 185."));
    }
    let dead = &target["DeadLetterConfig"]["Arn"];
    if dead.as_str().is_some_and(|arn| !arn.starts_with("arn:aws:sqs:") || arn.ends_with(".fifo")) {
        return Err(invalid("The dead-letter queue must be a standard SQS queue."));
    }
    let strict = arn.starts_with("arn:aws:sqs:") && arn.ends_with(".fifo");
    if strict == target["SqsParameters"]["MessageGroupId"].is_null() {
        return Err(invalid("A MessageGroupId is for FIFO queues, which must have one."));
    }
    let Some(input) = target["Input"].as_str() else { return Ok(()) };
    if input.is_empty() || input.len() > INPUT_MAX {
        return Err(invalid("Value at 'target.input' failed to satisfy constraint: 1 to 262144 characters"));
    }
    if arn.starts_with("arn:aws:lambda:") && serde_json::from_str::<Value>(input).is_err() {
        return Err(invalid("Invalid RequestJson provided. Reason: the input is no JSON."));
    }
    Ok(())
}

fn expression(text: &str) -> Result<(), Refusal> {
    let inside = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    let valid = if let Some(rate) = inside("rate") {
        is_rate(rate)
    } else if let Some(at) = inside("at") {
        at.parse::<jiff::civil::DateTime>().is_ok() && at.len() == "2026-01-01T00:00:00".len()
    } else {
        inside("cron").is_some_and(is_cron)
    };
    if valid { Ok(()) } else { Err(invalid(format!("Invalid Schedule Expression {text}."))) }
}

fn is_rate(rate: &str) -> bool {
    let units = ["minute", "minutes", "hour", "hours", "day", "days"];
    rate.split_once(' ').is_some_and(|(count, unit)| {
        count.parse::<u32>().is_ok_and(|count| count > 0) && units.contains(&unit)
    })
}

/// Minutes, hours, day of the month, month, day of the week, year: one of the two days must be `?`.
fn is_cron(cron: &str) -> bool {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let [minutes, hours, day, month, weekday, year] = fields[..] else { return false };
    let bounds =
        [(minutes, 0, 59), (hours, 0, 23), (day, 1, 31), (month, 1, 12), (weekday, 1, 7), (year, 1970, 2199)];
    let is_field = |(field, least, most): (&str, u32, u32)| {
        let number = |part: &str| match part.parse::<u32>() {
            Ok(number) => (least..=most).contains(&number),
            Err(_) => {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_alphabetic() || "*?#LW".contains(c))
            }
        };
        let part = |part: &str| {
            let (range, step) = part.split_once('/').unwrap_or((part, "1"));
            step.parse::<u32>().is_ok_and(|step| step > 0)
                && range.split('-').count() <= 2
                && range.split('-').all(|end| number(end) || number(end.trim_end_matches(['L', 'W'])))
        };
        field
            .split(',')
            .all(|one| part(one) || one.split_once('#').is_some_and(|(day, nth)| number(day) && number(nth)))
    };
    bounds.into_iter().all(is_field) && ((day == "?") != (weekday == "?"))
}
