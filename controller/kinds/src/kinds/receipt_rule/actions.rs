//! What a rule does with a message.

use aws_sdk_ses::types::{
    AddHeaderAction, BounceAction, InvocationType, LambdaAction, ReceiptAction as Wire, S3Action, SnsAction,
    SnsActionEncoding, StopAction, StopScope,
};
use model::{Fault, Ref, Text};
use serde::{Deserialize, Serialize};

use crate::{
    Place,
    kinds::{bucket::Bucket, key::Key, role::Role, topic::Topic},
};

/// One step. Each may tell a topic that it was done, where AWS lets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Keeps the message, up to 40 MB.
    Store(Store),
    /// Publishes the whole message; what is larger than 150 KB bounces.
    Publish {
        topic: Ref<Topic>,
        encoding: MailEncoding,
    },
    /// Calls a function with what is known of the message but its body.
    Call {
        /// By ARN; with its alias where the permission is on that.
        function: Text,
        invocation: Invocation,
        topic: Option<Ref<Topic>>,
    },
    /// Sends it back.
    Bounce(Bounce),
    AddHeader {
        name: String,
        value: String,
    },
    /// Later rules of the set, those of others too, do not see the message.
    Stop {
        topic: Option<Ref<Topic>>,
    },
    /// One that this program cannot make; its kind in words.
    Other(String),
}

/// Where a message is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Store {
    /// By name. Its policy must let `ses.amazonaws.com` put objects, unless `role` does.
    pub bucket: Ref<Bucket>,
    /// What the object's key starts with.
    pub prefix: Option<String>,
    /// Hears of it.
    pub topic: Option<Ref<Topic>>,
    /// Encrypts the message before it is stored, by ARN. Readers must decrypt it by themselves.
    pub key: Option<Ref<Key>>,
    /// Writes the object in place of SES itself, by ARN.
    pub role: Option<Ref<Role>>,
}

impl Store {
    /// Into a bucket that lets SES in.
    #[must_use]
    pub fn into(bucket: Ref<Bucket>) -> Self {
        Self { bucket, prefix: None, topic: None, key: None, role: None }
    }
}

/// How a published message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailEncoding {
    /// As text, in which other encodings are garbled.
    Utf8,
    Base64,
}

/// Whether the rule waits for the function, whose answer may then stop the rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Invocation {
    Event,
    /// For at most 30 seconds.
    RequestResponse,
}

/// What the sender gets back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounce {
    /// Such as `550`.
    pub reply_code: String,
    /// Such as `5.1.1`.
    pub status_code: Option<String>,
    pub message: String,
    /// A verified address.
    pub sender: String,
    pub topic: Option<Ref<Topic>>,
}

fn text<R>(to: Option<&Ref<R>>) -> Option<String> {
    to.map(|to| to.text().to_string())
}

fn live<R>(text: Option<&str>) -> Option<Ref<R>> {
    text.filter(|text| !text.is_empty()).map(Ref::live)
}

impl Action {
    /// Into a bucket that lets SES in.
    #[must_use]
    pub fn store(bucket: Ref<Bucket>, prefix: &str) -> Self {
        Self::Store(Store { prefix: Some(prefix.to_owned()), ..Store::into(bucket) })
    }

    pub(super) fn read(wire: &Wire) -> Self {
        if let Some(s3) = wire.s3_action() {
            return Self::Store(Store {
                bucket: Ref::live(s3.bucket_name()),
                prefix: s3.object_key_prefix().filter(|prefix| !prefix.is_empty()).map(str::to_owned),
                topic: live(s3.topic_arn()),
                key: live(s3.kms_key_arn()),
                role: live(s3.iam_role_arn()),
            });
        }
        if let Some(sns) = wire.sns_action() {
            let encoding = match sns.encoding() {
                Some(SnsActionEncoding::Base64) => MailEncoding::Base64,
                _ => MailEncoding::Utf8,
            };
            return Self::Publish { topic: Ref::live(sns.topic_arn()), encoding };
        }
        if let Some(lambda) = wire.lambda_action() {
            let invocation = match lambda.invocation_type() {
                Some(InvocationType::RequestResponse) => Invocation::RequestResponse,
                _ => Invocation::Event,
            };
            let function = lambda.function_arn().into();
            return Self::Call { function, invocation, topic: live(lambda.topic_arn()) };
        }
        if let Some(bounce) = wire.bounce_action() {
            return Self::Bounce(Bounce {
                reply_code: bounce.smtp_reply_code().to_owned(),
                status_code: bounce.status_code().filter(|code| !code.is_empty()).map(str::to_owned),
                message: bounce.message().to_owned(),
                sender: bounce.sender().to_owned(),
                topic: live(bounce.topic_arn()),
            });
        }
        if let Some(header) = wire.add_header_action() {
            let (name, value) = (header.header_name().to_owned(), header.header_value().to_owned());
            return Self::AddHeader { name, value };
        }
        if let Some(stop) = wire.stop_action() {
            return Self::Stop { topic: live(stop.topic_arn()) };
        }
        let what = if wire.workmail_action().is_some() { "WorkMail" } else { "unknown" };
        Self::Other(what.to_owned())
    }

