//! The code of a stage: compiled, checked, zipped.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`compile`] | Cargo builds each service once; the binary picks its function by `_HANDLER` |
//! | [`machine`] | refuses a binary that Lambda could not start |
//! | [`archive`] | a zip that is byte for byte the same from the same binary |

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use contract::{function::Service, needs::Needs};
use serde::{Deserialize, Serialize};
use stacks::code::{Artefact, Artefacts, Code};

use crate::{exit::Failure, source::Source};

mod archive;
mod compile;
mod machine;

/// Names the folder of artefacts that were built before, as `--artefacts` does.
pub(crate) const VARIABLE: &str = "DN_ARTEFACTS";

const MANIFEST: &str = "artefacts.json";

/// What a folder of artefacts holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u32,
    architecture: String,
    artefacts: BTreeMap<String, Entry>,
    /// What they were built from, where git knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    file: String,
    sha256: String,
    size: u64,
}

/// What was built, for people and programs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Built {
    pub(crate) service: &'static str,
    pub(crate) file: PathBuf,
    pub(crate) sha256: String,
    /// Bytes of the zip.
    pub(crate) size: u64,
    /// Bytes of the binary in it.
    pub(crate) binary: u64,
}

/// The artefacts of a stage: those of `folder` where one is named, else built from the source.
pub(crate) fn of_stage(folder: Option<&Path>, code: Code) -> Result<Artefacts, Failure> {
    match folder {
        Some(folder) => read(folder, code),
        None => Ok(build(code)?.into_iter().map(|(service, built)| (service, artefact(&built))).collect()),
    }
}

fn artefact(built: &Built) -> Artefact {
    Artefact { file: Some(built.file.clone()), sha256: built.sha256.clone(), size: built.size }
}

/// Compiles, checks and zips every service.
pub(crate) fn build(code: Code) -> Result<BTreeMap<Service, Built>, Failure> {
    let mut built = BTreeMap::new();
    for (service, binary) in compile::all(code)? {
        let name = service.package();
        let bytes = fs::read(&binary).map_err(|error| Failure::file(&binary, &error))?;
        machine::check(&bytes, code.architecture)
            .map_err(|why| Failure::error(format!("{name}: {why}")).hint(machine::HINT))?;
        let folder = binary.parent().unwrap_or(Path::new(".")).join("artefacts");
        let zip = archive::kept(&folder, name, &bytes, &Needs::of(service).text())?;
        built.insert(
            service,
            Built {
                service: name,
                file: zip.file,
                sha256: zip.sha256,
                size: zip.size,
                binary: bytes.len() as u64,
            },
        );
    }
    Ok(built)
}

/// Copies what was built into a folder that `--artefacts` names later.
pub(crate) fn keep(built: &BTreeMap<Service, Built>, code: Code, folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
    let mut artefacts = BTreeMap::new();
    for built in built.values() {
        let file = format!("{}.zip", built.sha256);
        let to = folder.join(&file);
        fs::copy(&built.file, &to).map_err(|error| Failure::file(&to, &error))?;
        let entry = Entry { file, sha256: built.sha256.clone(), size: built.size };
        artefacts.insert(built.service.to_owned(), entry);
    }
    let (architecture, source) =
        (code.architecture.name().to_owned(), Source::of(Path::new(compile::SOURCE)));
    let manifest = Manifest { version: 1, architecture, artefacts, source };
    let text = serde_json::to_string_pretty(&manifest).map_err(|error| Failure::error(error.to_string()))?;
    let path = folder.join(MANIFEST);
    fs::write(&path, text + "\n").map_err(|error| Failure::file(&path, &error))
}

/// What the artefacts were built from: those of `folder` say it themselves, others are of the source of this program.
/// `project` holds the declarations, and stands for the source of code that does not say where it is from.
pub(crate) fn source(folder: Option<&Path>, project: &Path) -> Result<Option<Source>, Failure> {
    let declared = Source::of(project);
    let built = match folder {
        Some(folder) => manifest(folder)?.source.or_else(|| declared.clone()),
        None => Source::of(Path::new(compile::SOURCE)),
    };
    let Some(mut built) = built else { return Ok(None) };
    let Some(declared) = declared else { return Ok(None) };
    built.revision.dirty |= declared.revision.dirty;
    Ok(Some(built))
}

fn manifest(folder: &Path) -> Result<Manifest, Failure> {
    let path = folder.join(MANIFEST);
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::file(&path, &error).hint("write it with `dn build --out FOLDER`"))?;
    serde_json::from_str(&text).map_err(|error| Failure::error(format!("{}: {error}", path.display())))
}

/// Reads a folder that [`keep`] wrote, and checks that the zips are those it names.
fn read(folder: &Path, code: Code) -> Result<Artefacts, Failure> {
    let (path, manifest) = (folder.join(MANIFEST), manifest(folder)?);
    let wanted = code.architecture.name();
    if manifest.architecture != wanted {
        let text = format!(
            "{} holds code for {}, and the stage wants {wanted}",
            folder.display(),
            manifest.architecture
        );
        return Err(Failure::error(text).hint("build for the architecture of the stage"));
    }
    let mut artefacts = Artefacts::new();
    for service in Service::all() {
        let name = service.package();
        let entry = manifest.artefacts.get(name);
        let entry = entry.ok_or_else(|| {
            Failure::error(format!("{} holds no artefact of {name}", path.display())).hint("build anew")
        })?;
        let file = folder.join(&entry.file);
        let bytes = fs::read(&file).map_err(|error| Failure::file(&file, &error))?;
        if archive::digest(&bytes) != entry.sha256 {
            let text = format!("{} is not what {MANIFEST} says", file.display());
            return Err(Failure::error(text).hint("build anew"));
        }
        artefacts
            .insert(service, Artefact { file: Some(file), sha256: entry.sha256.clone(), size: entry.size });
    }
    Ok(artefacts)
}
