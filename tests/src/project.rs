//! A project of its own in a temporary folder, and the real binary run in it with nothing of this machine's
//! environment.

use std::{
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::SystemTime,
};

use sandbox::Account;
use tempfile::TempDir;

/// Columns that everything is written for.
const WIDTH: &str = "100";

/// A folder with `environments/`, and nothing else yet.
pub(crate) struct Project {
    folder: TempDir,
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output and standard error as a terminal would show them.
    pub(crate) text: String,
}

impl Project {
    /// A copy of the project's own environments.
    pub(crate) fn new() -> Self {
        let project = Self { folder: TempDir::with_prefix("dn-").expect("a temporary folder") };
        let target = project.path("environments");
        fs::create_dir(&target).expect("a folder");
        for file in fs::read_dir(root().join("environments")).expect("the environments").flatten() {
            fs::copy(file.path(), target.join(file.file_name())).expect("a copy");
        }
        project
    }

    /// One in which the sandbox is applied.
    pub(crate) fn applied() -> Self {
        let project = Self::new();
        let ran = project.dn(&["apply", "sandbox", "--yes"]);
        assert_eq!(ran.code, Some(0), "{}", ran.text);
        project
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Replaces a text that a file holds exactly once.
    pub(crate) fn replace(&self, name: &str, old: &str, new: &str) {
        let text = self.read(name);
        assert_eq!(text.matches(old).count(), 1, "`{old}` is in {name} exactly once");
        self.write(name, &text.replace(old, new));
    }

    /// The embedded account of the sandbox, as another process sees it.
    pub(crate) fn account(&self) -> Account {
        let state = self.path(".dn/sandbox");
        Account::open("000000000000", "us-east-1", &state, || {}).expect("the account's files")
    }

    /// Takes the sandbox's journal out of its control bucket, so that only this machine's is there.
    pub(crate) fn forget_shared_journal(&self) {
        let forget = |world: &mut sandbox::World<'_>| {
            let all = world.all("s3/objects").into_keys().map(str::to_owned);
            let journal: Vec<String> = all.filter(|key| key.contains("journal/")).collect();
            assert!(journal.len() > 1, "there is one");
            journal.iter().for_each(|key| world.remove("s3/objects", key));
        };
        self.account().edit(forget).expect("the account's files");
    }

    /// `dn` with these arguments, ready to be started; standard input is closed.
    #[expect(clippy::disallowed_methods, reason = "stories run the real program")]
    pub(crate) fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        let home = self.folder.path();
        command.env("HOME", home).env("PATH", "/usr/bin:/bin").env("USER", "ada").env("HOSTNAME", "desk");
        // Whatever this machine offers as credentials is not for tests.
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("DN_ARTEFACTS", crate::stage::artefacts_folder());
        command
    }

    /// Starts `dn`, to be waited for with [`finish`].
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let args: Vec<&str> = ["--width", WIDTH].iter().chain(args).copied().collect();
        Running::of(self.command(binary(), &args))
    }

    /// Runs `dn` to its end.
    pub(crate) fn dn(&self, args: &[&str]) -> Ran {
        self.start(args).finish()
    }

    /// Runs `dn` with more in its environment.
    pub(crate) fn dn_with(&self, environment: &[(&str, &str)], args: &[&str]) -> Ran {
        let args: Vec<&str> = ["--width", WIDTH].iter().chain(args).copied().collect();
        let mut command = self.command(binary(), &args);
        command.envs(environment.iter().copied());
        Running::of(command).finish()
    }

    /// Runs `dn` where no file may grow beyond so many blocks of 1024 bytes, as on a full disk.
    pub(crate) fn dn_on_a_full_disk(&self, blocks: u64, args: &[&str]) -> Ran {
        let dn = binary().display();
        // Ignored, so that the write fails instead of the process.
        let script =
            format!("trap '' XFSZ; ulimit -f {blocks}; exec {dn} --width {WIDTH} {}", args.join(" "));
        Running::of(self.command(Path::new("/bin/bash"), &["-c", &script])).finish()
    }

    /// Every file of the project with its length.
    pub(crate) fn files(&self) -> Vec<(PathBuf, u64)> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder").flatten() {
                match entry.metadata().expect("a file") {
                    about if about.is_dir() => folders.push(entry.path()),
                    about => found.push((entry.path(), about.len())),
                }
            }
        }
        found.sort();
        found
    }

    /// What varies between machines and runs, said as it would be on Ada's desk. See [`STEADY`].
    pub(crate) fn steady(&self, text: &str) -> String {
        let home = self.folder.path().display().to_string();
        STEADY.iter().fold(text.replace(&home, "/crm"), |text, (pattern, with)| replace(&text, pattern, with))
    }
}

/// A program that was started.
pub(crate) struct Running {
    child: Child,
    output: std::io::PipeReader,
}

