//! Rotation of a key: what is observed of it, and its steps as calls. What to do next is decided by
//! [`rotation::api_key`](::rotation::api_key), which knows neither AWS nor a clock.
//!
//! No value is ever read, and the one in the answer of `CreateApiKey` is dropped.

use std::collections::{BTreeMap, BTreeSet};

use ::rotation::api_key::{FOLLOWS, Key, Observed, Rules, Step, WORKS_SINCE, last_full_day};
use aws_smithy_types::{DateTime, date_time::Format};
use model::{Fault, Tags, fault::Cause};

use super::{COLLECTION, Marked, current, delete, identity, list, ours};
use crate::{
    Place, Reader, Writer,
    aws::{Absent, reads},
    kinds::{
        rest_api::{
            identity::{ABSENT, Listed, PAGE},
            patch::Patch,
        },
        usage_plan,
    },
};

reads!(aws_sdk_apigateway: get_usage GetUsageFluentBuilder);

const DAY_S: i64 = 24 * 60 * 60;

/// What a rotation is about.
#[derive(Clone, Debug)]
pub struct Site {
    pub key: Place,
    /// The usage plan that lets the key in.
    pub plan: Place,
}

/// What was observed, and what a step needs beside it.
#[derive(Debug)]
pub struct Seen {
    pub observed: Observed,
    plan_id: String,
    /// Of the key in use: the next one is like it.
    name: String,
    description: String,
    tags: Tags,
    /// When the last answer came: a step that is too long after it is not made.
    at: tokio::time::Instant,
}

/// The day, as API Gateway writes it: `2026-03-01`.
#[must_use]
pub fn day(days: i64) -> String {
    let text = DateTime::from_secs(days.saturating_mul(DAY_S)).fmt(Format::DateTime).unwrap_or_default();
    text.chars().take(10).collect()
}

/// Looks at everything that rotation decides by. `now_ms` is this machine's clock, asked once: AWS refuses a clock that
/// is far off, and the time from then on is counted.
///
/// # Errors
/// When AWS refuses or does not answer.
pub async fn look(aws: &Reader, site: &Site, now_ms: u64) -> Result<Seen, Fault> {
    let aws = &aws.fresh();
    let begun = tokio::time::Instant::now();
    let all = list(aws).await?;
    let found = current(&site.key, &all, aws)?;
    let named_by_id = identity::by_id(site.key.name()).is_some();
    let ours = ours(&site.key.address, &all, aws.scope());
    let plan = usage_plan::members(&site.plan, aws).await?;
    let has_plan = plan.is_some();
    let (plan_id, members) = plan.unwrap_or_default();
    let now_s = || {
        let counted = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        i64::try_from(now_ms.saturating_add(counted) / 1000).unwrap_or(i64::MAX)
    };
    let used = match has_plan && ours.len() > 1 {
        true => calls(site, &plan_id, last_full_day(now_s()), aws).await?,
        false => BTreeMap::new(),
    };
    let time = |at: Option<&DateTime>| at.map_or(0, DateTime::secs);
    let keys = ours.iter().map(|key| {
        let Marked { id, follows, since_s } = Marked::of(Listed::id(*key), &identity::tags(*key));
        let in_plan = members.contains(&id);
        // Of a key without calls AWS lists no days.
        let used = in_plan.then(|| used.get(&id).copied().unwrap_or_default());
        let (made_s, changed_s) = (time(key.created_date()), time(key.last_updated_date()));
        Key { id, follows, since_s, made_s, changed_s, enabled: key.enabled(), in_plan, used }
    });
    let observed = Observed { now_s: now_s(), keys: keys.collect(), has_plan, named_by_id };
    Ok(Seen {
        observed,
        plan_id,
        name: found.map(|key| Listed::name(key).to_owned()).unwrap_or_default(),
        description: found.and_then(|key| key.description()).unwrap_or_default().to_owned(),
        tags: found.map(super::tags).unwrap_or_default(),
        at: tokio::time::Instant::now(),
    })
}

