//! Tables, usable only as the type of the variable allows: a [`Reader`] needs a variable that may read, a
//! [`Writer`] one that may write, and the stack grants exactly that.
//!
//! DynamoDB removes expired rows days late, so a reader takes them for absent.

use std::{collections::HashMap, marker::PhantomData};

use aws_sdk_dynamodb::{
    Client,
    operation::{
        delete_item::builders::DeleteItemFluentBuilder, put_item::builders::PutItemFluentBuilder,
        query::builders::QueryFluentBuilder, update_item::builders::UpdateItemFluentBuilder,
    },
    types::{AttributeValue, KeysAndAttributes, Put, ReturnValue, Select, Update},
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use contract::{
    table::{Shaped, Type},
    variable::{Reads, Table, Writes},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Clock, Failed,
    aws::{Aws, code_of, failed},
};

/// Rows that one `BatchGetItem` may ask for.
const BATCH: usize = 100;
/// How often keys that DynamoDB had no capacity for are asked for again.
const ROUNDS: u32 = 8;

/// The attributes of a row.
pub type Item = HashMap<String, AttributeValue>;

/// A text, as a value of an expression.
pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number, as a value of an expression.
pub fn number(value: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// The key of a row of `T`.
pub struct Key<T> {
    attributes: Item,
    of: PhantomData<fn() -> T>,
}

impl<T: Shaped> Key<T> {
    /// The key of a table without a range.
    #[must_use]
    pub fn of(hash: &str) -> Self {
        debug_assert!(T::TABLE.hash.of == Type::Text, "every table's hash is a text");
        let attributes = HashMap::from([(T::TABLE.hash.name.to_owned(), text(hash))]);
        Self { attributes, of: PhantomData }
    }

    /// The key of a table with a range.
    ///
    /// # Panics
    /// When the table has none.
    #[must_use]
    pub fn ranged(hash: &str, range: AttributeValue) -> Self {
        let mut key = Self::of(hash);
        let attribute = T::TABLE.range.expect("a table with a range");
        key.attributes.insert(attribute.name.to_owned(), range);
        key
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        Self { attributes: self.attributes.clone(), of: PhantomData }
    }
}

macro_rules! door {
    ($(#[$doc:meta])* $door:ident by $may:ident) => {
        $(#[$doc])*
        pub struct $door<T> {
            client: Client,
            name: String,
            clock: Clock,
            of: PhantomData<fn() -> T>,
        }

        impl<T: Shaped> $door<T> {
            /// The table of this variable.
            #[must_use]
            pub fn of<M: $may>(table: &Table<T, M>, aws: &Aws, clock: Clock) -> Self {
                let (client, name) = (aws.dynamodb().clone(), table.name().to_owned());
                Self { client, name, clock, of: PhantomData }
            }
        }

        impl<T> Clone for $door<T> {
            fn clone(&self) -> Self {
                let (client, name) = (self.client.clone(), self.name.clone());
                Self { client, name, clock: self.clock, of: PhantomData }
            }
        }
    };
}

door! {
    /// Reads rows of `T`.
    Reader by Reads
}

door! {
    /// Writes rows of `T`.
    ///
    /// Whose variable says `Write` or `ReadWrite` has the permission, and gets one:
    ///
    /// ```
    /// use contract::{table::Audit, variable::{Table, Write}};
    /// use support::{Aws, Clock, table::Writer};
    ///
    /// fn writer(table: &Table<Audit, Write>, aws: &Aws, clock: Clock) -> Writer<Audit> {
    ///     Writer::of(table, aws, clock)
    /// }
    /// ```
    ///
    /// Whose variable says `Read` would be refused by AWS, and does not compile:
    ///
    /// ```compile_fail,E0277
    /// use contract::{table::Audit, variable::{Read, Table}};
    /// use support::{Aws, Clock, table::Writer};
    ///
    /// fn writer(table: &Table<Audit, Read>, aws: &Aws, clock: Clock) -> Writer<Audit> {
    ///     Writer::of(table, aws, clock)
    /// }
    /// ```
    ///
    /// Nor does a writer of another table than the variable names:
    ///
    /// ```compile_fail,E0308
    /// use contract::{table::{Audit, Contacts}, variable::{Table, Write}};
    /// use support::{Aws, Clock, table::Writer};
    ///
    /// fn writer(table: &Table<Audit, Write>, aws: &Aws, clock: Clock) -> Writer<Contacts> {
    ///     Writer::of(table, aws, clock)
    /// }
    /// ```
    Writer by Writes
}

impl<T: Shaped> Reader<T> {
    /// The row of this key, as the last write left it.
    ///
    /// # Errors
    /// When the table does not answer, or the row is no `R`.
    pub async fn row<R: DeserializeOwned>(&self, key: Key<T>) -> Result<Option<R>, Failed> {
        let asked = self.client.get_item().table_name(&self.name).set_key(Some(key.attributes));
        let answer = asked.consistent_read(true).send().await;
        let answer = answer.map_err(|error| failed("GetItem", &error))?;
        answer.item.filter(|item| self.lives(item)).map(parsed).transpose()
    }

    /// The rows of these keys, in any order; those that are not there are left out. Keys may not repeat.
    ///
    /// # Errors
    /// When the table does not answer, or a row is no `R`.
    pub async fn rows<R: DeserializeOwned>(&self, keys: Vec<Key<T>>) -> Result<Vec<R>, Failed> {
        let mut rows = Vec::with_capacity(keys.len());
        let mut keys: Vec<Item> = keys.into_iter().map(|key| key.attributes).collect();
        while !keys.is_empty() {
            let mut batch = keys.split_off(keys.len().saturating_sub(BATCH));
            let mut round = 0;
            while !batch.is_empty() {
                if round == ROUNDS {
                    return Err(Failed::unavailable("BatchGetItem: keys stay unprocessed"));
                }
                if round > 0 {
                    tokio::time::sleep(std::time::Duration::from_millis(25 << round)).await;
                }
                round += 1;
                let asked = KeysAndAttributes::builder().set_keys(Some(batch)).consistent_read(true).build();
                let asked = asked.map_err(|_| Failed::internal("BatchGetItem: keys"))?;
                let answer = self.client.batch_get_item().request_items(&self.name, asked).send().await;
                let answer = answer.map_err(|error| failed("BatchGetItem", &error))?;
                let found = answer.responses.unwrap_or_default().into_values().flatten();
                for item in found.filter(|item| self.lives(item)) {
                    rows.push(parsed(item)?);
                }
                let left = answer.unprocessed_keys.unwrap_or_default().into_values();
                batch = left.flat_map(|left| left.keys).collect();
            }
        }
        Ok(rows)
    }

    /// A query of the table itself, to be completed with a condition.
    #[must_use]
    pub fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.name)
    }

    /// A query of an index, to be completed with a condition.
    #[must_use]
    pub fn query_index(&self, index: &'static str) -> QueryFluentBuilder {
        debug_assert!(T::TABLE.indexes.iter().any(|one| one.name == index), "the shape has {index}");
        self.query().index_name(index)
    }

    /// Every row that a query finds, page by page, but not more than `most`.
    ///
    /// # Errors
    /// When the table does not answer, or a row is no `R`.
    pub async fn all<R: DeserializeOwned>(
        &self,
        query: QueryFluentBuilder,
        most: usize,
    ) -> Result<Vec<R>, Failed> {
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let answer = query.clone().set_exclusive_start_key(after).send().await;
            let answer = answer.map_err(|error| failed("Query", &error))?;
            for item in answer.items.unwrap_or_default() {
                if rows.len() == most {
                    return Ok(rows);
                }
                if self.lives(&item) {
                    rows.push(parsed(item)?);
                }
            }
            after = answer.last_evaluated_key;
            if after.is_none() {
                return Ok(rows);
            }
        }
    }

    /// How many rows a query finds, expired ones included.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn count(&self, query: QueryFluentBuilder) -> Result<usize, Failed> {
        let (mut found, mut after) = (0, None);
        loop {
            let asked = query.clone().select(Select::Count).set_exclusive_start_key(after);
            let answer = asked.send().await.map_err(|error| failed("Query", &error))?;
            found += usize::try_from(answer.count).unwrap_or(0);
            after = answer.last_evaluated_key;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    fn lives(&self, item: &Item) -> bool {
        let Some(attribute) = T::TABLE.expiry else { return true };
        let until = item.get(attribute).and_then(|value| value.as_n().ok());
        until.and_then(|until| until.parse::<i64>().ok()).is_none_or(|until| until > self.clock.now_s())
    }
}

impl<T: Shaped> Writer<T> {
    /// Puts a row in the place of whatever is there; to be completed with a condition where that matters.
    ///
    /// # Errors
    /// When the row is no object.
    pub fn put(&self, row: &impl Serialize) -> Result<PutItemFluentBuilder, Failed> {
        Ok(self.client.put_item().table_name(&self.name).set_item(Some(written(row)?)))
    }

    /// Puts a row where none lives; tells whether it did.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn add(&self, row: &impl Serialize) -> Result<bool, Failed> {
        let mut put = self
            .put(row)?
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", T::TABLE.hash.name);
        if let Some(expiry) = T::TABLE.expiry {
            put = put
                .condition_expression("attribute_not_exists(#key) OR #expiry <= :now")
                .expression_attribute_names("#expiry", expiry)
                .expression_attribute_values(":now", number(self.clock.now_s()));
        }
        held(put.send().await.map(|_| ()), "PutItem")
    }

    /// Changes a row, or makes it; to be completed with an expression.
    #[must_use]
    pub fn update(&self, key: Key<T>) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.name).set_key(Some(key.attributes))
    }

    /// Does an update whose condition may not hold, and tells whether it did.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn apply(&self, update: UpdateItemFluentBuilder) -> Result<bool, Failed> {
        held(update.send().await.map(|_| ()), "UpdateItem")
    }

    /// Adds to a counter of a row, with other assignments of the same expression, and returns what it is
    /// then.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn counted(&self, update: UpdateItemFluentBuilder, counter: &str) -> Result<i64, Failed> {
        let answer = update.return_values(ReturnValue::UpdatedNew).send().await;
        let answer = answer.map_err(|error| failed("UpdateItem", &error))?;
        let value = answer.attributes.as_ref().and_then(|row| row.get(counter)?.as_n().ok()?.parse().ok());
        value.ok_or_else(|| Failed::internal("UpdateItem: no counter in the answer"))
    }

    /// Removes a row; that none is there is fine.
    #[must_use]
    pub fn delete(&self, key: Key<T>) -> DeleteItemFluentBuilder {
        self.client.delete_item().table_name(&self.name).set_key(Some(key.attributes))
    }

    /// A row for a transaction, to be put only where none is.
    ///
    /// # Errors
    /// When the row is no object.
    pub fn adding(&self, row: &impl Serialize) -> Result<Put, Failed> {
        Put::builder()
            .table_name(&self.name)
            .set_item(Some(written(row)?))
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", T::TABLE.hash.name)
            .build()
            .map_err(|_| Failed::internal("a put without its parts"))
    }

    /// An update for a transaction.
    ///
    /// # Errors
    /// When a part is missing, which is a bug.
    pub fn updating(
        &self,
        key: Key<T>,
        expression: &str,
        names: &[(&str, &str)],
        values: Vec<(&str, AttributeValue)>,
    ) -> Result<Update, Failed> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value));
        Update::builder()
            .table_name(&self.name)
            .set_key(Some(key.attributes))
            .update_expression(expression)
            .set_expression_attribute_names(Some(names.iter().map(owned).collect()))
            .set_expression_attribute_values(Some(values.collect()))
            .build()
            .map_err(|_| Failed::internal("an update without its parts"))
    }
}

/// Whether the condition of a write held.
fn held<E: ProvideErrorMetadata>(
    outcome: Result<(), SdkError<E, HttpResponse>>,
    call: &str,
) -> Result<bool, Failed> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if code_of(&error) == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(failed(call, &error)),
    }
}

fn parsed<R: DeserializeOwned>(item: Item) -> Result<R, Failed> {
    serde_dynamo::from_item(item).map_err(|_| Failed::internal("a row has another shape than the code"))
}

fn written(row: &impl Serialize) -> Result<Item, Failed> {
    serde_dynamo::to_item(row).map_err(|_| Failed::internal("a row cannot be written"))
}
