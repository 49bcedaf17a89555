//! Making and changing a table, one kind of change a call.

use aws_sdk_dynamodb::{
    operation::update_table::builders::UpdateTableFluentBuilder,
    types::{PointInTimeRecoverySpecification, TableDescription, TimeToLiveSpecification},
};
use model::{Fault, Tags, fault::Cause};

use super::{
    Billing, Index, Recovery, StreamView, Table, read,
    request::{self, built},
};
use crate::{
    Live, Place, Resource, Writer,
    aws::{Waiting, tag_changes},
};

/// How long a table may take to be made, changed or deleted, in seconds: AWS's own waiter gives it 500.
pub(super) const TABLE_S: u64 = 600;
/// How long an index of a big table may be filled in one run, in seconds. The next run goes on waiting.
const INDEX_S: u64 = 7_200;
/// How long a new table may be "not found" (aws-semantics 1.2), in seconds.
const UNSEEN_S: u64 = 60;

const TABLE: Waiting = Waiting::up_to(TABLE_S, "the table to be ready");
const INDEX: Waiting = Waiting::up_to(INDEX_S, "the index to be filled");

impl Table {
    /// Makes the table. What one call cannot say (expiry, recovery) makes it a birth of several calls, and
    /// then the receipt is not among the first tags.
    pub(super) async fn create(&self, at: &Place, aws: &Writer) -> Result<Live<Self>, Fault> {
        let whole = self.ttl.is_none() && self.point_in_time_recovery.is_none();
        let tags = if whole { at.tags.clone() } else { at.birth_tags() };
        let indexes = self.indexes.iter().map(|(name, index)| self.index_at_birth(name, index));
        let indexes = (!self.indexes.is_empty()).then(|| indexes.collect::<Vec<_>>());
        let created = aws
            .write(at, "dynamodb", "CreateTable", || {
                aws.dynamodb()
                    .create_table()
                    .table_name(at.name())
                    .set_key_schema(Some(self.key_schema()))
                    .set_attribute_definitions(Some(self.definitions(self.indexes.values())))
                    .set_global_secondary_indexes(indexes.clone())
                    .billing_mode(self.billing.mode())
                    .set_provisioned_throughput(self.billing.units())
                    .set_on_demand_throughput(self.billing.limits())
                    .deletion_protection_enabled(self.deletion_protection)
                    .sse_specification(self.encryption.request())
                    .set_stream_specification(self.stream.map(|view| StreamView::request(Some(view))))
                    .table_class(self.class.request())
                    .set_tags(Some(request::tags(&tags)))
                    .send()
            })
            .await;
        match created {
            Ok(_) => {}
            // The look before found nothing, and yet there is one: made by a lost or killed call of ours and
            // not seen yet, or by somebody else just now.
            Err(error) if error.is("ResourceInUseException") => return found_again(at, aws).await,
            Err(error) => return Err(error.into()),
        }
        seen(at, aws).await?;
        let actual = Self { ttl: None, point_in_time_recovery: None, ..self.clone() };
        Ok(Live::new(actual, Self::known(aws.scope(), at.name()), Some(tags)))
    }

    /// Everything that `UpdateTable` changes, but for new indexes: those take long, so they come later.
    pub(super) async fn update(
        &self,
        at: &Place,
        live: &Self,
        aws: &Writer,
    ) -> Result<TableDescription, Fault> {
        let mut table = settled(at, aws, INDEX, |_| true).await?;
        for name in live.indexes.keys().filter(|name| !self.keeps(name, live)) {
            let gone = |table: &TableDescription| !has_index(table, name);
            table = change(at, aws, TABLE, gone, |ask| {
                ask.global_secondary_index_updates(request::index_deletion(name))
            })
            .await?;
        }
        if let Some(done) = self.bill(at, live, aws).await? {
            table = done;
        }
        if self.class != live.class {
            let done = |table: &TableDescription| spec_is(at, table, |spec| spec.class == self.class);
            table = change(at, aws, TABLE, done, |ask| ask.table_class(self.class.request())).await?;
        }
        if self.deletion_protection != live.deletion_protection {
            let on = self.deletion_protection;
            let done = |table: &TableDescription| table.deletion_protection_enabled() == Some(on);
            table = change(at, aws, TABLE, done, |ask| ask.deletion_protection_enabled(on)).await?;
        }
        if self.stream != live.stream {
            // A stream keeps its view: another view is another stream, so the old one is switched off first.
            let views = [live.stream.and(self.stream).map(|_| None), Some(self.stream)];
            for view in views.into_iter().flatten() {
                let done = |table: &TableDescription| spec_is(at, table, |spec| spec.stream == view);
                table =
                    change(at, aws, TABLE, done, |ask| ask.stream_specification(StreamView::request(view)))
                        .await?;
            }
        }
        if self.encryption != live.encryption {
            let ask = |ask: UpdateTableFluentBuilder| ask.sse_specification(self.encryption.request());
            table = change(at, aws, TABLE, |_| true, ask).await?;
        }
        Ok(table)
    }

