//! Alarms and graphs look at what is there: metrics of AWS, and those that functions write. Each of
//! R109 rings.

use std::{collections::BTreeSet, fs};

use contract::{
    function::{FUNCTIONS, Service},
    metric::{self, NAMESPACE, Name},
};
use kinds::kinds::{
    alarm::{Alarm, Comparison, Metric, MetricStat, Source},
    dashboard::{Content, Dashboard},
};

use crate::{
    project::root,
    stage::{Stage, artefacts, environment},
};

/// Metrics of AWS that alarms and graphs may name (the user guides of each service).
const OF_AWS: &[(&str, &[&str], &[&str])] = &[
    (
        "AWS/ApiGateway",
        &["4XXError", "5XXError", "Count", "Latency"],
        &["ApiName", "Method", "Resource", "Stage"],
    ),
    ("AWS/CloudFront", &["4xxErrorRate", "5xxErrorRate", "Requests"], &["DistributionId", "Region"]),
    ("AWS/Lambda", &["Errors", "Invocations", "Throttles"], &["FunctionName"]),
    (
        "AWS/SES",
        &[
            "Bounce",
            "Click",
            "Complaint",
            "Delivery",
            "Open",
            "Reputation.BounceRate",
            "Reputation.ComplaintRate",
            "Send",
        ],
        &[],
    ),
    ("AWS/SQS", &["ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"], &["QueueName"]),
];

/// What is wrong with a metric.
fn unknown(stat: &MetricStat) -> Option<String> {
    let dimensions: Vec<&str> = stat.dimensions.keys().map(String::as_str).collect();
    if stat.namespace != NAMESPACE {
        let known = OF_AWS.iter().any(|(space, names, of)| {
            *space == stat.namespace && names.contains(&stat.name.as_str()) && *of == dimensions
        });
        return (!known)
            .then(|| format!("{} {} by {dimensions:?} is no metric of AWS", stat.namespace, stat.name));
    }
    let Some(name) = Name::of(&stat.name) else { return Some(format!("no function writes {}", stat.name)) };
    let by = stat.dimensions.get(metric::FUNCTION).map(|name| name.as_str().to_owned()).unwrap_or_default();
    let writes = FUNCTIONS.iter().any(|function| function.name == by && name.is_written_by(function));
    (!writes || dimensions != [metric::FUNCTION]).then(|| format!("{by} does not write {}", stat.name))
}

fn metrics<'a>(sources: impl IntoIterator<Item = &'a Source>) -> Vec<MetricStat> {
    let metric = |source: &Source| match source {
        Source::Metric(stat) => Some(stat.clone()),
        Source::Expression { .. } => None,
    };
    sources.into_iter().filter_map(metric).collect()
}

fn watched(alarm: &Alarm) -> Vec<MetricStat> {
    match &alarm.metric {
        Metric::Single(stat) => vec![stat.clone()],
        Metric::Math(queries) => metrics(queries.values().map(|query| &query.source)),
    }
}

fn alarms() -> Vec<(String, Alarm)> {
    let environment = environment();
    let world = stacks::declare(&environment, &artefacts()).expect("the stacks");
    let specs = world.specs(&Stage::empty(&environment).scope);
    specs.of::<Alarm>().into_iter().map(|(address, alarm)| (address.to_string(), alarm)).collect()
}

