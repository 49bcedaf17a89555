//! `dn promote`: the release that is live in one stage becomes the next release of another.
//!
//! Nothing is built. What is copied is written once, under its digest; then one line of an environment changes; then
//! it is a plan like any other. Interrupted anywhere, the same command goes on.

use std::{collections::BTreeSet, fs};

use keeper::control::ControlLock;
use model::{Selection, journal::Run};
use release::{Difference, Kept, Manifest, live, manifest::short, pin, store};

use super::{
    apply::{confirm, go_on_after_doubts, tell_of_doubts},
    noted::noted,
    plan, run,
};
use crate::{
    args::{self, Stage, Weather},
    exit::{Done, Failure, Kind},
    ledger,
    project::Project,
    releases, render,
    screen::Screen,
    session::{Connected, Session},
};

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Promote) -> Result<Done, Failure> {
    let args::Promote { from, to, .. } = &args;
    if from == to {
        return Err(Failure::error(format!("{from} cannot be promoted to itself")));
    }
    let options = Stage { stage: from.clone(), weather: Weather::Calm, trouble: Vec::new(), later: None };
    let source = Session::without_code(project, from)?.with_profile(args.from_profile.clone());
    let mut source = source.connect(&options).await?;
    let manifest = live_release(&mut source, screen).await?;

    let options =
        Stage { stage: to.clone(), weather: args.weather, trouble: args.trouble.clone(), later: None };
    let mut target = Session::without_code(project, to)?.with_profile(args.to_profile.clone());
    target.run_release(&manifest)?;
    plan::fits(&target, &manifest, &BTreeSet::new())?;
    let target = target.connect(&options).await?;
    let going = Going { verb: "promote", yes: args.yes, apply: args.apply, json: args.json };
    if !target.control().exists().await? {
        make_control_bucket(&target, screen, &going, from).await?;
    }
    let copied = copy(&source, &target, &manifest, screen).await?;
    let told = Told { from: Some(from), to, manifest: &manifest, copied };
    go_to(project, screen, &target, &going, &told).await
}

/// How far a verb goes.
pub(super) struct Going {
    pub(super) verb: &'static str,
    pub(super) yes: bool,
    pub(super) apply: bool,
    pub(super) json: bool,
}

/// What is told of a release on its way.
pub(crate) struct Told<'a> {
    /// The stage that it comes from; `None` for one that goes back to an earlier release.
    pub(crate) from: Option<&'a str>,
    pub(crate) to: &'a str,
    pub(crate) manifest: &'a Manifest,
    /// Artefacts that were not there yet.
    pub(crate) copied: usize,
}

/// The release that a stage runs, or every reason why it cannot be handed on.
async fn live_release(from: &mut Connected, screen: &Screen) -> Result<Manifest, Failure> {
    let stage = from.session.stage.clone();
    let mut reasons: Vec<String> = unfinished(from, screen).await?;
    let serving = live::serving(&from.looking()).await?;
    let found = match live::digests(&serving) {
        Ok(digests) => {
            let all = releases::all(&from.control()).await?;
            let found = chosen(all, from.session.release_line(), |manifest| manifest.is(&digests));
            if found.is_none() {
                reasons.push(format!("what is live is no release: dn release {stage}"));
            }
            found
        }
        Err(why) => {
            reasons.extend(why);
            None
        }
    };
    if let Some((_, manifest)) = &found {
        if manifest.revision.dirty {
            reasons.push(format!("release {} was made of a dirty source", short(&manifest.id())));
        }
        // Drift is told from what is live, and not from what this checkout would build.
        from.session.run_release(manifest)?;
        reasons.extend(drifted(from).await?);
    }
    reasons.extend(ringing(from).await?);
    match found {
        Some((_, manifest)) if reasons.is_empty() => Ok(manifest),
        _ => {
            let text = format!("{stage} cannot be promoted\n       {}", reasons.join("\n       "));
            Err(Failure::new(Kind::Blocked, text).hint("put that right, then promote: nothing was changed"))
        }
    }
}

/// The release that the environment names, if it fits; else the last that came.
fn chosen(
    all: Vec<(Kept, Manifest)>,
    named: Option<&str>,
    fits: impl Fn(&Manifest) -> bool,
) -> Option<(Kept, Manifest)> {
    let mut fitting: Vec<_> = all.into_iter().filter(|(_, manifest)| fits(manifest)).collect();
    let place = fitting.iter().position(|(kept, _)| Some(kept.id.as_str()) == named);
    match place {
        Some(place) => Some(fitting.swap_remove(place)),
        None => fitting.pop(),
    }
}

async fn unfinished(from: &Connected, screen: &Screen) -> Result<Vec<String>, Failure> {
    let store = ControlLock::new(from.lock_writer(), &stacks::control_bucket());
    let held = engine::lock::holder(&store).await?;
    let held = held.map(|note| format!("{} holds its lock: something is being applied", note.owner));
    ledger::refresh(from, screen).await?;
    let journal = ledger::read(&from.session.state)?;
    let open = journal.unfinished().map(|Run { verb, who, begun_ms, .. }| {
        let when = render::instant(*begun_ms);
        format!("the {verb} of {who} at {when} was not finished: dn apply {}", from.session.stage)
    });
    Ok(held.into_iter().chain(open).collect())
}

