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
    run(&mut cargo, Service::all)
}

/// What cargo made of the services that it was asked for.
fn run<S: Iterator<Item = Service>>(
    cargo: &mut Command,
    services: impl Fn() -> S,
) -> Result<BTreeMap<Service, PathBuf>, Failure> {
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
        let service = services().find(|one| message["target"]["name"] == one.package());
        found.extend(service.zip(binary.map(PathBuf::from)));
    }
    match services().find(|service| !found.contains_key(service)) {
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

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, fs};

    use super::*;
    use crate::artefacts::{archive::digest, machine};

    /// Whatever is made, or kept for this machine.
    fn is_source(name: &OsStr) -> bool {
        let name = name.to_string_lossy();
        name != "target" && name != "node_modules" && (name == ".cargo" || !name.starts_with('.'))
    }

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("a folder");
        for entry in fs::read_dir(from).expect("a folder").flatten().filter(|one| is_source(&one.file_name()))
        {
            let to = to.join(entry.file_name());
            match entry.path().is_dir() {
                true => copy(&entry.path(), &to),
                false => drop(fs::copy(entry.path(), to).expect("a copy")),
            }
        }
    }

    /// Builds a service as `dn build --release-mode` does, with nothing that was built before.
    fn built(service: Service, source: &Path, target: &Path) -> Vec<u8> {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(source).args(["build", "--quiet", "--message-format=json-render-diagnostics"]);
        cargo.args(["--package", service.package(), "--target-dir"]).arg(target);
        release(&mut cargo, source, Architecture::X86);
        let binaries =
            run(&mut stdio(cargo), || [service].into_iter()).unwrap_or_else(|why| panic!("{why:?}"));
        fs::read(&binaries[&service]).expect("a binary")
    }

    /// Asks for what takes minutes of all processors.
    const ASKED: &str = "DN_CLEAN_BUILDS";

    /// Of the smallest service; two clean builds of all of them would take a quarter of an hour more.
    #[test]
    fn a_second_clean_build_elsewhere_gives_the_same_bytes() {
        if env::var_os(ASKED).is_none() {
            println!("SKIPPED: two clean builds take minutes; {ASKED}=yes makes them (README, \"Code\")");
            return;
        }
        let here = Path::new(SOURCE).canonicalize().expect("the source");
        let folder = tempfile::tempdir().expect("a folder");
        let elsewhere = folder.path().join("a checkout at another path");
        copy(&here, &elsewhere);
        let first = built(Service::DnApi, &here, &folder.path().join("first"));
        let second = built(Service::DnApi, &elsewhere, &folder.path().join("second"));
        println!("{} bytes, SHA-256 {} and {}", first.len(), digest(&first), digest(&second));
        machine::check(&first, Architecture::X86).expect("it runs at Lambda");
        for path in [&here, &elsewhere, folder.path()] {
            let path = path.display().to_string();
            assert!(
                !first.windows(path.len()).any(|part| part == path.as_bytes()),
                "{path} is in the binary"
            );
        }
        assert_eq!(digest(&first), digest(&second));
    }
}
