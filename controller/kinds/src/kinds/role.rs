//! An IAM role with everything that hangs on it.
//!
//! Surprises (aws-semantics 12 and 1.6): documents come back URL-encoded; a principal that was deleted turns
//! into its unique id; a role is not deleted before its policies are off it; a new role may not be seen by
//! others for minutes (the gate waits for "Invalid principal"); names are unique whatever their case; an
//! update that leaves something out keeps it.
//!
//! The path is always `/`, so that the ARN is known from the name.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::Tag;
use model::{
    Address, Fault, Fields, Outputs, Tags,
    policy::{Policy, Statement},
};
use serde::{Deserialize, Serialize};

use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, Waiting, tag_changes},
};

pub(crate) mod look;
mod sync;

use look::Seen;

const ABSENT: &[&str] = &["NoSuchEntity"];

/// The name of the one inline policy.
pub const INLINE: &str = "dn";

/// Who may act as the role, and what it may then do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// At most 1,000 characters.
    pub description: Option<String>,
    /// Who may assume it; at most 2,048 characters.
    pub trust: Policy,
    /// What it may do; at most 10,240 characters. Its name in AWS is [`INLINE`].
    pub inline: Option<Policy>,
    /// Inline policies under other names, by name, as AWS wrote them. A spec has none; those found are
    /// removed.
    pub strays: BTreeMap<String, String>,
    /// ARNs of managed policies; 10 unless the account's quota was raised.
    pub managed: BTreeSet<String>,
    /// ARN of the managed policy that bounds what all others can give.
    pub boundary: Option<String>,
    /// The longest session, in seconds: 3,600 to 43,200.
    pub max_session_s: u32,
}

impl Role {
    /// A role that may do nothing yet, and that this policy lets others assume.
    #[must_use]
    pub fn trusting(trust: Policy) -> Self {
        Self {
            description: None,
            trust,
            inline: None,
            strays: BTreeMap::new(),
            managed: BTreeSet::new(),
            boundary: None,
            max_session_s: 3_600,
        }
    }

    /// A role that a service (`lambda.amazonaws.com`) assumes.
    #[must_use]
    pub fn of_service(service: &str) -> Self {
        let assume = Statement::allow(["sts:AssumeRole"], [""; 0]).to_service(service);
        Self::trusting(Policy::new([assume]))
    }

    fn read(at: &Place, seen: &Seen) -> Result<Self, Fault> {
        let parse = |what: &str, text: &str| {
            let unreadable =
                |error| Fault::refused(&at.address, format!("its {what} cannot be read: {error}"));
            Policy::parse(text).map_err(unreadable)
        };
        let mut strays = seen.inline.clone();
        let inline = strays.remove(INLINE);
        Ok(Self {
            description: seen.description.clone().filter(|text| !text.is_empty()),
            trust: parse("trust policy", &seen.trust)?,
            inline: inline.map(|text| parse("inline policy", &text)).transpose()?,
            strays,
            managed: seen.managed.clone(),
            boundary: seen.boundary.clone(),
            max_session_s: seen.max_session_s,
        })
    }

    /// Whether one call makes all of it.
    fn is_born_at_once(&self) -> bool {
        self.inline.is_none() && self.managed.is_empty()
    }
}

