//! A CloudWatch Logs log group.
//!
//! Surprises (aws-semantics 14): "never expires" is the absence of a retention policy and no number; an
//! account's retention policy hides the group's own; a key applies only to what comes in from then on; the
//! class is for ever; looking is by prefix; the ARN exists with and without `:*` at its end, and tags want
//! the one without.

use model::{Address, Fault, Fields, Holds, Outputs, Ref, Tags};
use serde::{Deserialize, Serialize};

use aws_sdk_cloudwatchlogs::types::{LogGroup as Found, LogGroupClass};

use super::key::Key;
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, Waiting, reads, tag_changes, whole_account},
};

reads!(aws_sdk_cloudwatchlogs:
    describe_log_groups DescribeLogGroupsFluentBuilder,
    list_tags_for_resource ListTagsForResourceFluentBuilder,
);

const ABSENT: &[&str] = &["ResourceNotFoundException"];

/// The retentions that AWS has, in days (API model, `PutRetentionPolicy`).
const RETENTIONS: &[u32] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/// Where log lines are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogGroup {
    /// How long lines are kept, in days: one of AWS's fixed list (1, 3, 5, 7, 14, 30 … 3653). `None` is for
    /// ever.
    pub retention_days: Option<u32>,
    /// Fixed at birth.
    pub class: Class,
    /// Encrypts what comes in from now on; its policy must allow `logs.<region>.amazonaws.com`. `None` is
    /// AWS's key.
    pub key: Option<Ref<Key>>,
    /// AWS refuses to delete the group while this is on.
    pub deletion_protection: bool,
}

/// What can be done with the lines, and what they cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    Standard,
    /// Cheaper; no metric filters, no subscriptions, no alarms.
    InfrequentAccess,
    /// Only on the way of Lambda's logs to S3 or Firehose.
    Delivery,
}

impl LogGroup {
    /// A standard group that keeps lines this long.
    #[must_use]
    pub fn kept_for_days(days: u32) -> Self {
        Self { retention_days: Some(days), class: Class::Standard, key: None, deletion_protection: false }
    }

    fn read(at: &Place, found: &Found) -> Result<Self, Fault> {
        let class = match found.log_group_class() {
            None | Some(LogGroupClass::Standard) => Class::Standard,
            Some(LogGroupClass::InfrequentAccess) => Class::InfrequentAccess,
            Some(LogGroupClass::Delivery) => Class::Delivery,
            Some(other) => {
                let text = format!("is of the class {other}, which this program does not know");
                return Err(Fault::refused(&at.address, text).hint("update this program"));
            }
        };
        Ok(Self {
            retention_days: found.retention_in_days().and_then(|days| u32::try_from(days).ok()),
            class,
            key: found.kms_key_id().map(Ref::live),
            deletion_protection: found.deletion_protection_enabled().unwrap_or_default(),
        })
    }
}

impl Class {
    fn wire(self) -> LogGroupClass {
        match self {
            Self::Standard => LogGroupClass::Standard,
            Self::InfrequentAccess => LogGroupClass::InfrequentAccess,
            Self::Delivery => LogGroupClass::Delivery,
        }
    }
}

/// What the names of the stage's groups start with.
fn prefix(scope: &Scope) -> String {
    format!("/{}/{}/", scope.project, scope.stage)
}

impl Resource for LogGroup {
    const KIND: &'static str = "log group";
    const IRREVERSIBLE: Option<&'static str> = Some("the log data is gone");

    /// A path, as consoles show groups by their paths.
    fn physical(scope: &Scope, address: &Address) -> String {
        let computed = || format!("{}{}", prefix(scope), address.name());
        scope.names.get(address).cloned().unwrap_or_else(computed)
    }

