//! Examples of alarms, and what CloudWatch refuses.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use kinds::{
    World,
    kinds::{
        alarm::{Alarm, Comparison, LowSamples, Metric, MetricStat, MissingData, Query, Source, Statistic},
        topic::Topic,
    },
};
use model::{Fault, MayFind, Text};
use sandbox::{Account, Weather};
use serde_json::{Value, json};

use super::{Example, apply, differences, fresh, hold, look, subject, world_of, writer};

fn errors() -> MetricStat {
    MetricStat {
        namespace: "AWS/Lambda".to_owned(),
        name: "Errors".to_owned(),
        dimensions: BTreeMap::from([("FunctionName".to_owned(), "dn-test-send".into())]),
        statistic: Statistic::Sum,
        period_s: 300,
        unit: None,
    }
}

fn single(alarm: &mut Alarm, change: impl FnOnce(&mut MetricStat)) {
    match &mut alarm.metric {
        Metric::Single(stat) => change(stat),
        Metric::Math(_) => panic!("the example is a single metric"),
    }
}

fn query(source: Source, returns: bool) -> Query {
    Query { source, label: None, returns, account: None }
}

fn rate() -> Metric {
    let expression = Source::Expression { expression: "100 * errors / calls".into(), period_s: None };
    let calls = MetricStat { name: "Invocations".to_owned(), ..errors() };
    let labelled = Query { label: Some("rate".to_owned()), ..query(expression, true) };
    Metric::Math(BTreeMap::from([
        ("rate".to_owned(), labelled),
        ("errors".to_owned(), query(Source::Metric(errors()), false)),
        ("calls".to_owned(), query(Source::Metric(calls), false)),
    ]))
}

fn math(alarm: &mut Alarm, change: impl FnOnce(&mut BTreeMap<String, Query>)) {
    match &mut alarm.metric {
        Metric::Math(queries) => change(queries),
        Metric::Single(_) => panic!("the example is an expression"),
    }
}

const PLAIN: Example<Alarm> = Example {
    name: "plain",
    declare: |_| Alarm::on(Metric::Single(errors()), Comparison::AtLeast, 5),
    mutations: &[
        ("description", |alarm| alarm.description = Some("Sending fails".into())),
        ("metric", |alarm| single(alarm, |stat| stat.namespace = "Custom".to_owned())),
        ("metric", |alarm| single(alarm, |stat| stat.name = "Throttles".to_owned())),
        ("metric", |alarm| single(alarm, |stat| stat.dimensions = BTreeMap::new())),
        ("metric", |alarm| single(alarm, |stat| stat.statistic = Statistic::Extended("p99".to_owned()))),
        ("metric", |alarm| single(alarm, |stat| stat.period_s = 10)),
        ("metric", |alarm| single(alarm, |stat| stat.unit = Some("Count".to_owned()))),
        ("metric", |alarm| alarm.metric = rate()),
        ("comparison", |alarm| alarm.comparison = Comparison::Below),
        ("threshold", |alarm| alarm.threshold = "0.1".parse().expect("a number")),
        ("evaluation_periods", |alarm| alarm.evaluation_periods = 3),
        ("missing_data", |alarm| alarm.missing_data = MissingData::NotBreaching),
        ("low_samples", |alarm| alarm.low_samples = Some(LowSamples::Ignore)),
        ("actions_enabled", |alarm| alarm.actions_enabled = false),
        ("alarm_actions", |alarm| alarm.alarm_actions = actions("other")),
        ("ok_actions", |alarm| alarm.ok_actions = actions("other")),
        ("insufficient_data_actions", |alarm| alarm.insufficient_data_actions = actions("other")),
    ],
};

fn actions(name: &str) -> BTreeSet<Text> {
    BTreeSet::from([format!("arn:aws:sns:us-east-1:000000000000:dn-test-{name}").into()])
}

