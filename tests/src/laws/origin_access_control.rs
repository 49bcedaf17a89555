//! Examples of origin access controls.

use kinds::{
    KINDS, World,
    kinds::origin_access_control::{OriginAccessControl, OriginType, Signs},
};
use sandbox::{Trouble, What, When};

use super::{Example, apply, differences, fresh, hold, look, world_of, writer};

pub(crate) fn examples() -> [Example<OriginAccessControl>; 1] {
    [Example {
        name: "bucket",
        declare: |_| OriginAccessControl::bucket(),
        mutations: &[
            ("comment", |control| control.comment = "reports".to_owned()),
            ("origin", |control| control.origin = OriginType::Lambda),
            ("signs", |control| control.signs = Signs::NoOverride),
        ],
    }]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_origin_access_control() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_sign_everything_is_told() {
    let account = fresh();
    let world = world_of(&examples()[0], |control| control.signs = Signs::Never);
    apply(&world, &account).await.expect("a birth");
    let found = look(&world, &account).await.1.expect("it exists");
    assert!(found.findings[0].contains("does not sign every request"), "{:?}", found.findings);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_declared_is_found_by_its_mark_and_strangers_are_not() {
    let account = fresh();
    apply(&world_of(&examples()[0], |_| {}), &account).await.expect("a birth");
    let client = aws_sdk_cloudfront::Client::new(&account.sdk_config());
    for number in 0..120 {
        // More than one page, and names that begin like ours.
        let config = aws_sdk_cloudfront::types::OriginAccessControlConfig::builder()
            .name(format!("dn-test-{number}"))
            .description("[dn/test-eu laws/origin access control/subject]")
            .signing_protocol("sigv4".into())
            .signing_behavior("always".into())
            .origin_access_control_origin_type("s3".into())
            .build()
            .expect("a configuration");
        let made = client.create_origin_access_control().origin_access_control_config(config).send().await;
        if number >= 99 {
            assert!(made.is_err(), "an account has 100 of them");
        } else {
            made.expect("a stranger");
        }
    }
    let kind = KINDS.iter().find(|kind| kind.name == "origin access control").expect("the kind");
    let owned = kind.owned(writer(&account).reader()).await.expect("an inventory");
    let shown: Vec<String> = owned.iter().map(|(address, name)| format!("{address} {name}")).collect();
    assert_eq!(shown, ["laws/origin access control/subject dn-test-subject"]);

    let mut taken = World::default();
    taken.add("laws", "7", OriginAccessControl::bucket()).expect("an address");
    let fault = apply(&taken, &account).await.expect_err("another stage's");
    assert!(fault.to_string().contains("of stage dn/test-eu"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_birth_whose_answer_is_lost_and_that_is_not_listed_yet_is_found_again() {
    let account = fresh();
    let invisible = std::time::Duration::from_secs(10);
    account.set_weather(sandbox::Weather { invisible, ..Default::default() });
    account.plan_trouble(Trouble { when: When::Write(1), what: What::LoseAnswer });
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect_err("an answer that was lost");
    apply(&world, &account).await.expect("the next attempt");
    assert_eq!(differences(&world, &account).await, []);
    assert_eq!(account.documents()["cloudfront/origin-access-controls"].len(), 1);
}
