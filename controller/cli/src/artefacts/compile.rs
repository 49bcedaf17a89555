//! Cargo builds each service once.
//!
//! A quick build is the same build that `cargo dn` makes, so that it costs seconds. A release build
//! has a profile of its own (`lambda`), and paths of this machine are taken out of it, so that the same source gives
//! the same bytes wherever it lies.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use contract::function::Service;
use serde_json::Value;
use stacks::code::{Architecture, Code, Mode};

use crate::exit::Failure;

/// The workspace that this program was built from holds the code that it deploys.
pub(super) const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The binary of each service.
pub(super) fn all(code: Code) -> Result<BTreeMap<Service, PathBuf>, Failure> {
    let source = Path::new(SOURCE).canonicalize().map_err(|error| {
        Failure::file(Path::new(SOURCE), &error)
            .hint("the source of the functions is gone: name built ones with --artefacts FOLDER")
    })?;
    let mut cargo = command(&source, code)?;
    let output = cargo.output().map_err(|error| {
        Failure::error(format!("cargo cannot be started: {error}"))
            .hint("install Rust, or name built artefacts with --artefacts FOLDER")
    })?;
    if !output.status.success() {
        return Err(Failure::error("the functions cannot be built: see above")
            .hint("`cargo build --workspace` shows the same errors"));
    }
    let mut found = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).unwrap_or_default();
        let binary = message["executable"].as_str();
        let service = Service::all().find(|one| message["target"]["name"] == one.package());
        found.extend(service.zip(binary.map(PathBuf::from)));
    }
    match Service::all().find(|service| !found.contains_key(service)) {
        None => Ok(found),
        Some(missing) => Err(Failure::error(format!("cargo built no binary of {}", missing.package()))),
    }
}

fn command(source: &Path, code: Code) -> Result<Command, Failure> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(source).args(["build", "--quiet", "--message-format=json-render-diagnostics"]);
    for service in Service::all() {
        cargo.args(["--package", service.package()]);
    }
    match code.mode {
        // Together with this program, whose features of the SDK are more: the functions alone would build it again.
        Mode::Quick => drop(cargo.args(["--package", env!("CARGO_PKG_NAME")])),
        Mode::Release => release(&mut cargo, source, code.architecture),
    }
    if let Some(target) = target(code.architecture)? {
        cargo.args(["--target", target]);
    }
    Ok(stdio(cargo))
}

/// A profile of its own, and no path of this machine.
fn release(cargo: &mut Command, source: &Path, architecture: Architecture) {
    let home = env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| format!("{home}/.cargo")));
    let remap = |from: &str, to: &str| format!("\"--remap-path-prefix={from}={to}\"");
    let mut flags = vec![remap(&source.display().to_string(), "dn")];
    flags.extend(home.map(|home| remap(&home, "cargo")));
    // Functions that are the same are kept once: rustc links for x86-64 Linux with LLD, which can do that.
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) && architecture == Architecture::X86 {
        flags.push("\"-Clink-arg=-Wl,--icf=all\"".to_owned());
    }
    cargo.args(["--profile", "lambda", "--config", &format!("build.rustflags=[{}]", flags.join(","))]);
    cargo.env("CARGO_INCREMENTAL", "0");
}

/// Cargo's own words go where a person reads them; what it built is read by this program.
fn stdio(mut cargo: Command) -> Command {
    cargo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    cargo
}

/// The target to name; none where this machine is of that architecture.
fn target(architecture: Architecture) -> Result<Option<&'static str>, Failure> {
    let (machine, target) = match architecture {
        Architecture::X86 => ("x86_64", "x86_64-unknown-linux-gnu"),
        Architecture::Arm64 => ("aarch64", "aarch64-unknown-linux-gnu"),
    };
    if env::consts::ARCH == machine && env::consts::OS == "linux" {
        return Ok(None);
    }
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let there = |root: String| Path::new(&root).join("lib/rustlib").join(target).join("lib").is_dir();
    if sysroot.is_ok_and(there) {
        return Ok(Some(target));
    }
    Err(Failure::error(format!("this toolchain has no standard library for {target}")).hint(format!(
        "`rustup target add {target}` and a linker for it (such as `cargo install cargo-zigbuild`), build on \
         such a machine and name the artefacts with --artefacts FOLDER, or choose another code.architecture"
    )))
}
