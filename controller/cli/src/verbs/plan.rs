//! `dn plan`: what apply would do.

use std::{collections::BTreeSet, fs};

use engine::Observation;
use model::{Address, Plan, Selection};
use release::{Manifest, manifest::short, needs};

use crate::{
    args,
    choice::{self, select},
    exit::{Done, Failure, Kind},
    ledger,
    project::Project,
    render,
    screen::Screen,
    session::{Connected, Session},
};

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Plan) -> Result<Done, Failure> {
    let session = Session::open(project, &args.stage.stage)?;
    session.within_quotas()?;
    let selection = select(&args.choice, &session.declared())?;
    let connected = session.connect(&args.stage).await?;
    let (plan, _) = make(&connected, &selection).await?;
    if let Some(path) = &args.out {
        fs::write(path, render::plan_json(&plan)).map_err(|error| Failure::file(path, &error))?;
    }
    match (args.json, args.markdown) {
        (true, _) => screen.data(&render::plan_json(&plan)),
        (_, true) => screen.data(&render::plan_markdown(&plan)),
        _ => screen.data(&render::plan_text(&plan, &screen.style())),
    }
    match (plan.blocks().next(), plan.is_empty()) {
        (Some(_), _) => Err(blocked(&plan)),
        (None, true) => Ok(Done::Nothing),
        (None, false) => Ok(Done::Changes),
    }
}

/// Looks at everything and decides. Changes nothing.
pub(crate) async fn make(
    connected: &Connected,
    selection: &Selection,
) -> Result<(Plan, Observation), Failure> {
    let skipped = skipped(selection, connected);
    if let Some(manifest) = connected.session.release.as_ref().filter(|_| !selection.destroy) {
        fits(&connected.session, manifest, &skipped)?;
    }
    let observation = match selection.destroy {
        true => connected.observe_closely(&skipped).await?,
        false => connected.observe(&skipped).await?,
    };
    choice::known(selection, &observation)?;
    // An estimate: a journal that cannot be read is told by the verbs that are about it.
    let journal = ledger::read(&connected.session.state).unwrap_or_default();
    let (target, Observation { declared, snapshot, .. }) = (connected.session.target(), &observation);
    let plan = model::plan_at(journal.pace(), target, declared, snapshot, selection)
        .map_err(|error| Failure::error(error.to_string()))?;
    Ok((plan, observation))
}

/// Whether the stage gives the code of its release what it reads; what takes no part is not asked.
pub(crate) fn fits(
    session: &Session,
    manifest: &Manifest,
    skipped: &BTreeSet<Address>,
) -> Result<(), Failure> {
    let mut declared = session.declared();
    declared.retain(|one| !skipped.contains(&one.address));
    let unmet = needs::unmet(manifest, &declared);
    if unmet.is_empty() {
        return Ok(());
    }
    let text = format!(
        "release {} does not fit what {} declares, and nothing was changed\n       {}",
        short(&manifest.id()),
        session.stage,
        unmet.join("\n       ")
    );
    Err(Failure::new(Kind::Blocked, text).hint(format!(
        "check out a revision that fits (the release is of {}), or choose another release",
        short(&manifest.revision.commit)
    )))
}

/// What need not be looked at: what is excluded, and what is not targeted nor needed by a target.
pub(crate) fn skipped(selection: &Selection, connected: &Connected) -> BTreeSet<Address> {
    let mut skipped = selection.excluded.clone();
    if selection.targets.is_empty() {
        return skipped;
    }
    let declared = connected.session.declared();
    let mut wanted: BTreeSet<Address> = BTreeSet::new();
    let mut queue: Vec<Address> = selection.targets.iter().cloned().collect();
    while let Some(next) = queue.pop() {
        if wanted.insert(next.clone()) {
            let one = declared.iter().find(|one| one.address == next);
            queue.extend(one.into_iter().flat_map(|one| one.references.iter().cloned()));
        }
    }
    skipped.extend(declared.into_iter().map(|one| one.address).filter(|address| !wanted.contains(address)));
    skipped
}

/// A plan with a step that must not run.
pub(crate) fn blocked(plan: &Plan) -> Failure {
    let reasons: Vec<String> = plan
        .blocks()
        .filter_map(|(step, note)| match note {
            model::Note::Blocked { why, hint } => Some(format!("{}: {why}\n         {hint}", step.address)),
            _ => None,
        })
        .collect();
    let text = format!("{} of the steps must not run\n       {}", reasons.len(), reasons.join("\n       "));
    Failure::new(Kind::Blocked, text)
}
