//! `dn rollback`: back to an earlier release of the stage, by its digests.

use std::collections::BTreeSet;

use release::{Kept, Manifest, live, manifest::short};

use super::{
    plan,
    promote::{Going, Told, go_to},
};
use crate::{
    args,
    exit::{Done, Failure, Kind},
    project::Project,
    releases,
    screen::Screen,
    session::Session,
};

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Rollback) -> Result<Done, Failure> {
    let stage = args.stage.stage.clone();
    let mut target = Session::without_code(project, &stage)?.connect(&args.stage).await?;
    let all = releases::all(&target.control()).await?;
    let chosen = match &args.release {
        Some(wanted) => named(&stage, &all, wanted)?,
        None => {
            let serving = live::serving(&target.looking()).await?;
            let digests = live::digests(&serving).ok();
            before(&stage, &all, |manifest| digests.as_ref().is_some_and(|digests| manifest.is(digests)))?
        }
    };
    target.session.run_release(&chosen)?;
    plan::fits(&target.session, &chosen, &BTreeSet::new())?;
    let going = Going { verb: "rollback", yes: args.yes, apply: true, json: false };
    let told = Told { from: None, to: &stage, manifest: &chosen, copied: 0 };
    go_to(project, screen, &target, &going, &told).await
}

/// The release that is called so, or starts so.
fn named(stage: &str, all: &[(Kept, Manifest)], wanted: &str) -> Result<Manifest, Failure> {
    let found: Vec<_> = all.iter().filter(|(kept, _)| kept.id.starts_with(wanted)).collect();
    match found.as_slice() {
        [(_, manifest)] => Ok(manifest.clone()),
        [] => Err(Failure::new(Kind::Blocked, format!("{stage} has no release {wanted}")).hint(known(all))),
        _ => Err(Failure::new(Kind::Blocked, format!("several releases of {stage} begin with {wanted}"))
            .hint(known(all))),
    }
}

/// The one that came before what is live; when what is live is no release, the last that came.
fn before(
    stage: &str,
    all: &[(Kept, Manifest)],
    is_live: impl Fn(&Manifest) -> bool,
) -> Result<Manifest, Failure> {
    let live = all.iter().rposition(|(_, manifest)| is_live(manifest));
    let end = live.unwrap_or(all.len());
    // Another release of the very same code would change nothing.
    let earlier = all[..end].iter().rev().find(|(_, manifest)| !is_live(manifest));
    let (_, manifest) = earlier.ok_or_else(|| {
        Failure::new(Kind::Blocked, format!("{stage} has no release before the one that is live"))
            .hint(known(all))
    })?;
    Ok(manifest.clone())
}

fn known(all: &[(Kept, Manifest)]) -> String {
    let line = |(kept, manifest): &(Kept, Manifest)| {
        format!("{}  of commit {}", short(&kept.id), short(&manifest.revision.commit))
    };
    let lines: Vec<String> = all.iter().rev().take(10).map(line).collect();
    if lines.is_empty() {
        "it has no releases".to_owned()
    } else {
        format!("the newest first:\n{}", lines.join("\n"))
    }
}
