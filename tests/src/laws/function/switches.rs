//! How callers come to a new version: asked first, then at once or by steps, and back when an alarm rings.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use kinds::kinds::function::{Canary, Switch};
use sandbox::{Weather, store::Documents};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    releases::{client, code, converge, slow, writes},
    *,
};

const RINGS: &str = "dn-test-rings";

/// New code with a new configuration: who met one with the other's would be seen.
fn next(function: &mut Function) {
    function.code = code_of("newer");
    function.environment.insert("FORMAT".into(), "new".into());
    function.switch = Switch { check: Some(r#"{"dn":"health"}"#.to_owned()), canary: None };
}

fn by_steps(function: &mut Function) {
    next(function);
    let alarms = vec!["laws/alarm/rings".parse().expect("an address")];
    function.switch.canary = Some(Canary { percent: 40, minutes: 2, alarms });
}

fn alarm(account: &Account, state: &'static str) {
    let alarm = json!({ "alarm": { "AlarmName": RINGS, "StateValue": state }, "created": 0, "tags": {} });
    account.edit(|world| world.put("monitoring/alarms", RINGS, alarm)).expect("memory");
}

async fn born() -> Account {
    let account = slow();
    apply(&world_of(&minimal(), |_| {}), &account).await.expect("a birth");
    tokio::time::sleep(Duration::from_secs(5)).await;
    alarm(&account, "OK");
    account
}

/// Code and variable of everything that the alias serves.
fn served(documents: &Documents) -> BTreeSet<(String, String)> {
    let Some(function) = documents.get("lambda/functions").and_then(|all| all.get(NAME)) else {
        return BTreeSet::new();
    };
    let alias = &function["aliases"]["live"];
    let weights = alias["RoutingConfig"]["AdditionalVersionWeights"].as_object();
    let versions = alias["FunctionVersion"].as_str().into_iter();
    let versions = versions.chain(weights.into_iter().flatten().map(|(version, _)| version.as_str()));
    let one = |version: &str| {
        let version = &function["versions"][version];
        let format = version["Environment"]["Variables"]["FORMAT"].to_string();
        (version["CodeSha256"].as_str().unwrap_or_default().to_owned(), format)
    };
    versions.map(one).collect()
}

/// What callers could meet at every call from now on.
fn sampled(account: &Account) -> Arc<Mutex<BTreeSet<(String, String)>>> {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let all = seen.clone();
    account.set_witness(move |_, documents| all.lock().expect("no panic").extend(served(documents)));
    seen
}

/// Old code with the old configuration, and new with new.
fn wholes(account: &Account, seen: &Mutex<BTreeSet<(String, String)>>, expected: usize) {
    let mut seen = seen.lock().expect("no panic").clone();
    seen.extend(served(&account.documents()));
    let codes: BTreeSet<&String> = seen.iter().map(|(code, _)| code).collect();
    let formats: BTreeSet<&String> = seen.iter().map(|(_, format)| format).collect();
    assert_eq!((seen.len(), codes.len(), formats.len()), (expected, expected, expected), "a mix: {seen:?}");
}

async fn live(account: &Account) -> (String, Vec<(String, f64)>) {
    let alias = client(account).get_alias().function_name(NAME).name("live").send().await.expect("an alias");
    let weights = alias.routing_config.and_then(|routing| routing.additional_version_weights);
    (alias.function_version.expect("a version"), weights.into_iter().flatten().collect())
}

#[tokio::test(start_paused = true)]
async fn a_version_is_asked_before_anybody_is_served_by_it() {
    let account = born().await;
    let seen = sampled(&account);
    converge(&world_of(&minimal(), next), &account).await.expect("a change");
    let expected =
        ["UpdateFunctionConfiguration", "UpdateFunctionCode", "Invoke", "UpdateAlias", "TagResource"];
    assert_eq!(writes(&account), expected);
    wholes(&account, &seen, 2);
    assert_eq!(live(&account).await, ("2".to_owned(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_fails_its_check_serves_nobody() {
    let account = born().await;
    account.break_code(&code("newer code"), "Runtime.ExitError").expect("memory");
    let seen = sampled(&account);
    let fault = converge(&world_of(&minimal(), next), &account).await.expect_err("a refusal");
    let text = fault.to_string();
    assert!(text.contains("version 2 fails its health check (Runtime.ExitError)"), "{text}");
    assert!(!text.contains("told to fail"), "messages of functions are not repeated: {text}");
    wholes(&account, &seen, 1);
    assert_eq!(live(&account).await.0, "1");

    account.mend_code(&code("newer code")).expect("memory");
    converge(&world_of(&minimal(), next), &account).await.expect("the next run");
    assert_eq!(writes(&account), ["PublishVersion", "Invoke", "UpdateAlias", "TagResource"]);
    assert_eq!(live(&account).await.0, "2", "no needless version");
}

#[tokio::test(start_paused = true)]
async fn a_first_version_that_fails_its_check_gets_no_alias() {
    let account = slow();
    account.break_code(&code("newer code"), "Runtime.ExitError").expect("memory");
    let world = world_of(&minimal(), next);
    apply(&world, &account).await.expect_err("a refusal");
    assert!(!writes(&account).contains(&"CreateAlias".to_owned()));
    account.mend_code(&code("newer code")).expect("memory");
    apply(&world, &account).await.expect("the next run");
    assert_eq!(differences(&world, &account).await, []);
    assert_eq!(live(&account).await.0, "1");
}

#[tokio::test(start_paused = true)]
async fn a_function_that_is_switched_off_is_not_asked() {
    let account = born().await;
    let world = world_of(&minimal(), |function| {
        next(function);
        function.reserved_concurrency = Some(0);
    });
    converge(&world, &account).await.expect("a change");
    assert!(!writes(&account).contains(&"Invoke".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn callers_come_by_steps() {
    let account = born().await;
    let seen = sampled(&account);
    let shares = Arc::new(Mutex::new(Vec::new()));
    let (all, watched) = (shares.clone(), account.clone());
    let begun = Instant::now();
    let sampling = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let documents = watched.documents();
            let alias = documents["lambda/functions"][NAME]["aliases"]["live"].clone();
            let share = (alias["FunctionVersion"].clone(), alias["RoutingConfig"].clone());
            let mut all = all.lock().expect("no panic");
            if all.last() != Some(&share) {
                all.push(share);
            }
        }
    });
    converge(&world_of(&minimal(), by_steps), &account).await.expect("a change");
    sampling.abort();
    let took = begun.elapsed().as_secs();
    assert!((360..400).contains(&took), "three steps of two minutes: {took} s");
    let weight = |part: f64| json!({ "AdditionalVersionWeights": { "2": part } });
    let expected = [(json!("1"), weight(0.4)), (json!("1"), weight(0.8)), (json!("2"), Value::Null)];
    let shares = shares.lock().expect("no panic").clone();
    assert!(shares.ends_with(&expected), "{shares:?}");
    wholes(&account, &seen, 2);
    assert_eq!(live(&account).await, ("2".to_owned(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn an_alarm_brings_everybody_back_in_one_call() {
    // During the first step, the second, and after everybody has come.
    for (second, share) in [(50, "40 %"), (200, "80 %"), (300, "100 %")] {
        let account = born().await;
        let seen = sampled(&account);
        let world = world_of(&minimal(), by_steps);
        let rings = async {
            tokio::time::sleep(Duration::from_secs(second)).await;
            alarm(&account, "ALARM");
            account.forget_served();
        };
        let (outcome, ()) = tokio::join!(converge(&world, &account), rings);
        let fault = outcome.expect_err("a breach");
        let text = fault.to_string();
        assert!(text.contains(&format!("{RINGS} rang while version 2 had {share} of the calls")), "{text}");
        assert_eq!(writes(&account), ["UpdateAlias"], "{second} s: one call");
        assert_eq!(live(&account).await, ("1".to_owned(), Vec::new()), "{second} s");
        wholes(&account, &seen, 2);

        // An alarm that rings already is no news: a fix must be able to come.
        converge(&world, &account).await.expect("the next run");
        assert_eq!(live(&account).await, ("2".to_owned(), Vec::new()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_watched_is_moved_back() {
    let account = born().await;
    let world = world_of(&minimal(), by_steps);
    let blind = async {
        tokio::time::sleep(Duration::from_secs(50)).await;
        let when =
            When::Operation { service: "monitoring".to_owned(), operation: "DescribeAlarms".to_owned() };
        let message = "not authorized".to_owned();
        let what = What::Fail { code: "AccessDenied".to_owned(), message, status: 403, times: 50 };
        account.plan_trouble(Trouble { when, what });
    };
    let (outcome, ()) = tokio::join!(converge(&world, &account), blind);
    let text = outcome.expect_err("nobody knows").to_string();
    assert!(text.contains("could not be watched"), "{text}");
    assert_eq!(live(&account).await, ("1".to_owned(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_switch_killed_anywhere_is_completed_and_nobody_met_a_mix() {
    for change in [next, by_steps] {
        let start = born().await;
        for number in 1.. {
            let account = start.fork();
            account.set_weather(Weather::realistic());
            let seen = sampled(&account);
            account.plan_trouble(Trouble { when: When::Write(number), what: What::DieAfter });
            let world = world_of(&minimal(), change);
            tokio::select! {
                done = apply(&world, &account) => done.expect("a run that nothing killed"),
                () = account.death() => {}
            }
            if !account.died() {
                assert!(number > 5, "every write was the last one once");
                break;
            }
            let revived = account.fork();
            revived.set_weather(Weather::realistic());
            let after = sampled(&revived);
            apply(&world, &revived).await.expect("the run after a crash");
            assert_eq!(differences(&world, &revived).await, [], "killed after write {number}");
            assert_eq!(live(&revived).await, ("2".to_owned(), Vec::new()), "killed after write {number}");
            after.lock().expect("no panic").extend(seen.lock().expect("no panic").clone());
            wholes(&revived, &after, 2);
        }
    }
}
