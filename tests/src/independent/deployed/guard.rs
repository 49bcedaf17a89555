//! That IAM's evaluation is on: whoever is refused one permission of its role does not do its work.

use std::collections::BTreeSet;

use aws_sdk_iam::Client;
use contract::{
    function::{FUNCTIONS, Function},
    stream::Stream,
    variable::Meaning,
};
use serde_json::{Value, json};
use stand_ins::{outbox::Message, webhook};

use super::{
    ALIAS, CONTEXT, DEV, Deployed, MAILGUN_DOMAIN, ask,
    collection::{listed, sealed},
    rows::{text, wants},
};
use crate::{laws::REGION, served::http::Answer, started::percent_decoded};

/// The own policy of a function's role.
pub(super) struct Allowed<'a> {
    iam: &'a Client,
    role: String,
    name: String,
    /// As it was applied.
    document: Value,
}

impl<'a> Allowed<'a> {
    pub(super) async fn of(iam: &'a Client, function: &str) -> Self {
        let role = format!("dn-dev-{function}");
        let names = iam.list_role_policies().role_name(&role).send().await.expect("policies");
        let name = names.policy_names()[0].clone();
        let found = iam.get_role_policy().role_name(&role).policy_name(&name).send().await;
        let document = percent_decoded(found.expect("a policy").policy_document());
        let document = serde_json::from_str(&document).expect("JSON");
        Self { iam, role, name, document }
    }

    async fn put(&self, name: &str, document: &Value) {
        let put = self.iam.put_role_policy().role_name(&self.role).policy_name(name);
        put.policy_document(document.to_string()).send().await.expect("the owner may do all");
    }

    /// Takes one action out of one statement.
    async fn without(&self, statement: &str, action: &str) {
        let mut document = self.document.clone();
        let statements = document["Statement"].as_array_mut().expect("statements");
        let found = statements.iter_mut().find(|one| one["Sid"] == statement).expect("the statement");
        match &mut found["Action"] {
            Value::Array(actions) if actions.len() > 1 => {
                let before = actions.len();
                actions.retain(|one| one != action);
                assert_eq!(actions.len() + 1, before, "{action} is allowed by {statement}");
            }
            _ => statements.retain(|one| one["Sid"] != statement),
        }
        self.put(&self.name, &document).await;
    }

    async fn as_it_was(&self) {
        self.put(&self.name, &self.document).await;
    }

    /// Adds the statements on the key again, without what the emulator lacks.
    async fn copy_key_statements(&self, alias: Option<&str>, condition: bool) {
        let all = self.document["Statement"].as_array().expect("statements").iter();
        let on_key = |one: &&Value| one["Action"].to_string().contains("\"kms:");
        let copies: Vec<Value> = all
            .filter(on_key)
            .cloned()
            .map(|mut copy| {
                if !condition {
                    copy.as_object_mut().expect("a statement").remove("Condition").expect("it has one");
                }
                if let Some(alias) = alias {
                    copy["Resource"] = alias.into();
                }
                copy
            })
            .collect();
        assert!(!copies.is_empty(), "{}", self.document);
        self.also(&copies.into()).await;
    }

    /// Adds a policy with these statements, which is the test's own.
    pub(super) async fn also(&self, statements: &Value) {
        let document = json!({ "Version": "2012-10-17", "Statement": statements });
        self.put("what-the-emulator-lacks", &document).await;
    }
}

/// Each of two lacks by itself lets no token be opened. Returns them; afterwards tokens are sealed and opened.
pub(super) async fn tokens_need_what_the_emulator_lacks(stage: &Deployed) -> BTreeSet<&'static str> {
    let iam = Client::new(&stage.owner);
    let alias = format!("arn:aws:kms:{REGION}:{DEV}:alias/dn-unsubscribe");
    let link = link(stage, "tokens@example.com").await;
    let of = Allowed::of(&iam, "outreach-unsubscribe").await;
    refused(&ask("GET", &link, &[], "").await);
    of.copy_key_statements(Some(&alias), true).await;
    refused(&ask("GET", &link, &[], "").await);
    of.copy_key_statements(None, false).await;
    refused(&ask("GET", &link, &[], "").await);
    for function in keyed() {
        Allowed::of(&iam, function.name).await.copy_key_statements(Some(&alias), false).await;
    }
    let shown = ask("GET", &link, &[], "").await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    [CONTEXT, ALIAS].into()
}

/// Functions that seal or open tokens.
pub(super) fn keyed() -> impl Iterator<Item = &'static Function> {
    let uses = |function: &&Function| {
        function.variables.iter().any(|variable| matches!(variable.meaning, Meaning::Key(_)))
    };
    FUNCTIONS.iter().filter(uses)
}

