//! `dn graph`: the resources and what they refer to. Asks nobody.

use std::fs;

use crate::{
    args,
    exit::{Done, Failure},
    project::Project,
    render,
    screen::Screen,
    session::Session,
};

pub(crate) fn run(project: &Project, screen: &Screen, args: &args::Graph) -> Result<Done, Failure> {
    let declared = Session::open(project, &args.stage)?.declared();
    match &args.svg {
        None => screen.data(&render::graph_dot(&declared)),
        Some(path) => {
            fs::write(path, render::graph_svg(&declared)).map_err(|error| Failure::file(path, &error))?;
        }
    }
    Ok(Done::Nothing)
}
