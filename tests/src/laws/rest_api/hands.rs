//! What other hands do to an API, what a person is told, and that it is put back.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_apigateway::{
    Client,
    types::{Op, PatchOperation},
};
use kinds::{Scope, Writer, kinds::rest_api::RestApi};
use model::{Found, MayFind};
use sandbox::{Account, Trouble, Weather, What, When};
use serde_json::json;

use super::{examples, set};
use crate::laws::{Cloud, Example, PlainGate, apply, differences, fresh, look, scope, world_of};

/// Replaces one value.
pub(crate) fn patch(path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder().op(Op::Replace).path(path).value(value).build()
}

/// The example and an account where it exists; the id of its API.
pub(super) async fn born(example: usize) -> (Example<RestApi>, Account, String) {
    let example = examples().into_iter().nth(example).expect("an example");
    let account = fresh();
    apply(&world_of(&example, |_| {}), &account).await.expect("a birth");
    let id = account.apis().pop().expect("an API").0;
    (example, account, id)
}

async fn found(example: &Example<RestApi>, account: &Account) -> Found {
    look(&world_of(example, |_| {}), account).await.1.expect("it exists")
}

/// The rows that differ.
async fn rows(example: &Example<RestApi>, account: &Account) -> Vec<String> {
    let changes = differences(&world_of(example, |_| {}), account).await;
    changes.into_iter().map(|change| change.field).collect()
}

/// The id of the resource at a path.
async fn resource(hand: &Client, api: &str, path: &str) -> String {
    let all = hand.get_resources().rest_api_id(api).limit(500).send().await.expect("resources");
    let found = all.items().iter().find(|one| one.path() == Some(path)).expect("the path");
    found.id().expect("an id").to_owned()
}

