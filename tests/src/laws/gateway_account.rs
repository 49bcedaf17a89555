//! Examples of the gateway account.

use aws_sdk_apigateway::Client;
use kinds::{
    World,
    kinds::{gateway_account::GatewayAccount, role::Role},
};
use sandbox::Weather;

use super::{Example, apply, differences, fresh, hold, log_group::code_of, look, rest_api::patch, world_of};

fn role(world: &mut World, name: &str) -> model::Ref<Role> {
    world.add("laws", name, Role::of_service("apigateway.amazonaws.com")).expect("an address").arn()
}

pub(crate) fn examples() -> [Example<GatewayAccount>; 1] {
    [Example {
        name: "logs",
        declare: |world| {
            let log_role = role(world, "logs");
            role(world, "other");
            GatewayAccount { log_role }
        },
        mutations: &[("log_role", |account| {
            account.log_role = model::Ref::live("arn:aws:iam::000000000000:role/dn-test-other");
        })],
    }]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_gateway_account() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn a_role_that_was_just_made_is_waited_for() {
    let account = fresh();
    account.set_weather(Weather::realistic());
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect("a birth");
    assert_eq!(differences(&world, &account).await, []);
    let outputs = look(&world, &account).await.1.expect("it exists").outputs;
    assert_eq!((outputs["rate_limit"].as_str(), outputs["burst_limit"].as_str()), ("10000", "5000"));
}

#[tokio::test(start_paused = true)]
async fn a_role_that_cannot_log_is_refused() {
    let account = fresh();
    let mut world = World::default();
    world.add("laws", "reader", Role::of_service("lambda.amazonaws.com")).expect("an address");
    apply(&world, &account).await.expect("a role");
    let aws = Client::new(&account.sdk_config());
    for role in
        ["nonsense", "arn:aws:iam::000000000000:role/none", "arn:aws:iam::000000000000:role/dn-test-reader"]
    {
        let update = aws.update_account().patch_operations(patch("/cloudwatchRoleArn", role)).send().await;
        assert_eq!(code_of(update), "BadRequestException", "{role}");
    }
}
