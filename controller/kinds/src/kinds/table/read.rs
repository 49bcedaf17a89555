//! What DynamoDB says of a table, in our words.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    self as sdk, BillingMode, IndexStatus, KeyType, PointInTimeRecoveryStatus, ProjectionType,
    ScalarAttributeType, Select, StreamViewType, TableClass, TableDescription, TableStatus, TimeToLiveStatus,
};
use model::{Fault, Holds, Tags};

use super::{
    ABSENT, Attribute, Billing, Class, Encryption, Index, Projection, Recovery, Scalar, StreamView, Table,
};
use crate::{
    Place, Reader,
    aws::{Absent, reads},
};

reads!(aws_sdk_dynamodb:
    describe_table DescribeTableFluentBuilder,
    describe_time_to_live DescribeTimeToLiveFluentBuilder,
    describe_continuous_backups DescribeContinuousBackupsFluentBuilder,
    list_tags_of_resource ListTagsOfResourceFluentBuilder,
    scan ScanFluentBuilder,
);

/// The table as it is, or `None` where there is none.
pub(super) async fn table(at: &Place, aws: &Reader) -> Result<Option<TableDescription>, Fault> {
    let answer = aws
        .read(&at.address, "dynamodb", "DescribeTable", || {
            aws.dynamodb().describe_table().table_name(at.name()).send()
        })
        .await
        .absent_on(ABSENT)?;
    Ok(answer.and_then(|answer| answer.table))
}

/// The expiry attribute, where expiry is on or being switched on.
pub(super) async fn ttl(at: &Place, aws: &Reader) -> Result<Option<String>, Fault> {
    let answer = aws
        .read(&at.address, "dynamodb", "DescribeTimeToLive", || {
            aws.dynamodb().describe_time_to_live().table_name(at.name()).send()
        })
        .await
        .absent_on(ABSENT)?;
    let ttl = answer.and_then(|answer| answer.time_to_live_description);
    let on =
        |status: &TimeToLiveStatus| matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling);
    Ok(ttl.filter(|ttl| ttl.time_to_live_status().is_some_and(on)).and_then(|ttl| ttl.attribute_name))
}

/// Point-in-time recovery, where it is on. An answer without a period means the default.
pub(super) async fn recovery(at: &Place, aws: &Reader) -> Result<Option<Recovery>, Fault> {
    let answer = aws
        .read(&at.address, "dynamodb", "DescribeContinuousBackups", || {
            aws.dynamodb().describe_continuous_backups().table_name(at.name()).send()
        })
        .await
        .absent_on(ABSENT)?;
    let backups = answer.and_then(|answer| answer.continuous_backups_description);
    let Some(recovery) = backups.and_then(|backups| backups.point_in_time_recovery_description) else {
        return Ok(None);
    };
    let on = recovery.point_in_time_recovery_status() == Some(&PointInTimeRecoveryStatus::Enabled);
    let days = recovery.recovery_period_in_days().and_then(|days| u32::try_from(days).ok());
    Ok(on.then(|| days.map_or(Recovery::DEFAULT, |days| Recovery { days })))
}

pub(super) async fn tags(at: &Place, arn: &str, aws: &Reader) -> Result<Tags, Fault> {
    let (mut tags, mut token) = (Tags::new(), None::<String>);
    loop {
        let page = aws
            .read(&at.address, "dynamodb", "ListTagsOfResource", || {
                let ask = aws.dynamodb().list_tags_of_resource().resource_arn(arn);
                ask.set_next_token(token.clone()).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(page) = page else { return Ok(tags) };
        tags.extend(page.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())));
        token = page.next_token;
        if token.is_none() {
            return Ok(tags);
        }
    }
}

/// What `ItemCount` hints at. Zero proves nothing: DynamoDB counts about every six hours.
pub(super) fn may_hold(table: &TableDescription) -> Holds {
    match table.item_count().unwrap_or_default() {
        0 => Holds::Nothing,
        count => Holds::Data(format!("about {count} items")),
    }
}

