//! A public key whose private half signs links. Outputs: `id`, which is the `Key-Pair-Id` in every link.
//!
//! Surprises (aws-semantics 8.3): only the comment can change, so another key is another resource: a part of the key's
//! digest is in its name, the new one is made and joins its groups before the old one, an orphan by then, is deleted.
//! **Every unexpired link that the old key signed dies with that.** To rotate without breaking links, declare the
//! second key beside the first and take the first away when its last link has expired (8.4), or leave that to
//! [rotation](super::key_group::rotation), whose keys are declared nowhere. CloudFront gives the text back with another
//! line break at its end, so the keys are compared, not the texts. It cannot be tagged.

use std::sync::Arc;

use aws_sdk_cloudfront::types::PublicKeyConfig as Config;
use aws_smithy_types::base64;
use model::{Address, Fault, Fields, Outputs, fields::hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    distribution::{
        mark,
        version::{Born, bear, over_version},
    },
    key_group::rotation,
};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads, whole_account},
};

reads!(aws_sdk_cloudfront:
    get_public_key GetPublicKeyFluentBuilder,
    list_public_keys ListPublicKeysFluentBuilder,
);

const ABSENT: &[&str] = &["NoSuchPublicKey"];
const COMMENT_MAX: usize = 128;
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// The half of a key pair that CloudFront is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublicKey {
    pub comment: String,
    /// PEM (`BEGIN PUBLIC KEY`) of an RSA key of 2048 bits or an ECDSA key on P-256.
    pub key: String,
}

/// The key itself.
pub(in crate::kinds) fn der(pem: &str) -> Option<Vec<u8>> {
    let body = pem.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    base64::decode(body.split_whitespace().collect::<String>()).ok()
}

