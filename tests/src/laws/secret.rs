//! Examples of secrets, and what becomes of deleted ones and of values.

use std::time::Duration;

use kinds::{
    Place, World,
    kinds::{
        key::Key,
        secret::{Secret, SecretText, put_value},
    },
};
use model::{
    Address, Fault, Holds, MayFind,
    policy::{Policy, Statement},
};
use sandbox::{Account, Trouble, Weather, What, When};

use super::{
    ACCOUNT, Example, REGION, apply, differences, fresh, hold, look, scope, subject, world_of, writer,
};

fn readers() -> Policy {
    let role = Statement::allow(["secretsmanager:GetSecretValue"], ["*"]).to_aws(ACCOUNT);
    Policy::new([role.when("StringEquals", "aws:PrincipalTag/team", "mail")])
}

const PLAIN: Example<Secret> = Example {
    name: "plain",
    declare: |_| Secret::described("the key of the mail provider"),
    mutations: &[
        ("description", |secret| secret.description = String::new()),
        ("policy", |secret| secret.policy = Some(readers())),
    ],
};

const WITH_KEY: Example<Secret> = Example {
    name: "with a key",
    declare: |world| {
        let key = Key::symmetric(Policy::new([Key::owner(ACCOUNT)]));
        let key = world.add("laws", "key", key).expect("an address");
        Secret { key: Some(key.arn()), policy: Some(readers()), ..Secret::described("") }
    },
    mutations: &[
        ("description", |secret| secret.description = "now described".to_owned()),
        ("key", |secret| secret.key = None),
        ("policy", |secret| secret.policy = None),
    ],
};

pub(crate) fn examples() -> [Example<Secret>; 2] {
    [PLAIN, WITH_KEY]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_secret() {
    hold(&examples()).await;
}

fn world() -> World {
    world_of(&PLAIN, |_| {})
}

fn place() -> Place {
    let address = Address::new("laws", "secret", "subject").expect("an address");
    Place { physical: scope().name(&address), address, tags: model::Tags::new() }
}

fn client(account: &Account) -> aws_sdk_secretsmanager::Client {
    aws_sdk_secretsmanager::Client::new(&account.sdk_config())
}

async fn value(account: &Account) -> String {
    let answer = client(account).get_secret_value().secret_id("dn-test-subject").send().await;
    answer.expect("a value").secret_string.expect("a text")
}

#[tokio::test(start_paused = true)]
async fn a_value_is_put_seen_to_be_there_and_never_shown() {
    let account = fresh();
    let put = |text: &'static str| {
        let (aws, place) = (writer(&account), place());
        async move { put_value(&aws, &place, SecretText::new(text)).await }
    };
    let early = put("early").await.expect_err("no secret yet");
    assert!(
        matches!(&early, Fault::Refused(cause) if cause.hint.as_deref() == Some("apply first")),
        "{early:?}"
    );
    apply(&world(), &account).await.expect("a birth");
    let found = look(&world(), &account).await.1.expect("a secret");
    assert_eq!(found.findings, ["has no value yet: dn secret set test subject"]);
    assert_eq!(found.holds, Holds::Nothing);

    put("hunter2").await.expect("a first value");
    assert_eq!(value(&account).await, "hunter2");
    let found = look(&world(), &account).await.1.expect("a secret");
    assert_eq!((found.findings.len(), &found.holds), (0, &Holds::Data("a value".to_owned())));
    put("hunter2").await.expect("the same value again is a version of its own");
    put("correct horse").await.expect("another value");
    assert_eq!(value(&account).await, "correct horse");
    assert_eq!(format!("{:?}", SecretText::new("hunter2")), "SecretText");
    let asked = account.served().into_iter().filter(|call| call.operation == "GetSecretValue").count();
    assert_eq!(asked, 2, "only the test itself read a value");
}

#[tokio::test(start_paused = true)]
async fn of_two_who_put_at_the_same_time_one_is_refused() {
    let account = fresh();
    apply(&world(), &account).await.expect("a birth");
    let before = account.fork();
    let version = |account: &Account| {
        let secrets = account.documents()["secretsmanager/secrets"].clone();
        let versions = secrets["dn-test-subject"]["versions"].as_object().expect("versions").clone();
        assert_eq!(versions.len(), 1);
        versions.into_iter().next().expect("a version")
    };
    put_value(&writer(&account), &place(), SecretText::new("theirs")).await.expect("a value");
    let (theirs, value) = version(&account);
    let edit = What::Edit(Box::new(move |world| {
        world.edit("secretsmanager/secrets", "dn-test-subject", |secret| secret["versions"][theirs] = value);
    }));
    // Theirs arrives between our look and our put.
    let when =
        When::Operation { service: "secretsmanager".to_owned(), operation: "PutSecretValue".to_owned() };
    before.plan_trouble(Trouble { when, what: edit });
    let fault =
        put_value(&writer(&before), &place(), SecretText::new("hunter2")).await.expect_err("a refusal");
    assert!(fault.to_string().contains("somebody else has put a value"), "{fault}");
    assert!(!format!("{fault:?}").contains("hunter2"));
    assert_eq!(self::value(&before).await, "theirs");
}

