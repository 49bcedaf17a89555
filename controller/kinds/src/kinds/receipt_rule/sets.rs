//! The account's rule sets, of which one is active.

use aws_sdk_ses::types::{ReceiptRule as Wire, ReceiptRuleSetMetadata};
use model::{Address, Fault, fault::Cause};

use crate::{
    Place, Reader, Writer,
    aws::{Absent, whole_account},
};

pub(super) const NO_SET: &str = "RuleSetDoesNotExist";

/// A rule set and its rules in order.
#[derive(Clone, Debug)]
pub(super) struct RuleSet {
    pub name: String,
    pub rules: Vec<Wire>,
}

impl RuleSet {
    fn read(metadata: Option<ReceiptRuleSetMetadata>, rules: Option<Vec<Wire>>) -> Option<Self> {
        let name = metadata.and_then(|metadata| metadata.name).filter(|name| !name.is_empty())?;
        Some(Self { name, rules: rules.unwrap_or_default() })
    }
}

/// The active set: one call for all rules.
pub(super) async fn active(aws: &Reader) -> Result<Option<RuleSet>, Fault> {
    let look = async {
        let ask = || aws.ses_receiving().describe_active_receipt_rule_set().send();
        let found =
            aws.read(&whole_account("receipt-rules"), "ses", "DescribeActiveReceiptRuleSet", ask).await?;
        Ok(RuleSet::read(found.metadata, found.rules))
    };
    if aws.alone() {
        return look.await;
    }
    Ok(aws.once("ses:DescribeActiveReceiptRuleSet", look).await?.as_ref().clone())
}

/// A set by its name, active or not.
pub(super) async fn named(at: &Address, name: &str, aws: &Reader) -> Result<Option<RuleSet>, Fault> {
    let look = async {
        let found = aws
            .read(at, "ses", "DescribeReceiptRuleSet", || {
                aws.ses_receiving().describe_receipt_rule_set().rule_set_name(name).send()
            })
            .await
            .absent_on(&[NO_SET])?;
        Ok(found.and_then(|found| RuleSet::read(found.metadata, found.rules)))
    };
    if aws.alone() {
        return look.await;
    }
    Ok(aws.once(&format!("ses:DescribeReceiptRuleSet:{name}"), look).await?.as_ref().clone())
}

/// Makes a set; that it is there by now is fine, as another rule of the stage may have made it.
pub(super) async fn make(at: &Place, name: &str, aws: &Writer) -> Result<(), Fault> {
    aws.write(at, "ses", "CreateReceiptRuleSet", || {
        aws.ses_receiving().create_receipt_rule_set().rule_set_name(name).send()
    })
    .await
    .absent_on(&["AlreadyExists"])?;
    Ok(())
}

/// Activates a set unless one is active. There is no way to say "if none is" to AWS, so it is looked just before.
pub(super) async fn activate_where_none_is(at: &Place, name: &str, aws: &Writer) -> Result<(), Fault> {
    match active(aws).await? {
        Some(set) if set.name == name => Ok(()),
        Some(set) => {
            let text = format!("somebody has activated the rule set {} meanwhile", set.name);
            Err(Fault::Transient(Cause::new(text).at(&at.address).hint("apply again: the rule joins it")))
        }
        None => {
            aws.write(at, "ses", "SetActiveReceiptRuleSet", || {
                aws.ses_receiving().set_active_receipt_rule_set().rule_set_name(name).send()
            })
            .await?;
            Ok(())
        }
    }
}

/// Deletes the stage's own set after its last rule. SES would delete rules with it, so it is looked just before.
pub(super) async fn delete_when_empty(at: &Place, name: &str, aws: &Writer) -> Result<(), Fault> {
    let active = active(aws).await?.filter(|set| set.name == name);
    let is_active = active.is_some();
    let set = match active {
        Some(set) => Some(set),
        None => named(&at.address, name, aws).await?,
    };
    if set.is_none_or(|set| !set.rules.is_empty()) {
        return Ok(());
    }
    if is_active {
        aws.write(at, "ses", "SetActiveReceiptRuleSet", || {
            aws.ses_receiving().set_active_receipt_rule_set().send()
        })
        .await?;
    }
    aws.write(at, "ses", "DeleteReceiptRuleSet", || {
        aws.ses_receiving().delete_receipt_rule_set().rule_set_name(name).send()
    })
    .await?;
    Ok(())
}
