//! Examples of log groups.

use std::fmt::Debug;

use aws_sdk_cloudwatchlogs::{Client, error::ProvideErrorMetadata};
use kinds::kinds::log_group::{Class, LogGroup};
use model::{Holds, Ref};
use sandbox::{Trouble, Weather, What, When};

use super::{Example, apply, differences, fresh, hold, look, subject, world_of, writer};

const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/00000001-0000-4000-8000-000000000001";
const NAME: &str = "/dn/test/subject";

pub(crate) fn examples() -> [Example<LogGroup>; 2] {
    [
        Example {
            name: "kept for ever",
            declare: |_| LogGroup {
                retention_days: None,
                class: Class::Standard,
                key: None,
                deletion_protection: false,
            },
            mutations: &[
                ("retention_days", |group| group.retention_days = Some(14)),
                ("class", |group| group.class = Class::InfrequentAccess),
                ("key", |group| group.key = Some(Ref::live(KEY))),
                ("deletion_protection", |group| group.deletion_protection = true),
            ],
        },
        Example {
            name: "everything",
            declare: |_| LogGroup {
                class: Class::InfrequentAccess,
                key: Some(Ref::live(KEY)),
                ..LogGroup::kept_for_days(30)
            },
            mutations: &[
                ("retention_days", |group| group.retention_days = None),
                ("retention_days", |group| group.retention_days = Some(3653)),
                ("key", |group| group.key = None),
                ("key", |group| group.key = Some(Ref::live(KEY.replace("0001", "0002")))),
            ],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_log_group() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn a_log_group_is_born_and_changed_in_real_weather() {
    for example in &examples() {
        let account = fresh();
        account.set_weather(Weather::realistic());
        apply(&world_of(example, |_| {}), &account).await.expect("a birth");
        tokio::time::sleep(Weather::realistic().invisible).await;
        for (field, mutate) in example.mutations.iter().filter(|(field, _)| *field != "class") {
            let changed = world_of(example, mutate);
            apply(&changed, &account).await.expect(field);
            assert_eq!(differences(&changed, &account).await, [], "{field}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_birth_whose_answer_was_lost_is_completed_before_it_can_be_seen() {
    let account = fresh();
    account.set_weather(Weather { invisible: std::time::Duration::from_secs(20), ..Weather::default() });
    let when = When::Operation { service: "logs".to_owned(), operation: "CreateLogGroup".to_owned() };
    account.plan_trouble(Trouble { when, what: What::LoseAnswer });
    let world = world_of(&examples()[1], |_| {});
    apply(&world, &account).await.expect_err("the answer is lost");
    let tags = &account.documents()["logs/groups"][NAME]["tags"];
    assert!(tags.get(model::receipt::TAG).is_none(), "a receipt says that all was written: {tags}");
    apply(&world, &account).await.expect("the group is found after a while");
    assert_eq!(differences(&world, &account).await, []);
}

#[tokio::test(start_paused = true)]
async fn one_list_finds_all_groups_page_by_page() {
    let account = fresh();
    let mut world = kinds::World::default();
    for number in 0..60 {
        world.add("laws", &format!("g{number}"), LogGroup::kept_for_days(7)).expect("an address");
    }
    apply(&world, &account).await.expect("sixty births");
    account.forget_served();
    let aws = writer(&account);
    for one in world.watch(aws.reader()) {
        assert!(one.observe().await.expect("a look").is_some(), "{}", one.declared().address);
    }
    let reads: Vec<_> = account.served().into_iter().map(|call| call.operation).collect();
    assert_eq!(reads, ["DescribeLogGroups", "DescribeLogGroups", "GetResources"]);
}

#[tokio::test(start_paused = true)]
async fn a_protected_group_and_a_retention_that_aws_does_not_have_are_refused() {
    let account = fresh();
    let protected = world_of(&examples()[0], |group| group.deletion_protection = true);
    apply(&protected, &account).await.expect("a birth");
    let found = look(&protected, &account).await.1.expect("it exists");
    assert_eq!(found.protected.as_deref(), Some("deletion protection is on"));
    let managed = protected.manage(&writer(&account));
    let delete = subject(&managed).delete(model::MayFind::Anything, model::Data::Lose).await;
    assert!(matches!(delete, Err(model::Fault::Refused(_))), "{delete:?}");
    let odd = world_of(&examples()[0], |group| group.retention_days = Some(2));
    let fault = apply(&odd, &account).await.expect_err("two days");
    assert!(fault.to_string().contains("does not keep logs for 2 days"), "{fault}");
}

/// The code of a refusal.
pub(crate) fn code_of<T: Debug>(answer: Result<T, impl ProvideErrorMetadata>) -> String {
    answer.expect_err("a refusal").code().expect("a code").to_owned()
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_is_refused() {
    let account = fresh();
    let protected = world_of(&examples()[0], |group| group.deletion_protection = true);
    apply(&protected, &account).await.expect("a birth");
    let logs = Client::new(&account.sdk_config());
    let arn = format!("arn:aws:logs:us-east-1:000000000000:log-group:{NAME}:*");

    let delete = logs.delete_log_group().log_group_name(NAME).send().await;
    assert_eq!(code_of(delete), "ValidationException", "it is protected");
    let again = logs.create_log_group().log_group_name(NAME).send().await;
    assert_eq!(code_of(again), "ResourceAlreadyExistsException");
    let odd = logs.create_log_group().log_group_name("a b").send().await;
    assert_eq!(code_of(odd), "InvalidParameterException", "a name with a space");
    let id = logs.associate_kms_key().log_group_name(NAME).kms_key_id("0001-0002").send().await;
    assert_eq!(code_of(id), "InvalidParameterException", "a key that is no ARN");
    let days = logs.put_retention_policy().log_group_name(NAME).retention_in_days(2).send().await;
    assert_eq!(code_of(days), "InvalidParameterException", "a retention that there is not");
    let star = logs.list_tags_for_resource().resource_arn(arn).send().await;
    assert_eq!(code_of(star), "InvalidParameterException", "an ARN that ends in a star");
    let missing = logs.put_retention_policy().log_group_name("other").retention_in_days(7).send().await;
    assert_eq!(code_of(missing), "ResourceNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn lines_are_data_and_a_retention_of_the_account_is_a_finding() {
    let account = fresh();
    let world = world_of(&examples()[1], |_| {});
    apply(&world, &account).await.expect("a birth");
    assert_eq!(look(&world, &account).await.1.expect("it exists").holds, Holds::Nothing);
    account.plan_trouble(Trouble {
        when: When::Call(1),
        what: What::Edit(Box::new(|account| {
            account.edit("logs/groups", NAME, |group| {
                group["bytes"] = 7.into();
                group["account_policy"] = serde_json::json!({ "name": "short", "days": 1 });
            });
        })),
    });
    let found = look(&world, &account).await.1.expect("it exists");
    assert_eq!(found.holds, Holds::Data("7 bytes of logs".to_owned()));
    assert_eq!(*found.fields.get("retention_days"), 1);
    let text = "the account's retention policy short keeps it for 1 days, whatever is set here";
    assert_eq!(found.findings, [text]);
}
