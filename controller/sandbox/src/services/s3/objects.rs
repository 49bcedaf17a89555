//! Objects: all versions of one key in one document, the newest last.

use std::fmt::Write as _;

use aws_smithy_types::base64;
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{document, empty, existing, settings, stamp, xml::Element, xml::malformed};
use crate::{
    blobs,
    services::{Refusal, World, text},
    wire::{Reply, Request, escape},
};

mod chunked;
mod lists;

const OBJECTS: &str = "s3/objects";

/// Keys that one DeleteObjects may name.
const BATCH_MAX: usize = 1000;

/// Longer bodies are kept beside the documents.
const INLINE_BYTES_MAX: usize = 65_536;

const CHECKSUM: &str = "x-amz-checksum-sha256";

/// Headers that come back as they were sent.
const KEPT: &[&str] =
    &["cache-control", "content-disposition", "content-language", "content-type", "expires"];

pub(super) fn handle(
    operation: &str,
    request: &Request,
    world: &mut World<'_>,
    bucket: &str,
    key: &str,
) -> Result<Reply, Refusal> {
    match operation {
        "PutObject" => put(request, world, bucket, key),
        "GetObject" => get(request, world, bucket, key),
        "HeadObject" => Ok(head(request, world, bucket, key)),
        "DeleteObject" => Ok(delete(world, bucket, key, request.param("versionId"))),
        "DeleteObjects" => delete_many(request, world, bucket),
        "ListObjectsV2" => Ok(lists::objects(request, world, bucket)),
        "ListObjectVersions" => Ok(lists::versions(request, world, bucket)),
        "ListMultipartUploads" => {
            let name = escape(bucket);
            Ok(document(
                "ListMultipartUploadsResult",
                &format!(
                    "<Bucket>{name}</Bucket><MaxUploads>1000</MaxUploads><IsTruncated>false</IsTruncated>"
                ),
            ))
        }
        other => Err(request.unknown(other)),
    }
}

fn id(bucket: &str, key: &str) -> String {
    format!("{bucket}/{key}")
}

/// Whether the bucket holds a version or a delete marker.
pub(super) fn any_in(world: &World<'_>, bucket: &str) -> bool {
    let start = id(bucket, "");
    world.all(OBJECTS).keys().any(|id| id.starts_with(&start))
}

/// The keys of a bucket with their versions, in order.
fn keys<'w>(world: &'w World<'_>, bucket: &str) -> Vec<(&'w str, &'w Vec<Value>)> {
    let start = id(bucket, "");
    let all = world.all(OBJECTS).into_iter();
    all.filter_map(|(id, versions)| Some((id.strip_prefix(start.as_str())?, versions.as_array()?))).collect()
}

fn versions(world: &World<'_>, bucket: &str, key: &str) -> Vec<Value> {
    let kept = world.get(OBJECTS, &id(bucket, key)).and_then(Value::as_array);
    kept.cloned().unwrap_or_default()
}

fn keep(world: &mut World<'_>, bucket: &str, key: &str, versions: Vec<Value>) {
    match versions.as_slice() {
        [] => world.remove(OBJECTS, &id(bucket, key)),
        _ => world.put(OBJECTS, &id(bucket, key), versions.into()),
    }
}

/// The newest version, unless it is a delete marker.
fn current(versions: &[Value]) -> Option<&Value> {
    versions.last().filter(|version| version["marker"] != true)
}

fn no_such_key() -> Refusal {
    Refusal::new("NoSuchKey", "The specified key does not exist.").status(404)
}

pub(super) fn put(
    request: &Request,
    world: &mut World<'_>,
    bucket: &str,
    key: &str,
) -> Result<Reply, Refusal> {
    let mut versions = versions(world, bucket, key);
    check_conditions(request, current(&versions))?;
    let body = chunked::body(request)?;
    let digest = Sha256::digest(&body);
    check_digest(request, &digest)?;
    // As long as the MD5 sum that AWS uses; clients must not look into it.
    let etag: String = digest[..16].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let kept = request
        .headers
        .iter()
        .filter(|(name, _)| KEPT.contains(&name.as_str()) || name.starts_with("x-amz-meta-"));
    let headers: serde_json::Map<_, _> = kept.map(|(name, value)| (name.clone(), json!(value))).collect();
    let mut version = json!({
        "etag": etag, "size": body.len(), "headers": headers, "modified": world.now_ms,
    });
    if let Some(sum) = request.headers.get(CHECKSUM) {
        version["checksum"] = sum.as_str().into();
    }
    match body.len() > INLINE_BYTES_MAX {
        true => version[blobs::MEMBER] = world.keep_blob(&body)?.into(),
        false => version["body"] = base64::encode(&body).into(),
    }
    let version = push(world, bucket, &mut versions, version);
    keep(world, bucket, key, versions);
    let mut headers = vec![("etag".to_owned(), format!("\"{etag}\""))];
    headers.extend(version.map(|version| ("x-amz-version-id".to_owned(), version)));
    Ok(Reply::Raw { status: 200, headers, body: Bytes::new() })
}

/// What the sender says the body is, where it says so.
fn check_digest(request: &Request, digest: &[u8]) -> Result<(), Refusal> {
    match request.headers.get(CHECKSUM) {
        Some(sum) if *sum != base64::encode(digest) => {
            let message = "The SHA256 you specified did not match the calculated checksum.";
            Err(Refusal::new("BadDigest", message))
        }
        _ => Ok(()),
    }
}

/// The bytes of a current version, for services that read them in their own name.
pub(in crate::services) fn content(world: &World<'_>, bucket: &str, key: &str) -> Result<Bytes, Refusal> {
    existing(world, bucket)?;
    let versions = versions(world, bucket, key);
    body_of(current(&versions).ok_or_else(no_such_key)?, world)
}

