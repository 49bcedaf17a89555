//! `dn destroy`: deletes what the stage owns.

use crate::{
    args,
    choice::{excluded, named},
    exit::{Done, Failure},
    project::Project,
    render,
    screen::Screen,
    session::Session,
    verbs::{
        apply::{confirm, destruction},
        plan, run,
    },
};

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Destroy) -> Result<Done, Failure> {
    let session = Session::open(project, &args.stage.stage)?;
    let selection = destruction(model::Selection {
        excluded: excluded(&args.exclude, &session.declared())?,
        destroy_data: named(&args.destroy_data)?,
        ..model::Selection::default()
    });
    let connected = session.connect(&args.stage).await?;
    let (planned, _) = plan::make(&connected, &selection).await?;
    screen.data(&render::plan_text(&planned, &screen.style()));
    if planned.blocks().next().is_some() {
        let names: Vec<String> = planned
            .blocks()
            .filter(|(step, _)| step.notes.iter().any(|note| matches!(note, model::Note::LosesData { .. })))
            .map(|(step, _)| format!("--destroy-data '{}'", step.address))
            .collect();
        let failure = plan::blocked(&planned);
        return Err(match names.is_empty() {
            true => failure,
            false => failure.hint(format!("to destroy the data too: {}", names.join(" "))),
        });
    }
    if planned.is_empty() {
        return Ok(Done::Nothing);
    }
    if !args.yes {
        confirm(screen, &planned.stage, "destroy all of this").await?;
    }
    run::execute(&connected, screen, &planned, "destroy").await
}
