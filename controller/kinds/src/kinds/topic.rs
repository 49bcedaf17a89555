//! An SNS topic.
//!
//! Surprises (aws-semantics 16): `CreateTopic` is idempotent by name, but other attributes or tags than the
//! living topic has are an error; it takes no signature version; attributes are set one at a time; a topic
//! without a policy of its own shows one that AWS made up; a topic that was just made may not be found for a
//! while; deleting one deletes its subscriptions with it. A topic is strict (FIFO) when its name ends in
//! `.fifo`, for ever, so that is no field.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sns::types::Tag;
use model::{Fault, Fields, Holds, Outputs, Ref, Tags, policy::Policy};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{key::Key, subscription};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, Waiting, reads, tag_changes},
};

reads!(aws_sdk_sns:
    get_topic_attributes GetTopicAttributesFluentBuilder,
    list_tags_for_resource ListTagsForResourceFluentBuilder,
);

/// Deleted and never made look the same. The tag calls have a code of their own, which the query protocol shortens.
pub(super) const ABSENT: &[&str] = &["NotFound", "ResourceNotFound", "ResourceNotFoundException"];

/// Where messages are published, to be handed on to subscriptions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// The sender's name in mails and text messages, at most 100 characters.
    pub display_name: Option<String>,
    /// Who may publish and subscribe. `None` is the policy that AWS makes up: only this account.
    pub policy: Option<Policy>,
    /// The key that encrypts messages at rest, by ARN, or by alias as in `Ref::live("alias/aws/sns")`. SNS
    /// gives back the very text that was set.
    pub key: Option<Ref<Key>>,
    pub signature: Signature,
    pub tracing: Tracing,
    /// Whether equal bodies count as the same message; only for names that end in `.fifo`.
    pub content_based_deduplication: bool,
    /// 1,024 to 1,048,576. Above 262,144 only queues and functions may subscribe.
    pub message_bytes_max: u32,
    /// How HTTP deliveries are tried again, as SNS's own document. `None` is SNS's default.
    pub delivery_policy: Option<Value>,
}

/// How messages to web servers are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signature {
    #[serde(rename = "1")]
    Sha1,
    #[serde(rename = "2")]
    Sha256,
}

/// What happens to trace headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tracing {
    PassThrough,
    /// SNS adds segments of its own.
    Active,
}

impl Topic {
    /// A topic with the defaults of SNS.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            display_name: None,
            policy: None,
            key: None,
            signature: Signature::Sha1,
            tracing: Tracing::PassThrough,
            content_based_deduplication: false,
            message_bytes_max: 262_144,
            delivery_policy: None,
        }
    }

    /// The attributes as SNS wants them. An empty string clears, except for the policy, which has no other
    /// way back than to write what AWS would make up.
    fn attributes(&self, scope: &Scope, arn: &str) -> BTreeMap<&'static str, String> {
        let text = |value: Option<String>| value.unwrap_or_default();
        let signature = match self.signature {
            Signature::Sha1 => "1",
            Signature::Sha256 => "2",
        };
        let tracing = match self.tracing {
            Tracing::PassThrough => "PassThrough",
            Tracing::Active => "Active",
        };
        let policy =
            self.policy.as_ref().map_or_else(|| default_policy(&scope.account, arn), Policy::document);
        BTreeMap::from([
            ("DisplayName", text(self.display_name.clone())),
            ("Policy", policy),
            ("KmsMasterKeyId", text(self.key.as_ref().map(|key| key.text().to_string()))),
            (SIGNATURE, signature.to_owned()),
            ("TracingConfig", tracing.to_owned()),
            ("ContentBasedDeduplication", self.content_based_deduplication.to_string()),
            ("MaximumMessageSize", self.message_bytes_max.to_string()),
            ("DeliveryPolicy", text(self.delivery_policy.as_ref().map(Value::to_string))),
        ])
    }

    /// What SNS leaves out has its default value.
    fn read(at: &Place, scope: &Scope, attributes: &HashMap<String, String>) -> Result<Self, Fault> {
        let text = |name: &str| attributes.get(name).filter(|text| !text.is_empty());
        let unreadable = |what: &str, error: String| {
            Fault::refused(&at.address, format!("{what} cannot be read: {error}"))
        };
        let policy = text("Policy").map(|text| Policy::parse(text)).transpose();
        let policy = policy.map_err(|error| unreadable("its policy", error.to_string()))?;
        let delivery = text("DeliveryPolicy").map(|text| serde_json::from_str(text)).transpose();
        Ok(Self {
            display_name: text("DisplayName").cloned(),
            policy: policy.filter(|policy| !is_default(policy, &scope.account)),
            key: text("KmsMasterKeyId").map(Ref::live),
            signature: match text(SIGNATURE).map(String::as_str) {
                Some("2") => Signature::Sha256,
                _ => Signature::Sha1,
            },
            tracing: match text("TracingConfig").map(String::as_str) {
                Some("Active") => Tracing::Active,
                _ => Tracing::PassThrough,
            },
            content_based_deduplication: text("ContentBasedDeduplication").is_some_and(|text| text == "true"),
            message_bytes_max: text("MaximumMessageSize")
                .and_then(|text| text.parse().ok())
                .unwrap_or(262_144),
            delivery_policy: delivery
                .map_err(|error| unreadable("its delivery policy", error.to_string()))?,
        })
    }

    fn findings(&self) -> Vec<String> {
        let deleted = self.policy.iter().flat_map(Policy::deleted_principals);
        let mut findings: Vec<String> =
            deleted.map(|id| format!("its policy names {id}, a principal that was deleted")).collect();
        if self.key.as_ref().is_some_and(|key| key.text().as_str().ends_with("alias/aws/sns")) {
            findings.push(
                "SES, CloudWatch and S3 cannot publish here: alias/aws/sns is AWS's own key".to_owned(),
            );
        }
        findings
    }
}