    /// The ARN is the one without `:*`; policies that allow writing lines append it.
    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), scope.arn("logs", &format!("log-group:{physical}"))),
            ("name".to_owned(), physical.to_owned()),
        ])
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        let (_, name) = arn.strip_prefix("arn:aws:logs:")?.split_once(":log-group:")?;
        Some(name.strip_suffix(":*").unwrap_or(name).to_owned())
    }

    fn list(&self, to: &mut Fields) {
        let Self { retention_days, class, key, deletion_protection } = self;
        to.field("retention_days", retention_days);
        to.blocked("class", class);
        to.field("key", key);
        to.field("deletion_protection", deletion_protection);
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let Some(found) = find(at, aws).await? else { return Ok(None) };
        let actual = Self::read(at, &found)?;
        let outputs = Self::known(aws.scope(), at.name());
        let arn = &outputs["arn"];
        let tags = aws.tags_of(at, arn, tags_of(at, arn, aws)).await?;
        let bytes = found.stored_bytes().unwrap_or_default();
        let holds = if bytes > 0 { Holds::Data(format!("{bytes} bytes of logs")) } else { Holds::Nothing };
        let protected = actual.deletion_protection.then(|| "deletion protection is on".to_owned());
        // `retentionInDays` is then the account's value, and this group's own cannot be seen (aws-semantics
        // 14).
        let overridden = found.retention_policy_name().map(|policy| {
            let kept = actual.retention_days.map_or("for ever".to_owned(), |days| format!("for {days} days"));
            format!("the account's retention policy {policy} keeps it {kept}, whatever is set here")
        });
        let findings = overridden.into_iter().collect();
        Ok(Some(Live { holds, protected, findings, ..Live::new(actual, outputs, Some(tags)) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        if let Some(days) = self.retention_days.filter(|days| !RETENTIONS.contains(days)) {
            let text = format!("AWS does not keep logs for {days} days");
            return Err(Fault::refused(&at.address, text).hint(format!("use one of {RETENTIONS:?}")));
        }
        let live = match live {
            Some(live) => live,
            None => self.create(at, aws).await?,
        };
        self.sync_retention(at, &live.actual, aws).await?;
        self.sync_key(at, &live.actual, aws).await?;
        if self.deletion_protection != live.actual.deletion_protection {
            aws.write(at, "logs", "PutLogGroupDeletionProtection", || {
                let ask = aws.logs().put_log_group_deletion_protection().log_group_identifier(at.name());
                ask.deletion_protection_enabled(self.deletion_protection).send()
            })
            .await?;
        }
        let arn = &live.outputs["arn"];
        let (set, unset) = tag_changes(live.tags.as_ref().unwrap_or(&Tags::new()), &at.tags);
        if !unset.is_empty() {
            aws.write(at, "logs", "UntagResource", || {
                aws.logs().untag_resource().resource_arn(arn).set_tag_keys(Some(unset.clone())).send()
            })
            .await?;
        }
        if !set.is_empty() {
            aws.write(at, "logs", "TagResource", || {
                let tags = set.clone().into_iter().collect();
                aws.logs().tag_resource().resource_arn(arn).set_tags(Some(tags)).send()
            })
            .await?;
        }
        Ok(live.outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        if live.actual.deletion_protection {
            return Err(Fault::refused(&at.address, "is protected from deletion")
                .hint("apply it with deletion_protection off first"));
        }
        aws.write(at, "logs", "DeleteLogGroup", || {
            aws.logs().delete_log_group().log_group_name(at.name()).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

impl LogGroup {
    /// Makes the group and says what is there now. Only the retention needs a call of its own.
    async fn create(&self, at: &Place, aws: &Writer) -> Result<Live<Self>, Fault> {
        let tags = if self.retention_days.is_some() { at.birth_tags() } else { at.tags.clone() };
        let created = aws
            .write(at, "logs", "CreateLogGroup", || {
                let ask = aws.logs().create_log_group().log_group_name(at.name());
                let key = self.key.as_ref().map(|key| key.text().to_string());
                ask.set_kms_key_id(key)
                    .log_group_class(self.class.wire())
                    .deletion_protection_enabled(self.deletion_protection)
                    .set_tags(Some(tags.clone().into_iter().collect()))
                    .send()
            })
            .await;
        match created {
            Ok(_) => {
                let actual = Self { retention_days: None, ..self.clone() };
                Ok(Live::new(actual, Self::known(aws.scope(), at.name()), Some(tags)))
            }
            // An earlier birth whose answer was lost may not have been seen by the look before this.
            Err(error) if error.is("ResourceAlreadyExistsException") => {
                let waiting = Waiting::up_to(60, "the log group to be seen");
                let live = aws.until(at, waiting, || Self::observe(at, aws)).await?;
                let address = live.tags.as_ref().and_then(|tags| aws.scope().owned_address(tags));
                if address.as_ref() == Some(&at.address) {
                    return Ok(live);
                }
                Err(Fault::Stale {
                    address: Box::new(at.address.clone()),
                    found: "somebody else has just made it".to_owned(),
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn sync_retention(&self, at: &Place, live: &Self, aws: &Writer) -> Result<(), Fault> {
        if self.retention_days == live.retention_days {
            return Ok(());
        }
        let Some(days) = self.retention_days else {
            aws.write(at, "logs", "DeleteRetentionPolicy", || {
                aws.logs().delete_retention_policy().log_group_name(at.name()).send()
            })
            .await?;
            return Ok(());
        };
        let days = i32::try_from(days).expect("AWS's retentions are small");
        aws.write(at, "logs", "PutRetentionPolicy", || {
            aws.logs().put_retention_policy().log_group_name(at.name()).retention_in_days(days).send()
        })
        .await?;
        Ok(())
    }

    /// Associating another key replaces the one before; lines that are there stay as they are.
    async fn sync_key(&self, at: &Place, live: &Self, aws: &Writer) -> Result<(), Fault> {
        match &self.key {
            key if *key == live.key => {}
            None => {
                aws.write(at, "logs", "DisassociateKmsKey", || {
                    aws.logs().disassociate_kms_key().log_group_name(at.name()).send()
                })
                .await?;
            }
            Some(key) => {
                aws.write(at, "logs", "AssociateKmsKey", || {
                    let ask = aws.logs().associate_kms_key().log_group_name(at.name());
                    ask.kms_key_id(key.text().as_str()).send()
                })
                .await?;
            }
        }
        Ok(())
    }
}

/// One list finds all groups with computed names. A group asked for by itself is the first of its own prefix,
/// as answers are sorted.
async fn find(at: &Place, aws: &Reader) -> Result<Option<Found>, Fault> {
    let named = |found: &&Found| found.log_group_name() == Some(at.name());
    if !aws.alone() && at.name().starts_with(&prefix(aws.scope())) {
        let all = aws.once("logs:DescribeLogGroups", describe_all(&whole_account("log-groups"), aws)).await?;
        return Ok(all.iter().find(named).cloned());
    }
    let page = aws
        .read(&at.address, "logs", "DescribeLogGroups", || {
            aws.logs().describe_log_groups().log_group_name_prefix(at.name()).limit(1).send()
        })
        .await?;
    Ok(page.log_groups().iter().find(named).cloned())
}

async fn describe_all(at: &Address, aws: &Reader) -> Result<Vec<Found>, Fault> {
    let (mut all, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = aws
            .read(at, "logs", "DescribeLogGroups", || {
                let ask = aws.logs().describe_log_groups().log_group_name_prefix(prefix(aws.scope()));
                ask.limit(50).set_next_token(token.clone()).send()
            })
            .await?;
        all.extend_from_slice(page.log_groups());
        token = page.next_token;
        if token.is_none() {
            return Ok(all);
        }
    }
}

async fn tags_of(at: &Place, arn: &str, aws: &Reader) -> Result<Tags, Fault> {
    let answer = aws
        .read(&at.address, "logs", "ListTagsForResource", || {
            aws.logs().list_tags_for_resource().resource_arn(arn).send()
        })
        .await
        .absent_on(ABSENT)?;
    Ok(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_read_from_both_forms_of_the_arn() {
        for ending in ["", ":*"] {
            let arn = format!("arn:aws:logs:us-east-1:123456789012:log-group:/crm/dev/api{ending}");
            assert_eq!(LogGroup::physical_of_arn(&arn).as_deref(), Some("/crm/dev/api"));
        }
        assert_eq!(LogGroup::physical_of_arn("arn:aws:sqs:us-east-1:123456789012:log-group:x"), None);
        assert_eq!(LogGroup::physical_of_arn("arn:aws:logs:us-east-1:123456789012:destination:x"), None);
    }
}
