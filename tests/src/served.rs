//! The sandbox applied and served by the real program, with the real binaries behind the gateway: the request
//! collection of `tests/requests`, events, and what is written down about all of it.

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

use aws_sdk_sesv2::types::SubscriptionStatus;
use contract::{resource::SealingKey, stream::Stream, variable::Variable};
use serde_json::Value;
use subscription::{Recipient, Sealer};
use support::Aws;

use crate::project::{Project, Running, Watched, binary, real_artefacts, root};

const EMAIL: &str = "ada.lovelace@example.com";
const MAIL_SENDER: &str = "ann@example.com";
const BOUNCED: &str = "bounce@simulator.amazonses.com";
const SIGNING_KEY: &str = "4d61696c67756e2773207369676e696e67";
const API_KEY: &str = "6b65792d6f662d7468652073616e64626f78";

/// A served sandbox of a project of its own.
struct Served {
    project: Project,
    program: Watched,
    /// Of the APIs, with their stages, and of the stand-ins.
    outreach: String,
    financial: String,
    dn_api: String,
    mail: String,
}

impl Served {
    fn begin() -> Self {
        let project = Project::new();
        let file = "environments/sandbox.yaml";
        let port = free_port();
        project.write(file, &project.read(file).replace("127.0.0.1:9099", &format!("127.0.0.1:{port}")));
        let dn = |args: &[&str]| {
            let mut command = project.command(binary(), args);
            command.env("DN_ARTEFACTS", real_artefacts());
            command
        };
        let ran = Running::of(dn(&["apply", "sandbox", "--yes"])).finish();
        assert_eq!(ran.code, Some(0), "{}", ran.text);
        let secret = format!(r#"{{"apiKey":"{API_KEY}","webhookSigningKey":"{SIGNING_KEY}"}}"#);
        project.write("secret.json", &secret);
        let mut set = dn(&["secret", "set", "sandbox", "mailgun"]);
        set.stdin(std::fs::File::open(project.path("secret.json")).expect("a file"));
        let ran = Running::of(set).finish();
        assert_eq!(ran.code, Some(0), "{}", ran.text);
        let program = Running::of(dn(&["serve", "sandbox", "--port", "0"])).watched();
        let url = |name: &str| {
            let of = |text: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|rest| rest.split_whitespace().next()).map(str::to_owned)
            };
            program.wait_for(name, of)
        };
        let (outreach, financial) = (url("dn-sandbox-outreach "), url("dn-sandbox-financial "));
        let (dn_api, mail) = (url("dn-sandbox-dn-api "), url("sent mail: "));
        let mail = mail.trim_end_matches('/').to_owned();
        program.wait_for("how to send a mail", |text| text.contains("/outreach/send-email'").then_some(()));
        Self { project, program, outreach, financial, dn_api, mail }
    }

    fn aws(&self) -> Aws {
        Aws::of(self.project.account().sdk_config())
    }

    /// A token of the stand-in.
    fn token(&self, query: &str) -> String {
        let output = curl(&[&format!("{}/token{query}", self.mail)]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The value of the key that the usage plan lets in.
    async fn api_key(&self) -> String {
        let gateway = aws_sdk_apigateway::Client::new(&self.project.account().sdk_config());
        let keys = gateway.get_api_keys().include_values(true).send().await.expect("keys");
        keys.items()[0].value().expect("a value").to_owned()
    }
}

/// Nobody else is told of it before the server takes it.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

#[expect(clippy::disallowed_methods, reason = "requests are sent as a person sends them")]
fn curl(args: &[&str]) -> Output {
    Command::new("curl").args(["-sS", "--max-time", "30"]).args(args).output().expect("curl")
}

#[expect(clippy::disallowed_methods, reason = "the collection is a script")]
fn collection(variables: &[(&str, &str)]) -> Output {
    let script = root().join("tests/requests/run");
    let mut command = Command::new("sh");
    command.arg(script).envs(variables.iter().copied());
    command.output().expect("sh")
}

/// Mail to the unsubscribe address, as SES tells of it.
fn inbound_mail() -> String {
    let file = root().join("runtime/unsubscribe/tests/vectors/inbound-notification-of-an-sns-action.json");
    let mut mail: Value = serde_json::from_str(&read(&file)).expect("JSON");
    mail["receipt"]["dmarcVerdict"] = serde_json::json!({ "status": "PASS" });
    mail["mail"]["commonHeaders"]["from"] = serde_json::json!([MAIL_SENDER]);
    mail["mail"]["commonHeaders"]["subject"] = "Unsubscribe outreach".into();
    mail["content"] = format!("From: {MAIL_SENDER}\r\nSubject: Unsubscribe outreach\r\n\r\n\r\n").into();
    mail.to_string()
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Everything that must be nowhere but where it belongs.
struct Private(Vec<String>);

impl Private {
    fn assert_not_in(&self, text: &str, what: &str) {
        for one in &self.0 {
            let line = text.lines().find(|line| line.to_lowercase().contains(&one.to_lowercase()));
            assert_eq!(line, None, "{what} holds {one}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collection_passes_and_nothing_private_is_written_down() {
    let served = Served::begin();
    let aws = served.aws();
    let key = SealingKey::parse(Some("alias/dn-unsubscribe".to_owned())).expect("a key");
    let who = Recipient::parse("grace@example.com").expect("an address");
    let now_ms = i64::try_from(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("now").as_millis(),
    );
    let sealer = Sealer::new(&aws, &key);
    let sealed = sealer.seal(&who, Stream::Financial, now_ms.expect("this century"));
    let financial_token = sealed.await.expect("a token").text().to_owned();
    let tokens =
        [served.token(""), served.token("?verified=no"), served.token("?email=limited%40example.com")];
    let answers = served.project.path("answers");
    let api_key = served.api_key().await;
    let output = collection(&[
        ("API_BASE_URL", &served.outreach),
        ("FINANCIAL_BASE_URL", &served.financial),
        ("DN_API_BASE_URL", &served.dn_api),
        ("DN_API_KEY", &api_key),
        ("JWT_TOKEN", &tokens[0]),
        ("UNVERIFIED_TOKEN", &tokens[1]),
        ("LIMITED_TOKEN", &tokens[2]),
        ("TEST_EMAIL", EMAIL),
        ("TEST_TEMPLATE", "welcome"),
        ("WEBHOOK_SIGNING_KEY", SIGNING_KEY),
        ("MAIL_URL", &served.mail),
        ("FINANCIAL_TOKEN", &financial_token),
        ("ANSWERS", &answers.display().to_string()),
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.ends_with("0 failed, 0 skipped\n"), "{text}");

    mail_and_events(&served, &aws).await;

    let answers = read(&answers);
    let links = answers.split("unsubscribe?data=").nth(1).expect("a link");
    let sent_token: String = links.chars().take_while(|sign| !sign.is_whitespace()).collect();
    assert!(sent_token.len() > 100, "{sent_token}");
    let ran = served.program.interrupt();
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    let mut private = vec![EMAIL, MAIL_SENDER, BOUNCED, "grace@example.com", SIGNING_KEY, API_KEY, &api_key];
    private.extend(tokens.iter().map(String::as_str));
    private.extend([financial_token.as_str(), &sent_token]);
    let private = Private(private.into_iter().map(str::to_owned).collect());
    assert!(ran.text.contains("\"message\":\"answered\""), "functions write lines:\n{}", ran.text);
    private.assert_not_in(&ran.text, "the log");
    let errors: Vec<&str> = answers.lines().filter(|line| line.contains("\"success\":false")).collect();
    assert!(errors.len() > 15, "{}", errors.len());
    private.assert_not_in(&errors.join("\n"), "an error");
}

/// A mail to the unsubscribe address and a bounce reach their functions and do their work.
async fn mail_and_events(served: &Served, aws: &Aws) {
    let config = served.project.account().sdk_config();
    let topic = "arn:aws:sns:us-east-1:000000000000:dn-sandbox-inbound-mail";
    let sns = aws_sdk_sns::Client::new(&config);
    sns.publish().topic_arn(topic).message(inbound_mail()).send().await.expect("published");
    delivered(served, "dn-sandbox-unsubscribe-mailto");
    let lists = aws.mail().list_contact_lists().send().await.expect("lists");
    let list = lists.contact_lists()[0].contact_list_name().expect("a name");
    let contact = aws.mail().get_contact().contact_list_name(list).email_address(MAIL_SENDER);
    let contact = contact.send().await.expect("a contact");
    let left = contact.topic_preferences().iter().find(|topic| topic.topic_name() == "outreach");
    assert_eq!(left.expect("the topic").subscription_status(), &SubscriptionStatus::OptOut);

    let file = root().join("runtime/unsubscribe/tests/vectors/event-bounce-record.json");
    let bounce = read(&file);
    let sqs = aws_sdk_sqs::Client::new(&config);
    let queue = "https://sqs.us-east-1.amazonaws.com/000000000000/dn-sandbox-ses-events";
    sqs.send_message().queue_url(queue).message_body(&bounce).send().await.expect("sent");
    delivered(served, "dn-sandbox-mail-events");
    let bounce: Value = serde_json::from_str(&bounce).expect("JSON");
    let who = bounce["bounce"]["bouncedRecipients"][0]["emailAddress"].as_str().expect("an address");
    let row = aws
        .dynamodb()
        .get_item()
        .table_name("dn-sandbox-suppression")
        .key("email", aws_sdk_dynamodb::types::AttributeValue::S(who.to_lowercase()));
    let row = row.send().await.expect("a row").item.expect("it is suppressed");
    assert_eq!(row["reason"].as_s().map(String::as_str), Ok("bounce"));
}

fn delivered(served: &Served, function: &str) {
    served.program.wait_for(function, |text| {
        let done = |line: &str| line.contains(&format!("→ {function}")) && line.contains("delivered");
        text.lines().any(done).then_some(())
    });
}