/// Asks the table itself for one item. Only their number comes back, never the item.
pub(super) async fn holds(at: &Place, aws: &Reader, table: &TableDescription) -> Result<Holds, Fault> {
    // A table in any other state answers no scan; what it was last said to hold is all that can be known.
    let answers = matches!(table.table_status(), Some(TableStatus::Active | TableStatus::Updating));
    if !answers || !aws.looks_inside() {
        return Ok(may_hold(table));
    }
    let answer = aws
        .read(&at.address, "dynamodb", "Scan", || {
            aws.dynamodb().scan().table_name(at.name()).limit(1).select(Select::Count).send()
        })
        .await
        .absent_on(ABSENT)?;
    let any = answer.is_some_and(|answer| answer.count() > 0);
    Ok(if !any {
        Holds::Nothing
    } else if table.item_count().unwrap_or_default() > 0 {
        may_hold(table)
    } else {
        Holds::Data("items".to_owned())
    })
}

/// A table on its way out is as good as gone: nothing can be done with it but wait.
pub(super) fn leaving(table: &TableDescription) -> bool {
    table.table_status() == Some(&TableStatus::Deleting)
}

/// Whether the table and all its indexes take changes. An index that is being filled is `Creating`.
pub(super) fn settled(table: &TableDescription) -> bool {
    let ready = |index: &sdk::GlobalSecondaryIndexDescription| {
        index.index_status() == Some(&IndexStatus::Active) && index.backfilling() != Some(true)
    };
    table.table_status() == Some(&TableStatus::Active) && table.global_secondary_indexes().iter().all(ready)
}

/// Why a table will not become usable by waiting.
pub(super) fn stuck(table: &TableDescription) -> Option<String> {
    let text = match table.table_status()? {
        TableStatus::InaccessibleEncryptionCredentials => {
            "DynamoDB may not use its key: no item can be read or written, and after 7 days the table is \
             archived"
        }
        TableStatus::Archiving | TableStatus::Archived => {
            "it is archived, because its key could not be used for 7 days: restore it from its backup"
        }
        TableStatus::ReplicationNotAuthorized => "its replicas may not read it",
        _ => return None,
    };
    Some(text.to_owned())
}

/// What a person must know: states that do not pass, and parts that are no field here and are left alone.
pub(super) fn findings(table: &TableDescription) -> Vec<String> {
    let mut findings: Vec<String> = stuck(table).into_iter().collect();
    let mut unmanaged = |what: &str, name: Option<&str>| {
        let name = name.unwrap_or_default();
        findings.push(format!("has the {what} {name}, which is not declared here and is left alone"));
    };
    table.local_secondary_indexes().iter().for_each(|one| unmanaged("local index", one.index_name()));
    table.vector_indexes().iter().for_each(|one| unmanaged("vector index", one.index_name()));
    table.replicas().iter().for_each(|one| unmanaged("replica in", one.region_name()));
    findings
}

/// The ARN of the stream, while it is on: DynamoDB shows that of the last stream for ever.
pub(super) fn stream_output(table: &TableDescription) -> Option<(String, String)> {
    let on = table.stream_specification().is_some_and(|stream| stream.stream_enabled());
    let arn = table.latest_stream_arn().filter(|_| on)?;
    Some(("stream_arn".to_owned(), arn.to_owned()))
}

