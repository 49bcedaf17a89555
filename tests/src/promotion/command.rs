//! The real program on three embedded accounts: each stage has a folder of its own.

use std::process::{Command, Stdio};

use contract::{function::Service, needs::Needs};
use sandbox::Account;
use serde_json::Value;
use stacks::Artefacts;
use tempfile::TempDir;

use super::served;
use crate::{
    project::{Project, Ran},
    stage::{write_artefact, write_list, write_zip},
};

const STAGES: [(&str, &str); 3] =
    [("dev", "123456789012"), ("staging", "111122223333"), ("prod", "444455556666")];

/// Three stages on accounts of their own, in a repository.
struct Company {
    project: Project,
    /// Folders of artefacts, by edition.
    built: TempDir,
}

impl Company {
    fn new() -> Self {
        let company = Self { project: Project::new(), built: TempDir::new().expect("a folder") };
        for (stage, _) in STAGES {
            let file = format!("environments/{stage}.yaml");
            company.project.replace(&file, "\nregion: us-east-1\n", "\nregion: us-east-1\nembedded: true\n");
        }
        company.project.write(".gitignore", ".dn/\n");
        company.git(&["init", "--quiet"]);
        company.commit();
        company
    }

    #[expect(clippy::disallowed_methods, reason = "a repository is what git makes")]
    fn git(&self, words: &[&str]) {
        let mut git = Command::new("git");
        git.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.project.path("."));
        git.args(["-c", "user.name=ada", "-c", "user.email=ada@example.com"]).args(words);
        let status = git.current_dir(self.project.path(".")).stdout(Stdio::null()).status().expect("git");
        assert!(status.success(), "git {words:?}");
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "as it is"]);
    }

    /// Runs `dn` with the code of an edition.
    fn dn(&self, edition: &str, args: &[&str]) -> Ran {
        let folder = self.built.path().join(edition);
        if !folder.exists() {
            std::fs::create_dir(&folder).expect("a folder");
            let one = |service| (service, write_artefact(&folder, service, edition));
            let made: Artefacts = Service::all().map(one).collect();
            write_list(&folder, &made);
        }
        let folder = folder.display().to_string();
        self.project.dn_with(&[("DN_ARTEFACTS", &folder)], args)
    }

    #[track_caller]
    fn done(&self, edition: &str, args: &[&str]) -> String {
        let ran = self.dn(edition, args);
        assert_eq!(ran.code, Some(0), "dn {args:?}: {}", ran.text);
        ran.text
    }

    /// Refused with code 4, each of these reasons named, and nothing changed.
    #[track_caller]
    fn refused(&self, args: &[&str], reasons: &[&str]) {
        let before = self.project.read("environments/staging.yaml");
        let ran = self.dn("none", args);
        assert_eq!(ran.code, Some(4), "dn {args:?}: {}", ran.text);
        let text = ran.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for reason in reasons {
            assert!(text.contains(reason), "`{reason}` is missing: {}", ran.text);
        }
        assert_eq!(self.project.read("environments/staging.yaml"), before);
    }

    fn account(&self, stage: &str) -> Account {
        let id = STAGES.iter().find(|(name, _)| *name == stage).expect("a stage").1;
        let state = self.project.path(&format!(".dn/{stage}"));
        Account::open(id, "us-east-1", &state, || {}).expect("the account's files")
    }

    /// The bytes that a stage serves, by function.
    fn serves(&self, stage: &str) -> Vec<(String, Vec<u8>)> {
        let cut = |(name, code): (String, Vec<u8>)| (name.replacen(stage, "STAGE", 1), code);
        served(&self.account(stage)).into_iter().map(cut).collect()
    }

    fn released(edition: &str) -> Self {
        let company = Self::new();
        company.done(edition, &["apply", "dev", "--yes"]);
        company.done(edition, &["release", "dev"]);
        company
    }
}

