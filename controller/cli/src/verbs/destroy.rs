//! `dn destroy`: deletes what the stage owns.

use crate::{
    args,
    choice::{excluded, named},
    exit::{Done, Failure, Kind},
    project::Project,
    render,
    screen::Screen,
    session::Session,
    verbs::{
        apply::{confirm, destruction, go_on_after_doubts, tell_of_doubts},
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
    let doubts = go_on_after_doubts(&connected, screen).await?;
    let (planned, observation) = plan::make(&connected, &selection).await?;
    tell_of_doubts(&doubts, &observation.snapshot, &planned, screen);
    screen.data(&render::plan_text(&planned, &screen.style()));
    if planned.is_empty() {
        return kept(&planned).map_or(Ok(Done::Nothing), Err);
    }
    if !args.yes {
        confirm(screen, &planned.stage, "destroy all of this").await?;
    }
    // What failed comes before what was kept on purpose: the plan has named that already.
    let done = run::execute(&connected, screen, &planned, "destroy", run::Origin::Fresh).await?;
    kept(&planned).map_or(Ok(done), Err)
}

/// What was refused, each with its reason, and how to destroy it all the same.
fn kept(plan: &model::Plan) -> Option<Failure> {
    if plan.kept.is_empty() {
        return None;
    }
    let lines: Vec<String> = plan.kept.iter().map(|(address, why)| format!("{address}: {why}")).collect();
    let names: Vec<String> = plan
        .kept
        .iter()
        .filter(|(_, why)| why.starts_with("it holds data"))
        .map(|(address, _)| format!("--destroy-data '{address}'"))
        .collect();
    let failure = Failure::new(
        Kind::Blocked,
        format!("kept: {}\n{}", render::count(lines.len(), "resource"), lines.join("\n")),
    );
    Some(match names.is_empty() {
        true => failure.hint("switch the protection off in the environment, apply that, then destroy"),
        false => failure.hint(format!("to destroy the data too:\n{}", names.join("\n"))),
    })
}
