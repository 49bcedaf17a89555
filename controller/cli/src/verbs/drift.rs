//! `dn drift`: what changed behind our back.

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

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Drift) -> Result<Done, Failure> {
    let session = Session::open(project, &args.stage.stage)?;
    let skipped = excluded(&args.exclude, &session.declared())?;
    let connected = session.connect(&args.stage).await?;
    let mut observed = connected.observe(&skipped).await?;
    choice::known(&Selection { excluded: skipped.clone(), ..Selection::default() }, &observed)?;
    observed.declared.retain(|one| !skipped.contains(&one.address));
    let stage = &connected.session.stage;
    let drift = model::drift(stage, &observed.declared, &observed.snapshot, observed.attached);
    screen.data(&match (args.json, args.markdown, args.sarif) {
        (true, ..) => render::drift_json(&drift),
        (_, true, _) => render::drift_markdown(&drift),
        (.., true) => render::drift_sarif(&drift),
        _ => render::drift_text(&drift, &screen.style()),
    });
    Ok(if drift.is_empty() { Done::Nothing } else { Done::Drift })
}
