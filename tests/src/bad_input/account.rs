//! Credentials, endpoints, accounts and permissions.

use std::time::{Duration, Instant};

use super::check;
use crate::{
    loopback::{Instead, Loopback},
    project::{Project, Ran},
};

const DEV: &str = "123456789012";

fn signed_in(project: &Project, url: &str, args: &[&str]) -> Ran {
    let keys = [("AWS_ACCESS_KEY_ID", "AKIATEST"), ("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")];
    let ran = project.dn_with(&[keys[0], keys[1], ("AWS_ENDPOINT_URL", url)], args);
    assert!(!ran.text.contains("secret-of-the-test"), "{}", ran.text);
    ran
}

fn sts_error(code: &str, message: &str) -> Instead {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
    Some((403, format!("<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>")))
}

#[test]
fn no_credentials() {
    let project = Project::new();
    for verb in ["plan", "drift", "outputs", "doctor"] {
        let ran = project.dn(&[verb, "dev"]);
        check(
            &ran,
            1,
            &["stage dev is account 123456789012", "no credentials found", "hint: ", "credentials"],
        );
    }
    check(&project.dn(&["apply", "dev", "--yes"]), 1, &["no credentials found"]);
    assert!(!project.path(".dn/dev/journal.jsonl").exists(), "nothing was begun");
}

#[test]
fn expired_credentials() {
    let expired =
        |_: &str| sts_error("ExpiredToken", "The security token included in the request is expired");
    let loopback = Loopback::serve(DEV, expired);
    let ran = signed_in(&Project::new(), &loopback.url, &["plan", "dev"]);
    check(&ran, 1, &["sts:GetCallerIdentity", "expired", "hint: "]);
    assert_eq!(loopback.asked(), ["sts:GetCallerIdentity"], "asked once, and nothing else");
}

#[test]
fn a_wrong_account_is_asked_nothing_else() {
    for args in
        [&["plan", "dev"][..], &["apply", "dev", "--yes"], &["drift", "dev"], &["destroy", "dev", "--yes"]]
    {
        let loopback = Loopback::serve("999999999999", |_| None);
        let project = Project::new();
        let ran = signed_in(&project, &loopback.url, args);
        check(
            &ran,
            4,
            &[
                "account 999999999999, and stage dev is account 123456789012",
                "AWS_PROFILE",
                "nothing was read",
            ],
        );
        assert_eq!(loopback.asked(), ["sts:GetCallerIdentity"]);
        assert!(!project.path(".dn").exists(), "nothing is written");
    }
}

#[test]
fn an_endpoint_that_is_not_there() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let begun = Instant::now();
    let ran = signed_in(&Project::new(), &format!("http://127.0.0.1:{port}"), &["plan", "dev"]);
    check(
        &ran,
        1,
        &["did not reach AWS", "Connection refused", "hint: check the network and AWS_ENDPOINT_URL"],
    );
    assert!(begun.elapsed() < Duration::from_secs(30), "bounded: {:?}", begun.elapsed());
}

#[test]
fn a_read_that_is_not_permitted() {
    let loopback = Loopback::serve(DEV, |call| {
        let text = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: sqs:listqueues";
        let body = format!(r#"{{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"{text}"}}"#);
        (call == "sqs:ListQueues").then_some((400, body))
    });
    let project = Project::new();
    let ran = signed_in(&project, &loopback.url, &["plan", "dev"]);
    check(
        &ran,
        1,
        &[
            "account/list/queues",
            "sqs:ListQueues",
            "not authorized",
            "hint: allow sqs:ListQueues to the role",
        ],
    );
    let ran = signed_in(&project, &loopback.url, &["apply", "dev", "--yes"]);
    check(&ran, 1, &["sqs:ListQueues", "not authorized", "hint: "]);
    assert!(!project.path(".dn/dev/journal.jsonl").exists(), "nothing was begun");
}

#[test]
fn a_write_that_is_not_permitted() {
    let loopback = Loopback::serve(DEV, |call| {
        let text = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: sqs:createqueue";
        let body = format!(r#"{{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"{text}"}}"#);
        (call == "sqs:CreateQueue").then_some((400, body))
    });
    let project = Project::new();
    let apply = ["apply", "dev", "--yes", "--target", "financial/queue/*"];
    let ran = signed_in(&project, &loopback.url, &apply);
    check(
        &ran,
        6,
        &["financial/queue/campaigns-dead", "sqs:CreateQueue", "not authorized", "1 of 3 steps done"],
    );
    // The lock was given back, and what is done is not done again.
    check(&signed_in(&project, &loopback.url, &apply), 6, &["sqs:CreateQueue", "2 to create"]);
}

#[test]
fn troubles_are_for_embedded_accounts() {
    let loopback = Loopback::serve(DEV, |_| None);
    let ran = signed_in(&Project::new(), &loopback.url, &["apply", "dev", "--yes", "--trouble", "fail=1"]);
    check(&ran, 1, &["--weather, --trouble and --later are for embedded accounts, not for dev"]);
    assert_eq!(loopback.asked(), Vec::<String>::new());
}
