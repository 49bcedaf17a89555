//! The emulator as a child process, installed on first use.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::OnceCell,
    time::{Instant, sleep},
};

use crate::{laws::REGION, project::root};

/// Exact versions of the emulator and of all that it needs.
const REQUIREMENTS: &str = include_str!("../../requirements.txt");

/// Installing takes half a minute, starting half a second.
const START_AT_MOST: Duration = Duration::from_secs(30);

/// Another process may take a port between our choice and the start.
const STARTS_MAX: usize = 3;

/// One emulator with a folder of its own. It is killed when this is dropped.
pub(super) struct Emulator {
    pub(super) port: u16,
    child: Child,
    folder: TempDir,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes past the test harness, which hides what passing tests print.
pub(super) fn tell(text: &str) {
    // Nobody may be listening.
    let _ = writeln!(io::stderr(), "{text}");
}

impl Emulator {
    /// An emulator of an empty account. `None`, said loudly, where it cannot be had; in CI that is a failure.
    pub(super) async fn start(account: &str) -> Option<Self> {
        Self::begin(account, "false", None).await
    }

    /// One that checks signatures, and refuses what no policy allows.
    pub(super) async fn guarded(account: &str) -> Option<Self> {
        Self::begin(account, "true", None).await
    }

    /// The same, and the functions that it runs ask this endpoint for everything.
    pub(super) async fn guarded_behind(account: &str, endpoint: &str) -> Option<Self> {
        Self::begin(account, "true", Some(endpoint)).await
    }

    /// Clients of its owner.
    pub(super) fn owner(&self) -> SdkConfig {
        self.config(Credentials::new("test", "test", None, None, "an emulator"))
    }

    pub(super) fn config(&self, keys: Credentials) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .endpoint_url(format!("http://127.0.0.1:{}", self.port))
            .build()
    }

    async fn begin(account: &str, guarded: &str, endpoint: Option<&str>) -> Option<Self> {
        match Self::try_start(account, guarded, endpoint).await {
            Ok(emulator) => Some(emulator),
            Err(why) => {
                assert!(!in_ci(), "the independent emulator: {why}");
                tell(&format!(
                    "\n*** SKIPPED: nothing was checked against the independent emulator: {why}\n"
                ));
                None
            }
        }
    }

    async fn try_start(account: &str, guarded: &str, endpoint: Option<&str>) -> Result<Self, String> {
        static INSTALLED: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
        let program = INSTALLED.get_or_init(installed).await.clone()?;
        let mut last = String::new();
        for _ in 0..STARTS_MAX {
            match Self::once(&program, account, guarded, endpoint).await {
                Ok(emulator) => return Ok(emulator),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    async fn once(
        program: &Path,
        account: &str,
        guarded: &str,
        endpoint: Option<&str>,
    ) -> Result<Self, String> {
        let free = TcpListener::bind(("127.0.0.1", 0)).await.and_then(|listener| listener.local_addr());
        let port = free.map_err(|error| format!("no free port: {error}"))?.port();
        let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
        let log = File::create(folder.path().join("log")).map_err(|error| format!("no log: {error}"))?;
        let log_too = log.try_clone().map_err(|error| format!("no log: {error}"))?;
        let child = command(program)
            .envs([("BIND_HOST", "127.0.0.1"), ("MINISTACK_HOST", "localhost")])
            .env("GATEWAY_PORT", port.to_string())
            .env("MINISTACK_ACCOUNT_ID", account)
            .env("AUTH", guarded)
            // The owner's, by which the emulator checks signatures.
            .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
            // It hands this one on to functions.
            .envs(endpoint.map(|endpoint| ("AWS_ENDPOINT_URL", endpoint)))
            // Listeners of services that nobody here uses, on ports of their own.
            .envs([("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0")])
            .env("TMPDIR", folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(log_too)
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", program.display()))?;
        let mut emulator = Self { port, child, folder };
        emulator.ready().await?;
        Ok(emulator)
    }

    async fn ready(&mut self) -> Result<(), String> {
        let end = Instant::now() + START_AT_MOST;
        while Instant::now() < end {
            if self.ask("GET", "/_ministack/health").await.is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("it ended at once ({status}): {}", self.log()));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Err(format!("it did not answer within {START_AT_MOST:?}: {}", self.log()))
    }

    /// Makes the account empty again.
    pub(super) async fn reset(&self) {
        self.ask("POST", "/_ministack/reset").await.expect("the emulator forgets");
    }

    /// The last words of the process.
    pub(super) fn log(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let last = text.lines().count().saturating_sub(20);
        text.lines().skip(last).collect::<Vec<_>>().join("\n")
    }

    async fn ask(&self, method: &str, path: &str) -> io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let ask = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(io::Error::other(answer)) }
    }
}

/// One whose child can be waited for without a runtime, as dropping must.
#[expect(clippy::disallowed_methods, reason = "tests may start processes")]
fn command(program: &Path) -> std::process::Command {
    std::process::Command::new(program)
}

#[expect(clippy::disallowed_methods, reason = "CI sets it, and a skipped test there would be a lie")]
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// The emulator's program, installed into the workspace by whichever test comes first.
async fn installed() -> Result<PathBuf, String> {
    let root = root();
    let (folder, lock) = (root.join(".venv-ministack"), root.join("target/ministack.lock"));
    // Waits for another test or process that is installing; released when it is closed.
    let held = tokio::task::spawn_blocking(move || {
        fs::create_dir_all(lock.parent().unwrap_or(&lock))?;
        let file = File::create(&lock)?;
        file.lock()?;
        Ok::<_, io::Error>(file)
    });
    let _held = held.await.map_err(|e| e.to_string())?.map_err(|e| format!("no lock: {e}"))?;
    let (program, made) = (folder.join("bin/ministack"), folder.join("made-from"));
    // Written last: an installation that was interrupted, or is of other versions, is made again.
    if fs::read_to_string(&made).is_ok_and(|text| text == REQUIREMENTS) {
        return Ok(program);
    }
    tell("installing the independent emulator into .venv-ministack (once, about half a minute)");
    let (python, pip) = (PathBuf::from("python3"), folder.join("bin/pip"));
    let wanted = root.join("tests/requirements.txt");
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder)).await?;
    let options = ["install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--requirement"];
    run(Command::new(pip).args(options).arg(wanted)).await?;
    fs::write(&made, REQUIREMENTS).map_err(|error| format!("{}: {error}", made.display()))?;
    Ok(program)
}

async fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{:?}", command.as_std());
    let done = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let done = done.map_err(|error| format!("{shown}: {error}"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    if done.status.success() { Ok(()) } else { Err(format!("{shown}: {}\n{said}", done.status)) }
}
