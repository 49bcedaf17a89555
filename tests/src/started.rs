//! The functions of operations as their schedules start them: the real binary over an account, and what its role
//! allows.

use std::{
    collections::BTreeSet,
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
use stacks::{Applied, Environment};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    project::service,
    stage::{Stage, artefacts},
};

pub(crate) const CONTROL: &str = "dn-sandbox-control-000000000000";

/// One call of a function.
pub(crate) struct Started {
    /// What it printed.
    pub(crate) lines: Vec<String>,
    pub(crate) calls: Vec<Served>,
    pub(crate) documents: Documents,
    /// The report that it left.
    pub(crate) report: Value,
    /// The most memory that the process ever had, in bytes.
    pub(crate) memory: u64,
}

impl Started {
    pub(crate) fn told(&self) -> usize {
        self.calls.iter().filter(|call| call.operation == "Publish").count()
    }

    pub(crate) fn writes(&self) -> Vec<String> {
        let writes = self.calls.iter().filter(|call| call.writes);
        writes.map(|call| format!("{}:{}", call.service, call.operation)).collect()
    }
}

/// A stage applied as `dn apply` leaves it.
pub(crate) async fn applied(environment: &Environment) -> Documents {
    let stage = Stage::empty(environment);
    let report = stage.apply().await;
    assert!(report.is_complete(), "{report:?}");
    leave(&stage.account, environment).await;
    stage.account.documents()
}

/// What `dn apply` leaves for the functions.
pub(crate) async fn leave(account: &Account, environment: &Environment) {
    let stage = Stage::empty(environment);
    let hash = model::plan::spec_hash(&stage.world.declared(&stage.scope));
    let left = Applied::new("sandbox", &hash, environment, &artefacts(), Vec::new());
    let client = aws_sdk_s3::Client::new(&account.sdk_config());
    let put = client.put_object().bucket(CONTROL).key(operations::DECLARED).body(left.bytes().into());
    put.send().await.expect("the object is put");
}

/// An object of the control bucket.
pub(crate) async fn object(account: &Account, key: &str) -> Option<Vec<u8>> {
    let client = aws_sdk_s3::Client::new(&account.sdk_config());
    let found = client.get_object().bucket(CONTROL).key(key).send().await.ok()?;
    Some(found.body.collect().await.expect("bytes").to_vec())
}

/// The code that is deployed, by digest, is the real binary: what is unpacked already is taken as it is.
pub(crate) fn code(folder: &Path) {
    let of = folder.join(&artefacts()[&Service::Operations].sha256);
    fs::create_dir_all(&of).expect("a folder");
    symlink(service(Service::Operations.package()), of.join("bootstrap")).expect("a link");
}

/// Waits for the schedule of a function, `before_ms` being just before it, and for what it starts.
pub(crate) async fn started(
    documents: Documents,
    folder: &Path,
    before_ms: u64,
    (function, report): (&str, &str),
) -> Started {
    let clock = Clock::Virtual { start_ms: before_ms, since: Instant::now() };
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
                assert_eq!((from, failed), (format!("schedule dn-sandbox-{function}"), None), "{lines:#?}");
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
    let report = object(&account, report).await.expect("a report");
    let report = serde_json::from_slice(&report).expect("JSON");
    Started { lines, calls, documents: account.documents(), report, memory }
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

/// The policy of a role, as it is in the account.
pub(crate) async fn policy(account: &Account, role: &str) -> Policy {
    let client = aws_sdk_iam::Client::new(&account.sdk_config());
    let names = client.list_role_policies().role_name(role).send().await.expect("policies");
    let [name] = names.policy_names() else { panic!("one policy") };
    let found = client.get_role_policy().role_name(role).policy_name(name).send().await.expect("a policy");
    let attached = client.list_attached_role_policies().role_name(role).send().await.expect("a list");
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
pub(crate) fn allowing<'p>(policy: &'p Policy, action: &str) -> Vec<&'p Statement> {
    let allows = |one: &&Statement| {
        assert!(one.not_action.is_empty() && one.not_resource.is_empty(), "{one:?}");
        one.effect == Effect::Allow && one.action.iter().any(|pattern| matches(pattern, action))
    };
    policy.statements.iter().filter(allows).collect()
}

/// The action under which IAM knows a call.
pub(crate) fn action(call: &Served) -> String {
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
    format!("{service}:{action}")
}
