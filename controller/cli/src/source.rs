//! Where code and declarations come from: the revision that git tells, and the compiler.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use release::Revision;
use serde::{Deserialize, Serialize};

/// What something was made from and with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    pub(crate) revision: Revision,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) toolchain: Option<String>,
}

impl Source {
    /// The source in a folder; `None` where git knows no commit of it.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        Some(Self { revision: revision(folder)?, toolchain: said("rustc", &["--version"]) })
    }
}

/// The commit of a folder, and whether any file differs from it; `None` where git knows none.
pub(crate) fn revision(folder: &Path) -> Option<Revision> {
    let folder = folder.to_str()?;
    let commit = said("git", &["-C", folder, "rev-parse", "--verify", "HEAD"])?;
    let changed = said("git", &["-C", folder, "status", "--porcelain"])?;
    Some(Revision { commit, dirty: !changed.is_empty() })
}

/// One program's answer without the space around it; `None` when it is not there or fails.
fn said(program: &str, words: &[&str]) -> Option<String> {
    let output =
        Command::new(program).args(words).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
