//! The nightly comparison: the real binary, started by its schedule, over an account that another hand changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use contract::operations;
use model::policy::{Policy, Statement};
use sandbox::{Account, Clock, store::Documents};
use stacks::Applied;

use crate::{
    project::{Project, root},
    stage::environment,
    started::{CONTROL, Started, action, allowing, code, policy, started},
};

const ROLE: &str = "dn-sandbox-drift";

/// Half a second before the schedule of the contract: 2026-01-02T03:16:59.5Z.
const BEFORE_MS: u64 = 1_767_323_819_500;

async fn night(documents: Documents, folder: &Path) -> Started {
    started(documents, folder, BEFORE_MS, ("drift", operations::REPORT)).await
}

async fn applied() -> Documents {
    crate::started::applied(&environment()).await
}

/// Another hand, on an account of its own with the same contents.
async fn hand(documents: Documents, key: &str) -> Documents {
    let account = Account::of("000000000000", "us-east-1", Clock::Wall, documents);
    let client = aws_sdk_sqs::Client::new(&account.sdk_config());
    let url = client.get_queue_url().queue_name("dn-sandbox-campaigns").send().await.expect("the queue");
    let visibility = aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;
    let ask = client.set_queue_attributes().set_queue_url(url.queue_url).attributes(visibility, key);
    ask.send().await.expect("the attribute is set");
    account.documents()
}

#[test]
fn it_tells_a_change_once_and_when_it_is_gone() {
    let paused = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let documents = paused.expect("a runtime").block_on(applied());
    let folder = tempfile::tempdir().expect("a folder");
    code(folder.path());
    // Real processes take real time.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let first = night(documents, folder.path()).await;
        assert_eq!((first.report["state"].as_str(), first.told()), (Some("clean"), 0), "{:#}", first.report);
        assert_eq!(first.writes(), ["s3:PutObject"], "its report, and nothing else");
        let second = night(hand(first.documents, "77").await, folder.path()).await;
        let drifted = &second.report["drift"]["drifted"];
        assert_eq!(second.report["state"], "drifted");
        assert_eq!(drifted.as_array().map(Vec::len), Some(1), "{drifted:#}");
        assert_eq!(drifted[0]["address"], "financial/queue/campaigns");
        assert_eq!(drifted[0]["changes"][0]["live"], 77);
        assert_eq!(second.told(), 1);
        assert!(second.lines.iter().any(|line| line.contains("\"drifted\":1.0")), "{:#?}", second.lines);
        let third = night(second.documents, folder.path()).await;
        assert_eq!((third.report["state"].as_str(), third.told()), (Some("drifted"), 0), "it stays");
        assert_eq!(third.report["since_ms"], second.report["at_ms"]);
        let fourth = night(hand(third.documents, "360").await, folder.path()).await;
        assert_eq!((fourth.report["state"].as_str(), fourth.told()), (Some("clean"), 1), "it is gone");
        let fifth = night(fourth.documents, folder.path()).await;
        assert_eq!((fifth.report["state"].as_str(), fifth.told()), (Some("clean"), 0));

        only_what_the_role_allows(&fifth).await;
        let coverage = &fifth.report["drift"]["coverage"];
        println!(
            "nightly: {} calls, {} MB at most (unoptimised binary), coverage {coverage}",
            fifth.calls.len(),
            fifth.memory / 1_000_000
        );
        assert!(fifth.memory > 0);
        assert_eq!(coverage["compared"], coverage["declared"]);
    });
}

/// The actions under which IAM knows a call that changes something.
fn actions_of(service: &str, operation: &str) -> Vec<String> {
    let start = |words: &[&str]| words.iter().any(|word| operation.starts_with(word));
    let named = match (service, operation) {
        ("apigateway", _) if start(&["Create"]) => "POST",
        ("apigateway", _) if start(&["Update"]) => "PATCH",
        ("apigateway", _) if start(&["Put", "Tag"]) => "PUT",
        ("apigateway", _) => "DELETE",
        ("s3", "DeleteBucketCors" | "PutBucketCors") => "PutBucketCORS",
        ("s3", "PutBucketEncryption") => "PutEncryptionConfiguration",
        ("s3", "DeleteBucketLifecycle" | "PutBucketLifecycleConfiguration") => "PutLifecycleConfiguration",
        ("s3", "PutBucketNotificationConfiguration") => "PutBucketNotification",
        ("s3", "PutPublicAccessBlock") => "PutBucketPublicAccessBlock",
        ("s3", "DeleteObjects") => "DeleteObject",
        ("cloudfront", "CreateDistributionWithTags") => "CreateDistribution",
        (_, operation) => operation,
    };
    vec![format!("{service}:{named}"), format!("{service}:{operation}")]
}

