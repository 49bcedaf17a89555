//! Examples of identity pools, and what tells pools of one name apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_cognitoidentity::Client;
use kinds::{
    KINDS,
    kinds::identity_pool::{IdentityPool, UserPool},
};
use model::{Fault, Impact};
use sandbox::{Account, Trouble, Weather, What, When};

use super::{Example, apply, differences, fresh, hold, look, world_of, writer};

const FIREBASE: &str = "arn:aws:iam::000000000000:oidc-provider/securetoken.google.com/dn";

fn client_of(name: &str) -> UserPool {
    UserPool {
        provider: "cognito-idp.us-east-1.amazonaws.com/us-east-1_abc".into(),
        client: name.into(),
        check_sign_out: false,
    }
}

pub(crate) fn examples() -> [Example<IdentityPool>; 2] {
    [
        Example {
            name: "for Firebase",
            declare: |_| IdentityPool::for_oidc(FIREBASE),
            mutations: &[
                ("allow_unauthenticated", |pool| pool.allow_unauthenticated = true),
                ("classic_flow", |pool| pool.classic_flow = true),
                ("login_providers", |pool| {
                    pool.login_providers.insert("accounts.google.com".to_owned(), "1.apps".to_owned());
                }),
                ("oidc_providers", |pool| pool.oidc_providers = BTreeSet::new()),
                ("saml_providers", |pool| {
                    pool.saml_providers.insert("arn:aws:iam::000000000000:saml-provider/office".into());
                }),
                ("user_pools", |pool| assert!(pool.user_pools.insert(client_of("one")))),
            ],
        },
        Example {
            name: "everything set",
            declare: |_| IdentityPool {
                allow_unauthenticated: true,
                classic_flow: true,
                login_providers: BTreeMap::from([("accounts.google.com".to_owned(), "1.apps".to_owned())]),
                oidc_providers: BTreeSet::from([FIREBASE.into()]),
                saml_providers: BTreeSet::from(["arn:aws:iam::000000000000:saml-provider/office".into()]),
                user_pools: BTreeSet::from([client_of("one"), client_of("two")]),
                developer_provider: Some("login.dn".to_owned()),
            },
            mutations: &[
                ("allow_unauthenticated", |pool| pool.allow_unauthenticated = false),
                ("classic_flow", |pool| pool.classic_flow = false),
                ("login_providers", |pool| pool.login_providers.clear()),
                ("oidc_providers", |pool| {
                    let other = "arn:aws:iam::000000000000:oidc-provider/securetoken.google.com/other";
                    pool.oidc_providers.insert(other.into());
                }),
                ("saml_providers", |pool| pool.saml_providers.clear()),
                ("user_pools", |pool| {
                    pool.user_pools = BTreeSet::from([UserPool { check_sign_out: true, ..client_of("one") }]);
                }),
                ("developer_provider", |pool| pool.developer_provider = None),
            ],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_identity_pool() {
    hold(&examples()).await;
}

async fn make(account: &Account, name: &str) {
    let cognito = Client::new(&account.sdk_config());
    let ask = cognito.create_identity_pool().identity_pool_name(name);
    ask.allow_unauthenticated_identities(false).send().await.expect("a pool by hand");
}

fn pools(account: &Account) -> usize {
    account.documents().get("cognito/pools").map_or(0, std::collections::BTreeMap::len)
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_no_second_pool() {
    let account = fresh();
    account.set_weather(Weather { invisible: Duration::from_secs(20), ..Weather::realistic() });
    let operation = "CreateIdentityPool".to_owned();
    let when = When::Operation { service: "cognito-identity".to_owned(), operation };
    account.plan_trouble(Trouble { when, what: What::LoseAnswer });
    let world = world_of(&examples()[1], |_| {});
    apply(&world, &account).await.expect_err("the answer is lost");
    tokio::time::sleep(Duration::from_secs(30)).await;
    apply(&world, &account).await.expect("the next run");
    assert_eq!(pools(&account), 1);
    assert_eq!(differences(&world, &account).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_birth_waits_until_it_is_listed() {
    let account = fresh();
    account.set_weather(Weather { invisible: Duration::from_secs(20), ..Weather::realistic() });
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect("a birth");
    apply(&world, &account).await.expect("at once again");
    assert_eq!(pools(&account), 1);
}

#[tokio::test(start_paused = true)]
async fn pools_of_one_name_are_told_apart_by_tags_or_refused() {
    let world = world_of(&examples()[0], |_| {});
    let account = fresh();
    make(&account, "dn-test-subject").await;
    apply(&world, &account).await.expect("taken over: nobody owns it");
    assert_eq!(pools(&account), 1);
    make(&account, "dn-test-subject").await;
    assert_eq!(differences(&world, &account).await, [], "its own is told by its tags");

    let account = fresh();
    make(&account, "dn-test-subject").await;
    make(&account, "dn-test-subject").await;
    let fault = apply(&world, &account).await.expect_err("which one?");
    assert!(matches!(&fault, Fault::Refused(_)) && fault.to_string().contains("several"), "{fault}");
    assert_eq!(pools(&account), 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_pool_of_the_same_address_is_an_orphan_by_its_id() {
    let account = fresh();
    apply(&world_of(&examples()[0], |_| {}), &account).await.expect("a birth");
    let mut documents = account.documents();
    let all = documents.get_mut("cognito/pools").expect("pools");
    let mut copy = all.values().next().expect("a pool").as_ref().clone();
    copy["id"] = "us-east-1:ffffffff-0000-4000-8000-000000000000".into();
    all.insert("us-east-1:ffffffff-0000-4000-8000-000000000000".to_owned(), copy.into());
    let account = Account::of(super::ACCOUNT, super::REGION, account.clock(), documents);
    let kind = KINDS.iter().find(|kind| kind.name == "identity pool").expect("the kind");
    let aws = writer(&account);
    let owned = kind.owned(aws.reader()).await.expect("an inventory");
    let physical: Vec<&str> = owned.iter().map(|(_, physical)| physical.as_str()).collect();
    assert_eq!(physical, ["dn-test-subject", "us-east-1:ffffffff-0000-4000-8000-000000000000"]);
    let (address, physical) = owned[1].clone();
    let orphan = kind.watch_orphan(address, physical, aws.reader());
    let found = orphan.observe().await.expect("an observation").expect("it is there");
    assert_eq!(found.outputs["id"], "us-east-1:ffffffff-0000-4000-8000-000000000000");
}

#[tokio::test(start_paused = true)]
async fn the_developers_name_is_for_ever() {
    let account = fresh();
    apply(&world_of(&examples()[1], |_| {}), &account).await.expect("a birth");
    let changed = world_of(&examples()[1], |pool| pool.developer_provider = Some("other".to_owned()));
    let changes = differences(&changed, &account).await;
    assert_eq!(changes.iter().map(|change| change.impact).collect::<Vec<_>>(), [Impact::Blocked]);
    let fault = apply(&changed, &account).await.expect_err("for ever");
    assert!(fault.to_string().contains("for ever"), "{fault}");
    assert!(look(&changed, &account).await.1.is_some());
}
