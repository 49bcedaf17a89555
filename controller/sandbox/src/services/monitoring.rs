//! CloudWatch: metric alarms, dashboards, and the tags of both.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, page, strings, text};
use crate::wire::{Protocol, Reply, Request};

mod dashboards;

pub(crate) const SERVICE: Service =
    Service { signing: "monitoring", protocol: Protocol::Cbor, handle, tagged };

const ALARMS: &str = "monitoring/alarms";

/// Members of PutMetricAlarm that describe one metric, and exclude `Metrics`.
const OF_ONE_METRIC: &[&str] =
    &["MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit"];

const DAY_S: u64 = 86_400;

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let input = &request.input;
    let answer = match request.operation.as_str() {
        "PutMetricAlarm" => put(input, world)?,
        "DescribeAlarms" => describe(input, world)?,
        "DeleteAlarms" => {
            let names = words(input, "AlarmNames");
            if names.len() > 100 {
                return Err(invalid("AlarmNames must have at most 100 members"));
            }
            // A name that is not there is ignored.
            names.iter().for_each(|name| world.remove(ALARMS, name));
            json!({})
        }
        "PutDashboard" => dashboards::put(input, world)?,
        "GetDashboard" => dashboards::get(input, world)?,
        "ListDashboards" => dashboards::list(input, world)?,
        "DeleteDashboards" => dashboards::delete(input, world)?,
        "TagResource" => retag(input, world, |tags| tags.extend(tags_in(input)))?,
        "UntagResource" => retag(input, world, |tags| {
            words(input, "TagKeys").iter().for_each(|key| drop(tags.remove(key)));
        })?,
        "ListTagsForResource" => {
            let tags = taggable(input, world)?.tags;
            let tags = tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
            json!({ "Tags": tags.collect::<Vec<_>>() })
        }
        other => return Err(request.unknown(other)),
    };
    Ok(Reply::value(answer))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}

fn words(input: &Value, member: &str) -> Vec<String> {
    input[member].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn tags_in(input: &Value) -> BTreeMap<String, String> {
    let tags = input["Tags"].as_array().into_iter().flatten();
    tags.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())).collect()
}

fn put(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    check(input)?;
    let name = text(input, "AlarmName").to_owned();
    let old = world.get(ALARMS, &name);
    // The tags of an alarm that exists are not touched.
    let tags = old.map_or_else(|| tags_in(input), |old| strings(old.get("tags")));
    let created = old.map_or(world.now_ms.into(), |old| old["created"].clone());
    let mut alarm = input.clone();
    if let Some(members) = alarm.as_object_mut() {
        members.remove("Tags");
        members.retain(|_, value| *value != "");
        for (member, default) in [
            ("ActionsEnabled", json!(true)),
            ("OKActions", json!([])),
            ("AlarmActions", json!([])),
            ("InsufficientDataActions", json!([])),
        ] {
            members.entry(member).or_insert(default);
        }
        if !members.contains_key("Metrics") {
            members.entry("Dimensions").or_insert_with(|| json!([]));
        }
        members.insert("AlarmArn".to_owned(), world.arn("cloudwatch", &format!("alarm:{name}")).into());
        let now = json!({ "$time": world.now_s() });
        members.insert("AlarmConfigurationUpdatedTimestamp".to_owned(), now.clone());
        // An update leaves the state as it is; a new alarm knows nothing yet.
        let state = |member: &str, fresh: Value| old.map_or(fresh, |old| old["alarm"][member].clone());
        let value = state("StateValue", json!("INSUFFICIENT_DATA"));
        let reason = state("StateReason", json!("Unchecked: Initial alarm creation"));
        let updated = state("StateUpdatedTimestamp", now);
        members.insert("StateValue".to_owned(), value);
        members.insert("StateReason".to_owned(), reason);
        members.insert("StateUpdatedTimestamp".to_owned(), updated);
    }
    world.put(ALARMS, &name, json!({ "alarm": alarm, "tags": tags, "created": created }));
    Ok(json!({}))
}