#[test]
fn from_dev_to_staging_to_prod_and_back() {
    let company = Company::released("one");
    let before = company.project.read("environments/staging.yaml");
    for (from, to) in [("dev", "staging"), ("staging", "prod")] {
        // Folders of other code are there: nothing of it may be taken.
        let text = company.done("other", &["promote", from, to, "--apply", "--yes"]);
        let copied = format!("{} artefacts copied, nothing built", Service::all().count());
        assert!(text.contains(&copied), "{text}");
        assert_eq!(company.serves(to), company.serves("dev"), "{to}: byte for byte");
    }
    let after = company.project.read("environments/staging.yaml");
    let release = after.lines().find(|line| line.starts_with("release: ")).expect("the line");
    assert_eq!(after.replace(&format!("{release}\n"), ""), before, "every other byte is kept");
    assert!(company.project.read("environments/prod.yaml").contains(release), "the same release");

    // A second release, and staging is asked what it would do before it is done.
    company.commit();
    company.done("two", &["apply", "dev", "--yes"]);
    company.done("two", &["release", "dev"]);
    let old = company.serves("staging");
    let ran = company.dn("other", &["promote", "dev", "staging", "--json"]);
    assert_eq!(ran.code, Some(2), "{}", ran.text);
    let told: Value = serde_json::from_str(&ran.text).expect("JSON");
    assert_eq!(
        (&told["from"], &told["to"], &told["copied"]),
        (&"dev".into(), &"staging".into(), &Service::all().count().into())
    );
    assert_eq!(told["code"].as_array().expect("code").len(), old.len());
    assert_eq!(told["configuration"], Value::Array(Vec::new()), "code and nothing else: {told:#}");
    assert_eq!(company.serves("staging"), old, "nobody was moved");
    company.done("other", &["promote", "dev", "staging", "--apply", "--yes"]);
    assert_eq!(company.serves("staging"), company.serves("dev"));
    assert_ne!(company.serves("staging"), old);
    let plan = company.dn("other", &["plan", "staging"]);
    assert_eq!(plan.code, Some(0), "{}", plan.text);

    // The bad day.
    let text = company.done("other", &["rollback", "staging", "--yes"]);
    assert!(text.contains("Code"), "{text}");
    assert_eq!(company.serves("staging"), old, "the digests of before");
    assert!(company.project.read("environments/staging.yaml").contains(release));
    let ran = company.dn("other", &["rollback", "staging", "--yes"]);
    assert_eq!(ran.code, Some(4), "there is nothing before the first: {}", ran.text);
    let history = company.done("other", &["history", "staging"]);
    for word in ["rollback done", "promote done", "copy done", "  from ", "  release "] {
        assert!(history.contains(word), "{word}: {history}");
    }
}

#[test]
fn a_source_that_is_not_as_it_should_be_is_refused() {
    let company = Company::released("one");
    let promote = ["promote", "dev", "staging", "--apply", "--yes"];
    company.project.write("notes.txt", "not committed\n");
    company.refused(&["release", "dev"], &["the source differs from commit"]);
    let dirty = ["release", "dev", "--allow-dirty"];
    company.done("two", &["apply", "dev", "--yes"]);
    company.refused(&promote, &["what is live is no release: dn release dev"]);
    company.done("two", &dirty);
    company.refused(&promote, &["was made of a dirty source"]);
    company.commit();
    company.done("two", &["release", "dev"]);

    let dev = company.account("dev");
    let key = "dn-dev-send-email";
    let moved = |version: &str| {
        let version = version.to_owned();
        dev.edit(|world| {
            world.edit("lambda/functions", key, |f| f["aliases"]["live"]["FunctionVersion"] = version.into());
        })
        .expect("the account");
    };
    moved("1");
    company.refused(&promote, &["the functions of outreach run different code"]);
    moved("2");
    let queue = |seconds: u32| {
        dev.edit(|world| {
            let name =
                world.all("sqs/queues").into_iter().find(|(name, _)| name.contains("dn-dev-campaigns"));
            let name = name.expect("a queue").0.to_owned();
            world.edit("sqs/queues", &name, |queue| {
                queue["attributes"]["VisibilityTimeout"] = seconds.to_string().into();
            });
        })
        .expect("the account");
    };
    queue(7);
    let ring = |state: &str| {
        dev.edit(|world| {
            let name = "dn-dev-function-send-email-errors";
            world.edit("monitoring/alarms", name, |alarm| alarm["alarm"]["StateValue"] = state.into());
        })
        .expect("the account");
    };
    ring("ALARM");
    company
        .refused(&promote, &["has drifted: visibility", "the alarm dn-dev-function-send-email-errors rings"]);
    ring("OK");
    company.refused(&promote, &["has drifted"]);
    company.done("two", &["apply", "dev", "--yes"]);

    // A run that was cut off, and one that is going on.
    company.project.replace("environments/dev.yaml", "\nalarms:", "\nqueues: {attempts: 7}\nalarms:");
    let ran = company.dn("two", &["apply", "dev", "--yes", "--trouble", "die-after=2"]);
    assert_eq!(ran.code, Some(137), "{}", ran.text);
    company.refused(&promote, &["holds its lock", "was not finished: dn apply dev"]);
    company.done("two", &["unlock", "dev", "--owner", "ada@desk as user/sandbox"]);
    company.refused(&promote, &["was not finished: dn apply dev"]);
    company.done("two", &["apply", "dev", "--yes"]);
    company.done("none", &promote);
    assert_eq!(company.serves("staging"), company.serves("dev"));
}