const SIGNATURE: &str = "SignatureVersion";
const DEFAULT_POLICY: &str = "__default_policy_ID";
const DEFAULT_STATEMENT: &str = "__default_statement_ID";

fn default_policy(account: &str, arn: &str) -> String {
    let actions = [
        "SNS:GetTopicAttributes",
        "SNS:SetTopicAttributes",
        "SNS:AddPermission",
        "SNS:RemovePermission",
        "SNS:DeleteTopic",
        "SNS:Subscribe",
        "SNS:ListSubscriptionsByTopic",
        "SNS:Publish",
    ];
    let statement = model::policy::Statement::allow(actions, [arn]).sid(DEFAULT_STATEMENT).to_aws("*").when(
        "StringEquals",
        "AWS:SourceOwner",
        account,
    );
    let policy = Policy {
        version: "2008-10-17".to_owned(),
        id: DEFAULT_POLICY.to_owned(),
        statements: [statement].into(),
    };
    policy.document()
}

/// Whether AWS made this policy up. The console keeps its name when a person adds statements, so its one
/// statement is looked at too; the actions in it have changed over the years.
fn is_default(policy: &Policy, account: &str) -> bool {
    let owner = |statement: &model::policy::Statement| {
        let keys = statement.condition.get("StringEquals").into_iter().flatten();
        statement.sid == DEFAULT_STATEMENT
            && statement.condition.len() == 1
            && keys.map(|(key, values)| (key.to_ascii_lowercase(), values)).all(|(key, values)| {
                key == "aws:sourceowner" && values.len() == 1 && values.contains(account)
            })
    };
    policy.id == DEFAULT_POLICY && policy.statements.len() == 1 && policy.statements.iter().all(owner)
}

