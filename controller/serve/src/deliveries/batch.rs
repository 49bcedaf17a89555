//! Messages of a queue as an event, and which of them the answer gives back.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The event of a batch, from what `ReceiveMessage` answered.
#[must_use]
pub fn event(messages: &[Value], queue: &str, region: &str) -> Value {
    let record = |message: &Value| {
        let given = message["MessageAttributes"].as_object().into_iter().flatten();
        let attributes: Map<String, Value> = given
            .map(|(name, value)| {
                let value = json!({
                    "dataType": value["DataType"], "stringValue": value["StringValue"],
                    "binaryValue": value["BinaryValue"], "stringListValues": [], "binaryListValues": [],
                });
                (name.clone(), value)
            })
            .collect();
        json!({
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": attributes,
            "eventSource": "aws:sqs",
            "eventSourceARN": queue,
            "awsRegion": region,
        })
    };
    json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
}

/// Receipts of the messages that are done with. Where the function reports failures, an answer that cannot be
/// understood, or names a message that was not in the batch, gives everything back.
#[must_use]
pub fn done(messages: &[Value], partial: bool, payload: &[u8]) -> Vec<String> {
    let receipt = |message: &Value| message["ReceiptHandle"].as_str().map(str::to_owned);
    let all = || messages.iter().filter_map(receipt).collect();
    if !partial {
        return all();
    }
    let Ok(answer) = serde_json::from_slice::<Value>(payload) else { return Vec::new() };
    let failures = match &answer["batchItemFailures"] {
        // Nothing said is nothing failed.
        Value::Null => return all(),
        Value::Array(failures) => failures,
        _ => return Vec::new(),
    };
    let ids: BTreeSet<&str> = messages.iter().filter_map(|message| message["MessageId"].as_str()).collect();
    let mut failed = BTreeSet::new();
    for failure in failures {
        match failure["itemIdentifier"].as_str().filter(|id| ids.contains(id)) {
            Some(id) => failed.insert(id),
            None => return Vec::new(),
        };
    }
    let good = |message: &&Value| message["MessageId"].as_str().is_some_and(|id| !failed.contains(id));
    messages.iter().filter(good).filter_map(receipt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(partial: bool, payload: &str, wanted: &[&str]) {
        let message = |id: &str| json!({ "MessageId": id, "ReceiptHandle": format!("r{id}") });
        let messages = [message("1"), message("2"), message("3")];
        assert_eq!(done(&messages, partial, payload.as_bytes()), wanted, "{payload}");
    }

    #[test]
    fn what_failed_is_given_back() {
        let all = ["r1", "r2", "r3"];
        check(false, "anything", &all);
        check(true, "null", &all);
        check(true, "{}", &all);
        check(true, r#"{"batchItemFailures":null}"#, &all);
        check(true, r#"{"batchItemFailures":[]}"#, &all);
        check(true, r#"{"batchItemFailures":[{"itemIdentifier":"2"}]}"#, &["r1", "r3"]);
        check(true, r#"{"batchItemFailures":[{"itemIdentifier":"9"}]}"#, &[]);
        check(true, r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, &[]);
        check(true, r#"{"batchItemFailures":[{"id":"2"}]}"#, &[]);
        check(true, r#"{"batchItemFailures":"2"}"#, &[]);
        check(true, "no JSON", &[]);
    }

    #[test]
    fn a_message_becomes_a_record() {
        let message = json!({
            "MessageId": "1", "ReceiptHandle": "r", "Body": "b", "Attributes": { "SentTimestamp": "5" },
            "MessageAttributes": { "kind": { "DataType": "String", "StringValue": "x" } },
        });
        let record = &event(&[message], "arn:aws:sqs:us-east-1:0:q", "us-east-1")["Records"][0];
        assert_eq!(record["messageAttributes"]["kind"]["stringValue"], "x");
        assert_eq!((&record["body"], &record["eventSource"]), (&json!("b"), &json!("aws:sqs")));
        assert_eq!(record["attributes"]["SentTimestamp"], "5");
    }
}