const FULL: Example<Alarm> = Example {
    name: "everything set",
    declare: |world| {
        let topic = world.add("laws", "alarms", Topic::standard()).expect("an address");
        let tell =
            BTreeSet::from([topic.arn().text().clone(), "arn:aws:sns:us-east-1:000000000000:old".into()]);
        Alarm {
            description: Some(Text::from("See ").then(topic.by("name").text().as_str())),
            metric: rate(),
            comparison: Comparison::Above,
            threshold: "0.05".parse().expect("a number"),
            evaluation_periods: 5,
            datapoints_to_alarm: 3,
            missing_data: MissingData::Ignore,
            low_samples: Some(LowSamples::Evaluate),
            actions_enabled: false,
            alarm_actions: tell.clone(),
            ok_actions: tell.clone(),
            insufficient_data_actions: tell,
        }
    },
    mutations: &[
        ("description", |alarm| alarm.description = None),
        ("metric", |alarm| {
            math(alarm, |queries| drop(queries.get_mut("rate").expect("it is there").label.take()))
        }),
        ("metric", |alarm| {
            math(alarm, |queries| {
                let expression =
                    Source::Expression { expression: "errors + calls".into(), period_s: Some(60) };
                queries.insert("rate".to_owned(), query(expression, true));
            });
        }),
        ("metric", |alarm| {
            math(alarm, |queries| {
                queries.get_mut("calls").expect("it is there").account = Some("111111111111".to_owned());
            });
        }),
        ("metric", |alarm| {
            math(alarm, |queries| {
                let bytes = MetricStat { unit: Some("Bytes".to_owned()), ..errors() };
                queries.insert("errors".to_owned(), query(Source::Metric(bytes), false));
            });
        }),
        ("metric", |alarm| {
            math(alarm, |queries| {
                let statistic = Statistic::Extended("p99".to_owned());
                let slowest = MetricStat { statistic, period_s: 60, dimensions: BTreeMap::new(), ..errors() };
                queries.insert("errors".to_owned(), query(Source::Metric(slowest), false));
            });
        }),
        ("metric", |alarm| {
            math(alarm, |queries| {
                queries.get_mut("rate").expect("it is there").returns = false;
                queries.get_mut("calls").expect("it is there").returns = true;
            });
        }),
        ("metric", |alarm| alarm.metric = Metric::Single(errors())),
        ("datapoints_to_alarm", |alarm| alarm.datapoints_to_alarm = 5),
        ("low_samples", |alarm| alarm.low_samples = None),
        ("alarm_actions", |alarm| alarm.alarm_actions = BTreeSet::new()),
        ("ok_actions", |alarm| alarm.ok_actions = BTreeSet::new()),
        ("insufficient_data_actions", |alarm| alarm.insufficient_data_actions = BTreeSet::new()),
    ],
};

/// As stacks declare them.
const RATE: Example<Alarm> = Example {
    name: "a rate",
    declare: |world| {
        let topic = world.add("laws", "alarms", Topic::standard()).expect("an address");
        let calls = MetricStat::sum("AWS/Lambda", "Invocations").of("FunctionName", "dn-test-send");
        Alarm::rate(errors(), calls, 1, 20).within(3, 5).described("Sending fails").telling(&topic.arn())
    },
    mutations: &[
        ("metric", |alarm| alarm.metric = Alarm::rate(errors(), errors(), 1, 50).metric),
        ("metric", |alarm| alarm.metric = Alarm::rate_below(errors(), errors(), 95, 20).metric),
        ("metric", |alarm| alarm.metric = Alarm::count(errors(), 5).metric),
        ("metric", |alarm| alarm.metric = Alarm::percentile(errors(), 95, 5_000).metric),
        ("threshold", |alarm| alarm.threshold = "2.5".parse().expect("a number")),
        ("missing_data", |alarm| alarm.missing_data = MissingData::Breaching),
    ],
};

