//! Examples of receipt rules, and the one rule set that all of an account share.

use aws_sdk_ses::{Client, types::ReceiptRule as Wire};
use kinds::{
    World,
    kinds::{
        bucket::Bucket,
        configuration_set::Tls,
        receipt_rule::{Action, Invocation, MailEncoding, ReceiptRule, Recipients, Store},
        topic::Topic,
    },
};
use model::{
    Address, MayFind, Ref, Text,
    policy::{Policy, Statement},
};
use sandbox::{Account, Trouble, Weather, What, When};

use super::{Example, apply, differences, fresh, hold, log_group::code_of, look, subject, world_of, writer};

const NAME: &str = "dn.test.subject";
const OWN_SET: &str = "dn.test";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:dn-test-f:live";

/// A bucket that SES may put mail into, by name.
fn mailbox(world: &mut World) -> Ref<Bucket> {
    let address = Address::new("laws", "bucket", "mailbox").expect("an address");
    let put = Statement::allow(["s3:PutObject"], [Text::of(&address, "arn").then("/*").to_string()])
        .to_service("ses.amazonaws.com")
        .when("StringEquals", "AWS:SourceAccount", super::ACCOUNT);
    let bucket = Bucket { policy: Some(Policy::new([put])), ..Bucket::private() };
    world.add("laws", "mailbox", bucket).expect("an address").by("name")
}

fn topic(world: &mut World) -> Ref<Topic> {
    world.add("laws", "mail", Topic::standard()).expect("an address").arn()
}

fn live_topic() -> Ref<Topic> {
    Ref::live("arn:aws:sns:us-east-1:000000000000:dn-test-mail")
}

