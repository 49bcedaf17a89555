//! Rotation of the keys of a group: what is observed of it, and its steps as calls. What to do next is decided by the
//! crate [`rotation`](::rotation), which knows neither AWS nor a clock.

use std::collections::BTreeSet;

use aws_sdk_cloudfront::types::KeyGroupConfig;
use model::{Address, Fault, fault::Cause, fields::hex};
use rotation::{Group, Key, Observed, Owner, Secret, Version};
use sha2::{Digest, Sha256};

use super::{ABSENT, groups};
use crate::{
    Place, Reader, Resource, Scope,
    aws::{Absent, reads},
    kinds::{
        distribution::{find, mark},
        public_key::{self, Listed, PublicKey},
        secret::{SecretText, describe},
    },
};

mod steps;

pub(in crate::kinds) use steps::delete_guests;
pub use steps::{Attempt, act};

reads!(aws_sdk_secretsmanager: list_secret_version_ids ListSecretVersionIdsFluentBuilder);

/// The kind in the mark of a key that rotation made: no kind of the controller, so that no plan thinks that it is left
/// over.
const GUEST: &str = "signing key";

/// What rotation is about.
#[derive(Clone, Debug)]
pub struct Site {
    pub group: Place,
    pub secret: Place,
}

/// Makes what rotation cannot: keys.
pub trait KeyMaker: Send + Sync {
    /// The document of a version that holds no key.
    fn none(&self) -> SecretText;

    /// A new pair.
    ///
    /// # Errors
    /// What is in the way, for people.
    fn make(&self) -> Result<Box<dyn NewKey>, String>;
}

/// A new pair.
pub trait NewKey: Send + Sync {
    fn public_pem(&self) -> String;

    /// The document that holds its private half, and what CloudFront calls the public one.
    fn document(&self, key_id: &str) -> SecretText;
}

/// What was observed, and what a step needs beside it.
#[derive(Debug)]
pub struct Seen {
    pub observed: Observed,
    group_id: String,
    group_version: String,
    group_config: Option<KeyGroupConfig>,
    /// When the last answer came: a step that is too long after it is not made.
    at: tokio::time::Instant,
}

/// The address in the marks of the guests of a group.
fn guest_of(group: &Address) -> Option<Address> {
    Address::new(group.stack(), GUEST, group.name()).ok()
}

/// The keys that rotation made for this group.
pub(super) fn guests(group: &Address, scope: &Scope, all: &[Listed]) -> BTreeSet<String> {
    let guest = guest_of(group);
    let ours = |key: &&Listed| guest.is_some() && mark::owned_address(scope, &key.comment) == guest;
    all.iter().filter(ours).map(|key| key.id.clone()).collect()
}

/// The keys of the group's stack that are declared.
pub(super) fn declared<'a>(group: &Address, scope: &Scope, all: &'a [Listed]) -> Vec<&'a str> {
    let ours = |key: &&Listed| {
        mark::owned_address(scope, &key.comment)
            .is_some_and(|address| address.kind() == PublicKey::KIND && address.stack() == group.stack())
    };
    all.iter().filter(ours).map(|key| key.id.as_str()).collect()
}

/// Whether a key with this mark is a guest whose group is gone, and that no other group trusts.
pub(in crate::kinds) async fn is_left_behind(
    marked: &Address,
    key: &Listed,
    aws: &Reader,
) -> Result<bool, Fault> {
    if marked.kind() != GUEST {
        return Ok(false);
    }
    let groups = groups(aws).await?;
    let hosts = |config: &KeyGroupConfig| {
        let comment = config.comment().unwrap_or_default();
        mark::owned_address(aws.scope(), comment).and_then(|group| guest_of(&group)).as_ref() == Some(marked)
    };
    Ok(!groups.iter().any(|(_, config)| hosts(config) || config.items().contains(&key.id)))
}

/// The digest that names the version of a key.
fn digest(pem: &str) -> Option<String> {
    public_key::der(pem).map(|der| hex(&Sha256::digest(der)))
}

