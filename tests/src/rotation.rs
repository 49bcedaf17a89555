//! Rotation of the signing key on the embedded account: the real program, the real calls, its own clock.

use std::time::Duration;

use sandbox::{Account, Clock};
use serde_json::Value;
use signing::{Pair, Signer, Url};

use crate::{laws::key_group::intrude, project::Project};

mod api_key;
mod crashes;
mod scheduled;

/// Minutes later than now at which each step of the first rotation is possible.
const SETTLED_MIN: u64 = 40;
const DRAINED_MIN: u64 = SETTLED_MIN + 25 * 24 * 60 + 60;

/// One run so many minutes later than now; what it says as JSON.
fn rotate(project: &Project, later_min: u64, more: &[&str]) -> (Option<i32>, Value) {
    let later = format!("{later_min}m");
    let fixed = ["rotate", "sandbox", "signing-key", "--json", "--later", &later];
    let ran = project.dn(&[&fixed[..], more].concat());
    let told = serde_json::from_str(&ran.text).unwrap_or_else(|error| panic!("{error}: {}", ran.text));
    (ran.code, told)
}

/// Makes steps until it waits or rests; their names, and what it says at last.
fn advance(project: &Project, later_min: u64, more: &[&str]) -> (Vec<String>, Value) {
    let mut done = Vec::new();
    for _ in 0..20 {
        let (code, told) = rotate(project, later_min, &[&["--yes"], more].concat());
        assert_eq!(code, Some(0), "{told:#}");
        let Some(step) = told["done"]["action"].as_str() else { return (done, told) };
        done.push(step.to_owned());
    }
    panic!("it never comes to rest: {done:?}")
}

/// The account a year from now: what was made later than now is not seen before.
fn account(project: &Project) -> Account {
    let (clock, state) = (Clock::Ahead(Duration::from_secs(366 * 86_400)), project.path(".dn/sandbox"));
    Account::open_at(clock, "000000000000", "us-east-1", &state, || {}).expect("the account's files")
}

/// What signers get, the keys of the group, and all public keys.
struct Live {
    document: String,
    members: Vec<String>,
    keys: Vec<String>,
}

fn live(project: &Project) -> Live {
    let account = &account(project);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let secrets = aws_sdk_secretsmanager::Client::new(&account.sdk_config());
        let value = secrets.get_secret_value().secret_id("cloudfront-private-key").send().await;
        let edge = aws_sdk_cloudfront::Client::new(&account.sdk_config());
        let groups = edge.list_key_groups().send().await.expect("a list").key_group_list.expect("a list");
        let group = groups.items()[0].key_group().expect("a group").key_group_config().expect("one");
        let keys = edge.list_public_keys().send().await.expect("a list").public_key_list.expect("a list");
        Live {
            document: value.expect("a value").secret_string.expect("a text"),
            members: group.items().to_vec(),
            keys: keys.items().iter().map(|key| key.id().to_owned()).collect(),
        }
    })
}

#[test]
fn the_first_key_comes_into_use_and_the_next_one_after_it() {
    let project = Project::applied();
    let (steps, told) = advance(&project, 0, &[]);
    assert_eq!(steps, ["prime", "prepare", "widen"]);
    assert_eq!(told["state"], "settling");
    let before = live(&project);
    assert!(Signer::from_secret(&before.document).is_err(), "no key is in use before every edge knows it");
    assert_eq!(before.members.len(), 2);

    let (steps, told) = advance(&project, SETTLED_MIN, &[]);
    assert_eq!((steps.join(" "), &told["state"]), ("switch unlabel stamp".to_owned(), &"draining".into()));
    let first = Signer::from_secret(&live(&project).document).expect("a key");
    assert_eq!(first.algorithm(), signing::Algorithm::Ecdsa);
    let url = Url::of("d111.cloudfront.net", ["report.csv"]).expect("an address");
    first.link(&url, 2_000_000, 1_000_000).expect("a link");
    assert!(live(&project).members.contains(&first.key_id().to_owned()));

    let (steps, told) = advance(&project, DRAINED_MIN, &[]);
    assert_eq!((steps.join(" "), &told["state"]), ("narrow unlabel unlabel".to_owned(), &"steady".into()));
    assert_eq!(live(&project).members, [first.key_id()]);

    // Quarter by quarter, here with the other algorithm.
    let due = 91 * 24 * 60;
    let (steps, _) = advance(&project, due, &["--algorithm", "rsa"]);
    assert_eq!(steps, ["prepare", "widen"]);
    let (steps, _) = advance(&project, due + SETTLED_MIN, &[]);
    assert_eq!(steps, ["switch", "unlabel", "stamp"]);
    let second = Signer::from_secret(&live(&project).document).expect("a key");
    assert_eq!((second.algorithm(), second.key_id() == first.key_id()), (signing::Algorithm::Rsa, false));
    let (steps, told) = advance(&project, due + DRAINED_MIN, &[]);
    assert_eq!(steps, ["narrow", "unlabel", "unlabel", "delete"], "{told:#}");
    let after = live(&project);
    assert_eq!(after.members, [second.key_id()]);
    assert!(!after.keys.contains(&first.key_id().to_owned()), "its public half is gone");
}

