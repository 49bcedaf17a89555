//! A CloudWatch alarm on one metric, or on an expression over several.
//!
//! Surprises (aws-semantics 13): `PutMetricAlarm` overwrites everything, so an alarm with settings that this
//! kind does not know is refused rather than flattened; tags given with it count only at creation; thresholds
//! are doubles; only three alarms a second may be put; deleting a name that is not there is no error.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::{ComparisonOperator, MetricAlarm, StateValue, Tag};
use model::{Address, Fault, Fields, Outputs, Tags, Text};
use serde::{Deserialize, Serialize};

use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads, tag_changes, whole_account},
};

mod metric;
mod number;
mod usual;

pub use metric::{Metric, MetricStat, Query, Source, Statistic};
pub use number::{Number, NumberError};

reads!(aws_sdk_cloudwatch:
    describe_alarms DescribeAlarmsFluentBuilder,
    list_tags_for_resource ListTagsForResourceFluentBuilder,
);

const ABSENT: &[&str] = &["ResourceNotFound", "ResourceNotFoundException"];

/// Watches a number and tells somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    pub description: Option<Text>,
    pub metric: Metric,
    pub comparison: Comparison,
    pub threshold: Number,
    /// How many periods are looked at. Times the period at most 7 days, or 1 day for periods below an hour.
    pub evaluation_periods: u32,
    /// How many of them must be on the wrong side.
    pub datapoints_to_alarm: u32,
    pub missing_data: MissingData,
    /// What a percentile of too few samples means. `None` is CloudWatch's default: it is evaluated.
    pub low_samples: Option<LowSamples>,
    /// Whether the actions below happen.
    pub actions_enabled: bool,
    /// ARNs of topics or functions, at most five.
    pub alarm_actions: BTreeSet<Text>,
    pub ok_actions: BTreeSet<Text>,
    pub insufficient_data_actions: BTreeSet<Text>,
}

/// On which side of the threshold it is an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// What a period without data counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MissingData {
    /// The alarm does not know: CloudWatch's default.
    Missing,
    NotBreaching,
    Breaching,
    /// The state stays as it is.
    Ignore,
}

/// What a percentile of too few samples means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LowSamples {
    Evaluate,
    Ignore,
}

impl Comparison {
    fn operator(self) -> ComparisonOperator {
        match self {
            Self::Above => ComparisonOperator::GreaterThanThreshold,
            Self::AtLeast => ComparisonOperator::GreaterThanOrEqualToThreshold,
            Self::Below => ComparisonOperator::LessThanThreshold,
            Self::AtMost => ComparisonOperator::LessThanOrEqualToThreshold,
        }
    }

    fn of(operator: &ComparisonOperator) -> Option<Self> {
        [Self::Above, Self::AtLeast, Self::Below, Self::AtMost]
            .into_iter()
            .find(|one| one.operator() == *operator)
    }
}

/// The word that CloudWatch has for a variant.
fn word(value: &impl Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

fn of_word<T: for<'de> Deserialize<'de>>(word: &str) -> Option<T> {
    serde_json::from_value(word.into()).ok()
}

impl Alarm {
    /// An alarm with the defaults of CloudWatch that does nothing yet: one period on the wrong side is
    /// enough.
    pub fn on(metric: Metric, comparison: Comparison, threshold: impl Into<Number>) -> Self {
        Self {
            description: None,
            metric,
            comparison,
            threshold: threshold.into(),
            evaluation_periods: 1,
            datapoints_to_alarm: 1,
            missing_data: MissingData::Missing,
            low_samples: None,
            actions_enabled: true,
            alarm_actions: BTreeSet::new(),
            ok_actions: BTreeSet::new(),
            insufficient_data_actions: BTreeSet::new(),
        }
    }

    fn read(at: &Place, alarm: &MetricAlarm) -> Result<Self, Fault> {
        let refuse = |what: &str| {
            Fault::refused(
                &at.address,
                format!("the alarm that is there has {what}, which this tool cannot keep"),
            )
            .hint("delete that alarm by hand, or give this one another name in the environment")
        };
        if let Some(what) = unknown_part(alarm) {
            return Err(refuse(what));
        }
        let comparison = alarm.comparison_operator.as_ref().and_then(Comparison::of);
        let comparison = comparison.ok_or_else(|| refuse("an anomaly band"))?;
        let count = |count: Option<i32>| count.and_then(|count| u32::try_from(count).ok());
        let evaluation_periods = count(alarm.evaluation_periods).unwrap_or(1);
        let actions = |arns: &[String]| arns.iter().map(|arn| Text::from(arn.as_str())).collect();
        let missing = alarm.treat_missing_data().unwrap_or("missing");
        Ok(Self {
            description: alarm.alarm_description().filter(|text| !text.is_empty()).map(Text::from),
            metric: Metric::read(alarm).map_err(|what| refuse(&what))?,
            comparison,
            threshold: alarm
                .threshold
                .and_then(|threshold| Number::try_from(threshold).ok())
                .ok_or_else(|| refuse("no threshold"))?,
            evaluation_periods,
            datapoints_to_alarm: count(alarm.datapoints_to_alarm).unwrap_or(evaluation_periods),
            missing_data: of_word(missing).ok_or_else(|| refuse(missing))?,
            low_samples: alarm.evaluate_low_sample_count_percentile().and_then(of_word),
            actions_enabled: alarm.actions_enabled.unwrap_or(true),
            alarm_actions: actions(alarm.alarm_actions()),
            ok_actions: actions(alarm.ok_actions()),
            insufficient_data_actions: actions(alarm.insufficient_data_actions()),
        })
    }
}

/// A setting that putting the alarm again would wipe out.
fn unknown_part(alarm: &MetricAlarm) -> Option<&'static str> {
    [
        (alarm.threshold_metric_id.is_some(), "an anomaly band (a threshold metric id)"),
        (alarm.evaluation_criteria.is_some(), "a PromQL query"),
        (alarm.evaluation_window.is_some(), "an evaluation window"),
        (alarm.evaluation_interval.is_some(), "an evaluation interval"),
        (alarm.warm_up_configuration.is_some(), "a warm-up"),
        (alarm.action_configuration.is_some(), "an action configuration"),
    ]
    .into_iter()
    .find_map(|(there, what)| there.then_some(what))
}

