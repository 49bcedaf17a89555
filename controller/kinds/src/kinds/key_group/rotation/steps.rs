//! The steps of a rotation as calls. Each can be made again; of two who make one, the second is refused.

use std::collections::BTreeSet;

use aws_sdk_cloudfront::types::PublicKeyConfig;
use model::{Fault, fields::hex};
use rotation::{CURRENT, NO_KEY, PENDING, Rules, SINCE, Step};
use sha2::{Digest, Sha256};

use super::{KeyMaker, Seen, Site, digest, guest_of, guests, late};
use crate::{
    Place, Writer,
    aws::{Absent, CallError},
    kinds::{
        distribution::{mark, version},
        public_key,
        secret::SecretText,
    },
};

const KEY_ABSENT: &[&str] = &["NoSuchPublicKey"];
/// What Secrets Manager says when the label is where somebody else has put it.
const MOVED: &[&str] = &["InvalidParameterException", "ResourceNotFoundException"];
/// A version is put again when its answer is lost: with it a new key would be.
const PUTS_MAX: u32 = 3;

/// A step that is about to be made.
pub struct Attempt<'a> {
    pub site: &'a Site,
    pub seen: &'a Seen,
    pub rules: &'a Rules,
    pub maker: &'a dyn KeyMaker,
}

/// Makes one step.
///
/// # Errors
/// When somebody else was faster, when the look is too long ago, and those of the calls.
pub async fn act(aws: &Writer, attempt: &Attempt<'_>, step: &Step) -> Result<(), Fault> {
    attempt.in_time()?;
    let members = || attempt.seen.observed.group.iter().flat_map(|group| group.members.iter().cloned());
    match step {
        Step::Prime => {
            let token = hex(&Sha256::digest("dn: no signing key yet"));
            attempt.put(aws, &token, &attempt.maker.none(), NO_KEY).await
        }
        Step::Prepare => attempt.prepare(aws).await,
        Step::Widen { key } => attempt.update(aws, members().chain([key.clone()]).collect()).await,
        Step::Narrow { keys } => {
            attempt.update(aws, members().filter(|id| !keys.contains(id)).collect()).await
        }
        Step::Switch { from, to } => attempt.label(aws, CURRENT, from.as_deref(), Some(to)).await,
        Step::Stamp { version, now_s } => {
            attempt.label(aws, &format!("{SINCE}{now_s}"), None, Some(version)).await
        }
        Step::Unlabel { version, label } => attempt.label(aws, label, Some(version), None).await,
        Step::Delete { key } => delete(&attempt.site.group, key, aws).await,
    }
}