/// The fields that `DescribeTable` tells; expiry, recovery and the key have calls of their own.
pub(super) fn spec(at: &Place, table: &TableDescription) -> Result<Table, Fault> {
    let types: BTreeMap<&str, Scalar> = table
        .attribute_definitions()
        .iter()
        .filter_map(|one| Some((one.attribute_name(), scalar(one.attribute_type())?)))
        .collect();
    let of = |keys: &[sdk::KeySchemaElement], of: &KeyType| -> Result<Vec<Attribute>, Fault> {
        keys.iter()
            .filter(|key| key.key_type() == of)
            .map(|key| {
                let (name, kind) = (key.attribute_name(), types.get(key.attribute_name()).copied());
                let unknown =
                    || Fault::refused(&at.address, format!("its key {name} has no type known here"));
                Ok(Attribute { name: name.to_owned(), of: kind.ok_or_else(unknown)? })
            })
            .collect()
    };
    let first = of(table.key_schema(), &KeyType::Hash)?.into_iter().next();
    let hash = first.ok_or_else(|| Fault::refused(&at.address, "it has no partition key"))?;
    let on_demand = table
        .billing_mode_summary()
        .is_some_and(|summary| summary.billing_mode() == Some(&BillingMode::PayPerRequest));
    let billing = billing(on_demand, table.provisioned_throughput(), table.on_demand_throughput());
    let mut indexes = BTreeMap::new();
    for index in table.global_secondary_indexes() {
        if index.index_status() == Some(&IndexStatus::Deleting) {
            continue;
        }
        let own = self::billing(on_demand, index.provisioned_throughput(), index.on_demand_throughput());
        let read = Index {
            hash: of(index.key_schema(), &KeyType::Hash)?,
            range: of(index.key_schema(), &KeyType::Range)?,
            projection: projection(index.projection()),
            billing: Some(own).filter(|own| *own != billing),
        };
        indexes.insert(index.index_name().unwrap_or_default().to_owned(), read);
    }
    let class = table.table_class_summary().and_then(|summary| summary.table_class());
    let infrequent = class == Some(&TableClass::StandardInfrequentAccess);
    Ok(Table {
        hash,
        range: of(table.key_schema(), &KeyType::Range)?.into_iter().next(),
        indexes,
        billing,
        ttl: None,
        point_in_time_recovery: None,
        deletion_protection: table.deletion_protection_enabled().unwrap_or_default(),
        encryption: Encryption::AwsOwned,
        stream: stream(table),
        class: if infrequent { Class::InfrequentAccess } else { Class::Standard },
    })
}

/// `BillingModeSummary` is absent for a table that was always provisioned; units are 0 for one on demand.
fn billing(
    on_demand: bool,
    units: Option<&sdk::ProvisionedThroughputDescription>,
    limits: Option<&sdk::OnDemandThroughput>,
) -> Billing {
    // -1 is shown for a limit that is being removed.
    let whole = |units: Option<i64>| units.and_then(|units| u32::try_from(units).ok());
    if on_demand {
        Billing::OnDemand {
            read_max: whole(limits.and_then(sdk::OnDemandThroughput::max_read_request_units)),
            write_max: whole(limits.and_then(sdk::OnDemandThroughput::max_write_request_units)),
        }
    } else {
        Billing::Provisioned {
            read: whole(units.and_then(|units| units.read_capacity_units())).unwrap_or_default(),
            write: whole(units.and_then(|units| units.write_capacity_units())).unwrap_or_default(),
        }
    }
}

fn projection(live: Option<&sdk::Projection>) -> Projection {
    match live.and_then(|live| live.projection_type()) {
        Some(ProjectionType::KeysOnly) => Projection::KeysOnly,
        Some(ProjectionType::Include) => {
            let names = live.map(sdk::Projection::non_key_attributes).unwrap_or_default();
            Projection::Include(names.iter().cloned().collect())
        }
        _ => Projection::All,
    }
}

fn scalar(live: &ScalarAttributeType) -> Option<Scalar> {
    match live {
        ScalarAttributeType::S => Some(Scalar::Text),
        ScalarAttributeType::N => Some(Scalar::Number),
        ScalarAttributeType::B => Some(Scalar::Binary),
        _ => None,
    }
}

fn stream(table: &TableDescription) -> Option<StreamView> {
    let stream = table.stream_specification().filter(|stream| stream.stream_enabled())?;
    match stream.stream_view_type()? {
        StreamViewType::KeysOnly => Some(StreamView::Keys),
        StreamViewType::NewImage => Some(StreamView::New),
        StreamViewType::OldImage => Some(StreamView::Old),
        StreamViewType::NewAndOldImages => Some(StreamView::NewAndOld),
        _ => None,
    }
}
