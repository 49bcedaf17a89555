//! What protects a table's items, and what the embedded account refuses as DynamoDB does.

use std::{fmt::Debug, time::Duration};

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    types::{
        AttributeDefinition, AttributeValue, GlobalSecondaryIndexUpdate, Select, StreamSpecification,
        StreamViewType,
    },
};
use kinds::{
    World,
    kinds::table::{Attribute, Encryption, Index, Table},
};
use model::{Found, Holds, MayFind, Ref};
use sandbox::Account;
use serde_json::json;

use super::{client, plain, rich};
use crate::laws::{apply, fresh, look, writer};

const NAME: &str = "dn-test-subject";

async fn made(table: Table) -> (World, Account) {
    let (account, mut world) = (fresh(), World::default());
    world.add("laws", "subject", table).expect("an address");
    apply(&world, &account).await.expect("a birth");
    (world, account)
}

/// What a step about to write sees.
async fn look_closely(world: &World, account: &Account) -> Found {
    let aws = writer(account).fresh();
    world.watch(aws.reader())[0].observe().await.expect("an observation").expect("it exists")
}

async fn put(account: &Account, id: &str) {
    let item = client(account).put_item().table_name(NAME).item("id", AttributeValue::S(id.to_owned()));
    item.send().await.expect("an item");
}

#[track_caller]
fn refused<T: Debug, E: ProvideErrorMetadata + Debug, R>(
    answer: Result<T, aws_sdk_dynamodb::error::SdkError<E, R>>,
    code: &str,
    part: &str,
) where
    R: Debug,
{
    let error = answer.expect_err("a refusal");
    let meta = error.as_service_error().expect("an answer").meta();
    assert_eq!(meta.code(), Some(code), "{meta:?}");
    assert!(meta.message().is_some_and(|message| message.contains(part)), "{meta:?}");
}

#[tokio::test(start_paused = true)]
async fn a_protected_table_is_not_deleted() {
    let (world, account) = made(plain().guarded()).await;
    let (_, found) = look(&world, &account).await;
    assert_eq!(found.expect("it exists").protected.as_deref(), Some("deletion protection is on"));
    let managed = world.manage(&writer(&account));
    let fault = managed[0].delete(MayFind::Anything, model::Data::Lose).await.expect_err("a refusal");
    assert!(fault.to_string().contains("protected against deletion"), "{fault}");
    assert!(fault.cause().is_some_and(|cause| cause.hint.is_some()));
    assert!(look(&world, &account).await.1.is_some(), "still there");
}

#[tokio::test(start_paused = true)]
async fn a_close_look_sees_items_that_dynamodb_has_not_counted() {
    let (world, account) = made(plain()).await;
    assert_eq!(look_closely(&world, &account).await.holds, Holds::Nothing);
    put(&account, "a").await;
    let (_, found) = look(&world, &account).await;
    assert_eq!(found.expect("it exists").holds, Holds::Nothing, "a plan has only the old count");
    assert_eq!(look_closely(&world, &account).await.holds, Holds::Data("items".to_owned()));
    tokio::time::advance(Duration::from_secs(6 * 3_600)).await;
    let (_, found) = look(&world, &account).await;
    assert_eq!(found.expect("it exists").holds, Holds::Data("about 1 items".to_owned()));
    let key = client(&account).delete_item().table_name(NAME).key("id", AttributeValue::S("a".to_owned()));
    key.send().await.expect("a deleted item");
    assert_eq!(look_closely(&world, &account).await.holds, Holds::Nothing);
}

