//! Event sources: queues that Lambda reads for the alias.
//!
//! They have no names, so the queue tells them apart: AWS allows one for each queue and alias. Making,
//! changing and deleting one takes seconds, in which it is neither here nor there.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{self as sdk, EventSourceMappingConfiguration, FunctionResponseType};
use model::{Address, Fault, Ref};
use serde::{Deserialize, Serialize};

use super::{ABSENT, Function, read::wire};
use crate::{
    Place, Reader, Resource, Writer,
    aws::{Absent, Waiting, whole_account},
    kinds::queue::Queue,
};

const WAITING: Waiting = Waiting::up_to(120, "the event source to be ready");

/// A queue that feeds the function. The function's role must be allowed to receive from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventSource {
    /// By ARN. Its messages must stay hidden for longer than the function may run.
    pub queue: Ref<Queue>,
    /// Messages of one call at most; above 10 there must be a window.
    pub batch_size: u32,
    /// How long a batch is gathered, in seconds: at most 300.
    pub window_s: u32,
    /// Calls at once on behalf of this queue: 2 to 1,000.
    pub max_concurrency: Option<u32>,
    /// Whether the function says which messages of a batch failed; otherwise all of them come again.
    pub reports_failures: bool,
    pub enabled: bool,
}

impl EventSource {
    /// Lambda's defaults, except that only failed messages come again.
    #[must_use]
    pub fn of(queue: Ref<Queue>) -> Self {
        Self {
            queue,
            batch_size: 10,
            window_s: 0,
            max_concurrency: None,
            reports_failures: true,
            enabled: true,
        }
    }

    fn responses(&self) -> Vec<FunctionResponseType> {
        if self.reports_failures { vec![FunctionResponseType::ReportBatchItemFailures] } else { Vec::new() }
    }

    /// Without a number the limit is lifted.
    fn scaling(&self) -> sdk::ScalingConfig {
        sdk::ScalingConfig::builder().set_maximum_concurrency(self.max_concurrency.map(wire)).build()
    }
}

/// An event source as it was seen.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    id: String,
    source: EventSource,
    result: Option<String>,
}

impl Mapping {
    /// `None` for what is on its way out, and for what is no queue.
    fn read(found: &EventSourceMappingConfiguration) -> Option<Self> {
        let state = found.state().unwrap_or_default();
        let queue = found.event_source_arn().filter(|arn| arn.starts_with("arn:aws:sqs:"))?;
        let number = |given: Option<i32>| given.and_then(|n| u32::try_from(n).ok());
        let scaling = found.scaling_config().and_then(|scaling| number(scaling.maximum_concurrency()));
        let report = FunctionResponseType::ReportBatchItemFailures;
        (state != "Deleting").then(|| Self {
            id: found.uuid().unwrap_or_default().to_owned(),
            result: found.last_processing_result().map(str::to_owned),
            source: EventSource {
                queue: Ref::live(queue),
                batch_size: number(found.batch_size()).unwrap_or_default(),
                window_s: number(found.maximum_batching_window_in_seconds()).unwrap_or_default(),
                max_concurrency: scaling,
                reports_failures: found.function_response_types().contains(&report),
                enabled: !matches!(state, "Disabled" | "Disabling"),
            },
        })
    }

    /// What AWS says when it cannot read the queue.
    pub(super) fn problem(&self) -> Option<String> {
        let result = self.result.as_ref().filter(|result| result.starts_with("PROBLEM"))?;
        Some(format!("the event source {} does not work: {result}", self.source.queue.text()))
    }
}

/// By queue, as AWS tells them apart.
pub(super) fn by_queue(sources: &BTreeMap<String, EventSource>) -> BTreeMap<&str, &EventSource> {
    sources.values().map(|source| (source.queue.text().as_str(), source)).collect()
}

/// Under the names of their queues.
pub(super) fn named(found: &[Mapping]) -> BTreeMap<String, EventSource> {
    let one = |mapping: &Mapping| (mapping.source.queue.text().to_string(), mapping.source.clone());
    found.iter().map(one).collect()
}

