//! `dn rotate`: one safe step of a rotation, or what it waits for and until when.

use crate::{
    args,
    exit::{Done, Failure, Kind},
    project::Project,
    screen::Screen,
};

mod api_key;
mod signing_key;

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Rotate) -> Result<Done, Failure> {
    match (args.what, args.name.clone()) {
        (args::Rotated::SigningKey, None) => signing_key::run(project, screen, args).await,
        (args::Rotated::SigningKey, Some(name)) => {
            Err(Failure::error(format!("there is one signing key, and {name} is no part of its name")))
        }
        (args::Rotated::ApiKey, name) => {
            api_key::run(project, screen, &args, &name.unwrap_or_default()).await
        }
    }
}

fn overtaken() -> Failure {
    Failure::new(Kind::Stale, "somebody was faster, and nothing was changed").hint("run it again")
}
