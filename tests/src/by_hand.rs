//! What people do at the console, each found by `dn drift`, told in words, and put back by `dn apply`.

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_apigateway::types::{Op, PatchOperation};
use sandbox::Account;
use serde_json::{Value, json};

use crate::{
    laws::{key_group::intrude, public_key::SECOND},
    project::{Project, Ran},
};

/// Finds it, tells it, puts it back.
#[track_caller]
fn found_told_and_put_back(project: &Project, says: &[&str]) {
    let drift = project.dn(&["drift", "sandbox"]);
    assert_eq!(drift.code, Some(3), "{}", drift.text);
    // Lines wrap to the terminal.
    let text = drift.text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in says {
        assert!(text.contains(words), "`{words}` is missing in {}", drift.text);
    }
    let apply = project.dn(&["apply", "sandbox", "--yes"]);
    assert_eq!(apply.code, Some(0), "{}", apply.text);
    nothing(&project.dn(&["plan", "sandbox"]));
    nothing(&project.dn(&["drift", "sandbox"]));
}

#[track_caller]
fn nothing(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{}", ran.text);
}

/// Makes a change with nothing but the SDK.
fn by_hand<F: Future<Output = ()>>(project: &Project, hand: impl FnOnce(Account) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(hand(project.account()));
}

/// The configuration of a person who is not `dn`.
fn anns(account: &Account) -> aws_config::SdkConfig {
    let keys = Credentials::new("ann", "secret", None, None, "a test");
    let keys = SharedCredentialsProvider::new(keys);
    account.sdk_config().into_builder().credentials_provider(keys).build()
}

fn replace(path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder().op(Op::Replace).path(path).value(value).build()
}

/// The API `outreach`, and a client for it.
async fn outreach(account: &Account) -> (aws_sdk_apigateway::Client, String) {
    let client = aws_sdk_apigateway::Client::new(&anns(account));
    let all = client.get_rest_apis().limit(500).send().await.expect("APIs");
    let found = all.items().iter().find(|one| one.name() == Some("dn-sandbox-outreach")).expect("the API");
    let id = found.id().expect("an id").to_owned();
    (client, id)
}

async fn throttle(account: Account) {
    let (client, id) = outreach(&account).await;
    let path = "/~1outreach~1send-email/POST/throttling/rateLimit";
    let ask = client.update_stage().rest_api_id(id).stage_name("dev").patch_operations(replace(path, "900"));
    ask.send().await.expect("the stage is changed");
}

async fn edit_and_not_deploy(account: Account) {
    let (client, id) = outreach(&account).await;
    let all = client.get_resources().rest_api_id(&id).limit(500).send().await.expect("resources");
    let send = all.items().iter().find(|one| one.path() == Some("/outreach/send-email")).expect("the path");
    let ask = client.update_method().rest_api_id(id).resource_id(send.id().expect("an id"));
    let ask = ask.http_method("POST").patch_operations(replace("/apiKeyRequired", "true"));
    ask.send().await.expect("the method is changed");
}

async fn widen_the_bucket(account: Account) {
    let client = aws_sdk_s3::Client::new(&anns(&account));
    let bucket = "dn-sandbox-reports-000000000000";
    let found = client.get_bucket_policy().bucket(bucket).send().await.expect("a policy");
    let mut policy: Value = serde_json::from_str(found.policy().expect("a document")).expect("JSON");
    policy["Statement"].as_array_mut().expect("statements").push(json!({
        "Effect": "Allow", "Principal": { "AWS": "999999999999" }, "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::{bucket}/*"),
    }));
    let ask = client.put_bucket_policy().bucket(bucket).policy(policy.to_string());
    ask.send().await.expect("the policy is changed");
}

async fn add_a_key(account: Account) {
    intrude(&anns(&account), SECOND).await;
}

async fn delete_an_alarm(account: Account) {
    let client = aws_sdk_cloudwatch::Client::new(&anns(&account));
    let ask = client.delete_alarms().alarm_names("dn-sandbox-function-webhook-errors");
    ask.send().await.expect("the alarm is gone");
}

#[test]
fn what_a_hand_does_is_found_told_and_put_back() {
    let project = Project::applied();
    by_hand(&project, throttle);
    found_told_and_put_back(
        &project,
        &[
            "! outreach/rest api/outreach",
            "method_settings.POST /outreach/send-email: throttle.rate is 900, declared",
            "last change: UpdateStage by ann, 20",
        ],
    );
    by_hand(&project, edit_and_not_deploy);
    found_told_and_put_back(
        &project,
        &[
            "routes.POST /outreach/send-email: api_key is true, declared false",
            "stage.deployed declared true, live false",
            "known: ",
        ],
    );
    by_hand(&project, widen_the_bucket);
    found_told_and_put_back(
        &project,
        &[
            "! reports/bucket/reports",
            "policy: wider than declared: arn:aws:iam::999999999999:root may s3:GetObject on",
        ],
    );
    by_hand(&project, add_a_key);
    found_told_and_put_back(&project, &["! reports/key group/links", "keys: holds what is not declared: K"]);
    by_hand(&project, delete_an_alarm);
    found_told_and_put_back(
        &project,
        &[
            "1 missing",
            "Missing: declared and not there",
            "observability/alarm/function-webhook-errors",
            "last change: DeleteAlarms by ann, 20",
        ],
    );
}

fn read(ran: &Ran) -> Value {
    serde_json::from_str(&ran.text).unwrap_or_else(|error| panic!("{error}: {}", ran.text))
}