impl Resource for Alarm {
    const KIND: &'static str = "alarm";

    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), scope.arn("cloudwatch", &format!("alarm:{physical}"))),
            ("name".to_owned(), physical.to_owned()),
        ])
    }

    /// Names may hold colons.
    fn physical_of_arn(arn: &str) -> Option<String> {
        arn.strip_prefix("arn:aws:cloudwatch:")?
            .splitn(3, ':')
            .nth(2)?
            .strip_prefix("alarm:")
            .map(str::to_owned)
    }

    fn list(&self, to: &mut Fields) {
        let Self {
            description,
            metric,
            comparison,
            threshold,
            evaluation_periods,
            datapoints_to_alarm,
            missing_data,
            low_samples,
            actions_enabled,
            alarm_actions,
            ok_actions,
            insufficient_data_actions,
        } = self;
        to.field("description", description);
        metric.list(to);
        to.field("comparison", comparison);
        to.field("threshold", threshold);
        to.field("evaluation_periods", evaluation_periods);
        to.field("datapoints_to_alarm", datapoints_to_alarm);
        to.field("missing_data", missing_data);
        to.field("low_samples", low_samples);
        to.field("actions_enabled", actions_enabled);
        to.field("alarm_actions", alarm_actions);
        to.field("ok_actions", ok_actions);
        to.field("insufficient_data_actions", insufficient_data_actions);
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let Some(alarm) = look_up(at, aws).await? else { return Ok(None) };
        let actual = Self::read(at, &alarm)?;
        let outputs = Self::known(aws.scope(), at.name());
        let tags = aws.tags_of(at, &outputs["arn"], tags_of(&at.address, &outputs["arn"], aws)).await?;
        Ok(Some(Live::new(actual, outputs, Some(tags))))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let Some(live) = live else {
            self.put(at, &at.tags, aws).await?;
            return Ok(Self::known(aws.scope(), at.name()));
        };
        if *self != live.actual {
            self.put(at, &Tags::new(), aws).await?;
        }
        sync_tags(at, &live.outputs["arn"], live.tags.as_ref(), aws).await?;
        Ok(live.outputs)
    }

    async fn delete(at: &Place, _: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        aws.write(at, "cloudwatch", "DeleteAlarms", || {
            aws.cloudwatch().delete_alarms().alarm_names(at.name()).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

impl Alarm {
    /// Writes every field. CloudWatch ignores the tags when the alarm exists.
    async fn put(&self, at: &Place, tags: &Tags, aws: &Writer) -> Result<(), Fault> {
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let arns = |arns: &BTreeSet<Text>| Some(arns.iter().map(ToString::to_string).collect());
        aws.write(at, "cloudwatch", "PutMetricAlarm", || {
            let ask = aws
                .cloudwatch()
                .put_metric_alarm()
                .alarm_name(at.name())
                .set_alarm_description(self.description.as_ref().map(ToString::to_string))
                .comparison_operator(self.comparison.operator())
                .threshold(self.threshold.value())
                .evaluation_periods(count(self.evaluation_periods))
                .datapoints_to_alarm(count(self.datapoints_to_alarm))
                .set_treat_missing_data(word(&self.missing_data))
                .set_evaluate_low_sample_count_percentile(self.low_samples.as_ref().and_then(word))
                .actions_enabled(self.actions_enabled)
                .set_alarm_actions(arns(&self.alarm_actions))
                .set_ok_actions(arns(&self.ok_actions))
                .set_insufficient_data_actions(arns(&self.insufficient_data_actions))
                .set_tags((!tags.is_empty()).then(|| sdk_tags(tags)));
            self.metric.put(ask).send()
        })
        .await?;
        Ok(())
    }
}

/// Writes the tags that differ, of whatever CloudWatch can tag.
pub(super) async fn sync_tags(at: &Place, arn: &str, live: Option<&Tags>, aws: &Writer) -> Result<(), Fault> {
    let (set, unset) = tag_changes(live.unwrap_or(&Tags::new()), &at.tags);
    if !unset.is_empty() {
        aws.write(at, "cloudwatch", "UntagResource", || {
            aws.cloudwatch().untag_resource().resource_arn(arn).set_tag_keys(Some(unset.clone())).send()
        })
        .await?;
    }
    if !set.is_empty() {
        aws.write(at, "cloudwatch", "TagResource", || {
            aws.cloudwatch().tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&set))).send()
        })
        .await?;
    }
    Ok(())
}