    /// Whether a live index stays: wanted, and with keys and projection as wanted.
    fn keeps(&self, name: &str, live: &Self) -> bool {
        let both = self.indexes.get(name).zip(live.indexes.get(name));
        both.is_some_and(|(want, live)| want.shape() == live.shape())
    }

    /// The live indexes that stay, with what they are billed by now and should be.
    fn kept<'a>(&'a self, live: &'a Self) -> impl Iterator<Item = (&'a str, Billing, Billing)> {
        let kept = live.indexes.iter().filter(|(name, _)| self.keeps(name, live));
        kept.filter_map(|(name, now)| {
            let want = self.indexes.get(name)?;
            Some((name.as_str(), live.billing_of(now), self.billing_of(want)))
        })
    }

    /// Billing of the table and of the indexes that it has. Another mode is a call of its own: limits of
    /// on-demand are refused while the table is still provisioned; but to become provisioned takes the units
    /// of every index.
    async fn bill(&self, at: &Place, live: &Self, aws: &Writer) -> Result<Option<TableDescription>, Fault> {
        let switches = !self.billing.same_mode(live.billing);
        let mut done = None;
        let (mut now, mut indexes): (Billing, Vec<_>) = (live.billing, self.kept(live).collect());
        if switches {
            let provisioned = self.billing.units().is_some();
            let units = indexes.iter().filter(|_| provisioned);
            let updates: Vec<_> = units.map(|(name, _, want)| request::index_capacity(name, *want)).collect();
            done = Some(
                change(
                    at,
                    aws,
                    TABLE,
                    |table| spec_is(at, table, |spec| spec.billing.same_mode(self.billing)),
                    |ask| {
                        let updates = (!updates.is_empty()).then(|| updates.clone());
                        ask.billing_mode(self.billing.mode())
                            .set_provisioned_throughput(self.billing.units())
                            .set_global_secondary_index_updates(updates)
                    },
                )
                .await?,
            );
            now = if provisioned { self.billing } else { Billing::ON_DEMAND };
            indexes
                .iter_mut()
                .for_each(|(_, now, want)| *now = if provisioned { *want } else { Billing::ON_DEMAND });
        }
        let changed: Vec<_> = indexes
            .iter()
            .filter(|(_, now, want)| now != want)
            .map(|(name, _, want)| request::index_capacity(name, *want))
            .collect();
        if now != self.billing || !changed.is_empty() {
            // DynamoDB refuses units that are what they were, so only what changes is named.
            let own = Some(self.billing).filter(|want| *want != now);
            done = Some(
                change(
                    at,
                    aws,
                    TABLE,
                    |table| spec_is(at, table, |spec| spec.billing == self.billing),
                    |ask| {
                        ask.set_provisioned_throughput(own.and_then(Billing::units))
                            .set_on_demand_throughput(own.and_then(Billing::new_limits))
                            .set_global_secondary_index_updates(
                                (!changed.is_empty()).then(|| changed.clone()),
                            )
                    },
                )
                .await?,
            );
        }
        Ok(done)
    }

    /// Makes the indexes that are missing, each in a call of its own and filled before the next.
    pub(super) async fn make_indexes(
        &self,
        at: &Place,
        live: &Self,
        mut table: TableDescription,
        aws: &Writer,
    ) -> Result<TableDescription, Fault> {
        let (mut there, missing): (Vec<&Index>, Vec<(&String, &Index)>) = (
            self.indexes.iter().filter(|(name, _)| self.keeps(name, live)).map(|(_, index)| index).collect(),
            self.indexes.iter().filter(|(name, _)| !self.keeps(name, live)).collect(),
        );
        for (name, index) in missing {
            there.push(index);
            table = change(
                at,
                aws,
                INDEX,
                |table| has_index(table, name),
                |ask| {
                    ask.set_attribute_definitions(Some(self.definitions(there.iter().copied())))
                        .global_secondary_index_updates(self.index_creation(name, index))
                },
            )
            .await?;
        }
        Ok(table)
    }

    pub(super) async fn set_recovery(&self, at: &Place, live: &Self, aws: &Writer) -> Result<(), Fault> {
        if self.point_in_time_recovery == live.point_in_time_recovery {
            return Ok(());
        }
        let days =
            self.point_in_time_recovery.map(|Recovery { days }| i32::try_from(days).unwrap_or(i32::MAX));
        let wanted = PointInTimeRecoverySpecification::builder()
            .point_in_time_recovery_enabled(days.is_some())
            .set_recovery_period_in_days(days);
        let wanted = built(wanted.build());
        aws.write(at, "dynamodb", "UpdateContinuousBackups", || {
            let ask = aws.dynamodb().update_continuous_backups().table_name(at.name());
            ask.point_in_time_recovery_specification(wanted.clone()).send()
        })
        .await?;
        Ok(())
    }

    /// Switches expiry on or off. DynamoDB takes one such change an hour, so that another attribute is two
    /// runs: this one switches off and says so.
    pub(super) async fn set_ttl(&self, at: &Place, live: &Self, aws: &Writer) -> Result<(), Fault> {
        let (attribute, on) = match (&live.ttl, &self.ttl) {
            (live, want) if live == want => return Ok(()),
            (Some(old), _) => (old, false),
            (None, Some(new)) => (new, true),
            (None, None) => return Ok(()),
        };
        let wanted = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(on);
        let wanted = built(wanted.build());
        let changed = aws
            .write(at, "dynamodb", "UpdateTimeToLive", || {
                let ask = aws.dynamodb().update_time_to_live().table_name(at.name());
                ask.time_to_live_specification(wanted.clone()).send()
            })
            .await;
        let in_an_hour = |text: String| {
            Fault::Transient(Cause::new(text).at(&at.address).hint("run apply again in an hour"))
        };
        match (changed, &self.ttl) {
            (Err(error), _) if error.message().contains("multiple times within a fixed interval") => {
                Err(in_an_hour(
                    "DynamoDB takes one change of a table's expiry an hour, and had one already".to_owned(),
                ))
            }
            (Err(error), _) => Err(error.into()),
            (Ok(_), Some(new)) if !on => Err(in_an_hour(format!(
                "expiry by {attribute} is switched off; DynamoDB switches on expiry by {new} an hour from now"
            ))),
            (Ok(_), _) => Ok(()),
        }
    }
}

