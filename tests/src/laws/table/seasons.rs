//! Tables in an account where things take time, where answers get lost, and where an hour must pass.

use std::time::Duration;

use kinds::{
    World,
    kinds::table::{Attribute, Index, StreamView, Table},
};
use model::{Fault, MayFind, receipt};
use sandbox::{Account, Trouble, Weather, What, When};

use super::{plain, rich};
use crate::laws::{apply, differences, fresh, look, writer};

fn world(table: Table) -> World {
    let mut world = World::default();
    world.add("laws", "subject", table).expect("an address");
    world
}

fn slow() -> Account {
    let account = fresh();
    account.set_weather(Weather::realistic());
    account
}

/// Operations that changed something or were refused, without looks.
fn writes(account: &Account) -> Vec<String> {
    account.served().into_iter().filter(|call| call.writes).map(|call| call.operation).collect()
}

async fn delete(world: &World, account: &Account) -> Result<(), Fault> {
    world.manage(&writer(account))[0].delete(MayFind::Anything, model::Data::Lose).await
}

#[tokio::test(start_paused = true)]
async fn births_changes_and_deletes_wait_for_states() {
    let account = slow();
    let birth = world(rich());
    apply(&birth, &account).await.expect("a birth");
    assert_eq!(differences(&birth, &account).await, []);
    // Every write was made in its time: one that comes too early would be refused, waited out and made again.
    let expected = ["CreateTable", "UpdateContinuousBackups", "UpdateTimeToLive", "TagResource"];
    let mut expected = expected.map(str::to_owned).to_vec();
    expected.insert(1, "UpdateContinuousBackups".to_owned());
    assert_eq!(writes(&account), expected, "recovery is not available at once, so that call is made twice");

    account.forget_served();
    let by_day = Index::on(Attribute::text("day"));
    let by_year = Index::on(Attribute::text("year")).keys_only();
    let changed = world(Table {
        stream: Some(StreamView::Keys),
        deletion_protection: true,
        ..rich().index("by_day", by_day).index("by_year", by_year)
    });
    apply(&changed, &account).await.expect("a change");
    assert_eq!(differences(&changed, &account).await, []);
    let updates = writes(&account).iter().filter(|one| *one == "UpdateTable").count();
    assert_eq!(updates, 6, "by_day deleted, protection, stream off and on, by_day and by_year made");

    let free = world(rich());
    apply(&free, &account).await.expect("a change back");
    delete(&free, &account).await.expect("a delete");
    assert!(look(&free, &account).await.1.is_none(), "gone when the delete returns");
    apply(&free, &account).await.expect("a birth under the same name");
    assert_eq!(differences(&free, &account).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_birth_killed_in_slow_weather_is_completed() {
    let birth = world(rich());
    for number in 1.. {
        let account = slow();
        account.plan_trouble(Trouble { when: When::Write(number), what: What::DieAfter });
        let dead = async {
            while !account.died() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            done = apply(&birth, &account) => done.expect("a run that nothing killed"),
            () = dead => {}
        }
        if !account.died() {
            assert_eq!(number, 6, "every write of the birth was the last one once");
            return;
        }
        let revived = account.fork();
        revived.set_weather(Weather::realistic());
        apply(&birth, &revived).await.expect("the run after a crash");
        assert_eq!(differences(&birth, &revived).await, [], "killed after write {number}");
        assert_eq!(revived.documents()["dynamodb/tables"].len(), 1, "no second table");
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_whose_birth_was_not_answered_is_found_again() {
    let account = fresh();
    account.set_weather(Weather { invisible: Duration::from_secs(30), ..Weather::realistic() });
    let create = When::Operation { service: "dynamodb".to_owned(), operation: "CreateTable".to_owned() };
    account.plan_trouble(Trouble { when: create, what: What::LoseAnswer });
    let birth = world(rich());
    apply(&birth, &account).await.expect_err("no answer");
    // Not to be seen yet, so the next run makes it once more, and is told that it is there.
    apply(&birth, &account).await.expect("the next run");
    assert_eq!(differences(&birth, &account).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_table_of_somebody_else_is_not_taken_over() {
    let (account, theirs) = (fresh(), world(plain()));
    apply(&theirs, &account).await.expect("a birth");
    let mut documents = account.documents();
    let tables = documents.get_mut("dynamodb/tables").expect("tables");
    let mut table = tables["dn-test-subject"].as_ref().clone();
    table["tags"] = serde_json::json!({ "team": "billing" });
    tables.clear();
    let create = When::Operation { service: "dynamodb".to_owned(), operation: "CreateTable".to_owned() };
    let ours = Account::of(crate::laws::ACCOUNT, crate::laws::REGION, account.clock(), documents);
    ours.plan_trouble(Trouble {
        when: create,
        what: What::Edit(Box::new(move |world| world.put("dynamodb/tables", "dn-test-subject", table))),
    });
    let fault = apply(&theirs, &ours).await.expect_err("a refusal");
    assert!(fault.to_string().contains("somebody else made a table of this name"), "{fault}");
    assert!(!writes(&ours).contains(&"TagResource".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn another_expiry_attribute_takes_two_runs_an_hour_apart() {
    let account = slow();
    apply(&world(rich()), &account).await.expect("a birth");
    let other = world(Table { ttl: Some("dies_at".to_owned()), ..rich() });
    let in_an_hour = |fault: &Fault| {
        assert!(matches!(fault, Fault::Transient(_)), "{fault}");
        assert_eq!(fault.cause().and_then(|cause| cause.hint.as_deref()), Some("run apply again in an hour"));
    };

    let fault = apply(&other, &account).await.expect_err("within the hour of the birth");
    in_an_hour(&fault);
    assert!(fault.to_string().contains("one change of a table's expiry an hour"), "{fault}");

    tokio::time::advance(Duration::from_secs(3_600)).await;
    let before = look(&other, &account).await.1.expect("it exists").tags;
    let fault = apply(&other, &account).await.expect_err("the first of two runs");
    in_an_hour(&fault);
    assert!(fault.to_string().contains("expiry by expires_at is switched off"), "{fault}");
    let (_, found) = look(&other, &account).await;
    let found = found.expect("it exists");
    assert!(found.fields.get("ttl").is_null());
    let receipt = |tags: &Option<model::Tags>| tags.as_ref().and_then(|tags| tags.get(receipt::TAG)).cloned();
    assert_eq!(receipt(&found.tags), receipt(&before), "the receipt does not claim what was not written");
    in_an_hour(&apply(&other, &account).await.expect_err("still within the hour"));

    tokio::time::advance(Duration::from_secs(3_600)).await;
    apply(&other, &account).await.expect("the second run");
    assert_eq!(differences(&other, &account).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_is_being_deleted_is_made_again_when_it_is_gone() {
    let (account, birth) = (slow(), world(plain()));
    apply(&birth, &account).await.expect("a birth");
    super::client(&account)
        .delete_table()
        .table_name("dn-test-subject")
        .send()
        .await
        .expect("a foreign delete");
    assert!(look(&birth, &account).await.1.is_none(), "on its way out is absent");
    apply(&birth, &account).await.expect("a birth after it");
    assert_eq!(differences(&birth, &account).await, []);
}
