//! Tables as their owner sees them.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{Client, types::AttributeValue};

/// A row by the names of its attributes.
pub(super) type Row = HashMap<String, AttributeValue>;

/// The stage's tables.
pub(super) struct Rows(Client);

impl Rows {
    pub(super) fn of(owner: &SdkConfig) -> Self {
        Self(Client::new(owner))
    }

    /// Every row of a table: few, in a test.
    pub(super) async fn all(&self, table: &str) -> Vec<Row> {
        let scan = self.0.scan().table_name(format!("dn-dev-{table}")).consistent_read(true);
        let pages = scan.into_paginator().items().send().try_collect().await;
        pages.expect("the owner may read")
    }

    /// The rows of a table in which an attribute has this text.
    pub(super) async fn with(&self, table: &str, attribute: &str, value: &str) -> Vec<Row> {
        let mut rows = self.all(table).await;
        rows.retain(|row| text(row, attribute) == value);
        rows
    }
}

/// A text or a number; empty where there is none.
pub(super) fn text<'a>(row: &'a Row, attribute: &str) -> &'a str {
    match row.get(attribute) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text,
        _ => "",
    }
}

/// What the mirror's row of a contact says of a stream.
pub(super) fn wants<'a>(row: &'a Row, topic: &str) -> &'a str {
    let topics = row.get("topics").and_then(|topics| topics.as_m().ok());
    let said = topics.and_then(|topics| topics.get(topic)).and_then(|said| said.as_m().ok());
    said.and_then(|said| said.get("status")).and_then(|status| status.as_s().ok()).map_or("", String::as_str)
}
