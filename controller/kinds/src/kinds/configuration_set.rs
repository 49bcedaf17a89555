//! An SES configuration set: how mail is sent that names it, and who hears of what becomes of it.
//!
//! Surprises (aws-semantics 3): each group of settings has a call of its own that replaces the group; a tracking
//! domain must be verified before; a topic must let `ses.amazonaws.com` publish before events go there; suppression
//! that says nothing means the account's, and an empty list means none; identities may name a set that is deleted,
//! and their mail is refused from then on. AWS allows one call a second for each action.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sesv2::{
    operation::get_configuration_set::GetConfigurationSetOutput,
    types::{
        ArchivingOptions, DashboardOptions, DeliveryOptions, FeatureStatus, GuardianOptions,
        HttpsPolicy as WireHttps, ReputationOptions, SendingOptions, SuppressionListReason,
        SuppressionOptions, TlsPolicy, TrackingOptions, VdmOptions,
    },
};
use model::{Fault, Fields, Outputs, Text};
use serde::{Deserialize, Serialize};

use super::contact_list::{read_tags, sync_tags, wire_tags};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, CallError, reads},
};

mod events;

pub use events::{Dimension, DimensionSource, Event, EventDestination, Target};

reads!(aws_sdk_sesv2:
    get_configuration_set GetConfigurationSetFluentBuilder,
    get_configuration_set_event_destinations GetConfigurationSetEventDestinationsFluentBuilder,
);

const ABSENT: &[&str] = &["NotFoundException"];

/// Settings of mail. Outputs: `arn`, `name`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigurationSet {
    /// Whether mail that names it is sent.
    pub sending: bool,
    /// Whether CloudWatch counts bounces and complaints of it.
    pub reputation_metrics: bool,
    /// Whether mail is sent to servers without TLS.
    pub tls: Tls,
    /// How long delivery is tried, 300 to 50,400 seconds. `None` is 14 hours.
    pub max_delivery_s: Option<u32>,
    /// The pool of dedicated addresses that mail leaves from. `None` is the shared pool.
    pub pool: Option<String>,
    /// What puts an address onto the account's suppression list. `None` is what the account says, an empty set is
    /// nothing.
    pub suppression: Option<BTreeSet<Suppression>>,
    /// A domain of one's own in links and pixels that count clicks and opens.
    pub tracking: Option<Tracking>,
    /// Deliverability manager (VDM, which costs). `None` is what the account says.
    pub vdm: Option<Vdm>,
    /// An archive of Mail Manager that keeps a copy of all mail, by ARN.
    pub archive: Option<Text>,
    /// Who hears of what becomes of the mail, by name; at most 10.
    pub events: BTreeMap<String, EventDestination>,
}

/// Whether a connection must be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    Optional,
    Require,
}

/// Why an address is no longer written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suppression {
    Bounce,
    Complaint,
}

/// Where links and pixels lead first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracking {
    /// Verified, or below a verified one.
    pub domain: Text,
    pub https: HttpsPolicy,
}

/// Which of them use HTTPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpsPolicy {
    /// As the link itself does.
    Optional,
    Require,
    /// Pixels always, links as they are.
    RequireOpenOnly,
}

/// What the deliverability manager does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vdm {
    /// Whether it counts opens and clicks.
    pub engagement: bool,
    /// Whether it chooses among shared addresses.
    pub shared_delivery: bool,
}

impl Suppression {
    pub(super) fn wire(self) -> SuppressionListReason {
        match self {
            Self::Bounce => SuppressionListReason::Bounce,
            Self::Complaint => SuppressionListReason::Complaint,
        }
    }

    /// `None` for a reason that this program does not know.
    pub(super) fn read(wire: &SuppressionListReason) -> Option<Self> {
        match wire {
            SuppressionListReason::Bounce => Some(Self::Bounce),
            SuppressionListReason::Complaint => Some(Self::Complaint),
            _ => None,
        }
    }
}

pub(super) fn feature(on: bool) -> FeatureStatus {
    if on { FeatureStatus::Enabled } else { FeatureStatus::Disabled }
}

