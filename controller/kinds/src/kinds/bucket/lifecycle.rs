//! What happens to objects with age.

use std::collections::BTreeSet;

use aws_sdk_s3::types as sdk;
use aws_smithy_types::{DateTime, date_time::Format, error::operation::BuildError};
use model::Tags;
use serde::{Deserialize, Serialize};

/// One rule: which objects, and what happens to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleRule {
    /// A rule that is not enabled is kept, and does nothing.
    pub enabled: bool,
    /// Only keys that start so; empty for all.
    pub prefix: String,
    /// Only objects with all of these tags.
    pub tags: Tags,
    /// Only objects of more bytes than this.
    pub larger_than: Option<i64>,
    /// Only objects of fewer bytes than this.
    pub smaller_than: Option<i64>,
    /// Deletes; with versions, puts a delete marker on top.
    pub expire: Option<Due>,
    /// Removes delete markers that have no version left under them. Not together with `expire`.
    pub expire_lone_markers: bool,
    /// Deletes old versions this many days after they were replaced.
    pub expire_noncurrent_days: Option<i32>,
    /// Old versions that `expire_noncurrent_days` spares, 1 to 100.
    pub keep_noncurrent: Option<i32>,
    /// Gives up unfinished uploads after this many days; their parts cost money and show in no list.
    pub abort_uploads_days: Option<i32>,
    pub transitions: BTreeSet<Transition>,
    /// The same for old versions, counted from when they were replaced; always in days.
    pub noncurrent_transitions: BTreeSet<Transition>,
}

/// Days after creation, or a day for all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Due {
    Days(i32),
    /// Midnight UTC, as `2030-01-01T00:00:00Z`.
    On(String),
}

/// A move to a cheaper storage class.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Transition {
    pub when: Due,
    pub to: StorageClass,
    /// Newest old versions that stay; only for old versions.
    pub keep: Option<i32>,
}

/// Where objects are moved, by the names of S3: `STANDARD_IA`, `GLACIER_IR`, `DEEP_ARCHIVE`, …
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StorageClass(String);

impl StorageClass {
    pub const STANDARD_IA: &'static str = "STANDARD_IA";
    pub const ONEZONE_IA: &'static str = "ONEZONE_IA";
    pub const INTELLIGENT_TIERING: &'static str = "INTELLIGENT_TIERING";
    pub const GLACIER_IR: &'static str = "GLACIER_IR";
    pub const GLACIER: &'static str = "GLACIER";
    pub const DEEP_ARCHIVE: &'static str = "DEEP_ARCHIVE";

    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl Transition {
    /// A move after this many days.
    #[must_use]
    pub fn after_days(days: i32, to: &str) -> Self {
        Self { when: Due::Days(days), to: StorageClass::named(to), keep: None }
    }
}

impl LifecycleRule {
    /// An enabled rule for these keys that does nothing yet.
    #[must_use]
    pub fn of_prefix(prefix: &str) -> Self {
        Self {
            enabled: true,
            prefix: prefix.to_owned(),
            tags: Tags::new(),
            larger_than: None,
            smaller_than: None,
            expire: None,
            expire_lone_markers: false,
            expire_noncurrent_days: None,
            keep_noncurrent: None,
            abort_uploads_days: None,
            transitions: BTreeSet::new(),
            noncurrent_transitions: BTreeSet::new(),
        }
    }

