//! A table as `DescribeTable` shows it.

use serde_json::{Value, json};

use super::{World, arn, indexes, items_of, ms, status};

/// DynamoDB counts items about this often.
const COUNTED_MS: u64 = 6 * 3_600_000;

pub(super) fn table(world: &World<'_>, name: &str, table: &Value) -> Value {
    let status = status(world, table);
    let on_demand = table["billing"] == "PAY_PER_REQUEST";
    let stream = table["stream"].as_str();
    let billing = json!({ "BillingMode": table["billing"] });
    let listed: Vec<Value> = table["indexes"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(index_name, index)| self::index(world, name, status, on_demand, index_name, index))
        .collect();
    json!({
        "TableName": name,
        "TableArn": arn(world, name),
        "TableId": table["id"],
        "TableStatus": status,
        "CreationDateTime": ms(table, "created_ms") as f64 / 1000.0,
        "AttributeDefinitions": table["definitions"],
        "KeySchema": table["keys"],
        "GlobalSecondaryIndexes": (!listed.is_empty()).then_some(listed),
        "LocalSecondaryIndexes": table["local_indexes"],
        "BillingModeSummary": (table["billing_known"] == true).then_some(billing),
        "ProvisionedThroughput": units(&table["units"]),
        "OnDemandThroughput": table["limits"],
        "TableClassSummary": table["class"].as_str().map(|class| json!({ "TableClass": class })),
        "DeletionProtectionEnabled": table["protected"],
        "SSEDescription": table["sse"].as_str().map(|key| {
            json!({ "Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key })
        }),
        "StreamSpecification": stream.map(|view| json!({ "StreamEnabled": true, "StreamViewType": view })),
        // The last stream stays visible after it was switched off.
        "LatestStreamArn": table["stream_arn"],
        "LatestStreamLabel": table["stream_label"],
        "ItemCount": counted(world, name),
        "TableSizeBytes": 0,
        "WarmThroughput": warm(status),
    })
}

fn index(world: &World<'_>, table: &str, status: &str, on_demand: bool, name: &str, index: &Value) -> Value {
    let (state, filling) = indexes::state(world, status, index);
    json!({
        "IndexName": name,
        "IndexArn": format!("{}/index/{name}", arn(world, table)),
        "IndexStatus": state,
        "Backfilling": filling.then_some(true),
        "KeySchema": index["keys"],
        "Projection": index["projection"],
        "ProvisionedThroughput": units(&index["units"]),
        "OnDemandThroughput": if on_demand { index["limits"].clone() } else { Value::Null },
        "ItemCount": counted(world, table),
        "IndexSizeBytes": 0,
        "WarmThroughput": warm(state),
    })
}

/// Units are shown as 0 for what is paid by request.
fn units(units: &Value) -> Value {
    json!({
        "ReadCapacityUnits": ms(units, "ReadCapacityUnits"),
        "WriteCapacityUnits": ms(units, "WriteCapacityUnits"),
        "NumberOfDecreasesToday": 0,
    })
}

fn warm(status: &str) -> Value {
    json!({ "ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000, "Status": status })
}

/// Items as they were last counted.
fn counted(world: &World<'_>, name: &str) -> usize {
    let last = world.now_ms / COUNTED_MS * COUNTED_MS;
    world.all(&items_of(name)).into_values().filter(|item| ms(item, "since_ms") < last).count()
}

/// A moment as stream labels hold it.
pub(super) fn time(now_ms: u64) -> String {
    let time =
        jiff::Timestamp::from_millisecond(i64::try_from(now_ms).unwrap_or_default()).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%3f").to_string()
}
