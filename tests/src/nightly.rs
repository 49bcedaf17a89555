//! The nightly comparison: the real binary, started by its schedule, over an account that another hand changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::{Arc, Mutex},
};

use contract::{function::Service, operations};
use kinds::reads;
use model::policy::{Effect, Policy, Statement};
use sandbox::{Account, Clock, Served, store::Documents};
use serde_json::Value;
use serve::{
    live,
    news::News,
    runtime::pool::Bounds,
    server::{Options, run},
};
use stacks::Applied;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    project::{Project, root, service},
    stage::{Stage, artefacts, environment},
};

const CONTROL: &str = "dn-sandbox-control-000000000000";
const ROLE: &str = "dn-sandbox-drift";

/// Half a second before the schedule of the contract: 2026-01-02T03:16:59.5Z.
const BEFORE_MS: u64 = 1_767_323_819_500;

/// One night.
struct Night {
    /// What the function answered, as the log tells it.
    lines: Vec<String>,
    calls: Vec<Served>,
    documents: Documents,
    report: Value,
    /// The most memory that the process ever had, in bytes.
    memory: u64,
}

impl Night {
    fn told(&self) -> usize {
        self.calls.iter().filter(|call| call.operation == "Publish").count()
    }

    fn writes(&self) -> Vec<String> {
        let writes = self.calls.iter().filter(|call| call.writes);
        writes.map(|call| format!("{}:{}", call.service, call.operation)).collect()
    }
}

/// A stage applied as `dn apply` leaves it.
async fn applied() -> Documents {
    let stage = Stage::empty(&environment());
    let report = stage.apply().await;
    assert!(report.is_complete(), "{report:?}");
    let hash = model::plan::spec_hash(&stage.world.declared(&stage.scope));
    let left = Applied::new("sandbox", &hash, &environment(), &artefacts(), Vec::new());
    let client = aws_sdk_s3::Client::new(&stage.account.sdk_config());
    let put = client.put_object().bucket(CONTROL).key(operations::DECLARED).body(left.bytes().into());
    put.send().await.expect("the object is put");
    stage.account.documents()
}

/// The code that is deployed, by digest, is the real binary: what is unpacked already is taken as it is.
fn code(folder: &Path) {
    let of = folder.join(&artefacts()[&Service::Operations].sha256);
    fs::create_dir_all(&of).expect("a folder");
    symlink(service(Service::Operations.package()), of.join("bootstrap")).expect("a link");
}

/// Waits for the schedule and for what it starts.
async fn night(documents: Documents, folder: &Path) -> Night {
    let clock = Clock::Virtual { start_ms: BEFORE_MS, since: Instant::now() };
    let account = Account::of("000000000000", "us-east-1", clock, documents);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let witnessed = calls.clone();
    account.set_witness(move |call, _| {
        // Whoever serves the stage receives from its queues; the rest is the function's.
        if call.operation != "ReceiveMessage" {
            witnessed.lock().expect("no panic").push(call.clone());
        }
    });
    let (tell, mut news) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let options = Options {
        deployed: live::of(&account),
        account: account.clone(),
        port: 0,
        code: folder.to_owned(),
        bounds: Bounds { init_ms: 60_000, ..Bounds::default() },
        news: Arc::new(move |news| drop(tell.send(news))),
    };
    let server = tokio::spawn(run(options, async { drop(stopped.await) }));
    let mut lines = Vec::new();
    loop {
        match news.recv().await.expect("the server runs") {
            News::Line { text, .. } => lines.push(text),
            News::Delivered { from, failed, .. } => {
                assert_eq!((from.as_str(), failed), ("schedule dn-sandbox-drift", None), "{lines:#?}");
                break;
            }
            News::Trouble(text) => panic!("{text}"),
            _ => {}
        }
    }
    let memory = memory_of_children();
    let calls = calls.lock().expect("no panic").clone();
    stop.send(()).expect("the server runs");
    server.await.expect("no panic").expect("a port");
    // What a process prints arrives after its answer.
    while let Ok(more) = news.try_recv() {
        if let News::Line { text, .. } = more {
            lines.push(text);
        }
    }
    let client = aws_sdk_s3::Client::new(&account.sdk_config());
    let report = client.get_object().bucket(CONTROL).key(operations::REPORT).send().await.expect("a report");
    let report = report.body.collect().await.expect("bytes").into_bytes();
    let report = serde_json::from_slice(&report).expect("JSON");
    Night { lines, calls, documents: account.documents(), report, memory }
}

/// `VmHWM` of the largest process that this one started.
fn memory_of_children() -> u64 {
    let of = |folder: &Path| -> Option<u64> {
        let status = fs::read_to_string(folder.join("status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        (field("PPid:")? == u64::from(std::process::id())).then(|| field("VmHWM:"))?
    };
    let all = fs::read_dir("/proc").expect("processes").flatten();
    all.filter_map(|entry| of(&entry.path())).max().unwrap_or_default() * 1024
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

/// The policy of the function's role, as it is in the account.
async fn policy(account: &Account) -> Policy {
    let client = aws_sdk_iam::Client::new(&account.sdk_config());
    let names = client.list_role_policies().role_name(ROLE).send().await.expect("policies");
    let [name] = names.policy_names() else { panic!("one policy") };
    let found = client.get_role_policy().role_name(ROLE).policy_name(name).send().await.expect("a policy");
    let attached = client.list_attached_role_policies().role_name(ROLE).send().await.expect("a list");
    assert_eq!(attached.attached_policies(), [], "nothing is allowed beside it");
    let text = percent_decoded(found.policy_document());
    assert!(text.len() < 10_240, "{} characters are more than IAM takes", text.len());
    Policy::parse(&text).expect("a policy")
}

pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("ASCII");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
                rest = tail;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// IAM's wildcards, without regard to case.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let mut reached: BTreeSet<usize> = [0].into();
    for sign in pattern {
        reached = match sign {
            '*' => (reached.first().copied().unwrap_or(text.len() + 1)..=text.len()).collect(),
            '?' => reached.iter().filter(|at| **at < text.len()).map(|at| at + 1).collect(),
            sign => reached.iter().filter(|at| text.get(**at) == Some(&sign)).map(|at| at + 1).collect(),
        };
    }
    reached.contains(&text.len())
}

/// The statements that allow an action on anything.
fn allowing<'p>(policy: &'p Policy, action: &str) -> Vec<&'p Statement> {
    let allows = |one: &&Statement| {
        assert!(one.not_action.is_empty() && one.not_resource.is_empty(), "{one:?}");
        one.effect == Effect::Allow && one.action.iter().any(|pattern| matches(pattern, action))
    };
    policy.statements.iter().filter(allows).collect()
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
    let policy = policy(&account).await;
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
async fn only_what_the_role_allows(night: &Night) {
    let account = Account::of("000000000000", "us-east-1", Clock::Wall, night.documents.clone());
    let policy = policy(&account).await;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for call in &night.calls {
        let service = match call.service.as_str() {
            "tagging" => "tag",
            "monitoring" => "cloudwatch",
            "ses-v1" => "ses",
            other => other,
        };
        let snake = call.operation.chars().fold(String::new(), |text, letter| match letter {
            'A'..='Z' if text.is_empty() => letter.to_ascii_lowercase().to_string(),
            'A'..='Z' => format!("{text}_{}", letter.to_ascii_lowercase()),
            letter => text + &letter.to_string(),
        });
        let action = match (service, call.operation.as_str()) {
            ("s3", "HeadObject") => "GetObject".to_owned(),
            _ => reads::action(service, &snake),
        };
        *seen.entry(format!("{service}:{action}")).or_default() += 1;
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
