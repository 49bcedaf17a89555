//! What Lambda refuses, and what a deployed function looks like from outside.

use aws_sdk_lambda::{
    Client,
    error::ProvideErrorMetadata,
    types::{Environment, FunctionCode, Runtime},
};
use sandbox::Weather;

use super::*;

fn client(account: &Account) -> Client {
    Client::new(&account.sdk_config())
}

async fn born() -> Account {
    let account = fresh();
    apply(&world_of(&everything(), |_| {}), &account).await.expect("a birth");
    account
}

#[track_caller]
fn refused<T: std::fmt::Debug, E: ProvideErrorMetadata>(answer: Result<T, E>, code: &str, part: &str) {
    let error = answer.expect_err(part);
    let message = error.message().unwrap_or_default();
    assert_eq!(error.code(), Some(code), "{message}");
    assert!(message.contains(part), "{message}");
}

const INVALID: &str = "InvalidParameterValueException";
const ROLE: &str = "arn:aws:iam::000000000000:role/dn-test-role";

#[tokio::test(start_paused = true)]
async fn creations_without_what_they_need_are_refused() {
    let account = born().await;
    let object = kinds::kinds::artefact::digest(&archive(b"first code"));
    let code = FunctionCode::builder()
        .s3_bucket("dn-test-bucket-of-code-000000000000")
        .s3_key(format!("artefacts/{object}.zip"))
        .build();
    let create = |name: &str| {
        let ask = client(&account).create_function().function_name(name).role(ROLE).code(code.clone());
        ask.handler("send").runtime(Runtime::from("provided.al2023"))
    };
    let nowhere = FunctionCode::builder().s3_bucket("dn-test-nowhere").s3_key("a").build();
    refused(create("a").code(nowhere).send().await, INVALID, "S3 Error Code: NoSuchBucket");
    let unzipped = FunctionCode::builder().zip_file(aws_sdk_lambda::primitives::Blob::new("code")).build();
    refused(create("a").code(unzipped).send().await, INVALID, "Could not unzip uploaded file");
    let no_role = "arn:aws:iam::000000000000:role/nobody";
    refused(create("a").role(no_role).send().await, INVALID, "cannot be assumed by Lambda");
    refused(create("a").memory_size(64).send().await, "ValidationException", "greater than or equal to 128");
    refused(create("a").timeout(901).send().await, "ValidationException", "less than or equal to 900");
    refused(create("a b").send().await, "ValidationException", "functionName");
    refused(create("a").runtime(Runtime::from("provided")).send().await, INVALID, "enum value set");
    let with = |key: &str, value: &str| Environment::builder().variables(key, value).build();
    let reserved = create("a").environment(with("AWS_REGION", "x"));
    refused(reserved.send().await, INVALID, "Reserved keys used in this request: AWS_REGION");
    let large = create("a").environment(with("TEXT", &"x".repeat(4_096)));
    refused(large.send().await, INVALID, "exceeded the 4KB limit");
    refused(create(NAME).send().await, "ResourceConflictException", "Function already exist");
    create("a").send().await.expect("and this is fine");
}

#[tokio::test(start_paused = true)]
async fn one_change_at_a_time() {
    let account = born().await;
    account.set_weather(Weather::realistic());
    tokio::time::sleep(Weather::realistic().function).await;
    let update = || client(&account).update_function_configuration().function_name(NAME).memory_size(256);
    update().send().await.expect("a first change");
    refused(update().send().await, "ResourceConflictException", "An update is in progress for resource");
    let publish = || client(&account).publish_version().function_name(NAME);
    refused(publish().send().await, "ResourceConflictException", "An update is in progress");
    tokio::time::sleep(Weather::realistic().function).await;
    refused(publish().code_sha256("AAAA").send().await, INVALID, "is different from current CodeSHA256");
    refused(
        update().revision_id("old").send().await,
        "PreconditionFailedException",
        "does not match the latest RevisionId",
    );
    let second = publish().send().await.expect("a version");
    let again = publish().send().await.expect("the same version");
    assert_eq!((second.version(), again.version()), (Some("2"), Some("2")));
}

