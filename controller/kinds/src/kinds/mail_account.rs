//! What SES keeps for the account and Region as a whole.
//!
//! It is always there, for everybody in the account, and has no tags: a stage that declares it sets it, and no
//! other stage in the account may. Taking the declaration away changes nothing in AWS; deleting it (`destroy`)
//! writes what AWS starts with: bounces and complaints suppressed, no deliverability manager. Whether the account
//! may write to anybody is decided by people at AWS, so that is a finding and no field (aws-semantics 3).

use std::collections::BTreeSet;

use aws_sdk_sesv2::{
    operation::get_account::GetAccountOutput,
    types::{DashboardAttributes, FeatureStatus, GuardianAttributes, SuppressionAttributes, VdmAttributes},
};
use model::{Address, Fault, Fields, Outputs};
use serde::{Deserialize, Serialize};

use super::configuration_set::{Suppression, Vdm, feature};
use crate::{Live, Place, Reader, Resource, Scope, Writer, aws::reads};

reads!(aws_sdk_sesv2: get_account GetAccountFluentBuilder);

/// Settings of all mail. Outputs: `max_24_hour_send` (messages, -1 for no limit), `max_send_rate` (messages a
/// second), `production` and `sending` (`true` or `false`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MailAccount {
    /// What puts an address onto the account's suppression list.
    pub suppression: BTreeSet<Suppression>,
    /// Deliverability manager (VDM, which costs). `None` is off.
    pub vdm: Option<Vdm>,
}

impl MailAccount {
    /// What AWS starts with.
    #[must_use]
    pub fn usual() -> Self {
        Self { suppression: [Suppression::Bounce, Suppression::Complaint].into(), vdm: None }
    }

    fn read(account: &GetAccountOutput) -> Self {
        let reasons = account
            .suppression_attributes()
            .map(SuppressionAttributes::suppressed_reasons)
            .unwrap_or_default();
        let vdm = account.vdm_attributes().filter(|vdm| *vdm.vdm_enabled() == FeatureStatus::Enabled);
        let on = |status: Option<&FeatureStatus>| status == Some(&FeatureStatus::Enabled);
        Self {
            suppression: reasons.iter().filter_map(Suppression::read).collect(),
            vdm: vdm.map(|vdm| Vdm {
                engagement: on(vdm.dashboard_attributes().and_then(DashboardAttributes::engagement_metrics)),
                shared_delivery: on(vdm
                    .guardian_attributes()
                    .and_then(GuardianAttributes::optimized_shared_delivery)),
            }),
        }
    }

    async fn sync(&self, at: &Place, have: &Self, aws: &Writer) -> Result<(), Fault> {
        if self.suppression != have.suppression {
            let reasons: Vec<_> = self.suppression.iter().map(|reason| reason.wire()).collect();
            aws.write(at, "ses", "PutAccountSuppressionAttributes", || {
                let ask = aws.ses().put_account_suppression_attributes();
                ask.set_suppressed_reasons(Some(reasons.clone())).send()
            })
            .await?;
        }
        if self.vdm != have.vdm {
            let wire = self.wire_vdm();
            aws.write(at, "ses", "PutAccountVdmAttributes", || {
                aws.ses().put_account_vdm_attributes().vdm_attributes(wire.clone()).send()
            })
            .await?;
        }
        Ok(())
    }

    fn wire_vdm(&self) -> VdmAttributes {
        let ask = VdmAttributes::builder().vdm_enabled(feature(self.vdm.is_some()));
        let ask = match self.vdm {
            Some(vdm) => ask
                .dashboard_attributes(
                    DashboardAttributes::builder().engagement_metrics(feature(vdm.engagement)).build(),
                )
                .guardian_attributes(
                    GuardianAttributes::builder()
                        .optimized_shared_delivery(feature(vdm.shared_delivery))
                        .build(),
                ),
            None => ask,
        };
        ask.build().expect("it says whether it is enabled")
    }
}

fn findings(account: &GetAccountOutput) -> Vec<String> {
    let mut findings = Vec::new();
    if !account.production_access_enabled() {
        findings.push(
            "the account is in the SES sandbox: mail goes to verified addresses only; ask AWS for production \
             access (SES console, Account dashboard, Request production access)"
                .to_owned(),
        );
    }
    if !account.sending_enabled() {
        findings.push("AWS or somebody has paused sending for the whole account".to_owned());
    }
    if let Some(status) = account.enforcement_status().filter(|status| *status != "HEALTHY") {
        findings.push(format!("AWS has put the account on {status}: look at the SES reputation dashboard"));
    }
    findings
}

fn outputs(account: &GetAccountOutput) -> Outputs {
    let mut outputs = Outputs::from([
        ("production".to_owned(), account.production_access_enabled().to_string()),
        ("sending".to_owned(), account.sending_enabled().to_string()),
    ]);
    if let Some(quota) = account.send_quota() {
        outputs.insert("max_24_hour_send".to_owned(), quota.max24_hour_send().to_string());
        outputs.insert("max_send_rate".to_owned(), quota.max_send_rate().to_string());
    }
    outputs
}

impl Resource for MailAccount {
    const KIND: &'static str = "mail account";
    const TAGGED: bool = false;

    /// The same for all stages of the account.
    fn physical(scope: &Scope, _: &Address) -> String {
        format!("{}/{}", scope.account, scope.region)
    }

    fn known(_: &Scope, _: &str) -> Outputs {
        Outputs::new()
    }

    fn list(&self, to: &mut Fields) {
        let Self { suppression, vdm } = self;
        to.field("suppression", suppression);
        to.field("vdm", vdm);
    }

    fn physical_of_arn(_: &str) -> Option<String> {
        None
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let account = aws.read(&at.address, "ses", "GetAccount", || aws.ses().get_account().send()).await?;
        let live = Live::new(Self::read(&account), outputs(&account), None);
        Ok(Some(Live { findings: findings(&account), ..live }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let Some(live) = live else { return Err(Fault::refused(&at.address, "SES shows no account")) };
        self.sync(at, &live.actual, aws).await?;
        Ok(live.outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        Self::usual().sync(at, &live.actual, aws).await
    }
}