pub(crate) fn examples() -> [Example<Alarm>; 3] {
    [PLAIN, FULL, RATE]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_alarm() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_leaves_no_trace_of_the_shape_before_and_writes_the_receipt_last() {
    let account = fresh();
    apply(&world_of(&PLAIN, |_| {}), &account).await.expect("a birth");
    account.forget_served();
    let world = world_of(&PLAIN, |alarm| alarm.metric = rate());
    apply(&world, &account).await.expect("an update");
    let writes: Vec<String> =
        account.served().into_iter().filter(|call| call.writes).map(|call| call.operation).collect();
    assert_eq!(writes, ["PutMetricAlarm", "TagResource"]);
    assert_eq!(differences(&world, &account).await, []);
}

#[tokio::test(start_paused = true)]
async fn alarms_converge_on_a_slow_account_with_rates() {
    let account = fresh();
    account.set_weather(Weather { invisible: Duration::from_secs(20), ..Weather::realistic() });
    let world = world_of(&FULL, |_| {});
    apply(&world, &account).await.expect("a birth");
    apply(&world, &account).await.expect("an apply that does not see it yet");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(differences(&world, &account).await, []);
}

#[tokio::test(start_paused = true)]
async fn one_list_call_serves_all_alarms() {
    let account = fresh();
    let mut world = World::default();
    for number in 0..130 {
        let alarm = Alarm::on(Metric::Single(errors()), Comparison::Above, number);
        world.add("laws", &number.to_string(), alarm).expect("an address");
    }
    apply(&world, &account).await.expect("births");
    account.forget_served();
    assert_eq!(differences(&world, &account).await, []);
    let served: BTreeMap<String, usize> =
        account.served().into_iter().fold(BTreeMap::new(), |mut all, call| {
            *all.entry(call.operation).or_default() += 1;
            all
        });
    assert_eq!(served.get("DescribeAlarms"), Some(&2), "{served:?}");
    assert_eq!(served.get("ListTagsForResource"), None, "{served:?}");
}

fn with_member(account: &Account, member: &str, value: Value) -> Account {
    let mut documents = account.documents();
    for one in documents.get_mut("monitoring/alarms").expect("alarms").values_mut() {
        Arc::make_mut(one)["alarm"][member] = value.clone();
    }
    Account::of(super::ACCOUNT, super::REGION, account.clock(), documents)
}

#[tokio::test(start_paused = true)]
async fn an_alarm_with_settings_that_would_be_lost_is_refused() {
    let account = fresh();
    let world = world_of(&PLAIN, |_| {});
    apply(&world, &account).await.expect("a birth");
    for (member, value, named) in [
        ("ThresholdMetricId", json!("band"), "anomaly"),
        ("ComparisonOperator", json!("GreaterThanUpperThreshold"), "anomaly"),
        ("EvaluationInterval", json!(60), "interval"),
        ("TreatMissingData", json!("forget"), "forget"),
    ] {
        let account = with_member(&account, member, value);
        let managed = world.manage(&writer(&account));
        let fault = subject(&managed).converge(MayFind::Anything).await.expect_err(member);
        let Fault::Refused(cause) = fault else { panic!("{member}: {fault}") };
        assert!(cause.message.contains(named), "{member}: {cause}");
        assert!(cause.hint.is_some(), "{member}: says what to do");
        assert!(account.served().iter().all(|call| !call.writes), "{member}: nothing is written");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cloudwatch_refuses_is_said_with_its_code() {
    type Change = fn(&mut Alarm);
    let changes: [(&str, Change); 5] = [
        ("Period must be", |alarm| single(alarm, |stat| stat.period_s = 45)),
        ("more than a day", |alarm| alarm.evaluation_periods = 289),
        ("DatapointsToAlarm", |alarm| alarm.datapoints_to_alarm = 2),
        ("return data", |alarm| {
            alarm.metric = rate();
            math(alarm, |queries| queries.get_mut("rate").expect("it is there").returns = false);
        }),
        ("arn syntax", |alarm| alarm.ok_actions = BTreeSet::from(["pager".into()])),
    ];
    for (said, change) in changes {
        let fault = apply(&world_of(&PLAIN, change), &fresh()).await.expect_err(said);
        let cause = fault.cause().expect("a cause");
        assert_eq!(cause.code.as_deref(), Some("ValidationError"), "{said}: {fault}");
        assert!(cause.message.contains(said), "{said}: {fault}");
    }
    let week = world_of(&PLAIN, |alarm| {
        single(alarm, |stat| stat.period_s = 3_600);
        alarm.evaluation_periods = 168;
    });
    let account = fresh();
    apply(&week, &account).await.expect("a week of hours");
    assert!(look(&week, &account).await.1.is_some());
}
