//! An SES identity: a domain or an address that mail is sent from.
//!
//! Surprises (aws-semantics 3): it is verified when DNS records are published, which happens outside and may take
//! days, so that is a finding and never a wait; the records hold tokens that AWS invents; the MAIL FROM domain has
//! records and a state of its own; another length of the key counts only when AWS next changes keys, and may be
//! chosen once in 24 hours; a default configuration set that is deleted makes all sending fail.

use aws_sdk_sesv2::{
    operation::get_email_identity::GetEmailIdentityOutput,
    types::{
        BehaviorOnMxFailure, DkimSigningAttributes, DkimSigningAttributesOrigin, DkimSigningKeyLength,
        MailFromAttributes,
    },
};
use model::{Address, Fault, Fields, Outputs, Ref, Tags};
use serde::{Deserialize, Serialize};

use super::{
    configuration_set::ConfigurationSet,
    contact_list::{read_tags, sync_tags, wire_tags},
};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads},
};

mod records;

reads!(aws_sdk_sesv2: get_email_identity GetEmailIdentityFluentBuilder);

const ABSENT: &[&str] = &["NotFoundException"];

/// Who mail is from. Outputs: `arn`, `name`, and `records`: the DNS records to publish, as `NAME TYPE VALUE` with
/// ` | ` between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// A domain, or an address.
    pub name: String,
    /// How its mail is signed; of domains only, and of every domain.
    pub dkim: Option<Dkim>,
    /// The domain that bounces go to. `None` is one of Amazon's, which weakens SPF and DMARC.
    pub mail_from: Option<MailFrom>,
    /// What mail is sent with that names no set, by name.
    pub configuration_set: Option<Ref<ConfigurationSet>>,
    /// Whether bounces and complaints come back as mail, too.
    pub feedback_forwarding: bool,
}

/// Signatures with keys that SES makes and changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dkim {
    pub signing: bool,
    pub key: DkimKey,
}

/// How long the next key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DkimKey {
    Rsa1024,
    Rsa2048,
    /// A key that somebody brought. It cannot be declared.
    Foreign,
}

/// The envelope's sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailFrom {
    /// Below the identity's domain, and used for nothing else.
    pub domain: String,
    pub without_mx: WithoutMx,
}

/// What happens while its MX record is not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithoutMx {
    /// Mail goes out from a domain of Amazon's.
    UseAmazons,
    /// Sending fails.
    Reject,
}

impl Identity {
    /// A domain with long keys and the defaults of SES.
    #[must_use]
    pub fn domain(name: &str) -> Self {
        let dkim = Some(Dkim { signing: true, key: DkimKey::Rsa2048 });
        Self { dkim, ..Self::address(name) }
    }

    /// A single address with the defaults of SES.
    #[must_use]
    pub fn address(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            dkim: None,
            mail_from: None,
            configuration_set: None,
            feedback_forwarding: true,
        }
    }

    fn is_address(&self) -> bool {
        self.name.contains('@')
    }

    fn read(name: &str, found: &GetEmailIdentityOutput) -> Self {
        let dkim = found.dkim_attributes().filter(|_| !name.contains('@')).map(|dkim| Dkim {
            signing: dkim.signing_enabled(),
            key: match (dkim.signing_attributes_origin(), dkim.next_signing_key_length()) {
                (Some(DkimSigningAttributesOrigin::External), _) => DkimKey::Foreign,
                (_, Some(DkimSigningKeyLength::Rsa1024Bit)) => DkimKey::Rsa1024,
                _ => DkimKey::Rsa2048,
            },
        });
        let mail_from = found.mail_from_attributes().filter(|from| !from.mail_from_domain().is_empty());
        Self {
            name: name.to_owned(),
            dkim,
            mail_from: mail_from.map(MailFrom::read),
            configuration_set: found.configuration_set_name().filter(|set| !set.is_empty()).map(Ref::live),
            feedback_forwarding: found.feedback_forwarding_status(),
        }
    }

    /// Refuses what SES could not do.
    fn check(&self, at: &Place) -> Result<(), Fault> {
        let text = match (self.is_address(), self.dkim) {
            (true, Some(_)) => "signs by the keys of its domain: an address has no `dkim` of its own",
            (false, None) => "is verified by its DKIM records: a domain needs `dkim`",
            (false, Some(Dkim { key: DkimKey::Foreign, .. })) => "a key of one's own cannot be declared",
            _ => return Ok(()),
        };
        Err(Fault::refused(&at.address, text)
            .hint("use Identity::domain for a domain, Identity::address for an address"))
    }

    fn wire_set(&self) -> Option<String> {
        self.configuration_set.as_ref().map(|set| set.text().to_string())
    }
}

impl MailFrom {
    fn read(wire: &MailFromAttributes) -> Self {
        Self {
            domain: wire.mail_from_domain().to_owned(),
            without_mx: match wire.behavior_on_mx_failure() {
                BehaviorOnMxFailure::RejectMessage => WithoutMx::Reject,
                _ => WithoutMx::UseAmazons,
            },
        }
    }
}

impl WithoutMx {
    fn wire(self) -> BehaviorOnMxFailure {
        match self {
            Self::UseAmazons => BehaviorOnMxFailure::UseDefaultValue,
            Self::Reject => BehaviorOnMxFailure::RejectMessage,
        }
    }
}

