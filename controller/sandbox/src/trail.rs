//! The event history of CloudTrail: every call that changed a setting, by whoever made it. It is kept beside the
//! documents, because it outlives what it tells of; an account that is kept has it in a file of its own.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};

use crate::{
    blobs,
    services::{Refusal, Service, World},
    trouble::writes,
    wire::{Reply, Request},
};

const NAME: &str = "trail.jsonl";

/// Calls on data: the event history does not tell of them (CloudTrail user guide, "Logging data events").
const DATA: &[&str] = &[
    "AbortMultipartUpload",
    "BatchWriteItem",
    "ChangeMessageVisibility",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "DeleteItem",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteObject",
    "DeleteObjects",
    "GenerateDataKey",
    "Invoke",
    "Publish",
    "PutItem",
    "PutObject",
    "ReceiveMessage",
    "SendEmail",
    "SendMessage",
    "SendMessageBatch",
    "TransactWriteItems",
    "UpdateItem",
    "UploadPart",
];

/// Members that CloudTrail writes down as hidden, or leaves out: what they hold is nobody's business.
const HIDDEN: &[&str] =
    &["Body", "Code", "Environment", "Plaintext", "SecretBinary", "SecretString", "ZipFile", "value", "body"];
const IN_PLACE: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// What an account in memory remembers: a long simulation makes more calls than anybody asks about.
const REMEMBERED: usize = 2_000;

/// Longer texts name nothing.
const NAME_MAX: usize = 512;

/// Clones are the same history.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail {
    file: Option<PathBuf>,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Trail {
    /// The history kept in a folder.
    pub(crate) fn at(folder: &Path) -> Self {
        Self { file: Some(folder.join(NAME)), ..Self::default() }
    }

    /// Everything, the oldest first, as other processes left it too.
    pub(crate) fn events(&self) -> Vec<Value> {
        let Some(file) = &self.file else {
            return self.events.lock().unwrap_or_else(PoisonError::into_inner).clone();
        };
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// A history that cannot be written is no reason to refuse the call: AWS does not either.
    fn record(&self, event: Value) {
        match &self.file {
            None => {
                let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
                events.push(event);
                if events.len() > REMEMBERED {
                    events.drain(..REMEMBERED / 2);
                }
            }
            Some(file) => {
                let opened = OpenOptions::new().create(true).append(true).open(file);
                let _ = opened.and_then(|mut file| file.write_all(format!("{event}\n").as_bytes()));
            }
        }
    }
}

/// Serves a call; one that changed a setting goes into the history.
pub(crate) fn served(service: &Service, request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let outcome = (service.handle)(request, world);
    let operation = request.operation.as_str();
    if outcome.is_ok() && writes(operation) && !DATA.contains(&operation) {
        world.trail.record(event(service.signing, request, world.now_ms));
    }
    outcome
}

fn event(signing: &str, request: &Request, now_ms: u64) -> Value {
    let mut names: Vec<String> = Vec::new();
    texts(&request.input, 0, &mut |text| named(text, &mut names));
    request.path.split('/').for_each(|part| named(part, &mut names));
    names.sort();
    names.dedup();
    let who = request.headers.get("authorization").and_then(|text| text.split_once("Credential="));
    let who = who.and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    let text = format!("{now_ms} {signing} {} {names:?}", request.operation);
    json!({
        "id": blobs::digest(text.as_bytes()).get(..32),
        "name": request.operation,
        "source": format!("{}.amazonaws.com", signing.trim_end_matches("-v1")),
        "who": if who == "AKIASANDBOX" { "sandbox" } else { who },
        "at_ms": now_ms,
        "resources": names,
        "given": given(&request.input),
    })
}

/// What a call was given, with the small first letters that CloudTrail writes.
fn given(input: &Value) -> Value {
    let Value::Object(members) = input else { return Value::Null };
    let small = |name: &str| {
        let mut letters = name.chars();
        letters.next().map(|first| first.to_lowercase().chain(letters).collect::<String>())
    };
    let told = members.iter().filter_map(|(name, value)| {
        let told = if HIDDEN.contains(&name.as_str()) { json!(IN_PLACE) } else { value.clone() };
        Some((small(name)?, told))
    });
    Value::Object(told.collect())
}

/// Texts of an input, not those deep inside.
fn texts(value: &Value, depth: usize, found: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => found(text),
        Value::Array(items) if depth < 3 => items.iter().for_each(|item| texts(item, depth + 1, found)),
        Value::Object(members) if depth < 2 => {
            members.values().for_each(|member| texts(member, depth + 1, found));
        }
        _ => {}
    }
}

/// A name as it is written, and the last part of an ARN or URL.
fn named(text: &str, names: &mut Vec<String>) {
    if text.is_empty() || text.len() > NAME_MAX || text.contains(char::is_whitespace) || text.contains('{') {
        return;
    }
    names.push(text.to_owned());
    let last = text.rsplit(['/', ':']).next().filter(|last| *last != text && !last.is_empty());
    names.extend(last.map(str::to_owned));
}
