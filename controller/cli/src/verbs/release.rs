//! `dn release`: writes down, once, what a stage's code is and where it came from.

use std::{collections::BTreeMap, fs};

use contract::{function::Service, needs::Needs};
use release::{Kept, Manifest, Revision, manifest::short, store};

use super::noted::noted;
use crate::{
    args, artefacts,
    exit::{Done, Failure, Kind},
    project::Project,
    releases, render,
    screen::Screen,
    session::Session,
    source::Source,
};

/// What stands for a commit where git knows none.
const UNKNOWN: &str = "unknown";

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Release) -> Result<Done, Failure> {
    let stage = args.stage.stage.as_str();
    let session = Session::open(project, stage)?;
    if let Some(manifest) = &session.release {
        let text = format!("{stage} runs release {}: nothing is built for it", short(&manifest.id()));
        return Err(
            Failure::new(Kind::Blocked, text).hint("make releases where code is built, and promote them")
        );
    }
    let source = source(project, args.allow_dirty)?;
    let zips = zips(&session)?;
    let manifest = manifest(&session, source, &zips)?;
    let connected = session.connect(&args.stage).await?;
    if !connected.control().exists().await? {
        let text = format!("{stage} has no control bucket yet, so there is nowhere to keep a release");
        return Err(Failure::new(Kind::Blocked, text).hint(format!("dn apply {stage}")));
    }
    let id = manifest.id();
    let kept: Kept = noted(&connected, screen, "release", &id, async |aws| {
        let bucket = connected.control_with(aws);
        // The code first: whoever reads a manifest finds what it names.
        for entry in manifest.artefacts.values() {
            let key = kinds::kinds::artefact::key(&entry.sha256);
            if !bucket.holds(&key, &entry.sha256).await? {
                let bytes = &zips[entry.sha256.as_str()];
                bucket.create_digest(&key, bytes, &entry.sha256).await?;
            }
        }
        Ok(store::keep(&bucket, &manifest).await?)
    })
    .await?;
    releases::keep(project, stage, &manifest)?;
    screen.data(&match args.json {
        true => render::release_json(stage, &kept, &manifest),
        false => render::release_text(stage, &kept, &manifest, &screen.style()),
    });
    Ok(Done::Nothing)
}

/// Where the code came from; a source that nobody can have again is refused, unless that is asked for.
fn source(project: &Project, allow_dirty: bool) -> Result<Source, Failure> {
    let found = artefacts::source(project.artefacts(), project.root())?;
    let (text, hint) = match &found {
        Some(source) if !source.revision.dirty => return Ok(source.clone()),
        Some(source) => (
            format!("the source differs from commit {}", short(&source.revision.commit)),
            "commit what is changed, then release; --allow-dirty makes one that cannot be promoted",
        ),
        None => (
            "git knows no commit of the source".to_owned(),
            "commit it, then release; --allow-dirty makes a release that cannot be promoted",
        ),
    };
    if !allow_dirty {
        return Err(Failure::new(Kind::Blocked, format!("{text}: nobody could have it again")).hint(hint));
    }
    let unknown = Source { revision: Revision { commit: UNKNOWN.to_owned(), dirty: true }, toolchain: None };
    Ok(found.unwrap_or(unknown))
}

/// The bytes of every artefact, by digest.
fn zips(session: &Session) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut zips = BTreeMap::new();
    for artefact in session.artefacts.values() {
        let Some(file) = &artefact.file else { continue };
        let bytes = fs::read(file).map_err(|error| Failure::file(file, &error))?;
        if kinds::kinds::artefact::digest(&bytes) != artefact.sha256 {
            return Err(
                Failure::error(format!("{} was built again meanwhile", file.display())).hint("run it again")
            );
        }
        zips.insert(artefact.sha256.clone(), bytes);
    }
    Ok(zips)
}

fn manifest(
    session: &Session,
    source: Source,
    zips: &BTreeMap<String, Vec<u8>>,
) -> Result<Manifest, Failure> {
    let spec_hash = model::plan::spec_hash(&session.declared());
    let architecture = session.architecture();
    let mut manifest = Manifest::new(source.revision, source.toolchain, architecture, spec_hash);
    for (service, artefact) in &session.artefacts {
        let contract = contract(*service, &zips[&artefact.sha256])?;
        manifest = manifest.with(*service, artefact, contract);
    }
    Ok(manifest)
}

/// The contract that is in the zip: whatever this program believes of the service, that is what was built.
fn contract(service: Service, zip: &[u8]) -> Result<Needs, Failure> {
    let wrong = |why: String| {
        Failure::error(format!("the artefact of {}: {why}", service.package()))
            .hint("build it again: dn build")
    };
    let text = store::contract_of(zip).map_err(wrong)?;
    let needs: Needs = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if needs.text() != text {
        return Err(wrong("its contract is of another version of this program".to_owned()));
    }
    Ok(needs)
}
