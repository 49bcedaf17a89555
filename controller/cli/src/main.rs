//! `dn`: declares, compares and applies the AWS environment of a stage.
//!
//! One file a verb in [`verbs`]; [`render`] turns what they found into words; [`exit`] is the one place that maps
//! errors to exit code, message and hint. Only this crate reads the environment, the terminal and files.

#![expect(clippy::disallowed_methods, reason = "the CLI is where the environment is read")]

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

mod args;
mod artefacts;
mod choice;
mod declared;
mod exit;
mod ledger;
mod names;
mod progress;
mod project;
mod releases;
mod render;
mod screen;
mod session;
mod source;
mod verbs;

use args::{Cli, Verb};
use exit::{Done, Failure, code};
use project::Project;
use screen::Screen;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // clap would exit with 2, which here means "changes".
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let screen = Screen::new(cli.width);
    let outcome = run(cli, &screen).map_err(|failure| {
        screen.failure(&failure);
        failure.kind
    });
    code(outcome)
}

fn run(cli: Cli, screen: &Screen) -> Result<Done, Failure> {
    match &cli.verb {
        Verb::Schema => return verbs::schema::run(screen),
        Verb::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "dn", &mut std::io::stdout());
            return Ok(Done::Nothing);
        }
        Verb::Build(args) => return verbs::build::run(screen, args),
        Verb::Openapi { api } => return verbs::openapi::run(screen, api),
        _ => {}
    }
    let named = cli.artefacts.or_else(|| std::env::var_os(artefacts::VARIABLE).map(Into::into));
    let project = Project::find(cli.project.as_deref())?.with_artefacts(named);
    // The work itself stays on this thread, so calls to the embedded account keep their order; the other one listens
    // for interruptions.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::error(format!("no runtime: {error}")))?;
    let outcome = runtime.block_on(async {
        match cli.verb {
            Verb::Plan(args) => verbs::plan::run(&project, screen, args).await,
            Verb::Apply(args) => verbs::apply::run(&project, screen, args).await,
            Verb::Drift(args) => verbs::drift::run(&project, screen, args).await,
            Verb::Destroy(args) => verbs::destroy::run(&project, screen, args).await,
            Verb::Outputs(args) => verbs::outputs::run(&project, screen, args).await,
            Verb::Graph(args) => verbs::graph::run(&project, screen, &args),
            Verb::History(args) => verbs::history::run(&project, screen, &args).await,
            Verb::Doctor(args) => verbs::doctor::run(&project, screen, args).await,
            Verb::Secret { verb: args::SecretVerb::Set(args) } => {
                verbs::secret::set(&project, screen, args).await
            }
            Verb::Person(args) => verbs::person::run(&project, screen, args).await,
            Verb::Release(args) => verbs::release::run(&project, screen, args).await,
            Verb::Promote(args) => verbs::promote::run(&project, screen, args).await,
            Verb::Rollback(args) => verbs::rollback::run(&project, screen, args).await,
            Verb::Serve(args) => verbs::serve::run(&project, screen, args).await,
            Verb::Rotate(args) => verbs::rotate::run(&project, screen, args).await,
            Verb::Unlock(args) => verbs::unlock::run(&project, screen, args).await,
            Verb::Schema | Verb::Completions { .. } | Verb::Build(_) | Verb::Openapi { .. } => {
                Ok(Done::Nothing)
            }
        }
    });
    // A prompt that is still waiting for a line must not keep the process.
    runtime.shutdown_background();
    outcome
}
