//! The distribution of the reports: failures and traffic (R108, R109).
//!
//! CloudFront has its metrics in us-east-1 only, and an alarm looks at its own Region only: in another
//! Region the graphs are there and the alarms are not.

use kinds::{
    World,
    bound::DeclareError,
    kinds::{
        alarm::{Alarm, MetricStat, Statistic},
        dashboard::{Content, Graph, Line, Rows},
        topic::Topic,
    },
};
use model::{Address, Ref, Text};

use super::{HEIGHT, STACK, signed};
use crate::{Environment, reports};

/// Where CloudFront's metrics are.
const GLOBAL: &str = "us-east-1";

pub(super) fn declare(
    world: &mut World,
    environment: &Environment,
    told: &Ref<Topic>,
    rows: Rows,
) -> Result<Rows, DeclareError> {
    if !reports::is_served(environment) {
        return Ok(rows);
    }
    let at = Address::new(reports::STACK, "distribution", reports::REPORTS)?;
    let metric = |name: &str| {
        let id = Text::of(&at, "id");
        MetricStat::sum("AWS/CloudFront", name).of("DistributionId", id).of("Region", "Global")
    };
    let rate = |name: &str| metric(name).by(Statistic::Average);
    let limits = &environment.alarms.thresholds;
    let percent = signed(limits.distribution_errors_percent);
    for (name, code) in [("reports-client-errors", "4xx"), ("reports-server-errors", "5xx")] {
        if environment.region.as_str() != GLOBAL {
            continue;
        }
        let share = rate(&format!("{code}ErrorRate"));
        let alarm = Alarm::given_rate(share, metric("Requests"), percent, limits.floor)
            .described(format!("More than {percent} % of the answers to report links are {code}."))
            .telling(told);
        world.add(STACK, name, alarm)?;
    }
    let graph = |title: &str, lines: Vec<Line>| {
        Content::Graph(Graph { region: Some(GLOBAL.to_owned()), ..Graph::of(title, lines) })
    };
    let followed = vec![Line::of(metric("Requests")).labelled("requests")];
    let failed = ["4xx", "5xx"].map(|code| Line::of(rate(&format!("{code}ErrorRate"))).labelled(code));
    let graphs = [
        graph("Report links followed", followed),
        graph("Report links that failed, per cent", failed.to_vec()),
    ];
    Ok(rows.heading("Reports").row(HEIGHT, graphs))
}
