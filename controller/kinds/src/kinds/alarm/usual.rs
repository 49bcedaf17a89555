//! The alarms that stacks declare: rates, percentiles and counts, with what makes them quiet when
//! nothing happens.

use std::collections::{BTreeMap, BTreeSet};

use model::{Ref, Text};

use super::{Alarm, Comparison, Metric, MetricStat, MissingData, Number, Query, Source, Statistic};
use crate::kinds::topic::Topic;

/// Ids of the queries of a rate.
const PART: &str = "part";
const WHOLE: &str = "whole";
const RATE: &str = "rate";

impl MetricStat {
    /// The sum over five minutes of a metric without dimensions.
    #[must_use]
    pub fn sum(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: BTreeMap::new(),
            statistic: Statistic::Sum,
            period_s: 300,
            unit: None,
        }
    }

    /// The same metric of one thing: `("FunctionName", name)`.
    #[must_use]
    pub fn of(mut self, dimension: &str, value: impl Into<Text>) -> Self {
        self.dimensions.insert(dimension.to_owned(), value.into());
        self
    }

    /// The same metric with another length of the period.
    #[must_use]
    pub fn every(self, period_s: u32) -> Self {
        Self { period_s, ..self }
    }

    /// The same metric, summed up otherwise.
    #[must_use]
    pub fn by(self, statistic: Statistic) -> Self {
        Self { statistic, ..self }
    }

    /// The value that so many per cent of the samples do not exceed: 95 is `p95`.
    #[must_use]
    pub fn percentile(self, per_cent: u32) -> Self {
        self.by(Statistic::Extended(format!("p{per_cent}")))
    }
}

impl Alarm {
    /// More than `above` per cent of `whole` are `part`, in a period in which there were at least
    /// `floor` of them: one failed call in the night is no rate. A period without `part` counts as none.
    #[must_use]
    pub fn rate(part: MetricStat, whole: MetricStat, above: impl Into<Number>, floor: u32) -> Self {
        Self {
            missing_data: MissingData::NotBreaching,
            ..Self::on(share(part, whole, floor, 0), Comparison::Above, above)
        }
    }

    /// Less than `below` per cent of `whole` are `part`: delivered mail, valid signatures.
    #[must_use]
    pub fn rate_below(part: MetricStat, whole: MetricStat, below: impl Into<Number>, floor: u32) -> Self {
        Self {
            missing_data: MissingData::NotBreaching,
            ..Self::on(share(part, whole, floor, 100), Comparison::Below, below)
        }
    }

    /// Less than `below` per cent of all outcomes are the good one, in a period with at least `floor`
    /// of them.
    #[must_use]
    pub fn outcome_below(good: MetricStat, bad: MetricStat, below: impl Into<Number>, floor: u32) -> Self {
        let floor = floor.max(1);
        let (part, all) = (format!("FILL({PART}, 0)"), format!("(FILL({PART}, 0) + FILL({WHOLE}, 0))"));
        let rate = format!("IF({all} >= {floor}, 100 * {part} / {all}, 100)");
        Self {
            missing_data: MissingData::NotBreaching,
            ..Self::on(computed(good, bad, rate), Comparison::Below, below)
        }
    }

    /// A share that AWS computes is above `above` per cent, in a period with at least `floor` of `whole`.
    #[must_use]
    pub fn given_rate(rate: MetricStat, whole: MetricStat, above: impl Into<Number>, floor: u32) -> Self {
        let expression = format!("IF({WHOLE} >= {}, {PART}, 0)", floor.max(1));
        Self {
            missing_data: MissingData::NotBreaching,
            ..Self::on(computed(rate, whole, expression), Comparison::Above, above)
        }
    }

    /// The percentile of a metric is above `above`, in the metric's own unit.
    #[must_use]
    pub fn percentile(metric: MetricStat, per_cent: u32, above: impl Into<Number>) -> Self {
        let metric = Metric::Single(metric.percentile(per_cent));
        Self { missing_data: MissingData::NotBreaching, ..Self::on(metric, Comparison::Above, above) }
    }

    /// The sum of a metric in one period is above `above`.
    #[must_use]
    pub fn count(metric: MetricStat, above: impl Into<Number>) -> Self {
        let metric = Metric::Single(metric.by(Statistic::Sum));
        Self { missing_data: MissingData::NotBreaching, ..Self::on(metric, Comparison::Above, above) }
    }

    #[must_use]
    pub fn described(self, text: impl Into<Text>) -> Self {
        Self { description: Some(text.into()), ..self }
    }