/// The one text of a key: lines of 64 characters. What is no key stays as it is.
fn canonical(pem: &str) -> String {
    let Some(der) = der(pem) else { return pem.to_owned() };
    let body = base64::encode(der);
    let mut text = format!("{BEGIN}\n");
    for (number, character) in body.chars().enumerate() {
        if number > 0 && number % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text + "\n" + END + "\n"
}

impl PublicKey {
    #[must_use]
    pub fn new(pem: impl Into<String>) -> Self {
        Self { comment: String::new(), key: pem.into() }
    }

    fn config(&self, at: &Place, reference: &str, scope: &Scope) -> Result<Config, Fault> {
        let Some(key) = der(&self.key) else {
            return Err(Fault::refused(&at.address, "its key is not PEM of a public key")
                .hint(format!("it begins with {BEGIN}: `openssl pkey -pubout` writes it so")));
        };
        // An RSA key of 2048 bits and a key on P-256 have these lengths (RFC 5280, 5480).
        if ![294, 91].contains(&key.len()) {
            return Err(Fault::refused(
                &at.address,
                "its key is neither RSA of 2048 bits nor ECDSA on P-256",
            )
            .hint("CloudFront takes no other: `openssl genrsa 2048` makes one"));
        }
        let comment = mark::marked(scope, &at.address, &self.comment);
        mark::check_length(&comment, COMMENT_MAX, at)?;
        Config::builder()
            .caller_reference(reference)
            .name(at.name())
            .encoded_key(canonical(&self.key))
            .comment(comment)
            .build()
            .map_err(|error| Fault::refused(&at.address, error.to_string()))
    }
}

impl Resource for PublicKey {
    const KIND: &'static str = "public key";
    const TAGGED: bool = false;
    const IRREVERSIBLE: Option<&'static str> =
        Some("every unexpired link that its private half signed stops working");

    /// With a part of the key's digest, unless the environment names it: then that key is meant and stays.
    fn physical_of(&self, scope: &Scope, address: &Address) -> String {
        let name = scope.name(address);
        match (scope.names.contains_key(address), der(&self.key)) {
            (false, Some(key)) => format!("{name}-{}", hex(&Sha256::digest(&key)[..4])),
            _ => name,
        }
    }

    /// AWS invents its id.
    fn known(_: &Scope, _: &str) -> Outputs {
        Outputs::new()
    }

    fn physical_of_arn(_: &str) -> Option<String> {
        None
    }

    fn list(&self, to: &mut Fields) {
        let Self { comment, key } = self;
        to.field("comment", comment);
        to.fixed("key", &canonical(key));
    }

    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        let all = aws.once("cloudfront:ListPublicKeys", listed(aws)).await?;
        let mut ours = Vec::new();
        for one in all.iter() {
            let Some(address) = mark::owned_address(aws.scope(), &one.comment) else { continue };
            if address.kind() == Self::KIND {
                ours.push((address, one.name.clone()));
            } else if rotation::is_left_behind(&address, one, aws).await? {
                let name = format!("{}-{}", address.name(), one.id.to_lowercase());
                let address = Address::new(address.stack(), Self::KIND, &name)
                    .map_err(|error| Fault::refused(&address, error.to_string()))?;
                ours.push((address, one.name.clone()));
            }
        }
        Ok(ours)
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let all = all(aws).await?;
        let Some(one) = all.iter().find(|one| one.name == at.name()) else { return Ok(None) };
        let outputs = Outputs::from([("id".to_owned(), one.id.clone())]);
        let actual = |comment: &str, key: &str| Self {
            comment: mark::words(aws.scope(), &at.address, comment),
            key: canonical(key),
        };
        if !aws.alone() {
            return Ok(Some(Live::new(actual(&one.comment, &one.key), outputs, None)));
        }
        let answer = aws
            .read(&at.address, "cloudfront", "GetPublicKey", || {
                aws.cloudfront().get_public_key().id(&one.id).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(answer) = answer else { return Ok(None) };
        let Some(config) = answer.public_key().and_then(|key| key.public_key_config()) else {
            return Ok(None);
        };
        let live = actual(config.comment().unwrap_or_default(), config.encoded_key());
        let token = answer.e_tag().map(str::to_owned);
        Ok(Some(Live { token, ..Live::new(live, outputs, None) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        self.config(at, "checked", aws.scope())?;
        let live = match live {
            Some(live) => live,
            None => match bear::<Self, _, _, _>(at, aws, "PublicKeyAlreadyExists", |reference| {
                self.make(at, reference, aws)
            })
            .await?
            {
                Born::Before(live) => live,
                Born::Made(id) => return Ok(Outputs::from([("id".to_owned(), id)])),
            },
        };
        mark::refuse_other(aws.scope(), at, &live.actual.comment)?;
        if canonical(&self.key) != live.actual.key {
            return Err(Fault::refused(
                &at.address,
                "a key of this name is another key, and CloudFront changes none",
            )
            .hint("declare the new key under another name beside it"));
        }
        let outputs = live.outputs.clone();
        if self.comment != live.actual.comment {
            let id = &outputs["id"];
            over_version(at, live, aws, |version| self.write_comment(at, id, version, aws)).await?;
        }
        Ok(outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        mark::refuse_other(aws.scope(), at, &live.actual.comment)?;
        let id = &live.outputs["id"].clone();
        over_version(at, live, aws, |version| async move {
            let gone = aws
                .write(at, "cloudfront", "DeletePublicKey", || {
                    aws.cloudfront().delete_public_key().id(id).if_match(&version).send()
                })
                .await;
            match gone {
                Err(error) if ABSENT.iter().any(|code| error.is(code)) => Ok(()),
                other => other.map(|_| ()),
            }
        })
        .await
        .map_err(|fault| fault.hint("take it out of its key groups first, when its last link has expired"))
    }
}

impl PublicKey {
    async fn make(
        &self,
        at: &Place,
        reference: String,
        aws: &Writer,
    ) -> Result<String, crate::aws::CallError> {
        let made = aws
            .write(at, "cloudfront", "CreatePublicKey", || {
                let config = self.config(at, &reference, aws.scope()).ok();
                aws.cloudfront().create_public_key().set_public_key_config(config).send()
            })
            .await?;
        Ok(made.public_key.map(|one| one.id).unwrap_or_default())
    }

    /// An update sends everything, and everything but the comment must be as it is, the text of the key included.
    async fn write_comment(
        &self,
        at: &Place,
        id: &str,
        version: String,
        aws: &Writer,
    ) -> Result<(), crate::aws::CallError> {
        let live = aws
            .read(&at.address, "cloudfront", "GetPublicKey", || {
                aws.cloudfront().get_public_key().id(id).send()
            })
            .await?;
        let mut config = live.public_key.and_then(|key| key.public_key_config);
        if let Some(config) = &mut config {
            config.comment = Some(mark::marked(aws.scope(), &at.address, &self.comment));
        }
        aws.write(at, "cloudfront", "UpdatePublicKey", || {
            let ask = aws.cloudfront().update_public_key().id(id).if_match(&version);
            ask.set_public_key_config(config.clone()).send()
        })
        .await
        .map(|_| ())
    }
}

/// What the list tells of a key, which is everything but the version.
pub(in crate::kinds) struct Listed {
    pub(in crate::kinds) id: String,
    name: String,
    pub(in crate::kinds) comment: String,
    pub(in crate::kinds) key: String,
    /// Seconds since 1970.
    pub(in crate::kinds) made_s: i64,
}

/// Every public key of the account, asked once in a run of looking.
pub(in crate::kinds) async fn all(aws: &Reader) -> Result<Arc<Vec<Listed>>, Fault> {
    match aws.alone() {
        true => Ok(listed(aws).await?.into()),
        false => aws.once("cloudfront:ListPublicKeys", listed(aws)).await,
    }
}

async fn listed(aws: &Reader) -> Result<Vec<Listed>, Fault> {
    let (mut all, mut marker) = (Vec::new(), None::<String>);
    let at = whole_account("public-keys");
    loop {
        let page = aws
            .read(&at, "cloudfront", "ListPublicKeys", || {
                let ask = aws.cloudfront().list_public_keys().max_items(100);
                ask.set_marker(marker.clone()).send()
            })
            .await?;
        let Some(page) = page.public_key_list else { return Ok(all) };
        all.extend(page.items().iter().map(|one| Listed {
            id: one.id().to_owned(),
            name: one.name().to_owned(),
            comment: one.comment().unwrap_or_default().to_owned(),
            key: one.encoded_key().to_owned(),
            made_s: one.created_time().secs(),
        }));
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_has_one_text_however_it_is_broken_into_lines() {
        let body = base64::encode([7_u8; 91]);
        let (head, tail) = body.split_at(50);
        let broken = format!("  {BEGIN}\r\n{head}\r\n{tail}\r\n{END}");
        let whole = format!("{BEGIN}\n{body}\n{END}\n\n");
        assert_eq!(canonical(&broken), canonical(&whole));
        assert!(canonical(&whole).lines().all(|line| line.len() <= 64));
        assert_eq!(canonical("no key"), "no key");
    }
}