#[test]
fn every_metric_that_is_looked_at_is_written_by_somebody() {
    let environment = environment();
    let world = stacks::declare(&environment, &artefacts()).expect("the stacks");
    let specs = world.specs(&Stage::empty(&environment).scope);
    let mut wrong: Vec<String> = Vec::new();
    for (address, alarm) in alarms() {
        wrong.extend(watched(&alarm).iter().filter_map(unknown).map(|why| format!("{address}: {why}")));
    }
    for (address, board) in specs.of::<Dashboard>() {
        for widget in &board.widgets {
            if let Content::Graph(graph) = &widget.content {
                let drawn = metrics(graph.lines.iter().map(|line| &line.source));
                let searched: Vec<&str> =
                    graph.lines.iter().filter_map(|line| searched(&line.source)).collect();
                assert!(drawn.len() + searched.len() > 0, "{address}: {} draws nothing", graph.title);
                let never = searched.into_iter().filter(|name| metric::Name::of(name).is_none());
                wrong.extend(never.map(|name| format!("{address}: {}: nobody writes {name}", graph.title)));
                wrong.extend(
                    drawn.iter().filter_map(unknown).map(|why| format!("{address}: {}: {why}", graph.title)),
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The metric that an expression looks for, whatever its dimensions.
fn searched(source: &Source) -> Option<&str> {
    let Source::Expression { expression, .. } = source else { return None };
    let search = expression.as_str().strip_prefix("SEARCH(")?;
    search.split_once("MetricName=\"")?.1.split('"').next()
}

#[test]
fn a_metric_that_nobody_writes_is_seen() {
    let of = |name: &str, function: &str| MetricStat::sum(NAMESPACE, name).of(metric::FUNCTION, function);
    for (stat, sees) in [
        (of("emailsSent", "send-email"), false),
        (of("emailsSent", "webhook"), true),
        (of("emailsSend", "send-email"), true),
        (of("requests", "mail-events"), true),
        (MetricStat::sum(NAMESPACE, "requests"), true),
        (MetricStat::sum("AWS/Lambda", "Errors"), true),
        (MetricStat::sum("AWS/Lambda", "Errors").of("FunctionName", "x"), false),
        (MetricStat::sum("AWS/SES", "Bounces"), true),
    ] {
        assert_eq!(unknown(&stat).is_some(), sees, "{stat:?}");
    }
}

/// The contract's constant of every metric is used where its writers are.
#[test]
fn every_declared_metric_is_written_by_a_handler() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect("a source file");
    let support = read("runtime/support/src/entry.rs");
    let outreach =
        ["caller", "send", "webhook"].map(|file| read(&format!("runtime/outreach/src/{file}.rs"))).join("");
    let operations =
        ["nightly", "rotate"].map(|file| read(&format!("runtime/operations/src/{file}.rs"))).join("");
    for (constant, name) in metric::ALL {
        let endpoints = FUNCTIONS.iter().filter(|one| one.trigger == contract::function::Trigger::Api);
        let source = match FUNCTIONS.iter().find(|one| name.is_written_by(one)).map(|one| one.service) {
            _ if endpoints.clone().all(|one| name.is_written_by(one)) => &support,
            Some(Service::Operations) => &operations,
            Some(_) => &outreach,
            None => panic!("{} has a writer", name.text()),
        };
        assert!(source.contains(&format!("name::{constant}")), "{} is written", name.text());
    }
    let mut names: Vec<&str> = metric::ALL.iter().map(|(_, name)| name.text()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), metric::ALL.len(), "each name once");
}

/// R109, and what else must not go unnoticed: alarm (`*` is any run), threshold, and the field of the
/// environment.
#[test]
fn all_that_must_ring_rings_at_the_threshold_of_the_environment() {
    let mut environment = environment();
    let limits = &mut environment.alarms.thresholds;
    limits.authentication_failures_percent = 11;
    limits.delivered_percent = 12;
    limits.function_errors_percent = 13;
    limits.latency_p95_ms = 14;
    limits.rate_limited_an_hour = 15;
    limits.distribution_errors_percent = 16;
    limits.endpoint_errors_percent = 17;
    limits.bounced_percent = 18;
    limits.complained_per_ten_thousand = 19;
    limits.oldest_message_s = 20;
    environment.alarms.dead_letters = 21;
    let world = stacks::declare(&environment, &artefacts()).expect("the stacks");
    let alarms = world.specs(&Stage::empty(&environment).scope).of::<Alarm>();
    let thresholds = |of: &dyn Fn(&str) -> bool| -> BTreeSet<String> {
        let ours = alarms.iter().filter(|(address, _)| of(&address.to_string()));
        ours.map(|(_, alarm)| alarm.threshold.to_string()).collect()
    };
    for (starts, ends, threshold) in [
        ("observability/alarm/function-", "-refusals", "11"),
        ("observability/alarm/", "-delivered", "12"),
        ("observability/alarm/function-campaign-stats", "-errors", "13"),
        ("observability/alarm/outreach-", "-slow", "14"),
        ("observability/alarm/function-", "-limits", "15"),
        ("observability/alarm/reports-", "-errors", "16"),
        ("observability/alarm/financial-", "-errors", "17"),
        ("observability/alarm/ses-", "bounced", "0.18"),
        ("observability/alarm/ses-", "complained", "0.0019"),
        ("shared/alarm/ses-events-", "oldest", "20"),
        ("financial/alarm/campaigns-", "dead-letters", "21"),
    ] {
        let found = thresholds(&|address| address.starts_with(starts) && address.ends_with(ends));
        assert_eq!(found, BTreeSet::from([threshold.to_owned()]), "{starts}*{ends}");
    }
    // Where calls are few, one that fails rings.
    for function in FUNCTIONS {
        let name = format!("observability/alarm/function-{}-errors", function.name);
        let (_, alarm) = alarms.iter().find(|(address, _)| address.to_string() == name).expect(&name);
        let few = function.trigger != contract::function::Trigger::Api;
        assert_eq!(matches!(alarm.metric, Metric::Single(_)), few, "{name}");
        assert_eq!(alarm.threshold.to_string(), if few { "0" } else { "13" }, "{name}");
        assert_eq!(alarm.comparison, Comparison::Above, "{name}");
    }
    let topic = "arn:aws:sns:us-east-1:000000000000:dn-sandbox-alarms";
    for (address, alarm) in &alarms {
        assert!(alarm.alarm_actions.iter().any(|told| told.as_str() == topic), "{address} tells somebody");
        assert!(alarm.actions_enabled, "{address}");
    }
}
