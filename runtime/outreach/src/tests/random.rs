//! 10,000 random and mutated requests to each endpoint: never a panic, never a failure of ours, never an
//! address in a cause.

use std::sync::Arc;

use contract::function::{CampaignStats, SendEmail, SendTemplateEmail, TrackingData, Webhook};
use serde_json::{Value, json};
use support::{Call, Failed, Reply, Request, stand_in::Dice};
use tokio::runtime::{Builder, Runtime};

use crate::{
    mail,
    mail::Mail,
    send, stats, tracking,
    trial::{NOW, Trial, event, get_by, post_by, signature, token, webhook_form, webhook_signed},
    webhook,
};

const REQUESTS: u64 = 10_000;
/// Requests before a new account: its tables grow.
const OF_ONE_ACCOUNT: usize = 2_000;
/// Fewer than a user has in a minute.
const OF_ONE_USER: usize = 20;

/// An account with one instance of each function.
struct Stand {
    email: Arc<Call<SendEmail>>,
    template: Arc<Call<SendTemplateEmail>>,
    stats: Arc<Call<CampaignStats>>,
    tracking: Arc<Call<TrackingData>>,
    webhook: Arc<Call<Webhook>>,
    number: usize,
    token: String,
}

impl Stand {
    async fn new() -> Self {
        let trial = Trial::begin().await;
        Self {
            email: trial.call(NOW),
            template: trial.call(NOW),
            stats: trial.call(NOW),
            tracking: trial.call(NOW),
            webhook: trial.call(NOW),
            number: 0,
            token: String::new(),
        }
    }

    /// The stand for the next request.
    fn next(&mut self, runtime: &Runtime) {
        if self.number == OF_ONE_ACCOUNT {
            *self = runtime.block_on(Self::new());
        }
        if self.number.is_multiple_of(OF_ONE_USER) {
            self.token = token(&format!("u{}", self.number));
        }
        self.number += 1;
    }

    /// A token, or what looks like one: callers without a good one are most of those who try.
    fn token(&self, dice: &mut Dice) -> String {
        match dice.below(16) {
            0 => self.token.clone(),
            1 => self.token[1..].to_owned(),
            2 => self.token[..self.token.len() - 1].to_owned(),
            _ => dice.text(20).chars().filter(|one| (' '..='~').contains(one)).collect(),
        }
    }
}

/// Makes the requests; which one failed is told by its seed.
fn make(ask: impl AsyncFn(&Stand, &mut Dice) -> Result<Reply, Failed>) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let mut stand = runtime.block_on(Stand::new());
    let mut done = 0;
    for seed in 0..REQUESTS {
        stand.next(&runtime);
        let answer = runtime.block_on(ask(&stand, &mut Dice::new(seed)));
        if let Err(failed) = &answer {
            let cause = failed.cause.clone().unwrap_or_default();
            assert!(!cause.contains('@'), "seed {seed}: {cause}");
        }
        let status = answer.map_or_else(|failed| failed.code.status(), |reply| reply.status);
        assert!(status < 500, "seed {seed}: {status}");
        done += usize::from(status < 300);
    }
    assert!(done > 100, "some are good: {done}");
}

fn mail() -> Value {
    json!({
        "to": ["a@b.example"], "subject": "s", "html": "h", "text": "t", "from": "f@b.example",
        "replyTo": "r@b.example", "tags": ["x"], "customVariables": { "a": "b" }, "template": "t",
        "templateVariables": { "a": { "b": ["c"] } },
        "trackingSettings": { "opens": true, "clicks": true, "unsubscribes": true },
    })
}

/// A body that is what `whole` is, or nearly, or JSON, or not even that.
fn body(dice: &mut Dice, whole: Value) -> Vec<u8> {
    match dice.below(10) {
        0..=2 => whole.to_string().into(),
        3..=6 => dice.mutated(whole).to_string().into(),
        7 => dice.json().to_string().into(),
        8 => dice.damaged(&whole.to_string()),
        _ => dice.bytes(100),
    }
}

