//! A sandbox of its own with the real functions, applied and served by the real program.

use std::{
    env,
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use contract::{resource::SealingKey, stream::Stream, variable::Variable};
use sandbox::Account;
use serde_json::{Value, json};
use subscription::{Recipient, Sealer};
use support::Aws;

use super::http::{Answer, ask};
use crate::project::{Project, binary, root};

/// Of `names` in `environments/sandbox.yaml`.
const KEY: &str = "alias/dn-unsubscribe";
/// Where `environments/sandbox.yaml` expects the stand-ins.
const STAND_INS: &str = "127.0.0.1:9099";
const START_AT_MOST: Duration = Duration::from_secs(60);

pub(super) struct Served {
    project: Project,
    serving: Child,
    /// `http://127.0.0.1:PORT/dev` of the API.
    pub(super) outreach: String,
    pub(super) financial: String,
    stand_ins: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.serving.kill();
        let _ = self.serving.wait();
    }
}

impl Served {
    pub(super) fn start() -> Self {
        let project = Project::new();
        let stand_ins = free_port();
        let environment = project.read("environments/sandbox.yaml");
        assert!(environment.contains(STAND_INS), "the environment names the stand-ins");
        project.write("environments/sandbox.yaml", &environment.replace(STAND_INS, &stand_ins));
        let artefacts = artefacts();
        let applied = project.dn_with(&[("DN_ARTEFACTS", &artefacts)], &["apply", "sandbox", "--yes"]);
        assert_eq!(applied.code, Some(0), "{}", applied.text);
        let (output, writer) = std::io::pipe().expect("a pipe");
        let mut command = project.command(binary(), &["serve", "sandbox", "--port", "0"]);
        command.stderr(writer.try_clone().expect("the same pipe")).stdout(writer);
        let serving = command.spawn().expect("the program starts");
        drop(command);
        let lines = lines_of(output);
        let mut served = Self {
            project,
            serving,
            outreach: String::new(),
            financial: String::new(),
            stand_ins: format!("http://{stand_ins}"),
        };
        let mut seen = String::new();
        while !seen.contains("/token)") {
            let line = lines.recv_timeout(START_AT_MOST).unwrap_or_else(|_| panic!("it serves: {seen}"));
            seen.push_str(&line);
            seen.push('\n');
        }
        let url = |api: &str| {
            let line = seen.lines().find_map(|line| line.strip_prefix(&format!("dn-sandbox-{api}  ")));
            line.unwrap_or_else(|| panic!("{api} is served: {seen}")).trim().to_owned()
        };
        (served.outreach, served.financial) = (url("outreach"), url("financial"));
        served
    }

    /// The account, as another process sees it.
    pub(super) fn account(&self) -> Account {
        self.project.account()
    }

    /// Sends a mail to this address, and returns it as it would arrive.
    pub(super) fn sent_to(&self, address: &str) -> Value {
        let token = ask("GET", &format!("{}/token", self.stand_ins), &[], "").body;
        let mail = json!({ "to": address, "subject": "News", "text": "Hello", "html": "<p>Hello</p>" });
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let url = format!("{}/outreach/send-email", self.outreach);
        let answer = ask("POST", &url, &headers, &mail.to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
        let mails = ask("GET", &format!("{}/mail.json", self.stand_ins), &[], "").json();
        let newest = mails.as_array().and_then(|mails| mails.first()).expect("a mail").clone();
        assert_eq!(newest["recipient"], address);
        newest
    }

    /// The link of a mail, with the host of this machine for that of API Gateway.
    pub(super) fn local(&self, link: &str) -> String {
        let at = link.find("/dev/").unwrap_or_else(|| panic!("a link of the stage: {link}"));
        assert!(link.starts_with("https://") && link[..at].contains(".execute-api."), "{link}");
        let of = if link.contains("/financial/") { &self.financial } else { &self.outreach };
        format!("{of}{}", &link[at + "/dev".len()..])
    }

    /// A link as a mail that was sent so many days ago has it.
    pub(super) fn old_link(&self, address: &str, stream: Stream, days: u64) -> String {
        let account = self.account();
        let made_ms = account.clock().now_ms().saturating_sub(days * 24 * 60 * 60 * 1000);
        let made_ms = i64::try_from(made_ms).expect("a time");
        let key = SealingKey::parse(Some(KEY.to_owned())).expect("a key");
        let who = Recipient::parse(address).expect("an address");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let sealer = Sealer::new(&Aws::of(account.sdk_config()), &key);
        let token = runtime.block_on(sealer.seal(&who, stream, made_ms)).expect("a token");
        let base = if stream == Stream::Financial { &self.financial } else { &self.outreach };
        format!("{base}/{}/unsubscribe?data={}", stream.topic(), token.text())
    }

    /// What a program is told behind a link.
    pub(super) fn state(&self, link: &str) -> Value {
        let answer = ask("GET", link, &[("accept", "application/json")], "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["data"].clone()
    }

    /// As a mailbox provider does (RFC 8058).
    pub(super) fn one_click(link: &str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        ask("POST", link, &headers, "List-Unsubscribe=One-Click")
    }
}

/// An address of the loopback that nobody listens at.
fn free_port() -> String {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    free.expect("a free port").to_string()
}

/// The lines of a program, read for as long as it writes: a full pipe would stop it.
fn lines_of(output: std::io::PipeReader) -> Receiver<String> {
    let (told, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens any more once it serves.
            let _ = told.send(line);
        }
    });
    lines
}

/// The real functions, built as `dn apply sandbox` builds them.
#[expect(clippy::disallowed_methods, reason = "the real program builds with the Rust of whoever tests")]
fn artefacts() -> String {
    let folder = env::current_exe().expect("this program");
    let folder = folder.ancestors().nth(2).expect("target/PROFILE").join("artefacts-served");
    let mut command = Command::new(binary());
    let built = command.args(["build", "--out"]).arg(&folder).current_dir(root()).output();
    let built = built.expect("the program starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    folder.display().to_string()
}