impl Running {
    pub(crate) fn of(mut command: Command) -> Self {
        let (output, writer) = std::io::pipe().expect("a pipe");
        command.stderr(writer.try_clone().expect("the same pipe")).stdout(writer);
        let child = command.spawn().expect("the program starts");
        Self { child, output }
    }

    /// Sends a signal by its name, as in `INT`.
    pub(crate) fn signal(&self, name: &str) {
        send(self.child.id(), name);
    }

    /// Reads until `text` was printed, or the program is at its end.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let (mut seen, mut byte) = (Vec::new(), [0]);
        while !String::from_utf8_lossy(&seen).contains(text)
            && self.output.read(&mut byte).is_ok_and(|n| n > 0)
        {
            seen.push(byte[0]);
        }
        String::from_utf8_lossy(&seen).into_owned()
    }

    pub(crate) fn finish(mut self) -> Ran {
        let mut text = String::new();
        self.output.read_to_string(&mut text).expect("text");
        let status: ExitStatus = self.child.wait().expect("an end");
        Ran { code: status.code(), text }
    }
}

#[expect(clippy::disallowed_methods, reason = "a signal needs unsafe code or the program that sends it")]
fn send(process: u32, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(process.to_string()).status();
    assert!(sent.expect("kill").success(), "the program runs");
}

/// What varies, and what stands for it: `#` is a digit, `%` a hexadecimal digit, `@` one or more digits.
///
/// Everything else in a transcript is compared as it is.
const STEADY: &[(&str, &str)] = &[
    ("####-##-## ##:##:## UTC", "2026-03-01 09:00:00 UTC"),
    ("sandbox-#############", "sandbox-1772355600000"),
    ("plan %%%%%%%%%%%%%%%%", "plan 0123456789abcdef"),
    ("steps in @ m @ s", "steps in 1 m"),
    ("steps in @ s", "steps in 2 s"),
    // By how long steps took before, on whatever machine.
    ("about @ s", "about 2 s"),
    ("UTC (@ s ago", "UTC (2 s ago"),
    ("process @)", "process 4242)"),
];

fn replace(text: &str, pattern: &str, with: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some(length) = matched(rest, pattern) {
            out.push_str(with);
            rest = &rest[length..];
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}

/// How many bytes at the start of `text` are the pattern.
fn matched(text: &str, pattern: &str) -> Option<usize> {
    let mut at = 0;
    for sign in pattern.chars() {
        let next = text[at..].chars().next()?;
        let fits = match sign {
            '#' | '@' => next.is_ascii_digit(),
            '%' => next.is_ascii_hexdigit(),
            other => other == next,
        };
        if !fits {
            return None;
        }
        at += next.len_utf8();
        if sign == '@' {
            at += text[at..].bytes().take_while(u8::is_ascii_digit).count();
        }
    }
    Some(at)
}

/// The workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// `dn` of the profile that these tests were built with, made when it is missing or older than its sources.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| made("dn", &["--package", "cli", "--bin", "dn"]))
}

/// The binary of a service, made with `dn` so that both share one build of the SDK.
pub(crate) fn service(package: &str) -> PathBuf {
    made(package, &["--package", "cli", "--package", package])
}

fn made(name: &str, packages: &[&str]) -> PathBuf {
    let test = env::current_exe().expect("this program");
    let folder = test.ancestors().nth(2).expect("target/PROFILE");
    let path = folder.join(name);
    let made = fs::metadata(&path).and_then(|about| about.modified());
    if made.is_ok_and(|made| newest(root()) <= made) {
        return path;
    }
    build(folder, packages);
    assert!(path.is_file(), "{} was built", path.display());
    path
}

#[expect(clippy::disallowed_methods, reason = "stories run the real program, which cargo builds")]
fn build(folder: &Path, packages: &[&str]) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet"]).args(packages).current_dir(root());
    command.arg("--target-dir").arg(folder.parent().expect("target"));
    if folder.ends_with("release") {
        command.arg("--release");
    }
    assert!(command.status().expect("cargo").success(), "`dn` builds");
}

/// When a source of the program was last written.
fn newest(root: &Path) -> SystemTime {
    let mut newest = modified(&root.join("Cargo.lock"));
    let mut folders: Vec<PathBuf> = ["controller", "stacks", "runtime"].map(|name| root.join(name)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                newest = newest.max(modified(&path));
            }
        }
    }
    newest
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|about| about.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[test]
fn what_varies_is_replaced_and_nothing_else() {
    let project = Project::new();
    let path = project.path(".dn").display().to_string();
    let text =
        format!("{path}: 2027-12-31 23:59:59 UTC (12 s ago, process 77) 2 of 3 steps in 11 s, about 3 m");
    let steady = "/crm/.dn: 2026-03-01 09:00:00 UTC (2 s ago, process 4242) 2 of 3 steps in 2 s, about 3 m";
    assert_eq!(project.steady(&text), steady);
    assert_eq!(matched("plan 12", "plan %%%"), None);
}
