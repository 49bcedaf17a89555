//! The command line, declared once: help and completions follow from it.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Declares, compares and applies the AWS environment of a stage.
///
/// Exit codes: 0 nothing to do, or done; 1 error; 2 changes; 3 drift; 4 blocked (protection, policy, wrong account,
/// lock, no confirmation); 5 the plan is stale; 6 partly applied, run again to go on.
#[derive(Debug, Parser)]
#[command(name = "dn", version, max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,

    /// The folder with `environments/`; by default the nearest one upwards from here.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) project: Option<PathBuf>,

    /// Columns to write for; by default those of the terminal.
    #[arg(long, global = true, value_name = "COLUMNS")]
    pub(crate) width: Option<usize>,

    /// Code that `dn build --out FOLDER` built before, instead of building it now; also DN_ARTEFACTS.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) artefacts: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Shows what apply would do. Changes nothing.
    Plan(Plan),
    /// Plans, shows, asks, and makes it so.
    Apply(Apply),
    /// Shows what changed behind our back, field by field. Changes nothing.
    Drift(Drift),
    /// Deletes what the stage owns; what holds data must be named.
    Destroy(Destroy),
    /// Prints URLs, ids and names that others need.
    Outputs(Outputs),
    /// Prints the resource graph: DOT, or SVG into a file.
    Graph(Graph),
    /// Tells who applied what, when, and how it ended.
    History(History),
    /// Checks everything that an apply needs.
    Doctor(Doctor),
    /// Builds the code of all functions: reproducible zips with their digests.
    Build(Build),
    /// Writes down, once, what the stage's code is and where it came from.
    Release(Release),
    /// Brings the release that is live in one stage to another. Nothing is built.
    Promote(Promote),
    /// Goes back to an earlier release of the stage.
    Rollback(Rollback),
    /// Prints the OpenAPI document of an API.
    Openapi {
        /// The API: outreach, financial or dn-api.
        api: String,
    },
    /// Fills secrets.
    Secret {
        #[command(subcommand)]
        verb: SecretVerb,
    },
    /// Shows or erases what a stage keeps about a person, whose address is read from standard input or typed without
    /// being shown; never an argument.
    Person(Person),
    /// Serves the deployed APIs of an embedded account on this machine, with the real functions.
    Serve(Serve),
    /// Replaces a key without breaking what the old one signed: one safe step, or what it waits for and until when.
    Rotate(Rotate),
    /// Breaks the lock of a run that is gone.
    Unlock(Unlock),
    /// Prints the JSON Schema of the files in `environments/`, for editors.
    Schema,
    /// Prints a completion script.
    Completions {
        /// The shell to complete for.
        shell: Shell,
    },
}

/// Which stage, and how its account behaves where it is embedded.
#[derive(Debug, Args)]
pub(crate) struct Stage {
    /// The stage: the name of a file in `environments/`.
    pub(crate) stage: String,

    /// Embedded accounts only: as slow and as strict as AWS, or at once.
    #[arg(long, value_enum, default_value_t = Weather::Calm, help_heading = "Embedded account")]
    pub(crate) weather: Weather,

    /// Embedded accounts only: something goes wrong at the n-th call that changes something, such as `die-after=12`,
    /// `die-before=3`, `lose-answer=7`, `fail=5`, `throttle=5`; or `ring`: every alarm rings as soon as callers come to
    /// new code.
    #[arg(long, value_name = "WHAT=N", help_heading = "Embedded account")]
    pub(crate) trouble: Vec<String>,

    /// Embedded accounts only: as if it were so much later, for account and program alike, such as `30m` or `26d`.
    #[arg(long, value_name = "TIME", value_parser = length, help_heading = "Embedded account")]
    pub(crate) later: Option<Duration>,
}

