//! URLs, ids and names.

use std::collections::BTreeMap;

use model::{Address, Outputs};
use serde_json::json;

use super::page::harmless;

/// One output a line, in columns, for people and for `grep`: never wrapped, since values are copied.
pub(crate) fn outputs_text(outputs: &BTreeMap<Address, Outputs>) -> String {
    let rows: Vec<(String, &String, &String)> = outputs
        .iter()
        .flat_map(|(address, of)| of.iter().map(|(name, value)| (address.to_string(), name, value)))
        .collect();
    let widest = |length: &dyn Fn(&(String, &String, &String)) -> usize| rows.iter().map(length).max();
    let address_width = widest(&|row| row.0.chars().count()).unwrap_or(0);
    let name_width = widest(&|row| row.1.chars().count()).unwrap_or(0);
    rows.iter()
        .map(|(address, name, value)| {
            format!("{address:address_width$}  {name:name_width$}  {}\n", harmless(value))
        })
        .collect()
}

/// `{"version":1,"outputs":{address:{attribute:value}}}`.
pub(crate) fn outputs_json(outputs: &BTreeMap<Address, Outputs>) -> String {
    let all: BTreeMap<String, &Outputs> = outputs.iter().map(|(at, of)| (at.to_string(), of)).collect();
    format!("{:#}\n", json!({"version": 1, "outputs": all}))
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

    #[test]
    fn one_output_a_line() {
        assert_eq!(
            outputs_text(&some()),
            "\
outreach/rest api/outreach  id   a1b2c3
outreach/rest api/outreach  url  https://a1b2c3.execute-api.eu-west-1.amazonaws.com/v1
shared/queue/mail           url  https://sqs/1\\u{1b}[2J
"
        );
        assert_eq!(outputs_text(&BTreeMap::new()), "");
    }

    #[test]
    fn json_is_by_address_and_attribute() {
        let read: serde_json::Value = serde_json::from_str(&outputs_json(&some())).unwrap();
        assert_eq!(read["version"], 1);
        assert_eq!(read["outputs"]["outreach/rest api/outreach"]["id"], "a1b2c3");
    }
}
