//! EventBridge Scheduler: schedules, their groups, and the tags of groups.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, iam, page, strings, text};
use crate::{
    store::Documents,
    wire::{Protocol, Reply, Request, Route},
};

mod check;
mod groups;

pub(crate) const SERVICE: Service =
    Service { signing: "scheduler", protocol: Protocol::RestJson { route }, handle, tagged: groups::tagged };

/// By `group/name`.
const SCHEDULES: &str = "scheduler/schedules";
const GROUPS: &str = "scheduler/groups";
/// There without having been made, and not deletable.
const DEFAULT: &str = "default";

/// A schedule as it stands, for whoever acts on its behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub group: String,
    pub name: String,
    /// `cron(…)`, `rate(…)` or `at(…)`.
    pub expression: String,
    pub timezone: String,
    pub enabled: bool,
    pub target_arn: String,
    pub role_arn: String,
    /// What the target is called with; `None` is Scheduler's own notification.
    pub input: Option<String>,
}

/// All schedules, by group and name.
pub(crate) fn schedules(documents: &Documents) -> Vec<Schedule> {
    let all = documents.get(SCHEDULES).into_iter().flatten();
    all.map(|(_, one)| {
        let of = |member: &str| text(one, member).to_owned();
        let target = &one["Target"];
        Schedule {
            group: of("GroupName"),
            name: of("Name"),
            expression: of("ScheduleExpression"),
            timezone: of("ScheduleExpressionTimezone"),
            enabled: text(one, "State") == "ENABLED",
            target_arn: text(target, "Arn").to_owned(),
            role_arn: text(target, "RoleArn").to_owned(),
            input: target["Input"].as_str().map(str::to_owned),
        }
    })
    .collect()
}

fn route(method: &str, path: &[&str]) -> Option<Route> {
    let named = |operation, name: &str| Some((operation, vec![("Name", name.to_owned())]));
    match (method, path) {
        ("GET", ["schedules"]) => Some(("ListSchedules", Vec::new())),
        ("POST", ["schedules", name]) => named("CreateSchedule", name),
        ("GET", ["schedules", name]) => named("GetSchedule", name),
        ("PUT", ["schedules", name]) => named("UpdateSchedule", name),
        ("DELETE", ["schedules", name]) => named("DeleteSchedule", name),
        ("GET", ["schedule-groups"]) => Some(("ListScheduleGroups", Vec::new())),
        ("POST", ["schedule-groups", name]) => named("CreateScheduleGroup", name),
        ("GET", ["schedule-groups", name]) => named("GetScheduleGroup", name),
        ("DELETE", ["schedule-groups", name]) => named("DeleteScheduleGroup", name),
        // An ARN holds a slash of its own.
        (_, ["tags", arn @ ..]) => {
            let operation = match method {
                "GET" => "ListTagsForResource",
                "POST" => "TagResource",
                "DELETE" => "UntagResource",
                _ => return None,
            };
            Some((operation, vec![("ResourceArn", arn.join("/"))]))
        }
        _ => None,
    }
}

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    let answer = match request.operation.as_str() {
        "CreateSchedule" => create(input, world)?,
        "GetSchedule" => get(input, world)?,
        "UpdateSchedule" => update(input, world)?,
        "DeleteSchedule" => delete(input, world)?,
        "ListSchedules" => list(input, world)?,
        "CreateScheduleGroup" => groups::create(input, world)?,
        "GetScheduleGroup" => groups::get(input, world)?,
        "DeleteScheduleGroup" => groups::delete(input, world)?,
        "ListScheduleGroups" => groups::list(input, world)?,
        "ListTagsForResource" => groups::tags(input, world)?,
        "TagResource" => groups::tag(input, world)?,
        "UntagResource" => groups::untag(input, world)?,
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}

fn missing(message: impl Into<String>) -> Refusal {
    Refusal::new("ResourceNotFoundException", message).status(404)
}

fn conflict(message: impl Into<String>) -> Refusal {
    Refusal::new("ConflictException", message).status(409)
}

/// Of an input: bodies say `GroupName`, queries `groupName`, and lists `ScheduleGroup`.
fn group_of(input: &Value) -> &str {
    let given = ["GroupName", "groupName", "ScheduleGroup"].into_iter().map(|member| text(input, member));
    given.into_iter().find(|group| !group.is_empty()).unwrap_or(DEFAULT)
}

fn id_of(input: &Value) -> String {
    format!("{}/{}", group_of(input), text(input, "Name"))
}

