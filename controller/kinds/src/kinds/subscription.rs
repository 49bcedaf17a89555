//! A subscription of an SNS topic.
//!
//! Surprises (aws-semantics 16): it has no name and no tags, so topic, protocol and endpoint are its
//! identity, and its physical name is the three of them. What must be confirmed by somebody (mail, web
//! servers, other accounts) is listed with the ARN `PendingConfirmation`: until then AWS shows no attributes
//! and lets nobody change or unsubscribe it, and asking again sends another mail. So such a one counts as
//! converged, with a finding; deleting it does nothing, and AWS forgets it when nobody confirms for two or
//! three days.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_sns::types::Subscription as Listed;
use model::{Address, Fault, Fields, Holds, Outputs, Ref, Text};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    queue::Queue,
    topic::{ABSENT, Topic},
};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, Waiting, reads},
};

reads!(aws_sdk_sns:
    list_subscriptions_by_topic ListSubscriptionsByTopicFluentBuilder,
    get_subscription_attributes GetSubscriptionAttributesFluentBuilder,
);

/// Who gets the messages of a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// By ARN.
    pub topic: Ref<Topic>,
    pub protocol: Protocol,
    /// An ARN, a mail address, a URL or a telephone number, as the protocol has it.
    pub endpoint: Text,
    /// Whether the message comes without SNS's envelope; only for queues and web servers.
    pub raw: bool,
    pub filter: Option<Filter>,
    /// Where messages go that could not be delivered, by ARN.
    pub dead_letters: Option<Ref<Queue>>,
    /// How deliveries are tried again, as SNS's own document; only for web servers.
    pub delivery_policy: Option<Value>,
}

/// How messages are handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    Sqs,
    Lambda,
    Email,
    /// A mail that holds SNS's envelope.
    EmailJson,
    Http,
    Https,
    Sms,
    Application,
}

/// Which messages are handed over. A change takes AWS up to 15 minutes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// SNS's own document, compared as a tree.
    pub policy: Value,
    pub scope: FilterScope,
}

/// What a filter looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FilterScope {
    MessageAttributes,
    MessageBody,
}

impl Subscription {
    /// A subscription with the defaults of SNS.
    #[must_use]
    pub fn plain(topic: Ref<Topic>, protocol: Protocol, endpoint: impl Into<Text>) -> Self {
        Self {
            topic,
            protocol,
            endpoint: endpoint.into(),
            raw: false,
            filter: None,
            dead_letters: None,
            delivery_policy: None,
        }
    }

    /// A queue that gets the messages of a topic.
    #[must_use]
    pub fn to_queue(topic: Ref<Topic>, queue: &Ref<Queue>) -> Self {
        Self::plain(topic, Protocol::Sqs, queue.text().clone())
    }

    /// The attributes by name; an empty text means that there is none.
    fn attributes(&self) -> BTreeMap<&'static str, String> {
        let filter = self.filter.as_ref();
        let redrive =
            self.dead_letters.as_ref().map(|queue| serde_json::json!({ "deadLetterTargetArn": queue }));
        BTreeMap::from([
            ("RawMessageDelivery", self.raw.to_string()),
            (FILTER, filter.map_or_else(String::new, |filter| filter.policy.to_string())),
            (SCOPE, filter.map_or_else(String::new, |filter| filter.scope.word().to_owned())),
            ("RedrivePolicy", redrive.map_or_else(String::new, |redrive| redrive.to_string())),
            ("DeliveryPolicy", self.delivery_policy.as_ref().map_or_else(String::new, Value::to_string)),
        ])
    }

    /// The attributes that differ from `have`, in an order that SNS accepts: a filter may look into nested
    /// bodies only while its scope says so, so that scope comes first and goes last.
    fn changes(&self, have: &Self) -> Vec<(&'static str, String)> {
        let have = have.attributes();
        let differs = |(name, value): &(&'static str, String)| have.get(name) != Some(value);
        let mut changes: Vec<_> = self.attributes().into_iter().filter(differs).collect();
        // A scope without a filter is not shown, and does nothing.
        changes.retain(|(name, value)| *name != SCOPE || !value.is_empty());
        let body = FilterScope::MessageBody.word();
        changes.sort_by_key(|(name, value)| match *name {
            SCOPE if value == body => 0,
            SCOPE => 2,
            _ => 1,
        });
        changes
    }

    fn read(at: &Place, key: &NaturalKey, shown: &BTreeMap<String, String>) -> Result<Self, Fault> {
        let document = |name: &str| -> Result<Option<Value>, Fault> {
            let text = shown.get(name).filter(|text| !text.is_empty() && *text != "{}");
            text.map(|text| serde_json::from_str(text))
                .transpose()
                .map_err(|error| Fault::refused(&at.address, format!("its {name} cannot be read: {error}")))
        };
        let scope = match shown.get(SCOPE).map(String::as_str) {
            Some("MessageBody") => FilterScope::MessageBody,
            _ => FilterScope::MessageAttributes,
        };
        let redrive = document("RedrivePolicy")?;
        let dead = redrive.as_ref().and_then(|redrive| redrive["deadLetterTargetArn"].as_str());
        Ok(Self {
            raw: shown.get("RawMessageDelivery").is_some_and(|text| text == "true"),
            filter: document(FILTER)?.map(|policy| Filter { policy, scope }),
            dead_letters: dead.map(Ref::live),
            delivery_policy: document("DeliveryPolicy")?,
            ..Self::plain(Ref::live(&key.topic), key.protocol, key.endpoint.as_str())
        })
    }
}