#[tokio::test(start_paused = true)]
async fn aliases_concurrency_and_event_sources_have_limits() {
    let account = born().await;
    let lambda = client(&account);
    let alias = lambda.update_alias().function_name(NAME).name("live").function_version("9");
    refused(alias.send().await, "ResourceNotFoundException", "Function not found");
    let most = lambda.put_function_concurrency().function_name(NAME).reserved_concurrent_executions(901);
    refused(most.send().await, INVALID, "below its minimum value of [100]");
    let version = lambda.delete_function().function_name(NAME).qualifier("1");
    refused(version.send().await, "ResourceConflictException", "existing aliases: live");

    let queue = |name: &str| format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    let feed = |name: &str| {
        let ask = lambda.create_event_source_mapping().function_name(format!("{NAME}:live"));
        ask.event_source_arn(queue(name))
    };
    refused(feed("dn-test-jobs").send().await, "ResourceConflictException", "already exists");
    refused(feed("nowhere").send().await, INVALID, "NonExistentQueue");
    refused(feed("dn-test-mails").batch_size(11).send().await, INVALID, "Maximum batch window");
    let hurried = aws_sdk_sqs::Client::new(&account.sdk_config());
    hurried.create_queue().queue_name("hurried").send().await.expect("a queue");
    refused(feed("hurried").send().await, INVALID, "Queue visibility timeout: 30 seconds is less than");
    let none = aws_sdk_iam::Client::new(&account.sdk_config());
    none.delete_role_policy()
        .role_name("dn-test-role")
        .policy_name("dn")
        .send()
        .await
        .expect("it is taken off");
    refused(
        feed("dn-test-mails").send().await,
        INVALID,
        "role does not have permissions to call ReceiveMessage",
    );
}

#[tokio::test(start_paused = true)]
async fn a_function_goes_with_its_event_sources_and_without_its_log_group() {
    let account = born().await;
    account.set_weather(Weather::realistic());
    tokio::time::sleep(Weather::realistic().function).await;
    let world = world_of(&everything(), |_| {});
    let managed = world.manage(&writer(&account));
    subject(&managed).delete(MayFind::Anything, model::Data::Lose).await.expect("a delete");
    assert_eq!(account.event_sources(), []);
    assert!(account.deployed_function(NAME).is_none());
    let groups = account.documents()["logs/groups"].len();
    assert_eq!(groups, 1, "the lines stay");
    apply(&world, &account).await.expect("made again");
    assert_eq!(differences(&world, &account).await, []);
}

#[tokio::test(start_paused = true)]
async fn what_was_deployed_can_be_run() {
    let account = born().await;
    let found =
        account.deployed_function(&format!("arn:aws:lambda:us-east-1:000000000000:function:{NAME}:live"));
    let found = found.expect("it is served");
    assert_eq!((found.version.as_str(), found.handler.as_str()), ("1", "send"));
    assert_eq!((found.architecture.as_str(), found.memory_mb, found.timeout_s), ("x86_64", 512, 120));
    assert_eq!(found.environment["STAGE"], "test");
    assert_eq!(found.environment["DEAD"], "arn:aws:sqs:us-east-1:000000000000:dn-test-dead?");
    assert_eq!(found.log_group, "/dn/test/lines");
    assert_eq!(found.reserved_concurrency, Some(5));
    assert_eq!(account.code(&found.code_sha256).as_deref(), Some(&archive(b"first code")[..]));
    let [source] = account.event_sources().try_into().expect("one event source");
    assert_eq!(source.function_arn, found.arn);
    assert_eq!((source.batch_size, source.window_s, source.max_concurrency), (100, 5, Some(4)));
    assert!(source.reports_failures && source.enabled);
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_names_a_queue_twice_is_refused() {
    let account = born().await;
    let world = world_of(&everything(), |function| {
        let again = source(function).clone();
        function.event_sources.insert("again".to_owned(), again);
    });
    let fault = apply(&world, &account).await.expect_err("a refusal");
    assert!(fault.to_string().contains("two of its event sources are the same queue"), "{fault}");
}
