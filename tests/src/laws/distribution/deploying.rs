//! Distributions whose changes take minutes to reach the edges.

use std::time::Duration;

use kinds::{World, kinds::distribution::Distribution};
use model::{Data, Fault, MayFind};
use sandbox::{Account, Trouble, Weather, What, When};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{examples, minimal};
use crate::laws::{apply, differences, fresh, look, world_of, writer};

const DEPLOYMENT: Duration = Duration::from_secs(180);
const DOCUMENTS: &str = "cloudfront/distributions";

fn slow() -> Account {
    let account = fresh();
    account.set_weather(Weather { deployment: DEPLOYMENT, ..Weather::default() });
    account
}

fn plain() -> World {
    let mut world = World::default();
    let spec = minimal(&mut world);
    world.add("laws", "subject", spec).expect("an address");
    world
}

async fn delete(world: &World, account: &Account) -> Result<(), Fault> {
    let managed = world.manage(&writer(account));
    managed.last().expect("a distribution").delete(MayFind::Anything, Data::Keep).await
}

fn writes(account: &Account) -> Vec<String> {
    account.served().into_iter().filter(|call| call.writes).map(|call| call.operation).collect()
}

fn at(operation: &str, what: What) -> Trouble {
    let when = When::Operation { service: "cloudfront".to_owned(), operation: operation.to_owned() };
    Trouble { when, what }
}

#[tokio::test(start_paused = true)]
async fn a_birth_does_not_wait_and_says_that_it_is_on_its_way() {
    let (account, world, start) = (slow(), plain(), Instant::now());
    apply(&world, &account).await.expect("a birth");
    assert!(start.elapsed() < Duration::from_secs(1), "nothing was waited for");
    let found = look(&world, &account).await.1.expect("it exists");
    assert!(found.findings[0].contains("visible in minutes"), "{:?}", found.findings);
    tokio::time::sleep(DEPLOYMENT).await;
    assert_eq!(look(&world, &account).await.1.expect("it exists").findings, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_delete_disables_waits_for_the_edges_and_deletes() {
    let (account, world) = (slow(), plain());
    apply(&world, &account).await.expect("a birth");
    account.forget_served();
    let start = Instant::now();
    delete(&world, &account).await.expect("a delete");
    assert!(start.elapsed() >= DEPLOYMENT, "{:?}", start.elapsed());
    assert_eq!(writes(&account), ["UpdateDistribution", "DeleteDistribution"]);
    assert!(look(&world, &account).await.1.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_was_cut_short_goes_on_where_it_was() {
    let (account, world) = (slow(), plain());
    apply(&world, &account).await.expect("a birth");
    account.plan_trouble(at("UpdateDistribution", What::DieAfter));
    tokio::select! {
        _ = delete(&world, &account) => panic!("it died"),
        () = account.death() => {}
    }
    let revived = account.fork();
    revived.set_weather(Weather { deployment: DEPLOYMENT, ..Weather::default() });
    delete(&world, &revived).await.expect("the rest of it");
    assert_eq!(writes(&revived), ["DeleteDistribution"], "it was disabled already");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_enabled_again_meanwhile_is_not_deleted() {
    let (account, world) = (slow(), plain());
    apply(&world, &account).await.expect("a birth");
    let enable = |document: &mut Value| document["config"]["Enabled"] = json!("true");
    account.plan_trouble(at("UpdateDistribution", What::LoseAnswer));
    delete(&world, &account).await.expect_err("an answer that was lost");
    account.plan_trouble(at("DeleteDistribution", What::Edit(Box::new(move |edit| each(edit, enable)))));
    let fault = delete(&world, &account).await.expect_err("somebody wants it");
    assert!(matches!(&fault, Fault::Stale { found, .. } if found.contains("enabled again")), "{fault}");
    assert!(look(&world, &account).await.1.is_some());
}

fn each(world: &mut sandbox::World<'_>, edit: impl Fn(&mut Value)) {
    let ids: Vec<String> = world.all(DOCUMENTS).into_keys().map(str::to_owned).collect();
    for id in ids {
        world.edit(DOCUMENTS, &id, |document| edit(document));
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_keeps_what_is_not_modelled_also_when_it_came_in_between() {
    let account = fresh();
    apply(&plain(), &account).await.expect("a birth");
    let by_hand = |document: &mut Value| {
        document["etag"] = json!("E2NEWER");
        let origin = &mut document["config"]["Origins"]["Items"][0]["Origin"];
        let header = json!({ "HeaderName": "X-From", "HeaderValue": "edge" });
        origin["CustomHeaders"] = json!({ "Quantity": "1", "Items": [{ "OriginCustomHeader": header }] });
        document["config"]["DefaultCacheBehavior"]["SmoothStreaming"] = json!("true");
    };
    account.plan_trouble(at("UpdateDistribution", What::Edit(Box::new(move |world| each(world, by_hand)))));
    let changed = world_of(&examples()[0], |one: &mut Distribution| one.ipv6 = false);
    apply(&changed, &account).await.expect("a change over the newer version");
    assert_eq!(differences(&changed, &account).await, []);
    assert_eq!(account.troubles_left(), 0);
    let documents = account.documents();
    let kept = documents[DOCUMENTS].values().next().expect("it exists").to_string();
    assert!(kept.contains("X-From") && kept.contains(r#""SmoothStreaming":"true""#), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn a_field_that_moves_between_look_and_write_stops_the_write() {
    let account = fresh();
    apply(&plain(), &account).await.expect("a birth");
    let by_hand = |document: &mut Value| {
        document["etag"] = json!("E2NEWER");
        document["config"]["PriceClass"] = json!("PriceClass_100");
    };
    account.plan_trouble(at("UpdateDistribution", What::Edit(Box::new(move |world| each(world, by_hand)))));
    let changed = world_of(&examples()[0], |one: &mut Distribution| one.ipv6 = false);
    let fault = apply(&changed, &account).await.expect_err("the price class moved");
    assert!(matches!(fault, Fault::Stale { .. }), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn in_real_weather_births_changes_and_deletes_converge() {
    let account = fresh();
    account.set_weather(Weather::realistic());
    let example = &examples()[1];
    let world = world_of(example, |_: &mut Distribution| {});
    apply(&world, &account).await.expect("a birth");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(differences(&world, &account).await, []);
    let changed = world_of(example, |one: &mut Distribution| one.behaviors.reverse());
    apply(&changed, &account).await.expect("a change while the birth is on its way");
    assert_eq!(differences(&changed, &account).await, []);
    delete(&changed, &account).await.expect("a delete");
    assert!(look(&changed, &account).await.1.is_none());
}
