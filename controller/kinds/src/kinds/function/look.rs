//! Reading a function: one round of calls.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_lambda::{
    operation::get_function::GetFunctionOutput,
    types::{FunctionConfiguration, LastUpdateStatus, State},
};
use model::{Fault, Ref, Tags};

use super::{ABSENT, AsyncCalls, Function, LIVE, sources, sources::Mapping};
use crate::{
    Live, Place, Reader, Resource,
    aws::{Absent, reads},
};

reads!(aws_sdk_lambda:
    get_function GetFunctionFluentBuilder,
    get_alias GetAliasFluentBuilder,
    get_function_event_invoke_config GetFunctionEventInvokeConfigFluentBuilder,
    list_event_source_mappings ListEventSourceMappingsFluentBuilder,
    get_event_source_mapping GetEventSourceMappingFluentBuilder,
    get_policy GetPolicyFluentBuilder,
);

/// The alias as it was seen.
#[derive(Clone, Debug)]
pub struct Alias {
    pub version: String,
    /// AWS's own token: a move that names it is refused when somebody else moved the alias since.
    pub revision: Option<String>,
    /// Versions beside the main one, and how much of all calls they get.
    pub weights: BTreeMap<String, String>,
}

/// A function as it was seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// `$LATEST`.
    pub latest: FunctionConfiguration,
    /// What a birth in this very step has published.
    pub published: Option<FunctionConfiguration>,
    pub alias: Option<Alias>,
    /// What the alias serves.
    pub served: Option<FunctionConfiguration>,
    pub concurrency: Option<u32>,
    pub async_calls: Option<AsyncCalls>,
    pub sources: Vec<Mapping>,
    pub tags: Tags,
}

/// The function as this run of looking, or this step, sees it.
pub(super) async fn one(at: &Place, aws: &Reader) -> Result<Arc<Option<Seen>>, Fault> {
    aws.once(&format!("lambda:function:{}", at.name()), ask(at, aws)).await
}

/// `GetFunction` has a wide lane of its own (100 calls a second), and tells tags and concurrency too.
async fn ask(at: &Place, aws: &Reader) -> Result<Option<Seen>, Fault> {
    let (whole, served, alias, async_calls, sources) = futures::try_join!(
        function(at, None, aws),
        function(at, Some(LIVE), aws),
        alias(at, aws),
        async_calls(at, aws),
        sources::of(at, aws),
    )?;
    let Some(whole) = whole else { return Ok(None) };
    let Some(latest) = whole.configuration else { return Ok(None) };
    let concurrency = whole.concurrency.and_then(|found| found.reserved_concurrent_executions);
    Ok(Some(Seen {
        latest,
        published: None,
        alias,
        served: served.and_then(|served| served.configuration),
        concurrency: concurrency.and_then(|reserved| u32::try_from(reserved).ok()),
        async_calls,
        sources,
        tags: whole.tags.unwrap_or_default().into_iter().collect(),
    }))
}

/// What a qualifier names; `None` is `$LATEST`.
pub(super) async fn function(
    at: &Place,
    qualifier: Option<&str>,
    aws: &Reader,
) -> Result<Option<GetFunctionOutput>, Fault> {
    aws.read(&at.address, "lambda", "GetFunction", || {
        let ask = aws.lambda().get_function().function_name(at.name());
        ask.set_qualifier(qualifier.map(str::to_owned)).send()
    })
    .await
    .absent_on(ABSENT)
}

async fn alias(at: &Place, aws: &Reader) -> Result<Option<Alias>, Fault> {
    let found = aws
        .read(&at.address, "lambda", "GetAlias", || {
            aws.lambda().get_alias().function_name(at.name()).name(LIVE).send()
        })
        .await
        .absent_on(ABSENT)?;
    Ok(found.map(|found| {
        let weights = found.routing_config.and_then(|routing| routing.additional_version_weights);
        let percent = |weight: f64| format!("{} %", (weight * 1000.0).round() / 10.0);
        Alias {
            version: found.function_version.unwrap_or_default(),
            revision: found.revision_id,
            weights: weights.into_iter().flatten().map(|(version, part)| (version, percent(part))).collect(),
        }
    }))
}

