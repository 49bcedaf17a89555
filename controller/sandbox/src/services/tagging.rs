//! The tagging API: what carries which tags, over all services.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Refusal, SERVICES, Service, Tagged, World, page, text};
use crate::wire::{Protocol, Reply, Request};

pub(crate) const SERVICE: Service = Service {
    signing: "tagging",
    protocol: Protocol::Json { version: "1.1" },
    handle,
    tagged: |_| Vec::new(),
};

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    match request.operation.as_str() {
        "GetResources" => Ok(Reply::value(get(&request.input, world))),
        other => Err(request.unknown(other)),
    }
}

fn get(input: &Value, world: &World<'_>) -> Value {
    let filters: Vec<&Value> = input["TagFilters"].as_array().into_iter().flatten().collect();
    let passes = |tags: &BTreeMap<String, String>| {
        filters.iter().all(|filter| {
            let value = tags.get(text(filter, "Key"));
            let wanted = filter["Values"].as_array().into_iter().flatten();
            value.is_some_and(|value| wanted.clone().count() == 0 || wanted.clone().any(|one| one == value))
        })
    };
    let mut found: Vec<Tagged> = SERVICES.iter().flat_map(|service| (service.tagged)(world)).collect();
    found.retain(|(_, tags)| passes(tags));
    found.sort();
    let size = input["ResourcesPerPage"].as_u64().unwrap_or(50);
    let (found, next) = page(&found, text(input, "PaginationToken"), usize::try_from(size).unwrap_or(50));
    let list: Vec<Value> = found
        .into_iter()
        .map(|(arn, tags)| {
            let tags: Vec<Value> =
                tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            json!({ "ResourceARN": arn, "Tags": tags })
        })
        .collect();
    json!({ "ResourceTagMappingList": list, "PaginationToken": next.unwrap_or_default() })
}
