//! The nightly comparison, with the role that may read everything and change nothing but its report.

use std::collections::BTreeSet;

use aws_sdk_iam::Client;
use contract::operations::REPORT;
use serde_json::{Value, json};

use super::{
    DEV, Deployed, TLS,
    guard::{Allowed, keyed},
};

/// What the emulator judges by another action or resource than AWS does.
const OTHERWISE: [&str; 3] = ["iam:GetOpenIDConnectProvider", "lambda:ListAliases", "logs:DescribeLogGroups"];

/// It reads the whole stage through the emulator's eyes, and tells what this test did to roles. Returns what it needs
/// of what the emulator lacks.
pub(super) async fn it_finds_what_was_done_by_hand(stage: &Deployed) -> BTreeSet<&'static str> {
    // The bucket's policy denies what does not come by TLS, whatever the role allows.
    assert_eq!(stage.hand("drift").await, None);
    let refused = stage.front.refused();
    assert!(refused.iter().all(|said| said.contains("explicit deny")) && !refused.is_empty(), "{refused:?}");
    stage.front.is_tls();

    let night = stage.hand("drift").await.expect("a report");
    assert_eq!(night["state"], "unreadable", "{night}");
    let refused = stage.front.refused();
    let action = |said: &String| {
        let action = said.split("to perform: ").nth(1)?.split_whitespace().next()?;
        OTHERWISE.into_iter().find(|one| *one == action)
    };
    let otherwise: BTreeSet<Option<&str>> = refused.iter().map(action).collect();
    assert_eq!(otherwise, OTHERWISE.into_iter().map(Some).collect(), "{refused:#?}");
    let iam = Client::new(&stage.owner);
    let role = Allowed::of(&iam, "drift").await;
    role.also(&json!([{ "Effect": "Allow", "Action": OTHERWISE, "Resource": "*" }])).await;

    let night = stage.hand("drift").await.expect("a report");
    assert_eq!(stage.front.refused(), Vec::<String>::new());
    let report = report(stage).await;
    let found = report["drift"]["drifted"].as_array().expect("a list").iter();
    let found: BTreeSet<&str> = found.map(|one| one["address"].as_str().expect("an address")).collect();
    let mut changed: BTreeSet<String> =
        keyed().map(|function| format!("{}/role/{}", function.stack, function.name)).collect();
    changed.insert("operations/role/drift".to_owned());
    assert_eq!(found, changed.iter().map(String::as_str).collect(), "{report}");
    assert_eq!((&night["state"], &night["wrong"]), (&json!("drifted"), &json!(changed.len())), "{night}");
    rotation_begins(stage).await;
    OTHERWISE.into_iter().chain([TLS]).collect()
}

/// The hourly rotation makes its first step: it holds the lock, writes the journal and a document without a key.
async fn rotation_begins(stage: &Deployed) {
    let turned = stage.hand("rotate").await.expect("a step");
    assert_eq!(stage.front.refused(), Vec::<String>::new(), "{turned}");
    assert!(turned["made"].is_string(), "{turned}");
}

/// What it keeps in the control bucket.
async fn report(stage: &Deployed) -> Value {
    let config = aws_sdk_s3::config::Builder::from(&stage.owner).force_path_style(true).build();
    let object = aws_sdk_s3::Client::from_conf(config).get_object();
    let object = object.bucket(format!("dn-dev-control-{DEV}")).key(REPORT).send().await;
    let bytes = object.expect("a report").body.collect().await.expect("all of it").into_bytes();
    serde_json::from_slice(&bytes).expect("JSON")
}
