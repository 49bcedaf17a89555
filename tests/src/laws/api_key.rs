//! Examples of API keys.

use aws_sdk_apigateway::Client;
use kinds::kinds::api_key::ApiKey;
use sandbox::{Trouble, What, When};

use super::{Example, apply, differences, fresh, hold, log_group::code_of, look, world_of};

pub(crate) fn examples() -> [Example<ApiKey>; 2] {
    [
        Example {
            name: "enabled",
            declare: |_| ApiKey::enabled("The front end"),
            mutations: &[
                ("description", |key| key.description = "The new front end".to_owned()),
                ("enabled", |key| key.enabled = false),
            ],
        },
        Example {
            name: "disabled",
            declare: |_| ApiKey { enabled: false, ..ApiKey::enabled("") },
            mutations: &[
                ("description", |key| key.description = "Old".to_owned()),
                ("enabled", |key| key.enabled = true),
            ],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_api_key() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_no_second_key_and_a_name_is_no_identity() {
    let account = fresh();
    let hand = Client::new(&account.sdk_config());
    hand.create_api_key().name("dn-test-subject").send().await.expect("another's key");
    let when = When::Operation { service: "apigateway".to_owned(), operation: "CreateApiKey".to_owned() };
    account.plan_trouble(Trouble { when, what: What::LoseAnswer });
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect_err("the answer is lost");
    apply(&world, &account).await.expect("it is found");
    assert_eq!(differences(&world, &account).await, []);
    assert_eq!(account.documents()["apigateway/keys"].len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_value_is_never_asked_for_nor_kept() {
    let account = fresh();
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect("a birth");
    let found = look(&world, &account).await.1.expect("it exists");
    let keys = &account.documents()["apigateway/keys"];
    let value = keys.values().next().expect("a key")["value"].as_str().expect("a value").to_owned();
    assert!(value.len() >= 20);
    assert!(!format!("{found:?}").contains(&value), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_of_keys_is_refused() {
    let account = fresh();
    let aws = Client::new(&account.sdk_config());
    let short = aws.create_api_key().name("a").value("short").send().await;
    assert_eq!(code_of(short), "BadRequestException");
    let value = "a-value-of-twenty-or-more";
    aws.create_api_key().name("a").value(value).send().await.expect("a key");
    let again = aws.create_api_key().name("b").value(value).send().await;
    assert_eq!(code_of(again), "ConflictException", "a value is one key's");
    assert_eq!(code_of(aws.get_api_key().api_key("other").send().await), "NotFoundException");
}
