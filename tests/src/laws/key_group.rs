//! Examples of key groups, and of hands that touch them.

use aws_config::SdkConfig;
use aws_sdk_cloudfront::{
    Client,
    types::{KeyGroupConfig, PublicKeyConfig},
};
use kinds::{
    World,
    kinds::{key_group::KeyGroup, public_key::PublicKey},
};
use model::Fault;
use sandbox::{Trouble, What, When};
use serde_json::json;

use super::{
    Example, apply, differences, fresh, hold,
    public_key::{FIRST, SECOND},
    world_of,
};

fn two_keys(world: &mut World) -> KeyGroup {
    let first = world.add("laws", "first", PublicKey::new(FIRST)).expect("an address");
    let second = world.add("laws", "second", PublicKey::new(SECOND)).expect("an address");
    KeyGroup::of([first.by("id"), second.by("id")])
}

pub(crate) fn examples() -> [Example<KeyGroup>; 1] {
    [Example {
        name: "two keys",
        declare: two_keys,
        mutations: &[
            ("comment", |group| group.comment = "sign links to reports".to_owned()),
            ("keys", |group| drop(group.keys.pop_last())),
        ],
    }]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_key_group() {
    hold(&examples()).await;
}

/// Adds a key of somebody else to the account's first group, as a person at the console would; its id.
pub(crate) async fn intrude(config: &SdkConfig, pem: &str) -> String {
    let client = Client::new(config);
    let config = PublicKeyConfig::builder().caller_reference("by hand").name("theirs").encoded_key(pem);
    let made = client.create_public_key().public_key_config(config.build().expect("a key")).send().await;
    let theirs = made.expect("a key").public_key.expect("a key").id;
    let groups = client.list_key_groups().send().await.expect("a list").key_group_list.expect("a list");
    let group = groups.items()[0].key_group().expect("a group");
    let found = client.get_key_group().id(group.id()).send().await.expect("a group");
    let old = group.key_group_config().expect("a configuration");
    let keys = old.items().iter().cloned().chain([theirs.clone()]).collect();
    let config = KeyGroupConfig::builder().name(old.name()).set_comment(old.comment.clone());
    let config = config.set_items(Some(keys)).build().expect("a configuration");
    let ask = client.update_key_group().id(group.id()).set_if_match(found.e_tag);
    ask.key_group_config(config).send().await.expect("an update");
    theirs
}

#[tokio::test(start_paused = true)]
async fn a_key_added_by_hand_is_seen_and_taken_out() {
    let account = fresh();
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect("a birth");
    intrude(&account.sdk_config(), FIRST).await;
    let changes = differences(&world, &account).await;
    let shown: Vec<_> =
        changes.iter().map(|change| (change.field.as_str(), change.live.as_array().map(Vec::len))).collect();
    assert_eq!(shown, [("keys", Some(3))]);
    apply(&world, &account).await.expect("the way back");
    assert_eq!(differences(&world, &account).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_group_has_one_to_five_keys() {
    let account = fresh();
    let world = world_of(&examples()[0], |group| group.keys.clear());
    let fault = apply(&world, &account).await.expect_err("no keys");
    assert!(fault.to_string().contains("names 0 keys"), "{fault}");
}

fn at_update(edit: impl FnOnce(&mut sandbox::World<'_>) + Send + 'static) -> Trouble {
    let operation = "UpdateKeyGroup".to_owned();
    let when = When::Operation { service: "cloudfront".to_owned(), operation };
    Trouble { when, what: What::Edit(Box::new(edit)) }
}

fn edit_groups(world: &mut sandbox::World<'_>, edit: impl Fn(&mut serde_json::Value)) {
    let ids: Vec<String> = world.all("cloudfront/key-groups").into_keys().map(str::to_owned).collect();
    for id in ids {
        world.edit("cloudfront/key-groups", &id, |group| edit(group));
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_moved_on_is_no_obstacle_while_the_fields_are_as_they_were() {
    let account = fresh();
    apply(&world_of(&examples()[0], |_| {}), &account).await.expect("a birth");
    let changed = world_of(&examples()[0], |group| group.comment = "other".to_owned());

    let same = account.fork();
    same.plan_trouble(at_update(|world| edit_groups(world, |group| group["etag"] = json!("E2NEWER"))));
    apply(&changed, &same).await.expect("a second write over the newer version");
    assert_eq!(differences(&changed, &same).await, []);
    assert_eq!(same.troubles_left(), 0);

    account.plan_trouble(at_update(|world| {
        edit_groups(world, |group| {
            group["etag"] = json!("E2NEWER");
            group["config"]["Items"].as_array_mut().expect("keys").pop();
        });
    }));
    let fault = apply(&changed, &account).await.expect_err("the keys moved");
    assert!(matches!(fault, Fault::Stale { .. }), "{fault}");
}
