//! The data plane, asked without the wire.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::SERVICE;
use crate::{
    Weather,
    services::{
        Refusal, World,
        asking::{ask, refused},
    },
    store::{Documents, Edit},
};

/// An account with one table: hash `h`, range `r`, and the index `by_day` on `day` and `at`.
struct Stage(Documents);

impl Stage {
    fn new() -> Self {
        let mut stage = Self(Documents::default());
        let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
        let of = |name: &str, of: &str| json!({ "AttributeName": name, "AttributeType": of });
        let table = json!({
            "TableName": "rows", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [key("h", "HASH"), key("r", "RANGE")],
            "AttributeDefinitions": [of("h", "S"), of("r", "N"), of("day", "S"), of("at", "N")],
            "GlobalSecondaryIndexes": [{
                "IndexName": "by_day", "KeySchema": [key("day", "HASH"), key("at", "RANGE")],
                "Projection": { "ProjectionType": "ALL" },
            }],
        });
        stage.ask("CreateTable", table).expect("a table");
        stage
    }

    fn within<T>(&mut self, work: impl FnOnce(&mut World<'_>) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let weather = Weather::default();
        let mut world = World::new(&self.0, 1000, "000000000000", "us-east-1", &weather);
        let outcome = work(&mut world)?;
        for Edit { collection, id, value } in world.into_edits() {
            let documents = self.0.entry(collection).or_default();
            match value {
                Some(value) => documents.insert(id, value),
                None => documents.remove(&id),
            };
        }
        Ok(outcome)
    }

    fn ask(&mut self, operation: &str, input: Value) -> Result<Value, Refusal> {
        self.within(|world| ask(&SERVICE, world, operation, input))
    }

    #[track_caller]
    fn refused(&mut self, operation: &str, input: Value, wanted: (&str, &str)) {
        let done = self.within(|world| {
            refused(&SERVICE, world, operation, input, wanted);
            Ok(())
        });
        done.expect("refused");
    }

    fn put(&mut self, hash: &str, range: u32, more: Value) {
        let mut item = key(hash, range);
        for (name, value) in more.as_object().expect("an object") {
            item[name] = value.clone();
        }
        self.ask("PutItem", json!({ "TableName": "rows", "Item": item })).expect("put");
    }
}

fn key(hash: &str, range: u32) -> Value {
    json!({ "h": { "S": hash }, "r": { "N": range.to_string() } })
}

fn day(day: &str, at: u32) -> Value {
    json!({ "day": { "S": day }, "at": { "N": at.to_string() } })
}

const CONDITION: &str = "ConditionalCheckFailedException";
const INVALID: &str = "ValidationException";

#[test]
fn updates_make_change_and_return() {
    let mut stage = Stage::new();
    let update = json!({
        "TableName": "rows", "Key": key("a", 1), "UpdateExpression": "ADD #n :one SET x = :x",
        "ExpressionAttributeNames": { "#n": "count" },
        "ExpressionAttributeValues": { ":one": { "N": "1" }, ":x": { "S": "x" } },
        "ReturnValues": "UPDATED_NEW",
    });
    stage.ask("UpdateItem", update.clone()).expect("made");
    let answer = stage.ask("UpdateItem", update).expect("changed");
    assert_eq!(answer["Attributes"], json!({ "count": { "N": "2" }, "x": { "S": "x" } }));
    let one = |expression: &str| {
        json!({
            "TableName": "rows", "Key": key("a", 1), "UpdateExpression": expression,
            "ExpressionAttributeValues": { ":x": { "S": "x" } },
        })
    };
    stage.refused("UpdateItem", one("SET r = :x"), (INVALID, "part of the key"));
    stage.refused("UpdateItem", one("SET day = :x"), (INVALID, "reserved keyword"));
    stage.refused("UpdateItem", one("SET at = :x"), (INVALID, "Type mismatch for Index Key"));
    stage.refused("UpdateItem", one("REMOVE x"), (INVALID, "unused in expressions"));
}

#[test]
fn conditions_decide_and_show_what_was_there() {
    let mut stage = Stage::new();
    stage.put("a", 1, json!({ "n": { "N": "5" } }));
    let put = |condition: &str| {
        json!({
            "TableName": "rows", "Item": key("a", 1), "ConditionExpression": condition,
            "ExpressionAttributeValues": { ":n": { "N": "5" } },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        })
    };
    stage.refused("PutItem", put("n > :n"), (CONDITION, "The conditional request failed"));
    let refusal = stage.ask("PutItem", put("n <> :n")).expect_err("refused");
    assert_eq!(refusal.details["Item"]["n"]["N"], "5");
    stage.ask("PutItem", put("attribute_not_exists(h) OR n = :n")).expect("put");
    let gone =
        json!({ "TableName": "rows", "Key": key("a", 1), "ConditionExpression": "attribute_exists(n)" });
    stage.refused("DeleteItem", gone, (CONDITION, ""));
    let empty = json!({ "TableName": "rows", "Item": { "h": { "S": "" }, "r": { "N": "1" } } });
    stage.refused("PutItem", empty, (INVALID, "empty string"));
}

#[test]
fn queries_are_ordered_and_paged_in_both_directions() {
    let mut stage = Stage::new();
    for range in [10, 9, 1, 100] {
        stage.put("a", range, day("d", 7));
    }
    stage.put("b", 5, day("d", 8));
    stage.put("c", 6, json!({}));
    let query = |index: Option<&str>, forward: bool, start: Value| {
        let (hash, value) = if index.is_some() { ("day", "d") } else { ("h", "a") };
        json!({
            "TableName": "rows", "IndexName": index, "KeyConditionExpression": "#k = :k", "Limit": 2,
            "ExpressionAttributeNames": { "#k": hash }, "ExpressionAttributeValues": { ":k": { "S": value } },
            "ScanIndexForward": forward, "ExclusiveStartKey": start,
        })
    };
    let of = |answer: &Value, name: &str| -> Vec<String> {
        let items = answer["Items"].as_array().expect("items").iter();
        items.map(|item| item[name]["N"].as_str().expect("a number").to_owned()).collect()
    };
    for (index, forward, ordered_by, want) in [
        (None, true, "r", vec!["1", "9", "10", "100"]),
        (None, false, "r", vec!["100", "10", "9", "1"]),
        (Some("by_day"), true, "at", vec!["7", "7", "7", "7", "8"]),
        (Some("by_day"), false, "at", vec!["8", "7", "7", "7", "7"]),
    ] {
        let (mut found, mut all, mut start) = (Vec::new(), BTreeSet::new(), Value::Null);
        loop {
            let answer = stage.ask("Query", query(index, forward, start)).expect("a page");
            assert!(of(&answer, "r").len() <= 2);
            found.extend(of(&answer, ordered_by));
            all.extend(of(&answer, "r"));
            start = answer["LastEvaluatedKey"].clone();
            if start.is_null() {
                break;
            }
            assert_eq!(start.get("day").is_some(), index.is_some());
        }
        assert_eq!((found.len(), all.len()), (want.len(), want.len()), "each once: {index:?} {forward}");
        assert_eq!(found, want, "{index:?} {forward}");
    }
}

#[test]
fn filters_count_what_is_left_of_what_was_read() {
    let mut stage = Stage::new();
    for range in 1..=4 {
        stage.put("a", range, json!({ "n": { "N": range.to_string() }, "more": { "S": "x" } }));
    }
    let mut query = json!({
        "TableName": "rows", "KeyConditionExpression": "h = :h AND r BETWEEN :low AND :high",
        "FilterExpression": "n > :low", "ProjectionExpression": "h, r",
        "ExpressionAttributeValues": { ":h": { "S": "a" }, ":low": { "N": "2" }, ":high": { "N": "4" } },
    });
    let answer = stage.ask("Query", query.clone()).expect("a page");
    assert_eq!((&answer["Count"], &answer["ScannedCount"]), (&json!(2), &json!(3)));
    assert_eq!(answer["Items"][0], key("a", 3));
    query["Select"] = "COUNT".into();
    assert!(stage.ask("Query", query.clone()).expect("a count")["Items"].is_null());
    for (condition, part) in [
        ("r = :low", "missed key schema element: h"),
        ("h = :h AND n = :low", "not supported"),
        ("h = :h OR r = :low", "missed key schema element"),
    ] {
        query["KeyConditionExpression"] = condition.into();
        stage.refused("Query", query.clone(), (INVALID, part));
    }
    let consistent = json!({ "TableName": "rows", "IndexName": "by_day", "ConsistentRead": true });
    stage.refused("Query", consistent, (INVALID, "Consistent reads are not supported"));
    stage.refused("Query", json!({ "TableName": "rows", "IndexName": "x" }), (INVALID, "specified index"));
}

#[test]
fn batches_have_limits_and_no_key_twice() {
    let mut stage = Stage::new();
    let put = |range: u32| json!({ "PutRequest": { "Item": key("a", range) } });
    let write = |requests: Vec<Value>| json!({ "RequestItems": { "rows": requests } });
    stage.ask("BatchWriteItem", write((0..25).map(put).collect())).expect("written");
    stage.refused("BatchWriteItem", write((0..26).map(put).collect()), (INVALID, "at most 25"));
    stage.refused("BatchWriteItem", write(vec![put(1), put(1)]), (INVALID, "duplicates"));
    let get = |keys: Vec<Value>| json!({ "RequestItems": { "rows": { "Keys": keys } } });
    let found =
        stage.ask("BatchGetItem", get((20..30).map(|range| key("a", range)).collect())).expect("found");
    assert_eq!(found["Responses"]["rows"].as_array().expect("items").len(), 5);
    stage.refused("BatchGetItem", get(vec![key("a", 1), key("a", 1)]), (INVALID, "duplicates"));
    let many = (0..101).map(|range| key("a", range)).collect();
    stage.refused("BatchGetItem", get(many), (INVALID, "at most 100"));
    let delete = json!({ "RequestItems": { "rows": [{ "DeleteRequest": { "Key": key("a", 1) } }] } });
    stage.ask("BatchWriteItem", delete).expect("deleted");
    let gone = stage.ask("GetItem", json!({ "TableName": "rows", "Key": key("a", 1) })).expect("an answer");
    assert!(gone["Item"].is_null());
}

#[test]
fn a_transaction_is_done_whole_or_not_at_all() {
    let mut stage = Stage::new();
    stage.put("a", 1, json!({}));
    let new = |range: u32| {
        json!({ "Put": {
            "TableName": "rows", "Item": key("a", range), "ConditionExpression": "attribute_not_exists(h)",
        } })
    };
    let transact = |items: Vec<Value>| json!({ "TransactItems": items });
    let refusal = stage.ask("TransactWriteItems", transact(vec![new(2), new(1)])).expect_err("cancelled");
    assert_eq!(refusal.code, "TransactionCanceledException");
    assert!(refusal.message.ends_with("[None, ConditionalCheckFailed]"), "{}", refusal.message);
    assert_eq!(refusal.details["CancellationReasons"][1]["Code"], "ConditionalCheckFailed");
    let found = stage.ask("GetItem", json!({ "TableName": "rows", "Key": key("a", 2) })).expect("an answer");
    assert!(found["Item"].is_null());
    let check = json!({ "ConditionCheck": {
        "TableName": "rows", "Key": key("a", 1), "ConditionExpression": "attribute_exists(h)",
    } });
    let update = json!({ "Update": {
        "TableName": "rows", "Key": key("a", 3), "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": { ":one": { "N": "1" } },
    } });
    stage.ask("TransactWriteItems", transact(vec![new(2), check.clone(), update])).expect("done");
    stage.refused(
        "TransactWriteItems",
        transact(vec![new(4), new(4)]),
        (INVALID, "multiple operations on one item"),
    );
    stage.refused("TransactWriteItems", transact(Vec::new()), (INVALID, "at most 100"));
}
