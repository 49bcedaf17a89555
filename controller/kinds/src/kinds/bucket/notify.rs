//! Who hears of events in a bucket.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::{operation::get_bucket_notification_configuration as get, types as sdk};
use aws_smithy_types::error::operation::BuildError;
use model::Text;
use serde::{Deserialize, Serialize};

/// Which events go where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    pub to: Target,
    /// `s3:ObjectCreated:*`, …
    pub events: BTreeSet<String>,
    /// Only keys that start so; empty for all.
    pub prefix: String,
    /// Only keys that end so; empty for all.
    pub suffix: String,
}

/// The ARN of a listener, whose own policy must let `s3.amazonaws.com` in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    Queue(Text),
    Topic(Text),
    Function(Text),
}

/// What the put replaces as a whole.
pub(super) type Everything = (bool, BTreeMap<String, Notification>);

pub(super) fn read(live: &get::GetBucketNotificationConfigurationOutput) -> Everything {
    let one = |to, events: &[sdk::Event], filter: Option<&sdk::NotificationConfigurationFilter>| {
        let rules = filter.and_then(|filter| filter.key()).map(|key| key.filter_rules()).unwrap_or_default();
        // S3 answers `Prefix` where `prefix` was sent.
        let part = |name: &str| {
            let named = |rule: &&sdk::FilterRule| {
                rule.name().is_some_and(|its| its.as_str().eq_ignore_ascii_case(name))
            };
            rules.iter().find(named).and_then(|rule| rule.value()).unwrap_or_default().to_owned()
        };
        let events = events.iter().map(|event| event.as_str().to_owned()).collect();
        Notification { to, events, prefix: part("prefix"), suffix: part("suffix") }
    };
    let id = |id: Option<&str>| id.unwrap_or_default().to_owned();
    let queues = live.queue_configurations().iter().map(|live| {
        (id(live.id()), one(Target::Queue(live.queue_arn().into()), live.events(), live.filter()))
    });
    let topics = live.topic_configurations().iter().map(|live| {
        (id(live.id()), one(Target::Topic(live.topic_arn().into()), live.events(), live.filter()))
    });
    let functions = live.lambda_function_configurations().iter().map(|live| {
        (
            id(live.id()),
            one(Target::Function(live.lambda_function_arn().into()), live.events(), live.filter()),
        )
    });
    (live.event_bridge_configuration.is_some(), queues.chain(topics).chain(functions).collect())
}

pub(super) fn write(
    event_bridge: bool,
    notifications: &BTreeMap<String, Notification>,
) -> Result<sdk::NotificationConfiguration, BuildError> {
    let mut document = sdk::NotificationConfiguration::builder();
    if event_bridge {
        document = document.event_bridge_configuration(sdk::EventBridgeConfiguration::builder().build());
    }
    for (id, one) in notifications {
        let events: Vec<_> = one.events.iter().map(|event| sdk::Event::from(event.as_str())).collect();
        let (events, filter) = (Some(events), one.filter());
        document = match &one.to {
            Target::Queue(arn) => {
                let target = sdk::QueueConfiguration::builder().id(id).queue_arn(arn.as_str());
                document.queue_configurations(target.set_events(events).set_filter(filter).build()?)
            }
            Target::Topic(arn) => {
                let target = sdk::TopicConfiguration::builder().id(id).topic_arn(arn.as_str());
                document.topic_configurations(target.set_events(events).set_filter(filter).build()?)
            }
            Target::Function(arn) => {
                let target =
                    sdk::LambdaFunctionConfiguration::builder().id(id).lambda_function_arn(arn.as_str());
                document.lambda_function_configurations(target.set_events(events).set_filter(filter).build()?)
            }
        };
    }
    Ok(document.build())
}

impl Notification {
    fn filter(&self) -> Option<sdk::NotificationConfigurationFilter> {
        let rule = |name: sdk::FilterRuleName, value: &str| {
            (!value.is_empty()).then(|| sdk::FilterRule::builder().name(name).value(value).build())
        };
        let rules = [
            rule(sdk::FilterRuleName::Prefix, &self.prefix),
            rule(sdk::FilterRuleName::Suffix, &self.suffix),
        ];
        let rules: Vec<_> = rules.into_iter().flatten().collect();
        if rules.is_empty() {
            return None;
        }
        let key = sdk::S3KeyFilter::builder().set_filter_rules(Some(rules)).build();
        Some(sdk::NotificationConfigurationFilter::builder().key(key).build())
    }
}
