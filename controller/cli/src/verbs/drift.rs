//! `dn drift`: what changed behind our back.

use std::collections::BTreeSet;

use model::{Address, Selection, drift::Seen};

use crate::{
    args,
    choice::{self, excluded},
    exit::{Done, Failure},
    project::Project,
    render,
    screen::Screen,
    session::{Connected, Session},
};

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Drift) -> Result<Done, Failure> {
    let session = Session::open(project, &args.stage.stage)?;
    let skipped = excluded(&args.exclude, &session.declared())?;
    let connected = session.connect(&args.stage).await?;
    let drift = of(&connected, skipped).await?;
    screen.data(&match (args.json, args.markdown, args.sarif) {
        (true, ..) => render::drift_json(&drift),
        (_, true, _) => render::drift_markdown(&drift),
        (.., true) => render::drift_sarif(&drift),
        _ => render::drift_text(&drift, &screen.style()),
    });
    Ok(if drift.is_empty() { Done::Nothing } else { Done::Drift })
}

/// Compares a stage with what is live, without `skipped`.
pub(crate) async fn of(connected: &Connected, skipped: BTreeSet<Address>) -> Result<model::Drift, Failure> {
    let (observed, owners) = connected.compare(&skipped).await?;
    let selection = Selection { excluded: skipped, ..Selection::default() };
    choice::known(&selection, &observed)?;
    let Session { stage, accepted, clock, .. } = &connected.session;
    let seen = Seen {
        stage,
        declared: &observed.declared,
        snapshot: &observed.snapshot,
        attached: &observed.attached,
        owners,
    };
    let mut drift = model::drift(seen, &selection, accepted, &render::day(clock.now_ms()));
    let suspects = drift.suspects(seen);
    drift.explain_by(&suspects, &connected.changes_of(&suspects).await);
    Ok(drift)
}
