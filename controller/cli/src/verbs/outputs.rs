//! `dn outputs`: URLs, ids and names that others need.

use std::collections::BTreeMap;

use model::Selection;

use crate::{
    args,
    choice::{self, excluded},
    exit::{Done, Failure},
    project::Project,
    render,
    screen::Screen,
    session::Session,
};

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Outputs) -> Result<Done, Failure> {
    let session = Session::open(project, &args.stage.stage)?;
    let skipped = excluded(&args.exclude, &session.declared())?;
    let connected = session.connect(&args.stage).await?;
    let observed = connected.observe(&skipped).await?;
    choice::known(&Selection { excluded: skipped, ..Selection::default() }, &observed)?;
    let outputs: BTreeMap<_, _> =
        observed.snapshot.found.into_iter().map(|(address, found)| (address, found.outputs)).collect();
    let hand_over = connected.session.hand_over()?;
    screen.data(&match args.json {
        true => render::outputs_json(&outputs, &hand_over),
        false => render::outputs_text(&outputs, &hand_over),
    });
    Ok(Done::Nothing)
}
