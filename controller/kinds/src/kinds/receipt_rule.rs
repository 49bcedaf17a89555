//! An SES receipt rule: what happens to mail that comes in.
//!
//! Surprises (aws-semantics 4): an account has one active rule set in a Region, so a rule joins that one, whoever
//! made it; only where none is active does it bring one of its own, named after project and stage. Activating
//! another set would switch everybody's rules off, so that is never done. A rule has no tags: its name says whose
//! it is, with dots, which neither project nor stage can hold, so that no stage takes another's rule for its own. An
//! update does not move a rule; without a place it goes first. A rule without recipients takes the mail of all
//! verified domains, so that must be said. SES tries bucket and topics when a rule is written, and leaves an object
//! `AMAZON_SES_SETUP_NOTIFICATION` in the bucket.

use std::collections::BTreeSet;

use aws_sdk_ses::types::{ReceiptRule as Wire, TlsPolicy};
use model::{Address, Fault, Fields, Outputs, Text};
use serde::{Deserialize, Serialize};

use super::configuration_set::Tls;
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, CallError, reads},
};

mod actions;
mod sets;

pub use actions::{Action, Bounce, Invocation, MailEncoding, Store};

reads!(aws_sdk_ses:
    describe_active_receipt_rule_set DescribeActiveReceiptRuleSetFluentBuilder,
    describe_receipt_rule_set DescribeReceiptRuleSetFluentBuilder,
);

/// What to do with some of the mail that comes in. Outputs: `name`, `arn_pattern` (whatever rule set it is in, for
/// `ArnLike` conditions), and where it exists `arn` and `rule_set`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReceiptRule {
    /// Whether it does anything. Nothing is done in a rule set that is not active.
    pub enabled: bool,
    pub recipients: Recipients,
    /// Whether mail is taken from servers without TLS.
    pub tls: Tls,
    /// Whether mail is looked through for spam and viruses.
    pub scan: bool,
    /// The name of the rule that comes just before. `None`: it is the first.
    pub after: Option<Text>,
    /// In order, at most 10.
    pub actions: Vec<Action>,
}

/// Whose mail it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipients {
    /// Everybody in all verified domains of the account, those of other stages too.
    All,
    /// Addresses, domains, or domains below one (`.example.com`).
    Only(BTreeSet<Text>),
}

impl ReceiptRule {
    /// A rule that does this with the mail of these addresses or domains, and looks through it first.
    pub fn of<T: Into<Text>>(
        recipients: impl IntoIterator<Item = T>,
        actions: impl IntoIterator<Item = Action>,
    ) -> Self {
        Self {
            enabled: true,
            recipients: Recipients::Only(recipients.into_iter().map(Into::into).collect()),
            tls: Tls::Optional,
            scan: true,
            after: None,
            actions: actions.into_iter().collect(),
        }
    }

    fn read(wire: &Wire, after: Option<&Wire>) -> Self {
        let recipients = wire.recipients();
        Self {
            enabled: wire.enabled(),
            recipients: match recipients.is_empty() {
                true => Recipients::All,
                false => Recipients::Only(recipients.iter().map(|one| one.as_str().into()).collect()),
            },
            tls: match wire.tls_policy() {
                Some(TlsPolicy::Require) => Tls::Require,
                _ => Tls::Optional,
            },
            scan: wire.scan_enabled(),
            after: after.map(|rule| rule.name().into()),
            actions: wire.actions().iter().map(Action::read).collect(),
        }
    }

    fn wire(&self, at: &Place) -> Result<Wire, Fault> {
        let recipients = match &self.recipients {
            Recipients::All => Vec::new(),
            Recipients::Only(some) if some.is_empty() => {
                let text = "names no recipients, which to SES means everybody";
                return Err(Fault::refused(&at.address, text).hint("say Recipients::All if that is meant"));
            }
            Recipients::Only(some) => some.iter().map(ToString::to_string).collect(),
        };
        let actions = self.actions.iter().map(|action| action.wire(at)).collect::<Result<Vec<_>, _>>()?;
        let rule = Wire::builder()
            .name(at.name())
            .enabled(self.enabled)
            .tls_policy(match self.tls {
                Tls::Optional => TlsPolicy::Optional,
                Tls::Require => TlsPolicy::Require,
            })
            .scan_enabled(self.scan)
            .set_recipients(Some(recipients))
            .set_actions(Some(actions));
        Ok(rule.build().expect("the name is given"))
    }
}

/// `project.stage.`: what the names of a stage's rules start with.
fn prefix(scope: &Scope) -> String {
    format!("{}.{}.", scope.project, scope.stage)
}

/// The rule set that the stage brings where none is active.
fn own_set(scope: &Scope) -> String {
    format!("{}.{}", scope.project, scope.stage)
}

/// SES has looked at what the rule names for some minutes, and it was not allowed.
fn explained(error: CallError) -> Fault {
    let hint = match () {
        () if error.is("InvalidS3Configuration") => {
            "let ses.amazonaws.com put objects (s3:PutObject) in the policy of the bucket"
        }
        () if error.is("InvalidSnsTopic") => "let ses.amazonaws.com publish in the policy of the topic",
        () if error.is("InvalidLambdaFunction") => {
            "let ses.amazonaws.com call the function in the function's policy"
        }
        () if error.is("RuleDoesNotExist") => {
            "`after` must name a rule of the active rule set: apply that rule first"
        }
        () => return error.into(),
    };
    Fault::from(error).hint(hint)
}