    /// Only when `datapoints` of the last `periods` are on the wrong side.
    #[must_use]
    pub fn within(self, datapoints: u32, periods: u32) -> Self {
        Self { evaluation_periods: periods, datapoints_to_alarm: datapoints, ..self }
    }

    /// Tells the topic when it starts and when it is over.
    #[must_use]
    pub fn telling(self, topic: &Ref<Topic>) -> Self {
        let told = BTreeSet::from([topic.text().clone()]);
        Self { alarm_actions: told.clone(), ok_actions: told, ..self }
    }
}

/// `part` of `whole` in per cent, and `quiet` in a period with fewer than `floor`. A metric has no
/// data where nothing happened, and an expression with such a one has none either: hence `FILL`.
fn share(part: MetricStat, whole: MetricStat, floor: u32, quiet: u32) -> Metric {
    let floor = floor.max(1);
    computed(part, whole, format!("IF({WHOLE} >= {floor}, 100 * FILL({PART}, 0) / {WHOLE}, {quiet})"))
}

/// An expression over two metrics.
fn computed(part: MetricStat, whole: MetricStat, expression: String) -> Metric {
    let metric =
        |stat: MetricStat| Query { source: Source::Metric(stat), label: None, returns: false, account: None };
    let expression = Source::Expression { expression: expression.into(), period_s: None };
    let rate = Query { source: expression, label: Some("per cent".to_owned()), returns: true, account: None };
    Metric::Math(BTreeMap::from([
        (PART.to_owned(), metric(part)),
        (WHOLE.to_owned(), metric(whole)),
        (RATE.to_owned(), rate),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors() -> MetricStat {
        MetricStat::sum("AWS/Lambda", "Errors").of("FunctionName", "f")
    }

    #[test]
    fn a_rate_has_a_floor_and_is_quiet_without_calls() {
        let alarm = Alarm::rate(errors(), MetricStat::sum("AWS/Lambda", "Invocations"), 1, 20);
        let Metric::Math(queries) = &alarm.metric else { panic!("{alarm:?}") };
        let Source::Expression { expression, .. } = &queries["rate"].source else { panic!("{queries:?}") };
        assert_eq!(expression.as_str(), "IF(whole >= 20, 100 * FILL(part, 0) / whole, 0)");
        assert_eq!(queries.values().filter(|query| query.returns).count(), 1);
        assert_eq!((alarm.comparison, alarm.missing_data), (Comparison::Above, MissingData::NotBreaching));
        let below = Alarm::rate_below(errors(), errors(), 95, 0);
        let Metric::Math(queries) = &below.metric else { panic!("{below:?}") };
        let Source::Expression { expression, .. } = &queries["rate"].source else { panic!("{queries:?}") };
        assert_eq!(expression.as_str(), "IF(whole >= 1, 100 * FILL(part, 0) / whole, 100)");
        assert_eq!(below.comparison, Comparison::Below);
    }

    #[test]
    fn outcomes_and_given_rates_are_quiet_without_traffic() {
        let expression = |alarm: &Alarm| {
            let Metric::Math(queries) = &alarm.metric else { panic!("{alarm:?}") };
            let Source::Expression { expression, .. } = &queries["rate"].source else {
                panic!("{queries:?}")
            };
            expression.to_string()
        };
        let outcome = Alarm::outcome_below(errors(), errors(), 95, 20);
        let all = "(FILL(part, 0) + FILL(whole, 0))";
        assert_eq!(expression(&outcome), format!("IF({all} >= 20, 100 * FILL(part, 0) / {all}, 100)"));
        assert_eq!(outcome.comparison, Comparison::Below);
        let given = Alarm::given_rate(errors(), errors(), 1, 20);
        assert_eq!(expression(&given), "IF(whole >= 20, part, 0)");
        assert_eq!((given.comparison, given.missing_data), (Comparison::Above, MissingData::NotBreaching));
    }

    #[test]
    fn percentiles_and_counts_say_their_statistic() {
        let slow = Alarm::percentile(errors(), 95, 5_000).within(3, 5);
        assert_eq!(slow.metric, Metric::Single(errors().by(Statistic::Extended("p95".to_owned()))));
        assert_eq!((slow.datapoints_to_alarm, slow.evaluation_periods), (3, 5));
        let count = Alarm::count(errors().percentile(50).every(3_600), 100);
        assert_eq!(count.metric, Metric::Single(errors().every(3_600)));
    }
}