async fn drifted(from: &Connected) -> Result<Vec<String>, Failure> {
    let drift = super::drift::of(from, BTreeSet::new()).await?;
    let changed = drift.drifted.iter().map(|one| {
        let fields: Vec<&str> = one.changes.iter().map(|change| change.field.as_str()).collect();
        format!("{} has drifted: {}", one.address, fields.join(", "))
    });
    let missing = drift.missing.iter().map(|address| format!("{address} is not there"));
    let unmanaged = drift.unmanaged.iter().map(|what| format!("{what} is not declared"));
    Ok(changed.chain(missing).chain(unmanaged).collect())
}

async fn ringing(from: &Connected) -> Result<Vec<String>, Failure> {
    let declared = from.session.declared();
    let alarms = declared.into_iter().filter(|one| one.address.kind() == "alarm");
    let names: Vec<String> = alarms.map(|one| one.physical).collect();
    let found = kinds::kinds::alarm::ringing(&stacks::control_bucket(), &names, &from.looking()).await?;
    Ok(found.into_iter().map(|name| format!("the alarm {name} rings")).collect())
}

/// There must be somewhere to copy to.
async fn make_control_bucket(
    target: &Connected,
    screen: &Screen,
    going: &Going,
    from: &str,
) -> Result<(), Failure> {
    let stage = &target.session.stage;
    if !going.apply {
        let text = format!("{stage} has no control bucket yet, so there is nowhere to copy to");
        let hint = format!("dn promote {from} {stage} --apply makes it first");
        return Err(Failure::new(Kind::Blocked, text).hint(hint));
    }
    let selection = Selection { targets: [stacks::control_bucket()].into(), ..Selection::default() };
    go_on_after_doubts(target, screen).await?;
    let (planned, _) = plan::make(target, &selection).await?;
    screen.remark(&render::plan_text(&planned, &screen.style()));
    if planned.blocks().next().is_some() {
        return Err(plan::blocked(&planned));
    }
    if !going.yes {
        confirm(screen, stage, "make the control bucket").await?;
    }
    run::execute(target, screen, &planned, going.verb, run::Origin::Fresh).await.map(drop)
}

/// Copies what the target does not hold yet. A journal line is written only where there is something to copy.
async fn copy(
    source: &Connected,
    target: &Connected,
    manifest: &Manifest,
    screen: &Screen,
) -> Result<usize, Failure> {
    if store::holds(&target.control(), manifest).await? {
        return Ok(0);
    }
    let from = source.control();
    noted(target, screen, "copy", &manifest.id(), async |aws| {
        Ok(store::bring(&from, &target.control_with(aws), manifest).await?)
    })
    .await
}

/// Changes the one line, plans, and goes on as far as was asked.
pub(super) async fn go_to(
    project: &Project,
    screen: &Screen,
    target: &Connected,
    going: &Going,
    told: &Told<'_>,
) -> Result<Done, Failure> {
    releases::keep(project, told.to, told.manifest)?;
    // Asked before the line is written: what is deployed is of the revision that was there.
    target.session.revision();
    write_line(project, told.to, &told.manifest.id())?;
    let doubts = go_on_after_doubts(target, screen).await?;
    let selection = Selection::default();
    let (planned, observation) = plan::make(target, &selection).await?;
    tell_of_doubts(&doubts, &observation.snapshot, &planned, screen);
    let difference = Difference::of(&planned);
    screen.data(&match going.json {
        true => render::promotion_json(told, &difference, &planned),
        false => render::promotion_text(told, &difference, &planned, &screen.style()),
    });
    if planned.blocks().next().is_some() {
        return Err(plan::blocked(&planned));
    }
    if planned.is_empty() {
        return Ok(Done::Nothing);
    }
    if !going.apply {
        return Ok(Done::Changes);
    }
    if !going.yes {
        confirm(screen, told.to, "apply this plan").await?;
        let (now, _) = plan::make(target, &selection).await?;
        if run::plan_digest(&now) != run::plan_digest(&planned) {
            let text = "the stage was changed meanwhile, and nothing was applied";
            return Err(Failure::new(Kind::Stale, text).hint("run it again, look, and confirm that"));
        }
    }
    run::execute(target, screen, &planned, going.verb, run::Origin::Fresh).await
}

/// The one line, and everything else byte for byte; whole or not at all.
fn write_line(project: &Project, stage: &str, release: &str) -> Result<(), Failure> {
    let path = project.environment_file(stage);
    let failed = |error: std::io::Error| Failure::file(&path, &error);
    let text = fs::read_to_string(&path).map_err(failed)?;
    let pinned = pin::pinned(&text, release);
    if pinned == text {
        return Ok(());
    }
    let part = path.with_extension(format!("yaml.part-{}", std::process::id()));
    fs::write(&part, pinned).map_err(failed)?;
    fs::rename(&part, &path).map_err(failed)
}