async fn async_calls(at: &Place, aws: &Reader) -> Result<Option<AsyncCalls>, Fault> {
    let found = aws
        .read(&at.address, "lambda", "GetFunctionEventInvokeConfig", || {
            aws.lambda().get_function_event_invoke_config().function_name(at.name()).qualifier(LIVE).send()
        })
        .await
        .absent_on(ABSENT)?;
    let number = |given: Option<i32>, default| given.and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    Ok(found.map(|found| {
        let failure = found.destination_config.and_then(|to| to.on_failure).and_then(|to| to.destination);
        AsyncCalls {
            max_age_s: number(found.maximum_event_age_in_seconds, 21_600),
            retries: number(found.maximum_retry_attempts, 2),
            on_failure: failure.filter(|to| !to.is_empty()).map(Ref::live),
        }
    }))
}

/// Whether it is being made or changed. The status may be missing for a moment (aws-semantics 11).
pub(super) fn is_working(found: &FunctionConfiguration) -> bool {
    let status = found.last_update_status();
    found.state() == Some(&State::Pending) || matches!(status, None | Some(LastUpdateStatus::InProgress))
}

impl Seen {
    /// What the alias serves, in our words.
    pub(super) fn serving(&self, at: &Place) -> Result<Option<Function>, Fault> {
        self.served.as_ref().map(|served| Function::read(at, served)).transpose()
    }

    pub(super) fn live(&self, at: &Place, aws: &Reader) -> Result<Live<Function>, Fault> {
        let latest = Function::read(at, &self.latest)?;
        let serving = self.serving(at)?;
        let mut outputs = Function::known(aws.scope(), at.name());
        let mut findings = Vec::new();
        let mut strays = BTreeMap::new();
        match &serving {
            None => drop(strays.insert("alias".to_owned(), format!("there is no alias {LIVE}"))),
            Some(serving) => {
                strays.extend(serving.strays.clone());
                let edits = edits(&latest, serving);
                if !edits.is_empty() {
                    findings.push(unpublished(&edits, self.alias.as_ref()));
                }
                strays.extend(edits);
            }
        }
        if let Some(alias) = &self.alias {
            outputs.insert("version".to_owned(), alias.version.clone());
            let beside = |(version, part): (&String, &String)| {
                (format!("alias to {version}"), format!("{part} of the calls"))
            };
            strays.extend(alias.weights.iter().map(beside));
        }
        findings.extend(failure(&self.latest));
        findings.extend(self.served.as_ref().and_then(failure).filter(|text| !findings.contains(text)));
        findings.extend(self.sources.iter().filter_map(Mapping::problem));
        let actual = Function {
            reserved_concurrency: self.concurrency,
            async_calls: self.async_calls.clone(),
            event_sources: sources::named(&self.sources),
            strays,
            ..serving.unwrap_or(latest)
        };
        Ok(Live { findings, ..Live::new(actual, outputs, Some(self.tags.clone())) })
    }
}

/// Where `$LATEST` differs from what is served, row by row. Values of variables are left out: an edit by hand
/// is where secrets end up.
fn edits(latest: &Function, serving: &Function) -> BTreeMap<String, String> {
    let changes = latest.layout().diff(&serving.layout());
    let edit = |change: model::Change| {
        let value = match change.field.starts_with("environment.") {
            true if change.want.is_null() => "removed".to_owned(),
            true => "another value".to_owned(),
            false => change.want.to_string(),
        };
        (format!("latest {}", change.field), value)
    };
    changes.into_iter().map(edit).collect()
}

fn unpublished(edits: &BTreeMap<String, String>, alias: Option<&Alias>) -> String {
    let fields: Vec<&str> = edits.keys().filter_map(|name| name.strip_prefix("latest ")).collect();
    let version = alias.map_or("another version", |alias| &alias.version);
    format!(
        "$LATEST was edited and never published ({}): callers of {LIVE} still get version {version}",
        fields.join(", ")
    )
}

fn failure(found: &FunctionConfiguration) -> Option<String> {
    if found.state() == Some(&State::Failed) {
        return Some(format!("it failed to start: {}", found.state_reason().unwrap_or("no reason given")));
    }
    if found.last_update_status() == Some(&LastUpdateStatus::Failed) {
        let reason = found.last_update_status_reason().unwrap_or("no reason given");
        return Some(format!("its last change failed: {reason}"));
    }
    let error = found.environment()?.error()?;
    Some(format!("its environment cannot be read: {}", error.message().unwrap_or("no reason given")))
}
