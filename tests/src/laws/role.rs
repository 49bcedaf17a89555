//! Examples of roles.

use std::collections::BTreeSet;

use aws_sdk_iam::Client;
use kinds::{World, kinds::role::Role};
use model::{
    Fault, MayFind,
    policy::{Policy, Statement},
};
use sandbox::{Account, Trouble, Weather, What, When};

use super::{Example, apply, differences, fresh, hold, log_group::code_of, look, subject, world_of, writer};

const NAME: &str = "dn-test-subject";
const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const BASIC: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

fn may(action: &str) -> Policy {
    Policy::new([Statement::allow([action], ["arn:aws:sqs:us-east-1:000000000000:a b+c%"])])
}

/// Trusts the role `caller`, which is declared here too.
fn trusting_another(world: &mut World) -> Role {
    let caller = world.add("laws", "caller", Role::of_service("lambda.amazonaws.com")).expect("an address");
    let assume = Statement::allow(["sts:AssumeRole"], [""; 0]).to_aws(caller.arn().text().as_str());
    Role::trusting(Policy::new([assume]))
}

pub(crate) fn examples() -> [Example<Role>; 3] {
    [
        Example {
            name: "minimal",
            declare: |_| Role::of_service("lambda.amazonaws.com"),
            mutations: &[
                ("description", |role| role.description = Some("Sends mail".to_owned())),
                ("trust", |role| role.trust = Role::of_service("scheduler.amazonaws.com").trust),
                ("inline", |role| role.inline = Some(may("sqs:SendMessage"))),
                ("managed", |role| role.managed = BTreeSet::from([BASIC.to_owned()])),
                ("boundary", |role| role.boundary = Some(READ_ONLY.to_owned())),
                ("max_session_s", |role| role.max_session_s = 7_200),
            ],
        },
        Example {
            name: "everything",
            declare: |_| Role {
                description: Some("Sends mail & more".to_owned()),
                inline: Some(may("sqs:SendMessage")),
                managed: BTreeSet::from([BASIC.to_owned(), READ_ONLY.to_owned()]),
                boundary: Some(READ_ONLY.to_owned()),
                max_session_s: 43_200,
                ..Role::of_service("lambda.amazonaws.com")
            },
            mutations: &[
                ("description", |role| role.description = None),
                ("inline", |role| role.inline = None),
                ("inline", |role| role.inline = Some(may("sqs:ReceiveMessage"))),
                ("managed", |role| role.managed.retain(|arn| arn != BASIC)),
                ("boundary", |role| role.boundary = None),
                ("boundary", |role| role.boundary = Some(BASIC.to_owned())),
                ("max_session_s", |role| role.max_session_s = 3_600),
            ],
        },
        Example {
            name: "trusting another",
            declare: trusting_another,
            mutations: &[("trust", |role| role.trust = Role::of_service("lambda.amazonaws.com").trust)],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_role() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn a_role_is_born_and_changed_in_real_weather() {
    for example in &examples() {
        let account = fresh();
        account.set_weather(Weather::realistic());
        apply(&world_of(example, |_| {}), &account).await.expect(example.name);
        tokio::time::sleep(Weather::realistic().invisible).await;
        for (field, mutate) in example.mutations {
            let changed = world_of(example, mutate);
            apply(&changed, &account).await.expect(field);
            assert_eq!(differences(&changed, &account).await, [], "{}: {field}", example.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_young_role_is_waited_for_before_another_trusts_it() {
    let account = fresh();
    account.set_weather(Weather { propagation: std::time::Duration::from_secs(8), ..Weather::default() });
    apply(&world_of(&examples()[2], |_| {}), &account).await.expect("both roles");
    let asked = account.served().iter().filter(|call| call.operation == "CreateRole").count();
    assert_eq!(asked, 4, "the caller, two refusals five seconds apart, the subject");
}

#[tokio::test(start_paused = true)]
async fn a_birth_whose_answer_was_lost_is_completed_before_it_can_be_seen() {
    let account = fresh();
    account.set_weather(Weather { invisible: std::time::Duration::from_secs(20), ..Weather::default() });
    lose_creation(&account);
    let world = world_of(&examples()[1], |_| {});
    apply(&world, &account).await.expect_err("the answer is lost");
    let tags = &account.documents()["iam/roles"][NAME]["tags"];
    assert!(tags.get(model::receipt::TAG).is_none(), "a receipt says that all was written: {tags}");
    apply(&world, &account).await.expect("the role is found after a while");
    assert_eq!(differences(&world, &account).await, []);
}

fn lose_creation(account: &Account) {
    let when = When::Operation { service: "iam".to_owned(), operation: "CreateRole".to_owned() };
    account.plan_trouble(Trouble { when, what: What::LoseAnswer });
}

#[tokio::test(start_paused = true)]
async fn a_role_of_another_case_or_of_somebody_else_is_not_taken_over() {
    let account = fresh();
    let iam = Client::new(&account.sdk_config());
    let trust = Role::of_service("lambda.amazonaws.com").trust.document();
    let make = |name: &str| iam.create_role().role_name(name).assume_role_policy_document(&trust).send();
    make("DN-test-Subject").await.expect("a role by hand");
    let again = make(NAME).await;
    assert_eq!(code_of(again), "EntityAlreadyExists");
    let fault = apply(&world_of(&examples()[0], |_| {}), &account).await.expect_err("the name is taken");
    assert!(matches!(&fault, Fault::Refused(_)) && fault.to_string().contains("another role"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_principal_is_a_finding_and_is_put_right() {
    let account = fresh();
    let world = world_of(&examples()[2], |_| {});
    apply(&world, &account).await.expect("both roles");
    let iam = Client::new(&account.sdk_config());
    let caller = "dn-test-caller";
    let first = iam.get_role().role_name(caller).send().await.expect("a role").role.expect("a role").role_id;
    iam.delete_role().role_name(caller).send().await.expect("deleted by hand");
    let found = look(&world, &account).await.1.expect("it exists");
    assert_eq!(found.findings, [format!("a principal of its trust policy was deleted: {first}")]);
    let trust = found.fields.get("trust").to_string();
    let update = iam.update_assume_role_policy().role_name(NAME).policy_document(&trust).send().await;
    assert_eq!(code_of(update), "MalformedPolicyDocument", "AWS takes no id of a deleted role");

    apply(&world, &account).await.expect("the caller again, with another id, and the trust policy");
    let found = look(&world, &account).await.1.expect("it exists");
    assert_eq!((found.findings, differences(&world, &account).await), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn inline_policies_under_other_names_are_shown_and_removed() {
    let account = fresh();
    let world = world_of(&examples()[1], |_| {});
    apply(&world, &account).await.expect("a birth");
    let iam = Client::new(&account.sdk_config());
    let put = iam.put_role_policy().role_name(NAME).policy_name("by-hand");
    put.policy_document(may("sqs:*").document()).send().await.expect("a policy by hand");
    let changes = differences(&world, &account).await;
    assert_eq!(changes.iter().map(|change| change.field.as_str()).collect::<Vec<_>>(), ["inline.by-hand"]);
    assert!(changes[0].want.is_null());
    apply(&world, &account).await.expect("an apply");
    assert_eq!(differences(&world, &account).await, []);
}

#[tokio::test(start_paused = true)]
async fn two_lists_read_all_roles_and_narrow_calls_do_when_lists_are_denied() {
    let account = fresh();
    let mut world = World::default();
    for number in 0..20 {
        let role =
            Role { description: Some(format!("{number}")), ..Role::of_service("lambda.amazonaws.com") };
        world.add("laws", &format!("r{number}"), role).expect("an address");
    }
    apply(&world, &account).await.expect("twenty births");
    account.forget_served();
    let watch = async || {
        let aws = writer(&account);
        for one in world.watch(aws.reader()) {
            let found = one.observe().await.expect("a look").expect("it exists");
            assert_eq!(one.declared().layout().diff(&found.layout()), []);
        }
    };
    watch().await;
    let mut calls: Vec<_> = account.served().into_iter().map(|call| call.operation).collect();
    calls.sort();
    assert_eq!(calls, ["GetAccountAuthorizationDetails", "ListRoles"]);

    account.plan_trouble(Trouble {
        when: When::Operation {
            service: "iam".to_owned(),
            operation: "GetAccountAuthorizationDetails".to_owned(),
        },
        what: What::Fail { code: "AccessDenied".to_owned(), message: "no".to_owned(), status: 403, times: 1 },
    });
    watch().await;
}

#[tokio::test(start_paused = true)]
async fn a_role_is_deleted_with_everything_on_it() {
    let account = fresh();
    let world = world_of(&examples()[1], |_| {});
    apply(&world, &account).await.expect("a birth");
    let iam = Client::new(&account.sdk_config());
    let early = iam.delete_role().role_name(NAME).send().await;
    assert_eq!(code_of(early), "DeleteConflict");
    subject(&world.manage(&writer(&account)))
        .delete(MayFind::Anything, model::Data::Lose)
        .await
        .expect("a delete");
    assert_eq!(code_of(iam.get_role().role_name(NAME).send().await), "NoSuchEntity");
}

#[tokio::test(start_paused = true)]
async fn what_iam_refuses_is_refused() {
    let account = fresh();
    apply(&world_of(&examples()[0], |_| {}), &account).await.expect("a birth");
    let iam = Client::new(&account.sdk_config());
    let trust = iam.update_assume_role_policy().role_name(NAME).policy_document("{").send().await;
    assert_eq!(code_of(trust), "MalformedPolicyDocument");
    let missing = Statement::allow(["sts:AssumeRole"], [""; 0]).to_aws("arn:aws:iam::000000000000:role/none");
    let update = iam.update_assume_role_policy().role_name(NAME);
    let principal = update.policy_document(Policy::new([missing]).document()).send().await;
    assert_eq!(code_of(principal), "MalformedPolicyDocument", "a principal that is not there");
    let inline = iam.put_role_policy().role_name(NAME).policy_name("p");
    let identity = inline.policy_document(Role::of_service("a.b").trust.document()).send().await;
    assert_eq!(code_of(identity), "MalformedPolicyDocument", "a principal in a policy of an identity");
    let long = may(&"x".repeat(10_240)).document();
    let quota = iam.put_role_policy().role_name(NAME).policy_name("p").policy_document(long).send().await;
    assert_eq!(code_of(quota), "LimitExceeded");
    let policy = iam.attach_role_policy().role_name(NAME).policy_arn("arn:aws:iam::000000000000:policy/none");
    assert_eq!(code_of(policy.send().await), "NoSuchEntity");
    let session = iam.update_role().role_name(NAME).max_session_duration(60).send().await;
    assert_eq!(code_of(session), "ValidationError");
    assert_eq!(code_of(iam.get_role().role_name("none").send().await), "NoSuchEntity");
    let page = iam.list_roles().max_items(1).send().await.expect("a page");
    assert!(!page.is_truncated && page.roles()[0].tags().is_empty(), "lists leave tags out");
}
