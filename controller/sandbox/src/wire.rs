//! The protocols of AWS, turned into one shape: an operation with a JSON input, and a JSON answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use crate::services::Refusal;

mod cbor;
mod json;
mod query;
mod rest;
pub(crate) mod xml;

/// How a service is spoken to.
#[derive(Clone, Copy)]
pub(crate) enum Protocol {
    /// `X-Amz-Target: Service.Operation`, JSON both ways.
    Json { version: &'static str },
    /// A form with `Action=…`, answered in XML. Arrays are written as `<member>`s; a member whose name ends in `[]`
    /// is written as repeated elements.
    Query { namespace: &'static str },
    /// Smithy RPC v2 over CBOR. `{"$time": seconds}` is written as a time stamp.
    Cbor,
    /// JSON bodies under paths; `route` names the operation and the path's parameters.
    RestJson { route: fn(&str, &[&str]) -> Option<Route> },
    /// XML or bytes under paths; the service reads method, path, query and body itself.
    RestXml,
    /// XML bodies under paths, read into JSON; the service writes its documents with [`xml::document`].
    Xml { namespace: &'static str, route: fn(&Request) -> Option<Route> },
}

/// An operation and the parameters that its path holds.
pub(crate) type Route = (&'static str, Vec<(&'static str, String)>);

/// One call as a service sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub operation: String,
    /// The members of the input, whatever the protocol. Empty for [`Protocol::RestXml`].
    pub input: Value,
    pub method: String,
    /// Decoded, without the query.
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Bytes,
}

/// What a service answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Value(Value),
    /// For [`Protocol::RestXml`]: sent as it is.
    Raw {
        status: u16,
        headers: Vec<(String, String)>,
        body: Bytes,
    },
}

/// An answer on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Reply {
    pub(crate) fn value(value: Value) -> Self {
        Self::Value(value)
    }

    /// An XML document, or an empty body, for [`Protocol::RestXml`].
    pub(crate) fn xml(status: u16, body: impl Into<String>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/xml".to_owned())];
        Self::Raw { status, headers, body: Bytes::from(body.into()) }
    }
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    /// A parameter of the query; `Some("")` for one without a value.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The refusal of an operation that this account does not have.
    pub(crate) fn unknown(&self, operation: &str) -> Refusal {
        Refusal::new("UnknownOperationException", format!("the embedded account has no {operation}"))
    }
}

impl Protocol {
    /// Names the operation and reads the input.
    pub(crate) fn read(self, mut request: Request) -> Result<Request, Refusal> {
        match self {
            Self::Json { .. } => json::read(&mut request)?,
            Self::Query { .. } => query::read(&mut request),
            Self::Cbor => cbor::read(&mut request)?,
            Self::RestJson { route } => rest::read_json(&mut request, route)?,
            Self::RestXml => rest::name_s3_operation(&mut request),
            Self::Xml { route, .. } => xml::read(&mut request, route)?,
        }
        Ok(request)
    }

    /// Writes an answer.
    pub(crate) fn write(self, request: &Request, outcome: Result<Reply, Refusal>) -> Answer {
        match (self, outcome) {
            (_, Ok(Reply::Raw { status, headers, body })) => Answer { status, headers, body },
            (Self::Json { version }, Ok(Reply::Value(value))) => json::write(version, &value),
            (Self::Query { namespace }, Ok(Reply::Value(value))) => {
                query::write(namespace, &request.operation, &value)
            }
            (Self::Cbor, Ok(Reply::Value(value))) => cbor::write(200, &value),
            (Self::RestJson { .. }, Ok(Reply::Value(value))) => rest::write_json(&value),
            (Self::RestXml | Self::Xml { .. }, Ok(Reply::Value(_))) => {
                self.write(request, Err(Refusal::new("InternalError", "answers are XML").status(500)))
            }
            (Self::Json { version }, Err(refusal)) => json::refuse(version, &refusal),
            (Self::Query { namespace }, Err(refusal)) => query::refuse(namespace, &refusal),
            (Self::Cbor, Err(refusal)) => cbor::refuse(&refusal),
            (Self::RestJson { .. }, Err(refusal)) => rest::refuse_json(&refusal),
            (Self::RestXml, Err(refusal)) => rest::refuse_xml(&refusal),
            (Self::Xml { namespace, .. }, Err(refusal)) => xml::refuse(namespace, &refusal),
        }
    }
}

/// Text as XML content.
pub(crate) fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}