/// A length of time such as `90s`, `30m`, `12h` or `26d`.
fn length(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let found = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let read = found.and_then(|(number, seconds)| number.parse::<u64>().ok()?.checked_mul(seconds));
    read.map(Duration::from_secs).ok_or_else(|| "expected a number with s, m, h or d, such as 26d".to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Weather {
    Calm,
    Realistic,
}

/// Which resources take part.
#[derive(Debug, Default, Args)]
pub(crate) struct Choice {
    /// Only these resources and what they need; `*` and `?` match, as in 'outreach/table/*'.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) target: Vec<String>,

    /// Not these resources, nor what needs one of them that does not exist.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) exclude: Vec<String>,

    /// This resource may be deleted although it holds data. No wildcards: each is named.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) destroy_data: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) stage: Stage,
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// Writes the plan to a file that `apply` executes exactly.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Prints the plan as JSON.
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Prints the plan as Markdown, for a pull request.
    #[arg(long)]
    pub(crate) markdown: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) stage: Stage,
    /// A plan that `plan --out` wrote: exactly that is executed.
    #[arg(conflicts_with_all = ["target", "exclude", "destroy_data"])]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// Does not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Release {
    #[command(flatten)]
    pub(crate) stage: Stage,
    /// Also of a source that differs from its commit; such a release says so, and cannot be promoted.
    #[arg(long)]
    pub(crate) allow_dirty: bool,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// The stage whose live release is taken.
    pub(crate) from: String,
    /// The stage that is to run it: one line of its environment changes.
    pub(crate) to: String,
    /// Goes on and applies the plan.
    #[arg(long)]
    pub(crate) apply: bool,
    /// Does not ask.
    #[arg(long, requires = "apply")]
    pub(crate) yes: bool,
    #[arg(long)]
    pub(crate) json: bool,
    /// The AWS profile of the stage that is read.
    #[arg(long, value_name = "PROFILE")]
    pub(crate) from_profile: Option<String>,
    /// The AWS profile of the stage that is changed.
    #[arg(long, value_name = "PROFILE")]
    pub(crate) to_profile: Option<String>,
    /// Embedded accounts only: how the account that is changed behaves.
    #[arg(long, value_enum, default_value_t = Weather::Calm, help_heading = "Embedded account")]
    pub(crate) weather: Weather,
    /// Embedded accounts only: something goes wrong in the account that is changed, as with `apply`.
    #[arg(long, value_name = "WHAT=N", help_heading = "Embedded account")]
    pub(crate) trouble: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) stage: Stage,
    /// The release, or how its name begins; by default the one before what is live.
    pub(crate) release: Option<String>,
    /// Does not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Drift {
    #[command(flatten)]
    pub(crate) stage: Stage,
    /// Not these resources, nor what needs one of them that does not exist.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) exclude: Vec<String>,
    #[arg(long, conflicts_with_all = ["markdown", "sarif"])]
    pub(crate) json: bool,
    #[arg(long, conflicts_with = "sarif")]
    pub(crate) markdown: bool,
    /// Prints SARIF 2.1.0, for code scanning.
    #[arg(long)]
    pub(crate) sarif: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Destroy {
    #[command(flatten)]
    pub(crate) stage: Stage,
    /// This resource may be deleted although it holds data. No wildcards: each is named.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) destroy_data: Vec<String>,
    /// Not these resources.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) exclude: Vec<String>,
    /// Does not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Outputs {
    #[command(flatten)]
    pub(crate) stage: Stage,
    #[arg(long)]
    pub(crate) json: bool,
    /// Not these resources.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) exclude: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Graph {
    pub(crate) stage: String,
    /// Draws into this file instead of printing DOT.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    pub(crate) stage: String,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) stage: Stage,
    /// Not these resources.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) exclude: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Small binaries that start fast, as stages on AWS run them; takes minutes the first time.
    #[arg(long)]
    pub(crate) release_mode: bool,
    /// The processor to build for.
    #[arg(long, value_enum, default_value_t = Architecture::X86)]
    pub(crate) architecture: Architecture,
    /// Copies the zips and a list of them into this folder, for --artefacts.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Architecture {
    #[value(name = "x86_64")]
    X86,
    Arm64,
}

impl From<Architecture> for stacks::code::Architecture {
    fn from(chosen: Architecture) -> Self {
        match chosen {
            Architecture::X86 => Self::X86,
            Architecture::Arm64 => Self::Arm64,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretVerb {
    /// Puts a secret's value, read from standard input or typed without being shown; never an argument.
    Set(SecretSet),
}

#[derive(Debug, Args)]
pub(crate) struct SecretSet {
    #[command(flatten)]
    pub(crate) stage: Stage,
    /// The secret: its name (`mailgun`) or its address (`outreach/secret/mailgun`).
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Person {
    #[command(flatten)]
    pub(crate) stage: Stage,
    #[arg(value_enum)]
    pub(crate) what: Asked,
    #[arg(long)]
    pub(crate) json: bool,
    /// Does not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// What a person asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Asked {
    /// Every row about the person.
    Show,
    /// All but what keeps an opt-out.
    Erase,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) stage: Stage,
    #[arg(value_enum)]
    pub(crate) what: Rotated,
    /// The API key: its name (`dn-api-crm`) or its address (`dn_api/api key/dn-api-crm`).
    #[arg(required_if_eq("what", "api-key"))]
    pub(crate) name: Option<String>,
    /// Only tells where the rotation is; exits with 2 when a step can be made.
    #[arg(long)]
    pub(crate) status: bool,
    /// Of the signing key that is made next. ECDSA makes shorter links, and faster.
    #[arg(long, value_enum, default_value_t = SigningAlgorithm::Ecdsa)]
    pub(crate) algorithm: SigningAlgorithm,
    /// Begins a rotation although the key is not due: it may be known to somebody.
    #[arg(long)]
    pub(crate) early: bool,
    /// API keys: how long the old one works beside the new one, such as `3d`; by default the environment's
    /// `rotation.api_keys.overlap_days`, which is 14 where it says nothing.
    #[arg(long, value_name = "TIME", value_parser = length)]
    pub(crate) overlap: Option<Duration>,
    /// API keys: disables the old one although somebody sent it on the last full day.
    #[arg(long)]
    pub(crate) retire_used: bool,
    /// API keys: enables the one that was disabled last.
    #[arg(long, conflicts_with_all = ["early", "retire_used"])]
    pub(crate) bring_back: bool,
    #[arg(long)]
    pub(crate) json: bool,
    /// Does not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rotated {
    /// The key that links to reports are signed with.
    SigningKey,
    /// A key that callers of an API send.
    ApiKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SigningAlgorithm {
    /// ECDSA on P-256.
    Ecdsa,
    /// RSA of 2048 bits.
    Rsa,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The stage: the name of a file in `environments/`; its account must be embedded.
    pub(crate) stage: String,
    /// Of the first API, on the loopback; each further API has the next one. 0 is any.
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    pub(crate) port: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Unlock {
    #[command(flatten)]
    pub(crate) stage: Stage,
    /// The owner that the lock names: proof that you know whose run you declare dead.
    #[arg(long)]
    pub(crate) owner: String,
}
