//! An SQS queue.
//!
//! Surprises: every attribute is a string; an attribute is cleared by setting it to an empty string; a deleted name
//! is refused for 60 seconds (`QueueDeletedRecently`, a conflict that the engine waits out); attributes that were
//! just set may take 60 seconds to be seen; a queue is strict (FIFO) when its name ends in
//! `.fifo`, for ever, so that is no field.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use model::{Address, Fault, Fields, Holds, Outputs, Ref, Tags, policy::Policy};
use serde::{Deserialize, Serialize};

use super::key::Key;
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads, tag_changes, whole_account},
};

reads!(aws_sdk_sqs:
    list_queues ListQueuesFluentBuilder,
    get_queue_url GetQueueUrlFluentBuilder,
    get_queue_attributes GetQueueAttributesFluentBuilder,
    list_queue_tags ListQueueTagsFluentBuilder,
);

const ABSENT: &[&str] = &["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"];

/// Messages waiting for one consumer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// How long a received message is hidden from others, in seconds.
    pub visibility_s: u32,
    /// How long an unread message is kept, in seconds.
    pub retention_s: u32,
    /// How long a new message is held back, in seconds.
    pub delay_s: u32,
    /// How long a receive call waits for a message, in seconds.
    pub receive_wait_s: u32,
    pub message_bytes_max: u32,
    pub encryption: Encryption,
    /// Where messages go that nobody could work off.
    pub dead_letters: Option<DeadLetters>,
    pub policy: Option<Policy>,
}

/// How messages are encrypted at rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    None,
    /// By keys of SQS itself: no cost, no key policy.
    Sqs,
    Key(Ref<Key>),
}

/// The queue for messages that were received too often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetters {
    pub queue: Ref<Queue>,
    pub after_receives: u32,
}

impl Queue {
    /// A standard queue with the defaults of SQS.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            visibility_s: 30,
            retention_s: 345_600,
            delay_s: 0,
            receive_wait_s: 0,
            message_bytes_max: 262_144,
            encryption: Encryption::Sqs,
            dead_letters: None,
            policy: None,
        }
    }

    /// The attributes as SQS wants them. An empty string clears.
    fn attributes(&self) -> BTreeMap<&'static str, String> {
        let redrive = self.dead_letters.as_ref().map_or_else(String::new, |dead| {
            serde_json::json!({
                "deadLetterTargetArn": dead.queue,
                "maxReceiveCount": dead.after_receives,
            })
            .to_string()
        });
        let key = match &self.encryption {
            Encryption::Key(key) => key.text().to_string(),
            Encryption::None | Encryption::Sqs => String::new(),
        };
        BTreeMap::from([
            ("VisibilityTimeout", self.visibility_s.to_string()),
            ("MessageRetentionPeriod", self.retention_s.to_string()),
            ("DelaySeconds", self.delay_s.to_string()),
            ("ReceiveMessageWaitTimeSeconds", self.receive_wait_s.to_string()),
            ("MaximumMessageSize", self.message_bytes_max.to_string()),
            ("SqsManagedSseEnabled", (self.encryption == Encryption::Sqs).to_string()),
            ("KmsMasterKeyId", key),
            ("RedrivePolicy", redrive),
            ("Policy", self.policy.as_ref().map_or_else(String::new, Policy::document)),
        ])
    }

    fn read(at: &Place, attributes: &HashMap<Attribute, String>) -> Result<Self, Fault> {
        let text = |name: &str| attributes.get(&Attribute::from(name)).filter(|text| !text.is_empty());
        let number = |name: &str| text(name).and_then(|text| text.parse().ok()).unwrap_or_default();
        let unreadable = |what: &str, error: String| {
            Fault::refused(&at.address, format!("{what} cannot be read: {error}"))
        };
        let policy = text("Policy").map(|text| Policy::parse(text)).transpose();
        let redrive = text("RedrivePolicy").map(|text| serde_json::from_str::<Redrive>(text)).transpose();
        Ok(Self {
            visibility_s: number("VisibilityTimeout"),
            retention_s: number("MessageRetentionPeriod"),
            delay_s: number("DelaySeconds"),
            receive_wait_s: number("ReceiveMessageWaitTimeSeconds"),
            message_bytes_max: number("MaximumMessageSize"),
            encryption: match text("KmsMasterKeyId") {
                Some(key) => Encryption::Key(Ref::live(key.as_str())),
                None if text("SqsManagedSseEnabled").is_some_and(|text| text == "true") => Encryption::Sqs,
                None => Encryption::None,
            },
            dead_letters: redrive.map_err(|e| unreadable("its redrive policy", e.to_string()))?.map(
                |redrive| DeadLetters { queue: Ref::live(redrive.target), after_receives: redrive.count },
            ),
            policy: policy.map_err(|e| unreadable("its policy", e.to_string()))?,
        })
    }
}

/// SQS writes the count as a number or as a string, as it was given.
#[derive(Deserialize)]
struct Redrive {
    #[serde(rename = "deadLetterTargetArn")]
    target: String,
    #[serde(rename = "maxReceiveCount")]
    count: u32,
}

