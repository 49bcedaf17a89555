//! Each function's role, as IAM holds it: all that the contract declares is allowed, and nothing beside it.

use std::collections::BTreeSet;

use contract::{
    function::{FUNCTIONS, Trigger},
    variable::Meaning,
};

use super::{
    Account,
    evaluator::{Decision, Request, Who, decide},
    needs::{self, Need},
};

#[tokio::test(start_paused = true)]
async fn a_role_allows_what_its_function_declares_and_nothing_beside_it() {
    let account = Account::applied().await;
    let mut refused = 0;
    for function in FUNCTIONS {
        let role = format!("{}/role/{}", function.stack, function.name);
        let (policy, arn) = (account.inline(&role), account.arn(&role));
        let key = account.key_policy();
        let allows = |need: &Need| {
            let context: Vec<(&str, &str)> =
                need.context.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            let who = Who::Role(&arn);
            let request = Request { who, action: need.action, resource: &need.resource, context: &context };
            decide(&[&policy], &[&key], &request)
        };
        let needs = needs::of(function, &|address| account.arn(address));
        for need in &needs {
            assert_eq!(allows(need), Decision::Allowed, "{}: {need:?}", function.name);
        }
        for need in needs::beside(&needs) {
            assert_eq!(allows(&need), Decision::Silent, "{}: {need:?}", function.name);
            refused += 1;
        }
        // One looks at everything that the kinds do: `nightly` proves that it can change none of it.
        if function.variables.iter().any(|variable| variable.meaning == Meaning::Control) {
            continue;
        }
        // Not one statement more: what is granted is what is needed.
        let granted: BTreeSet<(String, String)> = policy
            .statements
            .iter()
            .flat_map(|one| {
                one.action.iter().flat_map(|action| one.resource.iter().map(move |on| (action, on)))
            })
            .map(|(action, on)| (action.clone(), on.clone()))
            .collect();
        let wanted: BTreeSet<(String, String)> =
            needs.into_iter().map(|need| (need.action.to_owned(), written(&need.resource))).collect();
        assert_eq!(granted, wanted, "{}", function.name);
    }
    assert!(refused > 3 * FUNCTIONS.len(), "{refused} refusals");
}

/// Streams are Lambda's to name, and segments have the number of their first line.
fn written(resource: &str) -> String {
    if let Some((bucket, _)) = resource.split_once("/journal/") {
        return format!("{bucket}/journal/*");
    }
    match resource.split_once(":log-stream:") {
        Some((group, _)) => format!("{group}:log-stream:*"),
        None => resource.to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_schedule_may_start_its_function_and_keep_what_it_could_not_start() {
    let account = Account::applied().await;
    for function in FUNCTIONS.iter().filter(|one| matches!(one.trigger, Trigger::Schedule(_))) {
        let role = format!("{}/role/{}-schedule", function.stack, function.name);
        let (policy, arn) = (account.inline(&role), account.arn(&role));
        let dead = account.arn(&format!("{}/queue/{}-dead", function.stack, function.name));
        for (action, resource, decision) in [
            ("sqs:SendMessage", dead.clone(), Decision::Allowed),
            ("sqs:SendMessage", needs::neighbour(&dead), Decision::Silent),
            ("sqs:PurgeQueue", dead, Decision::Silent),
        ] {
            let request = Request { who: Who::Role(&arn), action, resource: &resource, context: &[] };
            assert_eq!(decide(&[&policy], &[], &request), decision, "{role}: {action} on {resource}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_lambda_may_be_any_of_these_roles() {
    let account = Account::applied().await;
    for function in FUNCTIONS {
        let trust = account.policy(&format!("{}/role/{}", function.stack, function.name), "trust");
        let [statement] = &Vec::from_iter(&trust.statements)[..] else { panic!("one statement: {trust:?}") };
        let services = &statement.principal["Service"];
        assert_eq!((statement.principal.len(), services.len()), (1, 1), "{}", function.name);
        assert!(services.contains("lambda.amazonaws.com"), "{}", function.name);
        assert_eq!(Vec::from_iter(&statement.action), ["sts:AssumeRole"], "{}", function.name);
    }
}
