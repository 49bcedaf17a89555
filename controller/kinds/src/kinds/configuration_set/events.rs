//! Event destinations: who hears of what becomes of mail.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sesv2::types::{
    CloudWatchDestination, CloudWatchDimensionConfiguration, DimensionValueSource, EventBridgeDestination,
    EventDestination as Wire, EventDestinationDefinition, EventType, SnsDestination,
};
use model::{Fault, Ref, Text};
use serde::{Deserialize, Serialize};

use super::ABSENT;
use crate::{
    Place, Reader, Writer,
    aws::{Absent, CallError},
    kinds::topic::Topic,
};

/// One that hears of some kinds of event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventDestination {
    pub enabled: bool,
    pub events: BTreeSet<Event>,
    pub target: Target,
}

/// What can become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    Send,
    Reject,
    Bounce,
    Complaint,
    Delivery,
    Open,
    Click,
    RenderingFailure,
    DeliveryDelay,
    /// Somebody used the unsubscribe page of SES.
    Subscription,
}

impl Event {
    /// Every kind of event, in the order in which they happen.
    pub const ALL: [Self; 10] = [
        Self::Send,
        Self::Reject,
        Self::Bounce,
        Self::Complaint,
        Self::Delivery,
        Self::Open,
        Self::Click,
        Self::RenderingFailure,
        Self::DeliveryDelay,
        Self::Subscription,
    ];

    fn wire(self) -> EventType {
        match self {
            Self::Send => EventType::Send,
            Self::Reject => EventType::Reject,
            Self::Bounce => EventType::Bounce,
            Self::Complaint => EventType::Complaint,
            Self::Delivery => EventType::Delivery,
            Self::Open => EventType::Open,
            Self::Click => EventType::Click,
            Self::RenderingFailure => EventType::RenderingFailure,
            Self::DeliveryDelay => EventType::DeliveryDelay,
            Self::Subscription => EventType::Subscription,
        }
    }
}

/// Where events go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// By ARN. The topic's policy must let `ses.amazonaws.com` publish.
    Sns(Ref<Topic>),
    /// The account's default bus, by ARN; SES takes no other.
    EventBridge(Text),
    /// Metrics, by the name of their dimension.
    CloudWatch(BTreeMap<String, Dimension>),
    /// One that this program cannot make; its kind in words.
    Other(String),
}

/// Where the value of a dimension comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimension {
    pub source: DimensionSource,
    /// For messages without one.
    pub default: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DimensionSource {
    MessageTag,
    EmailHeader,
    LinkTag,
}

impl DimensionSource {
    fn wire(self) -> DimensionValueSource {
        match self {
            Self::MessageTag => DimensionValueSource::MessageTag,
            Self::EmailHeader => DimensionValueSource::EmailHeader,
            Self::LinkTag => DimensionValueSource::LinkTag,
        }
    }
}

impl EventDestination {
    /// All kinds of event to a topic.
    #[must_use]
    pub fn all_to(topic: Ref<Topic>) -> Self {
        Self { enabled: true, events: Event::ALL.into(), target: Target::Sns(topic) }
    }

    fn read(wire: &Wire) -> Self {
        let known = |event: &Event| wire.matching_event_types().contains(&event.wire());
        let target = if let Some(sns) = wire.sns_destination() {
            Target::Sns(Ref::live(sns.topic_arn()))
        } else if let Some(bus) = wire.event_bridge_destination() {
            Target::EventBridge(bus.event_bus_arn().into())
        } else if let Some(metrics) = wire.cloud_watch_destination() {
            let all = metrics.dimension_configurations().iter();
            Target::CloudWatch(all.map(|one| (one.dimension_name().to_owned(), dimension(one))).collect())
        } else if wire.kinesis_firehose_destination().is_some() {
            Target::Other("Firehose".to_owned())
        } else {
            Target::Other("unknown".to_owned())
        };
        Self { enabled: wire.enabled(), events: Event::ALL.into_iter().filter(known).collect(), target }
    }

