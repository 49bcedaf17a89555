//! Where a configuration set's events go.

use serde_json::{Value, json};

use super::{bad, done, is_name, missing, sets, sets::SETS, unlisted};
use crate::services::{Refusal, World, sns, text};

const DESTINATIONS_MAX: usize = 10;

const EVENTS: &[&str] = &[
    "SEND",
    "REJECT",
    "BOUNCE",
    "COMPLAINT",
    "DELIVERY",
    "OPEN",
    "CLICK",
    "RENDERING_FAILURE",
    "DELIVERY_DELAY",
    "SUBSCRIPTION",
];

const TARGETS: &[&str] = &[
    "KinesisFirehoseDestination",
    "CloudWatchDestination",
    "SnsDestination",
    "EventBridgeDestination",
    "PinpointDestination",
];

struct Named<'i> {
    set: &'i str,
    name: &'i str,
}

impl<'i> Named<'i> {
    fn read(input: &'i Value) -> Result<Self, Refusal> {
        let name = text(input, "EventDestinationName");
        if !is_name(name) {
            return Err(bad(format!(
                "Invalid event destination name <{name}>: only alphanumeric ASCII characters, '_', and '-' \
                 are allowed."
            )));
        }
        Ok(Self { set: text(input, "ConfigurationSetName"), name })
    }

    fn existing(&self, world: &World<'_>) -> Result<(), Refusal> {
        let set = sets::existing(self.set, world)?;
        set["destinations"].get(self.name).map(|_| ()).ok_or_else(|| {
            missing(format!(
                "An event destination with name <{}> does not exist for configuration set <{}>.",
                self.name, self.set
            ))
        })
    }
}

fn check(destination: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let events = destination["MatchingEventTypes"].as_array().map(Vec::as_slice).unwrap_or_default();
    if events.is_empty() {
        return Err(bad("At least one event type must be specified."));
    }
    if !events.iter().all(|event| event.as_str().is_some_and(|event| EVENTS.contains(&event))) {
        return Err(unlisted("eventDestination.matchingEventTypes", EVENTS));
    }
    let targets: Vec<&&str> = TARGETS.iter().filter(|target| destination[**target].is_object()).collect();
    let [target] = targets.as_slice() else {
        return Err(bad("Exactly one destination must be specified."));
    };
    let details = &destination[**target];
    match **target {
        "SnsDestination" => {
            let topic = text(details, "TopicArn");
            if !sns::lets_in("ses.amazonaws.com", topic, world) {
                return Err(bad(format!("Could not publish to SNS topic <{topic}>.")));
            }
        }
        "EventBridgeDestination" => {
            let default = world.arn("events", "event-bus/default");
            if text(details, "EventBusArn") != default {
                return Err(bad(format!("EventBusArn must be the default event bus: {default}")));
            }
        }
        "CloudWatchDestination" => {
            let dimensions = details["DimensionConfigurations"].as_array();
            if dimensions.is_none_or(Vec::is_empty) {
                return Err(bad("At least one dimension must be specified."));
            }
        }
        _ => {}
    }
    let mut kept = destination.clone();
    kept["Enabled"] = (destination["Enabled"] == true).into();
    Ok(kept)
}

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let named = Named::read(input)?;
    let kept = check(&input["EventDestination"], world)?;
    let set = sets::existing(named.set, world)?;
    if set["destinations"].get(named.name).is_some() {
        let message = format!(
            "An event destination with name <{}> already exists for configuration set <{}>.",
            named.name, named.set
        );
        return Err(Refusal::new("AlreadyExistsException", message));
    }
    if set["destinations"].as_object().is_some_and(|all| all.len() >= DESTINATIONS_MAX) {
        return Err(Refusal::new("LimitExceededException", "Event destination limit exceeded."));
    }
    world.edit(SETS, named.set, |set| set["destinations"][named.name] = kept);
    Ok(done())
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let set = sets::existing(text(input, "ConfigurationSetName"), world)?;
    let all = set["destinations"].as_object().into_iter().flatten();
    let all = all.map(|(name, destination)| {
        let mut shown = destination.clone();
        shown["Name"] = name.as_str().into();
        shown
    });
    Ok(json!({ "EventDestinations": all.collect::<Vec<_>>() }))
}

/// Replaces it as a whole.
pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let named = Named::read(input)?;
    let kept = check(&input["EventDestination"], world)?;
    named.existing(world)?;
    world.edit(SETS, named.set, |set| set["destinations"][named.name] = kept);
    Ok(done())
}

pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let named = Named::read(input)?;
    named.existing(world)?;
    world.edit(SETS, named.set, |set| {
        set["destinations"].as_object_mut().map(|all| all.remove(named.name));
    });
    Ok(done())
}