impl Tls {
    fn wire(self) -> TlsPolicy {
        match self {
            Self::Optional => TlsPolicy::Optional,
            Self::Require => TlsPolicy::Require,
        }
    }
}

impl HttpsPolicy {
    fn wire(self) -> WireHttps {
        match self {
            Self::Optional => WireHttps::Optional,
            Self::Require => WireHttps::Require,
            Self::RequireOpenOnly => WireHttps::RequireOpenOnly,
        }
    }
}

impl ConfigurationSet {
    /// A set that sends, counts bounces and complaints, and leaves the rest to AWS and the account.
    #[must_use]
    pub fn counting() -> Self {
        Self {
            sending: true,
            reputation_metrics: true,
            tls: Tls::Optional,
            max_delivery_s: None,
            pool: None,
            suppression: None,
            tracking: None,
            vdm: None,
            archive: None,
            events: BTreeMap::new(),
        }
    }

    fn read(set: &GetConfigurationSetOutput, events: BTreeMap<String, EventDestination>) -> Self {
        let delivery = set.delivery_options();
        let reasons = set.suppression_options().and_then(|options| options.suppressed_reasons.as_ref());
        Self {
            sending: set.sending_options().is_none_or(|options| options.sending_enabled),
            reputation_metrics: set
                .reputation_options()
                .is_some_and(|options| options.reputation_metrics_enabled),
            tls: match delivery.and_then(DeliveryOptions::tls_policy) {
                Some(TlsPolicy::Require) => Tls::Require,
                _ => Tls::Optional,
            },
            max_delivery_s: delivery
                .and_then(DeliveryOptions::max_delivery_seconds)
                .and_then(|seconds| u32::try_from(seconds).ok()),
            pool: delivery.and_then(DeliveryOptions::sending_pool_name).map(str::to_owned),
            suppression: reasons.map(|reasons| reasons.iter().filter_map(Suppression::read).collect()),
            tracking: set
                .tracking_options()
                .filter(|options| !options.custom_redirect_domain.is_empty())
                .map(|options| Tracking {
                    domain: options.custom_redirect_domain().into(),
                    https: match options.https_policy() {
                        Some(WireHttps::Require) => HttpsPolicy::Require,
                        Some(WireHttps::RequireOpenOnly) => HttpsPolicy::RequireOpenOnly,
                        _ => HttpsPolicy::Optional,
                    },
                }),
            vdm: set.vdm_options().and_then(read_vdm),
            archive: set.archiving_options().and_then(ArchivingOptions::archive_arn).map(Text::from),
            events,
        }
    }

    fn wire_reasons(&self) -> Option<Vec<SuppressionListReason>> {
        self.suppression.as_ref().map(|reasons| reasons.iter().map(|reason| reason.wire()).collect())
    }

    fn wire_seconds(&self) -> Option<i64> {
        self.max_delivery_s.map(i64::from)
    }

    fn wire_vdm(&self) -> Option<VdmOptions> {
        self.vdm.map(|vdm| {
            let dashboard = DashboardOptions::builder().engagement_metrics(feature(vdm.engagement)).build();
            let guardian =
                GuardianOptions::builder().optimized_shared_delivery(feature(vdm.shared_delivery)).build();
            VdmOptions::builder().dashboard_options(dashboard).guardian_options(guardian).build()
        })
    }
}

fn read_vdm(options: &VdmOptions) -> Option<Vdm> {
    let engagement = options.dashboard_options().and_then(DashboardOptions::engagement_metrics);
    let shared = options.guardian_options().and_then(GuardianOptions::optimized_shared_delivery);
    (engagement.is_some() || shared.is_some()).then(|| Vdm {
        engagement: engagement == Some(&FeatureStatus::Enabled),
        shared_delivery: shared == Some(&FeatureStatus::Enabled),
    })
}

fn arn_of(scope: &Scope, name: &str) -> String {
    scope.arn("ses", &format!("configuration-set/{name}"))
}

/// A refused tracking domain is most often one whose DNS records are not published yet.
fn explained(error: CallError) -> Fault {
    let unverified = error.message().contains("not verified");
    let fault = Fault::from(error);
    if unverified {
        return fault.hint("publish the DNS records of the tracking domain's identity, then apply again");
    }
    fault
}