fn check(input: &Value) -> Result<(), Refusal> {
    let has = |member: &str| !input[member].is_null();
    let name = text(input, "AlarmName");
    if name.is_empty() || name.len() > 255 {
        return Err(invalid("AlarmName must have length between 1 and 255"));
    }
    for member in ["ComparisonOperator", "EvaluationPeriods"] {
        if !has(member) {
            return Err(invalid(format!("The parameter {member} is required")));
        }
    }
    if has("Threshold") == has("ThresholdMetricId") {
        return Err(invalid("Exactly one of Threshold and ThresholdMetricId must be specified"));
    }
    let evaluations = input["EvaluationPeriods"].as_u64().unwrap_or_default();
    if evaluations == 0 {
        return Err(invalid("EvaluationPeriods must be greater than or equal to 1"));
    }
    let datapoints = input["DatapointsToAlarm"].as_u64();
    if datapoints.is_some_and(|count| count == 0 || count > evaluations) {
        return Err(invalid("DatapointsToAlarm must be less than or equal to EvaluationPeriods"));
    }
    let missing = text(input, "TreatMissingData");
    if !["", "missing", "notBreaching", "breaching", "ignore"].contains(&missing) {
        return Err(invalid(format!("Option {missing} is not supported for TreatMissingData")));
    }
    let low = text(input, "EvaluateLowSampleCountPercentile");
    if !["", "evaluate", "ignore"].contains(&low) {
        return Err(invalid(format!("Option {low} is not supported for EvaluateLowSampleCountPercentile")));
    }
    for member in ["AlarmActions", "OKActions", "InsufficientDataActions"] {
        let actions = words(input, member);
        if actions.len() > 5 || actions.iter().any(|action| !action.starts_with("arn:")) {
            return Err(invalid(format!("Invalid arn syntax or more than 5 actions in {member}")));
        }
    }
    if has("Metrics") { check_math(input, evaluations) } else { check_one(input, evaluations) }
}

fn check_one(input: &Value, evaluations: u64) -> Result<(), Refusal> {
    for member in ["MetricName", "Namespace", "Period"] {
        if input[member].is_null() {
            return Err(invalid(format!("The parameter {member} is required")));
        }
    }
    if input["Statistic"].is_null() == input["ExtendedStatistic"].is_null() {
        return Err(invalid("Exactly one of Statistic and ExtendedStatistic must be specified"));
    }
    check_period(input["Period"].as_u64().unwrap_or_default(), evaluations)
}

fn check_period(period: u64, evaluations: u64) -> Result<(), Refusal> {
    if ![10, 20, 30].contains(&period) && (period == 0 || !period.is_multiple_of(60)) {
        return Err(invalid("Period must be 10, 20, 30 or a multiple of 60"));
    }
    let (most, what) = if period < 3600 { (DAY_S, "a day") } else { (7 * DAY_S, "seven days") };
    if period * evaluations > most {
        return Err(invalid(format!(
            "Metrics cannot be checked across more than {what} (EvaluationPeriods * Period must be <= {most})"
        )));
    }
    Ok(())
}

fn check_math(input: &Value, evaluations: u64) -> Result<(), Refusal> {
    if let Some(member) = OF_ONE_METRIC.iter().find(|member| !input[**member].is_null()) {
        return Err(invalid(format!("The parameters Metrics and {member} cannot be used together")));
    }
    let queries = input["Metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
    if queries.is_empty() || queries.len() > 20 {
        return Err(invalid("Metrics must have between 1 and 20 members"));
    }
    let mut ids = std::collections::BTreeSet::new();
    for query in queries {
        let id = text(query, "Id");
        let named = id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !named || !ids.insert(id) {
            return Err(invalid(format!("The value {id} for parameter MetricDataQuery.Id is not valid")));
        }
        let stat = &query["MetricStat"];
        if stat.is_null() == query["Expression"].is_null() {
            return Err(invalid("Exactly one of MetricStat and Expression must be specified"));
        }
        if let Some(period) = stat["Period"].as_u64().or_else(|| query["Period"].as_u64()) {
            check_period(period, evaluations)?;
        }
    }
    let unknown = queries.iter().find_map(|query| undefined(text(query, "Expression"), &ids));
    if let Some(id) = unknown {
        return Err(invalid(format!("Invalid metrics list: the identifier {id} is not defined")));
    }
    // ReturnData is true unless said otherwise.
    if queries.iter().filter(|query| query["ReturnData"] != false).count() != 1 {
        return Err(invalid("Exactly one element of the metrics list should return data"));
    }
    Ok(())
}

/// The first id in an expression that no query has. Functions are in capitals, and texts in quotes; a query of
/// Metrics Insights names columns and not ids.
fn undefined<'q>(expression: &'q str, ids: &std::collections::BTreeSet<&str>) -> Option<&'q str> {
    if expression.trim_start().starts_with("SELECT") {
        return None;
    }
    let outside = expression.split(['\'', '"']).step_by(2);
    let words = outside.flat_map(|part| part.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')));
    let mut named = words.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    named.find(|word| !ids.contains(word))
}