    pub(super) fn read(live: &sdk::LifecycleRule) -> Self {
        // `<Filter/>`, `<Filter><Prefix/></Filter>` and the older `<Prefix/>` are one and the same.
        #[expect(deprecated, reason = "old buckets still answer with it")]
        let mut prefix = live.prefix.clone().unwrap_or_default();
        let (mut tags, mut larger_than, mut smaller_than) = (Tags::new(), None, None);
        if let Some(filter) = &live.filter {
            let and = filter.and.as_ref();
            let found = filter.prefix.clone().or_else(|| and?.prefix.clone());
            prefix = found.unwrap_or(prefix);
            let all =
                filter.tag.iter().chain(and.map(sdk::LifecycleRuleAndOperator::tags).unwrap_or_default());
            tags = all.map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
            larger_than = filter.object_size_greater_than.or_else(|| and?.object_size_greater_than);
            smaller_than = filter.object_size_less_than.or_else(|| and?.object_size_less_than);
        }
        let expiration = live.expiration.as_ref();
        let noncurrent = live.noncurrent_version_expiration.as_ref();
        Self {
            enabled: live.status == sdk::ExpirationStatus::Enabled,
            prefix,
            tags,
            larger_than,
            smaller_than,
            expire: expiration.and_then(|expiration| when(expiration.days, expiration.date.as_ref())),
            expire_lone_markers: expiration.and_then(|e| e.expired_object_delete_marker).unwrap_or(false),
            expire_noncurrent_days: noncurrent.and_then(|noncurrent| noncurrent.noncurrent_days),
            keep_noncurrent: noncurrent.and_then(|noncurrent| noncurrent.newer_noncurrent_versions),
            abort_uploads_days: live
                .abort_incomplete_multipart_upload
                .as_ref()
                .and_then(|abort| abort.days_after_initiation),
            transitions: live
                .transitions()
                .iter()
                .filter_map(|one| {
                    let when = when(one.days, one.date.as_ref())?;
                    Some(Transition { when, to: class(one.storage_class.as_ref()), keep: None })
                })
                .collect(),
            noncurrent_transitions: live
                .noncurrent_version_transitions()
                .iter()
                .map(|one| Transition {
                    when: Due::Days(one.noncurrent_days.unwrap_or_default()),
                    to: class(one.storage_class.as_ref()),
                    keep: one.newer_noncurrent_versions,
                })
                .collect(),
        }
    }

    pub(super) fn write(&self, id: &str) -> Result<sdk::LifecycleRule, BuildError> {
        let status =
            if self.enabled { sdk::ExpirationStatus::Enabled } else { sdk::ExpirationStatus::Disabled };
        let expiration = match &self.expire {
            None if !self.expire_lone_markers => None,
            expire => {
                let (days, date) = days_or_date(expire.as_ref())?;
                let lone = self.expire_lone_markers.then_some(true);
                let builder = sdk::LifecycleExpiration::builder().set_days(days).set_date(date);
                Some(builder.set_expired_object_delete_marker(lone).build())
            }
        };
        let noncurrent =
            (self.expire_noncurrent_days.is_some() || self.keep_noncurrent.is_some()).then(|| {
                sdk::NoncurrentVersionExpiration::builder()
                    .set_noncurrent_days(self.expire_noncurrent_days)
                    .set_newer_noncurrent_versions(self.keep_noncurrent)
                    .build()
            });
        let abort = self
            .abort_uploads_days
            .map(|days| sdk::AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build());
        let transition = |one: &Transition| {
            let (days, date) = days_or_date(Some(&one.when))?;
            let class = sdk::TransitionStorageClass::from(one.to.0.as_str());
            Ok(sdk::Transition::builder().set_days(days).set_date(date).storage_class(class).build())
        };
        let noncurrent_transition = |one: &Transition| {
            let (days, _) = days_or_date(Some(&one.when))?;
            let class = sdk::TransitionStorageClass::from(one.to.0.as_str());
            let builder = sdk::NoncurrentVersionTransition::builder().set_noncurrent_days(days);
            Ok(builder.storage_class(class).set_newer_noncurrent_versions(one.keep).build())
        };
        let transitions: Result<Vec<_>, BuildError> = self.transitions.iter().map(transition).collect();
        let noncurrent_transitions: Result<Vec<_>, BuildError> =
            self.noncurrent_transitions.iter().map(noncurrent_transition).collect();
        sdk::LifecycleRule::builder()
            .id(id)
            .status(status)
            .filter(self.filter()?)
            .set_expiration(expiration)
            .set_noncurrent_version_expiration(noncurrent)
            .set_abort_incomplete_multipart_upload(abort)
            .set_transitions(Some(transitions?).filter(|list| !list.is_empty()))
            .set_noncurrent_version_transitions(Some(noncurrent_transitions?).filter(|list| !list.is_empty()))
            .build()
    }

