//! What an alarm looks at: one metric, or an expression over several.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::{
    operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder,
    types::{self, Dimension, MetricAlarm, MetricDataQuery, StandardUnit},
};
use model::{Fields, Text};
use serde::{Deserialize, Serialize};

/// The two shapes of an alarm; CloudWatch refuses a mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    Single(MetricStat),
    /// Queries by id; ids start with a small letter. Exactly one of them [returns](Query::returns) its data.
    Math(BTreeMap<String, Query>),
}

/// One metric and what is computed of it for each period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricStat {
    /// Such as `AWS/Lambda`.
    pub namespace: String,
    pub name: String,
    /// Must be just those that the metric was written with.
    pub dimensions: BTreeMap<String, Text>,
    pub statistic: Statistic,
    /// 10, 20, 30 or a multiple of 60. Below 60 the alarm costs more.
    pub period_s: u32,
    /// Only data of this unit; `None` is any, as CloudWatch recommends.
    pub unit: Option<String>,
}

/// What is computed of the samples of a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    Average,
    Sum,
    Minimum,
    Maximum,
    SampleCount,
    /// A percentile or trimmed mean, such as `p99` or `tm90`.
    Extended(String),
}

/// One query of an expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    pub source: Source,
    pub label: Option<String>,
    /// Whether this is the query that the alarm watches.
    pub returns: bool,
    /// The account that holds the data; `None` is this one.
    pub account: Option<String>,
}

/// Where the numbers of a query come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    Metric(MetricStat),
    /// Metric math over other ids, such as `100 * errors / requests`.
    Expression {
        expression: Text,
        /// Only for expressions that have no metric to take it from.
        period_s: Option<u32>,
    },
}

impl Statistic {
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::Average => "Average",
            Self::Sum => "Sum",
            Self::Minimum => "Minimum",
            Self::Maximum => "Maximum",
            Self::SampleCount => "SampleCount",
            Self::Extended(word) => word,
        }
    }

    fn of(word: &str) -> Self {
        let plain = [Self::Average, Self::Sum, Self::Minimum, Self::Maximum, Self::SampleCount];
        plain.into_iter().find(|one| one.word() == word).unwrap_or_else(|| Self::Extended(word.to_owned()))
    }
}

fn seconds(period_s: u32) -> i32 {
    i32::try_from(period_s).unwrap_or(i32::MAX)
}

fn period_of(seconds: Option<i32>) -> Option<u32> {
    seconds.and_then(|seconds| u32::try_from(seconds).ok())
}

fn dimensions_of(dimensions: &[Dimension]) -> BTreeMap<String, Text> {
    let one = |one: &Dimension| Some((one.name.clone()?, Text::from(one.value.clone()?)));
    dimensions.iter().filter_map(one).collect()
}

fn unit_of(unit: Option<&StandardUnit>) -> Option<String> {
    unit.map(|unit| unit.as_str().to_owned())
}

impl MetricStat {
    fn sdk_dimensions(&self) -> Vec<Dimension> {
        let one =
            |(name, value): (&String, &Text)| Dimension::builder().name(name).value(value.as_str()).build();
        self.dimensions.iter().map(one).collect()
    }

    fn sdk_unit(&self) -> Option<StandardUnit> {
        self.unit.as_deref().map(StandardUnit::from)
    }

    fn sdk(&self) -> types::MetricStat {
        let metric = types::Metric::builder()
            .namespace(&self.namespace)
            .metric_name(&self.name)
            .set_dimensions(Some(self.sdk_dimensions()))
            .build();
        types::MetricStat::builder()
            .metric(metric)
            .period(seconds(self.period_s))
            .stat(self.statistic.word())
            .set_unit(self.sdk_unit())
            .build()
    }

    fn read(stat: &types::MetricStat) -> Option<Self> {
        let metric = stat.metric.as_ref()?;
        Some(Self {
            namespace: metric.namespace.clone()?,
            name: metric.metric_name.clone()?,
            dimensions: dimensions_of(metric.dimensions()),
            statistic: Statistic::of(stat.stat()?),
            period_s: period_of(stat.period)?,
            unit: unit_of(stat.unit()),
        })
    }
}

impl Query {
    fn sdk(&self, id: &str) -> MetricDataQuery {
        let ask = MetricDataQuery::builder()
            .id(id)
            .set_label(self.label.clone())
            .return_data(self.returns)
            .set_account_id(self.account.clone());
        match &self.source {
            Source::Metric(stat) => ask.metric_stat(stat.sdk()),
            Source::Expression { expression, period_s } => {
                ask.expression(expression.as_str()).set_period(period_s.map(seconds))
            }
        }
        .build()
    }

    fn read(query: &MetricDataQuery) -> Option<(String, Self)> {
        let source = match query.metric_stat() {
            Some(stat) => Source::Metric(MetricStat::read(stat)?),
            None => Source::Expression {
                expression: Text::from(query.expression()?),
                period_s: period_of(query.period),
            },
        };
        let query_of = Self {
            source,
            label: query.label.clone().filter(|label| !label.is_empty()),
            // PutMetricAlarm takes a query that says nothing for the one that is watched.
            returns: query.return_data.unwrap_or(true),
            account: query.account_id.clone(),
        };
        Some((query.id.clone()?, query_of))
    }
}

impl Metric {
    /// One row for a single metric, one row a query for an expression.
    pub(super) fn list(&self, to: &mut Fields) {
        match self {
            Self::Single(stat) => to.field("metric", stat),
            Self::Math(queries) => to.each("metric", queries),
        }
    }

    pub(super) fn put(&self, ask: PutMetricAlarmFluentBuilder) -> PutMetricAlarmFluentBuilder {
        match self {
            Self::Math(queries) => {
                ask.set_metrics(Some(queries.iter().map(|(id, query)| query.sdk(id)).collect()))
            }
            Self::Single(stat) => {
                let ask = ask
                    .namespace(&stat.namespace)
                    .metric_name(&stat.name)
                    .set_dimensions(Some(stat.sdk_dimensions()))
                    .period(seconds(stat.period_s))
                    .set_unit(stat.sdk_unit());
                match &stat.statistic {
                    Statistic::Extended(word) => ask.extended_statistic(word),
                    plain => ask.statistic(types::Statistic::from(plain.word())),
                }
            }
        }
    }

    /// # Errors
    /// What is there and cannot be told.
    pub(super) fn read(alarm: &MetricAlarm) -> Result<Self, String> {
        if !alarm.metrics().is_empty() {
            let queries = alarm.metrics().iter().map(Query::read).collect::<Option<_>>();
            return queries.map(Self::Math).ok_or_else(|| "a query of an unknown shape".to_owned());
        }
        let statistic = match (&alarm.statistic, &alarm.extended_statistic) {
            (Some(plain), _) => Some(Statistic::of(plain.as_str())),
            (None, extended) => extended.as_deref().map(Statistic::of),
        };
        let stat = || {
            Some(MetricStat {
                namespace: alarm.namespace.clone()?,
                name: alarm.metric_name.clone()?,
                dimensions: dimensions_of(alarm.dimensions()),
                statistic: statistic?,
                period_s: period_of(alarm.period)?,
                unit: unit_of(alarm.unit()),
            })
        };
        stat().map(Self::Single).ok_or_else(|| "neither a metric nor queries".to_owned())
    }
}