/// How often each key of the plan was sent on a day.
async fn calls(site: &Site, plan: &str, on: i64, aws: &Reader) -> Result<BTreeMap<String, u64>, Fault> {
    let (day, mut position, mut all) = (day(on), None::<String>, BTreeMap::new());
    loop {
        let page = aws
            .read(&site.plan.address, "apigateway", "GetUsage", || {
                let ask = aws.apigateway().get_usage().usage_plan_id(plan).start_date(&day).end_date(&day);
                ask.limit(PAGE).set_position(position.clone()).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(page) = page else { return Ok(all) };
        for (key, days) in page.items().into_iter().flatten() {
            // Each day is the calls that were made, and those that are left.
            let made = days.iter().filter_map(|day| day.first()).sum::<i64>();
            *all.entry(key.clone()).or_default() += u64::try_from(made).unwrap_or_default();
        }
        position = page.position.filter(|position| !position.is_empty());
        if position.is_none() {
            return Ok(all);
        }
    }
}

/// Makes one step.
///
/// # Errors
/// When the look is too long ago, and those of the calls.
pub async fn act(aws: &Writer, site: &Site, seen: &Seen, rules: &Rules, step: &Step) -> Result<(), Fault> {
    let at = &site.key;
    if seen.at.elapsed().as_secs() >= u64::try_from(rules.act_s()).unwrap_or_default() {
        let cause = Cause::new("the look was too long ago, and nothing was changed").at(&at.address);
        return Err(Fault::Transient(cause.hint("run it again")));
    }
    match step {
        Step::Make { follows } => make(aws, at, seen, follows).await,
        Step::Admit { key } => admit(aws, site, seen, key).await,
        Step::Name { key, now_s } => {
            let arn = identity::arn(aws, COLLECTION, key);
            aws.write(at, "apigateway", "TagResource", || {
                let ask = aws.apigateway().tag_resource().resource_arn(&arn);
                ask.tags(WORKS_SINCE, now_s.to_string()).send()
            })
            .await?;
            Ok(())
        }
        Step::Disable { key } => switch(aws, at, key, false).await,
        Step::Enable { key } => switch(aws, at, key, true).await,
        Step::Delete { key } => delete(at, key, aws).await,
    }
}

/// A key like the one in use: whoever finds it knows from its tags what it is for.
async fn make(aws: &Writer, at: &Place, seen: &Seen, follows: &str) -> Result<(), Fault> {
    let mut tags = seen.tags.clone();
    tags.retain(|key, _| !key.starts_with("aws:"));
    tags.insert(FOLLOWS.to_owned(), follows.to_owned());
    aws.write(at, "apigateway", "CreateApiKey", || {
        let ask = aws.apigateway().create_api_key().name(&seen.name).description(&seen.description);
        ask.enabled(true).set_tags(Some(tags.clone().into_iter().collect())).send()
    })
    .await?;
    Ok(())
}

/// That somebody was faster is fine.
async fn admit(aws: &Writer, site: &Site, seen: &Seen, key: &str) -> Result<(), Fault> {
    let added = aws
        .write(&site.plan, "apigateway", "CreateUsagePlanKey", || {
            let ask = aws.apigateway().create_usage_plan_key().usage_plan_id(&seen.plan_id);
            ask.key_id(key).key_type("API_KEY").send()
        })
        .await;
    let Err(error) = added else { return Ok(()) };
    let there = usage_plan::members(&site.plan, &aws.reader().fresh()).await?;
    let members = there.map(|(_, members)| members).unwrap_or_else(BTreeSet::new);
    if members.contains(key) { Ok(()) } else { Err(error.into()) }
}

async fn switch(aws: &Writer, at: &Place, key: &str, enabled: bool) -> Result<(), Fault> {
    let mut patch = Patch::default();
    patch.replace("/enabled", enabled);
    let operations = patch.operations();
    aws.write(at, "apigateway", "UpdateApiKey", || {
        aws.apigateway().update_api_key().api_key(key).set_patch_operations(operations.clone()).send()
    })
    .await?;
    Ok(())
}
