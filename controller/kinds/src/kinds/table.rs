//! A DynamoDB table.
//!
//! Surprises (aws-semantics 5): one kind of change an `UpdateTable`, and one index made or deleted in it,
//! with a wait between; a table that was just made is not found at once; the expiry attribute can be set once
//! an hour; an index's keys are fixed, so a changed index is deleted and made again under its name, and
//! readers of it fail meanwhile (make the new one under a new name where that hurts); `ItemCount` is up to
//! six hours old.

use std::collections::{BTreeMap, BTreeSet};

use futures::join;
use model::{Fault, Fields, Outputs, Ref, Tags, snapshot::Slow};
use serde::{Deserialize, Serialize};

use super::key::Key;
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, Waiting},
};

mod keys;
pub(crate) mod read;
mod request;
pub mod rows;
mod write;

/// Codes of "there is no such table".
const ABSENT: &[&str] = &["ResourceNotFoundException", "TableNotFoundException"];

/// Items under a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// The partition key.
    pub hash: Attribute,
    /// The sort key.
    pub range: Option<Attribute>,
    /// Global secondary indexes by name, at most 20.
    pub indexes: BTreeMap<String, Index>,
    pub billing: Billing,
    /// The attribute that holds the second (since 1970) after which an item is deleted, within some days.
    /// DynamoDB takes one change of it an hour, so another attribute takes two runs: one switches off, the
    /// next switches on.
    pub ttl: Option<String>,
    /// Restore to any second of the last days (into a new table).
    pub point_in_time_recovery: Option<Recovery>,
    /// Whether DynamoDB refuses to delete the table.
    pub deletion_protection: bool,
    pub encryption: Encryption,
    /// What the stream of changes shows. Another view makes another stream, which consumers must be pointed
    /// at.
    pub stream: Option<StreamView>,
    pub class: Class,
}

/// An attribute that is part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    pub name: String,
    pub of: Scalar,
}

/// The types that a key may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scalar {
    Text,
    Number,
    Binary,
}

/// A global secondary index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// The partition key: one attribute, at most four.
    pub hash: Vec<Attribute>,
    /// The sort key, at most four attributes in order.
    pub range: Vec<Attribute>,
    pub projection: Projection,
    /// `None` is the table's own.
    pub billing: Option<Billing>,
}

/// Which attributes an index holds beside its own and the table's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Projection {
    All,
    KeysOnly,
    Include(BTreeSet<String>),
}

/// How capacity is paid for. From provisioned to on-demand at most four times in 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Billing {
    /// By request, with an optional limit in request units a second.
    OnDemand { read_max: Option<u32>, write_max: Option<u32> },
    /// By capacity units a second, used or not.
    Provisioned { read: u32, write: u32 },
}

/// How far back the table can be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// 1 to 35.
    pub days: u32,
}

/// Whose key encrypts the items. At most four changes in 24 hours; back to DynamoDB's own is always allowed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// By keys of DynamoDB itself: no cost, no key policy.
    AwsOwned,
    /// By the account's `alias/aws/dynamodb`.
    AwsManaged,
    Key(Ref<Key>),
}

/// What a stream shows of a changed item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamView {
    Keys,
    New,
    Old,
    NewAndOld,
}

/// Whether storage or requests are the cheaper part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    Standard,
    InfrequentAccess,
}

impl Attribute {
    pub fn text(name: &str) -> Self {
        Self { name: name.to_owned(), of: Scalar::Text }
    }

    pub fn number(name: &str) -> Self {
        Self { name: name.to_owned(), of: Scalar::Number }
    }

    pub fn binary(name: &str) -> Self {
        Self { name: name.to_owned(), of: Scalar::Binary }
    }
}

impl Table {
    /// A table paid by request, otherwise with the defaults of DynamoDB.
    #[must_use]
    pub fn on_demand(hash: Attribute) -> Self {
        Self {
            hash,
            range: None,
            indexes: BTreeMap::new(),
            billing: Billing::ON_DEMAND,
            ttl: None,
            point_in_time_recovery: None,
            deletion_protection: false,
            encryption: Encryption::AwsOwned,
            stream: None,
            class: Class::Standard,
        }
    }

