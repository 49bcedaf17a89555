//! Rotation of an API key on the embedded account: the real program, its own clock, callers who are slow.

use std::{collections::BTreeMap, thread, time::Duration};

use sandbox::{Account, Clock};
use serde_json::Value;

use crate::project::Project;

const NAME: &str = "dn-api-crm";
const DAY: u64 = 24 * 60;
/// Minutes later than now at which the overlap and the time to have a key back are over.
const OVERLAPPED: u64 = 14 * DAY + 60;
const GONE: u64 = OVERLAPPED + 7 * DAY + 60;

/// One run so many minutes later than now; what it says as JSON.
fn rotate(project: &Project, later_min: u64, more: &[&str]) -> (Option<i32>, Value) {
    let later = format!("{later_min}m");
    let fixed = ["rotate", "sandbox", "api-key", NAME, "--json", "--later", &later];
    let ran = project.dn(&[&fixed[..], more].concat());
    // What went wrong follows the data.
    let data = ran.text.split("\n}\n").next().unwrap_or_default().to_owned() + "\n}";
    let told = serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error}: {}", ran.text));
    (ran.code, told)
}

/// Makes steps until there is none; their names, and what it says at last.
fn advance(project: &Project, later_min: u64) -> (String, Value) {
    let mut done = Vec::new();
    for _ in 0..20 {
        let (_, told) = rotate(project, later_min, &["--yes"]);
        let Some(step) = told["done"]["action"].as_str() else { return (done.join(" "), told) };
        done.push(step.to_owned());
    }
    panic!("it never comes to rest: {done:?}")
}

fn account(project: &Project, later_min: u64) -> Account {
    let (clock, state) = (Clock::Ahead(Duration::from_secs(later_min * 60)), project.path(".dn/sandbox"));
    Account::open_at(clock, "000000000000", "us-east-1", &state, || {}).expect("the account's files")
}

/// The keys with whether a call with each is let in.
fn keys(project: &Project) -> BTreeMap<String, bool> {
    let account = account(project, 0);
    let (api, _, stages) =
        account.apis().into_iter().find(|(_, name, _)| name == "dn-sandbox-dn-api").expect("it");
    let lets_in = |key: &Value| {
        let usage = account.usage(key["value"].as_str().expect("a value"), &api, &stages[0]);
        usage.is_some_and(|usage| usage.enabled)
    };
    let documents = account.documents();
    documents["apigateway/keys"].iter().map(|(id, key)| (id.clone(), lets_in(key))).collect()
}

/// The key that the front end is told of.
fn named(project: &Project) -> String {
    let ran = project.dn(&["outputs", "sandbox", "--json"]);
    let read: Value = serde_json::from_str(&ran.text).unwrap_or_else(|error| panic!("{error}: {}", ran.text));
    read["front_end"]["REACT_APP_DN_API_KEY"]["api_key"].as_str().expect("an id").to_owned()
}

/// Somebody sends a key so many minutes later than now.
fn send(project: &Project, key: &str, later_min: u64) {
    let account = account(project, later_min);
    let documents = account.documents();
    let has = |plan: &Value| plan["keys"].as_array().is_some_and(|keys| keys.iter().any(|one| one == key));
    let plan = documents["apigateway/plans"].iter().find(|(_, plan)| has(plan)).expect("a plan").0;
    account.count_call(plan, key).expect("it is counted");
}

fn nothing_to_do(project: &Project, after: &Value) {
    for verb in ["plan", "drift"] {
        let ran = project.dn(&[verb, "sandbox"]);
        assert_eq!(ran.code, Some(0), "{verb} after {after}: {}", ran.text);
    }
}