impl Attempt<'_> {
    /// Whether the step may still be made.
    fn in_time(&self) -> Result<(), Fault> {
        let limit_s = u64::try_from(self.rules.act_s()).unwrap_or(0);
        match self.seen.at.elapsed().as_secs() < limit_s {
            true => Ok(()),
            false => Err(late(&self.site.group.address)),
        }
    }

    /// Public half first: the document needs its id. Cut off in between, the key is one that nobody can sign with.
    async fn prepare(&self, aws: &Writer) -> Result<(), Fault> {
        let at = &self.site.group;
        let failed = |why: String| Fault::refused(&at.address, why);
        let pair = self.maker.make().map_err(failed)?;
        let pem = pair.public_pem();
        let Some(digest) = digest(&pem) else { return Err(failed("the new key is none".to_owned())) };
        let id = create(at, &pem, &digest, aws).await?;
        self.in_time()?;
        self.put(aws, &digest, &pair.document(&id), PENDING).await
    }

    async fn put(&self, aws: &Writer, token: &str, text: &SecretText, label: &str) -> Result<(), Fault> {
        let at = &self.site.secret;
        let mut tries = 1;
        loop {
            let put = aws
                .write(at, "secretsmanager", "PutSecretValue", || {
                    let ask = aws.secretsmanager().put_secret_value().secret_id(at.name());
                    let ask = ask.client_request_token(token).secret_string(text.text());
                    ask.version_stages(label).send()
                })
                .await;
            match put {
                Err(error) if error.status().is_none() && tries < PUTS_MAX => tries += 1,
                other => return other.map(drop).map_err(Fault::from),
            }
            self.in_time()?;
        }
    }

    async fn label(
        &self,
        aws: &Writer,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), Fault> {
        let at = &self.site.secret;
        let moved = aws
            .write(at, "secretsmanager", "UpdateSecretVersionStage", || {
                let ask = aws.secretsmanager().update_secret_version_stage().secret_id(at.name());
                let ask = ask.version_stage(label).set_remove_from_version_id(from.map(str::to_owned));
                ask.set_move_to_version_id(to.map(str::to_owned)).send()
            })
            .await;
        match moved {
            Err(error) if MOVED.iter().any(|code| error.is(code)) => {
                Err(version::moved(at, "its labels were moved since"))
            }
            other => other.map(drop).map_err(Fault::from),
        }
    }

    async fn update(&self, aws: &Writer, members: BTreeSet<String>) -> Result<(), Fault> {
        let at = &self.site.group;
        let Some(mut config) = self.seen.group_config.clone() else {
            return Err(version::moved(at, "it is gone"));
        };
        config.items = members.into_iter().collect();
        let updated = aws
            .write(at, "cloudfront", "UpdateKeyGroup", || {
                let ask = aws.cloudfront().update_key_group().id(&self.seen.group_id);
                ask.if_match(&self.seen.group_version).key_group_config(config.clone()).send()
            })
            .await;
        match updated {
            Err(error) if version::is_outdated(&error) => Err(version::moved(at, "it was changed since")),
            other => other.map(drop).map_err(Fault::from),
        }
    }
}

/// Makes the public half; its id. Whether it was made is looked up where the answer does not tell.
async fn create(at: &Place, pem: &str, digest: &str, aws: &Writer) -> Result<String, Fault> {
    let Some(guest) = guest_of(&at.address) else {
        return Err(Fault::refused(&at.address, "its name does not fit into a mark"));
    };
    let name = format!("{}-{}", at.name(), &digest[..8]);
    let config = PublicKeyConfig::builder()
        .caller_reference(format!("dn-{}", &digest[..32]))
        .name(name)
        .encoded_key(pem)
        .comment(mark::marked(aws.scope(), &guest, ""))
        .build()
        .map_err(|error| Fault::refused(&at.address, error.to_string()))?;
    let made = aws
        .write(at, "cloudfront", "CreatePublicKey", || {
            aws.cloudfront().create_public_key().public_key_config(config.clone()).send()
        })
        .await;
    match made {
        Ok(made) => Ok(made.public_key.map(|key| key.id).unwrap_or_default()),
        Err(error) if error.status().is_none() || error.is("PublicKeyAlreadyExists") => {
            let all = public_key::all(&aws.reader().fresh()).await?;
            let same = all.iter().find(|key| super::digest(&key.key).as_deref() == Some(digest));
            same.map(|key| key.id.clone()).ok_or_else(|| Fault::from(error))
        }
        Err(error) => Err(error.into()),
    }
}

async fn delete(at: &Place, key: &str, aws: &Writer) -> Result<(), Fault> {
    let found = aws
        .read(&at.address, "cloudfront", "GetPublicKey", || aws.cloudfront().get_public_key().id(key).send())
        .await
        .absent_on(KEY_ABSENT)?;
    let Some(found) = found else { return Ok(()) };
    let gone: Result<_, CallError> = aws
        .write(at, "cloudfront", "DeletePublicKey", || {
            let ask = aws.cloudfront().delete_public_key().id(key);
            ask.set_if_match(found.e_tag.clone()).send()
        })
        .await;
    gone.absent_on(KEY_ABSENT).map(drop)
}

/// Deletes the keys that rotation made for a group that is gone.
pub(in crate::kinds) async fn delete_guests(at: &Place, aws: &Writer) -> Result<(), Fault> {
    let all = public_key::all(&aws.reader().fresh()).await?;
    for key in guests(&at.address, aws.scope(), &all) {
        delete(at, &key, aws).await?;
    }
    Ok(())
}