    /// With a sort key.
    #[must_use]
    pub fn sorted_by(self, range: Attribute) -> Self {
        Self { range: Some(range), ..self }
    }

    /// With one more index.
    #[must_use]
    pub fn index(mut self, name: &str, index: Index) -> Self {
        self.indexes.insert(name.to_owned(), index);
        self
    }

    /// Safe from deletion, and restorable to any second of the last 35 days.
    #[must_use]
    pub fn guarded(self) -> Self {
        let point_in_time_recovery = Some(Recovery::DEFAULT);
        Self { deletion_protection: true, point_in_time_recovery, ..self }
    }
}

impl Index {
    /// An index on one attribute that holds whole items.
    #[must_use]
    pub fn on(hash: Attribute) -> Self {
        Self { hash: vec![hash], range: Vec::new(), projection: Projection::All, billing: None }
    }

    /// With one more attribute in the sort key.
    #[must_use]
    pub fn sorted_by(mut self, range: Attribute) -> Self {
        self.range.push(range);
        self
    }

    /// That holds only keys.
    #[must_use]
    pub fn keys_only(self) -> Self {
        Self { projection: Projection::KeysOnly, ..self }
    }

    /// That holds these attributes beside the keys.
    #[must_use]
    pub fn include<'a>(self, attributes: impl IntoIterator<Item = &'a str>) -> Self {
        let attributes = attributes.into_iter().map(str::to_owned).collect();
        Self { projection: Projection::Include(attributes), ..self }
    }

    /// What can only be changed by deleting the index and making it again.
    fn shape(&self) -> (&[Attribute], &[Attribute], &Projection) {
        (&self.hash, &self.range, &self.projection)
    }
}

impl Billing {
    pub const ON_DEMAND: Self = Self::OnDemand { read_max: None, write_max: None };

    fn same_mode(self, other: Self) -> bool {
        matches!(self, Self::OnDemand { .. }) == matches!(other, Self::OnDemand { .. })
    }
}

impl Recovery {
    /// What DynamoDB takes when no period is given.
    pub const DEFAULT: Self = Self { days: 35 };
}

