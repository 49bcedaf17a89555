//! `dn build`: the artefacts, with digest and size.

use stacks::code::{Code, Mode};

use crate::{
    args, artefacts,
    exit::{Done, Failure},
    render,
    screen::Screen,
};

pub(crate) fn run(screen: &Screen, args: &args::Build) -> Result<Done, Failure> {
    let mode = if args.release_mode { Mode::Release } else { Mode::Quick };
    let code = Code { mode, architecture: args.architecture.into() };
    let built = artefacts::build(code)?;
    if let Some(folder) = &args.out {
        artefacts::keep(&built, code, folder)?;
    }
    let built: Vec<_> = built.into_values().collect();
    screen.data(&if args.json { render::built_json(&built) } else { render::built_text(&built) });
    Ok(Done::Nothing)
}
