//! URLs, ids and names, and what of them is set elsewhere.

use std::collections::BTreeMap;

use model::{
    Address, Outputs, Text,
    text::{self, Reference},
};
use serde_json::{Value as Json, json};
use stacks::{HandOver, Value};

use super::page::harmless;

type All = BTreeMap<Address, Outputs>;

/// One output a line, in columns, for people and for `grep`: never wrapped, since values are copied.
pub(crate) fn outputs_text(outputs: &All, hand_over: &HandOver) -> String {
    if outputs.is_empty() {
        return String::new();
    }
    let rows = outputs.iter().flat_map(|(address, of)| {
        of.iter().map(|(name, value)| vec![address.to_string(), name.clone(), harmless(value).to_string()])
    });
    let mut text = columns("", &rows.collect::<Vec<_>>());
    let front_end = hand_over.front_end.iter().map(|(name, value)| {
        let value = match value {
            Value::Plain(value) => shown(value, outputs),
            Value::ApiKey(id) => {
                let id = shown(id, outputs);
                format!(
                    "the value of API key {id}: aws apigateway get-api-key --api-key {id} --include-value"
                )
            }
        };
        vec![name.clone(), value]
    });
    text += "\nVariables of the CRM\n";
    text += &columns("  ", &front_end.collect::<Vec<_>>());
    let apis = hand_over.apis.iter().map(|(name, url)| vec![name.clone(), shown(url, outputs)]);
    text += "\nBase URLs of the APIs\n";
    text += &columns("  ", &apis.collect::<Vec<_>>());
    let webhook = shown(&hand_over.webhook, outputs);
    text +=
        &format!("\nWebhook of Mailgun (POST)\n  {webhook}\n  for {}\n", hand_over.webhook_events.join(", "));
    text += &format!("\nDNS record of the unsubscribe mailbox\n  {}\n", hand_over.mailbox.join(" "));
    if let Some(record) = &hand_over.domain {
        let record: Vec<String> = record.iter().map(|part| shown(part, outputs)).collect();
        text += &format!("\nDNS record of the APIs' domain\n  {}\n", record.join(" "));
    }
    text
}

/// Columns as wide as they must be; the last one is open.
fn columns(indent: &str, rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let line = |row: &Vec<String>| {
        let last = row.len() - 1;
        let cells: String = (0..last).map(|column| format!("{:1$}  ", row[column], width(column))).collect();
        format!("{indent}{cells}{}\n", row[last])
    };
    rows.iter().map(line).collect()
}

fn resolved(text: &Text, outputs: &All) -> String {
    let look_up = |to: &Reference| outputs.get(&to.address)?.get(&to.attribute).cloned();
    text::resolve(text.as_str(), &look_up)
}

/// For people: what is not there yet is said so.
fn shown(text: &Text, outputs: &All) -> String {
    harmless(&text::for_people(&resolved(text, outputs))).to_string()
}

/// For programs: what is not there yet is null.
fn known(text: &Text, outputs: &All) -> Json {
    let text = resolved(text, outputs);
    if text::references(&text).next().is_some() { Json::Null } else { text.into() }
}

