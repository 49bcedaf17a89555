//! Every endpoint is asked, well and badly; then no line that a function wrote and no error that a caller got
//! holds an address, a token, a signature or a key.

use aws_sdk_secretsmanager::Client;
use contract::stream::Stream;
use serde_json::{Value, json};
use support::keyed;

use super::{
    Served,
    http::{Answer, ask},
    served,
};

const JSON: (&str, &str) = ("content-type", "application/json");

/// What was asked and answered, and what must show nowhere.
struct Walk<'a> {
    served: &'a Served,
    secrets: Vec<String>,
    answers: Vec<Answer>,
}

impl Walk<'_> {
    fn secret(&mut self, text: impl Into<String>) -> String {
        let text = text.into();
        assert!(text.len() > 8, "too short to be looked for");
        self.secrets.push(text.clone());
        text
    }

    fn staff(&mut self, token: &str, method: &str, path: &str, body: &Value) {
        self.answers.push(self.served.asked_by(token, method, path, body));
    }

    fn ask(&mut self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) {
        self.answers.push(ask(method, url, headers, body));
    }

    /// What staff does.
    fn mails(&mut self) {
        let user = self.secret("discreet-staff@example.com");
        let good = self.served.token(&user, "");
        let (good, bad) = (self.secret(good.clone()), self.secret(good[..good.len() - 6].to_owned()));
        let unverified = self.served.token(&user, "&verified=no");
        let unverified = self.secret(unverified);
        let to = self.secret("discreet-ann@example.com");
        let wrong = self.secret("discreet-wrong@example.com, b@example.com");
        for token in [&good, &bad, &unverified] {
            for address in [&to, &wrong] {
                let mail =
                    json!({ "to": [address], "subject": address, "text": address, "replyTo": address });
                self.staff(token, "POST", "/outreach/send-email", &mail);
                let mail =
                    json!({ "to": address, "template": address, "templateVariables": { "a": address } });
                self.staff(token, "POST", "/outreach/send-template-email", &mail);
                let mail = json!({ "to": address, "template": "welcome", "from": address });
                self.staff(token, "POST", "/outreach/send-template-email", &mail);
                let query = format!("?recipientEmail={}", address.replace(", ", "%2C"));
                self.staff(token, "GET", &format!("/outreach/tracking-data{query}"), &Value::Null);
                let query = format!("?campaignId={}&startDate={address}", address.replace(", ", "%2C"));
                let query = query.replace(' ', "%20");
                self.staff(token, "GET", &format!("/outreach/campaign-stats{query}"), &Value::Null);
                let url = format!("{}/financial/add-contact", self.served.financial);
                let bearer = format!("Bearer {token}");
                let body = json!({ "email": address }).to_string();
                self.ask("POST", &url, &[("authorization", &bearer)], &body);
            }
        }
    }

    /// What Mailgun tells, and who says that they are Mailgun.
    fn webhooks(&mut self) {
        let (api_key, signing_key) = self.keys();
        self.secret(api_key);
        let key = self.secret(signing_key);
        let url = format!("{}/outreach/webhook", self.served.outreach);
        let recipient = self.secret("discreet-bob@example.com");
        let at = self.served.account().clock().now_ms() / 1000;
        for (number, event) in
            ["delivered", "complained", "unsubscribed", "unheard-of"].into_iter().enumerate()
        {
            let token = self.secret(format!("discreet-token-{number}-{}", "x".repeat(30)));
            let signature = self.secret(keyed::sign(&key, &format!("{at}{token}")));
            let forged = self.secret(signature.replace(['0', '1', '2', '3'], "4"));
            let data = json!({
                "event": event, "id": format!("discreet-{number}"), "timestamp": at, "recipient": recipient,
                "message": { "headers": { "message-id": "discreet@mg.sandbox.example.com" } },
            });
            for signature in [&forged, &signature, &signature] {
                let signed = json!({ "timestamp": at.to_string(), "token": token, "signature": signature });
                let body = json!({ "signature": signed, "event-data": data }).to_string();
                self.ask("POST", &url, &[JSON], &body);
            }
            self.ask("POST", &url, &[JSON], &format!("{token}{signature}{recipient}"));
        }
    }

    fn keys(&self) -> (String, String) {
        let secrets = Client::new(&self.served.account().sdk_config());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let secret = secrets.get_secret_value().secret_id("payouts-mailer/mailgun-secrets").send();
        let secret = runtime.block_on(secret).expect("a secret");
        let secret: Value = serde_json::from_str(secret.secret_string().expect("a text")).expect("JSON");
        let text = |name: &str| secret[name].as_str().expect("a text").to_owned();
        (text("apiKey"), text("webhookSigningKey"))
    }

    /// What recipients do with their links, and others with links that they made up.
    fn links(&mut self) {
        let address = self.secret("discreet-cid@example.com");
        for stream in Stream::ALL {
            for days in [0, 40] {
                let good = self.served.old_link(&address, stream, days);
                let token = good.split("data=").nth(1).expect("a token").to_owned();
                let token = self.secret(token);
                let cut = self.secret(token[..token.len() - 6].to_owned());
                for link in [good.clone(), good.replace(&token, &cut)] {
                    for accept in ["text/html", "application/json", "*/*"] {
                        self.ask("GET", &link, &[("accept", accept)], "");
                    }
                    let form = ("content-type", "application/x-www-form-urlencoded");
                    for body in ["preferences=save&keep=outreach", "preferences=leave", &address, &token] {
                        self.ask("POST", &link, &[form, ("accept", "text/html")], body);
                    }
                    self.ask("POST", &link, &[form], "List-Unsubscribe=One-Click");
                }
                let url = format!("{}/financial/add-contact", self.served.financial);
                for data in [&token, &cut] {
                    self.ask("POST", &url, &[], &json!({ "data": data, "email": address }).to_string());
                    self.ask("POST", &url, &[], &json!({ "data": data, "topic": address }).to_string());
                }
            }
        }
    }

    /// What holds one of the secrets, without saying which.
    fn holds(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret.as_str()))
    }
}

#[test]
fn no_log_metric_or_error_holds_an_address_a_token_or_a_signature() {
    let served = &*served();
    let mut walk = Walk { served, secrets: Vec::new(), answers: Vec::new() };
    walk.mails();
    walk.webhooks();
    walk.links();
    let errors = walk.answers.iter().filter(|answer| answer.status >= 400);
    let shown: Vec<&str> =
        errors.clone().map(|answer| answer.body.as_str()).filter(|body| walk.holds(body)).collect();
    // A page that refuses a choice names nobody either.
    assert_eq!(shown, Vec::<&str>::new());
    assert!(errors.count() > 40 && walk.answers.iter().all(|answer| answer.status < 500));
    let mut lines = Vec::new();
    for answer in &walk.answers {
        let id = answer.header("x-amzn-requestid").expect("an id");
        // A function answers before it has written everything.
        lines = served.said.until(&format!("\"request\":\"{id}\",\"requests\""));
    }
    let written: Vec<&String> = lines.iter().filter(|line| line.contains(" │ ")).collect();
    assert!(written.len() > 2 * walk.answers.len(), "each request has a line and its metrics");
    let told: Vec<&&String> =
        written.iter().filter(|line| walk.holds(line) || line.contains("@example.com")).collect();
    assert!(told.is_empty(), "{told:#?}");
    // What is looked for would be found.
    assert!(walk.holds(&format!("a line of {}", walk.secrets[0])));
}
