//! The folder that a run works in: environments, journals, embedded accounts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_saphyr::Spanned;
use stacks::Environment;

use crate::exit::Failure;

/// The folder with `environments/`.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    root: PathBuf,
    /// Code that was built before; otherwise it is built when it is needed.
    artefacts: Option<PathBuf>,
}

impl Project {
    /// The named folder, or the nearest one upwards from the working directory.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let here = match named {
            Some(folder) => folder.to_owned(),
            None => std::env::current_dir().map_err(|error| Failure::file(Path::new("."), &error))?,
        };
        let mut candidates: Box<dyn Iterator<Item = &Path>> = if named.is_some() {
            Box::new(std::iter::once(here.as_path()))
        } else {
            Box::new(here.ancestors())
        };
        match candidates.find(|folder| folder.join("environments").is_dir()) {
            Some(root) => Ok(Self { root: root.to_owned(), artefacts: None }),
            None => Err(Failure::error(format!("there is no folder `environments` in {}", here.display()))
                .hint("run dn inside the project, or name it with --project FOLDER")),
        }
    }

    pub(crate) fn with_artefacts(self, artefacts: Option<PathBuf>) -> Self {
        Self { artefacts, ..self }
    }

    pub(crate) fn artefacts(&self) -> Option<&Path> {
        self.artefacts.as_deref()
    }

    /// The folder with `environments/`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn environment_file(&self, stage: &str) -> PathBuf {
        self.root.join("environments").join(format!("{stage}.yaml"))
    }

    /// Where a stage keeps its journal and, when embedded, its account.
    pub(crate) fn state(&self, stage: &str) -> PathBuf {
        self.root.join(".dn").join(stage)
    }

    /// Reads and checks `environments/STAGE.yaml`.
    pub(crate) fn environment(&self, stage: &str) -> Result<Environment, Failure> {
        let folder = self.root.join("environments");
        let path = folder.join(format!("{stage}.yaml"));
        let shown = path.strip_prefix(&self.root).unwrap_or(&path).display().to_string();
        let names = stages(&folder);
        // Compared with what is there and not only opened: `../sandbox` is a path, and no stage.
        if !names.iter().any(|name| name == stage) {
            let failure = Failure::error(format!("there is no stage `{stage}`: {shown} is not there"));
            return Err(match names.is_empty() {
                true => {
                    failure.hint("every stage is a file such as environments/dev.yaml; `dn schema` tells how")
                }
                false => failure.hint(format!("stages here: {}", names.join(", "))),
            });
        }
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return Err(Failure::file(&path, &error)),
        };
        let environment: Environment =
            serde_saphyr::from_str(&text).map_err(|error| unusable(&shown, &error.to_string()))?;
        environment.overrides().map_err(|error| {
            Failure::error(format!("{shown}: names: {error}"))
                .hint(format!("`dn graph {stage}` lists all addresses, once the key is corrected"))
        })?;
        environment.check().map_err(|what| {
            Failure::error(format!("{shown}: {what}"))
                .hint("`dn schema` prints what the file may hold; editors complete from it")
        })?;
        Ok(environment)
    }
}

/// Where the entries of an environment begin.
#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    accepted: Vec<PlaceOfAccepted>,
}

#[derive(Deserialize)]
struct PlaceOfAccepted {
    address: Spanned<String>,
}

impl Project {
    /// Line and column of the address of an accepted difference: `environments/dev.yaml:12:14`.
    pub(crate) fn place_of_accepted(&self, stage: &str, entry: usize) -> String {
        let shown = format!("environments/{stage}.yaml");
        let text = fs::read_to_string(self.root.join(&shown)).unwrap_or_default();
        let places: Option<Places> = serde_saphyr::from_str(&text).ok();
        let at = places.and_then(|places| Some(places.accepted.get(entry)?.address.referenced));
        at.map_or(shown.clone(), |at| format!("{shown}:{}:{}", at.line(), at.column()))
    }
}

/// What the reader of YAML found, with the file's name where it knows only of an input.
fn unusable(shown: &str, found: &str) -> Failure {
    let found = found.strip_prefix("error: ").unwrap_or(found).replace("<input>", shown);
    let found = found.replace(", set DuplicateKeyPolicy in Options if acceptable", "");
    Failure::error(format!("{shown} cannot be used\n{found}"))
        .hint("`dn schema` prints what the file may hold; editors complete from it")
}

fn stages(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = files
        .filter_map(|file| file.path().file_name()?.to_str()?.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    names.sort();
    names
}
