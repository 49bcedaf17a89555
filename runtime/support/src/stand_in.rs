//! What tests of handlers stand on: the other side of HTTP calls, and tables of the contract's shapes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use contract::table::{Attribute, Table, Type};

use crate::{Aws, http::Http};

/// Method, URL and body of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    pub url: String,
    pub authorization: String,
    pub body: String,
}

/// Status, `Cache-Control` and body; `None` loses the connection.
pub type Answering = Arc<dyn Fn(&Asked) -> Option<(u16, &'static str, String)> + Send + Sync>;

#[derive(Clone)]
pub struct StandIn {
    answering: Answering,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl std::fmt::Debug for StandIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StandIn")
    }
}

impl StandIn {
    pub fn new(
        answering: impl Fn(&Asked) -> Option<(u16, &'static str, String)> + Send + Sync + 'static,
    ) -> Self {
        Self { answering: Arc::new(answering), asked: Arc::default() }
    }

    #[must_use]
    pub fn http(&self) -> Http {
        Http::of(SharedHttpConnector::new(self.clone()))
    }

    /// Every call so far.
    ///
    /// # Panics
    /// When a test that used it panicked.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl HttpConnector for StandIn {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name| request.headers().get(name).unwrap_or_default().to_owned();
        let asked = Asked {
            method: request.method().to_owned(),
            url: request.uri().to_owned(),
            authorization: header("authorization"),
            body: String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned(),
        };
        self.asked.lock().expect("no panic").push(asked.clone());
        let answer = (self.answering)(&asked);
        HttpConnectorFuture::ready(match answer {
            Some((status, cache, body)) => {
                let status = status.try_into().expect("a status");
                let mut response = HttpResponse::new(status, SdkBody::from(body));
                response.headers_mut().insert("cache-control", cache);
                Ok(response)
            }
            None => Err(ConnectorError::io("lost".into())),
        })
    }
}

/// Makes a table of this shape, under its own name.
///
/// # Panics
/// When it cannot be made.
pub async fn add_table(aws: &Aws, shape: &Table) {
    let mut attributes = BTreeMap::new();
    let mut schema = |hash: Attribute, range: Option<Attribute>| {
        let element = |of: Attribute, kind: KeyType| {
            KeySchemaElement::builder().attribute_name(of.name).key_type(kind).build().expect("a key")
        };
        attributes.insert(hash.name, hash.of);
        let range = range.map(|range| {
            attributes.insert(range.name, range.of);
            element(range, KeyType::Range)
        });
        [element(hash, KeyType::Hash)].into_iter().chain(range).collect::<Vec<_>>()
    };
    let keys = schema(shape.hash, shape.range);
    let all = Projection::builder().projection_type(ProjectionType::All).build();
    let index = |index: &contract::table::Index| {
        let keys = schema(index.hash, index.range);
        let made = GlobalSecondaryIndex::builder().index_name(index.name).set_key_schema(Some(keys));
        made.projection(all.clone()).build().expect("an index")
    };
    let indexes: Vec<GlobalSecondaryIndex> = shape.indexes.iter().map(index).collect();
    let definitions = attributes.into_iter().map(|(name, of)| {
        let of = if of == Type::Text { ScalarAttributeType::S } else { ScalarAttributeType::N };
        AttributeDefinition::builder().attribute_name(name).attribute_type(of).build().expect("one")
    });
    let table = aws.dynamodb().create_table().table_name(shape.name).set_key_schema(Some(keys));
    let table = table.set_attribute_definitions(Some(definitions.collect()));
    let table = table.set_global_secondary_indexes(Some(indexes).filter(|all| !all.is_empty()));
    table.billing_mode(BillingMode::PayPerRequest).send().await.expect("a table");
}