const FILTER: &str = "FilterPolicy";
const SCOPE: &str = "FilterPolicyScope";

impl FilterScope {
    fn word(self) -> &'static str {
        match self {
            Self::MessageAttributes => "MessageAttributes",
            Self::MessageBody => "MessageBody",
        }
    }
}

impl Protocol {
    fn word(self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::Lambda => "lambda",
            Self::Email => "email",
            Self::EmailJson => "email-json",
            Self::Http => "http",
            Self::Https => "https",
            Self::Sms => "sms",
            Self::Application => "application",
        }
    }

    fn of(word: &str) -> Option<Self> {
        serde_json::from_value(word.into()).ok()
    }
}

/// What tells subscriptions apart, printed as `topic|protocol|endpoint`.
struct NaturalKey {
    topic: String,
    protocol: Protocol,
    endpoint: String,
}

impl NaturalKey {
    fn parse(physical: &str) -> Option<Self> {
        let mut parts = physical.splitn(3, '|');
        let (topic, protocol, endpoint) = (parts.next()?, parts.next()?, parts.next()?);
        let protocol = Protocol::of(protocol)?;
        Some(Self { topic: topic.to_owned(), protocol, endpoint: endpoint.to_owned() })
    }

    /// What was unsubscribed by its reader stays listed for a while, as `Deleted`.
    fn is(&self, listed: &Listed) -> bool {
        listed.protocol() == Some(self.protocol.word())
            && listed.endpoint() == Some(&self.endpoint)
            && listed.subscription_arn() != Some("Deleted")
    }
}

fn physical_of_listed(listed: &Listed) -> String {
    let part = |text: Option<&str>| text.unwrap_or_default().to_owned();
    format!("{}|{}|{}", part(listed.topic_arn()), part(listed.protocol()), part(listed.endpoint()))
}

impl Resource for Subscription {
    const KIND: &'static str = "subscription";
    const TAGGED: bool = false;

    fn physical_of(&self, _: &Scope, _: &Address) -> String {
        format!("{}|{}|{}", self.topic.text(), self.protocol.word(), self.endpoint)
    }

    /// AWS invents its ARN.
    fn known(_: &Scope, _: &str) -> Outputs {
        Outputs::new()
    }

    fn list(&self, to: &mut Fields) {
        let Self { topic, protocol, endpoint, raw, filter, dead_letters, delivery_policy } = self;
        to.fixed("topic", topic);
        to.fixed("protocol", protocol);
        to.fixed("endpoint", endpoint);
        to.field("raw", raw);
        to.field("filter", filter);
        to.field("dead_letters", dead_letters);
        to.field("delivery_policy", delivery_policy);
    }

    fn physical_of_arn(_: &str) -> Option<String> {
        None
    }

