//! A Secrets Manager secret: the container. Its value is put by [`put_value`] alone and never read here.
//!
//! Surprises (aws-semantics 15): the ARN ends in six random characters, so a policy that is written before
//! the secret exists names `arn_pattern`; a deleted secret keeps its name for the recovery window, and a
//! birth under that name restores it; deletion is never forced; the value is re-encrypted for a new key by
//! AWS itself, where the caller may use both keys.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_sdk_secretsmanager::{operation::describe_secret::DescribeSecretOutput, types::Tag};
use model::{Fault, Fields, Holds, Outputs, Ref, Tags, fields::hex, policy::Policy};
use rotation::{NO_KEY, SIGNING_KEY};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::key::{Key, arn_of};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, Waiting, reads, tag_changes},
};

reads!(aws_sdk_secretsmanager:
    describe_secret DescribeSecretFluentBuilder,
    get_resource_policy GetResourcePolicyFluentBuilder,
);

const ABSENT: &[&str] = &["ResourceNotFoundException"];

/// AWS's own key. DescribeSecret names no key where it is used.
const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

/// The label of the version that readers get.
const CURRENT: &str = "AWSCURRENT";

/// The version that a secret is born with.
const BORN: &str = "born-with-the-secret-00000000000000001";

/// The longest window in which a deleted secret can be restored. AWS does not keep it while the secret lives,
/// so it is no field.
const RECOVERY_DAYS: i64 = 30;

/// A container for a value that nobody may see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    /// For people; CloudTrail shows it.
    pub description: String,
    /// What encrypts it; `None` is AWS's own key `aws/secretsmanager`, which no other account can use.
    pub key: Option<Ref<Key>>,
    /// Who may use it beside those whose own roles allow it. One that allows everybody is refused.
    pub policy: Option<Policy>,
    /// Whether it is born with a key that nobody knows, as `{"key":"…"}`: for what only has to be secret and to stay.
    /// No field: AWS does not tell where a value came from, and one that is there is never replaced.
    pub born_with_key: bool,
}

impl Secret {
    /// A secret under AWS's own key, for those whose roles allow it.
    #[must_use]
    pub fn described(description: &str) -> Self {
        Self { description: description.to_owned(), key: None, policy: None, born_with_key: false }
    }

    /// The same, born with a key of 32 random bytes, so that no person has to put one.
    #[must_use]
    pub fn born_with_key(description: &str) -> Self {
        Self { born_with_key: true, ..Self::described(description) }
    }

    fn key_name(&self) -> &str {
        self.key.as_ref().map(|key| key.text().as_str()).unwrap_or_default()
    }
}

impl Resource for Secret {
    const KIND: &'static str = "secret";
    const IRREVERSIBLE: Option<&'static str> =
        Some("the value is unreadable at once, and the name is taken for 30 days");

    fn known(scope: &Scope, physical: &str) -> Outputs {
        let pattern = scope.arn("secretsmanager", &format!("secret:{physical}-??????"));
        Outputs::from([("arn_pattern".to_owned(), pattern), ("name".to_owned(), physical.to_owned())])
    }

    /// Without the six random characters.
    fn physical_of_arn(arn: &str) -> Option<String> {
        let (_, rest) = arn.strip_prefix("arn:aws:secretsmanager:")?.split_once(":secret:")?;
        rest.rsplit_once('-').map(|(name, _)| name.to_owned())
    }

    fn list(&self, to: &mut Fields) {
        let Self { description, key, policy, born_with_key: _ } = self;
        to.field("description", description);
        to.field("key", key);
        to.field("policy", policy);
    }