pub(super) fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Those of these alarms that ring now, by name. What is not there cannot ring.
///
/// # Errors
/// When CloudWatch refuses or does not answer.
pub async fn ringing(at: &Address, names: &[String], aws: &Reader) -> Result<BTreeSet<String>, Fault> {
    /// Of one call.
    const NAMES_MAX: usize = 100;
    let mut all = BTreeSet::new();
    for names in names.chunks(NAMES_MAX) {
        let answer = aws
            .read(at, "cloudwatch", "DescribeAlarms", || {
                let ask = aws.cloudwatch().describe_alarms().set_alarm_names(Some(names.to_vec()));
                ask.state_value(StateValue::Alarm).max_records(100).send()
            })
            .await?;
        let found = answer.metric_alarms.unwrap_or_default().into_iter();
        all.extend(found.filter_map(|alarm| alarm.alarm_name));
    }
    Ok(all)
}

/// One list call serves all alarms with computed names; the others are asked for one by one.
async fn look_up(at: &Place, aws: &Reader) -> Result<Option<MetricAlarm>, Fault> {
    if !aws.alone() && at.name().starts_with(&aws.scope().prefix()) {
        let all = aws.once("cloudwatch:DescribeAlarms", list(&whole_account("alarms"), aws)).await?;
        return Ok(all.get(at.name()).cloned());
    }
    let answer = aws
        .read(&at.address, "cloudwatch", "DescribeAlarms", || {
            aws.cloudwatch().describe_alarms().alarm_names(at.name()).send()
        })
        .await?;
    Ok(answer.metric_alarms.unwrap_or_default().into_iter().next())
}

async fn list(at: &Address, aws: &Reader) -> Result<BTreeMap<String, MetricAlarm>, Fault> {
    let (mut all, mut token) = (BTreeMap::new(), None::<String>);
    loop {
        let page = aws
            .read(at, "cloudwatch", "DescribeAlarms", || {
                let ask = aws.cloudwatch().describe_alarms().alarm_name_prefix(aws.scope().prefix());
                ask.max_records(100).set_next_token(token.clone()).send()
            })
            .await?;
        let named = |alarm: MetricAlarm| (alarm.alarm_name.clone().unwrap_or_default(), alarm);
        all.extend(page.metric_alarms.unwrap_or_default().into_iter().map(named));
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
}

pub(super) async fn tags_of(at: &Address, arn: &str, aws: &Reader) -> Result<Tags, Fault> {
    let answer = aws
        .read(at, "cloudwatch", "ListTagsForResource", || {
            aws.cloudwatch().list_tags_for_resource().resource_arn(arn).send()
        })
        .await
        .absent_on(ABSENT)?;
    let tags = answer.and_then(|answer| answer.tags).unwrap_or_default();
    Ok(tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_from_an_arn_with_colons_and_all() {
        let arn = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:api: 5xx";
        assert_eq!(Alarm::physical_of_arn(arn).as_deref(), Some("api: 5xx"));
        assert_eq!(Alarm::physical_of_arn("arn:aws:cloudwatch::000000000000:dashboard/x"), None);
    }
}
