//! Our words as DynamoDB wants them.

use std::{collections::BTreeMap, fmt::Debug};

use aws_sdk_dynamodb::types as sdk;
use model::{Fault, Tags};

use super::{Attribute, Billing, Class, Encryption, Index, Projection, Scalar, StreamView, Table};
use crate::Place;

/// The SDK's builders check at run time that required members are set, and here they always are.
pub(super) fn built<T, E: Debug>(built: Result<T, E>) -> T {
    built.expect("every required member is set just before")
}

impl Table {
    /// Refuses what contradicts itself, before anything is written.
    pub(super) fn check(&self, at: &Place) -> Result<(), Fault> {
        let refused = |text: String| Err(Fault::refused(&at.address, text));
        let mut types = BTreeMap::new();
        for one in self.key_attributes(self.indexes.values()) {
            if types.insert(one.name.as_str(), one.of).is_some_and(|other| other != one.of) {
                return refused(format!("its keys give {} two types: an attribute has one", one.name));
            }
        }
        for (name, index) in &self.indexes {
            if index.hash.is_empty() || index.hash.len() > 4 || index.range.len() > 4 {
                return refused(format!("its index {name} needs one to four attributes a key"));
            }
            if index.billing.is_some_and(|own| !own.same_mode(self.billing)) {
                return refused(format!("its index {name} is billed in another mode than the table"));
            }
        }
        Ok(())
    }

    fn key_attributes<'a>(
        &'a self,
        indexes: impl Iterator<Item = &'a Index>,
    ) -> impl Iterator<Item = &'a Attribute> {
        let own = std::iter::once(&self.hash).chain(&self.range);
        own.chain(indexes.flat_map(|index| index.hash.iter().chain(&index.range)))
    }

    /// The attributes that the table's keys and these indexes use: DynamoDB refuses any other.
    pub(super) fn definitions<'a>(
        &'a self,
        indexes: impl Iterator<Item = &'a Index>,
    ) -> Vec<sdk::AttributeDefinition> {
        let types: BTreeMap<&str, Scalar> =
            self.key_attributes(indexes).map(|one| (one.name.as_str(), one.of)).collect();
        let one = |(name, of): (&str, Scalar)| {
            let of = match of {
                Scalar::Text => sdk::ScalarAttributeType::S,
                Scalar::Number => sdk::ScalarAttributeType::N,
                Scalar::Binary => sdk::ScalarAttributeType::B,
            };
            built(sdk::AttributeDefinition::builder().attribute_name(name).attribute_type(of).build())
        };
        types.into_iter().map(one).collect()
    }

    pub(super) fn key_schema(&self) -> Vec<sdk::KeySchemaElement> {
        schema(std::slice::from_ref(&self.hash), self.range.as_slice())
    }

    /// What an index is billed by.
    pub(super) fn billing_of(&self, index: &Index) -> Billing {
        index.billing.unwrap_or(self.billing)
    }

    /// An index as a part of a new table.
    pub(super) fn index_at_birth(&self, name: &str, index: &Index) -> sdk::GlobalSecondaryIndex {
        let billing = self.billing_of(index);
        built(
            sdk::GlobalSecondaryIndex::builder()
                .index_name(name)
                .set_key_schema(Some(schema(&index.hash, &index.range)))
                .projection(projection(&index.projection))
                .set_provisioned_throughput(billing.units())
                .set_on_demand_throughput(billing.limits())
                .build(),
        )
    }

    /// An index that an existing table gets.
    pub(super) fn index_creation(&self, name: &str, index: &Index) -> sdk::GlobalSecondaryIndexUpdate {
        let billing = self.billing_of(index);
        let create = sdk::CreateGlobalSecondaryIndexAction::builder()
            .index_name(name)
            .set_key_schema(Some(schema(&index.hash, &index.range)))
            .projection(projection(&index.projection))
            .set_provisioned_throughput(billing.units())
            .set_on_demand_throughput(billing.limits());
        sdk::GlobalSecondaryIndexUpdate::builder().create(built(create.build())).build()
    }
}

/// The removal of an index.
pub(super) fn index_deletion(name: &str) -> sdk::GlobalSecondaryIndexUpdate {
    let delete = sdk::DeleteGlobalSecondaryIndexAction::builder().index_name(name);
    sdk::GlobalSecondaryIndexUpdate::builder().delete(built(delete.build())).build()
}

