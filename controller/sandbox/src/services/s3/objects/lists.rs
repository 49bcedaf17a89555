//! Lists of objects and of versions, page by page.

use serde_json::Value;

use super::{current, document, keys, row, text};
use crate::{
    services::World,
    wire::{Reply, Request, escape},
};

const PAGE_MAX: usize = 1000;

fn size(request: &Request) -> usize {
    let asked = request.param("max-keys").and_then(|text| text.parse().ok());
    asked.unwrap_or(PAGE_MAX).min(PAGE_MAX)
}

fn truncated(more: bool) -> &'static str {
    if more { "<IsTruncated>true</IsTruncated>" } else { "<IsTruncated>false</IsTruncated>" }
}

/// Current versions; the token is the last key of the page before.
pub(super) fn objects(request: &Request, world: &World<'_>, bucket: &str) -> Reply {
    let prefix = request.param("prefix").unwrap_or("");
    let after = request.param("continuation-token").or_else(|| request.param("start-after")).unwrap_or("");
    let mut rows = keys(world, bucket)
        .into_iter()
        .filter(|(key, _)| key.starts_with(prefix) && *key > after)
        .filter_map(|(key, versions)| Some((key, current(versions)?)));
    let page: Vec<_> = rows.by_ref().take(size(request)).collect();
    let more = rows.next().is_some();
    let contents: String = page.iter().map(|(key, version)| row("Contents", key, version, "")).collect();
    let token = page.last().filter(|_| more).map(|(key, _)| escape(key));
    let token = token.map(|key| format!("<NextContinuationToken>{key}</NextContinuationToken>"));
    let (name, prefix, count) = (escape(bucket), escape(prefix), page.len());
    document(
        "ListBucketResult",
        &format!(
            "<Name>{name}</Name><Prefix>{prefix}</Prefix><KeyCount>{count}</KeyCount>{}{}{contents}",
            truncated(more),
            token.unwrap_or_default()
        ),
    )
}

/// Every version and delete marker: keys in order, the newest version of a key first.
pub(super) fn versions(request: &Request, world: &World<'_>, bucket: &str) -> Reply {
    let prefix = request.param("prefix").unwrap_or("");
    let (key_marker, version_marker) = (request.param("key-marker"), request.param("version-id-marker"));
    let all = keys(world, bucket).into_iter().filter(|(key, _)| key.starts_with(prefix));
    let flat: Vec<(&str, &Value, bool)> = all
        .flat_map(|(key, versions)| {
            versions.iter().rev().enumerate().map(move |(index, version)| (key, version, index == 0))
        })
        .collect();
    // The page begins behind the marker; a marker whose version is gone by now begins at the next key.
    let start = match (key_marker, version_marker) {
        (None, _) => 0,
        (Some(key), Some(id)) => {
            let behind = flat.iter().position(|(k, version, _)| *k == key && text(version, "id") == id);
            behind.map(|at| at + 1).unwrap_or_else(|| flat.partition_point(|(k, ..)| *k <= key))
        }
        (Some(key), None) => flat.partition_point(|(k, ..)| *k <= key),
    };
    let page: Vec<_> = flat.iter().skip(start).take(size(request)).collect();
    let more = start + page.len() < flat.len();
    let one = |(key, version, latest): &&(&str, &Value, bool)| {
        let element = if version["marker"] == true { "DeleteMarker" } else { "Version" };
        let id = escape(text(version, "id"));
        row(element, key, version, &format!("<VersionId>{id}</VersionId><IsLatest>{latest}</IsLatest>"))
    };
    let rows: String = page.iter().map(one).collect();
    let next = page.last().filter(|_| more).map(|(key, version, _)| {
        let (key, id) = (escape(key), escape(text(version, "id")));
        format!("<NextKeyMarker>{key}</NextKeyMarker><NextVersionIdMarker>{id}</NextVersionIdMarker>")
    });
    let (name, prefix) = (escape(bucket), escape(prefix));
    document(
        "ListVersionsResult",
        &format!(
            "<Name>{name}</Name><Prefix>{prefix}</Prefix>{}{}{rows}",
            truncated(more),
            next.unwrap_or_default()
        ),
    )
}
