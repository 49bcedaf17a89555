//! The parts of a key that are written by calls of their own.

use aws_sdk_kms::types::Tag;
use model::{Fault, Tags};

use super::{ABSENT, Key, identity};
use crate::{
    Live, Place, Writer,
    aws::{Absent, Waiting, tag_changes},
};

/// KMS takes no tag without a value member, so every tag here is complete.
pub(super) fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag::builder().tag_key(key).tag_value(value).build();
    tags.iter().map(|one| tag(one).expect("a tag has a key and a value")).collect()
}

pub(super) async fn sync_tags(at: &Place, live: &Live<Key>, aws: &Writer) -> Result<(), Fault> {
    let id = &live.outputs["id"];
    let (set, unset) = tag_changes(live.tags.as_ref().unwrap_or(&Tags::new()), &at.tags);
    if !unset.is_empty() {
        aws.write(at, "kms", "UntagResource", || {
            aws.kms().untag_resource().key_id(id).set_tag_keys(Some(unset.clone())).send()
        })
        .await?;
    }
    if !set.is_empty() {
        aws.write(at, "kms", "TagResource", || {
            aws.kms().tag_resource().key_id(id).set_tags(Some(sdk_tags(&set))).send()
        })
        .await?;
    }
    Ok(())
}

/// Whether the key is gone or on its way.
pub(super) async fn is_waiting(at: &Place, id: &str, aws: &Writer) -> Result<bool, Fault> {
    let key = identity::describe(&at.address, id, aws).await?;
    Ok(key.is_none_or(|key| identity::is_pending(&key)))
}

impl Key {
    /// The key, taken back when it waits for deletion: only our own, for somebody decided that it shall go.
    /// Cancelling leaves it disabled, and shows its rotation again (KMS hides that while the key waits).
    pub(super) async fn usable(
        &self,
        at: &Place,
        live: Live<Self>,
        aws: &Writer,
    ) -> Result<Live<Self>, Fault> {
        let id = live.outputs["id"].clone();
        if live.actual.enabled || !is_waiting(at, &id, aws).await? {
            return Ok(live);
        }
        let owner = live.tags.as_ref().and_then(|tags| aws.scope().owned_address(tags));
        if owner.as_ref() != Some(&at.address) {
            let message = "the key behind its alias waits for deletion, and was not made by this stage";
            return Err(Fault::refused(&at.address, message).hint(format!(
                "aws kms cancel-key-deletion --key-id {id}, then apply; or give it another name in the environment"
            )));
        }
        aws.write(at, "kms", "CancelKeyDeletion", || aws.kms().cancel_key_deletion().key_id(&id).send())
            .await?;
        let key = aws
            .until(at, Waiting::up_to(120, "the key that was taken back"), || async {
                let key = identity::describe(&at.address, &id, aws).await?;
                Ok(key.filter(|key| !identity::is_pending(key)))
            })
            .await?;
        identity::read(at, &key, live.actual.aliased, aws).await
    }

    pub(super) async fn sync_rotation(
        &self,
        at: &Place,
        live: &Live<Self>,
        aws: &Writer,
    ) -> Result<(), Fault> {
        let id = &live.outputs["id"];
        if self.rotation_days == live.actual.rotation_days {
            return Ok(());
        }
        if !self.enabled && !live.actual.enabled {
            let message = "the rotation of a disabled key cannot change";
            return Err(Fault::refused(&at.address, message).hint("enable it, apply, and disable it again"));
        }
        match self.rotation_days {
            Some(days) => {
                let days = i32::try_from(days).unwrap_or(i32::MAX);
                aws.write(at, "kms", "EnableKeyRotation", || {
                    aws.kms().enable_key_rotation().key_id(id).rotation_period_in_days(days).send()
                })
                .await?;
            }
            None => {
                aws.write(at, "kms", "DisableKeyRotation", || {
                    aws.kms().disable_key_rotation().key_id(id).send()
                })
                .await?;
            }
        }
        Ok(())
    }

    pub(super) async fn sync_alias(&self, at: &Place, live: &Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let (id, alias) = (&live.outputs["id"], format!("alias/{}", at.name()));
        match (self.aliased, live.actual.aliased) {
            (true, true) | (false, false) => Ok(()),
            (false, true) => {
                aws.write(at, "kms", "DeleteAlias", || aws.kms().delete_alias().alias_name(&alias).send())
                    .await
                    .absent_on(ABSENT)?;
                Ok(())
            }
            (true, false) => {
                let created = aws
                    .write(at, "kms", "CreateAlias", || {
                        aws.kms().create_alias().alias_name(&alias).target_key_id(id).send()
                    })
                    .await
                    .absent_on(&["AlreadyExistsException"])?;
                let key = aws
                    .until(at, Waiting::up_to(120, "the alias"), || async {
                        identity::describe(&at.address, &alias, aws).await
                    })
                    .await?;
                if key.key_id() == id {
                    return Ok(());
                }
                debug_assert!(created.is_none(), "an alias that was just made points at its key");
                self.take_alias(at, id, &key, aws).await
            }
        }
    }

    /// Moves the alias from a key of this stage that the environment has given another name; from no other.
    async fn take_alias(
        &self,
        at: &Place,
        id: &str,
        from: &aws_sdk_kms::types::KeyMetadata,
        aws: &Writer,
    ) -> Result<(), Fault> {
        let other = identity::read(at, from, true, aws).await?;
        if !identity::is_named_otherwise(at, other.tags.as_ref(), aws) {
            let message = format!("its alias points at another key, {}", from.key_id());
            return Err(
                Fault::refused(&at.address, message).hint("give this key another name in the environment")
            );
        }
        aws.write(at, "kms", "UpdateAlias", || {
            aws.kms().update_alias().alias_name(format!("alias/{}", at.name())).target_key_id(id).send()
        })
        .await?;
        Ok(())
    }
}