impl Resource for Topic {
    const KIND: &'static str = "topic";
    const IRREVERSIBLE: Option<&'static str> =
        Some("all its subscriptions go with it, and those by mail must be confirmed again");

    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), scope.arn("sns", physical)),
            ("name".to_owned(), physical.to_owned()),
        ])
    }

    /// A subscription's ARN has one part more.
    fn physical_of_arn(arn: &str) -> Option<String> {
        let name = arn.strip_prefix("arn:aws:sns:")?.splitn(3, ':').nth(2)?;
        (!name.contains(':')).then(|| name.to_owned())
    }

    fn list(&self, to: &mut Fields) {
        let Self {
            display_name,
            policy,
            key,
            signature,
            tracing,
            content_based_deduplication,
            message_bytes_max,
            delivery_policy,
        } = self;
        to.field("display_name", display_name);
        to.field("policy", policy);
        to.field("key", key);
        to.field("signature", signature);
        to.field("tracing", tracing);
        to.field("content_based_deduplication", content_based_deduplication);
        to.field("message_bytes_max", message_bytes_max);
        to.field("delivery_policy", delivery_policy);
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let outputs = Self::known(aws.scope(), at.name());
        let arn = &outputs["arn"];
        let attributes = async {
            let answer = aws
                .read(&at.address, "sns", "GetTopicAttributes", || {
                    aws.sns().get_topic_attributes().topic_arn(arn).send()
                })
                .await
                .absent_on(ABSENT)?;
            Ok::<_, Fault>(answer.and_then(|answer| answer.attributes))
        };
        let tags = aws.tags_of(at, arn, tags_of(at, arn, aws));
        let (Some(attributes), tags) = futures::try_join!(attributes, tags)? else { return Ok(None) };
        let actual = Self::read(at, aws.scope(), &attributes)?;
        let confirmed = attributes.get("SubscriptionsConfirmed").is_some_and(|count| count != "0");
        let holds = if confirmed { subscription::held_by(at, arn, aws).await? } else { Holds::Nothing };
        let findings = actual.findings();
        Ok(Some(Live { holds, findings, ..Live::new(actual, outputs, Some(tags)) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let live = match live {
            Some(live) => live,
            None => {
                self.create(at, aws).await?;
                // Who refers to it comes next, and would be told that it is not there (aws-semantics 1.2).
                let waiting = Waiting::up_to(60, "the new topic to be seen");
                aws.until(at, waiting, || Self::observe(at, aws)).await?
            }
        };
        let arn = &live.outputs["arn"];
        let have = live.actual.attributes(aws.scope(), arn);
        for (name, value) in self.attributes(aws.scope(), arn) {
            if have.get(name) != Some(&value) {
                aws.write(at, "sns", "SetTopicAttributes", || {
                    let ask = aws.sns().set_topic_attributes().topic_arn(arn);
                    ask.attribute_name(name).attribute_value(&value).send()
                })
                .await?;
            }
        }
        retag(at, arn, live.tags.as_ref().unwrap_or(&Tags::new()), aws).await?;
        Ok(live.outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let arn = &live.outputs["arn"];
        aws.write(at, "sns", "DeleteTopic", || aws.sns().delete_topic().topic_arn(arn).send())
            .await
            .absent_on(ABSENT)?;
        Ok(())
    }
}

impl Topic {
    /// One call, unless a signature version must follow: then the receipt does too.
    async fn create(&self, at: &Place, aws: &Writer) -> Result<(), Fault> {
        let arn = aws.scope().arn("sns", at.name());
        let defaults = Self::standard().attributes(aws.scope(), &arn);
        let mut attributes: HashMap<String, String> = self
            .attributes(aws.scope(), &arn)
            .into_iter()
            .filter(|(name, value)| defaults.get(name) != Some(value))
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        if at.name().ends_with(".fifo") {
            attributes.insert("FifoTopic".to_owned(), "true".to_owned());
        }
        // Not among the attributes that CreateTopic takes (SNS API reference).
        let atomic = attributes.remove(SIGNATURE).is_none();
        let tags = if atomic { at.tags.clone() } else { at.birth_tags() };
        let tags = sdk_tags(at, &tags)?;
        aws.write(at, "sns", "CreateTopic", || {
            let ask = aws.sns().create_topic().name(at.name()).set_tags(Some(tags.clone()));
            ask.set_attributes(Some(attributes.clone())).send()
        })
        .await?;
        Ok(())
    }
}

fn sdk_tags(at: &Place, tags: &Tags) -> Result<Vec<Tag>, Fault> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| Fault::refused(&at.address, format!("a tag cannot be sent: {error}")))
}

async fn retag(at: &Place, arn: &str, live: &Tags, aws: &Writer) -> Result<(), Fault> {
    let (set, unset) = tag_changes(live, &at.tags);
    if !unset.is_empty() {
        aws.write(at, "sns", "UntagResource", || {
            aws.sns().untag_resource().resource_arn(arn).set_tag_keys(Some(unset.clone())).send()
        })
        .await?;
    }
    if !set.is_empty() {
        let set = sdk_tags(at, &set)?;
        aws.write(at, "sns", "TagResource", || {
            aws.sns().tag_resource().resource_arn(arn).set_tags(Some(set.clone())).send()
        })
        .await?;
    }
    Ok(())
}

async fn tags_of(at: &Place, arn: &str, aws: &Reader) -> Result<Tags, Fault> {
    let answer = aws
        .read(&at.address, "sns", "ListTagsForResource", || {
            aws.sns().list_tags_for_resource().resource_arn(arn).send()
        })
        .await
        .absent_on(ABSENT)?;
    let tags = answer.and_then(|answer| answer.tags).unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_policy_that_aws_made_up_counts_as_none() {
        let arn = "arn:aws:sns:us-east-1:000000000000:t";
        let default = Policy::parse(&default_policy("000000000000", arn)).unwrap();
        assert!(is_default(&default, "000000000000"));
        assert!(!is_default(&default, "111111111111"));
        let mut grown = default.clone();
        let publish =
            model::policy::Statement::allow(["SNS:Publish"], [arn]).sid("__console_pub_0").to_aws("*");
        grown.statements.insert(publish);
        assert!(!is_default(&grown, "000000000000"));
        let open = default_policy("000000000000", arn).replace("AWS:SourceOwner", "AWS:SourceAccount");
        assert!(!is_default(&Policy::parse(&open).unwrap(), "000000000000"));
        let bare = Policy { statements: [default.statements.first().unwrap().clone()].into(), ..default };
        let statements = bare.statements.into_iter().map(|mut one| {
            one.condition.clear();
            one
        });
        assert!(!is_default(&Policy { statements: statements.collect(), ..Policy::new([]) }, "000000000000"));
    }

    #[test]
    fn a_topic_is_told_from_its_subscriptions_by_its_arn() {
        let arn = "arn:aws:sns:us-east-1:000000000000:mail.fifo";
        assert_eq!(Topic::physical_of_arn(arn).as_deref(), Some("mail.fifo"));
        assert_eq!(Topic::physical_of_arn(&format!("{arn}:0a-1b")), None);
        assert_eq!(Topic::physical_of_arn("arn:aws:sqs:us-east-1:000000000000:mail"), None);
    }
}
