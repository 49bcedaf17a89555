//! Which key is meant: by its alias, or by its tags while there is no alias.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_kms::types::{KeyMetadata, KeyState};
use futures::{StreamExt, TryStreamExt};
use model::{Address, Fault, Holds, Tags, policy::Policy};

use super::{ABSENT, Key, Usage};
use crate::{Live, Place, Reader, Resource, aws::Absent};

pub(super) const HELD: &str = "whatever was encrypted with it";

/// Keys whose tags are asked for at a time; KMS answers 100 such calls a second.
const TAG_CALLS: usize = 8;

/// Whether a physical name is the id of a key (`1234abcd-12ab-…`, `mrk-1234…`) and no alias.
pub(super) fn is_id(physical: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(digits) = physical.strip_prefix("mrk-") {
        return digits.len() == 32 && hex(digits);
    }
    let parts: Vec<&str> = physical.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|part| hex(part))
}

/// Waits for deletion, so that nothing can be done with it but cancelling that.
pub(super) fn is_pending(key: &KeyMetadata) -> bool {
    matches!(key.key_state(), Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion))
}

/// A key by id, ARN or alias.
pub(super) async fn describe(at: &Address, key: &str, aws: &Reader) -> Result<Option<KeyMetadata>, Fault> {
    let answer = aws
        .read(at, "kms", "DescribeKey", || aws.kms().describe_key().key_id(key).send())
        .await
        .absent_on(ABSENT)?;
    Ok(answer.and_then(|answer| answer.key_metadata))
}

/// The ARN of the key that AWS names in any of its four ways (id, ARN, alias, alias ARN): the form to compare
/// by (aws-semantics 1.6). What cannot be found stays as it is.
pub(crate) async fn arn_of(at: &Address, key: &str, aws: &Reader) -> Result<String, Fault> {
    if is_id(key) {
        return Ok(aws.scope().arn("kms", &format!("key/{key}")));
    }
    if !key.contains("alias/") {
        return Ok(key.to_owned());
    }
    let found = aws.once(&format!("kms:DescribeKey {key}"), describe(at, key, aws)).await?;
    let arn = found.as_ref().as_ref().and_then(|found| found.arn());
    Ok(arn.unwrap_or(key).to_owned())
}

/// The key of an address: the one behind its alias, else its own half-made one, found by its tags. A key by
/// its id is an orphan. What waits for deletion is there only while an alias still names it.
pub(super) async fn find(at: &Place, aws: &Reader) -> Result<Option<Live<Key>>, Fault> {
    if is_id(at.name()) {
        let key = describe(&at.address, at.name(), aws).await?.filter(|key| !is_pending(key));
        return Ok(match key {
            Some(key) => Some(read(at, &key, false, aws).await?),
            None => None,
        });
    }
    if let Some(key) = behind_alias(at, aws).await? {
        let live = read(at, &key, true, aws).await?;
        if !is_named_otherwise(at, live.tags.as_ref(), aws) {
            return Ok(Some(live));
        }
    }
    match ours(at, aws).await?.iter().find(|key| !is_pending(key)) {
        Some(key) => Ok(Some(read(at, key, false, aws).await?)),
        None => Ok(None),
    }
}

/// The key of an address that was deleted, while the waiting period is not over.
pub(super) async fn find_pending(at: &Place, aws: &Reader) -> Result<Option<Live<Key>>, Fault> {
    match ours(at, aws).await?.iter().find(|key| is_pending(key)) {
        Some(key) => Ok(Some(read(at, key, false, aws).await?)),
        None => Ok(None),
    }
}

/// The key that the alias points at. A plan reads all aliases at once.
pub(super) async fn behind_alias(at: &Place, aws: &Reader) -> Result<Option<KeyMetadata>, Fault> {
    let alias = format!("alias/{}", at.name());
    if aws.alone() {
        return describe(&at.address, &alias, aws).await;
    }
    match aliases(aws).await?.get(&alias) {
        Some(id) => describe(&at.address, id, aws).await,
        None => Ok(None),
    }
}

/// Aliases and the ids of their keys.
async fn aliases(aws: &Reader) -> Result<std::sync::Arc<BTreeMap<String, String>>, Fault> {
    let at = Address::new("account", Key::KIND, "aliases").expect("a constant address");
    aws.once("kms:ListAliases", async {
        let (mut found, mut marker) = (BTreeMap::new(), None::<String>);
        loop {
            let page = aws
                .read(&at, "kms", "ListAliases", || {
                    aws.kms().list_aliases().limit(100).set_marker(marker.clone()).send()
                })
                .await?;
            for alias in page.aliases() {
                // AWS's own aliases may have no key yet.
                let pair = alias.alias_name().zip(alias.target_key_id());
                found.extend(pair.map(|(name, id)| (name.to_owned(), id.to_owned())));
            }
            marker = page.next_marker;
            if marker.is_none() {
                return Ok(found);
            }
        }
    })
    .await
}