/// `{"version":1,"outputs":{address:{attribute:value}},"front_end":{…},"apis":{…},"mailgun_webhook":{…},
/// "dns":[…]}`; the value of an API key is never in it, but its id: `{"api_key":ID}`.
pub(crate) fn outputs_json(outputs: &All, hand_over: &HandOver) -> String {
    let all: BTreeMap<String, &Outputs> = outputs.iter().map(|(at, of)| (at.to_string(), of)).collect();
    let front_end = hand_over.front_end.iter().map(|(name, value)| {
        let value = match value {
            Value::Plain(value) => known(value, outputs),
            Value::ApiKey(id) => json!({ "api_key": known(id, outputs) }),
        };
        (name.clone(), value)
    });
    let apis = hand_over.apis.iter().map(|(name, url)| (name.clone(), known(url, outputs)));
    let [name, kind, value] = &hand_over.mailbox;
    let mut dns = vec![json!({ "name": name, "type": kind, "value": value })];
    dns.extend(hand_over.domain.as_ref().map(|[name, kind, value]| {
        json!({ "name": known(name, outputs), "type": known(kind, outputs), "value": known(value, outputs) })
    }));
    let json = json!({
        "version": 1,
        "outputs": all,
        "front_end": front_end.collect::<serde_json::Map<_, _>>(),
        "apis": apis.collect::<serde_json::Map<_, _>>(),
        "mailgun_webhook": {
            "url": known(&hand_over.webhook, outputs),
            "method": "POST",
            "events": hand_over.webhook_events,
        },
        "dns": dns,
    });
    format!("{json:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> BTreeMap<Address, Outputs> {
        let of = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        BTreeMap::from([
            (
                "outreach/rest api/outreach".parse().unwrap(),
                of(&[("id", "a1b2c3"), ("url", "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/v1")]),
            ),
            ("shared/queue/mail".parse().unwrap(), of(&[("url", "https://sqs/1\u{1b}[2J")])),
        ])
    }

    fn hand_over() -> HandOver {
        let text = |text: &str| Text::from(text);
        HandOver {
            front_end: vec![
                ("REACT_APP_DN_API_KEY".to_owned(), Value::ApiKey(text("k1"))),
                ("REACT_APP_S3_REGION".to_owned(), Value::Plain(text("eu-west-1"))),
            ],
            apis: vec![
                ("outreach".to_owned(), text("@{outreach/rest api/outreach#url}")),
                ("dn-api".to_owned(), text("@{dn_api/rest api/dn-api#url}")),
            ],
            webhook: text("@{outreach/rest api/outreach#url}/outreach/webhook"),
            webhook_events: &["clicked", "opened"],
            mailbox: ["example.com", "MX", "10 inbound-smtp.eu-west-1.amazonaws.com"].map(str::to_owned),
            domain: Some(["api.example.com", "CNAME", "@{shared/domain name/apis#target}"].map(text)),
        }
    }

    #[test]
    fn one_output_a_line_and_then_what_is_set_elsewhere() {
        assert_eq!(
            outputs_text(&some(), &hand_over()),
            "\
outreach/rest api/outreach  id   a1b2c3
outreach/rest api/outreach  url  https://a1b2c3.execute-api.eu-west-1.amazonaws.com/v1
shared/queue/mail           url  https://sqs/1\\u{1b}[2J

Variables of the CRM
  REACT_APP_DN_API_KEY  the value of API key k1: aws apigateway get-api-key --api-key k1 --include-value
  REACT_APP_S3_REGION   eu-west-1

Base URLs of the APIs
  outreach  https://a1b2c3.execute-api.eu-west-1.amazonaws.com/v1
  dn-api    (after dn_api/rest api/dn-api)

Webhook of Mailgun (POST)
  https://a1b2c3.execute-api.eu-west-1.amazonaws.com/v1/outreach/webhook
  for clicked, opened

DNS record of the unsubscribe mailbox
  example.com MX 10 inbound-smtp.eu-west-1.amazonaws.com

DNS record of the APIs' domain
  api.example.com CNAME (after shared/domain name/apis)
"
        );
        assert_eq!(outputs_text(&BTreeMap::new(), &hand_over()), "");
    }

    #[test]
    fn json_is_by_address_and_attribute() {
        let read: Json = serde_json::from_str(&outputs_json(&some(), &hand_over())).unwrap();
        assert_eq!(read["version"], 1);
        assert_eq!(read["outputs"]["outreach/rest api/outreach"]["id"], "a1b2c3");
        assert_eq!(read["front_end"]["REACT_APP_DN_API_KEY"], json!({ "api_key": "k1" }));
        assert_eq!(read["apis"]["dn-api"], Json::Null);
        assert_eq!(read["dns"][1], json!({ "name": "api.example.com", "type": "CNAME", "value": null }));
        assert_eq!(
            read["mailgun_webhook"]["url"],
            "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/v1/outreach/webhook"
        );
    }
}
