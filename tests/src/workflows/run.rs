//! A machine that runs the steps of a job as GitHub's do: `bash -eo pipefail`, expressions replaced, outputs kept.
//! Actions are left out: what they give (a checkout, credentials) the project and its embedded accounts have.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::project::{Project, Running, binary, root};

type Outputs = BTreeMap<String, BTreeMap<String, String>>;

pub(super) struct Machine<'p> {
    project: &'p Project,
    programs: TempDir,
    verbs: Vec<String>,
}

impl<'p> Machine<'p> {
    pub(super) fn new(project: &'p Project) -> Self {
        let programs = tempfile::tempdir().expect("a folder");
        let here = programs.path().display();
        let program = |name: &str, script: &str| {
            let path = programs.path().join(name);
            fs::write(&path, format!("#!/bin/bash\necho \"$*\" >> {here}/{name}.asked\n{script}\n"))
                .expect("a file");
            fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("a mode");
        };
        let dn = binary().display();
        program("cargo", &format!("test \"$1\" = dn || exit 1\nshift\nexec {dn} \"$@\""));
        // The comment that is posted first has the id 7.
        let gh = format!(
            "case \"$*\" in\n*--jq*) cat {here}/comments 2>/dev/null ;;\n\
             *'POST repos/'*/comments*) echo 7 > {here}/comments ;;\nesac\ntrue"
        );
        program("gh", &gh);
        program("git", "test \"$1\" = push || exec /usr/bin/git \"$@\"");
        project.write(".gitignore", &fs::read_to_string(root().join(".gitignore")).expect("it is there"));
        let help = project.dn(&["--help"]).text;
        let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let verbs =
            verbs.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
        let machine = Self { project, verbs: verbs.map(str::to_owned).collect(), programs };
        assert!(machine.verbs.iter().any(|verb| verb == "drift"), "{:?}", machine.verbs);
        machine
            .bash("git init --quiet && git add . && git -c user.name=a -c user.email=a@b commit -qm a", &[]);
        machine
    }

    /// What a program was asked for, a line a call.
    pub(super) fn asked(&self, program: &str) -> Vec<String> {
        let text = fs::read_to_string(self.programs.path().join(format!("{program}.asked")));
        text.unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// The subjects of all commits, the newest first.
    pub(super) fn subjects(&self) -> Vec<String> {
        let (code, text) = self.bash("git log --format=%s", &[]);
        assert_eq!(code, 0, "{text}");
        text.lines().map(str::to_owned).collect()
    }

    /// Runs the steps of a job, which must end well; what they printed.
    pub(super) fn job(&self, workflow: &Value, job: &str) -> String {
        let (code, text) = self.steps(workflow, job);
        assert_eq!(code, 0, "{job}: {text}");
        text
    }

    /// Runs the steps of a job, one of which must fail.
    pub(super) fn failing_job(&self, workflow: &Value, job: &str) -> String {
        let (code, text) = self.steps(workflow, job);
        assert_ne!(code, 0, "{job}: {text}");
        text
    }

    fn steps(&self, workflow: &Value, job: &str) -> (i32, String) {
        let about = &workflow["jobs"][job];
        let stage = about["strategy"]["matrix"]["stage"][0].as_str().unwrap_or_default();
        let (mut outputs, mut all) = (Outputs::new(), String::new());
        let mut ran = 0;
        for step in about["steps"].as_array().expect("steps") {
            if step["run"].is_null() || !holds(step["if"].as_str(), &outputs) {
                continue;
            }
            let name = step["name"].as_str().expect("a name");
            if let Some(verb) = self.lacks(step) {
                println!("{job}: `{name}` is not run: this program has no verb `{verb}`");
                continue;
            }
            let (code, text) = self.step(step, stage, &mut outputs);
            all += &text;
            ran += 1;
            if code != 0 {
                return (code, all);
            }
        }
        assert!(ran > 0, "{job}: something is run");
        (0, all)
    }

    /// The verb of a step that this program does not have.
    fn lacks(&self, step: &Value) -> Option<String> {
        let mut words = step["run"].as_str()?.split("cargo dn ").nth(1)?.split_whitespace();
        let verb = words.next()?.to_owned();
        (!self.verbs.contains(&verb)).then_some(verb)
    }

    fn step(&self, step: &Value, stage: &str, outputs: &mut Outputs) -> (i32, String) {
        let replaced = |text: &str| expand(text, stage, outputs);
        let script = step["run"].as_str().expect("a script");
        assert!(
            !script.contains("${{"),
            "expressions belong into `env`, where a shell does not read them: {script}"
        );
        let env = step["env"].as_object().into_iter().flatten();
        let env: Vec<(String, String)> =
            env.map(|(name, value)| (name.clone(), replaced(value.as_str().expect("text")))).collect();
        let file = self.programs.path().join("outputs");
        fs::write(&file, "").expect("a file");
        let (code, text) = self.bash(script, &env);
        if let Some(id) = step["id"].as_str() {
            outputs.insert(id.to_owned(), kept(&file));
        }
        (code, text)
    }

    /// The outputs of one step of a stage.
    pub(super) fn outputs_of(&self, step: &Value, stage: &str) -> BTreeMap<String, String> {
        let mut outputs = Outputs::new();
        let (code, text) = self.step(step, stage, &mut outputs);
        assert_eq!(code, 0, "{text}");
        outputs.into_values().next().expect("outputs")
    }

    fn bash(&self, script: &str, env: &[(String, String)]) -> (i32, String) {
        let options = ["--noprofile", "--norc", "-eo", "pipefail", "-c", script];
        let mut command = self.project.command(Path::new("/bin/bash"), &options);
        let programs: PathBuf = self.programs.path().to_owned();
        command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
        command.env("GITHUB_OUTPUT", programs.join("outputs"));
        command.env("GITHUB_REPOSITORY", "distro-nation/crm-infrastructure");
        command.env("GITHUB_SHA", "0".repeat(40)).env("GITHUB_REF", "refs/heads/main");
        command.envs(env.iter().cloned());
        let ran = Running::of(command).finish();
        (ran.code.unwrap_or(-1), ran.text)
    }
}

/// `name=value`, a line each.
fn kept(file: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(file).expect("outputs");
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The value of an expression.
fn value(expression: &str, stage: &str, outputs: &Outputs) -> String {
    match expression.trim() {
        "matrix.stage" => stage.to_owned(),
        "github.token" => "token".to_owned(),
        "github.event.pull_request.number" => "12".to_owned(),
        other => {
            let parts: Vec<&str> = other.split('.').collect();
            let ["steps", id, "outputs", name] = parts.as_slice() else {
                panic!("{other} is not known here")
            };
            outputs[*id][*name].clone()
        }
    }
}

fn expand(text: &str, stage: &str, outputs: &Outputs) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${{") {
        let (expression, after) = after.split_once("}}").expect("an end");
        out += before;
        out += &value(expression, stage, outputs);
        rest = after;
    }
    out + rest
}

/// Whether a step's condition holds: none, or `EXPRESSION == 'TEXT'`.
fn holds(condition: Option<&str>, outputs: &Outputs) -> bool {
    let Some(condition) = condition else { return true };
    let (left, right) = condition.split_once(" == ").expect("a comparison");
    value(left, "", outputs) == right.trim_matches('\'')
}