    pub(super) fn wire(&self, at: &Place) -> Result<Wire, Fault> {
        let given = "every required member is given";
        let ask = Wire::builder();
        Ok(match self {
            Self::Store(store) => {
                let action = S3Action::builder()
                    .bucket_name(store.bucket.text().as_str())
                    .set_object_key_prefix(store.prefix.clone())
                    .set_topic_arn(text(store.topic.as_ref()))
                    .set_kms_key_arn(text(store.key.as_ref()))
                    .set_iam_role_arn(text(store.role.as_ref()));
                ask.s3_action(action.build().expect(given))
            }
            Self::Publish { topic, encoding } => {
                let encoding = match encoding {
                    MailEncoding::Utf8 => SnsActionEncoding::Utf8,
                    MailEncoding::Base64 => SnsActionEncoding::Base64,
                };
                let action = SnsAction::builder().topic_arn(topic.text().as_str()).encoding(encoding);
                ask.sns_action(action.build().expect(given))
            }
            Self::Call { function, invocation, topic } => {
                let invocation = match invocation {
                    Invocation::Event => InvocationType::Event,
                    Invocation::RequestResponse => InvocationType::RequestResponse,
                };
                let action = LambdaAction::builder().function_arn(function.as_str());
                let action = action.invocation_type(invocation).set_topic_arn(text(topic.as_ref()));
                ask.lambda_action(action.build().expect(given))
            }
            Self::Bounce(bounce) => {
                let action = BounceAction::builder()
                    .smtp_reply_code(&bounce.reply_code)
                    .set_status_code(bounce.status_code.clone())
                    .message(&bounce.message)
                    .sender(&bounce.sender)
                    .set_topic_arn(text(bounce.topic.as_ref()));
                ask.bounce_action(action.build().expect(given))
            }
            Self::AddHeader { name, value } => {
                let action = AddHeaderAction::builder().header_name(name).header_value(value);
                ask.add_header_action(action.build().expect(given))
            }
            Self::Stop { topic } => {
                let action =
                    StopAction::builder().scope(StopScope::RuleSet).set_topic_arn(text(topic.as_ref()));
                ask.stop_action(action.build().expect(given))
            }
            Self::Other(what) => {
                return Err(Fault::refused(&at.address, format!("an action of {what} cannot be declared"))
                    .hint("take it out of the declaration, and add it by hand if it is needed"));
            }
        }
        .build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        let address = "s/receipt rule/r".parse().unwrap();
        Place { address, physical: "p.s.r".to_owned(), tags: model::Tags::new() }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let topic = || Some(Ref::live("arn:aws:sns:us-east-1:000000000000:t"));
        let bounce = Bounce {
            reply_code: "550".to_owned(),
            status_code: Some("5.1.1".to_owned()),
            message: "no such mailbox".to_owned(),
            sender: "a@example.com".to_owned(),
            topic: topic(),
        };
        for action in [
            Action::store(Ref::live("b"), "mail/"),
            Action::Bounce(Bounce { status_code: None, topic: None, ..bounce.clone() }),
            Action::Bounce(bounce),
            Action::AddHeader { name: "X-A".to_owned(), value: "1".to_owned() },
            Action::Stop { topic: topic() },
        ] {
            assert_eq!(Action::read(&action.wire(&place()).unwrap()), action);
        }
    }

    #[test]
    fn what_this_program_cannot_make_is_shown_and_not_written() {
        let read = Action::read(&Wire::builder().build());
        assert_eq!(read, Action::Other("unknown".to_owned()));
        assert!(read.wire(&place()).unwrap_err().to_string().contains("cannot be declared"));
    }
}
