//! Mailgun's call that takes a message (`POST /v3/DOMAIN/messages`), with its refusals in its words.
//! Fields and limits: Mailgun's reference of the Messages API.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use contract::outreach::MailgunSecret;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::outbox::Message;

/// Of one call.
const MOST_RECIPIENTS: usize = 1000;

/// What is answered instead of a message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub message: String,
}

fn refused(status: StatusCode, message: impl Into<String>) -> Refusal {
    Refusal { status, message: message.into() }
}

fn bad(message: impl Into<String>) -> Refusal {
    refused(StatusCode::BAD_REQUEST, message)
}

/// Whether the caller knows the API key, as the user `api` of HTTP's basic scheme.
///
/// # Errors
/// When not.
pub fn authenticate(headers: &HeaderMap, credentials: Option<&MailgunSecret>) -> Result<(), Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given =
        given.and_then(|value| value.strip_prefix("Basic ")).and_then(|text| STANDARD.decode(text).ok());
    let known = credentials.map(|credentials| format!("api:{}", credentials.api_key));
    match (given, known) {
        (Some(given), Some(known)) if given == known.as_bytes() => Ok(()),
        _ => Err(refused(StatusCode::UNAUTHORIZED, "Forbidden")),
    }
}

/// The fields of a call, in either encoding that Mailgun takes. Files are left out: nothing here reads them.
///
/// # Errors
/// When the body is neither.
pub async fn fields(headers: &HeaderMap, body: Bytes) -> Result<Vec<(String, String)>, Refusal> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Ok(boundary) = multer::parse_boundary(media) else {
        return Ok(form_urlencoded::parse(&body).into_owned().collect());
    };
    let once = futures::stream::once(async { Ok::<_, std::convert::Infallible>(body) });
    let mut parts = multer::Multipart::new(once, boundary);
    let mut fields = Vec::new();
    let malformed = |error: multer::Error| bad(format!("the body is malformed: {error}"));
    while let Some(part) = parts.next_field().await.map_err(malformed)? {
        let (name, file) = (part.name().unwrap_or_default().to_owned(), part.file_name().is_some());
        let text = part.text().await.map_err(malformed)?;
        if !file {
            fields.push((name, text));
        }
    }
    Ok(fields)
}

/// What was asked for, field by field.
struct Asked<'a>(&'a [(String, String)]);

impl Asked<'_> {
    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(one, _)| one == name).map(|(_, value)| value.clone()).collect()
    }

    fn one(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().find(|value| !value.is_empty())
    }

    /// Fields whose name begins so, without that beginning.
    fn below(&self, prefix: &str) -> Vec<(String, String)> {
        let below = |(name, value): &(String, String)| {
            name.strip_prefix(prefix).map(|name| (name.to_owned(), value.clone()))
        };
        self.0.iter().filter_map(below).collect()
    }

    fn object(&self, name: &str) -> Result<Option<Map<String, Value>>, Refusal> {
        let Some(text) = self.one(name) else { return Ok(None) };
        let read = serde_json::from_str(&text);
        read.map(Some).map_err(|_| bad(format!("{name} parameter is not valid JSON")))
    }
}

/// A copy of the message for each recipient, as each reads it. With `recipient-variables` nobody sees another.
///
/// # Errors
/// What Mailgun refuses.
pub fn copies(
    domain: &str,
    fields: &[(String, String)],
    id: &str,
    at_ms: u64,
) -> Result<Vec<Message>, Refusal> {
    let asked = Asked(fields);
    let from = asked.one("from").ok_or_else(|| bad("from parameter is missing"))?;
    let to: Vec<String> = asked.all("to").iter().flat_map(|to| addresses(to)).collect();
    if to.is_empty() {
        return Err(bad("to parameter is missing"));
    }
    if let Some(wrong) = to.iter().find(|to| !bare(to).contains('@')) {
        return Err(bad(format!("to parameter is not a valid address. please check documentation: {wrong}")));
    }
    if to.len() > MOST_RECIPIENTS {
        return Err(bad(format!("to parameter has more than {MOST_RECIPIENTS} recipients")));
    }
    let (text, html, template) = (asked.one("text"), asked.one("html"), asked.one("template"));
    if text.is_none() && html.is_none() && template.is_none() {
        let need = "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified";
        return Err(bad(need));
    }
    let of_template = asked.object("t:variables")?.unwrap_or_default();
    let of_recipients = asked.object("recipient-variables")?;
    let options: BTreeMap<String, String> =
        asked.below("o:").into_iter().filter(|(name, _)| name != "tag").collect();
    let common = Message {
        id: id.to_owned(),
        at_ms,
        domain: domain.to_owned(),
        from,
        to: to.clone(),
        tags: asked.all("o:tag"),
        variables: asked.below("v:").into_iter().collect(),
        options,
        ..Message::default()
    };
    let copy = |recipient: &String| {
        let address = bare(recipient);
        let own = of_recipients
            .as_ref()
            .map(|all| Own { address: &address, variables: all.get(&address).and_then(Value::as_object) });
        let fill = |text: &str| own.as_ref().map_or_else(|| text.to_owned(), |own| own.fill(text));
        let headers = asked.below("h:").into_iter().map(|(name, value)| (name, fill(&value)));
        let template = template.as_ref().map(|name| {
            let variables = fill(&Value::Object(of_template.clone()).to_string());
            (name.clone(), serde_json::from_str(&variables).unwrap_or(json!({})))
        });
        Message {
            recipient: address.clone(),
            to: if own.is_some() { vec![recipient.clone()] } else { to.clone() },
            subject: fill(&asked.one("subject").unwrap_or_default()),
            headers: headers.collect(),
            text: text.as_deref().map(fill),
            html: html.as_deref().map(fill),
            template,
            ..common.clone()
        }
    };
    Ok(to.iter().map(copy).collect())
}

