//! What AWS refuses about APIs, stages and deployments.

use aws_sdk_apigateway::{
    Client,
    primitives::Blob,
    types::{Op, PatchOperation, PutMode},
};

use super::{
    hands::{born, patch},
    minimal,
};
use crate::laws::{fresh, log_group::code_of};

const BAD: &str = "BadRequestException";

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_of_stages_is_refused() {
    let (_, account, id) = born(0).await;
    let aws = Client::new(&account.sdk_config());
    let deployment = account.deployed_api(&id, "dev").expect("it is deployed").deployment;

    let used = aws.delete_deployment().rest_api_id(&id).deployment_id(&deployment).send().await;
    assert_eq!(code_of(used), BAD, "a stage shows it");
    let again = aws.create_stage().rest_api_id(&id).stage_name("dev").deployment_id(&deployment).send().await;
    assert_eq!(code_of(again), "ConflictException", "it exists");
    let unknown = aws.create_stage().rest_api_id(&id).stage_name("b").deployment_id("nothing").send().await;
    assert_eq!(code_of(unknown), BAD, "an unknown deployment");
    let odd = aws.create_stage().rest_api_id(&id).stage_name("a b").deployment_id(&deployment).send().await;
    assert_eq!(code_of(odd), BAD, "a name with a space");
    let missing = aws.get_stage().rest_api_id(&id).stage_name("other").send().await;
    assert_eq!(code_of(missing), "NotFoundException");

    let edit = |operation: PatchOperation| {
        aws.update_stage().rest_api_id(&id).stage_name("dev").patch_operations(operation).send()
    };
    for (path, value, why) in [
        ("/deploymentId", "nothing", "an unknown deployment"),
        (
            "/accessLogSettings/destinationArn",
            "arn:aws:logs:us-east-1:0:log-group:g",
            "no role in the account",
        ),
        ("/*/*/logging/loglevel", "INFO", "no role in the account"),
        ("/*/*/throttling/rateLimit", "fast", "no number"),
        ("/cacheClusterSize", "7", "a size that there is not"),
        ("/variables/a", "a b", "a space"),
        ("/stageName", "b", "a name for ever"),
    ] {
        assert_eq!(code_of(edit(patch(path, value)).await), BAD, "{path}: {why}");
    }
    let none = PatchOperation::builder().op(Op::Remove).path("/~1send-email/POST").build();
    assert_eq!(code_of(edit(none).await), BAD, "no settings to remove");
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_of_documents_is_refused() {
    let account = fresh();
    let aws = Client::new(&account.sdk_config());
    let id = aws.create_rest_api().name("a").send().await.expect("an API").id.expect("an id");
    let put = |document: String| {
        let ask = aws.put_rest_api().rest_api_id(&id).mode(PutMode::Overwrite);
        ask.body(Blob::new(document.into_bytes())).send()
    };
    assert_eq!(code_of(put("nonsense".to_owned()).await), BAD);
    for (from, to, why) in [
        ("3.0.3", "2.0", "an old version"),
        ("aws_proxy", "magic", "an unknown type"),
        ("arn:aws:apigateway:", "https://", "no ARN"),
        ("\"/send-email\"", "\"send-email\"", "a path without a slash"),
        (
            "\"responses\"",
            "\"x-amazon-apigateway-request-validator\":\"none\",\"responses\"",
            "no such validator",
        ),
    ] {
        let document = minimal().to_string();
        assert!(document.contains(from), "{from}");
        assert_eq!(code_of(put(document.replace(from, to)).await), BAD, "{why}");
    }
    let empty = aws.create_deployment().rest_api_id(&id).send().await;
    assert_eq!(code_of(empty), BAD, "no methods");
    assert_eq!(code_of(aws.get_rest_api().rest_api_id("other").send().await), "NotFoundException");
    let kind =
        aws.update_rest_api().rest_api_id(&id).patch_operations(patch("/rootResourceId", "b")).send().await;
    assert_eq!(code_of(kind), BAD, "a path that cannot be patched");
}
