//! Examples of keys, and what becomes of keys whose alias or life is in doubt.

use std::{sync::Arc, time::Duration};

use kinds::{
    Clients, KINDS, Scope, World, Writer,
    kinds::key::{Key, Usage},
};
use model::{
    Address, Fault, MayFind, Tags,
    policy::{Policy, Statement},
};
use sandbox::{Account, Trouble, Weather, What, When};
use serde_json::Value;

use super::{
    ACCOUNT, Example, PlainGate, apply, differences, fresh, hold, look, scope, subject, world_of, writer,
};

fn owned_key() -> Key {
    Key::symmetric(Policy::new([Key::owner(ACCOUNT)]))
}

const SYMMETRIC: Example<Key> = Example {
    name: "symmetric",
    declare: |_| owned_key(),
    mutations: &[
        ("description", |key| key.description = "signs unsubscribe links".to_owned()),
        ("policy", |key| {
            let logs = Statement::allow(["kms:Encrypt*", "kms:Decrypt*"], ["*"])
                .to_service("logs.us-east-1.amazonaws.com")
                .when("ArnLike", "kms:EncryptionContext:aws:logs:arn", "arn:aws:logs:*");
            key.policy = Policy::new([Key::owner(ACCOUNT), logs]);
        }),
        ("rotation_days", |key| key.rotation_days = None),
        ("usage", |key| key.usage = Usage::GenerateVerifyMac),
        ("spec", |key| key.spec = "RSA_2048".to_owned()),
        ("multi_region", |key| key.multi_region = true),
        ("enabled", |key| key.enabled = false),
        ("aliased", |key| key.aliased = false),
    ],
};