const ACCEPTED: &str = "accepted:
- address: outreach/rest api/outreach
  field: method_settings
  reason: a load test
  until: ";

#[test]
fn an_accepted_difference_comes_back_when_its_day_is_over() {
    let project = Project::applied();
    by_hand(&project, throttle);
    let file = "environments/sandbox.yaml";
    let without = project.read(file);
    project.write(file, &format!("{without}{ACCEPTED}\"9999-12-31\"\n"));
    let ran = project.dn(&["drift", "sandbox"]);
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    assert!(ran.text.contains("sandbox · no drift, 1 accepted"), "{}", ran.text);
    assert!(ran.text.contains("method_settings: accepted until 9999-12-31: a load test"), "{}", ran.text);
    let accepted = read(&project.dn(&["drift", "sandbox", "--json"]))["accepted"].clone();
    assert_eq!(
        (&accepted[0]["state"], &accepted[0]["changes"][0]["live"]["throttle"]["rate"]),
        (&json!("holds"), &json!("900"))
    );

    project.write(file, &format!("{without}{ACCEPTED}\"2001-01-01\"\n"));
    let ran = project.dn(&["drift", "sandbox"]);
    assert_eq!(ran.code, Some(3), "{}", ran.text);
    assert!(ran.text.contains("method_settings: was accepted until 2001-01-01: a load test"), "{}", ran.text);

    project.write(file, &format!("{without}{ACCEPTED}\"9999-12-31\"\n"));
    nothing(&project.dn(&["apply", "sandbox", "--yes"]));
    let ran = project.dn(&["drift", "sandbox"]);
    assert!(ran.text.contains("and nothing differs: take the entry out"), "{}", ran.text);
}

/// What is refused, where it is, and what is said.
#[test]
fn a_bad_entry_is_refused_with_its_place() {
    let project = Project::new();
    let file = "environments/sandbox.yaml";
    let without = project.read(file);
    let entry = format!("{ACCEPTED}\"2026-03-31\"\n");
    for (old, new, column, says) in [
        (
            "rest api/outreach",
            "rest api/outrich",
            12,
            "accepted: nothing is declared as outreach/rest api/outrich",
        ),
        ("outreach/rest api/outreach", "outreach", 12, "accepted: `outreach` is not an address"),
        ("\"2026-03-31\"", "\"2026-02-30\"", 10, "`2026-02-30` is no day: expected one such as 2026-03-31"),
        ("a load test", "\" \"", 11, "is empty: say something"),
    ] {
        let broken = format!("{without}{}", entry.replace(old, new));
        project.write(file, &broken);
        let line = broken[..broken.rfind(new).expect("it is there")].matches('\n').count() + 1;
        let ran = project.dn(&["drift", "sandbox"]);
        assert_eq!(ran.code, Some(1), "{}", ran.text);
        assert!(ran.text.contains(says), "{says}: {}", ran.text);
        assert!(ran.text.contains(&format!("{file}:{line}:{column}")), "{line}:{column}: {}", ran.text);
    }
}

/// `drift` leaves out what needs something that is excluded and not there, as `plan` does.
#[test]
fn what_needs_something_excluded_is_left_out_too() {
    let project = Project::new();
    let kinds = ["*/rest api/*", "*/usage plan/*"];
    let lacks: Vec<&str> = kinds.iter().flat_map(|kind| ["--exclude", kind]).collect();
    nothing(&project.dn(&[&["apply", "sandbox", "--yes"], lacks.as_slice()].concat()));
    let ran = project.dn(&[&["drift", "sandbox", "--json"], lacks.as_slice()].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    let report = read(&ran);
    let excluded = report["excluded"].as_object().expect("an object");
    let needing = excluded.values().filter(|why| why.as_str().is_some_and(|why| why.starts_with("needs ")));
    assert!(needing.count() > 3, "{excluded:?}");
    let coverage = &report["coverage"];
    let of = |name: &str| coverage[name].as_u64().expect("a number");
    assert_eq!(of("compared") + excluded.len() as u64, of("declared"), "{coverage}");
    assert!(coverage["account"]["ours"].as_u64().is_some_and(|ours| ours > 30), "{coverage}");
}

/// Code scanning opens the line of the stack that declares the resource.
#[test]
fn sarif_points_at_the_declaration() {
    let project = Project::applied();
    by_hand(&project, delete_an_alarm);
    by_hand(&project, widen_the_bucket);
    let ran = project.dn(&["drift", "sandbox", "--sarif"]);
    assert_eq!(ran.code, Some(3), "{}", ran.text);
    let log = read(&ran);
    let mut seen = Vec::new();
    for result in log["runs"][0]["results"].as_array().expect("results") {
        let place = &result["locations"][0]["physicalLocation"];
        let file = place["artifactLocation"]["uri"].as_str().expect("a file").to_owned();
        let line = place["region"]["startLine"].as_u64().expect("a line");
        let text = std::fs::read_to_string(crate::project::root().join(&file)).expect("the file is there");
        let line = text.lines().nth(usize::try_from(line).expect("small") - 1).expect("a line").trim();
        seen.push((file, line.to_owned()));
    }
    assert!(
        seen.iter().any(|(file, line)| file == "stacks/src/reports.rs"
            && line.starts_with("world.add(STACK, REPORTS, bucket(")),
        "{seen:?}"
    );
    assert!(
        seen.iter().any(|(file, line)| file == "stacks/src/observability.rs" && line.ends_with("errors)?;")),
        "{seen:?}"
    );
}