fn body_of(version: &Value, world: &World<'_>) -> Result<Bytes, Refusal> {
    let body = match version.get(blobs::MEMBER).and_then(Value::as_str) {
        Some(name) => world.blobs.get(name),
        None => base64::decode(text(version, "body")).ok().map(Bytes::from),
    };
    body.ok_or_else(|| Refusal::new("InternalError", "a body does not read back").status(500))
}

/// Adds a version as the bucket's versioning says; its id where the bucket has versions.
fn push(
    world: &mut World<'_>,
    bucket: &str,
    versions: &mut Vec<Value>,
    mut version: Value,
) -> Option<String> {
    let enabled = existing(world, bucket).map(settings::versioning).is_ok_and(|state| state == "Enabled");
    let id = if enabled { format!("v{:020}", world.next_number()) } else { "null".to_owned() };
    // What was written without versioning, or while it was suspended, has the id `null` and is overwritten.
    versions.retain(|kept| kept["id"] != id.as_str());
    version["id"] = id.as_str().into();
    versions.push(version);
    enabled.then_some(id)
}

fn check_conditions(request: &Request, current: Option<&Value>) -> Result<(), Refusal> {
    let failed = || {
        let message = "At least one of the pre-conditions you specified did not hold";
        Refusal::new("PreconditionFailed", message).status(412)
    };
    if request.header("if-none-match") == "*" && current.is_some() {
        return Err(failed());
    }
    match (request.header("if-match"), current) {
        ("", _) => Ok(()),
        (_, None) => Err(no_such_key()),
        ("*", Some(_)) => Ok(()),
        (wanted, Some(current)) if wanted.trim_matches('"') == text(current, "etag") => Ok(()),
        (_, Some(_)) => Err(failed()),
    }
}

/// The version that the request means.
fn wanted(request: &Request, world: &World<'_>, bucket: &str, key: &str) -> Option<Value> {
    let versions = versions(world, bucket, key);
    match request.param("versionId") {
        None => current(&versions).cloned(),
        Some(id) => versions.into_iter().find(|version| version["id"] == id && version["marker"] != true),
    }
}

fn headers(request: &Request, version: &Value) -> Vec<(String, String)> {
    let modified = version["modified"].as_u64().and_then(|ms| i64::try_from(ms).ok());
    let modified = modified.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    let mut headers = vec![
        ("etag".to_owned(), format!("\"{}\"", text(version, "etag"))),
        ("last-modified".to_owned(), modified.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("content-length".to_owned(), version["size"].to_string()),
    ];
    let kept = version["headers"].as_object().into_iter().flatten();
    headers.extend(kept.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())));
    if request.header("x-amz-checksum-mode").eq_ignore_ascii_case("enabled") {
        let sum = version.get("checksum").and_then(Value::as_str);
        headers.extend(sum.map(|sum| (CHECKSUM.to_owned(), sum.to_owned())));
    }
    if version["id"] != "null" {
        headers.push(("x-amz-version-id".to_owned(), text(version, "id").to_owned()));
    }
    headers
}

fn get(request: &Request, world: &World<'_>, bucket: &str, key: &str) -> Result<Reply, Refusal> {
    let version = wanted(request, world, bucket, key).ok_or_else(no_such_key)?;
    let body = body_of(&version, world)?;
    Ok(Reply::Raw { status: 200, headers: headers(request, &version), body })
}

fn head(request: &Request, world: &World<'_>, bucket: &str, key: &str) -> Reply {
    match wanted(request, world, bucket, key) {
        Some(version) => Reply::Raw { status: 200, headers: headers(request, &version), body: Bytes::new() },
        None => empty(404),
    }
}

fn delete(world: &mut World<'_>, bucket: &str, key: &str, version: Option<&str>) -> Reply {
    let mut kept = versions(world, bucket, key);
    let versioning = existing(world, bucket).map(settings::versioning).unwrap_or_default();
    let mut headers = Vec::new();
    match (version, versioning.as_str()) {
        (Some(version), _) => kept.retain(|one| one["id"] != version),
        (None, "") => kept.clear(),
        (None, _) => {
            let marker = json!({ "marker": true, "modified": world.now_ms });
            let id = push(world, bucket, &mut kept, marker);
            headers.push(("x-amz-delete-marker".to_owned(), "true".to_owned()));
            headers.push(("x-amz-version-id".to_owned(), id.unwrap_or_else(|| "null".to_owned())));
        }
    }
    keep(world, bucket, key, kept);
    Reply::Raw { status: 204, headers, body: Bytes::new() }
}

fn delete_many(request: &Request, world: &mut World<'_>, bucket: &str) -> Result<Reply, Refusal> {
    let list = Element::parse(&request.body, "Delete")?;
    if list.all("Object").count() > BATCH_MAX {
        return Err(malformed());
    }
    let mut done = String::new();
    for object in list.all("Object") {
        let key = object.text_of("Key").ok_or_else(malformed)?;
        delete(world, bucket, key, object.text_of("VersionId"));
        let _ = write!(done, "<Deleted><Key>{}</Key></Deleted>", escape(key));
    }
    let quiet = list.text_of("Quiet") == Some("true");
    Ok(document("DeleteResult", if quiet { "" } else { &done }))
}

/// One version as a list shows it.
fn row(element: &str, key: &str, version: &Value, more: &str) -> String {
    let modified = stamp(version["modified"].as_u64().unwrap_or_default());
    let content = match version["marker"] == true {
        true => String::new(),
        false => format!(
            "<ETag>&quot;{}&quot;</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass>",
            text(version, "etag"),
            version["size"]
        ),
    };
    let key = escape(key);
    format!("<{element}><Key>{key}</Key><LastModified>{modified}</LastModified>{content}{more}</{element}>")
}