pub(crate) fn examples() -> [Example<ReceiptRule>; 3] {
    [
        Example {
            name: "minimal",
            declare: |world| {
                topic(world);
                ReceiptRule::of(["unsubscribe@example.com"], [Action::Stop { topic: None }])
            },
            mutations: &[
                ("enabled", |rule| rule.enabled = false),
                ("recipients", |rule| rule.recipients = Recipients::All),
                ("recipients", |rule| rule.recipients = Recipients::Only([".example.com".into()].into())),
                ("tls", |rule| rule.tls = Tls::Require),
                ("scan", |rule| rule.scan = false),
                ("actions", |rule| rule.actions = vec![Action::Stop { topic: Some(live_topic()) }]),
            ],
        },
        Example {
            name: "everything",
            declare: |world| {
                let (bucket, topic) = (mailbox(world), topic(world));
                let first = ReceiptRule::of(["a@example.com"], [Action::Stop { topic: None }]);
                let first = world.add("laws", "first", first).expect("an address");
                let second = ReceiptRule {
                    after: Some(first.by("name").text().clone()),
                    ..ReceiptRule::of(["b@example.com"], [Action::Stop { topic: None }])
                };
                let second = world.add("laws", "second", second).expect("an address");
                ReceiptRule {
                    enabled: true,
                    recipients: Recipients::All,
                    tls: Tls::Require,
                    scan: false,
                    after: Some(second.by("name").text().clone()),
                    actions: vec![
                        Action::AddHeader { name: "X-Seen".to_owned(), value: "yes".to_owned() },
                        Action::Store(Store {
                            prefix: Some("mail/".to_owned()),
                            topic: Some(topic.clone()),
                            ..Store::into(bucket)
                        }),
                        Action::Publish { topic: topic.clone(), encoding: MailEncoding::Base64 },
                        Action::Call {
                            function: FUNCTION.into(),
                            invocation: Invocation::Event,
                            topic: Some(topic),
                        },
                        Action::Stop { topic: None },
                    ],
                }
            },
            mutations: &[
                ("after", |rule| rule.after = Some("dn.test.first".into())),
                ("recipients", |rule| rule.recipients = Recipients::Only(["c@example.com".into()].into())),
                ("actions", |rule| rule.actions.swap(0, 2)),
                ("actions", |rule| drop(rule.actions.remove(2))),
                ("actions", |rule| {
                    let Action::Store(store) = &mut rule.actions[1] else { return };
                    (store.prefix, store.topic) = (None, None);
                }),
                ("actions", |rule| {
                    let topic = live_topic();
                    rule.actions[2] = Action::Publish { topic, encoding: MailEncoding::Utf8 };
                }),
                ("actions", |rule| {
                    let Action::Call { invocation, .. } = &mut rule.actions[3] else { return };
                    *invocation = Invocation::RequestResponse;
                }),
            ],
        },
        Example {
            name: "role and key",
            declare: |world| {
                let bucket = world.add("laws", "closed", Bucket::private()).expect("an address");
                let trust =
                    Statement::allow::<_, String>(["sts:AssumeRole"], []).to_service("ses.amazonaws.com");
                let role = kinds::kinds::role::Role::trusting(Policy::new([trust]));
                let role = world.add("laws", "writer", role).expect("an address");
                let store = Store {
                    key: Some(Ref::live("arn:aws:kms:us-east-1:000000000000:key/k")),
                    role: Some(role.arn()),
                    ..Store::into(bucket.by("name"))
                };
                ReceiptRule::of(["example.com"], [Action::Store(store)])
            },
            mutations: &[("actions", |rule| {
                let Action::Store(store) = &mut rule.actions[0] else { return };
                store.key = None;
            })],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_receipt_rule() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn a_receipt_rule_waits_until_ses_knows_bucket_and_topic() {
    for example in &examples() {
        let account = fresh();
        account.set_weather(Weather::realistic());
        apply(&world_of(example, |_| {}), &account).await.expect("a birth");
        let (field, mutate) = &example.mutations[0];
        let changed = world_of(example, mutate);
        apply(&changed, &account).await.expect(field);
        assert_eq!(differences(&changed, &account).await, [], "{}.{field}", example.name);
    }
}

fn ses(account: &Account) -> Client {
    Client::new(&account.sdk_config())
}

async fn active(account: &Account) -> (Option<String>, Vec<String>) {
    let found = ses(account).describe_active_receipt_rule_set().send().await.expect("an answer");
    let rules = found.rules().iter().map(|rule| rule.name().to_owned()).collect();
    (found.metadata.and_then(|metadata| metadata.name), rules)
}

/// Somebody else's active set with one rule.
async fn foreign_set(account: &Account) {
    let ses = ses(account);
    ses.create_receipt_rule_set().rule_set_name("legacy").send().await.expect("a set");
    let rule =
        Wire::builder().name("theirs").enabled(true).recipients("x@example.com").build().expect("a rule");
    ses.create_receipt_rule().rule_set_name("legacy").rule(rule).send().await.expect("a rule");
    ses.set_active_receipt_rule_set().rule_set_name("legacy").send().await.expect("it is active");
}

#[tokio::test(start_paused = true)]
async fn an_active_set_is_joined_and_never_replaced() {
    let account = fresh();
    foreign_set(&account).await;
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect("a birth");
    let both = vec![NAME.to_owned(), "theirs".to_owned()];
    assert_eq!(active(&account).await, (Some("legacy".to_owned()), both));
    let found = look(&world, &account).await.1.expect("it exists");
    let text = "it is one of 2 rules in legacy, a rule set of somebody else: AWS keeps one active in an account \
        and Region";
    assert_eq!(found.findings, [text]);
    assert_eq!(found.outputs["rule_set"], "legacy");
    assert_eq!(
        found.outputs["arn"],
        format!("arn:aws:ses:us-east-1:000000000000:receipt-rule-set/legacy:receipt-rule/{NAME}")
    );

    let managed = world.manage(&writer(&account));
    subject(&managed).delete(MayFind::Anything, model::Data::Keep).await.expect("a delete");
    assert_eq!(active(&account).await, (Some("legacy".to_owned()), vec!["theirs".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn where_no_set_is_active_one_is_made_and_goes_with_its_last_rule() {
    let account = fresh();
    let world = world_of(&examples()[1], |_| {});
    apply(&world, &account).await.expect("births");
    let rules = ["dn.test.first", "dn.test.second", NAME].map(str::to_owned).to_vec();
    assert_eq!(active(&account).await, (Some(OWN_SET.to_owned()), rules));
    let manage = writer(&account);
    for one in world.manage(&manage).iter().rev().take(3) {
        one.delete(MayFind::Anything, model::Data::Keep).await.expect("a delete");
    }
    assert_eq!(active(&account).await, (None, Vec::new()));
    let sets = ses(&account).list_receipt_rule_sets().send().await.expect("an answer");
    assert!(sets.rule_sets().is_empty(), "{sets:?}");
}

#[tokio::test(start_paused = true)]
async fn receiving_that_somebody_switched_off_is_told_and_switched_on_again() {
    let account = fresh();
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect("a birth");
    ses(&account).set_active_receipt_rule_set().send().await.expect("switched off");
    let found = look(&world, &account).await.1.expect("it exists");
    assert_eq!(found.findings, ["no mail comes in: its rule set dn.test is not active"]);
    let changes: Vec<String> =
        differences(&world, &account).await.into_iter().map(|change| change.field).collect();
    assert_eq!(changes, ["enabled"]);
    apply(&world, &account).await.expect("a repair");
    assert_eq!(active(&account).await.0.as_deref(), Some(OWN_SET));
}

#[tokio::test(start_paused = true)]
async fn a_set_that_somebody_activates_meanwhile_stays_active() {
    let account = fresh();
    account.plan_trouble(Trouble {
        when: When::Operation { service: "ses-v1".to_owned(), operation: "CreateReceiptRule".to_owned() },
        what: What::Edit(Box::new(|world| {
            world.put(
                "ses/rule-sets",
                "theirs",
                serde_json::json!({ "created": "2026-01-01T00:00:00Z", "rules": [] }),
            );
            world.put("ses/active-rule-set", "ses/active-rule-set", "theirs".into());
        })),
    });
    let world = world_of(&examples()[0], |_| {});
    let fault = apply(&world, &account).await.expect_err("it does not take over");
    assert!(fault.to_string().contains("somebody has activated the rule set theirs"), "{fault}");
    apply(&world, &account).await.expect("it joins");
    assert_eq!(active(&account).await, (Some("theirs".to_owned()), vec![NAME.to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn rules_of_this_stage_are_found_by_name_and_those_of_others_are_not() {
    let account = fresh();
    apply(&world_of(&examples()[0], |_| {}), &account).await.expect("a birth");
    for other in ["dn.test-2.subject", "dn-test-subject", "theirs"] {
        let rule = Wire::builder().name(other).build().expect("a rule");
        ses(&account).create_receipt_rule().rule_set_name(OWN_SET).rule(rule).send().await.expect("a rule");
    }
    let kind = kinds::KINDS.iter().find(|kind| kind.name == "receipt rule").expect("the kind");
    let owned = kind.owned(writer(&account).reader()).await.expect("an inventory");
    let address: Address = "account/receipt rule/subject".parse().expect("an address");
    assert_eq!(owned, [(address, NAME.to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn three_rules_are_looked_at_with_one_call() {
    let account = fresh();
    let world = world_of(&examples()[1], |_| {});
    apply(&world, &account).await.expect("births");
    account.forget_served();
    look(&world, &account).await;
    let calls = account.served().into_iter().filter(|call| call.service == "ses-v1");
    assert_eq!(calls.map(|call| call.operation).collect::<Vec<_>>(), ["DescribeActiveReceiptRuleSet"]);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_keeps_ses_out_is_explained() {
    let example = Example::<ReceiptRule> {
        name: "closed",
        declare: |world| {
            let bucket = world.add("laws", "closed", Bucket::private()).expect("an address");
            ReceiptRule::of(["example.com"], [Action::store(bucket.by("name"), "mail/")])
        },
        mutations: &[],
    };
    let fault = apply(&world_of(&example, |_| {}), &fresh()).await.expect_err("SES cannot write");
    let cause = fault.cause().expect("a cause");
    assert!(cause.message.contains("Could not write to bucket"), "{fault}");
    assert!(cause.hint.as_ref().is_some_and(|hint| hint.contains("s3:PutObject")), "{cause:?}");

    let nobody = world_of(&examples()[0], |rule| rule.recipients = Recipients::Only([].into()));
    let fault = apply(&nobody, &fresh()).await.expect_err("nobody is everybody to SES");
    assert!(fault.to_string().contains("names no recipients"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn what_ses_refuses_of_receipt_rules_is_refused() {
    let account = fresh();
    apply(&world_of(&examples()[0], |_| {}), &account).await.expect("a birth");
    let ses = ses(&account);
    let twice = ses.create_receipt_rule_set().rule_set_name(OWN_SET).send().await;
    assert_eq!(code_of(twice), "AlreadyExists");
    let active = ses.delete_receipt_rule_set().rule_set_name(OWN_SET).send().await;
    assert_eq!(code_of(active), "CannotDelete");
    let absent = ses.set_active_receipt_rule_set().rule_set_name("absent").send().await;
    assert_eq!(code_of(absent), "RuleSetDoesNotExist");
    let position = ses.set_receipt_rule_position().rule_set_name(OWN_SET).rule_name(NAME).after("absent");
    assert_eq!(code_of(position.send().await), "RuleDoesNotExist");

    let rule = |name: &str| Wire::builder().name(name);
    let add = async |rule: aws_sdk_ses::types::builders::ReceiptRuleBuilder| {
        let rule = rule.build().expect("a rule");
        ses.create_receipt_rule().rule_set_name(OWN_SET).rule(rule).send().await
    };
    assert_eq!(code_of(add(rule(NAME)).await), "AlreadyExists");
    assert_eq!(code_of(add(rule("-bad-")).await), "InvalidParameterValue");
    use aws_sdk_ses::types::{BounceAction, ReceiptAction, S3Action, SnsAction};
    let sns = SnsAction::builder().topic_arn("arn:aws:sns:us-east-1:000000000000:absent").build();
    let sns = ReceiptAction::builder().sns_action(sns.expect("an action")).build();
    assert_eq!(code_of(add(rule("sns").actions(sns)).await), "InvalidSnsTopic");
    let s3 = S3Action::builder().bucket_name("absent").build().expect("an action");
    let s3 = ReceiptAction::builder().s3_action(s3).build();
    assert_eq!(code_of(add(rule("s3").actions(s3)).await), "InvalidS3Configuration");
    let bounce = BounceAction::builder().smtp_reply_code("550").message("no").sender("a@example.com").build();
    let bounce = ReceiptAction::builder().bounce_action(bounce.expect("an action")).build();
    assert_eq!(code_of(add(rule("bounce").actions(bounce.clone())).await), "InvalidParameterValue");
    let crowded = (0..11).fold(rule("crowded"), |rule, _| rule.actions(bounce.clone()));
    assert_eq!(code_of(add(crowded).await), "LimitExceeded");
    for number in 1..200 {
        add(rule(&format!("r{number}"))).await.expect("200 are allowed");
    }
    assert_eq!(code_of(add(rule("last")).await), "LimitExceeded");
}
