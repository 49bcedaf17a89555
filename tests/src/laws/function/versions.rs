//! Which versions stay when new ones come.

use aws_sdk_lambda::types::AliasRoutingConfiguration;

use super::{
    releases::{client, converge, slow, writes},
    *,
};

/// A function whose timeout makes it another version.
fn edition(timeout_s: u32) -> World {
    world_of(&minimal(), |function| function.timeout_s = timeout_s)
}

/// All numbers, page by page as AWS gives them.
async fn versions(account: &Account) -> Vec<u64> {
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let ask = client(account).list_versions_by_function().function_name(NAME).set_marker(marker);
        let page = ask.send().await.expect("a list");
        all.extend(page.versions().iter().filter_map(|one| one.version()?.parse::<u64>().ok()));
        marker = page.next_marker;
        if marker.is_none() {
            return all;
        }
    }
}

/// A function of so many versions, as one was in which nothing was ever deleted.
async fn grown(last: u32) -> Account {
    let account = fresh();
    apply(&edition(1), &account).await.expect("a birth");
    for number in 2..=last {
        let lambda = client(&account);
        let change = lambda.update_function_configuration().function_name(NAME).timeout(wire(number));
        change.send().await.expect("a change");
        lambda.publish_version().function_name(NAME).send().await.expect("a version");
    }
    let live = client(&account).update_alias().function_name(NAME).name("live");
    live.function_version(last.to_string()).send().await.expect("it is served");
    account
}

fn wire(number: u32) -> i32 {
    i32::try_from(number).expect("a small number")
}

#[tokio::test(start_paused = true)]
async fn the_last_few_versions_stay_and_nothing_differs() {
    let account = slow();
    for number in 1..=9 {
        let world = edition(number);
        apply(&world, &account).await.expect("an edition");
        assert_eq!(differences(&world, &account).await, [], "edition {number}");
    }
    assert_eq!(versions(&account).await, [4, 5, 6, 7, 8, 9], "what is served, and five ways back");
    account.forget_served();
    apply(&edition(9), &account).await.expect("the same again");
    assert!(account.served().iter().all(|call| !call.writes), "nothing is left to do");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_while_there_cannot_be_too_many() {
    let account = fresh();
    for number in 1..=6 {
        converge_or_apply(number, &account).await;
        assert!(account.served().iter().all(|call| !call.operation.starts_with("ListVersions")), "{number}");
    }
    converge(&edition(7), &account).await.expect("the seventh");
    assert_eq!(
        writes(&account),
        ["UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias", "DeleteFunction", "TagResource"]
    );
}

async fn converge_or_apply(number: u32, account: &Account) {
    match number {
        1 => apply(&edition(1), account).await.expect("a birth"),
        _ => converge(&edition(number), account).await.expect("an edition"),
    }
}

/// More than a page of them, of which others name some.
#[tokio::test(start_paused = true)]
async fn what_an_alias_names_and_what_was_live_before_stay() {
    let account = grown(120).await;
    let lambda = client(&account);
    lambda
        .create_alias()
        .function_name(NAME)
        .name("audit")
        .function_version("3")
        .send()
        .await
        .expect("an alias");
    let part = AliasRoutingConfiguration::builder().additional_version_weights("9", 0.5).build();
    let beside = lambda.create_alias().function_name(NAME).name("trial").function_version("7");
    beside.routing_config(part).send().await.expect("an alias with a part");
    // Somebody went back a long way.
    let live = lambda.update_alias().function_name(NAME).name("live").function_version("40");
    live.send().await.expect("moved by hand");

    apply(&edition(200), &account).await.expect("a change");
    let left = versions(&account).await;
    assert_eq!(left, [3, 7, 9, 40, 116, 117, 118, 119, 120, 121]);
    assert_eq!(account.deployed_function("dn-test-subject:live").expect("served").version, "121");
    assert_eq!(differences(&edition(200), &account).await, []);

    let weights = lambda.delete_function().function_name(NAME).qualifier("9").send().await;
    assert!(format!("{weights:?}").contains("existing aliases: trial"), "{weights:?}");
}

#[tokio::test(start_paused = true)]
async fn a_change_killed_while_it_deletes_is_completed() {
    let born = grown(20).await;
    let world = edition(200);
    for number in 1.. {
        let account = born.fork();
        account.plan_trouble(Trouble { when: When::Write(number), what: What::DieAfter });
        tokio::select! {
            done = apply(&world, &account) => done.expect("a run that nothing killed"),
            () = account.death() => {}
        }
        if !account.died() {
            assert!(number > 15, "fifteen are deleted, and {number} writes were made");
            return;
        }
        let revived = account.fork();
        assert!(revived.deployed_function("dn-test-subject:live").is_some(), "{number}: it is served");
        apply(&world, &revived).await.expect("the run after a crash");
        assert_eq!(differences(&world, &revived).await, [], "killed after write {number}");
        let left = versions(&revived).await;
        assert!(left == [16, 17, 18, 19, 20, 21], "{number}: {left:?}");
    }
}