    /// Subscriptions of this stage's queues and functions to this stage's topics. Which address they had is
    /// not written down anywhere, so they get one that is computed.
    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        let (ours, _) = inventory(aws).await?;
        Ok(ours)
    }

    /// Subscriptions of strangers to this stage's topics: mails, web servers, other stages.
    async fn unmanaged(aws: &Reader) -> Result<Vec<String>, Fault> {
        let (_, others) = inventory(aws).await?;
        Ok(others)
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let Some(key) = NaturalKey::parse(at.name()) else { return Ok(None) };
        if model::text::references(at.name()).next().is_some() {
            // What it would connect is not there yet.
            return Ok(None);
        }
        let listed = subscriptions_of(&at.address, &key.topic, aws).await?;
        let found = listed.iter().find(|listed| key.is(listed)).and_then(|listed| listed.subscription_arn());
        let Some(arn) = found else { return Ok(None) };
        if !arn.starts_with("arn:") {
            return Self::read(at, &key, &BTreeMap::new()).map(|actual| Some(pending(actual, &key)));
        }
        let answer = aws
            .read(&at.address, "sns", "GetSubscriptionAttributes", || {
                aws.sns().get_subscription_attributes().subscription_arn(arn).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(shown) = answer.and_then(|answer| answer.attributes) else { return Ok(None) };
        let shown: BTreeMap<String, String> = shown.into_iter().collect();
        let actual = Self::read(at, &key, &shown)?;
        if shown.get("PendingConfirmation").is_some_and(|text| text == "true") {
            return Ok(Some(pending(actual, &key)));
        }
        let outputs = Outputs::from([("arn".to_owned(), arn.to_owned())]);
        let holds = match by_people(listed.iter().find(|listed| key.is(listed)), aws.scope()) {
            true => Holds::Data(format!("the confirmation of {}", key.endpoint)),
            false => Holds::Nothing,
        };
        Ok(Some(Live { holds, ..Live::new(actual, outputs, None) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let live = match live {
            Some(live) => live,
            None => {
                self.subscribe(at, aws).await?;
                // Unlisted, it would be asked for again, and a person would get a second mail.
                let waiting = Waiting::up_to(60, "the new subscription to be listed");
                aws.until(at, waiting, || Self::observe(at, aws)).await?
            }
        };
        let Some(arn) = live.outputs.get("arn") else { return Ok(live.outputs) };
        for (name, value) in self.changes(&live.actual) {
            // Each attribute is cleared in its own way (message-filtering guide; SetSubscriptionAttributes).
            let value = match (name, value.is_empty()) {
                (FILTER, true) => Some("{}".to_owned()),
                ("RedrivePolicy", true) => None,
                _ => Some(value),
            };
            aws.write(at, "sns", "SetSubscriptionAttributes", || {
                let ask = aws.sns().set_subscription_attributes().subscription_arn(arn);
                ask.attribute_name(name).set_attribute_value(value.clone()).send()
            })
            .await?;
        }
        Ok(live.outputs)
    }

    /// Of a pending one nothing can be deleted; it vanishes unless it is confirmed.
    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let Some(arn) = live.outputs.get("arn") else { return Ok(()) };
        aws.write(at, "sns", "Unsubscribe", || aws.sns().unsubscribe().subscription_arn(arn).send())
            .await
            .absent_on(ABSENT)?;
        Ok(())
    }
}

fn pending(actual: Subscription, key: &NaturalKey) -> Live<Subscription> {
    let findings = vec![format!("waiting for {} to confirm", key.endpoint)];
    Live { findings, unread: true, ..Live::new(actual, Outputs::new(), None) }
}

impl Subscription {
    async fn subscribe(&self, at: &Place, aws: &Writer) -> Result<(), Fault> {
        let bare = Self::plain(self.topic.clone(), self.protocol, self.endpoint.clone());
        let attributes: std::collections::HashMap<String, String> =
            self.changes(&bare).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        aws.write(at, "sns", "Subscribe", || {
            let ask = aws.sns().subscribe().topic_arn(self.topic.text().as_str());
            let ask = ask.protocol(self.protocol.word()).endpoint(self.endpoint.as_str());
            ask.set_attributes(Some(attributes.clone())).return_subscription_arn(true).send()
        })
        .await?;
        Ok(())
    }
}

/// One list call a topic serves all its subscriptions.
async fn subscriptions_of(at: &Address, topic: &str, aws: &Reader) -> Result<Arc<Vec<Listed>>, Fault> {
    if aws.alone() {
        return list(at, topic, aws).await.map(Arc::new);
    }
    aws.once(&format!("sns:ListSubscriptionsByTopic:{topic}"), list(at, topic, aws)).await
}

async fn list(at: &Address, topic: &str, aws: &Reader) -> Result<Vec<Listed>, Fault> {
    let (mut all, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = aws
            .read(at, "sns", "ListSubscriptionsByTopic", || {
                let ask = aws.sns().list_subscriptions_by_topic().topic_arn(topic);
                ask.set_next_token(token.clone()).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(page) = page else { return Ok(Vec::new()) };
        all.extend_from_slice(page.subscriptions());
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
}

/// Whether somebody had to confirm it, so that nothing can bring it back without them.
fn by_people(listed: Option<&Listed>, scope: &Scope) -> bool {
    listed.is_some_and(|listed| {
        let account = listed.endpoint().and_then(|endpoint| endpoint.split(':').nth(4));
        match listed.protocol().unwrap_or_default() {
            "sqs" | "lambda" | "firehose" => account != Some(&scope.account),
            "sms" | "application" => false,
            _ => true,
        }
    })
}

/// What deleting a topic would lose: subscriptions that somebody confirmed.
pub(super) async fn held_by(at: &Place, topic: &str, aws: &Reader) -> Result<Holds, Fault> {
    let listed = subscriptions_of(&at.address, topic, aws).await?;
    let confirmed = |one: &&Listed| one.subscription_arn().is_some_and(|arn| arn.starts_with("arn:"));
    let lost = listed.iter().filter(confirmed).filter(|one| by_people(Some(one), aws.scope())).count();
    Ok(match lost {
        0 => Holds::Nothing,
        1 => Holds::Data("1 subscription that somebody confirmed".to_owned()),
        more => Holds::Data(format!("{more} subscriptions that somebody confirmed")),
    })
}

/// All subscriptions of this stage's topics: those between its own resources, and the physical names of the
/// others.
async fn inventory(aws: &Reader) -> Result<(Vec<(Address, String)>, Vec<String>), Fault> {
    let owned = aws.owned().await?;
    let topics = owned.iter().filter_map(|(arn, tags)| {
        Topic::physical_of_arn(arn)?;
        Some((arn, aws.scope().owned_address(tags)?))
    });
    let lists = topics.map(|(arn, address)| async move {
        let listed = subscriptions_of(&address, arn, aws).await?;
        Ok::<_, Fault>((address, listed))
    });
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for (topic, listed) in futures::future::try_join_all(lists).await? {
        for one in listed.iter().filter(|one| one.subscription_arn() != Some("Deleted")) {
            let physical = physical_of_listed(one);
            let mine = NaturalKey::parse(&physical)
                .is_some_and(|key| matches!(key.protocol, Protocol::Sqs | Protocol::Lambda))
                && one.endpoint().is_some_and(|endpoint| owned.contains_key(unqualified(endpoint)));
            match computed_address(&topic, &physical).filter(|_| mine) {
                Some(address) => ours.push((address, physical)),
                None => others.push(physical),
            }
        }
    }
    Ok((ours, others))
}

/// A function's ARN without its alias or version.
fn unqualified(arn: &str) -> &str {
    match arn.match_indices(':').nth(6) {
        Some((end, _)) if arn.starts_with("arn:aws:lambda:") => &arn[..end],
        _ => arn,
    }
}

/// `stack/subscription/topic.3f2a…`: the same for the same natural key, and in the stack of its topic.
fn computed_address(topic: &Address, physical: &str) -> Option<Address> {
    let mut key = Fields::default();
    key.fixed("key", &physical);
    let digits = &key.fingerprint()[..8];
    Address::new(topic.stack(), Subscription::KIND, &format!("{}.{digits}", topic.name())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:t";

    #[test]
    fn the_physical_name_is_the_natural_key_whatever_the_endpoint_holds() {
        let web = Subscription::plain(Ref::live(TOPIC), Protocol::Https, "https://example.com/a?b=c|d");
        let address: Address = "s/subscription/web".parse().unwrap();
        let scope = Scope {
            project: "p".to_owned(),
            stage: "s".to_owned(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            names: BTreeMap::new(),
            tags: model::Tags::new(),
        };
        let key = NaturalKey::parse(&web.physical_of(&scope, &address)).unwrap();
        assert_eq!((key.topic.as_str(), key.protocol), (TOPIC, Protocol::Https));
        assert_eq!(key.endpoint, "https://example.com/a?b=c|d");
        assert!(NaturalKey::parse("p-s-web").is_none());
    }

    #[test]
    fn what_its_reader_unsubscribed_is_not_there_any_more() {
        let key = NaturalKey::parse(&format!("{TOPIC}|email|a@b")).unwrap();
        let listed = |arn: &str| {
            Listed::builder().topic_arn(TOPIC).protocol("email").endpoint("a@b").subscription_arn(arn).build()
        };
        assert!(key.is(&listed("PendingConfirmation")) && key.is(&listed(&format!("{TOPIC}:0"))));
        assert!(!key.is(&listed("Deleted")));
        assert_eq!(physical_of_listed(&listed("Deleted")), format!("{TOPIC}|email|a@b"));
    }

    #[test]
    fn an_alias_belongs_to_its_function() {
        let function = "arn:aws:lambda:us-east-1:000000000000:function:f";
        assert_eq!(unqualified(&format!("{function}:live")), function);
        assert_eq!(unqualified(function), function);
        let queue = "arn:aws:sqs:us-east-1:000000000000:q";
        assert_eq!(unqualified(queue), queue);
    }

    #[test]
    fn the_computed_address_is_stable_and_tells_keys_apart() {
        let topic: Address = "shared/topic/mail".parse().unwrap();
        let one = computed_address(&topic, "a|sqs|b").unwrap();
        assert_eq!(computed_address(&topic, "a|sqs|b"), Some(one.clone()));
        assert!(one.to_string().starts_with("shared/subscription/mail."), "{one}");
        assert_ne!(computed_address(&topic, "a|sqs|c"), Some(one));
    }
}