#[tokio::test(start_paused = true)]
async fn a_put_whose_answer_is_lost_leaves_a_value() {
    let account = fresh();
    apply(&world(), &account).await.expect("a birth");
    let when =
        When::Operation { service: "secretsmanager".to_owned(), operation: "PutSecretValue".to_owned() };
    account.plan_trouble(Trouble { when, what: What::LoseAnswer });
    put_value(&writer(&account), &place(), SecretText::new("one")).await.expect_err("a lost answer");
    put_value(&writer(&account), &place(), SecretText::new("one")).await.expect("the second run");
    assert_eq!(value(&account).await, "one");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_secret_is_restored_with_its_value_unless_it_is_anothers() {
    let account = fresh();
    apply(&world(), &account).await.expect("a birth");
    put_value(&writer(&account), &place(), SecretText::new("kept")).await.expect("a value");
    subject(&world().manage(&writer(&account)))
        .delete(MayFind::Anything, model::Data::Lose)
        .await
        .expect("a delete");
    assert!(look(&world(), &account).await.1.is_none(), "gone, as far as a plan is concerned");

    let anothers = account.fork();
    let secrets = client(&anothers);
    let name = "dn-test-subject";
    secrets.restore_secret().secret_id(name).send().await.expect("restored");
    let tag = aws_sdk_secretsmanager::types::Tag::builder().key("dn:stage").value("prod").build();
    secrets.tag_resource().secret_id(name).tags(tag).send().await.expect("tagged");
    secrets.delete_secret().secret_id(name).send().await.expect("deleted");
    let fault = apply(&world(), &anothers).await.expect_err("it is another's");
    assert!(fault.to_string().contains("stage prod of project dn"), "{fault}");

    let changed = world_of(&PLAIN, |secret| secret.policy = Some(readers()));
    apply(&changed, &account).await.expect("a second birth");
    assert_eq!(differences(&changed, &account).await, []);
    assert_eq!(value(&account).await, "kept");
    let made = account.served().into_iter().filter(|call| call.operation == "CreateSecret").count();
    assert_eq!(made, 1, "the second birth is a restore");
}

#[tokio::test(start_paused = true)]
async fn a_slow_account_is_waited_for() {
    let account = fresh();
    account.set_weather(Weather { invisible: Duration::from_secs(20), ..Weather::realistic() });
    let base = world_of(&WITH_KEY, |_| {});
    apply(&base, &account).await.expect("a birth");
    assert_eq!(differences(&base, &account).await, []);
    for (field, mutate) in WITH_KEY.mutations {
        let changed = world_of(&WITH_KEY, mutate);
        for world in [&changed, &base] {
            apply(world, &account).await.expect(field);
            assert_eq!(differences(world, &account).await, [], "{field}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_for_everybody_is_refused() {
    let account = fresh();
    let public = world_of(&PLAIN, |secret| {
        let all = Statement::allow(["secretsmanager:*"], ["*"]).to_aws("*");
        secret.policy = Some(Policy::new([all]));
    });
    let fault = apply(&public, &account).await.expect_err("a refusal");
    assert!(
        fault.cause().is_some_and(|cause| cause.code.as_deref() == Some("PublicPolicyException")),
        "{fault}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_is_the_same_however_aws_names_it() {
    let account = fresh();
    let base = world_of(&WITH_KEY, |_| {});
    apply(&base, &account).await.expect("a birth");
    let (declared, _) = look(&base, &account).await;
    let arn = declared.fields.get("key").as_str().expect("an ARN").to_owned();
    let id = arn.rsplit('/').next().expect("an id").to_owned();
    let alias_arn = format!("arn:aws:kms:{REGION}:{ACCOUNT}:alias/dn-test-key");
    for name in [arn.as_str(), &id, "alias/dn-test-key", &alias_arn] {
        let ask = client(&account).update_secret().secret_id("dn-test-subject").kms_key_id(name);
        ask.send().await.expect("another name");
        assert_eq!(differences(&base, &account).await, [], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_with_slashes_are_found_in_arns() {
    use kinds::Resource;
    let arn =
        format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:payouts-mailer/mailgun-secrets-AbCdEf");
    assert_eq!(Secret::physical_of_arn(&arn).as_deref(), Some("payouts-mailer/mailgun-secrets"));
    assert_eq!(Secret::physical_of_arn("arn:aws:kms:us-east-1:000000000000:key/x"), None);
}

#[tokio::test(start_paused = true)]
async fn what_secrets_manager_refuses_is_refused() {
    use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
    let account = fresh();
    let secrets = client(&account);
    let code = |error: Option<&str>| error.unwrap_or_default().to_owned();
    let create = |name: &str| secrets.create_secret().name(name);
    let token = "0123456789012345678901234567890123456789";
    create("a").secret_string("x").client_request_token(token).send().await.expect("a secret");
    create("a").secret_string("x").client_request_token(token).send().await.expect("the same request");
    let outcome = create("a").secret_string("y").client_request_token(token).send().await.expect_err("taken");
    assert_eq!(code(outcome.code()), "ResourceExistsException");
    let outcome = create("ä").send().await.expect_err("a bad name");
    assert_eq!(code(outcome.code()), "ValidationException");

    // Labels move one by one, and only from where the caller knows them to be.
    let put = |text: &str| secrets.put_secret_value().secret_id("a").secret_string(text);
    let second = put("z").send().await.expect("a value").version_id.expect("a version");
    let move_to = |to: &str| {
        secrets
            .update_secret_version_stage()
            .secret_id("a")
            .version_stage("AWSCURRENT")
            .move_to_version_id(to)
    };
    let outcome = move_to(token).send().await.expect_err("from where?");
    assert_eq!(code(outcome.code()), "InvalidParameterException");
    move_to(token).remove_from_version_id(&second).send().await.expect("a move");
    let shown = secrets.describe_secret().secret_id("a").send().await.expect("a secret");
    let stages = shown.version_ids_to_stages.expect("versions");
    assert_eq!(
        (&stages[token][..], &stages[&second][..]),
        (&["AWSCURRENT".to_owned()][..], &["AWSPREVIOUS".to_owned()][..])
    );

    let window = |days: i64| secrets.delete_secret().secret_id("a").recovery_window_in_days(days);
    assert_eq!(code(window(6).send().await.expect_err("too short").code()), "InvalidParameterException");
    window(7).send().await.expect("a delete");
    let outcome = create("a").send().await.expect_err("a blocked name");
    assert_eq!(code(outcome.code()), "InvalidRequestException");
    let outcome = secrets.get_secret_value().secret_id("a").send().await.expect_err("deleted");
    assert_eq!(code(outcome.code()), "InvalidRequestException");
    let deleted = secrets.describe_secret().secret_id("a").send().await.expect("described all the same");
    assert!(deleted.deleted_date.is_some());
    let listed = secrets.list_secrets().send().await.expect("a list");
    assert_eq!(listed.secret_list().len(), 0, "hidden");
    let listed = secrets.list_secrets().include_planned_deletion(true).send().await.expect("a list");
    assert_eq!(listed.secret_list().len(), 1);
    tokio::time::advance(Duration::from_secs(8 * 86_400)).await;
    create("a").send().await.expect("the name is free again");
}

#[tokio::test(start_paused = true)]
async fn a_secret_may_be_born_with_a_key_which_then_stays() {
    let born = world_of(&PLAIN, |secret| *secret = Secret::born_with_key("of hashes"));
    let mut keys = Vec::new();
    for _ in 0..2 {
        let account = fresh();
        apply(&born, &account).await.expect("a birth");
        let found = look(&born, &account).await.1.expect("a secret");
        assert_eq!((found.findings.len(), &found.holds), (0, &Holds::Nothing), "nobody would miss it");
        let value = value(&account).await;
        let parsed: serde_json::Value = serde_json::from_str(&value).expect("JSON");
        assert_eq!(parsed["key"].as_str().expect("a text").len(), 64);
        assert_eq!(differences(&born, &account).await, []);

        let changed = world_of(&PLAIN, |secret| *secret = Secret::born_with_key("of other hashes"));
        apply(&changed, &account).await.expect("a change");
        assert_eq!(self::value(&account).await, value, "hashes stay comparable");
        put_value(&writer(&account), &place(), SecretText::new("mine")).await.expect("a value of a person's");
        apply(&born, &account).await.expect("a change");
        assert_eq!(self::value(&account).await, "mine");
        let found = look(&born, &account).await.1.expect("a secret");
        assert_eq!(found.holds, Holds::Data("a value".to_owned()), "a person's own");
        keys.push(value);
    }
    keys.dedup();
    assert_eq!(keys.len(), 2, "no two have the same");
}
