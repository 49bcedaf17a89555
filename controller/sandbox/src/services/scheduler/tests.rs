//! What Scheduler refuses, replaces and lists.

use super::*;
use crate::{services::asking, store::Documents, weather::Weather};

const ROLE: &str = "arn:aws:iam::000000000000:role/runs";

fn within(weather: &Weather, test: impl FnOnce(&mut World<'_>)) {
    let base = Documents::new();
    let mut world = World::new(&base, 1_000_000, "000000000000", "us-east-1", weather);
    let trust = json!({
        "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "scheduler.amazonaws.com" },
        }],
    });
    let role = json!({ "path": "/", "trust": trust.to_string(), "created": 0 });
    world.put("iam/roles", "runs", role.clone());
    let mut young = role.clone();
    young["created"] = 999_000.into();
    world.put("iam/roles", "young", young);
    let mut other = role;
    other["trust"] = trust.to_string().replace("scheduler", "lambda").into();
    world.put("iam/roles", "other", other);
    test(&mut world);
}

fn ask(world: &mut World<'_>, operation: &str, input: Value) -> Value {
    asking::ask(&SERVICE, world, operation, input).expect(operation)
}

fn schedule(changes: Value) -> Value {
    let mut schedule = json!({
        "Name": "s", "ScheduleExpression": "rate(5 minutes)", "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": { "Arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "RoleArn": ROLE },
    });
    merge(&mut schedule, changes);
    schedule
}

fn merge(into: &mut Value, changes: Value) {
    match (into, changes) {
        (Value::Object(into), Value::Object(changes)) => {
            changes
                .into_iter()
                .for_each(|(key, change)| merge(into.entry(key).or_insert(Value::Null), change));
        }
        (into, change) => *into = change,
    }
}

#[test]
fn defaults_are_shown_and_an_update_falls_back_to_them() {
    within(&Weather::default(), |world| {
        let first = schedule(json!({
            "Description": "x", "State": "DISABLED", "ScheduleExpressionTimezone": "Europe/Vienna",
            "Target": { "Input": "{}", "RetryPolicy": { "MaximumRetryAttempts": 1 } },
        }));
        ask(world, "CreateSchedule", first);
        ask(world, "UpdateSchedule", schedule(json!({})));
        let shown = ask(world, "GetSchedule", json!({ "Name": "s" }));
        assert!(shown["Description"].is_null() && shown["Target"]["Input"].is_null(), "{shown}");
        assert_eq!(shown["State"], "ENABLED");
        assert_eq!(shown["ScheduleExpressionTimezone"], "UTC");
        let retry = json!({ "MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185 });
        assert_eq!(shown["Target"]["RetryPolicy"], retry);
        assert_eq!(shown["Arn"], "arn:aws:scheduler:us-east-1:000000000000:schedule/default/s");
    });
}

#[test]
fn values_are_checked() {
    within(&Weather::default(), |world| {
        for (changes, part) in [
            (json!({ "Name": "a b" }), "name"),
            (json!({ "ScheduleExpression": "rate(0 minutes)" }), "Invalid Schedule Expression"),
            (json!({ "ScheduleExpression": "cron(0 6 * * * *)" }), "Invalid Schedule Expression"),
            (json!({ "ScheduleExpression": "cron(61 6 * * ? *)" }), "Invalid Schedule Expression"),
            (json!({ "ScheduleExpression": "at(2027-02-29T00:00:00)" }), "Invalid Schedule Expression"),
            (json!({ "ScheduleExpressionTimezone": "Mars/Olympus" }), "Timezone"),
            (json!({ "FlexibleTimeWindow": { "Mode": "FLEXIBLE" } }), "MaximumWindowInMinutes"),
            (json!({ "FlexibleTimeWindow": { "MaximumWindowInMinutes": 5 } }), "OFF"),
            (json!({ "StartDate": 2.0, "EndDate": 1.0 }), "earlier"),
            (json!({ "KmsKeyArn": "alias/x" }), "kmsKeyArn"),
            (json!({ "Target": { "Arn": "f" } }), "Arn"),
            (json!({ "Target": { "Input": "no json" } }), "JSON"),
            (json!({ "Target": { "RetryPolicy": { "MaximumRetryAttempts": 186 } } }), "185"),
            (json!({ "Target": { "DeadLetterConfig": { "Arn": "arn:aws:sqs:r:0:d.fifo" } } }), "standard"),
            (json!({ "Target": { "Arn": "arn:aws:sqs:us-east-1:0:q.fifo" } }), "MessageGroupId"),
            (json!({ "Target": { "RoleArn": "arn:aws:iam::000000000000:role/other" } }), "assume the role"),
            (json!({ "Target": { "RoleArn": "arn:aws:iam::000000000000:role/absent" } }), "assume the role"),
        ] {
            let wanted = ("ValidationException", part);
            asking::refused(&SERVICE, world, "CreateSchedule", schedule(changes), wanted);
        }
        ask(world, "CreateSchedule", schedule(json!({})));
        let again = ("ConflictException", "already exists");
        asking::refused(&SERVICE, world, "CreateSchedule", schedule(json!({})), again);
        let absent = schedule(json!({ "GroupName": "absent" }));
        asking::refused(
            &SERVICE,
            world,
            "CreateSchedule",
            absent,
            ("ResourceNotFoundException", "group absent"),
        );
        let other = json!({ "Name": "t" });
        asking::refused(
            &SERVICE,
            world,
            "DeleteSchedule",
            other,
            ("ResourceNotFoundException", "Schedule t"),
        );
    });
}

#[test]
fn a_young_role_is_not_seen_yet() {
    let weather = Weather { propagation: std::time::Duration::from_secs(8), ..Weather::default() };
    within(&weather, |world| {
        let young = schedule(json!({ "Target": { "RoleArn": "arn:aws:iam::000000000000:role/young" } }));
        asking::refused(&SERVICE, world, "CreateSchedule", young.clone(), ("ValidationException", "assume"));
        world.now_ms += 8_000;
        ask(world, "CreateSchedule", young);
    });
}

#[test]
fn lists_are_paged_and_show_no_description() {
    within(&Weather::default(), |world| {
        ask(world, "CreateScheduleGroup", json!({ "Name": "g" }));
        for (name, group) in [("b", "default"), ("a", "g"), ("c", "g")] {
            let one = schedule(json!({ "Name": name, "GroupName": group, "Description": "x" }));
            ask(world, "CreateSchedule", one);
        }
        let first = ask(world, "ListSchedules", json!({ "MaxResults": "2" }));
        let names = |page: &Value| -> Vec<String> {
            page["Schedules"].as_array().unwrap().iter().map(|one| text(one, "Name").to_owned()).collect()
        };
        assert_eq!(names(&first), ["a", "b"]);
        assert!(first["Schedules"][0]["Description"].is_null());
        let next = json!({ "MaxResults": "2", "NextToken": first["NextToken"] });
        assert_eq!(names(&ask(world, "ListSchedules", next)), ["c"]);
        assert_eq!(
            names(&ask(world, "ListSchedules", json!({ "ScheduleGroup": "g", "NamePrefix": "c" }))),
            ["c"]
        );
        let many = json!({ "MaxResults": "101" });
        asking::refused(&SERVICE, world, "ListSchedules", many, ("ValidationException", "maxResults"));
    });
}

#[test]
fn a_deleted_group_takes_its_schedules_along_and_lingers() {
    let weather = Weather { propagation: std::time::Duration::from_secs(8), ..Weather::default() };
    within(&weather, |world| {
        ask(world, "CreateScheduleGroup", json!({ "Name": "g" }));
        let inside = schedule(json!({ "GroupName": "g" }));
        ask(world, "CreateSchedule", inside.clone());
        ask(world, "DeleteScheduleGroup", json!({ "Name": "g" }));
        assert_eq!(ask(world, "GetScheduleGroup", json!({ "Name": "g" }))["State"], "DELETING");
        asking::refused(&SERVICE, world, "CreateSchedule", inside, ("ConflictException", "being deleted"));
        assert_eq!(ask(world, "ListSchedules", json!({}))["Schedules"], json!([]));
        world.now_ms += 8_000;
        let gone = json!({ "Name": "g" });
        asking::refused(
            &SERVICE,
            world,
            "GetScheduleGroup",
            gone.clone(),
            ("ResourceNotFoundException", "g"),
        );
        ask(world, "CreateScheduleGroup", gone);
        let default = json!({ "Name": "default" });
        asking::refused(&SERVICE, world, "DeleteScheduleGroup", default, ("ValidationException", "default"));
    });
}