#[test]
fn a_new_key_comes_beside_the_old_one_which_goes_when_nobody_sends_it() {
    let project = Project::applied();
    let first = named(&project);
    let (code, told) = rotate(&project, 0, &["--status"]);
    assert_eq!((code, &told["state"]), (Some(0), &"steady".into()), "{told:#}");
    let (code, told) = rotate(&project, 0, &["--status", "--early"]);
    assert_eq!((code, &told["next"]["action"]), (Some(2), &"make".into()), "{told:#}");
    let ran = project.dn(&["rotate", "sandbox", "api-key", NAME, "--early"]);
    assert_eq!(ran.code, Some(4), "nobody is asked: {}", ran.text);

    for (step, named_now) in [("make", true), ("admit", true), ("name", false)] {
        let (code, told) = rotate(&project, 0, &["--yes", "--early"]);
        assert_eq!((code, &told["done"]["action"]), (Some(0), &step.into()), "{told:#}");
        nothing_to_do(&project, &told);
        assert_eq!(named(&project) == first, named_now, "after {step}");
    }
    let second = named(&project);
    assert_eq!(keys(&project), BTreeMap::from([(first.clone(), true), (second.clone(), true)]));
    let (_, told) = rotate(&project, 0, &["--yes"]);
    assert_eq!(told["state"], "overlapping", "{told:#}");

    // The overlap is over, and somebody still sends the old key.
    send(&project, &first, OVERLAPPED - DAY);
    let (code, told) = rotate(&project, OVERLAPPED, &["--yes"]);
    assert_eq!((code, &told["state"]), (Some(4), &"still-used".into()), "{told:#}");
    assert_eq!(
        (&told["next"]["used"]["key"], &told["next"]["used"]["calls"]),
        (&first.clone().into(), &1.into())
    );
    let later = format!("{OVERLAPPED}m");
    let ran = project.dn(&["rotate", "sandbox", "api-key", NAME, "--yes", "--later", &later]);
    assert!(ran.text.contains("was sent once on") && ran.text.contains("--retire-used"), "{}", ran.text);
    let (_, told) = rotate(&project, OVERLAPPED, &["--yes", "--retire-used"]);
    assert_eq!(told["done"]["action"], "disable", "{told:#}");
    nothing_to_do(&project, &told);
    assert_eq!(keys(&project), BTreeMap::from([(first.clone(), false), (second.clone(), true)]));

    // It was too early after all.
    let (_, told) = rotate(&project, OVERLAPPED + DAY, &["--yes", "--bring-back"]);
    assert_eq!((&told["done"]["action"], &told["state"]), (&"enable".into(), &"overlapping".into()));
    assert!(keys(&project)[&first]);
    let (steps, told) = advance(&project, 2 * OVERLAPPED + DAY);
    assert_eq!((steps.as_str(), &told["state"]), ("disable", &"disabled".into()));
    let (steps, told) = advance(&project, 2 * OVERLAPPED + DAY + GONE);
    assert_eq!((steps.as_str(), &told["state"]), ("delete", &"steady".into()));
    nothing_to_do(&project, &told);
    assert_eq!(keys(&project), BTreeMap::from([(second.clone(), true)]));
    assert_eq!(named(&project), second);

    // Quarter by quarter, by itself.
    let (steps, _) = advance(&project, 91 * DAY);
    assert_eq!(steps, "make admit name");
    let applied = project.dn(&["apply", "sandbox", "--yes"]);
    assert_eq!(applied.code, Some(0), "{}", applied.text);
    assert_eq!(keys(&project).into_values().collect::<Vec<_>>(), [true, true], "an apply leaves both");
}

/// Up to a steady stage with one misfortune at a call of the step that is made `at`.
fn with_trouble(trouble: &str, at: usize) {
    let project = Project::applied();
    let first = named(&project);
    let mut steps = 0;
    for later_min in [91 * DAY, 91 * DAY + OVERLAPPED, 91 * DAY + GONE] {
        for _ in 0..8 {
            if steps == at {
                // Nothing is to be done before the next wait is over.
                if rotate(&project, later_min, &["--status"]).0 == Some(0) {
                    break;
                }
                let later = format!("{later_min}m");
                let fixed = ["rotate", "sandbox", "api-key", NAME, "--yes", "--later", &later];
                let ran = project.dn(&[&fixed[..], &["--trouble", trouble]].concat());
                // Whether a key is in the plan can be looked up, so that a lost answer is none.
                let found = at == 1 && trouble.starts_with("lose-answer");
                assert_eq!(ran.code == Some(0), found, "{trouble} at {at} strikes: {}", ran.text);
                if ran.code == Some(137) {
                    let unlocked = project.dn(&["unlock", "sandbox", "--owner", "ada@desk as user/sandbox"]);
                    assert_eq!(unlocked.code, Some(0), "{unlocked:?}", unlocked = unlocked.text);
                }
            } else {
                let (code, told) = rotate(&project, later_min, &["--yes"]);
                assert_eq!(code, Some(0), "{trouble} at {at}: {told:#}");
                if told["done"].is_null() {
                    break;
                }
            }
            steps += 1;
            let lets_in = keys(&project);
            assert!(lets_in.len() <= 2, "{trouble} at {at}: {lets_in:?}");
            if steps == at + 1 {
                assert!(lets_in[&named(&project)], "{trouble} at {at}: what is told of works");
            }
        }
    }
    let (_, told) = rotate(&project, 91 * DAY + GONE, &["--status"]);
    assert_eq!(told["state"], "steady", "{trouble} at {at}: {told:#}");
    let left = keys(&project);
    assert!(left.len() == 1 && !left.contains_key(&first), "{trouble} at {at}: {left:?}");
    nothing_to_do(&project, &told);
}