#[test]
fn ten_thousand_mails() {
    make(async |stand: &Stand, dice: &mut Dice| {
        let body = body(dice, mail());
        // What callers without a token never reach is tried with every body.
        let _ = mail::body(&body).and_then(Mail::written);
        send::email(post_by(&stand.token(dice), body), stand.email.clone()).await
    });
}

#[test]
fn ten_thousand_mails_of_templates() {
    make(async |stand: &Stand, dice: &mut Dice| {
        let body = body(dice, mail());
        let _ = mail::body(&body).and_then(Mail::from_template);
        send::template_email(post_by(&stand.token(dice), body), stand.template.clone()).await
    });
}

/// Parameters with good and bad values.
fn query(dice: &mut Dice, names: &[&'static str]) -> Vec<(&'static str, String)> {
    let good =
        ["delivered", "x,y", "5", "0", "2023-10-20", "2023-10-24T10:00:00Z", "a@b.example", "m1@mg.example"];
    let one = |dice: &mut Dice| {
        let value = if dice.once_in(3) { dice.text(20) } else { (*dice.pick(&good)).to_owned() };
        (*dice.pick(names), value)
    };
    (0..dice.below(5)).map(|_| one(dice)).collect()
}

#[test]
fn ten_thousand_questions_for_campaigns() {
    let names = ["campaignId", "startDate", "endDate", "tags", "limit", "offset", "other"];
    make(async |stand: &Stand, dice: &mut Dice| {
        let mut query = query(dice, &names);
        // A month is a question a day.
        query.push(("startDate", "2023-10-23".to_owned()));
        stats::handle(get_by(&stand.token(dice), &query), stand.stats.clone()).await
    });
}

#[test]
fn ten_thousand_questions_for_messages() {
    let names = ["messageId", "recipientEmail", "eventType", "startDate", "endDate", "limit", "offset"];
    make(async |stand: &Stand, dice: &mut Dice| {
        let mut query = query(dice, &names);
        query.push(("startDate", "2023-10-23".to_owned()));
        tracking::handle(get_by(&stand.token(dice), &query), stand.tracking.clone()).await
    });
}

/// A webhook of any sort: its event, whether it is signed, and how it is written.
fn any_webhook(dice: &mut Dice) -> Request {
    let kind = *dice.pick(&["delivered", "opened", "unsubscribed", "complained", "failed"]);
    let id = format!("e{}", dice.below(4000));
    let told = event(&id, kind, "a@b.example", 0.0);
    let told = if dice.once_in(4) { told } else { dice.mutated(told) };
    let signed = match dice.below(4) {
        0 => signature(NOW / 1000, &format!("{id}{kind}")),
        1 => dice.mutated(signature(NOW / 1000, &id)),
        _ => json!({ "timestamp": "1", "token": dice.text(9), "signature": dice.text(9) }),
    };
    match dice.below(8) {
        0..=3 => webhook_signed(&signed, &told),
        4 => webhook_form(&[("signature", &signed.to_string()), ("event-data", &told.to_string())]),
        5 => {
            let whole = json!({ "signature": signed, "event-data": told });
            Request { body: body(dice, whole), ..webhook_signed(&Value::Null, &Value::Null) }
        }
        6 => {
            let names = ["timestamp", "token", "signature", "event", "recipient", "event-data", "code"];
            let fields: Vec<(&str, String)> =
                (0..dice.below(8)).map(|_| (*dice.pick(&names), dice.text(12))).collect();
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            webhook_form(&fields)
        }
        _ => Request { body: dice.bytes(100), ..webhook_form(&[]) },
    }
}

#[test]
fn ten_thousand_webhooks() {
    make(async |stand: &Stand, dice: &mut Dice| {
        webhook::handle(any_webhook(dice), stand.webhook.clone()).await
    });
}