    fn wire(&self, at: &Place, name: &str) -> Result<EventDestinationDefinition, Fault> {
        let ask = EventDestinationDefinition::builder()
            .enabled(self.enabled)
            .set_matching_event_types(Some(self.events.iter().map(|event| event.wire()).collect()));
        let given = "every required member is given";
        Ok(match &self.target {
            Target::Sns(topic) => {
                let topic = SnsDestination::builder().topic_arn(topic.text().as_str());
                ask.sns_destination(topic.build().expect(given)).build()
            }
            Target::EventBridge(bus) => {
                let bus = EventBridgeDestination::builder().event_bus_arn(bus.as_str());
                ask.event_bridge_destination(bus.build().expect(given)).build()
            }
            Target::CloudWatch(dimensions) => {
                let one = |(name, dimension): (&String, &Dimension)| {
                    CloudWatchDimensionConfiguration::builder()
                        .dimension_name(name)
                        .dimension_value_source(dimension.source.wire())
                        .default_dimension_value(&dimension.default)
                        .build()
                        .expect(given)
                };
                let all = dimensions.iter().map(one).collect();
                let metrics = CloudWatchDestination::builder().set_dimension_configurations(Some(all));
                ask.cloud_watch_destination(metrics.build().expect(given)).build()
            }
            Target::Other(what) => {
                let text = format!("event destination {name}: {what} cannot be declared");
                return Err(Fault::refused(&at.address, text)
                    .hint("send the events to a topic, the default event bus or CloudWatch"));
            }
        })
    }
}

fn dimension(wire: &CloudWatchDimensionConfiguration) -> Dimension {
    let source = match wire.dimension_value_source() {
        DimensionValueSource::EmailHeader => DimensionSource::EmailHeader,
        DimensionValueSource::LinkTag => DimensionSource::LinkTag,
        _ => DimensionSource::MessageTag,
    };
    Dimension { source, default: wire.default_dimension_value().to_owned() }
}

/// All destinations of the set; `None` when the set is not there.
pub(super) async fn look(
    at: &Place,
    aws: &Reader,
) -> Result<Option<BTreeMap<String, EventDestination>>, Fault> {
    let found = aws
        .read(&at.address, "ses", "GetConfigurationSetEventDestinations", || {
            aws.ses().get_configuration_set_event_destinations().configuration_set_name(at.name()).send()
        })
        .await
        .absent_on(ABSENT)?;
    let read = |one: &Wire| (one.name().to_owned(), EventDestination::read(one));
    Ok(found.map(|found| found.event_destinations().iter().map(read).collect()))
}

/// Makes `have` become `want`.
pub(super) async fn sync(
    at: &Place,
    want: &BTreeMap<String, EventDestination>,
    have: &BTreeMap<String, EventDestination>,
    aws: &Writer,
) -> Result<(), Fault> {
    // Another kind of target is another destination: AWS replaces only what one of the same kind says.
    let stays = |name: &String, old: &EventDestination| {
        let kind = |one: &EventDestination| std::mem::discriminant(&one.target);
        want.get(name).is_some_and(|new| kind(new) == kind(old))
    };
    for (name, _) in have.iter().filter(|(name, old)| !stays(name, old)) {
        aws.write(at, "ses", "DeleteConfigurationSetEventDestination", || {
            let ask = aws.ses().delete_configuration_set_event_destination();
            ask.configuration_set_name(at.name()).event_destination_name(name).send()
        })
        .await
        .absent_on(ABSENT)?;
    }
    for (name, new) in want {
        let wire = new.wire(at, name)?;
        match have.get(name).filter(|old| stays(name, old)) {
            Some(old) if old == new => {}
            Some(_) => {
                aws.write(at, "ses", "UpdateConfigurationSetEventDestination", || {
                    let ask = aws.ses().update_configuration_set_event_destination();
                    let ask = ask.configuration_set_name(at.name()).event_destination_name(name);
                    ask.event_destination(wire.clone()).send()
                })
                .await
                .map_err(explained)?;
            }
            None => {
                aws.write(at, "ses", "CreateConfigurationSetEventDestination", || {
                    let ask = aws.ses().create_configuration_set_event_destination();
                    let ask = ask.configuration_set_name(at.name()).event_destination_name(name);
                    ask.event_destination(wire.clone()).send()
                })
                .await
                .map_err(explained)?;
            }
        }
    }
    Ok(())
}

fn explained(error: CallError) -> Fault {
    let closed = error.message().contains("Could not publish");
    let fault = Fault::from(error);
    if closed { fault.hint("let ses.amazonaws.com publish in the policy of the topic") } else { fault }
}