fn describe(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (names, prefix) = (words(input, "AlarmNames"), text(input, "AlarmNamePrefix"));
    let state = text(input, "StateValue");
    if !names.is_empty() && !prefix.is_empty() {
        return Err(Refusal::new(
            "InvalidParameterCombination",
            "AlarmNames and AlarmNamePrefix cannot be used together",
        ));
    }
    let size = input["MaxRecords"].as_u64().unwrap_or(50);
    if !(1..=100).contains(&size) {
        return Err(invalid("MaxRecords must be between 1 and 100"));
    }
    let token = text(input, "NextToken");
    if !token.is_empty() && token.parse::<usize>().is_err() {
        return Err(Refusal::new("InvalidNextToken", "The next token specified is invalid."));
    }
    // A call that names no type gets metric alarms only.
    let types = words(input, "AlarmTypes");
    let wanted = types.is_empty() || types.iter().any(|one| one == "MetricAlarm");
    let found: Vec<Value> = world
        .all(ALARMS)
        .into_iter()
        .filter(|(name, one)| {
            let named = names.is_empty() || names.iter().any(|wanted| wanted == name);
            wanted
                && named
                && name.starts_with(prefix)
                && (state.is_empty() || one["alarm"]["StateValue"] == state)
                && world.visible(one["created"].as_u64().unwrap_or_default())
        })
        .map(|(_, one)| one["alarm"].clone())
        .collect();
    let (found, next) = page(&found, token, usize::try_from(size).unwrap_or(50));
    Ok(json!({ "MetricAlarms": found, "CompositeAlarms": [], "NextToken": next }))
}

/// Where the document of an alarm or dashboard is, and its tags.
struct Taggable {
    collection: &'static str,
    id: String,
    tags: BTreeMap<String, String>,
}

fn taggable(input: &Value, world: &World<'_>) -> Result<Taggable, Refusal> {
    let arn = text(input, "ResourceARN");
    let (collection, id) = match dashboards::name_of(arn, world) {
        Some(name) => (dashboards::DASHBOARDS, name),
        None => (ALARMS, arn.splitn(7, ':').nth(6).unwrap_or_default()),
    };
    let found =
        world.get(collection, id).filter(|one| collection != ALARMS || one["alarm"]["AlarmArn"] == arn);
    match found {
        Some(one) => Ok(Taggable { collection, id: id.to_owned(), tags: strings(one.get("tags")) }),
        None => Err(Refusal::new("ResourceNotFoundException", format!("{arn} does not exist")).status(404)),
    }
}

fn retag(
    input: &Value,
    world: &mut World<'_>,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<Value, Refusal> {
    let Taggable { collection, id, mut tags } = taggable(input, world)?;
    change(&mut tags);
    if tags.len() > 50 {
        return Err(Refusal::new("InvalidParameterValue", "Too many tags"));
    }
    world.edit(collection, &id, |one| one["tags"] = json!(tags));
    Ok(json!({}))
}