#[tokio::test(start_paused = true)]
async fn what_a_person_must_know_is_found() {
    let (world, account) = made(plain()).await;
    let mut documents = account.documents();
    let tables = documents.get_mut("dynamodb/tables").expect("tables");
    let mut table = tables[NAME].as_ref().clone();
    table["status"] = "INACCESSIBLE_ENCRYPTION_CREDENTIALS".into();
    table["local_indexes"] = json!([{ "IndexName": "by_age" }]);
    tables.insert(NAME.to_owned(), table.into());
    let broken = Account::of(crate::laws::ACCOUNT, crate::laws::REGION, account.clock(), documents);
    let findings = look_closely(&world, &broken).await.findings;
    assert!(findings.iter().any(|one| one.contains("may not use its key")), "{findings:?}");
    assert!(findings.iter().any(|one| one.contains("local index by_age")), "{findings:?}");
    let fault = apply(&world, &broken).await.expect_err("a refusal");
    assert!(
        fault.cause().and_then(|cause| cause.hint.as_deref()).is_some_and(|hint| hint.contains("key policy"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_gone_or_leaving_is_a_finding() {
    let arn = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-00000000abcd";
    let (world, account) = made(Table { encryption: Encryption::Key(Ref::live(arn)), ..plain() }).await;
    let (_, found) = look(&world, &account).await;
    assert_eq!(found.expect("it exists").findings, [format!("its key {arn} does not exist")]);

    let (_, id) = arn.rsplit_once('/').expect("an id");
    let key = json!({ "spec": "SYMMETRIC_DEFAULT", "state": "PendingDeletion", "created": 0 });
    let mut documents = account.documents();
    documents.entry("kms/keys".to_owned()).or_default().insert(id.to_owned(), key.into());
    let leaving = Account::of(crate::laws::ACCOUNT, crate::laws::REGION, account.clock(), documents);
    let findings = look(&world, &leaving).await.1.expect("it exists").findings;
    assert_eq!(findings, [format!("its key {arn} is PendingDeletion: no item can be read without it")]);
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_contradicts_itself_is_refused_before_anything_is_written() {
    let account = fresh();
    for (table, part) in [
        (plain().index("by_id", Index::on(Attribute::number("id"))), "two types"),
        (plain().index("none", Index { hash: Vec::new(), ..Index::on(Attribute::text("x")) }), "one to four"),
        (
            plain().index("dear", Index { billing: Some(rich().billing), ..Index::on(Attribute::text("x")) }),
            "another mode",
        ),
    ] {
        let mut world = World::default();
        world.add("laws", "subject", table).expect("an address");
        let fault = apply(&world, &account).await.expect_err("a refusal");
        assert!(fault.to_string().contains(part), "{fault}");
    }
    assert!(account.served().iter().all(|call| !call.writes));
}

#[tokio::test(start_paused = true)]
async fn outputs_name_the_stream_only_while_it_is_on() {
    let (world, account) = made(rich()).await;
    let (declared, found) = look(&world, &account).await;
    let found = found.expect("it exists");
    let stream = &found.outputs["stream_arn"];
    assert!(stream.starts_with(&format!("{}/stream/2026-01-01T", declared.known["arn"])), "{stream}");
    let mut without = World::default();
    without.add("laws", "subject", Table { stream: None, ..rich() }).expect("an address");
    let outputs = without.manage(&writer(&account))[0].converge(MayFind::Anything).await.expect("a change");
    assert!(!outputs.contains_key("stream_arn"), "{outputs:?}");
}

#[tokio::test(start_paused = true)]
async fn the_account_refuses_what_dynamodb_refuses_of_updates() {
    let (_, account) = made(rich()).await;
    let client = client(&account);
    let update = || client.update_table().table_name(NAME);
    refused(update().send().await, "ValidationException", "At least one of");
    refused(
        update().deletion_protection_enabled(true).billing_mode("PAY_PER_REQUEST".into()).send().await,
        "ValidationException",
        "in the same request",
    );
    let stream =
        StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::KeysOnly);
    let stream = stream.build().expect("a stream");
    refused(
        update().stream_specification(stream).send().await,
        "ValidationException",
        "already has an enabled stream",
    );
    let delete = |name: &str| {
        let delete = aws_sdk_dynamodb::types::DeleteGlobalSecondaryIndexAction::builder().index_name(name);
        GlobalSecondaryIndexUpdate::builder().delete(delete.build().expect("a name")).build()
    };
    let both = update().global_secondary_index_updates(delete("by_day"));
    refused(
        both.global_secondary_index_updates(delete("by_mail")).send().await,
        "LimitExceededException",
        "Only 1 online index",
    );
    let unused = AttributeDefinition::builder().attribute_name("unused").attribute_type("S".into());
    refused(
        client
            .create_table()
            .table_name("another")
            .attribute_definitions(unused.build().expect("a definition"))
            .send()
            .await,
        "ValidationException",
        "not a HASH key type",
    );
    refused(
        client.describe_table().table_name("another").send().await,
        "ResourceNotFoundException",
        "another not found",
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_that_kms_does_not_know_is_refused() {
    let (_, account) = made(rich()).await;
    let mut documents = account.documents();
    let key = json!({ "state": "PendingDeletion" });
    documents.entry("kms/keys".to_owned()).or_default().insert("leaving".to_owned(), key.into());
    let account = Account::of(crate::laws::ACCOUNT, crate::laws::REGION, account.clock(), documents);
    for (id, part) in [("unheard-of", "does not exist"), ("leaving", "PendingDeletion")] {
        let sse = aws_sdk_dynamodb::types::SseSpecification::builder().enabled(true).sse_type("KMS".into());
        let update = client(&account).update_table().table_name(NAME);
        let answer = update.sse_specification(sse.kms_master_key_id(id).build()).send().await;
        refused(answer, "ValidationException", part);
    }
}

#[tokio::test(start_paused = true)]
async fn items_are_kept_found_and_counted_page_by_page() {
    let (_, account) = made(plain()).await;
    let client = client(&account);
    for id in ["a", "b", "c"] {
        put(&account, id).await;
    }
    let again = client.put_item().table_name(NAME).item("id", AttributeValue::S("a".to_owned()));
    refused(
        again.condition_expression("attribute_not_exists(id)").send().await,
        "ConditionalCheckFailedException",
        "conditional request failed",
    );
    let number = client.put_item().table_name(NAME).item("id", AttributeValue::N("1".to_owned()));
    refused(number.send().await, "ValidationException", "Type mismatch");
    let get = client.get_item().table_name(NAME).key("id", AttributeValue::S("b".to_owned()));
    assert_eq!(get.send().await.expect("an answer").item.map(|item| item.len()), Some(1));
    let (mut counts, mut start) = (Vec::new(), None);
    loop {
        let scan = client.scan().table_name(NAME).limit(2).select(Select::Count);
        let page = scan.set_exclusive_start_key(start).send().await.expect("a page");
        assert!(page.items.is_none(), "a count shows no item");
        counts.push(page.count);
        start = page.last_evaluated_key;
        if start.is_none() {
            break;
        }
    }
    assert_eq!(counts, [2, 1]);
}