impl DkimKey {
    fn wire(self) -> DkimSigningAttributes {
        let length = match self {
            Self::Rsa1024 => DkimSigningKeyLength::Rsa1024Bit,
            Self::Rsa2048 | Self::Foreign => DkimSigningKeyLength::Rsa2048Bit,
        };
        DkimSigningAttributes::builder().next_signing_key_length(length).build()
    }
}

impl Resource for Identity {
    const KIND: &'static str = "identity";
    const IRREVERSIBLE: Option<&'static str> =
        Some("mail from it is refused at once, and a new one may want other DNS records");

    /// The domain or address is what SES calls it by.
    fn physical_of(&self, _: &Scope, _: &Address) -> String {
        self.name.clone()
    }

    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), scope.arn("ses", &format!("identity/{physical}"))),
            ("name".to_owned(), physical.to_owned()),
        ])
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        let (_, name) = arn.strip_prefix("arn:aws:ses:")?.split_once(":identity/")?;
        Some(name.to_owned())
    }

    fn list(&self, to: &mut Fields) {
        let Self { name, dkim, mail_from, configuration_set, feedback_forwarding } = self;
        to.fixed("name", name);
        to.field("dkim", dkim);
        to.field("mail_from", mail_from);
        to.field("configuration_set", configuration_set);
        to.field("feedback_forwarding", feedback_forwarding);
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let found = aws
            .read(&at.address, "ses", "GetEmailIdentity", || {
                aws.ses().get_email_identity().email_identity(at.name()).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(found) = found else { return Ok(None) };
        let records = records::of(at.name(), &found, &aws.scope().region);
        let mut outputs = Self::known(aws.scope(), at.name());
        if !records.is_empty() {
            outputs.insert("records".to_owned(), records.all());
        }
        let findings = records.findings(at.name(), &found);
        let tags = read_tags(found.tags());
        Ok(Some(Live { findings, ..Live::new(Self::read(at.name(), &found), outputs, Some(tags)) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        self.check(at)?;
        let live = match live {
            Some(live) => live,
            None => self.create(at, aws).await?,
        };
        self.sync(at, &live.actual, aws).await?;
        sync_tags(at, &live.outputs["arn"], live.tags.as_ref(), aws).await?;
        Ok(live.outputs)
    }

    async fn delete(at: &Place, _: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        aws.write(at, "ses", "DeleteEmailIdentity", || {
            aws.ses().delete_email_identity().email_identity(at.name()).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

impl Identity {
    /// What one call can say; what is there then.
    async fn create(&self, at: &Place, aws: &Writer) -> Result<Live<Self>, Fault> {
        let made = Self {
            dkim: self.dkim.map(|dkim| Dkim { signing: true, ..dkim }),
            mail_from: None,
            feedback_forwarding: true,
            ..self.clone()
        };
        let tags: Tags = if made == *self { at.tags.clone() } else { at.birth_tags() };
        aws.write(at, "ses", "CreateEmailIdentity", || {
            let ask = aws.ses().create_email_identity().email_identity(at.name());
            ask.set_dkim_signing_attributes(self.dkim.map(|dkim| dkim.key.wire()))
                .set_configuration_set_name(self.wire_set())
                .set_tags(Some(wire_tags(&tags)))
                .send()
        })
        .await?;
        // AWS told the tokens, but not all that an output names: the next look shows the records.
        Ok(Live::new(made, Self::known(aws.scope(), at.name()), Some(tags)))
    }

    async fn sync(&self, at: &Place, have: &Self, aws: &Writer) -> Result<(), Fault> {
        let (ses, name) = (aws.ses(), at.name());
        if let Some(dkim) = self.dkim {
            if have.dkim.map(|have| have.key) != Some(dkim.key) {
                aws.write(at, "ses", "PutEmailIdentityDkimSigningAttributes", || {
                    let ask = ses.put_email_identity_dkim_signing_attributes().email_identity(name);
                    ask.signing_attributes_origin(DkimSigningAttributesOrigin::AwsSes)
                        .signing_attributes(dkim.key.wire())
                        .send()
                })
                .await?;
            }
            if have.dkim.map(|have| have.signing) != Some(dkim.signing) {
                aws.write(at, "ses", "PutEmailIdentityDkimAttributes", || {
                    let ask = ses.put_email_identity_dkim_attributes().email_identity(name);
                    ask.signing_enabled(dkim.signing).send()
                })
                .await?;
            }
        }
        if self.mail_from != have.mail_from {
            let from = self.mail_from.as_ref();
            aws.write(at, "ses", "PutEmailIdentityMailFromAttributes", || {
                let ask = ses.put_email_identity_mail_from_attributes().email_identity(name);
                ask.set_mail_from_domain(from.map(|from| from.domain.clone()))
                    .behavior_on_mx_failure(from.map_or(WithoutMx::UseAmazons, |from| from.without_mx).wire())
                    .send()
            })
            .await?;
        }
        if self.feedback_forwarding != have.feedback_forwarding {
            aws.write(at, "ses", "PutEmailIdentityFeedbackAttributes", || {
                let ask = ses.put_email_identity_feedback_attributes().email_identity(name);
                ask.email_forwarding_enabled(self.feedback_forwarding).send()
            })
            .await?;
        }
        if self.configuration_set != have.configuration_set {
            aws.write(at, "ses", "PutEmailIdentityConfigurationSetAttributes", || {
                let ask = ses.put_email_identity_configuration_set_attributes().email_identity(name);
                ask.set_configuration_set_name(self.wire_set()).send()
            })
            .await?;
        }
        Ok(())
    }
}
