//! A group of public keys that behaviours of distributions trust. Outputs: `id`.
//!
//! Surprises (aws-semantics 8.3): an update replaces everything; a group has one to five keys; a link is good when any
//! key of the group signed it, so a key too many is a way in, and one too few breaks links; it cannot be tagged. A
//! change reaches the edges some minutes later, which nothing shows.
//!
//! **Rotation's keys are guests.** `dn rotate` puts keys of its own into the group and takes old ones out
//! ([`rotation`]); they carry a mark of this group and are declared nowhere. From the first of them on the declared
//! keys are those that the group began with: whether they are still members is rotation's business, and no
//! difference. Every other member that is neither a guest nor declared is one that somebody put in by hand: that is
//! drift as ever, and putting it right leaves the guests where they are. Whoever deletes the group deletes its
//! guests.

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_cloudfront::types::KeyGroupConfig as Config;
use model::{Address, Fault, Fields, Outputs, Ref};
use serde::{Deserialize, Serialize};

use super::{
    distribution::{
        mark,
        version::{Born, bear, over_version},
    },
    public_key::{self, Listed, PublicKey},
};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads, whole_account},
};

pub mod rotation;

reads!(aws_sdk_cloudfront:
    get_key_group GetKeyGroupFluentBuilder,
    list_key_groups ListKeyGroupsFluentBuilder,
);

/// `NoSuchResource` is what AWS says of key groups.
const ABSENT: &[&str] = &["NoSuchResource"];
const COMMENT_MAX: usize = 128;
const KEYS_MAX: usize = 5;

/// Keys that may sign links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyGroup {
    pub comment: String,
    /// By id; one to five.
    pub keys: BTreeSet<Ref<PublicKey>>,
}

impl KeyGroup {
    #[must_use]
    pub fn of(keys: impl IntoIterator<Item = Ref<PublicKey>>) -> Self {
        Self { comment: String::new(), keys: keys.into_iter().collect() }
    }

    fn config(&self, at: &Place, scope: &Scope) -> Result<Config, Fault> {
        if !(1..=KEYS_MAX).contains(&self.keys.len()) {
            let message = format!("names {} keys, and a group has 1 to {KEYS_MAX}", self.keys.len());
            return Err(
                Fault::refused(&at.address, message).hint("retire a key whose links have all expired")
            );
        }
        let comment = mark::marked(scope, &at.address, &self.comment);
        mark::check_length(&comment, COMMENT_MAX, at)?;
        let keys = self.keys.iter().map(|key| key.text().to_string()).collect();
        Config::builder()
            .name(at.name())
            .comment(comment)
            .set_items(Some(keys))
            .build()
            .map_err(|error| Fault::refused(&at.address, error.to_string()))
    }

    fn read(at: &Place, scope: &Scope, config: &Config, all: &[Listed]) -> Self {
        let comment = mark::words(scope, &at.address, config.comment().unwrap_or_default());
        let members = || config.items().iter().map(String::as_str);
        let guests = rotation::guests(&at.address, scope, all);
        if !members().any(|id| guests.contains(id)) {
            return Self { comment, keys: members().map(Ref::live).collect() };
        }
        let declared = rotation::declared(&at.address, scope, all);
        let others = members().filter(|id| !guests.contains(*id));
        Self { comment, keys: others.chain(declared).map(Ref::live).collect() }
    }
}

impl Resource for KeyGroup {
    const KIND: &'static str = "key group";
    const TAGGED: bool = false;

    /// AWS invents its id.
    fn known(_: &Scope, _: &str) -> Outputs {
        Outputs::new()
    }

    fn physical_of_arn(_: &str) -> Option<String> {
        None
    }