#[test]
fn plans_and_rotation_do_not_meddle_with_each_other() {
    let project = Project::applied();
    for later_min in [0, SETTLED_MIN, DRAINED_MIN] {
        loop {
            let (_, told) = rotate(&project, later_min, &["--yes"]);
            let plan = project.dn(&["plan", "sandbox"]);
            assert_eq!(plan.code, Some(0), "after {}: {}", told["done"], plan.text);
            let drift = project.dn(&["drift", "sandbox"]);
            assert_eq!(drift.code, Some(0), "after {}: {}", told["done"], drift.text);
            if told["done"].is_null() {
                break;
            }
        }
    }
    // Another's key in the group is seen, and goes; the key in use stays.
    let in_use = live(&project).members;
    let theirs = intruder(&project.account());
    let drift = project.dn(&["drift", "sandbox"]);
    assert_eq!(drift.code, Some(3), "{}", drift.text);
    assert!(drift.text.contains("reports/key group/links") && drift.text.contains(&theirs), "{}", drift.text);
    let (_, told) = rotate(&project, DRAINED_MIN, &["--status"]);
    assert_eq!(told["state"], "steady", "rotation leaves it alone");
    let applied = project.dn(&["apply", "sandbox", "--yes"]);
    assert_eq!(applied.code, Some(0), "{}", applied.text);
    assert_eq!(live(&project).members, in_use);
    assert_eq!(project.dn(&["drift", "sandbox"]).code, Some(0));
}

/// Adds a key of somebody else to the group; its id.
fn intruder(account: &Account) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let pem = Pair::generate(signing::Algorithm::Ecdsa).expect("a pair").public_pem();
    runtime.block_on(intrude(&account.sdk_config(), &pem))
}

#[test]
fn nobody_is_asked_without_a_terminal_and_status_changes_nothing() {
    let project = Project::applied();
    let (code, told) = rotate(&project, 0, &["--status"]);
    assert_eq!((code, &told["next"]["action"]), (Some(2), &"prime".into()));
    let ran = project.dn(&["rotate", "sandbox", "signing-key"]);
    assert_eq!(ran.code, Some(4), "{}", ran.text);
    assert_eq!(rotate(&project, 0, &["--status"]).1, told);
    let ran = project.dn(&["rotate", "dev", "signing-key", "--later", "1d"]);
    assert!(ran.text.contains("are for embedded accounts"), "{}", ran.text);
}

#[test]
fn the_private_half_reaches_the_secret_and_nothing_else() {
    let project = Project::applied();
    let mut said = String::new();
    for later_min in [0, 0, 0, SETTLED_MIN, SETTLED_MIN, SETTLED_MIN] {
        let later = format!("{later_min}m");
        said += &project.dn(&["rotate", "sandbox", "signing-key", "--yes", "--later", &later]).text;
    }
    let document: Value = serde_json::from_str(&live(&project).document).expect("a document");
    let pem = document["privateKey"].as_str().expect("a key");
    let part = pem.lines().nth(1).expect("a line");
    assert!(part.len() > 20 && !said.contains(part) && !said.contains("PRIVATE"), "{said}");
    // The embedded account itself keeps its secrets in the open; every other file is looked into.
    let mut looked = 0;
    for (path, _) in project.files() {
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
        if path.ends_with("journal.jsonl") {
            looked += 1;
            assert!(text.contains("PutSecretValue"), "the calls are there");
            assert!(!text.contains(part) && !text.contains("PRIVATE"), "{}", path.display());
        }
    }
    assert_eq!(looked, 1, "the journal was looked into");
    let history = project.dn(&["history", "sandbox"]);
    assert!(history.text.contains("rotate signing-key (widen)"), "{}", history.text);
}

#[test]
fn destroying_takes_the_keys_of_rotation_along() {
    let project = Project::applied();
    advance(&project, 0, &[]);
    assert_eq!(live(&project).keys.len(), 2);
    let held = |project: &Project| account(project).documents().remove("cloudfront/public-keys");
    let before = held(&project).expect("keys");
    let named = ["operations/bucket/control", "shared/key/unsubscribe", "reports/secret/signing-key"];
    let named: Vec<&str> = named.iter().flat_map(|address| ["--destroy-data", *address]).collect();
    let ran = project.dn(&[&["destroy", "sandbox", "--yes"], &named[..]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    assert!(held(&project).is_none_or(|keys| keys.is_empty()), "{:?}", held(&project));
    // As after a run that was killed between the group and its guests.
    let guest = before.iter().find(|(_, key)| key["config"]["Comment"].to_string().contains("signing key"));
    let (id, key) = guest.expect("a key of rotation");
    let put = |world: &mut sandbox::World<'_>| world.put("cloudfront/public-keys", id, (**key).clone());
    project.account().edit(put).expect("an edit");
    let ran = project.dn(&["destroy", "sandbox", "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    assert!(ran.text.contains("deleted reports/public key/links-"), "{}", ran.text);
    assert!(held(&project).is_none_or(|keys| keys.is_empty()), "{:?}", held(&project));
}
