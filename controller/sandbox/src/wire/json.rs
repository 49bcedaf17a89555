//! AWS JSON 1.0 and 1.1.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Answer, Request};
use crate::services::Refusal;

pub(super) fn read(request: &mut Request) -> Result<(), Refusal> {
    let target = request.header("x-amz-target");
    request.operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    request.input = match request.body.as_ref() {
        [] => json!({}),
        body => {
            serde_json::from_slice(body).map_err(|e| Refusal::new("SerializationException", e.to_string()))?
        }
    };
    Ok(())
}

pub(super) fn write(version: &str, value: &Value) -> Answer {
    answer(version, 200, &without_nulls(value))
}

pub(super) fn refuse(version: &str, refusal: &Refusal) -> Answer {
    let mut body = json!({ "__type": refusal.code, "message": refusal.message });
    for (name, detail) in refusal.details.as_object().into_iter().flatten() {
        body[name] = detail.clone();
    }
    let mut answer = answer(version, refusal.status, &body);
    // SQS keeps the codes of its older protocol in this header.
    answer.headers.push(("x-amzn-query-error".to_owned(), format!("{};Sender", refusal.code)));
    answer
}

fn answer(version: &str, status: u16, value: &Value) -> Answer {
    let headers = vec![("content-type".to_owned(), format!("application/x-amz-json-{version}"))];
    Answer { status, headers, body: Bytes::from(value.to_string()) }
}

/// Absent members are left out, as AWS does.
pub(super) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, member)| !member.is_null())
            .map(|(key, member)| (key.clone(), without_nulls(member)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}