    fn list(&self, to: &mut Fields) {
        let Self { comment, keys } = self;
        to.field("comment", comment);
        to.field("keys", keys);
    }

    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        let all = aws.once("cloudfront:ListKeyGroups", listed(aws)).await?;
        let ours = all.iter().filter_map(|(_, one)| {
            let address = mark::owned_address(aws.scope(), one.comment()?)?;
            (address.kind() == Self::KIND).then(|| (address, one.name().to_owned()))
        });
        Ok(ours.collect())
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let groups = groups(aws).await?;
        let Some((id, config)) = groups.iter().find(|(_, one)| one.name() == at.name()) else {
            return Ok(None);
        };
        let keys = public_key::all(aws).await?;
        let outputs = Outputs::from([("id".to_owned(), id.clone())]);
        if !aws.alone() {
            return Ok(Some(Live::new(Self::read(at, aws.scope(), config, &keys), outputs, None)));
        }
        let answer = aws
            .read(&at.address, "cloudfront", "GetKeyGroup", || aws.cloudfront().get_key_group().id(id).send())
            .await
            .absent_on(ABSENT)?;
        let Some(answer) = answer else { return Ok(None) };
        let Some(config) = answer.key_group().and_then(|group| group.key_group_config()) else {
            return Ok(None);
        };
        let token = answer.e_tag().map(str::to_owned);
        Ok(Some(Live { token, ..Live::new(Self::read(at, aws.scope(), config, &keys), outputs, None) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let config = self.config(at, aws.scope())?;
        let make = |_| {
            let config = config.clone();
            async move {
                aws.write(at, "cloudfront", "CreateKeyGroup", || {
                    aws.cloudfront().create_key_group().key_group_config(config.clone()).send()
                })
                .await
            }
        };
        let live = match live {
            Some(live) => live,
            None => match bear::<Self, _, _, _>(at, aws, "KeyGroupAlreadyExists", make).await? {
                Born::Before(live) => live,
                Born::Made(made) => {
                    let id = made.key_group.map(|one| one.id).unwrap_or_default();
                    return Ok(Outputs::from([("id".to_owned(), id)]));
                }
            },
        };
        mark::refuse_other(aws.scope(), at, &live.actual.comment)?;
        let outputs = live.outputs.clone();
        if *self != live.actual {
            let (config, id) = (&config, &outputs["id"]);
            let guests = &rotation::guests(&at.address, aws.scope(), &public_key::all(aws).await?);
            over_version(at, live, aws, |version| async move {
                let ask = || aws.cloudfront().get_key_group().id(id).send();
                let now = aws.read(&at.address, "cloudfront", "GetKeyGroup", ask).await?;
                let now = now.key_group.and_then(|group| group.key_group_config);
                let members = now.map(|config| config.items).unwrap_or_default();
                let config = beside_guests(config.clone(), &members, guests);
                aws.write(at, "cloudfront", "UpdateKeyGroup", || {
                    let ask = aws.cloudfront().update_key_group().id(id).if_match(&version);
                    ask.key_group_config(config.clone()).send()
                })
                .await
            })
            .await?;
        }
        Ok(outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        mark::refuse_other(aws.scope(), at, &live.actual.comment)?;
        let id = &live.outputs["id"].clone();
        over_version(at, live, aws, |version| async move {
            let gone = aws
                .write(at, "cloudfront", "DeleteKeyGroup", || {
                    aws.cloudfront().delete_key_group().id(id).if_match(&version).send()
                })
                .await;
            match gone {
                Err(error) if ABSENT.iter().any(|code| error.is(code)) => Ok(()),
                other => other.map(|_| ()),
            }
        })
        .await
        .map_err(|fault| fault.hint("take it out of the behaviours that trust it first"))?;
        rotation::delete_guests(at, aws).await
    }
}

/// The declared configuration; with guests in the group, only what is neither one of them nor declared goes.
fn beside_guests(mut config: Config, members: &[String], guests: &BTreeSet<String>) -> Config {
    if members.iter().any(|id| guests.contains(id)) {
        let stays = members.iter().filter(|id| guests.contains(*id) || config.items.contains(id));
        config.items = stays.cloned().collect();
    }
    config
}

/// Every key group of the account, asked once in a run of looking.
async fn groups(aws: &Reader) -> Result<Arc<Vec<(String, Config)>>, Fault> {
    match aws.alone() {
        true => Ok(listed(aws).await?.into()),
        false => aws.once("cloudfront:ListKeyGroups", listed(aws)).await,
    }
}

/// Ids and what the list tells, which is everything but the version.
async fn listed(aws: &Reader) -> Result<Vec<(String, Config)>, Fault> {
    let (mut all, mut marker) = (Vec::new(), None::<String>);
    let at = whole_account("key-groups");
    loop {
        let page = aws
            .read(&at, "cloudfront", "ListKeyGroups", || {
                aws.cloudfront().list_key_groups().max_items(100).set_marker(marker.clone()).send()
            })
            .await?;
        let Some(page) = page.key_group_list else { return Ok(all) };
        for group in page.items().iter().filter_map(|one| one.key_group()) {
            all.extend(group.key_group_config().map(|config| (group.id().to_owned(), config.clone())));
        }
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(all);
        }
    }
}
