//! Examples of dashboards, and how their bodies are compared.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_cloudwatch::Client;
use kinds::{
    KINDS, World,
    kinds::{
        alarm::{Alarm, MetricStat},
        dashboard::{Area, Content, Dashboard, Graph, Line, Rows, View, Widget},
    },
};
use model::Fault;
use sandbox::Account;
use serde_json::json;

use super::{Example, REGION, apply, differences, fresh, hold, world_of, writer};

fn calls() -> MetricStat {
    MetricStat::sum("AWS/Lambda", "Invocations").of("FunctionName", "dn-test-send")
}

fn errors() -> MetricStat {
    MetricStat::sum("AWS/Lambda", "Errors").of("FunctionName", "dn-test-send")
}

fn graph(dashboard: &mut Dashboard, change: impl FnOnce(&mut Graph)) {
    let mut graphs = dashboard.widgets.iter_mut().filter_map(|widget| match &mut widget.content {
        Content::Graph(graph) => Some(graph),
        _ => None,
    });
    change(graphs.next().expect("the example has a graph"));
}

fn watched_alarm(world: &mut World) -> (Alarm, model::Text) {
    let handle = world.add("laws", "errors", Alarm::count(errors(), 5)).expect("an address");
    (Alarm::rate(errors(), calls(), 1, 20), handle.arn().text().clone())
}

const MINIMAL: Example<Dashboard> = Example {
    name: "one text",
    declare: |_| Dashboard {
        region: REGION.to_owned(),
        start: None,
        own_periods: None,
        others: BTreeMap::new(),
        widgets: Rows::default().heading("Mail").widgets(),
    },
    mutations: &[
        ("start", |one| one.start = Some("-PT3H".to_owned())),
        ("own_periods", |one| one.own_periods = Some(true)),
        ("own_periods", |one| one.own_periods = Some(false)),
        ("other", |one| drop(one.others.insert("end".to_owned(), json!("2026-01-31T06:00:00Z")))),
        ("widget", |one| one.widgets.clear()),
        ("widget", |one| one.widgets[0].area = Some(Area { x: 1, y: 0, width: 4, height: 1 })),
    ],
};

const FULL: Example<Dashboard> = Example {
    name: "everything set",
    declare: |world| {
        let (alarm, arn) = watched_alarm(world);
        let slow = Line::of(MetricStat::sum("Mail", "Duration").percentile(95)).labelled("p95");
        let right = Line { right: true, color: Some("#d62728".to_owned()), ..Line::of(errors()) };
        let raw = Widget {
            area: None,
            content: Content::Raw(json!({
                "type": "custom", "x": 0, "y": 40, "width": 24, "height": 3.0, "properties": { "title": "Heat" },
            })),
        };
        let rows = Rows::default()
            .heading("Sending")
            .row(
                6,
                [
                    Graph::watched("Error rate", &alarm.metric).threshold("alarm", 1),
                    Graph { label: Some("ms".to_owned()), ..Graph::of("Time", [slow, right]) },
                    Graph { region: Some("us-west-2".to_owned()), ..Graph::of("Calls", [Line::of(calls())]) }
                        .viewed(View::SingleValue),
                ]
                .map(Content::Graph),
            )
            .row(
                4,
                [
                    Content::Alarms { title: "States".to_owned(), alarms: vec![arn] },
                    Content::Logs {
                        title: "Last errors".to_owned(),
                        query: "SOURCE '/aws/lambda/dn-test-send' | fields @message | limit 20".into(),
                    },
                ],
            );
        let mut dashboard = Dashboard::of(REGION, rows);
        dashboard.own_periods = Some(true);
        dashboard.others = BTreeMap::from([("variables".to_owned(), json!([]))]);
        dashboard.widgets.push(raw);
        dashboard
    },
    mutations: &[
        ("start", |one| one.start = None),
        ("own_periods", |one| one.own_periods = None),
        ("other", |one| one.others.clear()),
        ("widget", |one| one.region = "eu-west-1".to_owned()),
        ("widget", |one| graph(one, |graph| graph.title = "Rate".to_owned())),
        ("widget", |one| graph(one, |graph| graph.view = View::Bar)),
        ("widget", |one| graph(one, |graph| graph.stacked = true)),
        ("widget", |one| graph(one, |graph| graph.region = Some("us-east-2".to_owned()))),
        ("widget", |one| graph(one, |graph| graph.period_s = 60)),
        ("widget", |one| graph(one, |graph| drop(graph.lines.pop()))),
        ("widget", |one| graph(one, |graph| graph.lines[0].visible ^= true)),
        ("widget", |one| graph(one, |graph| graph.label = Some("%".to_owned()))),
        ("widget", |one| graph(one, |graph| graph.min = None)),
        ("widget", |one| graph(one, |graph| graph.thresholds[0].value = "0.5".parse().expect("a number"))),
        ("widget", |one| one.widgets[0].content = Content::Text("## Other".into())),
        ("widget", |one| drop(one.widgets.pop())),
    ],
};

