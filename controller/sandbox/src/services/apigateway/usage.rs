//! How often each key was sent, day by day (UTC): counted by whoever serves the account, told by `GetUsage`.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{bad, page, plans};
use crate::{
    Account,
    services::{Refusal, World, text},
};

/// By plan and key. No part of what is deployed, so that counting changes nothing there.
const COLLECTION: &str = "usage-of-keys";

/// The longest span that can be asked for (API reference, `GetUsage`).
const DAYS_MAX: i32 = 90;

impl Account {
    /// Counts a call that a usage plan let in.
    ///
    /// # Errors
    /// When the account is kept in a directory that cannot be read or written.
    pub fn count_call(&self, plan: &str, key: &str) -> std::io::Result<()> {
        self.edit(|world| {
            let (id, day) = (format!("{plan}/{key}"), today(world).to_string());
            let mut days = world.get(COLLECTION, &id).cloned().unwrap_or_else(|| json!({}));
            days[&day] = (days[&day].as_u64().unwrap_or_default() + 1).into();
            world.put(COLLECTION, &id, days);
        })
    }
}

fn today(world: &World<'_>) -> Date {
    let now =
        Timestamp::from_millisecond(i64::try_from(world.now_ms).unwrap_or(i64::MAX)).unwrap_or_default();
    now.to_zoned(TimeZone::UTC).date()
}

fn date(input: &Value, name: &str) -> Result<Date, Refusal> {
    text(input, name).parse().map_err(|_| bad(format!("Invalid {name}, which must be as in 2026-03-01")))
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (plan_id, plan) = (text(input, "usagePlanId"), plans::existing(input, world)?);
    let (first, last) = (date(input, "startDate")?, date(input, "endDate")?);
    let span = first.until(last).map_err(|error| bad(error.to_string()))?.get_days();
    if !(0..DAYS_MAX).contains(&span) {
        return Err(bad("The date range must be between 1 and 90 days"));
    }
    let limit = plan["quota"]["limit"].as_i64().unwrap_or_default();
    let wanted = text(input, "keyId");
    let members = plan["keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut values = Vec::new();
    for key in members.filter(|key| wanted.is_empty() || *key == wanted) {
        let Some(days) = world.get(COLLECTION, &format!("{plan_id}/{key}")) else { continue };
        let of = |day: &Date| {
            let used = days[&day.to_string()].as_i64().unwrap_or_default();
            json!([used, (limit - used).max(0)])
        };
        let span = first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last);
        values.push((key.to_owned(), span.map(|day| of(&day)).collect::<Value>()));
    }
    let size = text(input, "limit").parse().unwrap_or(25);
    let (values, next) = page(&values, text(input, "position"), size);
    let values: Map<String, Value> = values.into_iter().collect();
    Ok(json!({
        "usagePlanId": plan_id, "startDate": first.to_string(), "endDate": last.to_string(),
        "values": values, "position": next,
    }))
}
