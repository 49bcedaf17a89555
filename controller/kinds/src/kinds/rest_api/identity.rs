//! Which API, usage plan or key is meant: AWS's names for them are not unique, so their tags tell.
//!
//! A physical name `id:…` is one by its id: an orphan, or what the environment names so in order to take it
//! over.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{Address, Fault, Tags};

use crate::{
    Place, Reader, Writer,
    aws::{Absent, tag_changes},
};

pub(crate) const ABSENT: &[&str] = &["NotFoundException"];

/// The largest page of every list of API Gateway.
pub(crate) const PAGE: i32 = 500;

const BY_ID: &str = "id:";

/// What a list of API Gateway tells of something that it lists.
pub(crate) trait Listed {
    fn id(&self) -> &str;
    fn name(&self) -> &str;
    fn tags(&self) -> Option<&HashMap<String, String>>;
}

macro_rules! listed {
    ($($kind:ident),+) => {
        $(impl Listed for aws_sdk_apigateway::types::$kind {
            fn id(&self) -> &str {
                self.id().unwrap_or_default()
            }

            fn name(&self) -> &str {
                self.name().unwrap_or_default()
            }

            fn tags(&self) -> Option<&HashMap<String, String>> {
                self.tags()
            }
        })+
    };
}
listed!(RestApi, UsagePlan, ApiKey);

/// The id inside a physical name.
pub(crate) fn by_id(physical: &str) -> Option<&str> {
    physical.strip_prefix(BY_ID)
}

pub(crate) fn tags(of: &impl Listed) -> Tags {
    of.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The listed one of an address: by its id, else by its tags. A name counts only where the environment gives
/// it, because others may have the same.
pub(crate) fn pick<'l, T: Listed>(at: &Place, all: &'l [T], aws: &Reader) -> Result<Option<&'l T>, Fault> {
    if let Some(id) = by_id(at.name()) {
        return Ok(all.iter().find(|one| one.id() == id));
    }
    let owner = |one: &&T| aws.scope().owned_address(&tags(*one));
    let ours = all.iter().filter(|one| owner(one).as_ref() == Some(&at.address));
    if let Some(first) = ours.min_by(|a, b| a.id().cmp(b.id())) {
        return Ok(Some(first));
    }
    if !aws.scope().names.contains_key(&at.address) {
        return Ok(None);
    }
    let mut named = all.iter().filter(|one| one.name() == at.name() && owner(one).is_none());
    match (named.next(), named.next()) {
        (Some(one), Some(other)) => {
            let text = format!("both {} and {} are called {}", one.id(), other.id(), at.name());
            Err(Fault::refused(&at.address, text)
                .hint("name it by its id in the environment: `id:` and the id"))
        }
        (one, _) => Ok(one),
    }
}

/// `arn:aws:apigateway:region::/collection/id`: without an account.
pub(crate) fn arn(aws: &Reader, collection: &str, id: &str) -> String {
    format!("arn:aws:apigateway:{}::/{collection}/{id}", aws.scope().region)
}

/// What the stage owns of a collection. The first id of an address goes by its name, as [`pick`] finds it;
/// any other is an orphan by its id.
pub(crate) async fn owned(
    aws: &Reader,
    collection: &str,
    kind: &str,
) -> Result<Vec<(Address, String)>, Fault> {
    let mut of: BTreeMap<Address, BTreeSet<String>> = BTreeMap::new();
    for (arn, tags) in aws.owned().await?.iter() {
        let address = aws.scope().owned_address(tags).filter(|address| address.kind() == kind);
        if let Some((address, id)) = address.zip(id_of_arn(arn, collection)) {
            of.entry(address).or_default().insert(id.to_owned());
        }
    }
    let named = of.into_iter().flat_map(|(address, ids)| {
        let name = aws.scope().name(&address);
        let first = if by_id(&name).is_some() { None } else { ids.first().cloned() };
        ids.into_iter().map(move |id| {
            let physical = if first.as_ref() == Some(&id) { name.clone() } else { format!("{BY_ID}{id}") };
            (address.clone(), physical)
        })
    });
    Ok(named.collect())
}

/// The id inside an ARN of just this collection: `/restapis/ID/stages/dev` is none of an API.
pub(crate) fn id_of_arn<'a>(arn: &'a str, collection: &str) -> Option<&'a str> {
    let path = arn.strip_prefix("arn:aws:apigateway:")?.split_once("::/")?.1;
    path.strip_prefix(collection)?.strip_prefix('/').filter(|id| !id.is_empty() && !id.contains('/'))
}

/// Writes the tags that differ.
pub(crate) async fn sync_tags(at: &Place, arn: &str, live: &Tags, aws: &Writer) -> Result<(), Fault> {
    let (set, unset) = tag_changes(live, &at.tags);
    if !unset.is_empty() {
        aws.write(at, "apigateway", "UntagResource", || {
            aws.apigateway().untag_resource().resource_arn(arn).set_tag_keys(Some(unset.clone())).send()
        })
        .await
        .absent_on(ABSENT)?;
    }
    if !set.is_empty() {
        aws.write(at, "apigateway", "TagResource", || {
            let tags = set.clone().into_iter().collect();
            aws.apigateway().tag_resource().resource_arn(arn).set_tags(Some(tags)).send()
        })
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_just_its_own_collection() {
        let id = |arn: &str| id_of_arn(arn, "restapis").map(str::to_owned);
        assert_eq!(id("arn:aws:apigateway:us-east-1::/restapis/a1b2c3d4e5").as_deref(), Some("a1b2c3d4e5"));
        assert_eq!(id("arn:aws:apigateway:us-east-1::/restapis/a1b2c3d4e5/stages/dev"), None);
        assert_eq!(id("arn:aws:apigateway:us-east-1::/apikeys/a1b2c3d4e5"), None);
        assert_eq!(id("arn:aws:sqs:us-east-1:000000000000:restapis"), None);
    }
}