impl Resource for Role {
    const KIND: &'static str = "role";
    const IRREVERSIBLE: Option<&'static str> =
        Some("a role of the same name is another one: policies that named the old one do not know it");

    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), format!("arn:aws:iam::{}:role/{physical}", scope.account)),
            ("name".to_owned(), physical.to_owned()),
        ])
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        let (_, path) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
        path.rsplit('/').next().map(str::to_owned)
    }

    fn list(&self, to: &mut Fields) {
        let Self { description, trust, inline, strays, managed, boundary, max_session_s } = self;
        to.field("description", description);
        to.field("trust", trust);
        to.field("inline", inline);
        to.each("inline", strays);
        to.field("managed", managed);
        to.field("boundary", boundary);
        to.field("max_session_s", max_session_s);
    }

    /// From the roles themselves: the tagging API lists them in us-east-1 only, and is asked where IAM
    /// denies.
    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        let address =
            |tags: &Tags| aws.scope().owned_address(tags).filter(|address| address.kind() == Self::KIND);
        let at = crate::aws::whole_account("roles");
        match look::all(&at, aws).await {
            Ok(all) => {
                Ok(all.values().filter_map(|one| Some((address(&one.tags)?, one.name.clone()))).collect())
            }
            Err(Fault::Refused(_)) => {
                let owned = aws.owned().await?;
                let ours =
                    |(arn, tags): (&String, &Tags)| Some((address(tags)?, Self::physical_of_arn(arn)?));
                Ok(owned.iter().filter_map(ours).collect())
            }
            Err(fault) => Err(fault),
        }
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let Some(seen) = look::one(at, aws).await? else { return Ok(None) };
        let actual = Self::read(at, &seen)?;
        let mut findings: Vec<String> = actual
            .trust
            .deleted_principals()
            .into_iter()
            .map(|id| format!("a principal of its trust policy was deleted: {id}"))
            .collect();
        if seen.path != "/" {
            findings
                .push(format!("its path is {} and cannot be changed: its ARN is {}", seen.path, seen.arn));
        }
        let mut outputs = Self::known(aws.scope(), at.name());
        outputs.insert("arn".to_owned(), seen.arn);
        outputs.insert("id".to_owned(), seen.id);
        Ok(Some(Live { findings, ..Live::new(actual, outputs, Some(seen.tags)) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let live = match live {
            Some(live) => {
                // A mistake in the trust policy of the role that is in use locks this process out for good.
                if self.trust != live.actual.trust {
                    sync::refuse_own(at, aws).await?;
                }
                live
            }
            None => self.create(at, aws).await?,
        };
        self.sync_settings(at, &live.actual, aws).await?;
        self.sync_boundary(at, &live.actual, aws).await?;
        self.sync_inline(at, &live.actual, aws).await?;
        self.sync_managed(at, &live.actual, aws).await?;
        let (set, unset) = tag_changes(live.tags.as_ref().unwrap_or(&Tags::new()), &at.tags);
        if !unset.is_empty() {
            aws.write(at, "iam", "UntagRole", || {
                aws.iam().untag_role().role_name(at.name()).set_tag_keys(Some(unset.clone())).send()
            })
            .await?;
        }
        if !set.is_empty() {
            aws.write(at, "iam", "TagRole", || {
                aws.iam().tag_role().role_name(at.name()).set_tags(Some(wire_tags(&set))).send()
            })
            .await?;
        }
        Ok(live.outputs)
    }

    /// Whatever hangs on the role goes first, or AWS answers `DeleteConflict`.
    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        sync::refuse_own(at, aws).await?;
        let bare =
            Self { inline: None, strays: BTreeMap::new(), managed: BTreeSet::new(), ..live.actual.clone() };
        bare.sync_managed(at, &live.actual, aws).await?;
        bare.sync_inline(at, &live.actual, aws).await?;
        // Last, so that it never bounds less than it did.
        Self { boundary: None, ..bare }.sync_boundary(at, &live.actual, aws).await?;
        aws.write(at, "iam", "DeleteRole", || aws.iam().delete_role().role_name(at.name()).send())
            .await
            .absent_on(ABSENT)?;
        Ok(())
    }
}

impl Role {
    async fn create(&self, at: &Place, aws: &Writer) -> Result<Live<Self>, Fault> {
        let tags = if self.is_born_at_once() { at.tags.clone() } else { at.birth_tags() };
        let created = aws
            .write(at, "iam", "CreateRole", || {
                let ask = aws.iam().create_role().role_name(at.name()).path("/");
                ask.assume_role_policy_document(self.trust.document())
                    .set_description(self.description.clone())
                    .max_session_duration(self.wire_session())
                    .set_permissions_boundary(self.boundary.clone())
                    .set_tags(Some(wire_tags(&tags)))
                    .send()
            })
            .await;
        match created {
            Ok(created) => {
                let bare = Self { inline: None, managed: BTreeSet::new(), ..self.clone() };
                let mut outputs = Self::known(aws.scope(), at.name());
                let id = created.role.map(|role| role.role_id).unwrap_or_default();
                outputs.insert("id".to_owned(), id);
                Ok(Live::new(bare, outputs, Some(tags)))
            }
            Err(error) if error.is("EntityAlreadyExists") => Self::unseen(at, aws).await,
            Err(error) => Err(error.into()),
        }
    }

    /// The role that the look before did not see: of an earlier birth whose answer was lost, or somebody
    /// else's.
    async fn unseen(at: &Place, aws: &Writer) -> Result<Live<Self>, Fault> {
        let waiting = Waiting::up_to(60, "the role to be seen");
        let Ok(live) = aws.until(at, waiting, || Self::observe(at, aws)).await else {
            return Err(Fault::refused(&at.address, format!("another role is called {}", at.name()))
                .hint("names that differ only in upper and lower case are one to IAM"));
        };
        let address = live.tags.as_ref().and_then(|tags| aws.scope().owned_address(tags));
        if address.as_ref() == Some(&at.address) {
            return Ok(live);
        }
        let found = "somebody else has just made it".to_owned();
        Err(Fault::Stale { address: Box::new(at.address.clone()), found })
    }
}

fn wire_tags(tags: &Tags) -> Vec<Tag> {
    let one = |(key, value)| Tag::builder().key(key).value(value).build().expect("key and value are given");
    tags.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_end_of_the_arn() {
        let name = |arn: &str| Role::physical_of_arn(arn);
        assert_eq!(name("arn:aws:iam::123456789012:role/api").as_deref(), Some("api"));
        assert_eq!(name("arn:aws:iam::123456789012:role/a/b/api").as_deref(), Some("api"));
        assert_eq!(name("arn:aws:iam::123456789012:policy/api"), None);
    }
}