async fn put_back(example: &Example<RestApi>, account: &Account) {
    apply(&world_of(example, |_| {}), account).await.expect("a repair");
    assert_eq!(rows(example, account).await, [""; 0]);
    assert_eq!(found(example, account).await.findings, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_was_never_deployed_is_found_told_and_put_back() {
    let (example, account, id) = born(1).await;
    let hand = Client::new(&account.sdk_config());
    let send = resource(&hand, &id, "/outreach/send-email").await;
    let method = hand.update_method().rest_api_id(&id).resource_id(&send).http_method("POST");
    method.patch_operations(patch("/apiKeyRequired", "false")).send().await.expect("an edit");
    let queue = resource(&hand, &id, "/queue").await;
    let integration = hand.update_integration().rest_api_id(&id).resource_id(&queue).http_method("POST");
    integration.patch_operations(patch("/timeoutInMillis", "900")).send().await.expect("an edit");

    let changed = ["routes.POST /outreach/send-email", "routes.POST /queue", "stage.deployed"];
    assert_eq!(rows(&example, &account).await, changed);
    let findings = found(&example, &account).await.findings;
    assert!(findings[0].contains("callers do not get this"), "{findings:?}");
    let before = account.deployed_api(&id, "dev").expect("it is deployed");
    put_back(&example, &account).await;
    let after = account.deployed_api(&id, "dev").expect("it is deployed");
    assert_eq!(after.deployment, before.deployment, "the draft is the old one: so is its deployment");
}

#[tokio::test(start_paused = true)]
async fn what_another_hand_deployed_is_found_told_and_put_back() {
    let (example, account, id) = born(1).await;
    let hand = Client::new(&account.sdk_config());
    let any = resource(&hand, &id, "/any").await;
    hand.delete_method().rest_api_id(&id).resource_id(&any).http_method("ANY").send().await.expect("an edit");
    let deployed = hand.create_deployment().rest_api_id(&id).description("hotfix").send().await;
    let deployment = deployed.expect("a deployment").id.expect("an id");
    let stage = hand.update_stage().rest_api_id(&id).stage_name("dev");
    stage.patch_operations(patch("/deploymentId", &deployment)).send().await.expect("an edit");

    assert_eq!(rows(&example, &account).await, ["routes.ANY /any", "stage.deployed"]);
    let findings = found(&example, &account).await.findings;
    assert!(findings[0].contains("another hand deployed") && findings[0].contains("hotfix"), "{findings:?}");
    put_back(&example, &account).await;
    let routes = account.deployed_api(&id, "dev").expect("it is deployed").routes;
    assert!(routes.iter().any(|route| route.path == "/any"), "{routes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_throttle_changed_by_hand_is_put_back_without_a_deployment() {
    let (example, account, id) = born(1).await;
    let hand = Client::new(&account.sdk_config());
    let key = "/~1outreach~1send-email/POST/throttling/rateLimit";
    let stage = hand.update_stage().rest_api_id(&id).stage_name("dev");
    stage.patch_operations(patch(key, "1000")).send().await.expect("an edit");
    assert_eq!(rows(&example, &account).await, ["method_settings.POST /outreach/send-email"]);
    account.forget_served();
    apply(&world_of(&example, |_| {}), &account).await.expect("a repair");
    let writes = account.served().into_iter().filter(|call| call.writes).map(|call| call.operation);
    assert_eq!(writes.collect::<Vec<_>>(), ["UpdateStage"]);
    put_back(&example, &account).await;
}

#[tokio::test(start_paused = true)]
async fn only_what_is_deployed_is_served() {
    let (_, account, id) = born(1).await;
    let api = account.deployed_api(&id, "dev").expect("it is deployed");
    let send = api.routes.iter().find(|route| route.path == "/outreach/send-email" && route.method == "POST");
    let send = send.expect("the route");
    assert_eq!((send.integration.as_str(), send.api_key_required), ("AWS_PROXY", true));
    assert!(send.validator.expect("a validator").body && send.bodies["application/json"] == "Mail");
    assert_eq!(send.throttle.expect("a throttle").rate, 25.0);
    assert_eq!(api.throttle.expect("a throttle").burst, 200);
    assert_eq!(api.gateway_responses["THROTTLED"].status, Some(429));
    assert_eq!(api.variables["alias"], "live");
    assert!(account.deployed_api(&id, "other").is_none());

    let hand = Client::new(&account.sdk_config());
    let send = resource(&hand, &id, "/outreach/send-email").await;
    let gone = hand.delete_method().rest_api_id(&id).resource_id(&send).http_method("POST").send().await;
    gone.expect("an edit");
    assert_eq!(account.deployed_api(&id, "dev").expect("it is deployed"), api);
}

#[tokio::test(start_paused = true)]
async fn an_import_that_was_not_deployed_any_more_is_gone_on_with() {
    let (example, account, _) = born(0).await;
    let changed = world_of(&example, |api| api.minimum_compression_bytes = Some(9));
    let when = When::Operation { service: "apigateway".to_owned(), operation: "CreateDeployment".to_owned() };
    let refused = What::Fail {
        code: "BadRequestException".to_owned(),
        message: "no".to_owned(),
        status: 400,
        times: 1,
    };
    account.plan_trouble(Trouble { when, what: refused });
    apply(&changed, &account).await.expect_err("the deployment fails");
    let left: Vec<_> = differences(&changed, &account).await.into_iter().map(|change| change.field).collect();
    assert_eq!(left, ["stage.deployed"]);
    apply(&changed, &account).await.expect("the rest");
    assert_eq!(differences(&changed, &account).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_no_second_api() {
    let example = &examples()[0];
    for operation in ["CreateRestApi", "CreateDeployment", "CreateStage"] {
        let account = fresh();
        let when = When::Operation { service: "apigateway".to_owned(), operation: operation.to_owned() };
        account.plan_trouble(Trouble { when, what: What::LoseAnswer });
        let world = world_of(example, |_| {});
        apply(&world, &account).await.expect_err("the answer is lost");
        apply(&world, &account).await.expect("the rest");
        assert_eq!(differences(&world, &account).await, [], "{operation}");
        assert_eq!(account.apis().len(), 1, "{operation}");
        assert_eq!(account.documents()["apigateway/deployments"].len(), 1, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_of_the_same_name_is_not_taken() {
    let account = fresh();
    let hand = Client::new(&account.sdk_config());
    hand.create_rest_api().name("dn-test-subject").send().await.expect("another's API");
    let world = world_of(&examples()[0], |_| {});
    assert!(look(&world, &account).await.1.is_none());
    apply(&world, &account).await.expect("a birth");
    assert_eq!(account.apis().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_api_is_taken_over_by_its_id_or_by_a_name_that_only_it_has() {
    let account = fresh();
    let hand = Client::new(&account.sdk_config());
    let made = async |name: &str| {
        let made = hand.create_rest_api().name(name).send().await.expect("an API");
        made.id.expect("an id")
    };
    let first = made("mail").await;
    let world = world_of(&examples()[0], |_| {});
    let address = world.declared(&scope())[0].address.clone();
    let named = async |name: &str| {
        let names = BTreeMap::from([(address.clone(), name.to_owned())]);
        let aws = Writer::new(account.clients(), Scope { names, ..scope() }, Arc::new(PlainGate::PATIENT));
        world.manage(&aws)[0].converge(MayFind::Anything).await
    };
    let outputs = named("mail").await.expect("it is taken over");
    assert_eq!(outputs["id"], first);
    let second = made("post").await;
    made("post").await;
    hand.delete_rest_api().rest_api_id(&first).send().await.expect("the first goes");
    let fault = named("post").await.expect_err("two have that name");
    assert!(fault.to_string().contains("are called post"), "{fault}");
    let outputs = named(&format!("id:{second}")).await.expect("it is taken over");
    assert_eq!((outputs["id"].as_str(), outputs["name"].as_str()), (second.as_str(), "post"));
    assert_eq!(outputs["url"], format!("https://{second}.execute-api.us-east-1.amazonaws.com/dev"));
    assert_eq!(account.apis().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn old_deployments_go_but_for_the_last() {
    let (example, account, id) = born(0).await;
    for bytes in 1..=9 {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let world = world_of(&example, |api| api.minimum_compression_bytes = Some(bytes));
        apply(&world, &account).await.expect("a change");
    }
    let left = account.documents()["apigateway/deployments"].len();
    assert_eq!(left, 6, "the one in use and five to go back to");
    assert_eq!(account.deployed_api(&id, "dev").expect("it is deployed").minimum_compression, Some(9));
}

#[tokio::test(start_paused = true)]
async fn an_api_is_born_and_changed_in_real_weather() {
    for example in &examples() {
        let account = fresh();
        account.set_weather(Weather::realistic());
        apply(&world_of(example, |_| {}), &account).await.expect("a birth");
        for (field, mutate) in example.mutations {
            let changed = world_of(example, mutate);
            apply(&changed, &account).await.expect(field);
            assert_eq!(differences(&changed, &account).await, [], "{field}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stage_of_another_name_takes_over_though_a_plan_holds_the_old_one() {
    let (example, account, id) = born(0).await;
    let hand = Client::new(&account.sdk_config());
    let stage = aws_sdk_apigateway::types::ApiStage::builder().api_id(&id).stage("dev").build();
    let plan = hand.create_usage_plan().name("p").api_stages(stage).send().await.expect("a plan");
    let renamed = world_of(&example, |api| api.stage.name = "staging".to_owned());
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    apply(&renamed, &account).await.expect("a new stage");
    let left: Vec<_> = differences(&renamed, &account).await.into_iter().map(|change| change.field).collect();
    assert_eq!(left, ["stage.strays"]);
    let out = PatchOperation::builder().op(Op::Remove).path("/apiStages").value(format!("{id}:dev")).build();
    let out = hand.update_usage_plan().usage_plan_id(plan.id.expect("an id")).patch_operations(out);
    out.send().await.expect("an edit");
    apply(&renamed, &account).await.expect("the rest");
    assert_eq!(differences(&renamed, &account).await, []);
    assert_eq!(account.apis()[0].2, ["staging"]);
}

#[tokio::test(start_paused = true)]
async fn gateway_responses_and_foreign_log_formats_are_found() {
    let (example, account, id) = born(1).await;
    let hand = Client::new(&account.sdk_config());
    let kind = aws_sdk_apigateway::types::GatewayResponseType::InvalidApiKey;
    let response = hand.put_gateway_response().rest_api_id(&id).response_type(kind).status_code("401");
    response.send().await.expect("an edit");
    let format = "$context.identity.sourceIp $context.path";
    let stage = hand.update_stage().rest_api_id(&id).stage_name("dev");
    stage.patch_operations(patch("/accessLogSettings/format", format)).send().await.expect("an edit");
    let changed = ["stage.deployed", "access_log", "gateway_responses.INVALID_API_KEY"];
    assert_eq!(rows(&example, &account).await, changed);
    put_back(&example, &account).await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_cannot_be_served_as_written_is_refused_before_anything_is_made() {
    let content = json!({ "application/json": { "schema": { "type": "object" } } });
    let inline = json!({ "200": { "description": "x", "content": content } });
    let cases: [(&str, serde_json::Value, &str); 5] = [
        ("/openapi", json!("2.0"), "is not OpenAPI 3.0"),
        ("/paths/~1send-email/post/responses", inline, "give it a name under components/schemas"),
        ("/paths/~1send-email/post/x-amazon-apigateway-integration", json!({}), "without a type"),
        ("/paths/~1send-email/post", json!({}), "has no x-amazon-apigateway-integration"),
        ("/paths/~1send-email/post/x-amazon-apigateway-integration/type", json!(7), "without a type"),
    ];
    for (pointer, value, why) in cases {
        let account = fresh();
        let world = world_of(&examples()[0], |api| set(api, pointer, value));
        let fault = apply(&world, &account).await.expect_err(why);
        assert!(fault.to_string().contains(why), "{fault}");
        assert!(account.apis().is_empty(), "{why}");
    }
    let account = fresh();
    let world = world_of(&examples()[1], |api| {
        let log = api.stage.access_log.as_mut().expect("a log");
        log.format.insert("q".to_owned(), "requestOverride.querystring.token".to_owned());
    });
    let fault = apply(&world, &account).await.expect_err("a query string");
    assert!(fault.to_string().contains("would hold query strings"), "{fault}");
}
