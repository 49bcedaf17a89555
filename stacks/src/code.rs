//! The code that a stage runs: one artefact for each service of the contract.

use std::{collections::BTreeMap, path::PathBuf};

use contract::function::Service;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A zip that was built and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artefact {
    /// `None` for the code of a release, which is in the control bucket already.
    pub file: Option<PathBuf>,
    /// SHA-256 of the zip: 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Bytes of the zip.
    pub size: u64,
}

/// The artefact of every service.
pub type Artefacts = BTreeMap<Service, Artefact>;

/// How callers come to new versions of functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Switch {
    /// Every new version is asked whether it works before anybody is served by it. Whoever applies needs
    /// `lambda:InvokeFunction`; switch it off for emulators that cannot run code.
    pub health_check: bool,
    /// Callers come by steps; without it all at once.
    pub canary: Option<Canary>,
}

impl Default for Switch {
    fn default() -> Self {
        Self { health_check: true, canary: None }
    }
}

/// Steps by which callers come, while the alarms of the function are watched. One that begins to ring brings everybody
/// back in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// How many of a hundred calls come with each step.
    #[schemars(range(min = 1, max = 100))]
    pub percent: u32,
    /// How long each step is watched, the last one too.
    #[schemars(range(min = 1))]
    pub minutes: u32,
}

/// How the code of a stage is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Code {
    pub mode: Mode,
    pub architecture: Architecture,
}

/// How much time a build takes for how small a binary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Seconds: shares everything with the build of `dn` itself. Large binaries, for the embedded account.
    Quick,
    /// Minutes: small binaries that start fast.
    #[default]
    Release,
}

/// The processor that functions run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    #[default]
    #[serde(rename = "x86_64")]
    X86,
    Arm64,
}

impl Architecture {
    /// As Lambda and the environment write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }
}
