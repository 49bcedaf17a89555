//! The objects of the control bucket that the functions of operations use.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use contract::operations;
use engine::{Clock, PacedGate, Silent};
use kinds::{Clients, Objects, Reader};
use model::{Address, Fault};
use serde::de::DeserializeOwned;
use serde_json::Value;
use stacks::Applied;
use support::{Aws, Failed, aws::failed};

/// What calls on the control bucket name.
pub(crate) fn address() -> Address {
    stacks::control_bucket()
}

/// What the last apply declared.
pub(crate) async fn applied(
    clients: &Clients,
    bucket: &str,
    clock: Arc<dyn Clock>,
) -> Result<Applied, Failed> {
    // Before the object is read nobody knows whose environment this is; its bucket is all that is needed.
    let nobody = kinds::Scope {
        project: String::new(),
        stage: String::new(),
        account: String::new(),
        region: clients.region().to_owned(),
        names: Default::default(),
        tags: Default::default(),
    };
    let now_ms = clock.now_ms();
    let gate = PacedGate::read_only(clock, Arc::new(Silent), now_ms);
    let objects = Objects::new(Reader::new(clients.clone(), nobody, Arc::new(gate)), &address(), bucket);
    let found = objects.read(operations::DECLARED).await.map_err(|fault| refused(&fault))?;
    let (bytes, _) = found.ok_or_else(|| {
        Failed::internal(format!("{} is not there: run dn apply once", operations::DECLARED))
    })?;
    Applied::read(&bytes).map_err(|why| Failed::internal(format!("{}: {why}", operations::DECLARED)))
}

/// What the last report found; none before the first.
pub(crate) async fn kept<T: DeserializeOwned>(
    reader: &Reader,
    bucket: &str,
    key: &str,
) -> Result<Option<T>, Failed> {
    let objects = Objects::new(reader.clone(), &address(), bucket);
    let found = objects.read(key).await.map_err(|fault| refused(&fault))?;
    Ok(found.and_then(|(bytes, _)| finding(&bytes)))
}

/// The finding of a report that was kept; a report that cannot be read is none.
pub(crate) fn finding<T: DeserializeOwned>(kept: &[u8]) -> Option<T> {
    let value: Value = serde_json::from_slice(kept).ok()?;
    serde_json::from_value(value).ok()
}

/// Writes a report over the one before it.
pub(crate) async fn keep(aws: &Aws, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), Failed> {
    let config = aws.config();
    // As every client of buckets here: an emulator's host name has no subdomains.
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(config.endpoint_url().is_some());
    let objects = aws_sdk_s3::Client::from_conf(config.build());
    let ask = objects.put_object().bucket(bucket).key(key);
    let ask = ask.content_type("application/json").body(ByteStream::from(bytes));
    ask.send().await.map(drop).map_err(|error| failed("s3:PutObject", &error))
}

/// Tells people.
pub(crate) async fn tell(aws: &Aws, topic: &str, (subject, text): (String, String)) -> Result<(), Failed> {
    let topics = aws_sdk_sns::Client::new(aws.config());
    let ask = topics.publish().topic_arn(topic).subject(subject).message(text);
    ask.send().await.map(drop).map_err(|error| failed("sns:Publish", &error))
}

pub(crate) fn refused(fault: &Fault) -> Failed {
    match fault {
        Fault::Transient(_) => Failed::unavailable(fault.to_string()),
        _ => Failed::internal(fault.to_string()),
    }
}
