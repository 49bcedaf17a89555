//! The program itself, as a person runs it, against the emulator: the whole stage `dev` from nothing to nothing.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use tokio::{process::Command, time::timeout};

use super::{
    emulator::{Emulator, tell},
    recorder::Recorder,
};
use crate::{
    project::{Project, binary},
    stage::artefacts_folder,
};

/// The account of `environments/dev.yaml`.
pub(super) const DEV: &str = "123456789012";

/// A run takes seconds; on a busy machine a minute.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the emulator lacks (`deviations.rs`); what needs one of these is left out with it.
pub(super) const MISSING: &[&str] = &[
    "*/contact list/*",
    "*/dashboard/*",
    // They name the APIs.
    "*/function policy/*",
    "*/identity/*",
    "*/mail account/*",
    "*/rest api/*",
    "*/usage plan/*",
    // Metric math.
    "observability/alarm/*",
];

/// `dn` in a project of its own.
pub(super) struct Program {
    project: Project,
    recorder: Recorder,
    artefacts: &'static Path,
    /// What is left out.
    without: Vec<&'static str>,
}

pub(super) struct Ended {
    pub(super) code: i32,
    /// Data, and what was told beside it.
    pub(super) data: String,
    pub(super) told: String,
    /// Calls that may have changed something.
    writes: Vec<String>,
}

impl Program {
    async fn new(emulator: &Emulator) -> Self {
        let project = Project::new();
        // The code of tests is no program, and the emulator would run it.
        let file = "environments/dev.yaml";
        project.write(file, &format!("{}\nswitch: {{health_check: false}}\n", project.read(file)));
        Self::of(project, emulator.port, artefacts_folder(), MISSING.to_vec()).await
    }

    /// `dn` with this code, against an account at this port.
    pub(super) async fn of(
        project: Project,
        port: u16,
        artefacts: &'static Path,
        without: Vec<&'static str>,
    ) -> Self {
        Self { project, recorder: Recorder::before(port).await, artefacts, without }
    }

    /// Runs a verb for the stage, with nothing of this shell but what it needs.
    async fn run(&self, verb: &str, more: &[&str]) -> Ended {
        let excluded: Vec<&str> = self.without.iter().flat_map(|without| ["--exclude", *without]).collect();
        self.say(&[&[verb, "dev"], excluded.as_slice(), more].concat(), "").await
    }

    /// Runs it with these words, and with this on standard input.
    pub(super) async fn say(&self, words: &[&str], input: &str) -> Ended {
        self.recorder.forget();
        let stdin = self.project.path("input");
        fs::write(&stdin, input).expect("a file");
        let done = Command::new(binary())
            .env_clear()
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.recorder.port))
            .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
            .env("DN_ARTEFACTS", self.artefacts)
            .envs([("AWS_CONFIG_FILE", "/dev/null"), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")])
            .arg("--project")
            .arg(self.project.path("."))
            .args(words)
            .stdin(fs::File::open(&stdin).expect("a file"))
            .kill_on_drop(true)
            .output();
        let done = timeout(PATIENCE, done).await.unwrap_or_else(|_| panic!("{words:?} ends in {PATIENCE:?}"));
        let done = done.expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ended {
            code: done.status.code().expect("it was not killed"),
            data: text(done.stdout),
            told: text(done.stderr),
            writes: self.recorder.writes(),
        }
    }

    /// The same, for a run that must end with this exit code and write nothing.
    async fn look(&self, verb: &str, more: &[&str], code: i32) -> Ended {
        let ended = self.run(verb, more).await;
        assert_eq!(ended.code, code, "{verb}: {}{}", ended.data, ended.told);
        assert_eq!(ended.writes, Vec::<String>::new(), "{verb} writes nothing");
        assert!(!self.recorder.calls().is_empty(), "{verb} has looked");
        ended
    }

    /// The steps of a plan that must end with this exit code.
    pub(super) async fn planned(&self, code: i32) -> Vec<Value> {
        let plan: Value =
            serde_json::from_str(&self.look("plan", &["--json"], code).await.data).expect("JSON");
        plan["steps"].as_array().expect("steps").clone()
    }

    pub(super) async fn change(&self, verb: &str, more: &[&str]) {
        let ended = self.run(verb, &[&["--yes"], more].concat()).await;
        assert_eq!(ended.code, 0, "{verb}: {}{}", ended.data, ended.told);
        assert!(!ended.writes.is_empty(), "the recorder sees writes");
    }

    fn edit_environment(&self, from: &str, to: &str) {
        let file = self.project.path("environments/dev.yaml");
        let text = fs::read_to_string(&file).expect("the environment");
        assert!(text.contains(from), "{text}");
        fs::write(file, text.replace(from, to)).expect("the environment");
    }
}

fn addresses(steps: &[Value]) -> Vec<&str> {
    steps.iter().map(|step| step["address"].as_str().expect("an address")).collect()
}

#[tokio::test]
async fn a_stage_elsewhere_from_nothing_to_nothing() {
    let Some(emulator) = Emulator::start(DEV).await else { return };
    let dn = Program::new(&emulator).await;

    let births = dn.planned(2).await;
    assert!(births.len() >= 30, "the whole stage: {births:?}");
    assert!(births.iter().all(|step| step["action"] == "create"), "{births:?}");
    dn.change("apply", &[]).await;
    assert_eq!(dn.planned(0).await, Vec::<Value>::new(), "nothing is left to do");
    for (verb, more) in [("drift", &[][..]), ("outputs", &["--json"]), ("doctor", &[])] {
        dn.look(verb, more, 0).await;
    }

    dn.edit_environment("\nalarms:", "\nalarms:\n  dead_letters: 3");
    let steps = dn.planned(2).await;
    let alarms = [
        "shared/alarm/ses-events",
        "financial/alarm/campaigns",
        "shared/alarm/unsubscribe-mailto",
        "shared/alarm/reconcile-contacts",
        "operations/alarm/drift",
        "operations/alarm/rotate",
    ];
    assert_eq!(addresses(&steps), alarms.map(|alarm| format!("{alarm}-dead-letters")), "{steps:?}");
    for step in &steps {
        let [change] = &step["changes"].as_array().expect("changes")[..] else {
            panic!("one change: {step}")
        };
        let told = (&change["field"], &change["live"], &change["want"]);
        assert_eq!(told, (&"threshold".into(), &"1".into(), &"3".into()), "{step}");
    }
    dn.change("apply", &[]).await;
    assert_eq!(dn.planned(0).await, Vec::<Value>::new());
    dn.look("drift", &[], 0).await;

    let set = dn.say(&["secret", "set", "dev", "mailgun"], "hunter2\n").await;
    // Beside the lock and the journal.
    let writes: Vec<&String> = set.writes.iter().filter(|call| !call.contains("-control-")).collect();
    assert_eq!((set.code, writes), (0, vec![&"PutSecretValue".to_owned()]), "{}{}", set.data, set.told);
    assert_eq!(dn.planned(0).await, Vec::<Value>::new(), "a value is no difference");

    let all = addresses(&births);
    let named: Vec<&str> = all.iter().flat_map(|address| ["--destroy-data", *address]).collect();
    dn.change("destroy", &named).await;
    assert_eq!(addresses(&dn.planned(2).await), all, "all is to be made again");
    dn.change("apply", &[]).await;
    assert_eq!(dn.planned(0).await, Vec::<Value>::new(), "what was deleted comes back");
    tell(&format!(
        "independent emulator: dn: {} resources made, changed, destroyed and made again",
        all.len()
    ));
}