pub(super) async fn nothing_is_done_without_its_permission(stage: &Deployed) {
    let iam = Client::new(&stage.owner);
    a_mail(stage, &iam).await;
    an_event(stage, &iam).await;
    a_choice(stage, &iam).await;
}

/// Who may not read Mailgun's secret sends nothing.
async fn a_mail(stage: &Deployed, iam: &Client) {
    let authorization = format!("Bearer {}", stage.token("guarded%40example.com", "").await);
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let to = "mail@example.com";
    let mail = json!({ "to": to, "subject": "Hello", "text": "Hello" }).to_string();
    let url = format!("{}/outreach/send-email", stage.doors.urls["dn-dev-outreach"]);
    let role = Allowed::of(iam, "send-email").await;
    role.without("secretmailgun", "secretsmanager:GetSecretValue").await;
    refused(&ask("POST", &url, &headers, &mail).await);
    assert_eq!((stage.mails_to(to).await, stage.rows.all("messages").await.len()), (0, 0));
    role.as_it_was().await;
    let answer = ask("POST", &url, &headers, &mail).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!((stage.mails_to(to).await, stage.rows.all("messages").await.len()), (1, 1));
}

/// An event is kept with its message or not at all, and Mailgun's next delivery makes up for it.
async fn an_event(stage: &Deployed, iam: &Client) {
    let id = format!("guarded@{MAILGUN_DOMAIN}");
    let message = Message {
        id: id.clone(),
        recipient: "event@example.com".to_owned(),
        domain: MAILGUN_DOMAIN.to_owned(),
        ..Message::default()
    };
    let now_ms = stage.embedded.clock().now_ms();
    let body = webhook::body(&message, "delivered", "0a1b2c3d", now_ms, &stage.mailgun).expect("an event");
    let url = format!("{}/outreach/webhook", stage.doors.urls["dn-dev-outreach"]);
    let tell = async || ask("POST", &url, &[("content-type", "application/json")], &body.to_string()).await;
    let kept = async || {
        let tokens = stage.rows.all("webhook-tokens").await.len();
        let events = stage.rows.with("events", "messageId", &id).await.len();
        let messages = stage.rows.with("messages", "messageId", &id).await;
        (tokens, events, messages.first().map(|row| text(row, "delivered").to_owned()))
    };
    let role = Allowed::of(iam, "webhook").await;
    role.without("tablewebhooktokens", "dynamodb:PutItem").await;
    refused(&tell().await);
    assert_eq!(kept().await, (0, 0, None));
    role.without("tablemessages", "dynamodb:UpdateItem").await;
    refused(&tell().await);
    assert_eq!(kept().await, (1, 0, None), "its token was seen, and nothing more");
    role.as_it_was().await;
    let answer = tell().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    // The event, and that its recipient is counted.
    assert_eq!(kept().await, (1, 2, Some("1".to_owned())));
}

/// Who may not write the contact list keeps the choice all the same, and the list is told of it later.
async fn a_choice(stage: &Deployed, iam: &Client) {
    let who = "choice@example.com";
    let link = link(stage, who).await;
    let role = Allowed::of(iam, "outreach-unsubscribe").await;
    role.without("listcontacts", "ses:UpdateContact").await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let click = ask("POST", &link, &form, "List-Unsubscribe=One-Click").await;
    assert_eq!(click.status, 200, "{}", click.body);
    let rows = stage.rows.with("contacts", "email", who).await;
    assert_eq!((wants(&rows[0], "outreach"), text(&rows[0], "pending")), ("OPT_OUT", "change"));
    assert_eq!(listed(stage, who, Stream::Outreach).await, None, "the list was not told");
    let audit = stage.rows.with("audit", "contact", who).await;
    let results: BTreeSet<&str> = audit.iter().map(|row| text(row, "result")).collect();
    assert_eq!(results, ["done", "failed"].into(), "{audit:?}");
    role.as_it_was().await;
}

/// A link of a mail to somebody.
async fn link(stage: &Deployed, who: &str) -> String {
    let token = sealed(stage, who, Stream::Outreach).await;
    format!("{}/outreach/unsubscribe?data={token}", stage.doors.urls["dn-dev-outreach"])
}

/// Nobody is told why, and the shape is that of every failure (R3).
#[track_caller]
fn refused(answer: &Answer) {
    assert_eq!(answer.status, 500, "it is done without its permission: {}", answer.body);
    let failure = answer.json();
    assert_eq!((&failure["success"], &failure["code"]), (&json!(false), &json!("Internal")), "{failure}");
    assert_eq!(failure["version"], "1.0.0", "{failure}");
    assert!(!answer.body.contains("arn:") && !answer.body.contains("AccessDenied"), "{failure}");
}