impl Resource for ReceiptRule {
    const KIND: &'static str = "receipt rule";
    const TAGGED: bool = false;

    fn physical(scope: &Scope, address: &Address) -> String {
        if scope.names.contains_key(address) {
            return scope.name(address);
        }
        format!("{}{}", prefix(scope), address.name())
    }

    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([
            ("name".to_owned(), physical.to_owned()),
            ("arn_pattern".to_owned(), arn_of(scope, "*", physical)),
        ])
    }

    fn list(&self, to: &mut Fields) {
        let Self { enabled, recipients, tls, scan, after, actions } = self;
        to.field("enabled", enabled);
        to.field("recipients", recipients);
        to.field("tls", tls);
        to.field("scan", scan);
        to.field("after", after);
        to.field("actions", actions);
    }

    fn physical_of_arn(_: &str) -> Option<String> {
        None
    }

    /// Rules of the active set with names of this stage. Which stack declared them is not written down anywhere, so
    /// they get an address that is computed.
    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        let prefix = prefix(aws.scope());
        let Some(set) = sets::active(aws).await? else { return Ok(Vec::new()) };
        let ours = |rule: &Wire| {
            let name = rule.name().strip_prefix(&prefix)?;
            Some((Address::new("account", Self::KIND, name).ok()?, rule.name().to_owned()))
        };
        Ok(set.rules.iter().filter_map(ours).collect())
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let own = own_set(aws.scope());
        let active = sets::active(aws).await?;
        let is_active = active.is_some();
        let set = match active {
            Some(set) => Some(set),
            // Nothing is active: perhaps a birth was broken off, or somebody switched receiving off.
            None => sets::named(&at.address, &own, aws).await?,
        };
        let Some(set) = set else { return Ok(None) };
        let Some(place) = set.rules.iter().position(|rule| rule.name() == at.name()) else { return Ok(None) };
        let before = place.checked_sub(1).map(|place| &set.rules[place]);
        let mut actual = Self::read(&set.rules[place], before);
        let mut findings = Vec::new();
        if !is_active && actual.enabled {
            findings.push(format!("no mail comes in: its rule set {} is not active", set.name));
            actual.enabled = false;
        }
        if set.name != own {
            findings.push(format!(
                "it is one of {} rules in {}, a rule set of somebody else: AWS keeps one active in an account and \
                 Region",
                set.rules.len(),
                set.name
            ));
        }
        let mut outputs = Self::known(aws.scope(), at.name());
        outputs.insert("arn".to_owned(), arn_of(aws.scope(), &set.name, at.name()));
        outputs.insert("rule_set".to_owned(), set.name.clone());
        Ok(Some(Live { findings, ..Live::new(actual, outputs, None) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let wire = self.wire(at)?;
        let Some(live) = live else { return self.create(at, wire, aws).await };
        let set = live.outputs["rule_set"].clone();
        let content = |rule: &Self| Self { after: None, ..rule.clone() };
        if content(self) != content(&live.actual) {
            aws.write(at, "ses", "UpdateReceiptRule", || {
                aws.ses_receiving().update_receipt_rule().rule_set_name(&set).rule(wire.clone()).send()
            })
            .await
            .map_err(explained)?;
        }
        if self.after != live.actual.after {
            aws.write(at, "ses", "SetReceiptRulePosition", || {
                let ask = aws.ses_receiving().set_receipt_rule_position().rule_set_name(&set);
                ask.rule_name(at.name()).set_after(self.after.as_ref().map(ToString::to_string)).send()
            })
            .await
            .map_err(explained)?;
        }
        if self.enabled && !live.actual.enabled {
            sets::activate_where_none_is(at, &set, aws).await?;
        }
        Ok(live.outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let set = &live.outputs["rule_set"];
        aws.write(at, "ses", "DeleteReceiptRule", || {
            aws.ses_receiving().delete_receipt_rule().rule_set_name(set).rule_name(at.name()).send()
        })
        .await
        .absent_on(&[sets::NO_SET])?;
        if *set == own_set(aws.scope()) {
            sets::delete_when_empty(at, set, aws).await?;
        }
        Ok(())
    }
}

fn arn_of(scope: &Scope, set: &str, rule: &str) -> String {
    scope.arn("ses", &format!("receipt-rule-set/{set}:receipt-rule/{rule}"))
}

impl ReceiptRule {
    /// In the active set, or in one of its own that is activated last.
    async fn create(&self, at: &Place, wire: Wire, aws: &Writer) -> Result<Outputs, Fault> {
        let own = own_set(aws.scope());
        let active = sets::active(aws).await?;
        let set = active.as_ref().map_or_else(|| own.clone(), |set| set.name.clone());
        if active.is_none() {
            sets::make(at, &own, aws).await?;
        }
        aws.write(at, "ses", "CreateReceiptRule", || {
            let ask = aws.ses_receiving().create_receipt_rule().rule_set_name(&set).rule(wire.clone());
            ask.set_after(self.after.as_ref().map(ToString::to_string)).send()
        })
        .await
        .map_err(explained)?;
        if self.enabled && active.is_none() {
            sets::activate_where_none_is(at, &set, aws).await?;
        }
        let mut outputs = Self::known(aws.scope(), at.name());
        outputs.insert("arn".to_owned(), arn_of(aws.scope(), &set, at.name()));
        outputs.insert("rule_set".to_owned(), set);
        Ok(outputs)
    }
}
