//! The request collection of `tests/requests`, sent as a person sends it; then mail to the unsubscribe address and an
//! event of SES. Nothing private of all this is written down.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_secretsmanager::Client as Secrets;
use aws_sdk_sesv2::types::SubscriptionStatus;
use contract::stream::Stream;
use kinds::kinds::api_key::rotation::day;
use serde_json::{Value, json};
use support::Aws;

use super::{Served, served_alone};
use crate::project::root;

const EMAIL: &str = "ada.lovelace@example.com";
const WRITER: &str = "collection-writer@example.com";

/// Sends every request with these variables.
#[expect(clippy::disallowed_methods, reason = "the collection is a script")]
pub(crate) fn collection(variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new("sh");
    command.arg(root().join("tests/requests/run")).envs(variables.iter().copied());
    command.output().expect("sh")
}

/// Where programs are looked for when what each script gives to `curl` is kept in a file.
#[expect(clippy::disallowed_methods, reason = "the scripts' own programs are where this process has them")]
fn keeping(kept: &Path) -> String {
    let programs = kept.with_file_name("programs");
    let curl = programs.join("curl");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" >> {kept}\ncase \"$*\" in\n\
         *'@-'*) tee -a {kept} | PATH=${{PATH#*:}} curl \"$@\" ;;\n*) PATH=${{PATH#*:}} exec curl \"$@\" ;;\nesac\n",
        kept = kept.display()
    );
    fs::create_dir(&programs).expect("a folder");
    fs::write(&curl, script).expect("a file");
    fs::set_permissions(&curl, Permissions::from_mode(0o755)).expect("a mode");
    format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default())
}

/// Addresses, tokens and signatures in what was sent: what has an `@` of people, and what is too long for a word.
fn private_of(sent: &str) -> BTreeSet<String> {
    let inside = |sign: char| sign.is_ascii_alphanumeric() || "@._%+-".contains(sign);
    let words = sent.split(|sign| !inside(sign)).flat_map(|word| word.split("=")).map(str::to_owned);
    words
        .filter(|word| {
            let person = word.contains('@') && word.contains("example.com") && !word.contains("@mg.");
            // Ids of messages have an @ too, and bodies over their limit are one word.
            let token = (40..4096).contains(&word.len()) && !word.contains('@') && !word.contains('.');
            let signed = word.starts_with("ey") && word.len() > 100;
            person || token || signed
        })
        .collect()
}