/// Looks at everything that rotation decides by. `now_ms` is this machine's clock, asked once: AWS refuses a clock that
/// is far off, and the time from then on is counted.
///
/// # Errors
/// When AWS refuses or does not answer.
pub async fn look(aws: &Reader, site: &Site, now_ms: u64) -> Result<Seen, Fault> {
    let aws = &aws.fresh();
    let begun = tokio::time::Instant::now();
    let (mut group, mut group_id, mut group_version, mut group_config) =
        (None, String::new(), String::new(), None);
    if let Some((id, _)) = groups(aws).await?.iter().find(|(_, config)| config.name() == site.group.name()) {
        let answer = aws
            .read(&site.group.address, "cloudfront", "GetKeyGroup", || {
                aws.cloudfront().get_key_group().id(id).send()
            })
            .await
            .absent_on(ABSENT)?;
        if let Some(answer) = answer {
            group_version = answer.e_tag.unwrap_or_default();
            if let Some(found) = answer.key_group {
                let members =
                    found.key_group_config().iter().flat_map(|config| config.items()).cloned().collect();
                group = Some(Group { members, changed_s: found.last_modified_time.secs() });
                (group_id, group_config) = (found.id, found.key_group_config);
            }
        }
    }
    let deployed = is_deployed(aws, &group_id).await?;
    let all = public_key::all(aws).await?;
    let guests = guests(&site.group.address, aws.scope(), &all);
    let declared: BTreeSet<&str> = declared(&site.group.address, aws.scope(), &all).into_iter().collect();
    let keys = all.iter().filter_map(|key| {
        let owner = match (guests.contains(&key.id), declared.contains(key.id.as_str())) {
            (true, _) => Owner::Rotation,
            (_, true) => Owner::Environment,
            _ => return None,
        };
        Some(Key { id: key.id.clone(), digest: digest(&key.key)?, made_s: key.made_s, owner })
    });
    let (keys, keys_in_account) = (keys.collect(), all.len());
    let secret = secret(aws, &site.secret).await?;
    let counted = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let now_s = i64::try_from(now_ms.saturating_add(counted) / 1000).unwrap_or(i64::MAX);
    let observed = Observed { now_s, group, keys, keys_in_account, secret, deployed };
    Ok(Seen { observed, group_id, group_version, group_config, at: tokio::time::Instant::now() })
}

/// Whether all distributions that trust the group say that they are deployed.
async fn is_deployed(aws: &Reader, group: &str) -> Result<bool, Fault> {
    let all = find::list(aws).await?;
    let mut trusting = all.iter().filter(|one| {
        let default = one.default_cache_behavior().and_then(|behavior| behavior.trusted_key_groups());
        let others = one.cache_behaviors().into_iter().flat_map(|behaviors| behaviors.items());
        let others = others.filter_map(|behavior| behavior.trusted_key_groups());
        others.chain(default).any(|groups| groups.items().iter().any(|id| id == group))
    });
    Ok(trusting.all(|one| one.status() == "Deployed"))
}

async fn secret(aws: &Reader, at: &Place) -> Result<Option<Secret>, Fault> {
    let Some(about) = describe(at, aws).await?.filter(|about| about.deleted_date().is_none()) else {
        return Ok(None);
    };
    let (mut versions, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = aws
            .read(&at.address, "secretsmanager", "ListSecretVersionIds", || {
                let ask = aws.secretsmanager().list_secret_version_ids().secret_id(at.name());
                ask.set_next_token(token.clone()).send()
            })
            .await?;
        versions.extend(page.versions().iter().map(|version| Version {
            id: version.version_id().unwrap_or_default().to_owned(),
            labels: version.version_stages().iter().cloned().collect(),
            made_s: version.created_date().map_or(0, aws_smithy_types::DateTime::secs),
        }));
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    let changed_s = about.last_changed_date().map_or(0, aws_smithy_types::DateTime::secs);
    Ok(Some(Secret { versions, changed_s }))
}

fn late(at: &Address) -> Fault {
    Fault::Transient(
        Cause::new("the look was too long ago, and nothing was changed").at(at).hint("run it again"),
    )
}
