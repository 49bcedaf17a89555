//! Rows that hold one value: what a person may ask to see, and to have erased.
//!
//! Nothing of a row is in what the journal notes of a call; messages of AWS that could quote one are left out.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use model::Fault;
use serde_json::{Map, Value};

use super::ABSENT;
use crate::{
    Place, Reader, Writer,
    aws::{Absent, reads},
};

reads!(aws_sdk_dynamodb: query QueryFluentBuilder);

const REFUSED: &str = "ConditionalCheckFailedException";

/// One row as DynamoDB holds it. It does not print itself.
#[derive(Clone, PartialEq)]
pub struct Row(HashMap<String, AttributeValue>);

impl Row {
    /// The row as JSON, for who asked for it.
    #[must_use]
    pub fn json(&self) -> Value {
        object(&self.0)
    }

    /// A text or a number, as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            AttributeValue::S(text) | AttributeValue::N(text) => Some(text),
            _ => None,
        }
    }

    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The same attributes of another row of the table, with another text in one of them.
    #[must_use]
    pub fn with(&self, name: &str, text: String) -> Self {
        let mut row = self.0.clone();
        row.insert(name.to_owned(), AttributeValue::S(text));
        Self(row)
    }

    fn key(&self, names: &[&str]) -> HashMap<String, AttributeValue> {
        let named = |name: &&str| Some(((*name).to_owned(), self.0.get(*name)?.clone()));
        names.iter().filter_map(named).collect()
    }
}

fn object(members: &HashMap<String, AttributeValue>) -> Value {
    // Members in the order of their names.
    Value::Object(members.iter().map(|(name, value)| (name.clone(), json(value))).collect::<Map<_, _>>())
}

fn json(value: &AttributeValue) -> Value {
    let list = |texts: &[String]| texts.iter().map(|text| Value::from(text.as_str())).collect();
    match value {
        AttributeValue::S(text) => text.as_str().into(),
        AttributeValue::N(number) => serde_json::from_str(number).unwrap_or_else(|_| number.as_str().into()),
        AttributeValue::Bool(flag) => (*flag).into(),
        AttributeValue::L(items) => items.iter().map(json).collect(),
        AttributeValue::M(members) => object(members),
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => list(texts),
        // Nobody writes binary values.
        _ => Value::Null,
    }
}

/// Every row whose `attribute` is `value`: the partition key of the table, or of an index of it. None where there is no
/// such table.
///
/// # Errors
/// When the table does not answer.
pub async fn rows_of(
    aws: &Reader,
    at: &Place,
    index: Option<&str>,
    attribute: &str,
    value: &str,
) -> Result<Vec<Row>, Fault> {
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = aws
            .read(&at.address, "dynamodb", "Query", || {
                aws.dynamodb()
                    .query()
                    .table_name(at.name())
                    .set_index_name(index.map(str::to_owned))
                    // An index is always read eventually.
                    .consistent_read(index.is_none())
                    .key_condition_expression("#name = :value")
                    .expression_attribute_names("#name", attribute)
                    .expression_attribute_values(":value", AttributeValue::S(value.to_owned()))
                    .set_exclusive_start_key(after.clone())
                    .send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(page) = page else { return Ok(rows) };
        rows.extend(page.items.unwrap_or_default().into_iter().map(Row));
        after = page.last_evaluated_key;
        if after.is_none() {
            return Ok(rows);
        }
    }
}

/// Deletes a row by its key, where it is as it was read in `version`; one that is gone is fine. Whether it is gone.
///
/// # Errors
/// When the table does not answer.
pub async fn delete_row(
    aws: &Writer,
    at: &Place,
    keys: &[&str],
    row: &Row,
    version: Option<&str>,
) -> Result<bool, Fault> {
    let read = version.and_then(|name| row.0.get(name).map(|value| (name, value)));
    let deleted = aws
        .write(at, "dynamodb", "DeleteItem", || {
            let ask = aws.dynamodb().delete_item().table_name(at.name()).set_key(Some(row.key(keys)));
            let Some((name, value)) = read else { return ask.send() };
            ask.condition_expression("attribute_not_exists(#name) OR #name = :read")
                .expression_attribute_names("#name", name)
                .expression_attribute_values(":read", value.clone())
                .send()
        })
        .await;
    match deleted {
        Err(error) if error.is(REFUSED) => Ok(false),
        deleted => deleted.absent_on(ABSENT).map(|_| true),
    }
}

/// Takes attributes out of a row that is there.
///
/// # Errors
/// When the table does not answer.
pub async fn strip_row(
    aws: &Writer,
    at: &Place,
    keys: &[&str],
    row: &Row,
    attributes: &[&str],
) -> Result<(), Fault> {
    let numbered = || attributes.iter().enumerate().map(|(number, name)| (format!("#a{number}"), *name));
    let names: Vec<String> = numbered().map(|(number, _)| number).collect();
    let stripped = aws
        .write(at, "dynamodb", "UpdateItem", || {
            let ask = aws.dynamodb().update_item().table_name(at.name()).set_key(Some(row.key(keys)));
            let ask = ask.update_expression(format!("REMOVE {}", names.join(", ")));
            let ask = ask.condition_expression("attribute_exists(#key)");
            let ask = ask.expression_attribute_names("#key", keys.first().copied().unwrap_or_default());
            numbered().fold(ask, |ask, (number, name)| ask.expression_attribute_names(number, name)).send()
        })
        .await;
    match stripped {
        Err(error) if error.is(REFUSED) => Ok(()),
        stripped => stripped.absent_on(ABSENT).map(drop),
    }
}
