//! Examples of function policies.

use aws_sdk_lambda::{Client, error::ProvideErrorMetadata};
use kinds::{
    Handle,
    kinds::{
        function::{Code, Function},
        function_policy::{FunctionPolicy, Permission},
        topic::Topic,
    },
};
use sandbox::Weather;

use super::{
    function::{minimal_in, to},
    *,
};

const API: &str = "arn:aws:execute-api:us-east-1:000000000000:abc123/*/POST/outreach/send-email";
const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:dn-test-feedback";
const FUNCTION: &str = "dn-test-handler";

fn policy_of<const N: usize>(
    function: &Handle<Function>,
    statements: [(&str, Permission); N],
) -> FunctionPolicy {
    let statements = statements.map(|(sid, one)| (sid.to_owned(), one)).into();
    FunctionPolicy { function: function.by("name"), statements, strays: [].into() }
}

fn function_in(world: &mut World, name: &str) -> Handle<Function> {
    let spec = minimal_in(world);
    world.add("laws", name, spec).expect("an address")
}

fn statement<'a>(policy: &'a mut FunctionPolicy, sid: &str) -> &'a mut Permission {
    policy.statements.get_mut(sid).expect("it is declared")
}

pub(crate) fn examples() -> [Example<FunctionPolicy>; 2] {
    [
        Example {
            name: "one caller",
            declare: |world| {
                let function = function_in(world, "handler");
                policy_of(&function, [("api", Permission::of_service("apigateway.amazonaws.com", API))])
            },
            mutations: &[
                ("statements", |policy| statement(policy, "api").source_arn = "arn:aws:s3:::mails".into()),
                ("statements", |policy| statement(policy, "api").principal = "s3.amazonaws.com".to_owned()),
                ("statements", |policy| {
                    statement(policy, "api").action = "lambda:InvokeFunctionUrl".to_owned();
                }),
                ("statements", |policy| {
                    statement(policy, "api").source_account = Some(ACCOUNT.to_owned());
                }),
            ],
        },
        Example {
            name: "several callers",
            declare: |world| {
                world.add("laws", "feedback", Topic::standard()).expect("an address");
                function_in(world, "other");
                let function = world.add("laws", "handler", same_code()).expect("an address");
                let topic: model::Ref<Topic> = to("laws/topic/feedback", "arn");
                let bucket = Permission::of_service("s3.amazonaws.com", "arn:aws:s3:::mails");
                policy_of(
                    &function,
                    [
                        ("api", Permission::of_service("apigateway.amazonaws.com", API)),
                        ("topic", Permission::of_service("sns.amazonaws.com", topic.text().clone())),
                        ("bucket", bucket.in_account(ACCOUNT)),
                    ],
                )
            },
            mutations: &[
                ("function", |policy| policy.function = to("laws/function/other", "name")),
                ("statements", |policy| drop(policy.statements.remove("topic"))),
                ("statements", |policy| statement(policy, "bucket").source_account = None),
            ],
        },
    ]
}

/// Another function of the same role and code.
fn same_code() -> Function {
    let at = "laws/artefact/code";
    let code = Code { sha256: to(at, "sha256"), bucket: to(at, "bucket"), key: to(at, "key") };
    Function::new(to("laws/role/role", "arn"), code, "handle", to("laws/log group/lines", "name"))
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_function_policy() {
    hold(&examples()).await;
}

fn client(account: &Account) -> Client {
    Client::new(&account.sdk_config())
}

#[tokio::test(start_paused = true)]
async fn who_may_call_is_what_was_declared() {
    let [_, several] = examples();
    let account = fresh();
    account.set_weather(Weather::realistic());
    apply(&world_of(&several, |_| {}), &account).await.expect("a birth");
    let live = format!("arn:aws:lambda:us-east-1:000000000000:function:{FUNCTION}:live");
    let may = |service: &str, source: &str| account.may_invoke(&live, service, source);
    let api = "arn:aws:execute-api:us-east-1:000000000000:abc123/prod/POST/outreach/send-email";
    assert!(may("apigateway.amazonaws.com", api));
    assert!(!may("apigateway.amazonaws.com", &api.replace("abc123", "other")));
    assert!(!may("sns.amazonaws.com", api));
    assert!(may("sns.amazonaws.com", TOPIC));
    assert!(may("s3.amazonaws.com", "arn:aws:s3:::mails"));
    let unqualified = live.trim_end_matches(":live");
    assert!(!account.may_invoke(unqualified, "sns.amazonaws.com", TOPIC), "the alias alone has a policy");
}

#[tokio::test(start_paused = true)]
async fn foreign_statements_are_drift_and_are_removed() {
    let [one, _] = examples();
    let (account, world) = (fresh(), world_of(&one, |_| {}));
    apply(&world, &account).await.expect("a birth");
    let add = || client(&account).add_permission().function_name(FUNCTION).qualifier("live");
    let add = || add().action("lambda:InvokeFunction").principal("events.amazonaws.com");
    add().statement_id("by-hand").send().await.expect("a statement by hand");
    let taken = add().statement_id("by-hand").send().await.expect_err("it is taken");
    assert_eq!(taken.code(), Some("ResourceConflictException"));
    let latest = client(&account).add_permission().function_name(FUNCTION).qualifier("$LATEST");
    let latest = latest.statement_id("a").action("lambda:InvokeFunction").principal("sns.amazonaws.com");
    assert_eq!(latest.send().await.expect_err("a refusal").code(), Some("InvalidParameterValueException"));

    let (_, found) = look(&world, &account).await;
    let findings = found.expect("it exists").findings;
    assert_eq!(findings, ["by-hand lets events.amazonaws.com call on anybody's behalf"]);
    let [change] = differences(&world, &account).await.try_into().expect("one difference");
    assert_eq!(change.field, "statements.by-hand");
    apply(&world, &account).await.expect("a repair");
    assert_eq!(differences(&world, &account).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_nobody_or_for_anybody_is_refused() {
    let [one, _] = examples();
    for (wrong, words) in [
        ((|policy| policy.statements.clear()) as fn(&mut FunctionPolicy), "has no statements"),
        (|policy| statement(policy, "api").source_arn = "".into(), "on anybody's behalf"),
    ] {
        let fault = apply(&world_of(&one, wrong), &fresh()).await.expect_err(words);
        assert!(fault.to_string().contains(words), "{fault}");
    }
}