/// Those of the alias. One list serves all functions; a function by itself is asked for by its alias, as a
/// list for a function leaves out those of its aliases.
pub(super) async fn of(at: &Place, aws: &Reader) -> Result<Vec<Mapping>, Fault> {
    let alias = &Function::known(aws.scope(), at.name())["alias_arn"];
    let read = |all: &[EventSourceMappingConfiguration]| {
        let ours = all.iter().filter(|one| one.function_arn() == Some(alias));
        ours.filter_map(Mapping::read).collect()
    };
    if aws.alone() {
        return Ok(read(&list(&at.address, Some(alias), aws).await?));
    }
    let address = whole_account("event-sources");
    let all = aws.once("lambda:ListEventSourceMappings", list(&address, None, aws)).await?;
    Ok(read(&all))
}

async fn list(
    at: &Address,
    alias: Option<&str>,
    aws: &Reader,
) -> Result<Vec<EventSourceMappingConfiguration>, Fault> {
    let (mut all, mut marker) = (Vec::new(), None::<String>);
    loop {
        let page = aws
            .read(at, "lambda", "ListEventSourceMappings", || {
                let ask = aws.lambda().list_event_source_mappings().max_items(100);
                ask.set_function_name(alias.map(str::to_owned)).set_marker(marker.clone()).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(page) = page else { return Ok(all) };
        all.extend_from_slice(page.event_source_mappings());
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(all);
        }
    }
}

/// What is no longer wanted goes first. All calls are made before any is waited for.
pub(super) async fn sync(
    want: &BTreeMap<String, EventSource>,
    at: &Place,
    found: &[Mapping],
    aws: &Writer,
) -> Result<(), Fault> {
    let want = by_queue(want);
    let mut waits = Vec::new();
    for mapping in found.iter().filter(|one| !want.contains_key(one.source.queue.text().as_str())) {
        aws.write(at, "lambda", "DeleteEventSourceMapping", || {
            aws.lambda().delete_event_source_mapping().uuid(&mapping.id).send()
        })
        .await
        .absent_on(ABSENT)?;
        waits.push(mapping.id.clone());
    }
    for (queue, source) in want {
        let have = found.iter().find(|one| one.source.queue.text().as_str() == queue);
        let state = match have {
            Some(have) if have.source == *source => continue,
            Some(have) => update(source, &have.id, at, aws).await?,
            None => create(source, at, aws).await?,
        };
        waits.extend(state);
    }
    for id in waits {
        aws.until(at, WAITING, || is_steady(&id, at, aws)).await?;
    }
    Ok(())
}

/// The id, where it has to be waited for.
fn unsteady(id: Option<String>, state: Option<&str>) -> Option<String> {
    id.filter(|_| !matches!(state, Some("Enabled" | "Disabled")))
}

/// Working, switched off, or gone.
async fn is_steady(id: &str, at: &Place, aws: &Reader) -> Result<Option<()>, Fault> {
    let found = aws
        .read(&at.address, "lambda", "GetEventSourceMapping", || {
            aws.lambda().get_event_source_mapping().uuid(id).send()
        })
        .await
        .absent_on(ABSENT)?;
    Ok(found.is_none_or(|found| matches!(found.state(), Some("Enabled" | "Disabled"))).then_some(()))
}

async fn create(source: &EventSource, at: &Place, aws: &Writer) -> Result<Option<String>, Fault> {
    let alias = &Function::known(aws.scope(), at.name())["alias_arn"];
    let made = aws
        .write(at, "lambda", "CreateEventSourceMapping", || {
            let ask = aws.lambda().create_event_source_mapping().function_name(alias);
            ask.event_source_arn(source.queue.text().as_str())
                .batch_size(wire(source.batch_size))
                .maximum_batching_window_in_seconds(wire(source.window_s))
                .set_scaling_config(source.max_concurrency.map(|_| source.scaling()))
                .set_function_response_types(Some(source.responses()))
                .enabled(source.enabled)
                .send()
        })
        .await?;
    let state = made.state.clone();
    Ok(unsteady(made.uuid, state.as_deref()))
}

async fn update(source: &EventSource, id: &str, at: &Place, aws: &Writer) -> Result<Option<String>, Fault> {
    let made = aws
        .write(at, "lambda", "UpdateEventSourceMapping", || {
            let ask = aws.lambda().update_event_source_mapping().uuid(id);
            ask.batch_size(wire(source.batch_size))
                .maximum_batching_window_in_seconds(wire(source.window_s))
                .scaling_config(source.scaling())
                .set_function_response_types(Some(source.responses()))
                .enabled(source.enabled)
                .send()
        })
        .await?;
    let state = made.state.clone();
    Ok(unsteady(made.uuid, state.as_deref()))
}
