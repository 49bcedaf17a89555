//! Which distribution is meant, and which are nobody's business.

use aws_sdk_cloudfront::Client;
use kinds::{
    KINDS, Scope, World, Writer,
    kinds::distribution::{CustomDomain, Distribution, Tls},
};
use model::Text;
use sandbox::{Account, Trouble, Weather, What, When};
use serde_json::{Value, json};

use super::{CERTIFICATE, examples, minimal};
use crate::laws::{Cloud, apply, differences, fresh, look, scope, world_of, writer};

const DOCUMENTS: &str = "cloudfront/distributions";

fn plain() -> World {
    world_of(&examples()[0], |_: &mut Distribution| {})
}

fn edited(account: &Account, edit: impl Fn(&mut Value)) -> Account {
    let mut documents = account.documents();
    for document in documents.get_mut(DOCUMENTS).expect("distributions").values_mut() {
        let mut changed = document.as_ref().clone();
        edit(&mut changed);
        *document = changed.into();
    }
    Account::of(crate::laws::ACCOUNT, crate::laws::REGION, account.clock(), documents)
}

#[tokio::test(start_paused = true)]
async fn it_is_found_by_its_tags_or_by_its_comment() {
    let account = fresh();
    apply(&plain(), &account).await.expect("a birth");
    for (what, edit) in [
        ("comment", (|one: &mut Value| one["config"]["Comment"] = json!("by hand")) as fn(&mut Value)),
        ("tags", |one| one["tags"] = json!({})),
    ] {
        let touched = edited(&account, edit);
        assert!(look(&plain(), &touched).await.1.is_some(), "found without its {what}");
        assert!(!differences(&plain(), &touched).await.is_empty(), "its {what} is missed");
        apply(&plain(), &touched).await.expect(what);
        assert_eq!(differences(&plain(), &touched).await, [], "{what}");
        assert_eq!(touched.documents()[DOCUMENTS].len(), 1, "{what}: there is no second one");
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_made_by_hand_is_not_ours_to_delete() {
    let account = fresh();
    apply(&plain(), &account).await.expect("a birth");
    let mut documents = account.documents();
    let all = documents.get_mut(DOCUMENTS).expect("distributions");
    let mut copy = all.values().next().expect("one").as_ref().clone();
    copy["id"] = json!("E0000000000000");
    copy["tags"] = json!({});
    all.insert("E0000000000000".to_owned(), copy.into());
    let account = Account::of(crate::laws::ACCOUNT, crate::laws::REGION, account.clock(), documents);
    let kind = KINDS.iter().find(|kind| kind.name == "distribution").expect("the kind");
    let owned = kind.owned(writer(&account).reader()).await.expect("an inventory");
    let shown: Vec<_> = owned.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(shown, ["dn-test-subject"]);
    assert_ne!(look(&plain(), &account).await.1.expect("ours").outputs["id"], "E0000000000000");
}

#[tokio::test(start_paused = true)]
async fn outside_us_east_1_its_tags_are_asked_for() {
    let account = Account::in_memory(crate::laws::ACCOUNT, "eu-west-1", sandbox::Clock::simulated());
    let scope = Scope { region: "eu-west-1".to_owned(), ..scope() };
    let aws = || Writer::new(account.clients(), scope.clone(), std::sync::Arc::new(account.gate()));
    for one in plain().manage(&aws()) {
        one.converge(model::MayFind::Anything).await.expect("a birth");
    }
    let kind = KINDS.iter().find(|kind| kind.name == "distribution").expect("the kind");
    let owned = kind.owned(aws().reader()).await.expect("an inventory");
    assert_eq!(owned.len(), 1, "{owned:?}");
}

#[tokio::test(start_paused = true)]
async fn the_environment_may_name_an_existing_one_by_its_id() {
    let account = fresh();
    apply(&plain(), &account).await.expect("a birth");
    let id = look(&plain(), &account).await.1.expect("it exists").outputs["id"].clone();
    let mut world = World::default();
    let spec = minimal(&mut world);
    world.add("laws", "taken-over", spec).expect("an address");
    let untagged = edited(&account, |one| {
        one["tags"] = json!({});
        one["config"]["Comment"] = json!("by hand");
    });
    let address = "laws/distribution/taken-over".parse().expect("an address");
    let scope = Scope { names: [(address, id)].into(), ..scope() };
    let aws = || Writer::new(untagged.clients(), scope.clone(), std::sync::Arc::new(untagged.gate()));
    for one in world.manage(&aws()) {
        one.converge(model::MayFind::Anything).await.expect("a change");
    }
    assert_eq!(untagged.documents()[DOCUMENTS].len(), 1);
    let kind = KINDS.iter().find(|kind| kind.name == "distribution").expect("the kind");
    let owned = kind.owned(aws().reader()).await.expect("an inventory");
    let declared = world.declared(&scope).pop().expect("a distribution").physical;
    assert_eq!(owned[0].1, declared, "no orphan");
}

#[tokio::test(start_paused = true)]
async fn a_birth_whose_answer_is_lost_makes_no_second_one() {
    let account = fresh();
    account.set_weather(Weather { invisible: std::time::Duration::from_secs(10), ..Weather::default() });
    let when = When::Operation {
        service: "cloudfront".to_owned(),
        operation: "CreateDistributionWithTags".to_owned(),
    };
    account.plan_trouble(Trouble { when, what: What::LoseAnswer });
    apply(&plain(), &account).await.expect_err("an answer that was lost");
    // The spec changes before the next attempt: the reference is the same, the configuration is not.
    let changed = world_of(&examples()[0], |one: &mut Distribution| one.ipv6 = false);
    apply(&changed, &account).await.expect("the next attempt");
    assert_eq!(differences(&changed, &account).await, []);
    assert_eq!(account.documents()[DOCUMENTS].len(), 1);
}

#[tokio::test(start_paused = true)]
async fn old_tls_is_refused_and_a_domain_needs_a_certificate_where_cloudfront_looks() {
    let domain = |certificate: &str, tls| CustomDomain {
        aliases: std::iter::once("files.example.com".to_owned()).collect(),
        certificate: Text::from(certificate),
        tls,
    };
    let elsewhere = CERTIFICATE.replace("us-east-1", "eu-west-1");
    for (domain, part) in [
        (domain(CERTIFICATE, Tls::Older("TLSv1".to_owned())), "TLSv1 lets viewers speak old TLS"),
        (domain(&elsewhere, Tls::Tls12Of2021), "us-east-1"),
    ] {
        let mut world = World::default();
        let mut spec = minimal(&mut world);
        spec.custom_domain = Some(domain);
        world.add("laws", "subject", spec).expect("an address");
        let fault = apply(&world, &fresh()).await.expect_err(part);
        assert!(fault.to_string().contains(part), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_distribution_uses_is_not_deleted() {
    let account = fresh();
    let world = world_of(&examples()[1], |_: &mut Distribution| {});
    apply(&world, &account).await.expect("a birth");
    let mut refused = Vec::new();
    for one in world.manage(&writer(&account)) {
        let kind = one.declared().address.kind().to_owned();
        if !["bucket", "distribution"].contains(&kind.as_str()) {
            let fault = one.delete(model::MayFind::Anything, model::Data::Lose).await.expect_err(&kind);
            refused.push(fault.cause().and_then(|cause| cause.code.clone()).unwrap_or_default());
        }
    }
    let expected =
        ["PublicKeyInUse", "ResourceInUse", "ResponseHeadersPolicyInUse", "OriginAccessControlInUse"];
    assert_eq!(refused, expected);
    let client = Client::new(&account.sdk_config());
    let keys =
        client.get_distribution().id(&look(&world, &account).await.1.expect("one").outputs["id"]).send();
    let found = keys.await.expect("it exists").distribution.expect("it exists");
    let active = found.active_trusted_key_groups.expect("key groups");
    assert_eq!(active.items()[0].key_pair_ids().map(|ids| ids.items().len()), Some(1));
}