fn tagged(world: &World<'_>) -> Vec<Tagged> {
    let one = |alarm: &&Value| (text(&alarm["alarm"], "AlarmArn").to_owned(), strings(alarm.get("tags")));
    world.all(ALARMS).values().map(one).chain(dashboards::tagged(world)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{services::asking, store::Documents, weather::Weather};

    fn ask(world: &mut World<'_>, operation: &str, input: Value) -> Result<Value, Refusal> {
        asking::ask(&SERVICE, world, operation, input)
    }

    #[track_caller]
    fn refused(world: &mut World<'_>, operation: &str, input: Value, code: &str, part: &str) {
        asking::refused(&SERVICE, world, operation, input, (code, part));
    }

    fn within(test: impl FnOnce(&mut World<'_>)) {
        let (base, weather) = (Documents::new(), Weather::default());
        test(&mut World::new(&base, 1_000, "000000000000", "us-east-1", &weather));
    }

    fn alarm(changes: Value) -> Value {
        let mut alarm = json!({
            "AlarmName": "a", "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
        });
        let changes = changes.as_object().cloned().unwrap_or_default();
        alarm.as_object_mut().unwrap().extend(changes);
        alarm
    }

    #[test]
    fn a_put_overwrites_everything_but_state_and_tags() {
        within(|world| {
            let tags = json!([{ "Key": "a", "Value": "1" }]);
            ask(world, "PutMetricAlarm", alarm(json!({ "AlarmDescription": "x", "Tags": tags }))).unwrap();
            world.edit(ALARMS, "a", |alarm| alarm["alarm"]["StateValue"] = "ALARM".into());
            let other = json!([{ "Key": "b", "Value": "2" }]);
            ask(world, "PutMetricAlarm", alarm(json!({ "Tags": other }))).unwrap();
            let shown = ask(world, "DescribeAlarms", json!({})).unwrap()["MetricAlarms"][0].clone();
            assert!(shown["AlarmDescription"].is_null() && shown["Tags"].is_null(), "{shown}");
            assert_eq!((&shown["StateValue"], &shown["ActionsEnabled"]), (&json!("ALARM"), &json!(true)));
            let arn = shown["AlarmArn"].clone();
            assert_eq!(
                ask(world, "ListTagsForResource", json!({ "ResourceARN": arn })).unwrap()["Tags"],
                tags
            );
        });
    }

    #[test]
    fn exclusive_parameters_and_values_are_checked() {
        let query = |id: &str| json!({ "Id": id, "Expression": "1 + 1", "ReturnData": true });
        within(|world| {
            for (changes, part) in [
                (json!({ "Metrics": [query("e")] }), "cannot be used together"),
                (json!({ "ExtendedStatistic": "p99" }), "ExtendedStatistic"),
                (json!({ "Statistic": null }), "ExtendedStatistic"),
                (json!({ "MetricName": null }), "MetricName is required"),
                (json!({ "Threshold": null }), "Threshold"),
                (json!({ "Period": 45 }), "multiple of 60"),
                (json!({ "Period": 60, "EvaluationPeriods": 1_441 }), "a day"),
                (json!({ "Period": 3_600, "EvaluationPeriods": 169 }), "seven days"),
                (json!({ "DatapointsToAlarm": 2 }), "DatapointsToAlarm"),
                (json!({ "TreatMissingData": "no" }), "TreatMissingData"),
                (json!({ "AlarmActions": ["x"] }), "arn"),
            ] {
                refused(world, "PutMetricAlarm", alarm(changes), "ValidationError", part);
            }
            let math = |metrics: Value| {
                let one = json!({ "Namespace": null, "MetricName": null, "Statistic": null, "Period": null });
                let mut alarm = alarm(one);
                alarm["Metrics"] = metrics;
                alarm
            };
            for (metrics, part) in [
                (json!([]), "between 1 and 20"),
                (json!([query("E")]), "MetricDataQuery.Id"),
                (json!([query("e"), query("f")]), "return data"),
                (json!([{ "Id": "e" }]), "MetricStat and Expression"),
                (json!([{ "Id": "e", "Expression": "IF(e1 > 5, 'x y', 0)" }]), "e1 is not defined"),
            ] {
                refused(world, "PutMetricAlarm", math(metrics), "ValidationError", part);
            }
            ask(world, "PutMetricAlarm", math(json!([query("e")]))).unwrap();
        });
    }

    #[test]
    fn lists_are_paged_and_what_is_absent_is_ignored_or_refused() {
        within(|world| {
            for number in 0..3 {
                ask(world, "PutMetricAlarm", alarm(json!({ "AlarmName": format!("a{number}") }))).unwrap();
            }
            let page =
                ask(world, "DescribeAlarms", json!({ "MaxRecords": 2, "AlarmNamePrefix": "a" })).unwrap();
            assert_eq!(page["MetricAlarms"].as_array().unwrap().len(), 2);
            let next = json!({ "MaxRecords": 2, "NextToken": page["NextToken"] });
            let page = ask(world, "DescribeAlarms", next).unwrap();
            assert_eq!(
                (page["MetricAlarms"][0]["AlarmName"].as_str(), &page["NextToken"]),
                (Some("a2"), &Value::Null)
            );
            refused(world, "DescribeAlarms", json!({ "MaxRecords": 101 }), "ValidationError", "MaxRecords");
            refused(world, "DescribeAlarms", json!({ "NextToken": "x" }), "InvalidNextToken", "");
            let both = json!({ "AlarmNames": ["a0"], "AlarmNamePrefix": "a" });
            refused(world, "DescribeAlarms", both, "InvalidParameterCombination", "");
            ask(world, "DeleteAlarms", json!({ "AlarmNames": ["absent"] })).unwrap();
            let absent = json!({ "ResourceARN": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:absent" });
            refused(world, "ListTagsForResource", absent, "ResourceNotFoundException", "absent");
        });
    }
}