#[test]
fn code_that_fails_its_check_serves_nobody() {
    let company = Company::released("one");
    let promote = ["promote", "dev", "staging", "--apply", "--yes"];
    company.done("none", &promote);
    let old = company.serves("staging");
    company.commit();
    company.done("two", &["apply", "dev", "--yes"]);
    company.done("two", &["release", "dev"]);
    let new = company.account("dev").deployed_function("dn-dev-send-email:live").expect("it").code_sha256;
    company.account("staging").break_code(&new, "Runtime.ExitError").expect("the account");
    let ran = company.dn("none", &promote);
    let text = ran.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(ran.code, Some(6), "{}", ran.text);
    assert!(
        text.contains("version 2 fails its health check (Runtime.ExitError): live was not moved"),
        "{text}"
    );
    let functions = |all: &[(String, Vec<u8>)]| -> Vec<Vec<u8>> {
        let of = |name: &str| all.iter().find(|(one, _)| one == name).expect("a function").1.clone();
        ["dn-STAGE-send-email", "dn-STAGE-webhook"].map(of).to_vec()
    };
    assert_eq!(functions(&company.serves("staging")), functions(&old), "callers are served as before");
    company.account("staging").mend_code(&new).expect("the account");
    company.done("none", &promote);
    assert_eq!(company.serves("staging"), company.serves("dev"));
}

#[test]
fn code_that_does_not_fit_the_stage_is_refused() {
    let company = Company::released("one");
    // A release whose code reads a variable that no stage sets.
    let folder = company.built.path().join("greedy");
    std::fs::create_dir(&folder).expect("a folder");
    let one = |service: Service| {
        let mut needs = Needs::of(service);
        if let Some(webhook) = needs.functions.get_mut("webhook") {
            webhook.insert("REPLAY_TABLE".to_owned());
        }
        (service, write_zip(&folder, service, "greedy", &needs.text()))
    };
    let made: Artefacts = Service::all().map(one).collect();
    write_list(&folder, &made);
    company.done("greedy", &["apply", "dev", "--yes"]);
    company.done("greedy", &["release", "dev"]);
    company.refused(
        &["promote", "dev", "staging", "--apply", "--yes"],
        &["does not fit what staging declares", "outreach/function/webhook needs REPLAY_TABLE"],
    );
    assert!(company.account("staging").documents().get("lambda/functions").is_none_or(|all| all.is_empty()));
}

#[test]
fn a_promotion_killed_at_some_calls_is_gone_on_with() {
    let company = Company::released("one");
    let promote = ["promote", "dev", "staging", "--apply", "--yes"];
    for number in [1, 5, 10, 11, 12, 14, 16, 40] {
        let trouble = format!("die-after={number}");
        let ran = company.dn("none", &[promote.as_slice(), &["--trouble", &trouble]].concat());
        assert_eq!(ran.code, Some(137), "{number}: {}", ran.text);
        let ran = company.dn("none", &["unlock", "staging", "--owner", "ada@desk as user/sandbox"]);
        assert_eq!(ran.code, Some(0), "{number}: {}", ran.text);
    }
    company.done("none", &promote);
    assert_eq!(company.serves("staging"), company.serves("dev"));
    let plan = company.dn("none", &["plan", "staging"]);
    assert_eq!(plan.code, Some(0), "{}", plan.text);
}
