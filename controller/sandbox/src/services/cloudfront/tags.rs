//! Tags of distributions, by ARN.

use serde_json::{Map, Value, json};

use super::{distributions, invalid, items, reply, texts};
use crate::{
    services::{Refusal, World, strings, text},
    wire::{Reply, Request},
};

const TAGS_MAX: usize = 50;

/// Tags as they are kept: `{"Items": [{"Tag": {"Key", "Value"}}]}` becomes `{key: value}`.
pub(super) fn checked(sent: &Value) -> Result<Value, Refusal> {
    let mut tags = Map::new();
    for tag in items(sent) {
        let key = text(tag, "Key");
        if key.is_empty() || key.starts_with("aws:") || key.len() > 128 || text(tag, "Value").len() > 256 {
            return Err(Refusal::new("InvalidTagging", format!("The tag {key} is not valid.")));
        }
        tags.insert(key.to_owned(), text(tag, "Value").into());
    }
    if tags.len() > TAGS_MAX {
        return Err(Refusal::new("InvalidTagging", "A resource can have 50 tags."));
    }
    Ok(tags.into())
}

pub(super) fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let arn = text(&request.input, "Resource");
    if !arn.starts_with("arn:aws:cloudfront::") {
        return Err(invalid("The ARN is not one of CloudFront."));
    }
    let id = arn.rsplit('/').next().unwrap_or_default().to_owned();
    let collection = distributions::NOUN.collection;
    let Some(found) = world.get(collection, &id) else {
        return Err(Refusal::new("NoSuchResource", "The resource does not exist.").status(404));
    };
    let mut tags = found["tags"].clone();
    match request.operation.as_str() {
        "ListTagsForResource" => {
            let one = |(key, value): (String, String)| json!({ "Tag": { "Key": key, "Value": value } });
            let all: Vec<Value> = strings(Some(&tags)).into_iter().map(one).collect();
            return Ok(reply(200, None, "Tags", &json!({ "Items": all })));
        }
        "TagResource" => {
            let Value::Object(new) = checked(&request.input["Tags"])? else {
                return Err(invalid("The parameter Tags is required."));
            };
            new.into_iter().for_each(|(key, value)| tags[key] = value);
        }
        _ => {
            let keys: Vec<&str> = texts(&request.input["TagKeys"]).collect();
            if let Some(tags) = tags.as_object_mut() {
                tags.retain(|key, _| !keys.contains(&key.as_str()));
            }
        }
    }
    if tags.as_object().is_some_and(|tags| tags.len() > TAGS_MAX) {
        return Err(Refusal::new("InvalidTagging", "A resource can have 50 tags."));
    }
    // The version of a distribution is that of its configuration: tags do not touch it.
    world.edit(collection, &id, |found| found["tags"] = tags);
    Ok(Reply::Raw { status: 204, headers: Vec::new(), body: bytes::Bytes::new() })
}
