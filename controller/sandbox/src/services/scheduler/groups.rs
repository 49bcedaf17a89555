//! Groups of schedules, and their tags.

use super::{
    BTreeMap, DEFAULT, GROUPS, Refusal, SCHEDULES, Tagged, Value, World, conflict, invalid, json, missing,
    paged, strings, text,
};

fn arn_of(name: &str, world: &World<'_>) -> String {
    world.arn("scheduler", &format!("schedule-group/{name}"))
}

fn tags_in(input: &Value) -> BTreeMap<String, String> {
    let tags = input["Tags"].as_array().into_iter().flatten();
    tags.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())).collect()
}

fn checked(tags: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Refusal> {
    if tags.len() > 50 {
        return Err(invalid("A schedule group can have at most 50 tags."));
    }
    Ok(tags)
}

/// A group that was deleted stays, as DELETING, until its schedules are gone.
fn is_gone(group: &Value, world: &World<'_>) -> bool {
    let since = group["deleted"].as_u64();
    since.is_some_and(|since| {
        u128::from(world.now_ms) >= u128::from(since) + world.weather.propagation.as_millis()
    })
}

fn find<'w>(name: &str, world: &'w World<'_>) -> Option<&'w Value> {
    world.get(GROUPS, name).filter(|group| !is_gone(group, world))
}

fn existing<'w>(name: &str, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    find(name, world).ok_or_else(|| missing(format!("Schedule group {name} does not exist.")))
}

/// Whether schedules can be made in it.
pub(super) fn usable(name: &str, world: &World<'_>) -> Result<(), Refusal> {
    if name == DEFAULT {
        return Ok(());
    }
    match existing(name, world)?["deleted"].is_null() {
        true => Ok(()),
        false => Err(conflict(format!("Schedule group {name} is being deleted."))),
    }
}

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "Name");
    super::check::name(name)?;
    if name == DEFAULT || find(name, world).is_some() {
        return Err(conflict(format!("Schedule group {name} already exists.")));
    }
    let tags = checked(tags_in(input))?;
    let group = json!({ "tags": tags, "created": world.now_s() });
    world.put(GROUPS, name, group);
    Ok(json!({ "ScheduleGroupArn": arn_of(name, world) }))
}

fn shown(name: &str, group: &Value, world: &World<'_>) -> Value {
    let state = if group["deleted"].is_null() { "ACTIVE" } else { "DELETING" };
    json!({
        "Arn": arn_of(name, world), "Name": name, "State": state,
        "CreationDate": group["created"], "LastModificationDate": group["created"],
    })
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "Name");
    if name == DEFAULT {
        return Ok(shown(name, &json!({}), world));
    }
    Ok(shown(name, existing(name, world)?, world))
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let prefix = text(input, "NamePrefix");
    let default = json!({});
    let mut all: BTreeMap<&str, &Value> = world.all(GROUPS);
    all.insert(DEFAULT, &default);
    let found: Vec<Value> = all
        .into_iter()
        .filter(|(name, group)| name.starts_with(prefix) && !is_gone(group, world))
        .map(|(name, group)| shown(name, group, world))
        .collect();
    let (found, next) = paged(&found, input)?;
    Ok(json!({ "ScheduleGroups": found, "NextToken": next }))
}

/// Takes every schedule in it along.
pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "Name").to_owned();
    if name == DEFAULT {
        return Err(invalid("The default schedule group cannot be deleted."));
    }
    if !existing(&name, world)?["deleted"].is_null() {
        return Err(conflict(format!("Schedule group {name} is being deleted.")));
    }
    let inside: Vec<String> = world
        .all(SCHEDULES)
        .into_iter()
        .filter(|(_, one)| text(one, "GroupName") == name)
        .map(|(id, _)| id.to_owned())
        .collect();
    inside.iter().for_each(|id| world.remove(SCHEDULES, id));
    if world.weather.propagation.is_zero() {
        world.remove(GROUPS, &name);
    } else {
        let now = world.now_ms;
        world.edit(GROUPS, &name, |group| group["deleted"] = now.into());
    }
    Ok(json!({}))
}

fn taggable(input: &Value, world: &World<'_>) -> Result<(String, BTreeMap<String, String>), Refusal> {
    let arn = text(input, "ResourceArn");
    let Some((_, name)) = arn.split_once(":schedule-group/") else {
        return Err(invalid(format!("{arn} is not the ARN of a schedule group")));
    };
    Ok((name.to_owned(), strings(existing(name, world)?.get("tags"))))
}

pub(super) fn tags(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (_, tags) = taggable(input, world)?;
    let tags: Vec<Value> =
        tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    Ok(json!({ "Tags": tags }))
}

pub(super) fn tag(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, mut tags) = taggable(input, world)?;
    tags.extend(tags_in(input));
    let tags = checked(tags)?;
    world.edit(GROUPS, &name, |group| group["tags"] = json!(tags));
    Ok(json!({}))
}

pub(super) fn untag(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, mut tags) = taggable(input, world)?;
    // One key comes as a string, several as a list.
    match &input["TagKeys"] {
        Value::Array(keys) => keys.iter().filter_map(Value::as_str).for_each(|key| drop(tags.remove(key))),
        one => drop(one.as_str().and_then(|key| tags.remove(key))),
    }
    world.edit(GROUPS, &name, |group| group["tags"] = json!(tags));
    Ok(json!({}))
}

pub(super) fn tagged(world: &World<'_>) -> Vec<Tagged> {
    let all = world.all(GROUPS);
    let there = all.into_iter().filter(|(_, group)| !is_gone(group, world));
    there.map(|(name, group)| (arn_of(name, world), strings(group.get("tags")))).collect()
}
