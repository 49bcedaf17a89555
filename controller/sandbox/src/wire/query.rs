//! AWS Query: a form in, XML out.

use std::fmt::Write as _;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{Answer, Request, escape};
use crate::services::Refusal;

/// Reads `Tags.member.1.Key=a` into `{"Tags": [{"Key": "a"}]}` and `Attributes.entry.1.key=a` into
/// `{"Attributes": {"a": …}}`. All leaves are strings.
pub(super) fn read(request: &mut Request) {
    let mut root = Map::new();
    let text = String::from_utf8_lossy(&request.body).into_owned();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode =
            |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let (key, value) = (decode(key), decode(value));
        let path: Vec<&str> = key.split('.').collect();
        insert(&mut root, &path, value);
    }
    let folded = fold(Value::Object(root));
    request.operation = folded["Action"].as_str().unwrap_or_default().to_owned();
    request.input = folded;
}

fn insert(into: &mut Map<String, Value>, path: &[&str], value: String) {
    match path {
        [] => {}
        [last] => drop(into.insert((*last).to_owned(), Value::String(value))),
        [first, rest @ ..] => {
            let next = into.entry((*first).to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(next) = next {
                insert(next, rest, value);
            }
        }
    }
}

/// Turns `{"member": {"1": …}}` into a list, and `{"entry": {"1": {"key", "value"}}}` into a map.
fn fold(value: Value) -> Value {
    let Value::Object(mut members) = value else { return value };
    if let Some(Value::Object(items)) = members.remove("member") {
        return Value::Array(numbered(items));
    }
    if let Some(Value::Object(items)) = members.remove("entry") {
        let pairs = numbered(items).into_iter();
        return pairs
            .filter_map(|pair| {
                // Attributes of messages are called differently.
                let (key, value) = if pair["key"].is_null() { ("Name", "Value") } else { ("key", "value") };
                Some((pair[key].as_str()?.to_owned(), pair[value].clone()))
            })
            .collect::<Map<_, _>>()
            .into();
    }
    members.into_iter().map(|(key, member)| (key, fold(member))).collect::<Map<_, _>>().into()
}

fn numbered(items: Map<String, Value>) -> Vec<Value> {
    let mut items: Vec<(usize, Value)> =
        items.into_iter().filter_map(|(key, item)| Some((key.parse().ok()?, fold(item)))).collect();
    items.sort_by_key(|(number, _)| *number);
    items.into_iter().map(|(_, item)| item).collect()
}

pub(super) fn write(namespace: &str, operation: &str, value: &Value) -> Answer {
    let mut inner = String::new();
    members(&mut inner, value);
    let body = format!(
        "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{inner}</{operation}Result>\
         <ResponseMetadata><RequestId>sandbox</RequestId></ResponseMetadata></{operation}Response>"
    );
    answer(200, body)
}

pub(super) fn refuse(namespace: &str, refusal: &Refusal) -> Answer {
    let (code, message) = (escape(&refusal.code), escape(&refusal.message));
    let body = format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>sandbox</RequestId></ErrorResponse>"
    );
    answer(refusal.status, body)
}

fn answer(status: u16, body: String) -> Answer {
    Answer {
        status,
        headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
        body: Bytes::from(body),
    }
}

fn members(to: &mut String, value: &Value) {
    for (key, member) in value.as_object().into_iter().flatten() {
        match (key.strip_suffix("[]"), member) {
            (_, Value::Null) => {}
            (Some(repeated), Value::Array(items)) => {
                items.iter().for_each(|item| element(to, repeated, item))
            }
            _ => element(to, key, member),
        }
    }
}

fn element(to: &mut String, name: &str, value: &Value) {
    let _ = write!(to, "<{name}>");
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => to.push_str(&value.to_string()),
        Value::String(text) => to.push_str(&escape(text)),
        Value::Array(items) => items.iter().for_each(|item| element(to, "member", item)),
        Value::Object(_) => members(to, value),
    }
    let _ = write!(to, "</{name}>");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_becomes_lists_and_maps() {
        let body = "Action=CreateTopic&Name=a%2Fb&Tags.member.1.Key=k&Tags.member.1.Value=v+w&\
                    Attributes.entry.1.key=Policy&Attributes.entry.1.value=%7B%7D&\
                    MessageAttributes.entry.1.Name=kind&MessageAttributes.entry.1.Value.DataType=String";
        let mut request = Request { body: Bytes::from(body), ..Request::default() };
        read(&mut request);
        assert_eq!(request.operation, "CreateTopic");
        assert_eq!(
            request.input,
            json!({
                "Action": "CreateTopic", "Name": "a/b",
                "Tags": [{"Key": "k", "Value": "v w"}], "Attributes": {"Policy": "{}"},
                "MessageAttributes": {"kind": {"DataType": "String"}},
            })
        );
    }

    #[test]
    fn an_answer_becomes_elements() {
        let answer = write("urn:x", "Get", &json!({ "A": ["x", "<"], "B": { "e[]": [1, 2] }, "C": null }));
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(
            text.contains("<A><member>x</member><member>&lt;</member></A><B><e>1</e><e>2</e></B></Get"),
            "{text}"
        );
    }
}
