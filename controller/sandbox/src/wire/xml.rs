//! REST with XML bodies, as CloudFront speaks it: a document becomes JSON and back.
//!
//! An element `Items` becomes a list of objects with one member each (`[{"CNAME": "a.example"}]`), so that the names
//! of what it lists survive. Every leaf is a string.

use bytes::Bytes;
use quick_xml::{Reader, escape::resolve_predefined_entity, events::Event};
use serde_json::{Map, Value, json};

use super::{Answer, Request, Route, escape};
use crate::services::Refusal;

/// Names the operation by method, path and query, and joins the body (under its root's name), path parameters and
/// query into one input.
pub(super) fn read(request: &mut Request, route: fn(&Request) -> Option<Route>) -> Result<(), Refusal> {
    let Some((operation, params)) = route(request) else {
        let message = format!("the embedded account has no {} {}", request.method, request.path);
        return Err(Refusal::new("UnknownOperationException", message).status(404));
    };
    operation.clone_into(&mut request.operation);
    let mut input = match request.body.as_ref() {
        [] => Map::new(),
        body => [parse(body)?].into_iter().collect(),
    };
    input.extend(request.query.iter().map(|(key, value)| (key.clone(), json!(value))));
    input.extend(params.into_iter().map(|(key, value)| (key.to_owned(), json!(value))));
    request.input = input.into();
    Ok(())
}

/// An element that is being read.
#[derive(Default)]
struct Open {
    name: String,
    text: String,
    children: Vec<(String, Value)>,
}

impl Open {
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    fn close(self) -> (String, Value) {
        let value = if self.name == "Items" {
            self.children
                .into_iter()
                .map(|(name, value)| Value::from(Map::from_iter([(name, value)])))
                .collect()
        } else if self.children.is_empty() {
            self.text.into()
        } else {
            self.children.into_iter().collect::<Map<_, _>>().into()
        };
        (self.name, value)
    }
}

fn parse(body: &[u8]) -> Result<(String, Value), Refusal> {
    let malformed = || Refusal::new("MalformedXML", "The XML document could not be parsed.");
    let text = std::str::from_utf8(body).map_err(|_| malformed())?;
    let mut reader = Reader::from_str(text);
    let mut open = vec![Open::default()];
    loop {
        let event = reader.read_event().map_err(|_| malformed())?;
        let last = open.last_mut().ok_or_else(malformed)?;
        match event {
            Event::Start(start) => open.push(Open::named(start.local_name().as_ref())),
            Event::Empty(empty) => last.children.push(Open::named(empty.local_name().as_ref()).close()),
            Event::End(_) => {
                let done = open.pop().ok_or_else(malformed)?.close();
                open.last_mut().ok_or_else(malformed)?.children.push(done);
            }
            Event::Text(text) => last.text.push_str(&text.xml10_content()),
            Event::CData(text) => last.text.push_str(&text.xml10_content()),
            Event::GeneralRef(entity) => {
                let named = || resolve_predefined_entity(&entity.xml10_content()).map(str::to_owned);
                let found = entity.resolve_char_ref().ok().flatten().map(String::from).or_else(named);
                last.text.push_str(&found.ok_or_else(malformed)?);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let document = open.pop().filter(|_| open.is_empty());
    document.and_then(|top| top.children.into_iter().next()).ok_or_else(malformed)
}

/// A document with this root element.
pub(crate) fn document(root: &str, namespace: &str, value: &Value) -> String {
    let mut inside = String::new();
    write(&mut inside, value);
    format!("<?xml version=\"1.0\"?>\n<{root} xmlns=\"{namespace}\">{inside}</{root}>")
}

fn write(to: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => to.push_str(&value.to_string()),
        Value::String(text) => to.push_str(&escape(text)),
        Value::Array(items) => items.iter().for_each(|item| write(to, item)),
        Value::Object(members) => {
            for (name, member) in members.iter().filter(|(_, member)| !member.is_null()) {
                to.push_str(&format!("<{name}>"));
                write(to, member);
                to.push_str(&format!("</{name}>"));
            }
        }
    }
}

pub(super) fn refuse(namespace: &str, refusal: &Refusal) -> Answer {
    let error = json!({ "Code": refusal.code, "Message": refusal.message, "Type": "Sender" });
    let body = document("ErrorResponse", namespace, &json!({ "Error": error, "RequestId": "sandbox" }));
    let headers = vec![("content-type".to_owned(), "text/xml".to_owned())];
    Answer { status: refusal.status, headers, body: Bytes::from(body) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_json_and_back() {
        let text = "<a:Config xmlns:a='x'><Aliases><Quantity>1</Quantity><Items><CNAME>a&amp;b</CNAME></Items>\
                    </Aliases><Empty/><Key>two\nlines\n</Key></a:Config>";
        let (root, value) = parse(text.as_bytes()).unwrap();
        let expected = json!({
            "Aliases": { "Quantity": "1", "Items": [{ "CNAME": "a&b" }] }, "Empty": "", "Key": "two\nlines\n",
        });
        assert_eq!((root.as_str(), &value), ("Config", &expected));
        assert_eq!(parse(document("Config", "x", &value).as_bytes()).unwrap(), (root, value));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in ["", "<A>", "<A></B>", "<A>&nope;</A>"] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().code, "MalformedXML", "{text}");
        }
    }
}
