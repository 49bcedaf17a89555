//! Code for a machine that this one cannot build for.

use std::{fs, os::unix::fs::PermissionsExt};

use super::check;
use crate::project::{Project, Ran, Running, binary};

/// A toolchain whose standard libraries are in an empty folder, and a cargo that must not be called.
fn toolchain(project: &Project) -> String {
    let folder = project.path("toolchain");
    fs::create_dir(&folder).expect("a folder");
    let programs = [("rustc", format!("echo {}", folder.display())), ("cargo", "exit 42".to_owned())];
    for (name, does) in programs {
        let file = folder.join(name);
        fs::write(&file, format!("#!/bin/sh\n{does}\n")).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it may be run");
    }
    format!("{}:/usr/bin:/bin", folder.display())
}

/// Runs `dn` with this toolchain, and no code that was built before.
fn dn(project: &Project, path: &str, args: &[&str]) -> Ran {
    let mut command = project.command(binary(), args);
    command.env_remove("DN_ARTEFACTS").env("PATH", path);
    Running::of(command).finish()
}

#[test]
fn without_the_standard_library_of_the_other_machine_it_says_how_to_get_it() {
    let (other, target) = match std::env::consts::ARCH {
        "aarch64" => ("x86_64", "x86_64-unknown-linux-gnu"),
        _ => ("arm64", "aarch64-unknown-linux-gnu"),
    };
    let project = Project::new();
    let path = toolchain(&project);
    let says = [
        &format!("this toolchain has no standard library for {target}"),
        &format!("hint: `rustup target add {target}` and a linker for it"),
        "build on such a machine and name the artefacts with --artefacts FOLDER",
        "or choose another code.architecture",
    ];
    let ran = dn(&project, &path, &["build", "--architecture", other]);
    check(&ran, 1, &says);
    // A stage that wants it stops before its account is looked at.
    project.replace(
        "environments/sandbox.yaml",
        "  mode: quick\n",
        &format!("  mode: quick\n  architecture: {other}\n"),
    );
    for verb in [&["plan", "sandbox"][..], &["apply", "sandbox", "--yes"]] {
        let ran = dn(&project, &path, verb);
        check(&ran, 1, &says[..1]);
    }
    assert!(!project.path(".dn/sandbox").exists(), "nothing was made");
}