/// What one recipient gets in place of `%recipient.NAME%`.
struct Own<'a> {
    address: &'a str,
    variables: Option<&'a Map<String, Value>>,
}

impl Own<'_> {
    fn fill(&self, text: &str) -> String {
        let filled = text.replace("%recipient%", self.address);
        self.variables.into_iter().flatten().fold(filled, |text, (name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.replace(&format!("%recipient.{name}%"), &value)
        })
    }
}

/// Addresses between commas; a comma in quotes belongs to a name.
fn addresses(text: &str) -> Vec<String> {
    let (mut quoted, mut found, mut one) = (false, Vec::new(), String::new());
    for sign in text.chars() {
        quoted ^= sign == '"';
        if sign == ',' && !quoted {
            found.push(std::mem::take(&mut one));
        } else {
            one.push(sign);
        }
    }
    found.push(one);
    found.into_iter().map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

/// Without a display name.
fn bare(address: &str) -> String {
    let inside = address.rsplit_once('<').map(|(_, rest)| rest.trim_end_matches('>'));
    inside.unwrap_or(address).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields_of(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn with_variables_of_recipients_nobody_sees_another() {
        let mut asked = fields_of(&[
            ("from", "News <news@x.example>"),
            ("to", "a@x.example"),
            ("to", "\"B, the second\" <b@x.example>"),
            ("subject", "For %recipient.name%"),
            ("text", "Leave: %recipient.url%, %recipient%"),
            ("h:List-Unsubscribe", "<%recipient.url%>"),
            ("o:tag", "welcome"),
            ("v:campaignId", "c1"),
        ]);
        let seen = copies("mg", &asked, "1@mg", 0).expect("taken");
        assert_eq!((seen[0].to.len(), seen[0].subject.as_str()), (2, "For %recipient.name%"));
        let variables = r#"{"a@x.example":{"name":"A","url":"https://u/a"},"b@x.example":{"name":"B"}}"#;
        asked.push(("recipient-variables".to_owned(), variables.to_owned()));
        let copies = copies("mg", &asked, "1@mg", 0).expect("taken");
        assert_eq!(copies.len(), 2);
        assert_eq!(
            (copies[0].to.as_slice(), copies[0].subject.as_str()),
            (&["a@x.example".to_owned()][..], "For A")
        );
        assert_eq!(copies[0].text.as_deref(), Some("Leave: https://u/a, a@x.example"));
        assert_eq!(copies[0].headers, [("List-Unsubscribe".to_owned(), "<https://u/a>".to_owned())]);
        assert_eq!((copies[1].recipient.as_str(), copies[1].subject.as_str()), ("b@x.example", "For B"));
        assert_eq!(
            (copies[1].tags.as_slice(), copies[1].variables["campaignId"].as_str()),
            (&["welcome".to_owned()][..], "c1")
        );
    }

    #[test]
    fn what_is_missing_or_too_much_is_refused() {
        let whole = [("from", "a@x"), ("to", "b@x"), ("text", "hello")];
        assert!(copies("mg", &fields_of(&whole), "1", 0).is_ok());
        for (left_out, word) in [(0, "from"), (1, "to"), (2, "Need at least one")] {
            let mut fields = fields_of(&whole);
            fields.remove(left_out);
            let refusal = copies("mg", &fields, "1", 0).expect_err("refused");
            assert!(
                refusal.status == StatusCode::BAD_REQUEST && refusal.message.starts_with(word),
                "{refusal:?}"
            );
        }
        let mut many = fields_of(&whole);
        many.extend((0..MOST_RECIPIENTS).map(|at| ("to".to_owned(), format!("{at}@x"))));
        assert!(copies("mg", &many, "1", 0).expect_err("refused").message.contains("1000"));
        let mut broken = fields_of(&whole);
        broken.push(("recipient-variables".to_owned(), "{".to_owned()));
        assert!(copies("mg", &broken, "1", 0).expect_err("refused").message.contains("not valid JSON"));
    }

    #[test]
    fn only_the_key_opens() {
        let credentials = MailgunSecret { api_key: "k".into(), webhook_signing_key: "w".into() };
        let with = |text: &str| {
            let mut headers = HeaderMap::new();
            let value = format!("Basic {}", STANDARD.encode(text));
            headers.insert(header::AUTHORIZATION, value.parse().expect("a header"));
            authenticate(&headers, Some(&credentials))
        };
        assert_eq!(with("api:k"), Ok(()));
        for wrong in ["api:w", "api:", "k", "other:k"] {
            assert_eq!(with(wrong).expect_err("refused").status, StatusCode::UNAUTHORIZED);
        }
        assert!(authenticate(&HeaderMap::new(), Some(&credentials)).is_err());
        assert!(authenticate(&HeaderMap::new(), None).is_err());
    }

    #[tokio::test]
    async fn both_encodings_are_read() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "multipart/form-data; boundary=x".parse().expect("a header"));
        let body = "--x\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\na@x\r\n--x\r\nContent-Disposition: \
                    form-data; name=\"attachment\"; filename=\"f\"\r\n\r\nbytes\r\n--x--\r\n";
        let read = fields(&headers, Bytes::from(body)).await.expect("fields");
        assert_eq!(read, fields_of(&[("to", "a@x")]));
        let read = fields(&HeaderMap::new(), Bytes::from("to=a%40x&to=b%40x")).await.expect("fields");
        assert_eq!(read, fields_of(&[("to", "a@x"), ("to", "b@x")]));
        assert!(fields(&headers, Bytes::from("--x")).await.is_err());
    }
}
