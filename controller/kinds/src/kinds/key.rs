//! A KMS key and the alias that names it.
//!
//! Surprises (aws-semantics 6, 1.3): a key has no name, so its identity is the alias, or, while there is no
//! alias, the tag `dn:address`; `CreateKey` makes another billable key every time, so it is called only after
//! both were looked for and answered "not there"; a key cannot be deleted at once, only scheduled, and
//! cancelling that leaves it disabled; rotation cannot be changed while the key is disabled; what was just
//! made is not found for a while.
//!
//! Spec, usage and multi-Region are fixed for ever and a change is refused, because what was encrypted would
//! be lost: declare a second key under another address, point its users at it, and keep the first one. To
//! give the alias of the first to the second, name the first otherwise in the environment and the second by
//! that alias.

use model::{
    Fault, Fields, Holds, Outputs,
    policy::{Policy, Statement},
};
use serde::{Deserialize, Serialize};

use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, Waiting, reads},
};

mod identity;
mod syncs;

pub(crate) use identity::arn_of;

reads!(aws_sdk_kms:
    describe_key DescribeKeyFluentBuilder,
    list_keys ListKeysFluentBuilder,
    list_aliases ListAliasesFluentBuilder,
    list_resource_tags ListResourceTagsFluentBuilder,
    get_key_policy GetKeyPolicyFluentBuilder,
    get_key_rotation_status GetKeyRotationStatusFluentBuilder,
);

const ABSENT: &[&str] = &["NotFoundException"];

/// The longest waiting period before a key is really gone, in days. Not read back while the key lives, so no
/// field.
const DELETION_DAYS: i32 = 30;

/// What encrypts, signs or authenticates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub description: String,
    /// Who may use and manage it. Nobody may who is not named here, the account's own roles included.
    pub policy: Policy,
    /// How often AWS makes new key material, in days (90 to 2560); old material keeps decrypting. Symmetric
    /// keys only.
    pub rotation_days: Option<u32>,
    pub usage: Usage,
    /// KMS's word: `SYMMETRIC_DEFAULT`, `RSA_2048`, `ECC_NIST_P256`, `HMAC_256` …
    pub spec: String,
    /// Whether it can be replicated to other Regions.
    pub multi_region: bool,
    /// A disabled key is kept, but nothing can be encrypted or decrypted.
    pub enabled: bool,
    /// Whether the alias `alias/<name>` points at it. Without one, only the tags find the key.
    pub aliased: bool,
}

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Usage {
    EncryptDecrypt,
    SignVerify,
    GenerateVerifyMac,
    KeyAgreement,
}

impl Usage {
    const ALL: [Self; 4] =
        [Self::EncryptDecrypt, Self::SignVerify, Self::GenerateVerifyMac, Self::KeyAgreement];

    fn word(self) -> &'static str {
        match self {
            Self::EncryptDecrypt => "ENCRYPT_DECRYPT",
            Self::SignVerify => "SIGN_VERIFY",
            Self::GenerateVerifyMac => "GENERATE_VERIFY_MAC",
            Self::KeyAgreement => "KEY_AGREEMENT",
        }
    }
}

impl Key {
    /// An enabled key that encrypts and decrypts, with a yearly rotation.
    #[must_use]
    pub fn symmetric(policy: Policy) -> Self {
        Self {
            description: String::new(),
            policy,
            rotation_days: Some(365),
            usage: Usage::EncryptDecrypt,
            spec: "SYMMETRIC_DEFAULT".to_owned(),
            multi_region: false,
            enabled: true,
            aliased: true,
        }
    }

    /// Lets the policies of the account's own roles decide about the key. A policy without such a statement
    /// locks out everybody whom it does not name. `account` has twelve digits.
    #[must_use]
    pub fn owner(account: &str) -> Statement {
        Statement::allow(["kms:*"], ["*"]).sid("owner").to_aws(account)
    }
}

impl Resource for Key {
    const KIND: &'static str = "key";
    const IRREVERSIBLE: Option<&'static str> =
        Some("unusable at once, and after 30 days everything encrypted with it is lost");

    fn known(scope: &Scope, physical: &str) -> Outputs {
        if identity::is_id(physical) {
            let arn = scope.arn("kms", &format!("key/{physical}"));
            return Outputs::from([("arn".to_owned(), arn), ("id".to_owned(), physical.to_owned())]);
        }
        let alias = format!("alias/{physical}");
        Outputs::from([("alias_arn".to_owned(), scope.arn("kms", &alias)), ("alias".to_owned(), alias)])
    }

