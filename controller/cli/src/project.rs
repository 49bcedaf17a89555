//! The folder that a run works in: environments, journals, embedded accounts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use stacks::Environment;

use crate::exit::Failure;

/// The folder with `environments/`.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    root: PathBuf,
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
            Some(root) => Ok(Self { root: root.to_owned() }),
            None => Err(Failure::error(format!("there is no folder `environments` in {}", here.display()))
                .hint("run dn inside the project, or name it with --project FOLDER")),
        }
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
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::error(format!("there is no stage `{stage}`: {shown} is not there"))
                    .hint(format!("stages here: {}", stages(&folder).join(", "))));
            }
            Err(error) => return Err(Failure::file(&path, &error)),
        };
        let environment: Environment = serde_saphyr::from_str(&text).map_err(|error| {
            Failure::error(format!("{shown} cannot be used\n{error}"))
                .hint("`dn schema` prints what the file may hold; editors complete from it")
        })?;
        let wrong = |error: String| Failure::error(format!("{shown}: names: {error}"));
        environment.overrides().map_err(|error| wrong(error.to_string()))?;
        Ok(environment)
    }
}

fn stages(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = files
        .filter_map(|file| file.path().file_name()?.to_str()?.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    names.sort();
    names
}