/// Every call that changes something, as the kinds make it: service and operation.
fn writes_of_the_kinds(folder: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            writes_of_the_kinds(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        for call in text.split(".write(").skip(1) {
            let words: Vec<&str> = call.split('"').take(4).collect();
            if let [_, service, between, operation] = words.as_slice()
                && between.trim() == ","
            {
                found.insert(((*service).to_owned(), (*operation).to_owned()));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn its_role_cannot_write() {
    let account = Account::of("000000000000", "us-east-1", Clock::simulated(), applied().await);
    let policy = policy(&account, ROLE).await;
    let mut writes = BTreeSet::new();
    writes_of_the_kinds(&root().join("controller/kinds/src"), &mut writes);
    assert!(writes.len() > 100, "{} are found", writes.len());
    for (service, operation) in &writes {
        for action in actions_of(service, operation) {
            let allowed = allowing(&policy, &action);
            let on: Vec<&String> = allowed.iter().flat_map(|one| &one.resource).collect();
            if action == "s3:PutObject" {
                let report = format!("arn:aws:s3:::{CONTROL}/{}", operations::REPORT);
                assert_eq!(on, [&report], "its own report and nothing else");
            } else {
                assert_eq!(allowed, Vec::<&Statement>::new(), "{action}");
            }
        }
    }
    // What the evaluation cannot miss, because it would miss everything.
    assert_eq!(allowing(&policy, "sqs:GetQueueAttributes").len(), 1);
    let publish = allowing(&policy, "sns:Publish");
    assert_eq!(publish.len(), 1);
    assert!(publish[0].resource.iter().all(|on| on.ends_with(":dn-sandbox-alarms")), "{publish:?}");
    let wide = Policy::new([Statement::allow(["sqs:*"], ["*"])]);
    assert_eq!(allowing(&wide, "sqs:DeleteQueue").len(), 1, "the guard sees a wide policy");
    for secret in ["secretsmanager:GetSecretValue", "dynamodb:GetItem", "dynamodb:Scan", "kms:Decrypt"] {
        assert_eq!(allowing(&policy, secret), Vec::<&Statement>::new(), "{secret}");
    }
}

/// Each call of a night is one that the role allows.
async fn only_what_the_role_allows(night: &Started) {
    let account = Account::of("000000000000", "us-east-1", Clock::Wall, night.documents.clone());
    let policy = policy(&account, ROLE).await;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for call in &night.calls {
        *seen.entry(action(call)).or_default() += 1;
    }
    for action in seen.keys() {
        assert!(!allowing(&policy, action).is_empty(), "{action} is not allowed");
    }
    assert!(seen.len() > 40, "{seen:?}");
}

/// What `dn apply` leaves is what the function reads, and changes with what is applied.
#[test]
fn an_apply_leaves_what_it_declared() {
    let project = Project::applied();
    let left = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let client = aws_sdk_s3::Client::new(&project.account().sdk_config());
            let found = client.get_object().bucket(CONTROL).key(operations::DECLARED).send().await;
            let bytes = found.expect("it is there").body.collect().await.expect("bytes").into_bytes();
            Applied::read(&bytes).expect("it can be read")
        })
    };
    let first = left();
    let world = stacks::declare(&first.environment, &first.artefacts()).expect("the stacks");
    let declared = world.declared(&first.scope().expect("addresses"));
    assert_eq!(model::plan::spec_hash(&declared), first.spec_hash, "the same is declared from it");
    project.replace(
        "environments/sandbox.yaml",
        "point_in_time_recovery: true",
        "point_in_time_recovery: false",
    );
    let part = project.dn(&["apply", "sandbox", "--yes", "--target", "financial/queue/campaigns"]);
    assert_eq!((part.code, left()), (Some(0), first.clone()), "a run of a part says nothing of the whole");
    let whole = project.dn(&["apply", "sandbox", "--yes"]);
    assert_eq!(whole.code, Some(0), "{}", whole.text);
    assert_ne!(left().spec_hash, first.spec_hash);
}