pub(crate) fn examples() -> [Example<Dashboard>; 2] {
    [MINIMAL, FULL]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_dashboard() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_is_compared_as_a_tree() {
    let account = fresh();
    let world = world_of(&MINIMAL, |_| {});
    apply(&world, &account).await.expect("a birth");
    let body = "{ \"widgets\": [ { \"y\": 0.0, \"x\": 0, \"height\": 2, \"width\": 24,\n \"type\": \"text\", \
         \"properties\": { \"markdown\": \"## Mail\" } } ] }";
    let cloudwatch = Client::new(&account.sdk_config());
    let put = cloudwatch.put_dashboard().dashboard_name("dn-test-subject").dashboard_body(body);
    put.send().await.expect("the same, written otherwise");
    assert_eq!(differences(&world, &account).await, []);
    account.forget_served();
    apply(&world, &account).await.expect("nothing to do");
    assert!(account.served().iter().all(|call| !call.writes));
}

#[tokio::test(start_paused = true)]
async fn dashboards_are_found_without_the_inventory() {
    let account = fresh();
    apply(&world_of(&MINIMAL, |_| {}), &account).await.expect("a birth");
    let cloudwatch = Client::new(&account.sdk_config());
    let put = cloudwatch.put_dashboard().dashboard_name("dn-test-by-hand").dashboard_body("{\"widgets\":[]}");
    put.send().await.expect("a dashboard by hand");
    let kind = KINDS.iter().find(|kind| kind.name == "dashboard").expect("the kind");
    let owned = kind.owned(writer(&account).reader()).await.expect("an inventory");
    let owned: Vec<String> = owned.into_iter().map(|(address, _)| address.to_string()).collect();
    assert_eq!(owned, ["laws/dashboard/subject"], "what carries no tags is nobody's");
}

fn with_body(account: &Account, body: &str) -> Account {
    let mut documents = account.documents();
    for one in documents.get_mut("monitoring/dashboards").expect("dashboards").values_mut() {
        Arc::make_mut(one)["body"] = body.into();
    }
    Account::of(super::ACCOUNT, REGION, account.clock(), documents)
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_drawn_is_refused() {
    type Change = fn(&mut Dashboard);
    let changes: [(&str, Change); 4] = [
        ("overlap", |one| one.widgets.push(one.widgets[0].clone())),
        ("out of bounds", |one| one.widgets[0].area = Some(Area { x: 20, y: 0, width: 6, height: 1 })),
        ("allowed values", |one| {
            one.widgets[0] = Widget { area: None, content: Content::Raw(json!({ "type": "table" })) };
        }),
        ("501 metrics", |one| {
            let lines = (0..501).map(|_| Line::of(calls()));
            one.widgets[0].content = Content::Graph(Graph::of("Many", lines));
        }),
    ];
    for (said, change) in changes {
        let fault = apply(&world_of(&MINIMAL, change), &fresh()).await.expect_err(said);
        assert!(matches!(fault, Fault::Refused(_)) && fault.to_string().contains(said), "{said}: {fault}");
    }
    let account = fresh();
    let world = world_of(&MINIMAL, |_| {});
    apply(&world, &account).await.expect("a birth");
    let fault = apply(&world, &with_body(&account, "[]")).await.expect_err("no body");
    assert!(fault.to_string().contains("cannot be read"), "{fault}");
}