fn arn_of(id: &str, world: &World<'_>) -> String {
    world.arn("scheduler", &format!("schedule/{id}"))
}

/// The schedule as it will be shown, defaults included.
fn whole(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    check::schedule(input, world)?;
    let mut one = input.clone();
    if let Some(members) = one.as_object_mut() {
        members.remove("ClientToken");
        for (member, default) in [
            ("GroupName", DEFAULT),
            ("ScheduleExpressionTimezone", "UTC"),
            ("State", "ENABLED"),
            ("ActionAfterCompletion", "NONE"),
        ] {
            members.entry(member).or_insert_with(|| default.into());
        }
        members.insert("Arn".to_owned(), arn_of(&id_of(input), world).into());
    }
    let retry = &mut one["Target"]["RetryPolicy"];
    for (member, default) in [("MaximumEventAgeInSeconds", 86_400), ("MaximumRetryAttempts", 185)] {
        if retry[member].is_null() {
            retry[member] = default.into();
        }
    }
    Ok(one)
}

fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (id, group, name) = (id_of(input), group_of(input), text(input, "Name"));
    let mut one = whole(input, world)?;
    groups::usable(group, world)?;
    if world.get(SCHEDULES, &id).is_some() {
        return Err(conflict(format!("Schedule {name} already exists.")));
    }
    one["CreationDate"] = world.now_s().into();
    one["LastModificationDate"] = world.now_s().into();
    let arn = one["Arn"].clone();
    world.put(SCHEDULES, &id, one);
    Ok(json!({ "ScheduleArn": arn }))
}

fn existing<'w>(input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    let absent = || missing(format!("Schedule {} does not exist.", text(input, "Name")));
    world.get(SCHEDULES, &id_of(input)).ok_or_else(absent)
}

fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    existing(input, world).cloned()
}

/// What is not given falls back to its default: nothing of before is kept but the birthday.
fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let born = existing(input, world)?["CreationDate"].clone();
    let mut one = whole(input, world)?;
    one["CreationDate"] = born;
    one["LastModificationDate"] = world.now_s().into();
    let arn = one["Arn"].clone();
    world.put(SCHEDULES, &id_of(input), one);
    Ok(json!({ "ScheduleArn": arn }))
}

fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    existing(input, world)?;
    world.remove(SCHEDULES, &id_of(input));
    Ok(json!({}))
}

/// Without a group those of all groups, in the order of their names; descriptions and expressions are not shown.
fn list(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (prefix, group) = (text(input, "NamePrefix"), text(input, "ScheduleGroup"));
    let state = text(input, "State");
    let passes = |one: &&&Value| {
        let created = one["CreationDate"].as_f64().unwrap_or_default() * 1000.0;
        text(one, "Name").starts_with(prefix)
            && (group.is_empty() || text(one, "GroupName") == group)
            && (state.is_empty() || text(one, "State") == state)
            && world.visible(created as u64)
    };
    let summary = |one: &&Value| {
        let mut shown = json!({ "Target": { "Arn": one["Target"]["Arn"] } });
        for member in ["Arn", "Name", "GroupName", "State", "CreationDate", "LastModificationDate"] {
            shown[member] = one[member].clone();
        }
        shown
    };
    let all = world.all(SCHEDULES);
    let mut found: Vec<&Value> = all.values().filter(passes).copied().collect();
    found.sort_by_key(|one| (text(one, "Name"), text(one, "GroupName")));
    let found: Vec<Value> = found.iter().map(summary).collect();
    let (found, next) = paged(&found, input)?;
    Ok(json!({ "Schedules": found, "NextToken": next }))
}

fn paged(all: &[Value], input: &Value) -> Result<(Vec<Value>, Option<String>), Refusal> {
    let size = match text(input, "MaxResults") {
        "" => 100,
        size => size.parse().ok().filter(|size| (1..=100).contains(size)).ok_or_else(|| {
            invalid("Value at 'maxResults' failed to satisfy constraint: between 1 and 100")
        })?,
    };
    let token = text(input, "NextToken");
    if !token.is_empty() && token.parse::<usize>().is_err() {
        return Err(invalid("Invalid NextToken"));
    }
    Ok(page(all, token, size))
}

/// Whether the role lets Scheduler assume it. AWS looks when a schedule is written, and a young role is not seen.
fn check_role(arn: &str, world: &World<'_>) -> Result<(), Refusal> {
    if iam::trusts(arn, "scheduler.amazonaws.com", world) {
        return Ok(());
    }
    Err(invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role."))
}

#[cfg(test)]
mod tests;
