//! Queries of tables and indexes, and scans: by pages, in order.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::{
    World,
    condition::Condition,
    expression::{Given, Tokens},
    invalid,
    items::{id, key_of, usable},
    items_of, values,
};
use crate::services::{Refusal, text};

/// Bytes that one page reads.
const PAGE: usize = 1024 * 1024;

/// What is queried: the table or one of its indexes.
struct Source<'t> {
    hash: &'t str,
    range: Option<&'t str>,
    projection: Option<&'t Value>,
}

impl<'t> Source<'t> {
    fn of(table: &'t Value, index: &str) -> Result<Self, Refusal> {
        let (keys, projection) = match index {
            "" => (&table["keys"], None),
            index => {
                let Some(index) = table["indexes"].get(index) else {
                    let message = format!("The table does not have the specified index: {index}");
                    return Err(invalid(message));
                };
                (&index["keys"], Some(&index["projection"]))
            }
        };
        let keys = keys.as_array().map(Vec::as_slice).unwrap_or_default();
        let of =
            |kind: &str| keys.iter().find(|key| key["KeyType"] == kind).map(|key| text(key, "AttributeName"));
        Ok(Self { hash: of("HASH").unwrap_or_default(), range: of("RANGE"), projection })
    }

    /// Items without the keys of an index are not in it.
    fn holds(&self, item: &Value) -> bool {
        item.get(self.hash).is_some() && self.range.is_none_or(|range| item.get(range).is_some())
    }

    /// What the index has a copy of.
    fn copied(&self, table: &Value, item: &Value) -> Value {
        let Some(projection) = self.projection.filter(|one| one["ProjectionType"] != "ALL") else {
            return item.clone();
        };
        let more = projection["NonKeyAttributes"].as_array();
        let keys = table["keys"].as_array().into_iter().flatten().map(|key| text(key, "AttributeName"));
        let keys: Vec<&str> = keys.chain([self.hash]).chain(self.range).collect();
        let members = item.as_object().into_iter().flatten();
        let kept = members.filter(|(name, _)| {
            keys.contains(&name.as_str()) || more.is_some_and(|more| more.iter().any(|one| one == *name))
        });
        kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>().into()
    }

    fn order(&self, left: &(String, Value), right: &(String, Value)) -> Ordering {
        let by_range = self.range.and_then(|range| values::compare(&left.1[range], &right.1[range]));
        by_range.unwrap_or(Ordering::Equal).then_with(|| left.0.cmp(&right.0))
    }

    /// Where a page ends: the key of the table, and of the index.
    fn mark(&self, table: &Value, item: &Value) -> Result<Value, Refusal> {
        let mut key = key_of(table, item)?;
        for name in std::iter::once(self.hash).chain(self.range) {
            key.insert(name.to_owned(), item[name].clone());
        }
        Ok(key.into())
    }
}

pub(super) fn query(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (name, table) = usable(input, world)?;
    let source = Source::of(&table, text(input, "IndexName"))?;
    if source.projection.is_some() && input["ConsistentRead"] == true {
        return Err(invalid("Consistent reads are not supported on global secondary indexes"));
    }
    let given = Given::of(input);
    let condition = text(input, "KeyConditionExpression");
    let keys = Condition::of_keys(condition, &given, source.hash, source.range)?;
    let all = world.all(&items_of(&name));
    let found = all.into_iter().filter(|(_, kept)| source.holds(&kept["item"]) && keys.holds(&kept["item"]));
    let mut found: Vec<(String, Value)> =
        found.map(|(id, kept)| (id.to_owned(), source.copied(&table, &kept["item"]))).collect();
    found.sort_by(|left, right| source.order(left, right));
    let backwards = input["ScanIndexForward"] == false;
    if backwards {
        found.reverse();
    }
    let start = &input["ExclusiveStartKey"];
    if !start.is_null() {
        let after = (id(key_of(&table, start)?), start.clone());
        let passed = |one: &(String, Value)| {
            let order = source.order(one, &after);
            order == Ordering::Equal || (order == Ordering::Less) != backwards
        };
        found.retain(|one| !passed(one));
    }
    page(input, &table, &source, &given, found)
}

pub(super) fn scan(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (name, table) = usable(input, world)?;
    let source = Source::of(&table, text(input, "IndexName"))?;
    let given = Given::of(input);
    let start = &input["ExclusiveStartKey"];
    let after = if start.is_null() { String::new() } else { id(key_of(&table, start)?) };
    let all = world.all(&items_of(&name));
    let rest = all.into_iter().filter(|(id, kept)| *id > after.as_str() && source.holds(&kept["item"]));
    let found = rest.map(|(id, kept)| (id.to_owned(), source.copied(&table, &kept["item"]))).collect();
    page(input, &table, &source, &given, found)
}

/// One page of what was found: at most `Limit` items and a megabyte are read, then the filter is applied.
fn page(
    input: &Value,
    table: &Value,
    source: &Source<'_>,
    given: &Given<'_>,
    found: Vec<(String, Value)>,
) -> Result<Value, Refusal> {
    let limit = input["Limit"].as_u64();
    if limit == Some(0) {
        return Err(invalid(
            "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint",
        ));
    }
    let filter = text(input, "FilterExpression");
    let filter = (!filter.is_empty()).then(|| Condition::parse(filter, given)).transpose()?;
    let only = only(text(input, "ProjectionExpression"), given)?;
    given.check_used()?;
    let size = usize::try_from(limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let (all, mut read, mut bytes) = (found.len(), Vec::new(), 0);
    for (_, item) in found {
        if read.len() == size || bytes >= PAGE {
            break;
        }
        bytes += item.to_string().len();
        read.push(item);
    }
    // As DynamoDB does: a page that is full names its last key, even when nothing follows.
    let full = read.len() == size || read.len() < all;
    let last = read.last().filter(|_| full).map(|item| source.mark(table, item)).transpose()?;
    let scanned = read.len();
    read.retain(|item| filter.as_ref().is_none_or(|filter| filter.holds(item)));
    let counts = text(input, "Select") == "COUNT";
    if let Some(only) = only {
        for item in &mut read {
            if let Some(members) = item.as_object_mut() {
                members.retain(|name, _| only.contains(name));
            }
        }
    }
    Ok(json!({
        "Count": read.len(),
        "ScannedCount": scanned,
        "LastEvaluatedKey": last,
        "Items": (!counts).then_some(read),
    }))
}

/// The attributes of a projection; only whole ones are understood.
pub(super) fn only(projection: &str, given: &Given<'_>) -> Result<Option<Vec<String>>, Refusal> {
    if projection.is_empty() {
        return Ok(None);
    }
    let mut tokens = Tokens::cut(projection, given)?;
    let mut names = Vec::new();
    loop {
        let token = tokens.next();
        names.push(given.name(&token)?);
        if !tokens.take(",") {
            break;
        }
    }
    tokens.end()?;
    Ok(Some(names))
}
