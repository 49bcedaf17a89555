//! Configurations as they are kept and as AWS shows them.

use serde_json::{Value, json};

use super::{arn, invalid};
use crate::{
    blobs,
    services::{Refusal, World, s3, text},
};

/// Members of our own, which are not shown.
pub(super) const HIDDEN: &[&str] = &["code", "changed", "pending"];

/// What differs between two configurations that say the same.
const PASSING: &[&str] = &["RevisionId", "LastModified", "changed", "pending", "code"];

/// A configuration with Lambda's defaults and what the request sets.
pub(super) fn fresh(input: &Value, name: &str) -> Value {
    let mut made = json!({
        "Description": "", "Timeout": 3, "MemorySize": 128,
        "TracingConfig": { "Mode": "PassThrough" },
        "EphemeralStorage": { "Size": 512 },
        "Architectures": ["x86_64"],
        "PackageType": "Zip",
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{name}") },
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
    });
    merge(&mut made, input, name);
    made
}

/// Sets what the request has; what is left out stays (aws-semantics 1.7).
pub(super) fn merge(configuration: &mut Value, input: &Value, name: &str) {
    let plain = ["Role", "Handler", "Description", "Timeout", "MemorySize", "Runtime"];
    for member in plain.iter().chain(&["TracingConfig", "EphemeralStorage", "Architectures"]) {
        if let Some(given) = input.get(*member).filter(|given| !given.is_null()) {
            configuration[*member] = given.clone();
        }
    }
    if let Some(given) = input.get("Environment") {
        let variables =
            given.get("Variables").filter(|all| all.as_object().is_some_and(|all| !all.is_empty()));
        configuration["Environment"] = variables.map_or(Value::Null, |all| json!({ "Variables": all }));
    }
    if let Some(given) = input.get("KMSKeyArn") {
        configuration["KMSKeyArn"] = if given == "" { Value::Null } else { given.clone() };
    }
    if let Some(given) = input.get("DeadLetterConfig") {
        let empty = text(given, "TargetArn").is_empty();
        configuration["DeadLetterConfig"] = if empty { Value::Null } else { given.clone() };
    }
    if let Some(given) = input.get("Layers").and_then(Value::as_array) {
        let layers: Vec<Value> = given.iter().map(|arn| json!({ "Arn": arn, "CodeSize": 1 })).collect();
        configuration["Layers"] = if layers.is_empty() { Value::Null } else { layers.into() };
    }
    if let Some(given) = input.get("VpcConfig") {
        configuration["VpcConfig"] = given.clone();
    }
    if let Some(given) = input.get("LoggingConfig") {
        configuration["LoggingConfig"] = logging(given, name);
    }
}

/// Both levels have defaults as soon as lines are JSON.
fn logging(given: &Value, name: &str) -> Value {
    let format = given.get("LogFormat").and_then(Value::as_str).unwrap_or("Text");
    let level = |member: &str| match given.get(member) {
        Some(level) if !level.is_null() => level.clone(),
        _ if format == "JSON" => json!("INFO"),
        _ => Value::Null,
    };
    let group = given.get("LogGroup").and_then(Value::as_str).filter(|group| !group.is_empty());
    json!({
        "LogFormat": format,
        "ApplicationLogLevel": level("ApplicationLogLevel"),
        "SystemLogLevel": level("SystemLogLevel"),
        "LogGroup": group.map_or_else(|| format!("/aws/lambda/{name}"), str::to_owned),
    })
}

fn no_zip() -> Refusal {
    invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
}

/// Whether the record is there that ends every zip, followed by a comment at most.
fn is_zip(body: &[u8]) -> bool {
    const RECORD_BYTES: usize = 22;
    let tail = &body[body.len().saturating_sub(RECORD_BYTES + usize::from(u16::MAX))..];
    tail.windows(RECORD_BYTES).any(|record| record.starts_with(b"PK\x05\x06"))
}

/// Reads the zip, from the request or from S3, and sets digest and size.
pub(super) fn load(configuration: &mut Value, code: &Value, world: &World<'_>) -> Result<(), Refusal> {
    let (bucket, key) = (text(code, "S3Bucket"), text(code, "S3Key"));
    let body = match code.get("ZipFile").and_then(Value::as_str) {
        Some(zip) => aws_smithy_types::base64::decode(zip).map(bytes::Bytes::from).map_err(|_| no_zip())?,
        None if bucket.is_empty() => return Err(invalid("Please provide a source for function code.")),
        None => s3::objects::content(world, bucket, key).map_err(|refusal| {
            let Refusal { code, message, .. } = refusal;
            invalid(format!(
                "Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
            ))
        })?,
    };
    if !is_zip(&body) {
        return Err(no_zip());
    }
    let name = world.keep_blob(&body)?;
    configuration["CodeSize"] = body.len().into();
    configuration["CodeSha256"] =
        aws_smithy_types::base64::encode(<sha2::Sha256 as sha2::Digest>::digest(&body)).into();
    configuration["code"] = json!({ blobs::MEMBER: name, "bucket": bucket, "key": key });
    Ok(())
}

/// Marks it as changed now; `pending` for what has just come into being.
pub(super) fn touch(configuration: &mut Value, pending: bool, world: &mut World<'_>) {
    let moment = i64::try_from(world.now_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let modified = moment.unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
    configuration["LastModified"] = modified.into();
    configuration["RevisionId"] = world.next_uuid().into();
    configuration["changed"] = world.now_ms.into();
    configuration["pending"] = pending.into();
}

pub(super) fn is_working(configuration: &Value, world: &World<'_>) -> bool {
    world.is_working(configuration["changed"].as_u64().unwrap_or_default())
}

/// The revision as of now: reaching a steady state is a change of its own.
pub(super) fn revision(configuration: &Value, world: &World<'_>) -> String {
    let revision = text(configuration, "RevisionId");
    if is_working(configuration, world) { revision.replacen('0', "f", 1) } else { revision.to_owned() }
}

/// A configuration as answers show it. `qualifier` is what was asked for, `version` what it names.
pub(super) fn shown(
    name: &str,
    configuration: &Value,
    qualifier: Option<&str>,
    version: &str,
    world: &World<'_>,
) -> Value {
    let mut shown = configuration.clone();
    if let Some(members) = shown.as_object_mut() {
        HIDDEN.iter().for_each(|hidden| drop(members.remove(*hidden)));
    }
    shown["FunctionName"] = name.into();
    shown["FunctionArn"] = arn(name, qualifier, world).into();
    shown["Version"] = version.into();
    shown["RevisionId"] = revision(configuration, world).into();
    let (working, pending) = (is_working(configuration, world), configuration["pending"] == true);
    shown["State"] = if working && pending { "Pending" } else { "Active" }.into();
    match (working, pending) {
        (true, true) => {
            shown["StateReason"] = "The function is being created.".into();
            shown["StateReasonCode"] = "Creating".into();
        }
        (true, false) => {
            shown["LastUpdateStatus"] = "InProgress".into();
            shown["LastUpdateStatusReason"] = "The function is being created.".into();
            shown["LastUpdateStatusReasonCode"] = "Creating".into();
        }
        (false, _) => shown["LastUpdateStatus"] = "Successful".into(),
    }
    shown
}

/// Whether publishing `latest` would make what `version` is already.
pub(super) fn says_the_same(latest: &Value, version: &Value) -> bool {
    let bare = |configuration: &Value| {
        let mut bare = configuration.clone();
        if let Some(members) = bare.as_object_mut() {
            members.retain(|member, value| !PASSING.contains(&member.as_str()) && !value.is_null());
        }
        bare
    };
    bare(latest) == bare(version)
}
