//! New code comes while callers call: `dn serve` and `dn apply` are two processes over one account, and no request
//! fails.

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, Read, Write},
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use contract::function::Service;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::{
    Served, artefacts,
    http::{ask, try_ask},
};

/// What the new code says of itself.
const NEW: &str = "2.0.0";

/// Starts the service with another version to tell: the very same program, and another digest.
const BOOTSTRAP: &str = "#!/bin/sh\nexport VERSION=2.0.0\nexec \"$LAMBDA_TASK_ROOT/service\"\n";

/// Three clients stay below what the endpoints let through together.
const CLIENTS: usize = 3;
const PACE: Duration = Duration::from_millis(80);

/// Requests after the apply, each answered by the new code.
const AFTER: usize = 40;

/// The real artefacts, in which the code of one service is another.
fn changed(service: Service, to: &Path) {
    let from = artefacts();
    let read =
        |name: &str| fs::read(Path::new(&from).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut manifest: Value = serde_json::from_slice(&read("artefacts.json")).expect("JSON");
    for (package, entry) in manifest["artefacts"].as_object_mut().expect("artefacts") {
        let mut bytes = read(entry["file"].as_str().expect("a file"));
        if package == service.package() {
            bytes = wrapped(&bytes);
            let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            *entry = json!({ "file": format!("{digest}.zip"), "sha256": digest, "size": bytes.len() });
        }
        fs::write(to.join(entry["file"].as_str().expect("a file")), bytes).expect("a file");
    }
    fs::write(to.join("artefacts.json"), manifest.to_string()).expect("a file");
}

/// A zip whose program is called `service`, and started by [`BOOTSTRAP`].
fn wrapped(zip: &[u8]) -> Vec<u8> {
    let mut old = ZipArchive::new(Cursor::new(zip)).expect("a zip");
    let mut new = ZipWriter::new(Cursor::new(Vec::new()));
    let executable = SimpleFileOptions::default().unix_permissions(0o755);
    new.start_file("bootstrap", executable).expect("an entry");
    new.write_all(BOOTSTRAP.as_bytes()).expect("memory");
    for index in 0..old.len() {
        let mut entry = old.by_index(index).expect("an entry");
        let name = entry.name().expect("a name").replace("bootstrap", "service");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("bytes");
        new.start_file(name, executable).expect("an entry");
        new.write_all(&bytes).expect("memory");
    }
    new.finish().expect("a zip").into_inner()
}

/// What one client was answered, in order: the version that the code told, or what went wrong.
type Answers = Vec<Result<String, String>>;

/// Clients that ask again and again until they are told to end.
struct Hammer {
    clients: Vec<(Sender<()>, JoinHandle<Answers>)>,
}

impl Hammer {
    fn start(url: &str) -> Self {
        let client = |_| {
            let (end, ended) = channel();
            let url = url.to_owned();
            (end, thread::spawn(move || hammered(&url, &ended)))
        };
        Self { clients: (0..CLIENTS).map(client).collect() }
    }

    fn end(self) -> Vec<Answers> {
        let (ends, clients): (Vec<_>, Vec<_>) = self.clients.into_iter().unzip();
        drop(ends);
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    }
}

fn hammered(url: &str, ended: &Receiver<()>) -> Answers {
    let mut answers = Vec::new();
    loop {
        answers.push(match try_ask("GET", url, &[], "") {
            Ok(answer) if answer.status == 200 => Ok(told(&answer.json())),
            Ok(answer) => Err(format!("{} {}", answer.status, answer.body)),
            Err(error) => Err(error.to_string()),
        });
        // It is a pace, and ends at once when the other side does.
        if ended.recv_timeout(PACE) != Err(RecvTimeoutError::Timeout) {
            return answers;
        }
    }
}

fn told(health: &Value) -> String {
    health["version"].as_str().unwrap_or("no version").to_owned()
}

/// Fields that a plan would change, by address.
fn planned(plan: &Value) -> BTreeMap<String, Vec<String>> {
    let steps = plan["steps"].as_array().expect("steps").iter();
    let fields = |step: &Value| {
        let changes = step["changes"].as_array().into_iter().flatten();
        changes.map(|change| change["field"].as_str().unwrap_or_default().to_owned()).collect()
    };
    steps.map(|step| (step["address"].as_str().unwrap_or_default().to_owned(), fields(step))).collect()
}

#[test]
fn new_code_comes_with_no_failed_request() {
    let served = Served::start();
    let health = format!("{}/outreach/health", served.outreach);
    let old = told(&ask("GET", &health, &[], "").json());
    assert_ne!(old, NEW, "the code tells its own version");

    let folder = tempfile::tempdir().expect("a folder");
    changed(Service::Outreach, folder.path());
    let code = folder.path().display().to_string();
    let dn = |args: &[&str]| served.project.dn_with(&[("DN_ARTEFACTS", &code)], args);
    let ran = dn(&["plan", "sandbox", "--json"]);
    assert_eq!(ran.code, Some(2), "{}", ran.text);
    let plan = planned(&serde_json::from_str(&ran.text).expect("JSON"));
    let functions: BTreeMap<String, Vec<String>> = plan
        .iter()
        .filter(|(at, _)| at.contains("/function/"))
        .map(|(at, of)| (at.clone(), of.clone()))
        .collect();
    let wanted = Service::Outreach.functions().map(|one| format!("{}/function/{}", one.stack, one.name));
    let wanted: BTreeMap<String, Vec<String>> = wanted.map(|at| (at, vec!["code".to_owned()])).collect();
    assert_eq!(functions, wanted, "one code change a function of the service");
    assert!(plan.keys().all(|at| functions.contains_key(at) || at.contains("/artefact/")), "{plan:?}");

    let hammer = Hammer::start(&health);
    let ran = dn(&["apply", "sandbox", "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    for number in 1..=AFTER {
        let after = ask("GET", &health, &[], "");
        assert_eq!(
            (after.status, told(&after.json()).as_str()),
            (200, NEW),
            "request {number} after the apply"
        );
    }
    let answers = hammer.end();

    let all: Vec<&Result<String, String>> = answers.iter().flatten().collect();
    let failed: Vec<&String> = all.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert_eq!(failed, Vec::<&String>::new(), "of {} requests", all.len());
    let by = |version: &str| all.iter().filter(|answer| answer.as_deref() == Ok(version)).count();
    assert!(by(&old) > 0, "they began before the switch");
    for one in &answers {
        let first = one.iter().position(|answer| answer.as_deref() == Ok(NEW)).unwrap_or(one.len());
        assert!(one[first..].iter().all(|answer| answer.as_deref() == Ok(NEW)), "nobody goes back: {one:?}");
    }
    println!("while new code came: {} requests by the old, {} by the new, none failed", by(&old), by(NEW));
    let again = dn(&["plan", "sandbox"]);
    assert_eq!(again.code, Some(0), "{}", again.text);
}