impl Resource for Table {
    const KIND: &'static str = "table";
    const IRREVERSIBLE: Option<&'static str> =
        Some("only a backup or point-in-time recovery brings the items back, and into a new table");

    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), scope.arn("dynamodb", &format!("table/{physical}"))),
            ("name".to_owned(), physical.to_owned()),
        ])
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        let (_, name) = arn.strip_prefix("arn:aws:dynamodb:")?.split_once(":table/")?;
        // Behind another slash are the table's backups, indexes and streams.
        (!name.contains('/')).then(|| name.to_owned())
    }

    fn list(&self, to: &mut Fields) {
        let Self {
            hash,
            range,
            indexes,
            billing,
            ttl,
            point_in_time_recovery,
            deletion_protection,
            encryption,
            stream,
            class,
        } = self;
        to.blocked("hash", hash);
        to.blocked("range", range);
        // The table's own billing written out at an index is no difference from leaving it out.
        let plain =
            |index: &Index| Index { billing: index.billing.filter(|own| own != billing), ..index.clone() };
        to.each("index", &indexes.iter().map(|(name, index)| (name.clone(), plain(index))).collect());
        to.field("billing", billing);
        to.field("ttl", ttl);
        to.field("point_in_time_recovery", point_in_time_recovery);
        to.field("deletion_protection", deletion_protection);
        to.field("encryption", encryption);
        to.field("stream", stream);
        to.field("class", class);
    }

    fn slow(&self) -> Option<Slow> {
        let why = "a new index is filled from the items, one index after the other".to_owned();
        Some(Slow { group: "index".to_owned(), seconds_each: 60, why })
    }

    /// Four reads in one round. Whether the table holds items is guessed from `ItemCount`, up to six hours
    /// old; a step about to write looks into the table itself, and looks whether there is one before it asks for
    /// the rest: DynamoDB answers only ten of these questions a second, so births would wait for answers that
    /// tell nothing.
    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let first = match aws.alone() {
            true => Some(read::table(at, aws).await?),
            false => None,
        };
        if matches!(first, Some(None)) {
            return Ok(None);
        }
        let table = async {
            match first {
                Some(table) => Ok(table),
                None => read::table(at, aws).await,
            }
        };
        let mut outputs = Self::known(aws.scope(), at.name());
        let (table, ttl, recovery, tags) = join!(
            table,
            read::ttl(at, aws),
            read::recovery(at, aws),
            aws.tags_of(at, &outputs["arn"], read::tags(at, &outputs["arn"], aws)),
        );
        // The other answers count only where there is a table: some accounts are told AccessDeniedException, not
        // ResourceNotFoundException, when they ask for the tags of a table that is not there.
        let Some(table) = table?.filter(|table| !read::leaving(table)) else { return Ok(None) };
        let (ttl, recovery, tags) = (ttl?, recovery?, tags?);
        let mut findings = read::findings(&table);
        let (encryption, finding) = keys::encryption(at, aws, table.sse_description()).await?;
        findings.extend(finding);
        let actual = Self { ttl, point_in_time_recovery: recovery, encryption, ..read::spec(at, &table)? };
        outputs.extend(read::stream_output(&table));
        let holds = if aws.alone() { read::holds(at, aws, &table).await? } else { read::may_hold(&table) };
        let protected = actual.deletion_protection.then(|| "deletion protection is on".to_owned());
        Ok(Some(Live { holds, protected, findings, ..Live::new(actual, outputs, Some(tags)) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        self.check(at)?;
        let live = match live {
            Some(live) => live,
            None => self.create(at, aws).await?,
        };
        let table = self.update(at, &live.actual, aws).await?;
        self.set_recovery(at, &live.actual, aws).await?;
        let table = self.make_indexes(at, &live.actual, table, aws).await?;
        // Late, because it may end the step: see `Table::ttl`.
        self.set_ttl(at, &live.actual, aws).await?;
        write::tags(at, live.tags.as_ref().unwrap_or(&Tags::new()), aws).await?;
        let mut outputs = Self::known(aws.scope(), at.name());
        outputs.extend(read::stream_output(&table));
        Ok(outputs)
    }

    /// Waits until it is gone, so that the name is free. A table that is being changed answers
    /// `ResourceInUseException`, which the gate waits out; one that is being deleted already answers no
    /// error.
    async fn delete(at: &Place, _: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let deleted = aws
            .write(at, "dynamodb", "DeleteTable", || {
                aws.dynamodb().delete_table().table_name(at.name()).send()
            })
            .await;
        deleted.absent_on(ABSENT).map_err(|fault| {
            fault.hint(
                "if deletion protection is on, take it off first: deletion_protection: false, and apply",
            )
        })?;
        let waiting = Waiting::up_to(write::TABLE_S, "the table to be gone");
        aws.until(at, waiting, || async { Ok(read::table(at, aws).await?.is_none().then_some(())) }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_arn_of_a_table_names_one() {
        let name = |arn| Table::physical_of_arn(arn);
        assert_eq!(name("arn:aws:dynamodb:eu-west-1:1:table/dn-a"), Some("dn-a".to_owned()));
        assert_eq!(name("arn:aws:dynamodb:eu-west-1:1:table/dn-a/stream/2026"), None);
        assert_eq!(name("arn:aws:sqs:eu-west-1:1:table/dn-a"), None);
    }

    #[test]
    fn billing_of_an_index_written_out_is_no_difference() {
        let listed = |billing| {
            let mut to = Fields::default();
            let index = Index { billing, ..Index::on(Attribute::text("day")) };
            Table::on_demand(Attribute::text("id")).index("by_day", index).list(&mut to);
            to
        };
        assert_eq!(listed(None), listed(Some(Billing::ON_DEMAND)));
        let limited = Billing::OnDemand { read_max: Some(5), write_max: None };
        assert_ne!(listed(None), listed(Some(limited)));
    }
}