impl Resource for Queue {
    const KIND: &'static str = "queue";
    const IRREVERSIBLE: Option<&'static str> = Some("the messages in it are gone");

    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), scope.arn("sqs", physical)),
            ("name".to_owned(), physical.to_owned()),
        ])
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        arn.strip_prefix("arn:aws:sqs:")?.rsplit(':').next().map(str::to_owned)
    }

    fn list(&self, to: &mut Fields) {
        let Self {
            visibility_s,
            retention_s,
            delay_s,
            receive_wait_s,
            message_bytes_max,
            encryption,
            dead_letters,
            policy,
        } = self;
        to.field("visibility_s", visibility_s);
        to.field("retention_s", retention_s);
        to.field("delay_s", delay_s);
        to.field("receive_wait_s", receive_wait_s);
        to.field("message_bytes_max", message_bytes_max);
        to.field("encryption", encryption);
        to.field("dead_letters", dead_letters);
        to.field("policy", policy);
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let Some(url) = url_of(at, aws).await? else { return Ok(None) };
        let answer = aws
            .read(&at.address, "sqs", "GetQueueAttributes", || {
                aws.sqs().get_queue_attributes().queue_url(&url).attribute_names(Attribute::All).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(attributes) = answer.and_then(|answer| answer.attributes) else { return Ok(None) };
        let actual = Self::read(at, &attributes)?;
        let mut outputs = Self::known(aws.scope(), at.name());
        let tags = aws.tags_of(at, &outputs["arn"], tags_of(at, &url, aws)).await?;
        outputs.insert("url".to_owned(), url);
        let waiting = attributes.get(&Attribute::ApproximateNumberOfMessages).filter(|count| *count != "0");
        let holds = waiting.map_or(Holds::Nothing, |count| Holds::Data(format!("{count} messages")));
        Ok(Some(Live { holds, ..Live::new(actual, outputs, Some(tags)) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let Some(live) = live else {
            return self.create(at, aws).await;
        };
        let url = live.outputs["url"].clone();
        let (want, have) = (self.attributes(), live.actual.attributes());
        let changed: HashMap<_, _> = want
            .into_iter()
            .filter(|(name, value)| have.get(name) != Some(value))
            .map(|(name, value)| (Attribute::from(name), value))
            .collect();
        if !changed.is_empty() {
            aws.write(at, "sqs", "SetQueueAttributes", || {
                aws.sqs().set_queue_attributes().queue_url(&url).set_attributes(Some(changed.clone())).send()
            })
            .await?;
        }
        let (set, unset) = tag_changes(live.tags.as_ref().unwrap_or(&Tags::new()), &at.tags);
        if !unset.is_empty() {
            aws.write(at, "sqs", "UntagQueue", || {
                aws.sqs().untag_queue().queue_url(&url).set_tag_keys(Some(unset.clone())).send()
            })
            .await?;
        }
        if !set.is_empty() {
            aws.write(at, "sqs", "TagQueue", || {
                aws.sqs().tag_queue().queue_url(&url).set_tags(Some(set.clone().into_iter().collect())).send()
            })
            .await?;
        }
        Ok(live.outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let url = &live.outputs["url"];
        aws.write(at, "sqs", "DeleteQueue", || aws.sqs().delete_queue().queue_url(url).send())
            .await
            .absent_on(ABSENT)?;
        Ok(())
    }
}

impl Queue {
    async fn create(&self, at: &Place, aws: &Writer) -> Result<Outputs, Fault> {
        let mut attributes: HashMap<_, _> = self
            .attributes()
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (Attribute::from(name), value))
            .collect();
        if at.name().ends_with(".fifo") {
            attributes.insert(Attribute::FifoQueue, "true".to_owned());
        }
        let created = aws
            .write(at, "sqs", "CreateQueue", || {
                let ask =
                    aws.sqs().create_queue().queue_name(at.name()).set_attributes(Some(attributes.clone()));
                ask.set_tags(Some(at.tags.clone().into_iter().collect())).send()
            })
            .await?;
        let mut outputs = Self::known(aws.scope(), at.name());
        outputs.insert("url".to_owned(), created.queue_url.unwrap_or_default());
        Ok(outputs)
    }
}

/// One list call finds the URLs of all queues with computed names; the others are asked for one by one.
async fn url_of(at: &Place, aws: &Reader) -> Result<Option<String>, Fault> {
    if !aws.alone() && at.name().starts_with(&aws.scope().prefix()) {
        let urls = aws.once("sqs:ListQueues", list_urls(&whole_account("queues"), aws)).await?;
        let ending = format!("/{}", at.name());
        return Ok(urls.iter().find(|url| url.ends_with(&ending)).cloned());
    }
    let answer = aws
        .read(&at.address, "sqs", "GetQueueUrl", || aws.sqs().get_queue_url().queue_name(at.name()).send())
        .await
        .absent_on(ABSENT)?;
    Ok(answer.and_then(|answer| answer.queue_url))
}

async fn list_urls(at: &Address, aws: &Reader) -> Result<Vec<String>, Fault> {
    let (mut urls, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = aws
            .read(at, "sqs", "ListQueues", || {
                let ask = aws.sqs().list_queues().queue_name_prefix(aws.scope().prefix()).max_results(1000);
                ask.set_next_token(token.clone()).send()
            })
            .await?;
        urls.extend_from_slice(page.queue_urls());
        token = page.next_token;
        if token.is_none() {
            return Ok(urls);
        }
    }
}

async fn tags_of(at: &Place, url: &str, aws: &Reader) -> Result<Tags, Fault> {
    let answer = aws
        .read(&at.address, "sqs", "ListQueueTags", || aws.sqs().list_queue_tags().queue_url(url).send())
        .await
        .absent_on(ABSENT)?;
    Ok(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect())
}