/// The first call that changes something takes the lock, the second is the step's only one.
#[test]
fn killed_or_answered_wrongly_at_any_step_it_goes_on() {
    for at in 0..5 {
        with_trouble("die-after=2", at);
    }
    with_trouble("lose-answer=2", 0);
    with_trouble("lose-answer=2", 1);
    with_trouble("fail=2", 1);
}

#[test]
fn two_at_once_make_no_third_key() {
    let project = Project::applied();
    let later = format!("{}m", 91 * DAY);
    let run = || project.dn(&["rotate", "sandbox", "api-key", NAME, "--yes", "--later", &later]);
    for _ in 0..3 {
        let codes = thread::scope(|scope| {
            let all = [scope.spawn(run), scope.spawn(run), scope.spawn(run)];
            all.map(|one| one.join().expect("no panic"))
        });
        // Done, or told that somebody holds the lock or was faster.
        for ran in codes {
            assert!([Some(0), Some(4), Some(5)].contains(&ran.code), "{:?}: {}", ran.code, ran.text);
        }
        assert!(keys(&project).len() <= 2, "{:?}", keys(&project));
    }
    advance(&project, 91 * DAY);
    assert_eq!(keys(&project).len(), 2);
}

#[test]
fn values_of_keys_are_in_nothing_that_is_written_or_said() {
    let project = Project::applied();
    let mut said = String::new();
    for later_min in [91 * DAY, 91 * DAY, 91 * DAY, 91 * DAY, 91 * DAY + OVERLAPPED] {
        let later = format!("{later_min}m");
        for more in [&[][..], &["--json"]] {
            let fixed = ["rotate", "sandbox", "api-key", NAME, "--later", &later, "--status"];
            said += &project.dn(&[&fixed[..], more].concat()).text;
        }
        said += &project.dn(&["rotate", "sandbox", "api-key", NAME, "--yes", "--later", &later]).text;
        for verb in ["plan", "outputs", "history"] {
            said += &project.dn(&[verb, "sandbox"]).text;
        }
    }
    assert!(said.contains("rotate api-key dn-api-crm (disable)"), "{said}");
    let documents = account(&project, 0).documents();
    let values: Vec<&str> =
        documents["apigateway/keys"].values().map(|key| key["value"].as_str().expect("a value")).collect();
    assert_eq!(values.len(), 2);
    let mut looked = 0;
    // The embedded account itself keeps its keys in the open; the journal is looked into.
    for (path, _) in project.files() {
        if path.ends_with("journal.jsonl") {
            looked += 1;
            said += &std::fs::read_to_string(&path).expect("a file");
        }
    }
    assert!(looked == 1 && said.contains("CreateApiKey"));
    for value in values {
        assert!(value.len() >= 20 && !said.contains(value));
    }
}

#[test]
fn destroying_takes_the_keys_of_a_rotation_along() {
    let project = Project::applied();
    for _ in 0..3 {
        rotate(&project, 0, &["--yes", "--early"]);
    }
    assert_eq!(keys(&project).len(), 2);
    let named = ["operations/bucket/control", "shared/key/unsubscribe"];
    let named: Vec<&str> = named.iter().flat_map(|address| ["--destroy-data", *address]).collect();
    let ran = project.dn(&[&["destroy", "sandbox", "--yes"], &named[..]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    let documents = account(&project, 0).documents();
    assert!(documents.get("apigateway/keys").is_none_or(|keys| keys.is_empty()), "{documents:?}");
}

#[test]
fn a_key_that_is_not_there_is_told_with_those_that_are() {
    let project = Project::applied();
    let ran = project.dn(&["rotate", "sandbox", "api-key", "other"]);
    assert_eq!(ran.code, Some(1), "{}", ran.text);
    assert!(ran.text.contains("API keys of this stage: dn_api/api key/dn-api-crm"), "{}", ran.text);
    let ran = project.dn(&["rotate", "sandbox", "signing-key", "--retire-used"]);
    assert!(ran.code == Some(1) && ran.text.contains("are for API keys"), "{}", ran.text);
}
