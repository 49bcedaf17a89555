//! A sandbox of its own with the real functions, applied and served by the real program: one for all tests
//! here.

use std::{
    env,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Condvar, LazyLock, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use contract::{resource::SealingKey, stream::Stream, variable::Variable};
use sandbox::Account;
use serde_json::{Value, json};
use subscription::{Recipient, Sealer};
use support::Aws;

mod browser;
mod checklist;
mod chromium;
pub(crate) mod collection;
mod discretion;
pub(crate) mod http;
mod switching;

use http::{Answer, ask};

use crate::project::{Project, binary, root};

/// Of `names` in `environments/sandbox.yaml`.
const KEY: &str = "alias/dn-unsubscribe";
/// Where `environments/sandbox.yaml` expects the stand-ins.
const STAND_INS: &str = "127.0.0.1:9099";
const START_AT_MOST: Duration = Duration::from_secs(60);

/// Serves until its standard input ends, which it does with the process of the tests whatever ends that; then
/// nothing of it is left.
const SCRIPT: &str = r#"
"$0" "$@" & serving=$!
read -r _
kill "$serving"; wait "$serving" 2>/dev/null
cd / && rm -rf "$OLDPWD""#;

struct Served {
    project: Project,
    /// Its standard input is held open.
    _serving: Child,
    /// `http://127.0.0.1:PORT/dev` of the API.
    outreach: String,
    financial: String,
    stand_ins: String,
    /// Everything that it says, logs of functions among it.
    said: Said,
}

/// Many may use it at a time, or one alone who compares all of it.
static SERVED: LazyLock<RwLock<Served>> = LazyLock::new(|| RwLock::new(Served::start()));

fn served() -> RwLockReadGuard<'static, Served> {
    SERVED.read().unwrap_or_else(PoisonError::into_inner)
}

fn served_alone() -> RwLockWriteGuard<'static, Served> {
    SERVED.write().unwrap_or_else(PoisonError::into_inner)
}

impl Served {
    fn start() -> Self {
        let project = Project::new();
        let stand_ins = free_port();
        let environment = project.read("environments/sandbox.yaml");
        assert!(environment.contains(STAND_INS), "the environment names the stand-ins");
        project.write("environments/sandbox.yaml", &environment.replace(STAND_INS, &stand_ins));
        let applied = project.dn_with(&[("DN_ARTEFACTS", artefacts())], &["apply", "sandbox", "--yes"]);
        assert_eq!(applied.code, Some(0), "{}", applied.text);
        let (output, writer) = std::io::pipe().expect("a pipe");
        let dn = binary().display().to_string();
        let arguments = ["-c", SCRIPT, &dn, "serve", "sandbox", "--port", "0"];
        let mut command = project.command(Path::new("/bin/bash"), &arguments);
        command.stdin(Stdio::piped()).stderr(writer.try_clone().expect("the same pipe")).stdout(writer);
        let serving = command.spawn().expect("the program starts");
        drop(command);
        let said = Said::by(output);
        let mut served = Self {
            project,
            _serving: serving,
            outreach: String::new(),
            financial: String::new(),
            stand_ins: format!("http://{stand_ins}"),
            said,
        };
        let seen = served.said.until("/token)");
        let url = |api: &str| {
            let line = seen.iter().find_map(|line| line.strip_prefix(&format!("dn-sandbox-{api}  ")));
            line.unwrap_or_else(|| panic!("{api} is served: {seen:#?}")).trim().to_owned()
        };
        (served.outreach, served.financial) = (url("outreach"), url("financial"));
        served
    }

    /// The account, as another process sees it.
    fn account(&self) -> Account {
        self.project.account()
    }

    /// A token of a user who does not exist; `more` says what is unusual of them.
    fn token(&self, email: &str, more: &str) -> String {
        ask("GET", &format!("{}/token?email={email}{more}", self.stand_ins), &[], "").body
    }

    /// Asks an endpoint of the outreach API as this user.
    fn asked_by(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        ask(method, &format!("{}{path}", self.outreach), &headers, &body)
    }

