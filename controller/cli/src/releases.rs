//! The release that a stage runs: its manifest, kept beside the journal once it was read from the control bucket. A
//! name is the digest of what it names, so what is kept can be believed.

use std::{fs, path::PathBuf};

use kinds::{Objects, Reader};
use release::{Kept, Manifest, manifest::short, store};
use tokio::{runtime::Handle, task::block_in_place};

use crate::{
    args::{Stage, Weather},
    exit::{Failure, Kind},
    project::Project,
    session::Session,
};

fn place(project: &Project, stage: &str, id: &str) -> PathBuf {
    project.state(stage).join("releases").join(format!("{id}.json"))
}

/// The release that an environment names.
pub(crate) fn named(project: &Project, stage: &str, id: &str) -> Result<Manifest, Failure> {
    if id.len() != 64 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let text = format!("environments/{stage}.yaml: release: `{id}` is no name of a release");
        return Err(
            Failure::error(text).hint(format!("`dn promote` and `dn rollback {stage}` write this line"))
        );
    }
    let kept = fs::read(place(project, stage, id)).ok();
    if let Some(manifest) = kept.and_then(|bytes| Manifest::read(id, &bytes).ok()) {
        return Ok(manifest);
    }
    // What is declared is needed before anything else, and asking takes a while only once a machine.
    let manifest = block_in_place(|| Handle::current().block_on(ask(project, stage, id)))?;
    keep(project, stage, &manifest)?;
    Ok(manifest)
}

async fn ask(project: &Project, stage: &str, id: &str) -> Result<Manifest, Failure> {
    let options = Stage { stage: stage.to_owned(), weather: Weather::Calm, trouble: Vec::new(), later: None };
    let connected = Session::without_code(project, stage)?.connect(&options).await?;
    let bucket = connected.control();
    let found = store::list(&bucket).await?.into_iter().find(|kept| kept.id == id);
    let kept = found.ok_or_else(|| {
        let text = format!("{stage} is to run release {}, which its control bucket does not hold", short(id));
        Failure::new(Kind::Blocked, text).hint(format!("promote it to {stage}, or name another release"))
    })?;
    Ok(store::read(&bucket, &kept).await?)
}

/// Keeps a manifest on this machine.
pub(crate) fn keep(project: &Project, stage: &str, manifest: &Manifest) -> Result<(), Failure> {
    let path = place(project, stage, &manifest.id());
    let failed = |error: std::io::Error| Failure::file(&path, &error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(&path, manifest.bytes()).map_err(failed)
}

/// Every release of a stage with its manifest, in the order of arrival.
pub(crate) async fn all(bucket: &Objects<Reader>) -> Result<Vec<(Kept, Manifest)>, Failure> {
    let mut all = Vec::new();
    for kept in store::list(bucket).await? {
        let manifest = store::read(bucket, &kept).await?;
        all.push((kept, manifest));
    }
    Ok(all)
}