pub(crate) fn examples() -> [Example<Key>; 4] {
    [
        SYMMETRIC,
        Example {
            name: "everything set",
            declare: |_| Key {
                description: "of many Regions".to_owned(),
                rotation_days: Some(2560),
                multi_region: true,
                ..owned_key()
            },
            mutations: &[
                ("description", |key| key.description = String::new()),
                ("rotation_days", |key| key.rotation_days = Some(90)),
                ("enabled", |key| key.enabled = false),
                ("aliased", |key| key.aliased = false),
            ],
        },
        Example {
            name: "disabled, without an alias",
            declare: |_| Key { enabled: false, aliased: false, ..owned_key() },
            mutations: &[
                ("description", |key| key.description = "kept for old letters".to_owned()),
                ("enabled", |key| key.enabled = true),
                ("aliased", |key| key.aliased = true),
            ],
        },
        Example {
            name: "asymmetric",
            declare: |_| Key {
                usage: Usage::SignVerify,
                spec: "ECC_NIST_P256".to_owned(),
                rotation_days: None,
                ..owned_key()
            },
            mutations: &[("description", |key| key.description = "signs".to_owned())],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_key() {
    hold(&examples()).await;
}

fn kms(account: &Account) -> aws_sdk_kms::Client {
    aws_sdk_kms::Client::new(&account.sdk_config())
}

fn world() -> World {
    world_of(&SYMMETRIC, |_| {})
}

/// A world that gives addresses other names, which the scope of the laws does not.
fn named(account: &Account, names: &[(&str, &str)]) -> Writer {
    let address = |name: &str| Address::new("laws", "key", name).expect("an address");
    let names = names.iter().map(|(of, name)| (address(of), (*name).to_owned())).collect();
    Writer::new(Clients::new(&account.sdk_config()), Scope { names, ..scope() }, Arc::new(PlainGate::PATIENT))
}

/// States of all keys, by id.
fn states(account: &Account) -> Vec<(String, String)> {
    let documents = account.documents();
    let keys = documents.get("kms/keys").into_iter().flatten();
    let state = |key: &Value| key["state"].as_str().expect("a state").to_owned();
    keys.map(|(id, key)| (id.clone(), state(key))).collect()
}

fn only_state(account: &Account) -> String {
    let [(_, state)] = &states(account)[..] else { panic!("one key, found {:?}", states(account)) };
    state.clone()
}

fn key_behind(account: &Account, alias: &str) -> String {
    account.documents()["kms/aliases"][alias]["key"].as_str().expect("a key").to_owned()
}

#[track_caller]
fn refused(outcome: Result<(), Fault>, part: &str) {
    let fault = outcome.expect_err("a refusal");
    assert!(matches!(fault, Fault::Refused(_)), "{fault:?}");
    assert!(fault.to_string().contains(part), "{fault}");
    assert!(fault.cause().is_some_and(|cause| cause.hint.is_some()), "{fault:?} has a hint");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_no_second_key() {
    for lost in ["CreateKey", "CreateAlias", "EnableKeyRotation", "TagResource"] {
        let account = fresh();
        let when = When::Operation { service: "kms".to_owned(), operation: lost.to_owned() };
        account.plan_trouble(Trouble { when, what: What::LoseAnswer });
        apply(&world(), &account).await.expect_err("a lost answer");
        apply(&world(), &account).await.expect("the next run");
        assert_eq!(differences(&world(), &account).await, [], "{lost}");
        assert_eq!(only_state(&account), "Enabled", "{lost}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_makes_no_key() {
    for operation in ["DescribeKey", "ListKeys"] {
        let account = fresh();
        let when = When::Operation { service: "kms".to_owned(), operation: operation.to_owned() };
        let code = "AccessDeniedException".to_owned();
        let what = What::Fail { code, message: "no".to_owned(), status: 400, times: 1 };
        account.plan_trouble(Trouble { when, what });
        apply(&world(), &account).await.expect_err("a refusal");
        assert_eq!(states(&account), [], "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_tags_of_foreign_keys_may_be_hidden_but_not_those_of_all() {
    let account = fresh();
    for _ in 0..2 {
        kms(&account).create_key().send().await.expect("a foreign key");
    }
    let hide = |account: &Account, times| {
        let when = When::Operation { service: "kms".to_owned(), operation: "ListResourceTags".to_owned() };
        let code = "AccessDeniedException".to_owned();
        let what = What::Fail { code, message: "no".to_owned(), status: 400, times };
        account.plan_trouble(Trouble { when, what });
    };
    hide(&account, 2);
    refused(apply(&world(), &account).await, "the tags of no key can be read");
    hide(&account, 1);
    apply(&world(), &account).await.expect("a birth");
    assert_eq!(states(&account).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_policy_may_name_a_role_that_was_just_made() {
    let account = fresh();
    account.set_weather(Weather { propagation: Duration::from_secs(8), ..Weather::default() });
    let made = What::Edit(Box::new(|world| {
        let role = serde_json::json!({ "created": world.now_ms });
        world.put("iam/roles", "signer", role);
    }));
    account.plan_trouble(Trouble { when: When::Call(1), what: made });
    let world = world_of(&SYMMETRIC, |key| {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/signer");
        key.policy = Policy::new([Key::owner(ACCOUNT), Statement::allow(["kms:Sign"], ["*"]).to_aws(&role)]);
    });
    apply(&world, &account).await.expect("a birth");
    assert_eq!(differences(&world, &account).await, []);
    let tries = account.served().into_iter().filter(|call| call.operation == "CreateKey").count();
    assert!(tries > 1, "KMS did not know the role at first");
}

#[tokio::test(start_paused = true)]
async fn a_slow_account_is_waited_for() {
    let account = fresh();
    let slow = Weather {
        latency: Duration::from_millis(40),
        rates: true,
        invisible: Duration::from_secs(20),
        ..Weather::realistic()
    };
    account.set_weather(slow);
    apply(&world(), &account).await.expect("a birth");
    assert_eq!(differences(&world(), &account).await, []);
    for (field, mutate) in SYMMETRIC.mutations {
        let changed = world_of(&SYMMETRIC, mutate);
        if differences(&changed, &account).await.iter().any(|change| change.impact != model::Impact::InPlace)
        {
            continue;
        }
        for world in [&changed, &world()] {
            apply(world, &account).await.expect(field);
            assert_eq!(differences(world, &account).await, [], "{field}");
        }
    }
    assert_eq!(only_state(&account), "Enabled");
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_was_killed_is_completed() {
    let account = fresh();
    apply(&world(), &account).await.expect("a birth");
    account.plan_trouble(Trouble { when: When::Write(1), what: What::DieAfter });
    let managed = world().manage(&writer(&account));
    tokio::select! {
        done = subject(&managed).delete(MayFind::Anything, model::Data::Lose) => panic!("survived: {done:?}"),
        () = async { while !account.died() { tokio::task::yield_now().await } } => {}
    }
    let revived = account.fork();
    assert_eq!((only_state(&revived).as_str(), revived.documents()["kms/aliases"].len()), ("Enabled", 0));
    subject(&world().manage(&writer(&revived)))
        .delete(MayFind::Anything, model::Data::Lose)
        .await
        .expect("the second run");
    assert_eq!(only_state(&revived), "PendingDeletion");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_deleted_is_taken_back() {
    let account = fresh();
    apply(&world(), &account).await.expect("a birth");
    subject(&world().manage(&writer(&account)))
        .delete(MayFind::Anything, model::Data::Lose)
        .await
        .expect("a delete");
    assert_eq!(only_state(&account), "PendingDeletion");
    apply(&world(), &account).await.expect("a second birth");
    assert_eq!(only_state(&account), "Enabled");
    // Of another kind it cannot be taken back.
    subject(&world().manage(&writer(&account)))
        .delete(MayFind::Anything, model::Data::Lose)
        .await
        .expect("a delete");
    let other = world_of(&SYMMETRIC, |key| {
        key.spec = "HMAC_256".to_owned();
        key.usage = Usage::GenerateVerifyMac;
        key.rotation_days = None;
    });
    apply(&other, &account).await.expect("another key");
    assert_eq!(differences(&other, &account).await, []);
    let mut states: Vec<_> = states(&account).into_iter().map(|(_, state)| state).collect();
    states.sort();
    assert_eq!(states, ["Enabled", "PendingDeletion"]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_waits_for_deletion_is_taken_back_only_when_it_is_ours() {
    let account = fresh();
    apply(&world(), &account).await.expect("a birth");
    let id = key_behind(&account, "alias/dn-test-subject");
    kms(&account).schedule_key_deletion().key_id(&id).send().await.expect("a foreign hand");
    let found = look(&world(), &account).await.1.expect("its alias is still there");
    assert!(found.findings[0].contains("waits for deletion on 20"), "{:?}", found.findings);
    let shown: Vec<_> =
        differences(&world(), &account).await.into_iter().map(|change| change.field).collect();
    assert_eq!(shown, ["rotation_days", "enabled"]);

    let adopted = account.fork();
    let tags = ["dn:project", "dn:stage", "dn:address"].map(str::to_owned);
    kms(&adopted).cancel_key_deletion().key_id(&id).send().await.expect("a cancel");
    kms(&adopted).untag_resource().key_id(&id).set_tag_keys(Some(tags.to_vec())).send().await.expect("untag");
    kms(&adopted).schedule_key_deletion().key_id(&id).send().await.expect("a foreign hand");
    refused(apply(&world(), &adopted).await, "waits for deletion");

    account.forget_served();
    apply(&world(), &account).await.expect("it is ours");
    assert_eq!(differences(&world(), &account).await, []);
    let writes: Vec<_> = account.served().into_iter().filter(|call| call.writes).collect();
    let writes: Vec<_> = writes.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(writes, ["CancelKeyDeletion", "EnableKey"], "the rotation came back by itself");
}

#[tokio::test(start_paused = true)]
async fn a_second_key_of_one_address_is_an_orphan_by_its_id() {
    let account = fresh();
    apply(&world(), &account).await.expect("a birth");
    let id = key_behind(&account, "alias/dn-test-subject");
    kms(&account).delete_alias().alias_name("alias/dn-test-subject").send().await.expect("a foreign hand");
    let address = Address::new("laws", "key", "subject").expect("an address");
    let tag = |(key, value): (&String, &String)| {
        aws_sdk_kms::types::Tag::builder().tag_key(key).tag_value(value).build().expect("a tag")
    };
    let tags: Tags = scope().tags(&address);
    let second = kms(&account).create_key().set_tags(Some(tags.iter().map(tag).collect())).send().await;
    let second = second.expect("a key").key_metadata.expect("a key").key_id;

    let kind = KINDS.iter().find(|kind| kind.name == "key").expect("the kind");
    let owned = kind.owned(writer(&account).reader()).await.expect("an inventory");
    let named = |physical: &str| (address.clone(), physical.to_owned());
    assert_eq!(owned, [named("dn-test-subject"), named(&second)], "the first would be given the alias");
    apply(&world(), &account).await.expect("the alias again");
    assert_eq!(key_behind(&account, "alias/dn-test-subject"), id);

    let aws = writer(&account);
    let orphan = kind.manage_orphan(address.clone(), second.clone(), &aws);
    assert!(orphan.observe().await.expect("a look").is_some());
    orphan.delete(MayFind::Anything, model::Data::Lose).await.expect("a delete");
    assert!(orphan.observe().await.expect("a look").is_none());
    assert!(states(&account).contains(&(second, "PendingDeletion".to_owned())));
    let owned = kind.owned(writer(&account).reader()).await.expect("an inventory");
    assert_eq!(owned, [named("dn-test-subject")], "what waits for deletion is absent");
}

#[tokio::test(start_paused = true)]
async fn the_alias_of_one_key_moves_to_another() {
    let account = fresh();
    let mut one = World::default();
    one.add("laws", "first", owned_key()).expect("an address");
    let before = named(&account, &[("first", "letters")]);
    one.manage(&before)[0].converge(MayFind::Anything).await.expect("a birth");
    let first = key_behind(&account, "alias/letters");

    let mut two = World::default();
    two.add("laws", "first", owned_key()).expect("an address");
    two.add("laws", "second", owned_key()).expect("an address");
    let names = [("first", "letters-old"), ("second", "letters")];
    // In both orders.
    for order in [[0, 1], [1, 0]] {
        let account = account.fork();
        let after = named(&account, &names);
        let managed = two.manage(&after);
        for index in order {
            managed[index].converge(MayFind::Anything).await.expect("a move");
        }
        assert_eq!(key_behind(&account, "alias/letters-old"), first);
        assert_ne!(key_behind(&account, "alias/letters"), first);
        for one in two.watch(named(&account, &names).reader()) {
            let found = one.observe().await.expect("a look").expect("a key");
            assert_eq!(one.declared().layout().diff(&found.layout()), []);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_was_renamed_takes_its_key_along() {
    let account = fresh();
    let of = |name: &str| {
        let mut world = World::default();
        world.add("laws", name, owned_key()).expect("an address");
        world
    };
    let before = named(&account, &[("old", "letters")]);
    of("old").manage(&before)[0].converge(MayFind::Anything).await.expect("a birth");
    let after = named(&account, &[("new", "letters")]);
    of("new").manage(&after)[0].converge(MayFind::Anything).await.expect("a take-over");
    assert_eq!(only_state(&account), "Enabled");
}

#[tokio::test(start_paused = true)]
async fn all_pages_of_aliases_are_read() {
    let account = fresh();
    apply(&world(), &account).await.expect("a birth");
    let id = key_behind(&account, "alias/dn-test-subject");
    for number in 0..120 {
        let alias = format!("alias/a-{number:03}");
        kms(&account).create_alias().alias_name(alias).target_key_id(&id).send().await.expect("an alias");
    }
    account.forget_served();
    assert_eq!(differences(&world(), &account).await, []);
    let lists = account.served().into_iter().filter(|call| call.operation == "ListAliases").count();
    assert_eq!(lists, 2);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_what_is_fixed_is_refused() {
    let account = fresh();
    apply(&world(), &account).await.expect("a birth");
    let changed = world_of(&SYMMETRIC, |key| key.multi_region = true);
    refused(apply(&changed, &account).await, "cannot change");
    let disabled = world_of(&SYMMETRIC, |key| key.enabled = false);
    apply(&disabled, &account).await.expect("a disabled key");
    let rotated = world_of(&SYMMETRIC, |key| (key.enabled, key.rotation_days) = (false, None));
    refused(apply(&rotated, &account).await, "rotation of a disabled key");
}

#[tokio::test(start_paused = true)]
async fn what_kms_refuses_is_refused() {
    use aws_sdk_kms::error::ProvideErrorMetadata;
    let account = fresh();
    let kms = kms(&account);
    let key = kms.create_key().send().await.expect("a key").key_metadata.expect("a key").key_id;
    let code = |error: Option<&str>| error.unwrap_or_default().to_owned();

    let shut = Policy::new([Statement::allow(["kms:Encrypt"], ["*"]).to_aws(ACCOUNT)]).document();
    let outcome = kms.put_key_policy().key_id(&key).policy(shut).send().await.expect_err("a lock-out");
    assert_eq!(code(outcome.code()), "MalformedPolicyDocumentException");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/nobody");
    let strange = Policy::new([Key::owner(ACCOUNT).to_aws(&role)]).document();
    let outcome = kms.put_key_policy().key_id(&key).policy(strange).send().await.expect_err("a strange role");
    assert!(outcome.message().is_some_and(|text| text.contains("invalid principals")), "{outcome:?}");
    let outcome = kms.put_key_policy().key_id(&key).policy("{").send().await.expect_err("no document");
    assert_eq!(code(outcome.code()), "MalformedPolicyDocumentException");

    let alias = |name: &str| kms.create_alias().alias_name(name).target_key_id(&key);
    alias("alias/a").send().await.expect("an alias");
    let outcome = alias("alias/a").send().await.expect_err("a second one");
    assert_eq!(code(outcome.code()), "AlreadyExistsException");
    let outcome = alias("alias/aws/a").send().await.expect_err("a reserved name");
    assert_eq!(code(outcome.code()), "NotAuthorizedException");

    let mac = kms.create_key().key_spec("HMAC_256".into()).key_usage("GENERATE_VERIFY_MAC".into());
    let mac = mac.send().await.expect("a key").key_metadata.expect("a key").key_id;
    let outcome = kms.update_alias().alias_name("alias/a").target_key_id(&mac).send().await;
    assert_eq!(code(outcome.expect_err("another type").code()), "ValidationException");
    let outcome = kms.enable_key_rotation().key_id(&mac).send().await.expect_err("no rotation");
    assert_eq!(code(outcome.code()), "UnsupportedOperationException");

    kms.schedule_key_deletion().key_id(&key).pending_window_in_days(7).send().await.expect("a schedule");
    for outcome in [
        kms.enable_key().key_id(&key).send().await.map(drop).map_err(|error| code(error.code())),
        kms.update_key_description()
            .key_id(&key)
            .description("x")
            .send()
            .await
            .map(drop)
            .map_err(|error| code(error.code())),
        kms.schedule_key_deletion().key_id(&key).send().await.map(drop).map_err(|error| code(error.code())),
        alias("alias/b").send().await.map(drop).map_err(|error| code(error.code())),
    ] {
        assert_eq!(outcome, Err("KMSInvalidStateException".to_owned()));
    }
    kms.cancel_key_deletion().key_id(&key).send().await.expect("a cancel");
    let described = kms.describe_key().key_id("alias/a").send().await.expect("a key").key_metadata;
    assert_eq!(described.expect("a key").key_state, Some("Disabled".into()));
    let outcome = kms.enable_key_rotation().key_id(&key).send().await.expect_err("disabled");
    assert_eq!(code(outcome.code()), "DisabledException");
}