    /// A filter holds one condition, or `And` around several.
    fn filter(&self) -> Result<sdk::LifecycleRuleFilter, BuildError> {
        let tag = |(key, value): (&String, &String)| sdk::Tag::builder().key(key).value(value).build();
        let tags: Vec<_> = self.tags.iter().map(tag).collect::<Result<_, _>>()?;
        let filter = sdk::LifecycleRuleFilter::builder();
        if tags.is_empty() && self.larger_than.is_none() && self.smaller_than.is_none() {
            return Ok(filter.prefix(&self.prefix).build());
        }
        let prefix = Some(self.prefix.clone()).filter(|prefix| !prefix.is_empty());
        let conditions = tags.len()
            + usize::from(prefix.is_some())
            + usize::from(self.larger_than.is_some())
            + usize::from(self.smaller_than.is_some());
        if conditions == 1 {
            let filter = filter.set_tag(tags.into_iter().next());
            let filter = filter.set_object_size_greater_than(self.larger_than);
            return Ok(filter.set_object_size_less_than(self.smaller_than).build());
        }
        let and = sdk::LifecycleRuleAndOperator::builder()
            .set_prefix(prefix)
            .set_tags(Some(tags).filter(|tags| !tags.is_empty()))
            .set_object_size_greater_than(self.larger_than)
            .set_object_size_less_than(self.smaller_than);
        Ok(filter.and(and.build()).build())
    }
}

fn when(days: Option<i32>, date: Option<&DateTime>) -> Option<Due> {
    let on = || date.map(|date| Due::On(date.fmt(Format::DateTime).unwrap_or_default()));
    days.map(Due::Days).or_else(on)
}

fn days_or_date(when: Option<&Due>) -> Result<(Option<i32>, Option<DateTime>), BuildError> {
    match when {
        None => Ok((None, None)),
        Some(Due::Days(days)) => Ok((Some(*days), None)),
        Some(Due::On(text)) => {
            let date = DateTime::from_str(text, Format::DateTime).map_err(BuildError::other)?;
            Ok((None, Some(date)))
        }
    }
}

fn class(live: Option<&sdk::TransitionStorageClass>) -> StorageClass {
    StorageClass::named(live.map(sdk::TransitionStorageClass::as_str).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn survives(rule: &LifecycleRule) {
        assert_eq!(LifecycleRule::read(&rule.write("a").unwrap()), *rule);
    }

    #[test]
    fn every_filter_and_action_is_read_back() {
        let plain = LifecycleRule { expire: Some(Due::Days(7)), ..LifecycleRule::of_prefix("") };
        survives(&plain);
        survives(&LifecycleRule { enabled: false, prefix: "logs/".into(), ..plain.clone() });
        let tags = Tags::from([("keep".to_owned(), "no".to_owned())]);
        survives(&LifecycleRule { tags: tags.clone(), ..plain.clone() });
        survives(&LifecycleRule { larger_than: Some(10), ..plain.clone() });
        survives(&LifecycleRule { smaller_than: Some(10), ..plain.clone() });
        survives(&LifecycleRule { tags, prefix: "a/".into(), larger_than: Some(10), ..plain.clone() });
        survives(&LifecycleRule { expire: Some(Due::On("2030-01-01T00:00:00Z".into())), ..plain.clone() });
        survives(&LifecycleRule { expire: None, expire_lone_markers: true, ..plain.clone() });
        survives(&LifecycleRule {
            expire_noncurrent_days: Some(30),
            keep_noncurrent: Some(3),
            abort_uploads_days: Some(1),
            transitions: [Transition::after_days(30, StorageClass::STANDARD_IA)].into(),
            noncurrent_transitions: [Transition {
                keep: Some(2),
                ..Transition::after_days(5, StorageClass::GLACIER_IR)
            }]
            .into(),
            ..plain
        });
    }

    #[test]
    fn the_old_way_of_writing_a_prefix_is_the_same_rule() {
        #[expect(deprecated, reason = "old buckets still answer with it")]
        let old = sdk::LifecycleRule::builder().prefix("a/").status(sdk::ExpirationStatus::Enabled);
        assert_eq!(LifecycleRule::read(&old.build().unwrap()), LifecycleRule::of_prefix("a/"));
    }

    #[test]
    fn a_date_that_is_none_is_refused() {
        let rule = LifecycleRule { expire: Some(Due::On("tomorrow".into())), ..LifecycleRule::of_prefix("") };
        assert!(rule.write("a").is_err());
    }
}