    /// The key's id: an ARN does not tell the alias.
    fn physical_of_arn(arn: &str) -> Option<String> {
        arn.strip_prefix("arn:aws:kms:")?.rsplit_once(":key/").map(|(_, id)| id.to_owned())
    }

    fn list(&self, to: &mut Fields) {
        let Self { description, policy, rotation_days, usage, spec, multi_region, enabled, aliased } = self;
        to.field("description", description);
        to.field("policy", policy);
        to.field("rotation_days", rotation_days);
        to.blocked("usage", usage);
        to.blocked("spec", spec);
        to.blocked("multi_region", multi_region);
        to.field("enabled", enabled);
        to.field("aliased", aliased);
    }

    async fn owned(aws: &Reader) -> Result<Vec<(model::Address, String)>, Fault> {
        identity::owned(aws).await
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        identity::find(at, aws).await
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let live = match live {
            Some(live) => self.usable(at, live, aws).await?,
            None => match identity::find_pending(at, aws).await? {
                Some(pending) if self.same_kind(&pending.actual) => self.usable(at, pending, aws).await?,
                _ => self.create(at, aws).await?,
            },
        };
        let have = &live.actual;
        if !self.same_kind(have) {
            let message = "its usage, spec or multi-Region cannot change: what it encrypted would be lost";
            return Err(Fault::refused(&at.address, message)
                .hint("declare a second key and move its users, then the alias, to that"));
        }
        let id = &live.outputs["id"];
        if self.enabled && !have.enabled {
            aws.write(at, "kms", "EnableKey", || aws.kms().enable_key().key_id(id).send()).await?;
        }
        if self.description != have.description {
            aws.write(at, "kms", "UpdateKeyDescription", || {
                aws.kms().update_key_description().key_id(id).description(&self.description).send()
            })
            .await?;
        }
        if self.policy != have.policy {
            aws.write(at, "kms", "PutKeyPolicy", || {
                aws.kms().put_key_policy().key_id(id).policy(self.policy.document()).send()
            })
            .await?;
        }
        self.sync_rotation(at, &live, aws).await?;
        self.sync_alias(at, &live, aws).await?;
        if !self.enabled && have.enabled {
            aws.write(at, "kms", "DisableKey", || aws.kms().disable_key().key_id(id).send()).await?;
        }
        syncs::sync_tags(at, &live, aws).await?;
        Ok(live.outputs)
    }

    /// The alias goes first, so that a key is never named that is about to go; without it, a second run finds
    /// the key by its tags. The alias of a key that already waits for deletion is taken away too.
    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        if live.actual.aliased {
            aws.write(at, "kms", "DeleteAlias", || {
                aws.kms().delete_alias().alias_name(format!("alias/{}", at.name())).send()
            })
            .await
            .absent_on(ABSENT)?;
        }
        let id = &live.outputs["id"];
        if live.actual.enabled || !syncs::is_waiting(at, id, aws).await? {
            aws.write(at, "kms", "ScheduleKeyDeletion", || {
                let ask = aws.kms().schedule_key_deletion().key_id(id);
                ask.pending_window_in_days(DELETION_DAYS).send()
            })
            .await
            .absent_on(ABSENT)?;
        }
        Ok(())
    }
}

impl Key {
    fn same_kind(&self, other: &Self) -> bool {
        (self.usage, &self.spec, self.multi_region) == (other.usage, &other.spec, other.multi_region)
    }

    async fn create(&self, at: &Place, aws: &Writer) -> Result<Live<Self>, Fault> {
        let tags = at.birth_tags();
        let created = aws
            .write(at, "kms", "CreateKey", || {
                let ask =
                    aws.kms().create_key().description(&self.description).policy(self.policy.document());
                ask.key_usage(self.usage.word().into())
                    .key_spec(self.spec.as_str().into())
                    .multi_region(self.multi_region)
                    .set_tags(Some(syncs::sdk_tags(&tags)))
                    .send()
            })
            .await?;
        let Some(key) = created.key_metadata else {
            return Err(Fault::refused(&at.address, "KMS made a key and did not say which"));
        };
        // KMS is eventually consistent: the next calls would not find it yet.
        aws.until(at, Waiting::up_to(120, "the new key"), || async {
            identity::describe(&at.address, key.key_id(), aws).await
        })
        .await?;
        let actual = Self { rotation_days: None, enabled: true, aliased: false, ..self.clone() };
        let mut outputs = Self::known(aws.scope(), at.name());
        outputs.insert("arn".to_owned(), key.arn().unwrap_or_default().to_owned());
        outputs.insert("id".to_owned(), key.key_id().to_owned());
        let holds = Holds::Data(identity::HELD.to_owned());
        Ok(Live { holds, ..Live::new(actual, outputs, Some(tags)) })
    }
}