impl Resource for ConfigurationSet {
    const KIND: &'static str = "configuration set";

    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([("arn".to_owned(), arn_of(scope, physical)), ("name".to_owned(), physical.to_owned())])
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        let (_, name) = arn.strip_prefix("arn:aws:ses:")?.split_once(":configuration-set/")?;
        Some(name.to_owned())
    }

    fn list(&self, to: &mut Fields) {
        let Self {
            sending,
            reputation_metrics,
            tls,
            max_delivery_s,
            pool,
            suppression,
            tracking,
            vdm,
            archive,
            events,
        } = self;
        to.field("sending", sending);
        to.field("reputation_metrics", reputation_metrics);
        to.field("tls", tls);
        to.field("max_delivery_s", max_delivery_s);
        to.field("pool", pool);
        to.field("suppression", suppression);
        to.field("tracking", tracking);
        to.field("vdm", vdm);
        to.field("archive", archive);
        to.each("events", events);
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let get = async {
            let ask = || aws.ses().get_configuration_set().configuration_set_name(at.name()).send();
            aws.read(&at.address, "ses", "GetConfigurationSet", ask).await.absent_on(ABSENT)
        };
        let (set, events) = futures::try_join!(get, events::look(at, aws))?;
        let (Some(set), Some(events)) = (set, events) else { return Ok(None) };
        let tags = read_tags(set.tags());
        Ok(Some(Live::new(Self::read(&set, events), Self::known(aws.scope(), at.name()), Some(tags))))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let live = match live {
            Some(live) => live,
            None => self.create(at, aws).await?,
        };
        self.sync_mail(at, &live.actual, aws).await?;
        self.sync_feedback(at, &live.actual, aws).await?;
        events::sync(at, &self.events, &live.actual.events, aws).await?;
        sync_tags(at, &live.outputs["arn"], live.tags.as_ref(), aws).await?;
        Ok(live.outputs)
    }

    async fn delete(at: &Place, _: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        aws.write(at, "ses", "DeleteConfigurationSet", || {
            aws.ses().delete_configuration_set().configuration_set_name(at.name()).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

impl ConfigurationSet {
    /// Everything but the event destinations in one call; what is there then.
    async fn create(&self, at: &Place, aws: &Writer) -> Result<Live<Self>, Fault> {
        let tags = if self.events.is_empty() { at.tags.clone() } else { at.birth_tags() };
        let delivery = DeliveryOptions::builder()
            .tls_policy(self.tls.wire())
            .set_sending_pool_name(self.pool.clone())
            .set_max_delivery_seconds(self.wire_seconds());
        let reputation =
            ReputationOptions::builder().reputation_metrics_enabled(self.reputation_metrics).build();
        let suppression = self
            .wire_reasons()
            .map(|reasons| SuppressionOptions::builder().set_suppressed_reasons(Some(reasons)).build());
        let tracking = self.tracking.as_ref().map(|tracking| {
            let options = TrackingOptions::builder().custom_redirect_domain(tracking.domain.as_str());
            options.https_policy(tracking.https.wire()).build().expect("the domain is given")
        });
        let archive = self
            .archive
            .as_ref()
            .map(|archive| ArchivingOptions::builder().archive_arn(archive.as_str()).build());
        let sending = SendingOptions::builder().sending_enabled(self.sending).build();
        aws.write(at, "ses", "CreateConfigurationSet", || {
            let ask = aws.ses().create_configuration_set().configuration_set_name(at.name());
            ask.sending_options(sending.clone())
                .reputation_options(reputation.clone())
                .delivery_options(delivery.clone().build())
                .set_suppression_options(suppression.clone())
                .set_tracking_options(tracking.clone())
                .set_vdm_options(self.wire_vdm())
                .set_archiving_options(archive.clone())
                .set_tags(Some(wire_tags(&tags)))
                .send()
        })
        .await
        .map_err(explained)?;
        let made = Self { events: BTreeMap::new(), ..self.clone() };
        Ok(Live::new(made, Self::known(aws.scope(), at.name()), Some(tags)))
    }

    /// How mail is sent.
    async fn sync_mail(&self, at: &Place, have: &Self, aws: &Writer) -> Result<(), Fault> {
        let (ses, name) = (aws.ses(), at.name());
        if self.sending != have.sending {
            aws.write(at, "ses", "PutConfigurationSetSendingOptions", || {
                let ask = ses.put_configuration_set_sending_options().configuration_set_name(name);
                ask.sending_enabled(self.sending).send()
            })
            .await?;
        }
        if (self.tls, self.max_delivery_s, &self.pool) != (have.tls, have.max_delivery_s, &have.pool) {
            aws.write(at, "ses", "PutConfigurationSetDeliveryOptions", || {
                let ask = ses.put_configuration_set_delivery_options().configuration_set_name(name);
                let ask = ask.tls_policy(self.tls.wire()).set_sending_pool_name(self.pool.clone());
                ask.set_max_delivery_seconds(self.wire_seconds()).send()
            })
            .await?;
        }
        if self.archive != have.archive {
            aws.write(at, "ses", "PutConfigurationSetArchivingOptions", || {
                let ask = ses.put_configuration_set_archiving_options().configuration_set_name(name);
                ask.set_archive_arn(self.archive.as_ref().map(ToString::to_string)).send()
            })
            .await?;
        }
        Ok(())
    }

    /// What is learnt from it.
    async fn sync_feedback(&self, at: &Place, have: &Self, aws: &Writer) -> Result<(), Fault> {
        let (ses, name) = (aws.ses(), at.name());
        if self.reputation_metrics != have.reputation_metrics {
            aws.write(at, "ses", "PutConfigurationSetReputationOptions", || {
                let ask = ses.put_configuration_set_reputation_options().configuration_set_name(name);
                ask.reputation_metrics_enabled(self.reputation_metrics).send()
            })
            .await?;
        }
        if self.suppression != have.suppression {
            // Left out, the account's reasons count again; an empty list overrides them (Terraform provider, pull
            // request 45756).
            aws.write(at, "ses", "PutConfigurationSetSuppressionOptions", || {
                let ask = ses.put_configuration_set_suppression_options().configuration_set_name(name);
                ask.set_suppressed_reasons(self.wire_reasons()).send()
            })
            .await?;
        }
        if self.tracking != have.tracking {
            let tracking = self.tracking.as_ref();
            aws.write(at, "ses", "PutConfigurationSetTrackingOptions", || {
                let ask = ses.put_configuration_set_tracking_options().configuration_set_name(name);
                ask.set_custom_redirect_domain(tracking.map(|tracking| tracking.domain.to_string()))
                    .set_https_policy(tracking.map(|tracking| tracking.https.wire()))
                    .send()
            })
            .await
            .map_err(explained)?;
        }
        if self.vdm != have.vdm {
            aws.write(at, "ses", "PutConfigurationSetVdmOptions", || {
                let ask = ses.put_configuration_set_vdm_options().configuration_set_name(name);
                ask.set_vdm_options(self.wire_vdm()).send()
            })
            .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_leaves_out_has_its_default() {
        let read = |set: &GetConfigurationSetOutput| ConfigurationSet::read(set, BTreeMap::new());
        let bare = GetConfigurationSetOutput::builder().build();
        assert_eq!(
            read(&bare),
            ConfigurationSet { reputation_metrics: false, ..ConfigurationSet::counting() }
        );
        let empty = SuppressionOptions::builder().set_suppressed_reasons(Some(Vec::new())).build();
        let nobody = GetConfigurationSetOutput::builder().suppression_options(empty).build();
        assert_eq!(read(&nobody).suppression, Some(BTreeSet::new()), "an override by nothing");
        let silent = SuppressionOptions::builder().build();
        let account = GetConfigurationSetOutput::builder().suppression_options(silent).build();
        assert_eq!(read(&account).suppression, None, "as the account says");
    }

    #[test]
    fn the_name_is_read_from_the_arn() {
        let arn = "arn:aws:ses:us-east-1:123456789012:configuration-set/crm";
        assert_eq!(ConfigurationSet::physical_of_arn(arn).as_deref(), Some("crm"));
        assert_eq!(ConfigurationSet::physical_of_arn("arn:aws:ses:us-east-1:1:contact-list/crm"), None);
    }
}