    /// A secret in its recovery window is not there.
    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let (secret, policy) = futures::try_join!(describe(at, aws), policy(at, aws))?;
        let Some(secret) = secret.filter(|secret| secret.deleted_date().is_none()) else { return Ok(None) };
        let key = match secret.kms_key_id().filter(|key| !key.is_empty() && !key.ends_with(DEFAULT_KEY)) {
            Some(key) => Some(Ref::live(arn_of(&at.address, key, aws).await?)),
            None => None,
        };
        let mut outputs = Self::known(aws.scope(), at.name());
        outputs.insert("arn".to_owned(), secret.arn().unwrap_or_default().to_owned());
        let replicas: Vec<&str> =
            secret.replication_status().iter().filter_map(|replica| replica.region()).collect();
        let protected = (!replicas.is_empty())
            .then(|| format!("has replicas in {}: they must be removed first", replicas.join(", ")));
        let findings = findings(at, &secret, policy.as_ref(), aws.scope());
        let description = secret.description().unwrap_or_default().to_owned();
        let actual = Self { description, key, policy, born_with_key: false };
        // A key that the secret was born with is nothing that anybody could miss: another birth makes another.
        let own = current(&secret).is_some_and(|version| version != BORN);
        let holds = if own { Holds::Data("a value".to_owned()) } else { Holds::Nothing };
        Ok(Some(Live { holds, protected, findings, ..Live::new(actual, outputs, Some(tags_of(&secret))) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let live = match live {
            Some(live) => live,
            None => match restored(at, aws).await? {
                Some(live) => live,
                None => self.create(at, aws).await?,
            },
        };
        self.sync_metadata(at, &live.actual, aws).await?;
        self.sync_policy(at, &live.actual, aws).await?;
        sync_tags(at, live.tags.as_ref().unwrap_or(&Tags::new()), aws).await?;
        Ok(live.outputs)
    }

    async fn delete(at: &Place, _: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        aws.write(at, "secretsmanager", "DeleteSecret", || {
            let ask = aws.secretsmanager().delete_secret().secret_id(at.name());
            ask.recovery_window_in_days(RECOVERY_DAYS).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

impl Secret {
    /// Makes it without a value, unless it is born with one: what asks for the value finds nothing until one is put.
    async fn create(&self, at: &Place, aws: &Writer) -> Result<Live<Self>, Fault> {
        let tags = if self.policy.is_none() { at.tags.clone() } else { at.birth_tags() };
        let key = Some(self.key_name().to_owned()).filter(|key| !key.is_empty());
        let value = self.born_with_key.then(|| random_key(at)).transpose()?;
        let created = aws
            .write(at, "secretsmanager", "CreateSecret", || {
                let ask = aws.secretsmanager().create_secret().name(at.name()).set_kms_key_id(key.clone());
                let ask = ask.set_secret_string(value.as_ref().map(|value| value.text().to_owned()));
                let ask = ask.set_client_request_token(value.as_ref().map(|_| BORN.to_owned()));
                ask.description(&self.description).set_tags(Some(sdk_tags(&tags))).send()
            })
            .await?;
        let mut outputs = Self::known(aws.scope(), at.name());
        outputs.insert("arn".to_owned(), created.arn.unwrap_or_default());
        Ok(Live::new(Self { policy: None, ..self.clone() }, outputs, Some(tags)))
    }

    async fn sync_metadata(&self, at: &Place, have: &Self, aws: &Writer) -> Result<(), Fault> {
        let description = (self.description != have.description).then(|| self.description.clone());
        // An empty key means AWS's own.
        let key = (self.key != have.key).then(|| self.key_name().to_owned());
        if description.is_none() && key.is_none() {
            return Ok(());
        }
        aws.write(at, "secretsmanager", "UpdateSecret", || {
            let ask = aws.secretsmanager().update_secret().secret_id(at.name());
            ask.set_description(description.clone()).set_kms_key_id(key.clone()).send()
        })
        .await?;
        Ok(())
    }

    async fn sync_policy(&self, at: &Place, have: &Self, aws: &Writer) -> Result<(), Fault> {
        if self.policy == have.policy {
            return Ok(());
        }
        let Some(policy) = &self.policy else {
            aws.write(at, "secretsmanager", "DeleteResourcePolicy", || {
                aws.secretsmanager().delete_resource_policy().secret_id(at.name()).send()
            })
            .await?;
            return Ok(());
        };
        aws.write(at, "secretsmanager", "PutResourcePolicy", || {
            let ask = aws.secretsmanager().put_resource_policy().secret_id(at.name());
            ask.resource_policy(policy.document()).block_public_policy(true).send()
        })
        .await?;
        Ok(())
    }
}

/// A key that nobody has seen. No plan and no digest depends on it, so it may differ each time.
fn random_key(at: &Place) -> Result<SecretText, Fault> {
    let mut bytes = [0; 32];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Fault::refused(&at.address, "no key can be made: this machine has no randomness"))?;
    let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(SecretText::new(serde_json::json!({ "key": key }).to_string()))
}

pub(in crate::kinds) async fn describe(
    at: &Place,
    aws: &Reader,
) -> Result<Option<DescribeSecretOutput>, Fault> {
    aws.read(&at.address, "secretsmanager", "DescribeSecret", || {
        aws.secretsmanager().describe_secret().secret_id(at.name()).send()
    })
    .await
    .absent_on(ABSENT)
}

/// The policy; none of a secret in its recovery window, of which AWS does not tell it
/// (`InvalidRequestException`).
async fn policy(at: &Place, aws: &Reader) -> Result<Option<Policy>, Fault> {
    let answer = aws
        .read(&at.address, "secretsmanager", "GetResourcePolicy", || {
            aws.secretsmanager().get_resource_policy().secret_id(at.name()).send()
        })
        .await
        .absent_on(&["ResourceNotFoundException", "InvalidRequestException"])?;
    let document = answer.and_then(|answer| answer.resource_policy);
    document
        .map(|text| Policy::parse(&text))
        .transpose()
        .map_err(|error| Fault::refused(&at.address, format!("its policy cannot be read: {error}")))
}

/// The id of the version that readers get.
fn current(secret: &DescribeSecretOutput) -> Option<&str> {
    let mut versions = secret.version_ids_to_stages().into_iter().flatten();
    versions.find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT)).map(|(id, _)| id.as_str())
}

/// The labels of a version.
fn labels<'a>(secret: &'a DescribeSecretOutput, version: &str) -> impl Iterator<Item = &'a String> {
    let versions = secret.version_ids_to_stages();
    versions.and_then(|all| all.get(version)).into_iter().flatten()
}

fn findings(
    at: &Place,
    secret: &DescribeSecretOutput,
    policy: Option<&Policy>,
    scope: &Scope,
) -> Vec<String> {
    let mut findings = Vec::new();
    // A rotation makes this one; a value that somebody puts by hand is a key that no edge knows.
    let rotated = (at.address.stack(), at.address.name()) == (SIGNING_KEY.stack, SIGNING_KEY.name);
    let (stage, name) = (&scope.stage, at.address.name());
    match current(secret) {
        None if rotated => findings.push(format!("has no key yet: dn rotate {stage} {name}")),
        None => findings.push(format!("has no value yet: dn secret set {stage} {name}")),
        Some(version) if rotated && labels(secret, version).any(|label| label == NO_KEY) => {
            findings.push(format!("holds no key yet: go on with dn rotate {stage} {name}"));
        }
        Some(_) => {}
    }
    if let Some(service) = secret.owning_service() {
        findings.push(format!("is managed by {service}"));
    }
    let deleted = policy.map(Policy::deleted_principals).unwrap_or_default();
    findings.extend(deleted.iter().map(|id| format!("its policy names {id}, which was deleted")));
    findings
}

fn tags_of(secret: &DescribeSecretOutput) -> Tags {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    secret.tags().iter().map(|tag| (text(tag.key()), text(tag.value()))).collect()
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

async fn sync_tags(at: &Place, live: &Tags, aws: &Writer) -> Result<(), Fault> {
    let (set, unset) = tag_changes(live, &at.tags);
    if !unset.is_empty() {
        aws.write(at, "secretsmanager", "UntagResource", || {
            let ask = aws.secretsmanager().untag_resource().secret_id(at.name());
            ask.set_tag_keys(Some(unset.clone())).send()
        })
        .await?;
    }
    if !set.is_empty() {
        aws.write(at, "secretsmanager", "TagResource", || {
            let ask = aws.secretsmanager().tag_resource().secret_id(at.name());
            ask.set_tags(Some(sdk_tags(&set))).send()
        })
        .await?;
    }
    Ok(())
}

/// A secret of this name in its recovery window, taken back: its name is blocked, and its value may still be
/// wanted.
async fn restored(at: &Place, aws: &Writer) -> Result<Option<Live<Secret>>, Fault> {
    let Some(secret) = describe(at, aws).await? else { return Ok(None) };
    if let Some(owner) = aws.scope().foreign_owner(&tags_of(&secret)) {
        let message = format!("a deleted secret of this name belongs to {owner}");
        return Err(
            Fault::refused(&at.address, message).hint("give this secret another name in the environment")
        );
    }
    aws.write(at, "secretsmanager", "RestoreSecret", || {
        aws.secretsmanager().restore_secret().secret_id(at.name()).send()
    })
    .await?;
    let look = || Secret::observe(at, aws);
    aws.until(at, Waiting::up_to(60, "the secret that was restored"), look).await.map(Some)
}

/// A value that is never printed.
pub struct SecretText(String);

impl SecretText {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// For the one call that puts it.
    pub(in crate::kinds) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}

/// Puts a new value, which readers get from then on.
///
/// The id of the new version is made of the versions that were there before, never of the value: it cannot be
/// used to guess the value, a call that is made again makes no second version, and of two who put at the same
/// time the second is refused.
///
/// # Errors
/// When the secret is not there, when somebody else has put a value meanwhile, and those of the calls.
pub async fn put_value(aws: &Writer, at: &Place, value: SecretText) -> Result<(), Fault> {
    let secret = describe(at, aws).await?.filter(|secret| secret.deleted_date().is_none());
    let Some(secret) = secret else {
        return Err(Fault::refused(&at.address, "is not there yet").hint("apply first"));
    };
    let token = next_version(&secret);
    let put = aws
        .write(at, "secretsmanager", "PutSecretValue", || {
            let ask = aws.secretsmanager().put_secret_value().secret_id(at.name());
            ask.client_request_token(&token).secret_string(&value.0).send()
        })
        .await;
    match put {
        Err(error) if error.is("ResourceExistsException") => {
            let message = "somebody else has put a value at the same time";
            Err(Fault::refused(&at.address, message).hint("put it again if yours shall be the current one"))
        }
        put => put.map(|_| ()).map_err(Fault::from),
    }
}

/// The id of the version that follows these, 64 characters.
fn next_version(secret: &DescribeSecretOutput) -> String {
    let versions = secret.version_ids_to_stages().into_iter().flatten();
    let mut labels: Vec<String> =
        versions.map(|(id, stages)| format!("{id}\0{}", stages.join("\0"))).collect();
    labels.sort();
    hex(&Sha256::digest(format!("{}\0{}", secret.arn().unwrap_or_default(), labels.join("\0"))))
}
