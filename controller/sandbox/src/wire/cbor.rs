//! Smithy RPC v2 over CBOR, which the Rust SDK speaks with CloudWatch.

use bytes::Bytes;
use ciborium::Value as Cbor;
use serde_json::{Map, Value, json};

use super::{Answer, Request, json::without_nulls};
use crate::services::Refusal;

/// The member name under which a time stamp travels: seconds since 1970.
const TIME: &str = "$time";

pub(super) fn read(request: &mut Request) -> Result<(), Refusal> {
    request.operation = request.path.rsplit('/').next().unwrap_or_default().to_owned();
    request.input = match request.body.as_ref() {
        [] => json!({}),
        body => {
            let value: Cbor = ciborium::from_reader(body)
                .map_err(|error| Refusal::new("SerializationException", error.to_string()))?;
            to_json(value)
        }
    };
    Ok(())
}

fn to_json(value: Cbor) -> Value {
    match value {
        Cbor::Integer(number) => i64::try_from(number).map_or(Value::Null, Value::from),
        Cbor::Float(number) => json!(number),
        Cbor::Bool(truth) => truth.into(),
        Cbor::Text(text) => text.into(),
        Cbor::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
        Cbor::Tag(_, inner) => json!({ TIME: to_json(*inner) }),
        Cbor::Array(items) => items.into_iter().map(to_json).collect(),
        Cbor::Map(members) => members
            .into_iter()
            .filter_map(|(key, member)| Some((key.into_text().ok()?, to_json(member))))
            .collect::<Map<_, _>>()
            .into(),
        _ => Value::Null,
    }
}

fn to_cbor(value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(truth) => Cbor::Bool(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Cbor::Integer(whole.into()),
            None => Cbor::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => Cbor::Array(items.iter().map(to_cbor).collect()),
        Value::Object(members) => match members.get(TIME).and_then(Value::as_f64) {
            Some(seconds) => Cbor::Tag(1, Box::new(Cbor::Float(seconds))),
            None => Cbor::Map(members.iter().map(|(key, v)| (Cbor::Text(key.clone()), to_cbor(v))).collect()),
        },
    }
}

pub(super) fn write(status: u16, value: &Value) -> Answer {
    let mut body = Vec::new();
    // Writing to memory cannot fail.
    let _ = ciborium::into_writer(&to_cbor(&without_nulls(value)), &mut body);
    let headers = vec![
        ("content-type".to_owned(), "application/cbor".to_owned()),
        ("smithy-protocol".to_owned(), "rpc-v2-cbor".to_owned()),
    ];
    Answer { status, headers, body: Bytes::from(body) }
}

pub(super) fn refuse(refusal: &Refusal) -> Answer {
    write(refusal.status, &json!({ "__type": refusal.code, "message": refusal.message }))
}