/// Whether these tags are of another address of this stage that the environment gives another name: its alias
/// is being handed over. (An address that was only renamed is in no list of names, and its key is taken
/// over.)
pub(super) fn is_named_otherwise(at: &Place, tags: Option<&Tags>, aws: &Reader) -> bool {
    let owner = tags.and_then(|tags| aws.scope().owned_address(tags)).filter(|owner| *owner != at.address);
    let its_name = owner.and_then(|owner| aws.scope().names.get(&owner));
    its_name.is_some_and(|name| name != at.name())
}

/// The keys whose tags carry this address, in the order of their ids.
async fn ours(at: &Place, aws: &Reader) -> Result<Vec<KeyMetadata>, Fault> {
    let is_ours = |tags: &Tags| aws.scope().owned_address(tags).as_ref() == Some(&at.address);
    let ids: BTreeSet<String> = if aws.alone() {
        let keys = aws.once("kms:tags of all keys", tags_of_all(at, aws)).await?;
        keys.iter().filter(|(_, tags)| is_ours(tags)).map(|(id, _)| id.clone()).collect()
    } else {
        let owned = aws.owned().await?;
        owned
            .iter()
            .filter(|(_, tags)| is_ours(tags))
            .filter_map(|(arn, _)| Key::physical_of_arn(arn))
            .collect()
    };
    let mut keys = Vec::new();
    for id in ids {
        keys.extend(describe(&at.address, &id, aws).await?);
    }
    Ok(keys)
}

/// The tags of every key of the account, from KMS itself: the tagging API lags, and a key that it does not
/// show would be made a second time.
async fn tags_of_all(at: &Place, aws: &Reader) -> Result<Vec<(String, Tags)>, Fault> {
    let (mut ids, mut marker) = (Vec::new(), None::<String>);
    loop {
        let page = aws
            .read(&at.address, "kms", "ListKeys", || {
                aws.kms().list_keys().limit(1000).set_marker(marker.clone()).send()
            })
            .await?;
        ids.extend(page.keys().iter().filter_map(|key| key.key_id()).map(str::to_owned));
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    let asked = ids.into_iter().map(|id| async move {
        // A key whose policy hides its tags from us is none that we made.
        let tags = list_tags(&at.address, &id, &["NotFoundException", "AccessDeniedException"], aws).await?;
        Ok::<_, Fault>((id, tags))
    });
    let all: Vec<(String, Option<Tags>)> =
        futures::stream::iter(asked).buffered(TAG_CALLS).try_collect().await?;
    if !all.is_empty() && all.iter().all(|(_, tags)| tags.is_none()) {
        return Err(Fault::refused(
            &at.address,
            "the tags of no key can be read, so its own key cannot be found",
        )
        .hint("allow kms:ListResourceTags to the role you use"));
    }
    Ok(all.into_iter().filter_map(|(id, tags)| Some((id, tags?))).collect())
}

async fn list_tags(at: &Address, id: &str, absent: &[&str], aws: &Reader) -> Result<Option<Tags>, Fault> {
    let (mut tags, mut marker) = (Tags::new(), None::<String>);
    loop {
        let page = aws
            .read(at, "kms", "ListResourceTags", || {
                aws.kms().list_resource_tags().key_id(id).limit(50).set_marker(marker.clone()).send()
            })
            .await
            .absent_on(absent)?;
        let Some(page) = page else { return Ok(None) };
        tags.extend(page.tags().iter().map(|tag| (tag.tag_key().to_owned(), tag.tag_value().to_owned())));
        marker = page.next_marker;
        if marker.is_none() {
            return Ok(Some(tags));
        }
    }
}

/// Reads what DescribeKey does not say, at the same time.
pub(super) async fn read(
    at: &Place,
    key: &KeyMetadata,
    aliased: bool,
    aws: &Reader,
) -> Result<Live<Key>, Fault> {
    let (id, arn) = (key.key_id(), key.arn().unwrap_or_default());
    let ask = async { Ok(list_tags(&at.address, id, ABSENT, aws).await?.unwrap_or_default()) };
    let (tags, policy, rotation_days) =
        futures::try_join!(aws.tags_of(at, arn, ask), policy(at, id, aws), rotation(at, key, aws))?;
    let usage = key.key_usage().map(|usage| usage.as_str()).unwrap_or_default();
    let known = Usage::ALL.into_iter().find(|one| one.word() == usage);
    let actual = Key {
        description: key.description().unwrap_or_default().to_owned(),
        policy,
        rotation_days,
        usage: known.ok_or_else(|| Fault::refused(&at.address, format!("its usage {usage} is not known")))?,
        spec: key.key_spec().map(|spec| spec.as_str().to_owned()).unwrap_or_default(),
        multi_region: key.multi_region().unwrap_or_default(),
        enabled: key.enabled(),
        aliased,
    };
    let mut outputs = Key::known(aws.scope(), at.name());
    outputs.insert("arn".to_owned(), arn.to_owned());
    outputs.insert("id".to_owned(), id.to_owned());
    let findings = findings(key, &actual.policy);
    let holds = Holds::Data(HELD.to_owned());
    Ok(Live { holds, findings, ..Live::new(actual, outputs, Some(tags)) })
}

fn findings(key: &KeyMetadata, policy: &Policy) -> Vec<String> {
    let mut findings = Vec::new();
    match key.key_state() {
        Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion) => {
            let when = key.deletion_date().map(|date| format!(" on {date}")).unwrap_or_default();
            findings.push(format!(
                "waits for deletion{when}: until then it cannot be used, after that all is lost"
            ));
        }
        Some(KeyState::PendingImport) => findings.push("waits for its key material".to_owned()),
        Some(KeyState::Unavailable) => findings.push("its key store is not connected".to_owned()),
        _ => {}
    }
    let deleted = policy.deleted_principals();
    findings.extend(deleted.iter().map(|id| format!("its policy names {id}, which was deleted")));
    findings
}