/// Makes the tags what they should be: the receipt among them says that all was written, so this comes last.
pub(super) async fn tags(at: &Place, live: &Tags, aws: &Writer) -> Result<(), Fault> {
    let arn = &Table::known(aws.scope(), at.name())["arn"];
    let (set, unset) = tag_changes(live, &at.tags);
    if !unset.is_empty() {
        aws.write(at, "dynamodb", "UntagResource", || {
            aws.dynamodb().untag_resource().resource_arn(arn).set_tag_keys(Some(unset.clone())).send()
        })
        .await?;
    }
    if !set.is_empty() {
        aws.write(at, "dynamodb", "TagResource", || {
            aws.dynamodb().tag_resource().resource_arn(arn).set_tags(Some(request::tags(&set))).send()
        })
        .await?;
    }
    Ok(())
}

/// One `UpdateTable`, and the wait for it. `done` tells its effect from a look that is not up to date:
/// `DescribeTable` is eventually consistent.
async fn change(
    at: &Place,
    aws: &Writer,
    waiting: Waiting,
    done: impl Fn(&TableDescription) -> bool + Send + Sync,
    ask: impl Fn(UpdateTableFluentBuilder) -> UpdateTableFluentBuilder + Send + Sync,
) -> Result<TableDescription, Fault> {
    aws.write(at, "dynamodb", "UpdateTable", || {
        ask(aws.dynamodb().update_table().table_name(at.name())).send()
    })
    .await?;
    settled(at, aws, waiting, done).await
}

/// Waits until the table and its indexes take changes, and `done`.
async fn settled(
    at: &Place,
    aws: &Writer,
    waiting: Waiting,
    done: impl Fn(&TableDescription) -> bool + Send + Sync,
) -> Result<TableDescription, Fault> {
    aws.until(at, waiting, || async {
        let table = read::table(at, aws).await?;
        let gone = || Fault::refused(&at.address, "it was deleted while it was worked on").hint("plan again");
        let table = table.filter(|table| !read::leaving(table)).ok_or_else(gone)?;
        if let Some(why) = read::stuck(&table) {
            let hint = "let DynamoDB use the key again (key policy, key state); then run apply again";
            return Err(Fault::refused(&at.address, why).hint(hint));
        }
        Ok((read::settled(&table) && done(&table)).then_some(table))
    })
    .await
}

/// Waits until a table that was just made is found.
async fn seen(at: &Place, aws: &Writer) -> Result<(), Fault> {
    let waiting = Waiting::up_to(UNSEEN_S, "the new table to be seen");
    aws.until(at, waiting, || async { Ok(read::table(at, aws).await?.map(drop)) }).await
}

/// What a look finds of a table that a create call says is there, if it is this one.
async fn found_again(at: &Place, aws: &Writer) -> Result<Live<Table>, Fault> {
    seen(at, aws).await?;
    let live = Table::observe(at, aws).await?.ok_or_else(|| {
        Fault::Transient(Cause::new("an old table of this name is being deleted").at(&at.address))
            .hint("run apply again")
    })?;
    let owner = live.tags.as_ref().and_then(|tags| aws.scope().owned_address(tags));
    if owner.as_ref() != Some(&at.address) {
        return Err(Fault::refused(&at.address, "somebody else made a table of this name meanwhile")
            .hint("plan again, or give this table another name in the environment"));
    }
    Ok(live)
}

fn has_index(table: &TableDescription, name: &str) -> bool {
    table.global_secondary_indexes().iter().any(|index| index.index_name() == Some(name))
}

fn spec_is(at: &Place, table: &TableDescription, wanted: impl FnOnce(&Table) -> bool) -> bool {
    read::spec(at, table).is_ok_and(|spec| wanted(&spec))
}