/// An event as AWS documents it.
pub(crate) fn vector(name: &str) -> Value {
    let file = root().join("runtime/unsubscribe/tests/vectors").join(name);
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// Mail to the unsubscribe address, as SES tells of it.
pub(crate) fn inbound_mail(writer: &str) -> String {
    let mut mail = vector("inbound-notification-of-an-sns-action.json");
    mail["receipt"]["dmarcVerdict"] = json!({ "status": "PASS" });
    mail["mail"]["commonHeaders"]["from"] = json!([writer]);
    mail["mail"]["commonHeaders"]["subject"] = "Unsubscribe outreach".into();
    mail["content"] = format!("From: {writer}\r\nSubject: Unsubscribe outreach\r\n\r\n\r\n").into();
    mail.to_string()
}

fn is_signature(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn assert_not_in(private: &[&str], lines: &[&str], what: &str) {
    for one in private {
        let line = lines.iter().find(|line| line.to_lowercase().contains(&one.to_lowercase()));
        assert_eq!(line, None, "{what} holds {one}");
    }
}

#[test]
fn every_request_is_answered_as_its_file_says() {
    let served = served_alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let link = served.old_link("grace@example.com", Stream::Financial, 0);
    let financial_token = link.split_once("data=").expect("a token").1;
    let (api_key, mailgun) = runtime.block_on(keys(&served));
    let signing_key = mailgun["webhookSigningKey"].as_str().expect("a key");
    let lines = served.said.until("dn-sandbox-dn-api  ");
    let dn_api =
        lines.iter().find_map(|line| line.strip_prefix("dn-sandbox-dn-api  ")).expect("a URL").trim();
    let tokens =
        ["", "&verified=no", "&finance=no"].map(|more| served.token("collection%40example.com", more));
    let limited = served.token("limited%40example.com", "");
    let answers = served.project.path("answers");
    let kept = served.project.path("sent");
    let output = collection(&[
        ("API_BASE_URL", &served.outreach),
        ("FINANCIAL_BASE_URL", &served.financial),
        ("DN_API_BASE_URL", dn_api),
        ("DN_API_KEY", &api_key),
        ("JWT_TOKEN", &tokens[0]),
        ("UNVERIFIED_TOKEN", &tokens[1]),
        ("LIMITED_TOKEN", &limited),
        ("TEST_EMAIL", EMAIL),
        ("TEST_TEMPLATE", "welcome"),
        ("WEBHOOK_SIGNING_KEY", signing_key),
        ("MAIL_URL", &served.stand_ins),
        ("FINANCIAL_TOKEN", financial_token),
        ("ANSWERS", &answers.display().to_string()),
        ("PATH", &keeping(&kept)),
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.ends_with("0 failed, 0 skipped\n"), "{text}");
    runtime.block_on(events(&served));
    assert!(runtime.block_on(counted(&served)) > 0, "calls with the key are counted");

    let answers = fs::read_to_string(answers).expect("the answers");
    let sent = answers.split("unsubscribe?data=").nth(1).expect("a link");
    let sent: String = sent.chars().take_while(|sign| !sign.is_whitespace()).collect();
    assert!(sent.len() > 100, "{sent}");
    let mut private = vec![EMAIL, WRITER, "grace@example.com", "collection@example.com", &api_key, &limited];
    private.extend([signing_key, mailgun["apiKey"].as_str().expect("a key"), financial_token, &sent]);
    private.extend(tokens.iter().map(String::as_str));
    let scripts = private_of(&fs::read_to_string(kept).expect("what was sent"));
    for kind in ["other@example.com", "crm@example.com", &tokens[0], &sent] {
        assert!(scripts.contains(kind), "{kind} is among {} that were sent", scripts.len());
    }
    assert!(scripts.iter().filter(|one| is_signature(one)).count() >= 5, "webhooks are signed: {scripts:?}");
    private.extend(scripts.iter().map(String::as_str));
    // A function answers before it has written everything.
    let last = answers.lines().rev().find_map(|line| line.strip_prefix("x-amzn-requestid: ")).expect("an id");
    let said = served.said.until(&format!("\"request\":\"{}\",\"requests\"", last.trim()));
    assert_not_in(&private, &said.iter().map(String::as_str).collect::<Vec<_>>(), "the log");
    let errors: Vec<&str> = answers.lines().filter(|line| line.contains("\"success\":false")).collect();
    assert!(errors.len() > 15, "{}", errors.len());
    assert_not_in(&private, &errors, "an error");
}

/// The value of the key that the usage plan lets in, and what Mailgun's stand-in and the functions share.
async fn keys(served: &Served) -> (String, Value) {
    let config = served.account().sdk_config();
    let gateway = aws_sdk_apigateway::Client::new(&config);
    let found = gateway.get_api_keys().include_values(true).send().await.expect("keys");
    let secret = Secrets::new(&config).get_secret_value().secret_id("payouts-mailer/mailgun-secrets");
    let secret = secret.send().await.expect("a secret");
    let secret = serde_json::from_str(secret.secret_string().expect("a text")).expect("JSON");
    (found.items()[0].value().expect("a value").to_owned(), secret)
}

/// Calls with keys that the gateway has counted, as a rotation asks for them.
async fn counted(served: &Served) -> i64 {
    let gateway = aws_sdk_apigateway::Client::new(&served.account().sdk_config());
    let plans = gateway.get_usage_plans().limit(500).send().await.expect("plans");
    let mut calls = 0;
    for plan in plans.items() {
        let ask = gateway.get_usage().usage_plan_id(plan.id().expect("an id"));
        // The days around now, whichever side of midnight this runs on.
        let now_s = i64::try_from(served.account().clock().now_ms() / 1000).expect("a time");
        let days = [now_s - 86_400, now_s].map(|at| day(at / 86_400));
        let used = ask.start_date(&days[0]).end_date(&days[1]).send().await.expect("the usage");
        let each = used.items().into_iter().flatten().flat_map(|(_, days)| days);
        calls += each.filter_map(|day| day.first()).sum::<i64>();
    }
    calls
}

/// A mail to the unsubscribe address and a bounce reach their functions and do their work.
async fn events(served: &Served) {
    let config = served.account().sdk_config();
    let aws = Aws::of(config.clone());
    let topic = "arn:aws:sns:us-east-1:000000000000:dn-sandbox-inbound-mail";
    let sns = aws_sdk_sns::Client::new(&config);
    sns.publish().topic_arn(topic).message(inbound_mail(WRITER)).send().await.expect("published");
    served.said.until("→ dn-sandbox-unsubscribe-mailto  delivered");
    let lists = aws.mail().list_contact_lists().send().await.expect("lists");
    let list = lists.contact_lists()[0].contact_list_name().expect("a name");
    let contact = aws.mail().get_contact().contact_list_name(list).email_address(WRITER);
    let contact = contact.send().await.expect("a contact");
    let left = contact.topic_preferences().iter().find(|topic| topic.topic_name() == "outreach");
    assert_eq!(left.expect("the topic").subscription_status(), &SubscriptionStatus::OptOut);

    let bounce = vector("event-bounce-record.json");
    let sqs = aws_sdk_sqs::Client::new(&config);
    let queue = "https://sqs.us-east-1.amazonaws.com/000000000000/dn-sandbox-ses-events";
    sqs.send_message().queue_url(queue).message_body(bounce.to_string()).send().await.expect("sent");
    served.said.until("→ dn-sandbox-mail-events  delivered");
    let who = bounce["bounce"]["bouncedRecipients"][0]["emailAddress"].as_str().expect("an address");
    let who = AttributeValue::S(who.to_lowercase());
    let row = aws.dynamodb().get_item().table_name("dn-sandbox-suppression").key("email", who);
    let row = row.send().await.expect("a row").item.expect("it is suppressed");
    assert_eq!(row["reason"].as_s().map(String::as_str), Ok("bounce"));
}
