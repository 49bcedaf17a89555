//! What an alias serves while a function changes, in an account where every change takes time.

use std::time::Duration;

use aws_sdk_lambda::Client;
use kinds::kinds::function::{Alias, move_alias};
use sandbox::Weather;

use super::*;

pub(super) fn client(account: &Account) -> Client {
    Client::new(&account.sdk_config())
}

pub(super) fn slow() -> Account {
    let account = fresh();
    account.set_weather(Weather::realistic());
    account
}

fn operations(account: &Account) -> Vec<String> {
    account.served().into_iter().filter(|call| call.service == "lambda").map(|call| call.operation).collect()
}

pub(super) fn writes(account: &Account) -> Vec<String> {
    let writes = |call: &String| !call.starts_with("Get") && !call.starts_with("List");
    operations(account).into_iter().filter(writes).collect()
}

/// Only the subject: what it refers to stays.
pub(super) async fn converge(world: &World, account: &Account) -> Result<(), Fault> {
    let aws = writer(account);
    let all = world.manage(&aws);
    for one in &all {
        one.observe().await?;
    }
    account.forget_served();
    subject(&all).converge(MayFind::Anything).await.map(drop)
}

fn newer(function: &mut Function) {
    function.code = code_of("newer");
}

#[tokio::test(start_paused = true)]
async fn births_and_changes_wait_for_states() {
    for example in &examples() {
        let account = slow();
        let birth = world_of(example, |_| {});
        apply(&birth, &account).await.expect("a birth");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(differences(&birth, &account).await, [], "{}", example.name);
        for (field, mutate) in example.mutations {
            let changed = world_of(example, mutate);
            apply(&changed, &account).await.expect(field);
            assert_eq!(differences(&changed, &account).await, [], "{}: {field}", example.name);
        }
        apply(&birth, &account).await.expect("the way back");
        assert_eq!(differences(&birth, &account).await, [], "{}", example.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_change_is_a_few_calls_and_nobody_meets_a_mix() {
    let (example, account) = (minimal(), slow());
    apply(&world_of(&example, |_| {}), &account).await.expect("a birth");
    converge(&world_of(&example, newer), &account).await.expect("other code");
    assert_eq!(writes(&account), ["UpdateFunctionCode", "UpdateAlias", "TagResource"]);
    let calls = operations(&account);
    let serving = calls.iter().position(|call| call == "UpdateAlias").expect("it is moved") + 1;
    let code = calls.iter().position(|call| call == "UpdateFunctionCode").expect("it is changed");
    println!("a code change: {serving} calls until the alias serves it, in {} rounds", serving - code + 1);
    assert_eq!(code, 5, "one round of five reads comes first");
    let polls = &calls[code + 1..serving - 1];
    assert!(polls.iter().all(|call| call == "GetFunction") && polls.len() <= 4, "{polls:?}");

    // Both change: configuration, code and version, and then the alias.
    converge(
        &world_of(&example, |function| {
            function.memory_mb = 256;
            function.code = code_of("code");
        }),
        &account,
    )
    .await
    .expect("a change of both");
    let expected = ["UpdateFunctionConfiguration", "UpdateFunctionCode", "UpdateAlias", "TagResource"];
    assert_eq!(writes(&account), expected);
    // Until the alias moved, callers got the old code with the old memory.
    let moved = account.served().iter().position(|call| call.operation == "UpdateAlias").expect("moved");
    assert!(account.served()[..moved].iter().all(|call| call.operation != "TagResource"));

    converge(&world_of(&example, |function| function.memory_mb = 512), &account).await.expect("memory only");
    let expected = ["UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias", "TagResource"];
    assert_eq!(writes(&account), expected);
}

#[tokio::test(start_paused = true)]
async fn a_change_killed_anywhere_is_completed_without_needless_versions() {
    let example = minimal();
    let change = |function: &mut Function| {
        newer(function);
        function.timeout_s = 20;
        function.reserved_concurrency = Some(3);
    };
    let born = fresh();
    apply(&world_of(&example, |_| {}), &born).await.expect("a birth");
    for number in 1.. {
        let account = born.fork();
        account.set_weather(Weather::realistic());
        account.plan_trouble(Trouble { when: When::Write(number), what: What::DieAfter });
        let world = world_of(&example, change);
        tokio::select! {
            done = apply(&world, &account) => done.expect("a run that nothing killed"),
            () = account.death() => {}
        }
        if !account.died() {
            assert_eq!(number, 6, "every write of the change was the last one once");
            return;
        }
        let before = account.deployed_function(&format!("{NAME}:live")).expect("it is served");
        let both = (before.code_sha256 == code("newer code"), before.timeout_s == 20);
        assert!(both == (true, true) || both == (false, false), "{number}: callers meet a mix: {both:?}");
        let revived = account.fork();
        revived.set_weather(Weather::realistic());
        apply(&world, &revived).await.expect("the run after a crash");
        assert_eq!(differences(&world, &revived).await, [], "killed after write {number}");
        let served = revived.deployed_function(&format!("{NAME}:live")).expect("it is served");
        assert_eq!(served.version, "2", "killed after write {number}");
        assert_eq!(revived.code(&served.code_sha256).as_deref(), Some(&archive(b"newer code")[..]));
    }
}

pub(super) fn code(text: &str) -> String {
    kinds::kinds::artefact::digest(&archive(text.as_bytes()))
}

#[tokio::test(start_paused = true)]
async fn a_birth_whose_answer_was_lost_is_completed_before_it_can_be_seen() {
    let (example, account) = (minimal(), fresh());
    account.set_weather(Weather { invisible: Duration::from_secs(20), ..Weather::realistic() });
    let create = When::Operation { service: "lambda".to_owned(), operation: "CreateFunction".to_owned() };
    account.plan_trouble(Trouble { when: create, what: What::LoseAnswer });
    let world = world_of(&example, |_| {});
    apply(&world, &account).await.expect_err("no answer");
    apply(&world, &account).await.expect("the next run");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(differences(&world, &account).await, []);
    assert_eq!(account.deployed_function(NAME).expect("it is there").version, "$LATEST");
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_was_never_published_is_explained_and_put_back() {
    let (example, account) = (minimal(), slow());
    let world = world_of(&example, |_| {});
    apply(&world, &account).await.expect("a birth");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let by_hand = client(&account).update_function_configuration().function_name(NAME);
    let variables = aws_sdk_lambda::types::Environment::builder().variables("TOKEN", "hunter2").build();
    by_hand
        .memory_size(1_024)
        .environment(variables)
        .layers("arn:aws:lambda:us-east-1:1:layer:spy:1")
        .send()
        .await
        .expect("an edit by hand");
    tokio::time::sleep(Duration::from_secs(5)).await;

    let (declared, found) = look(&world, &account).await;
    let found = found.expect("it exists");
    let shown: Vec<String> = declared
        .layout()
        .diff(&found.layout())
        .iter()
        .map(|change| format!("{} = {}", change.field, change.live))
        .collect();
    assert_eq!(
        shown,
        [
            "strays.latest environment.TOKEN = \"another value\"",
            "strays.latest memory_mb = \"1024\"",
            "strays.latest strays.layers = \"\\\"arn:aws:lambda:us-east-1:1:layer:spy:1\\\"\"",
        ]
    );
    let [finding] = found.findings.as_slice() else { panic!("{:?}", found.findings) };
    assert!(finding.starts_with("$LATEST was edited and never published (environment.TOKEN, memory_mb"));
    assert!(finding.ends_with("callers of live still get version 1") && !finding.contains("hunter2"));

    converge(&world, &account).await.expect("a repair");
    assert_eq!(writes(&account), ["UpdateFunctionConfiguration"], "nobody is served anything else");
    assert_eq!(differences(&world, &account).await, []);
}

#[tokio::test(start_paused = true)]
async fn an_alias_that_was_moved_deleted_or_split_is_put_right() {
    let example = minimal();
    let born = fresh();
    apply(&world_of(&example, newer), &born).await.expect("a birth");
    let world = world_of(&example, |_| {});
    apply(&world, &born).await.expect("a second version");
    let aliases = |account: &Account| client(account).update_alias().function_name(NAME).name("live");

    let moved = born.fork();
    aliases(&moved).function_version("1").send().await.expect("moved by hand");
    assert_eq!(differences(&world, &moved).await[0].field, "code");

    let split = born.fork();
    let weights =
        aws_sdk_lambda::types::AliasRoutingConfiguration::builder().additional_version_weights("1", 0.25);
    aliases(&split).routing_config(weights.build()).send().await.expect("split by hand");
    let [change] = differences(&world, &split).await.try_into().expect("one difference");
    assert_eq!((change.field.as_str(), change.live), ("strays.alias to 1", "25 % of the calls".into()));

    let deleted = born.fork();
    client(&deleted).delete_alias().function_name(NAME).name("live").send().await.expect("deleted by hand");
    assert_eq!(differences(&world, &deleted).await[0].field, "strays.alias");

    for (account, expected) in [
        (moved, &["PublishVersion", "UpdateAlias"][..]),
        (split, &["UpdateAlias"]),
        (deleted, &["PublishVersion", "CreateAlias"]),
    ] {
        converge(&world, &account).await.expect("a repair");
        assert_eq!(writes(&account), expected);
        assert_eq!(differences(&world, &account).await, []);
        assert_eq!(account.deployed_function("dn-test-subject:live").expect("served").version, "2");
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_else_at_the_same_time_makes_the_step_stale() {
    let example = minimal();
    let born = fresh();
    apply(&world_of(&example, |_| {}), &born).await.expect("a birth");
    let at = kinds::Place {
        address: "laws/function/subject".parse().expect("an address"),
        physical: NAME.to_owned(),
        tags: model::Tags::new(),
    };
    let seen = Alias { version: "7".to_owned(), revision: Some("old".to_owned()), weights: [].into() };
    let fault = move_alias(&at, Some(&seen), "1", &writer(&born)).await.expect_err("a refusal");
    assert!(matches!(fault, Fault::Stale { .. }), "{fault}");

    for operation in ["UpdateFunctionConfiguration", "UpdateFunctionCode", "UpdateAlias"] {
        let account = born.fork();
        let when = When::Operation { service: "lambda".to_owned(), operation: operation.to_owned() };
        let edit = |world: &mut sandbox::World<'_>| {
            world.edit("lambda/functions", NAME, |function| {
                function["latest"]["RevisionId"] = "another".into();
                function["aliases"]["live"]["RevisionId"] = "another".into();
            });
        };
        account.plan_trouble(Trouble { when, what: What::Edit(Box::new(edit)) });
        let world = world_of(&example, |function| {
            newer(function);
            function.timeout_s = 20;
        });
        let fault = apply(&world, &account).await.expect_err(operation);
        assert!(matches!(fault, Fault::Stale { .. }), "{operation}: {fault}");
        apply(&world, &account).await.expect("the next run");
        assert_eq!(differences(&world, &account).await, [], "{operation}");
    }
}