    /// What the stand-in of Mailgun took last for this address, as it would arrive.
    fn newest_mail(&self, address: &str) -> Value {
        let mails = ask("GET", &format!("{}/mail.json", self.stand_ins), &[], "").json();
        let mails = mails.as_array().expect("a list");
        mails.iter().find(|mail| mail["recipient"] == address).expect("a mail").clone()
    }

    /// Sends a mail to this address, and returns it as it would arrive.
    fn sent_to(&self, address: &str) -> Value {
        let mail = json!({ "to": address, "subject": "News", "text": "Hello", "html": "<p>Hello</p>" });
        // A user for each recipient: a user has 25 mails a minute.
        let answer =
            self.asked_by(&self.token(&format!("for-{address}"), ""), "POST", "/outreach/send-email", &mail);
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.newest_mail(address)
    }

    /// Has Mailgun tell an event of a mail, and returns what came of it.
    fn told(&self, mail: &Value, event: &str) -> String {
        let url = format!("{}/mailgun/{}/events", self.stand_ins, mail["number"]);
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let answer = ask("POST", &url, &form, &format!("event={event}"));
        assert_eq!(answer.status, 303, "{}", answer.body);
        let told = self.newest_mail(mail["recipient"].as_str().expect("an address"))["told"].clone();
        let last = told.as_array().and_then(|told| told.last()).expect("an outcome");
        last[1].as_str().unwrap_or_default().to_owned()
    }

    /// The link of a mail, with the host of this machine for that of API Gateway.
    fn local(&self, link: &str) -> String {
        let at = link.find("/dev/").unwrap_or_else(|| panic!("a link of the stage: {link}"));
        assert!(link.starts_with("https://") && link[..at].contains(".execute-api."), "{link}");
        let of = if link.contains("/financial/") { &self.financial } else { &self.outreach };
        format!("{of}{}", &link[at + "/dev".len()..])
    }

    /// A link as a mail that was sent so many days ago has it.
    fn old_link(&self, address: &str, stream: Stream, days: u64) -> String {
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
    fn state(&self, link: &str) -> Value {
        let answer = ask("GET", link, &[("accept", "application/json")], "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["data"].clone()
    }

    /// As a mailbox provider does (RFC 8058).
    fn one_click(link: &str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        ask("POST", link, &headers, "List-Unsubscribe=One-Click")
    }
}

/// An address of the loopback that nobody listens at: below those that the system gives to who asks for any port, which
/// is what the APIs do a moment later.
fn free_port() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let tried = std::iter::repeat_with(|| {
        let number = std::process::id().wrapping_mul(16) + NEXT.fetch_add(1, Ordering::Relaxed);
        format!("127.0.0.1:{}", 10_000 + number % 20_000)
    });
    tried.take(100).find(|address| TcpListener::bind(address).is_ok()).expect("one of 100 ports is free")
}

/// The lines of a program, read for as long as it writes: a full pipe would stop it.
#[derive(Clone, Default)]
struct Said(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Said {
    fn by(output: std::io::PipeReader) -> Self {
        let said = Self::default();
        let keeping = said.clone();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                keeping.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                keeping.0.1.notify_all();
            }
        });
        said
    }

    /// All lines once one of them holds this text.
    fn until(&self, text: &str) -> Vec<String> {
        let lines = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lacks = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(text));
        let waited = self.0.1.wait_timeout_while(lines, START_AT_MOST, lacks);
        let (lines, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "{text} is said: {lines:#?}");
        lines.clone()
    }
}

/// The folder of the real functions, built once as `dn apply sandbox` builds them.
pub(crate) fn artefacts() -> &'static str {
    static BUILT: LazyLock<String> = LazyLock::new(build);
    &BUILT
}

#[expect(clippy::disallowed_methods, reason = "the real program builds with the Rust of whoever tests")]
fn build() -> String {
    let folder = env::current_exe().expect("this program");
    let folder = folder.ancestors().nth(2).expect("target/PROFILE").join("artefacts-served");
    let mut command = Command::new(binary());
    let built = command.args(["build", "--out"]).arg(&folder).current_dir(root()).output();
    let built = built.expect("the program starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    folder.display().to_string()
}