async fn policy(at: &Place, id: &str, aws: &Reader) -> Result<Policy, Fault> {
    let answer =
        aws.read(&at.address, "kms", "GetKeyPolicy", || aws.kms().get_key_policy().key_id(id).send()).await?;
    Policy::parse(answer.policy().unwrap_or_default())
        .map_err(|error| Fault::refused(&at.address, format!("its policy cannot be read: {error}")))
}

/// Only symmetric keys with AWS's own material rotate; for others KMS refuses the question.
async fn rotation(at: &Place, key: &KeyMetadata, aws: &Reader) -> Result<Option<u32>, Fault> {
    use aws_sdk_kms::types::{KeySpec, OriginType};
    if key.key_spec() != Some(&KeySpec::SymmetricDefault) || key.origin() != Some(&OriginType::AwsKms) {
        return Ok(None);
    }
    let answer = aws
        .read(&at.address, "kms", "GetKeyRotationStatus", || {
            aws.kms().get_key_rotation_status().key_id(key.key_id()).send()
        })
        .await?;
    let days = answer.rotation_period_in_days().and_then(|days| u32::try_from(days).ok());
    // A rotation that was switched on before periods existed is yearly.
    Ok(answer.key_rotation_enabled().then(|| days.unwrap_or(365)))
}

/// The keys that the stage owns. One is named by its alias, or by the alias that it lacks when [`find`] would
/// find it by its tags; any other key of the same address by its id, so that it is seen as an orphan.
pub(super) async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
    let owned = aws.owned().await?;
    let mut of: BTreeMap<Address, BTreeSet<String>> = BTreeMap::new();
    for (arn, tags) in owned.iter() {
        let address = aws.scope().owned_address(tags).filter(|address| address.kind() == Key::KIND);
        if let Some((address, id)) = address.zip(Key::physical_of_arn(arn)) {
            of.entry(address).or_default().insert(id);
        }
    }
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let (aliases, mut found) = (aliases(aws).await?, Vec::new());
    for (address, ids) in of {
        let at = Place { physical: aws.scope().name(&address), address, tags: Tags::new() };
        let behind = aliases.get(&format!("alias/{}", at.name())).filter(|id| {
            let arn = aws.scope().arn("kms", &format!("key/{id}"));
            !is_named_otherwise(&at, owned.get(&arn), aws)
        });
        let mut main = behind.cloned();
        for id in ids {
            let is_main = main.as_ref() == Some(&id);
            if !is_main && describe(&at.address, &id, aws).await?.is_none_or(|key| is_pending(&key)) {
                continue;
            }
            let physical = if main.get_or_insert_with(|| id.clone()) == &id { at.name() } else { &id };
            found.push((at.address.clone(), physical.to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_told_from_an_alias() {
        for id in ["1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"] {
            assert!(is_id(id), "{id}");
            let arn = format!("arn:aws:kms:us-east-1:000000000000:key/{id}");
            assert_eq!(Key::physical_of_arn(&arn).as_deref(), Some(id));
        }
        for alias in ["dn-unsubscribe", "mrk-unsubscribe", "dn-test-one-two-three", "1234abcd-12ab-34cd-56ef"]
        {
            assert!(!is_id(alias), "{alias}");
        }
        assert_eq!(Key::physical_of_arn("arn:aws:kms:us-east-1:000000000000:alias/dn-unsubscribe"), None);
    }
}