/// Another capacity of an index.
pub(super) fn index_capacity(name: &str, billing: Billing) -> sdk::GlobalSecondaryIndexUpdate {
    let update = sdk::UpdateGlobalSecondaryIndexAction::builder()
        .index_name(name)
        .set_provisioned_throughput(billing.units())
        .set_on_demand_throughput(billing.new_limits());
    sdk::GlobalSecondaryIndexUpdate::builder().update(built(update.build())).build()
}

fn schema(hash: &[Attribute], range: &[Attribute]) -> Vec<sdk::KeySchemaElement> {
    let of = |kind: sdk::KeyType| {
        move |one: &Attribute| {
            let key = sdk::KeySchemaElement::builder().attribute_name(&one.name).key_type(kind.clone());
            built(key.build())
        }
    };
    hash.iter().map(of(sdk::KeyType::Hash)).chain(range.iter().map(of(sdk::KeyType::Range))).collect()
}

fn projection(projection: &Projection) -> sdk::Projection {
    let (kind, names) = match projection {
        Projection::All => (sdk::ProjectionType::All, None),
        Projection::KeysOnly => (sdk::ProjectionType::KeysOnly, None),
        Projection::Include(names) => (sdk::ProjectionType::Include, Some(names.iter().cloned().collect())),
    };
    sdk::Projection::builder().projection_type(kind).set_non_key_attributes(names).build()
}

impl Billing {
    pub(super) fn mode(self) -> sdk::BillingMode {
        match self {
            Self::OnDemand { .. } => sdk::BillingMode::PayPerRequest,
            Self::Provisioned { .. } => sdk::BillingMode::Provisioned,
        }
    }

    pub(super) fn units(self) -> Option<sdk::ProvisionedThroughput> {
        let Self::Provisioned { read, write } = self else { return None };
        let units = sdk::ProvisionedThroughput::builder()
            .read_capacity_units(read.into())
            .write_capacity_units(write.into());
        Some(built(units.build()))
    }

    /// The limits of something new; `None` where there are none.
    pub(super) fn limits(self) -> Option<sdk::OnDemandThroughput> {
        let Self::OnDemand { read_max, write_max } = self else { return None };
        (read_max.is_some() || write_max.is_some()).then(|| {
            sdk::OnDemandThroughput::builder()
                .set_max_read_request_units(read_max.map(i64::from))
                .set_max_write_request_units(write_max.map(i64::from))
                .build()
        })
    }

    /// The limits of something that exists: DynamoDB keeps what is left out, and -1 removes.
    pub(super) fn new_limits(self) -> Option<sdk::OnDemandThroughput> {
        let Self::OnDemand { read_max, write_max } = self else { return None };
        let limit = |units: Option<u32>| units.map_or(-1, i64::from);
        let limits = sdk::OnDemandThroughput::builder()
            .max_read_request_units(limit(read_max))
            .max_write_request_units(limit(write_max));
        Some(limits.build())
    }
}

impl Encryption {
    /// `enabled: false` means a key of DynamoDB's own: a table is never in clear.
    pub(super) fn request(&self) -> sdk::SseSpecification {
        let ask = sdk::SseSpecification::builder();
        match self {
            Self::AwsOwned => ask.enabled(false).build(),
            Self::AwsManaged => ask.enabled(true).sse_type(sdk::SseType::Kms).build(),
            Self::Key(key) => {
                ask.enabled(true).sse_type(sdk::SseType::Kms).kms_master_key_id(key.text().as_str()).build()
            }
        }
    }
}

impl StreamView {
    /// A stream with this view, or none.
    pub(super) fn request(view: Option<Self>) -> sdk::StreamSpecification {
        let view = view.map(|view| match view {
            Self::Keys => sdk::StreamViewType::KeysOnly,
            Self::New => sdk::StreamViewType::NewImage,
            Self::Old => sdk::StreamViewType::OldImage,
            Self::NewAndOld => sdk::StreamViewType::NewAndOldImages,
        });
        let ask = sdk::StreamSpecification::builder().stream_enabled(view.is_some());
        built(ask.set_stream_view_type(view).build())
    }
}

impl Class {
    pub(super) fn request(self) -> sdk::TableClass {
        match self {
            Self::Standard => sdk::TableClass::Standard,
            Self::InfrequentAccess => sdk::TableClass::StandardInfrequentAccess,
        }
    }
}

pub(super) fn tags(tags: &Tags) -> Vec<sdk::Tag> {
    let one = |(key, value): (&String, &String)| built(sdk::Tag::builder().key(key).value(value).build());
    tags.iter().map(one).collect()
}
