//! 10,000 random and mutated requests to each endpoint, and as many messages: never a panic, never a failure
//! of ours, all of one shape.

use std::sync::Arc;

use aws_lambda_events::{sns::SnsEvent, sqs::SqsEvent};
use contract::{
    function::{AddContact, FinancialUnsubscribe, MailEvents, Mailto, OutreachUnsubscribe},
    reply::Failure,
    stream::Stream,
};
use serde_json::{Value, json};
use support::{Call, Clock, Reply, Request, stand_in::Dice};
use tokio::runtime::{Builder, Runtime};

use crate::{
    add_contact, link, mail_events, mailto,
    tests::add_contact::firebase,
    trial::{DAY, NOW, Trial},
};

const REQUESTS: u64 = 10_000;
/// Requests before a new account: its tables grow.
const OF_ONE_ACCOUNT: usize = 2_000;
/// Fewer than a user has in a minute.
const OF_ONE_USER: usize = 20;

const INBOUND: &str = include_str!("../../tests/vectors/inbound-notification-of-an-sns-action.json");
const SNS: &str = include_str!("../../tests/vectors/example-sns-event.json");
const SQS: &str = include_str!("../../tests/vectors/example-sqs-event.json");
const EVENTS: [&str; 3] = [
    include_str!("../../tests/vectors/event-subscription-record.json"),
    include_str!("../../tests/vectors/event-bounce-record.json"),
    include_str!("../../tests/vectors/event-complaint-record.json"),
];

/// An account with one instance of each function, and tokens of it.
struct Stand {
    outreach: Arc<Call<OutreachUnsubscribe>>,
    financial: Arc<Call<FinancialUnsubscribe>>,
    add_contact: Arc<Call<AddContact>>,
    mailto: Arc<Call<Mailto>>,
    mail_events: Arc<Call<MailEvents>>,
    tokens: Vec<String>,
    firebase: String,
    number: usize,
}

impl Stand {
    async fn new() -> Self {
        let trial = Trial::begin().await;
        let mut tokens = Vec::new();
        for (stream, made_ms) in
            [(Stream::Outreach, NOW), (Stream::Financial, NOW), (Stream::Outreach, NOW - 99 * DAY)]
        {
            tokens.push(trial.token("ann@example.com", stream, made_ms).await);
        }
        Self {
            outreach: trial.call(NOW),
            financial: trial.call(NOW),
            add_contact: trial.call(NOW),
            mailto: trial.call(NOW),
            mail_events: trial.call(NOW),
            tokens,
            firebase: String::new(),
            number: 0,
        }
    }

    fn next(&mut self, runtime: &Runtime) {
        if self.number == OF_ONE_ACCOUNT {
            *self = runtime.block_on(Self::new());
        }
        if self.number.is_multiple_of(OF_ONE_USER) {
            self.firebase = firebase(&json!({ "sub": format!("staff-{}", self.number) }));
        }
        self.number += 1;
    }

    /// An authentic token, one that was altered, or none.
    fn token(&self, dice: &mut Dice) -> String {
        let good = dice.pick(&self.tokens).clone();
        match dice.below(10) {
            0 => good,
            1 => {
                let mut text: Vec<char> = good.chars().collect();
                let at = dice.below(text.len());
                text.splice(at..=at, dice.text(2).chars());
                text.into_iter().collect()
            }
            2 => good.chars().take(dice.below(good.len())).collect(),
            3..=5 => (0..dice.below(300)).map(|_| *dice.pick(&['a', 'Z', '0', '-', '_'])).collect(),
            _ => dice.text(100),
        }
    }
}

/// Makes the requests, each of which says whether it was good; which one failed is told by its seed.
fn make(ask: impl AsyncFn(&Stand, &mut Dice) -> bool) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let mut stand = runtime.block_on(Stand::new());
    let mut good = 0;
    for seed in 0..REQUESTS {
        stand.next(&runtime);
        good += usize::from(runtime.block_on(ask(&stand, &mut Dice::new(seed))));
    }
    assert!(good > 30, "some are good: {good}");
}

fn form(dice: &mut Dice) -> Vec<u8> {
    let field = |dice: &mut Dice| {
        let name = *dice.pick(&["List-Unsubscribe", "preferences", "keep", "x"]);
        let other = dice.text(9);
        let values = ["One-Click", "save", "nothing", "leave", "outreach", "financial", &other];
        format!("{name}={}", dice.pick(&values))
    };
    match dice.below(8) {
        0..=2 => b"List-Unsubscribe=One-Click".to_vec(),
        3 | 4 => format!("{}&{}", field(dice), field(dice)).into(),
        5 => {
            let name = "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\n";
            let value = if dice.once_in(2) { "One-Click".to_owned() } else { dice.text(20) };
            format!("{name}{value}\r\n--x--").into()
        }
        6 => dice.bytes(80),
        _ => vec![b'='; 16_300 + dice.below(200)],
    }
}

/// As the function reads an event of API Gateway; `None` when it was refused before the handler.
fn request(stand: &Stand, dice: &mut Dice, method: &str, path: &str, body: &[u8]) -> Option<Request> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let token = stand.token(dice);
    let other = dice.text(30);
    let types = [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-8",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        &other,
    ];
    let event = json!({
        "resource": path, "path": path, "httpMethod": method,
        "headers": {
            "Accept": dice.pick(&["*/*", "text/html", "application/json", ""]),
            "Content-Type": dice.pick(&types),
        },
        "multiValueHeaders": null,
        "queryStringParameters": { "data": token }, "multiValueQueryStringParameters": { "data": [token] },
        "requestContext": {
            "stage": "dev", "requestId": format!("r{}", stand.number), "httpMethod": method,
            "identity": { "sourceIp": "192.0.2.1" },
        },
        "body": STANDARD.encode(body), "isBase64Encoded": true,
    });
    Request::read(if dice.once_in(6) { dice.mutated(event) } else { event }, 16 * 1024).ok()
}

/// No failure of ours; refusals have the one shape, but for people. Returns whether it was good.
fn judge(reply: &Reply) -> bool {
    assert!(reply.status < 500, "{}", reply.status);
    let page = reply.headers.get("content-type").is_some_and(|of| of == "text/html; charset=utf-8");
    if reply.status >= 400 && !page && !reply.body.is_empty() {
        let failure: Failure = serde_json::from_str(&reply.body).expect("the one shape");
        assert!(!failure.success && !reply.body.contains('@'), "{}", reply.body);
    }
    reply.status < 400
}

async fn follow(stand: &Stand, dice: &mut Dice, method: &str, stream: Stream) -> bool {
    let path = format!("/{}/unsubscribe", stream.topic());
    let body = form(dice);
    let Some(request) = request(stand, dice, method, &path, &body) else { return false };
    let reply = match stream {
        Stream::Outreach => link::handle(stream, request, stand.outreach.clone()).await,
        Stream::Financial => link::handle(stream, request, stand.financial.clone()).await,
    };
    let reply = reply.expect("an answer");
    assert_eq!(reply.headers["cache-control"], "no-store");
    judge(&reply)
}

#[test]
fn ten_thousand_links_of_outreach_are_followed() {
    make(async |stand: &Stand, dice: &mut Dice| follow(stand, dice, "GET", Stream::Outreach).await);
}

#[test]
fn ten_thousand_links_of_finance_are_followed() {
    make(async |stand: &Stand, dice: &mut Dice| follow(stand, dice, "GET", Stream::Financial).await);
}

#[test]
fn ten_thousand_posts_to_outreach() {
    make(async |stand: &Stand, dice: &mut Dice| follow(stand, dice, "POST", Stream::Outreach).await);
}

#[test]
fn ten_thousand_posts_to_finance() {
    make(async |stand: &Stand, dice: &mut Dice| follow(stand, dice, "POST", Stream::Financial).await);
}

#[test]
fn ten_thousand_contacts() {
    make(async |stand: &Stand, dice: &mut Dice| {
        let whole = json!({
            "email": "ann@example.com", "data": stand.token(dice), "topic": "outreach",
            "topicPreferences": { "outreach": "OPT_IN", "financial": "OPT_OUT" },
        });
        let mut kept = whole.as_object().cloned().unwrap_or_default();
        kept.retain(|_, _| dice.once_in(2));
        let body = match dice.below(6) {
            0 => form(dice),
            1 | 2 => dice.mutated(Value::Object(kept)).to_string().into(),
            3 => dice.damaged(&whole.to_string()),
            _ => Value::Object(kept).to_string().into(),
        };
        let Some(mut request) = request(stand, dice, "POST", "/financial/add-contact", &body) else {
            return false;
        };
        let bearer = match dice.below(8) {
            0 => Some(stand.firebase.clone()),
            1 => Some(stand.firebase[1..].to_owned()),
            2 => Some(dice.text(9)),
            _ => None,
        };
        if let Some(header) = bearer.and_then(|bearer| format!("Bearer {bearer}").parse().ok()) {
            request.headers.insert("authorization", header);
        }
        let outcome = add_contact::handle(request, stand.add_contact.clone()).await;
        judge(&outcome.unwrap_or_else(|failed| failed.reply(Clock::Fixed(NOW))))
    });
}

#[test]
fn ten_thousand_mails_to_the_unsubscribe_address() {
    let mut whole: Value = serde_json::from_str(INBOUND).expect("a notification");
    whole["mail"]["commonHeaders"]["from"] = json!(["Ann Lee <ann@example.com>"]);
    let event: Value = serde_json::from_str(SNS).expect("an event");
    make(async |stand: &Stand, dice: &mut Dice| {
        let mut mail = whole.clone();
        mail["mail"]["messageId"] = format!("m{}", stand.number).into();
        let proven = *dice.pick(&["PASS", "GRAY", "FAIL", "GRAY"]);
        mail["receipt"]["dmarcVerdict"] = json!({ "status": proven });
        let words = ["unsubscribe", "stop", "all", "reports", "hello", "=20", "\r\n", "> "];
        let said: Vec<&str> = (0..dice.below(5)).map(|_| *dice.pick(&words)).collect();
        let said = said.join(" ");
        mail["mail"]["commonHeaders"]["subject"] = format!("{said} {}", stand.token(dice)).into();
        mail["content"] = format!("From: Ann <ann@example.com>\r\n\r\n{said}").into();
        let mail = if dice.once_in(3) { mail } else { dice.mutated(mail) };
        let mut event = event.clone();
        event["Records"][0]["Sns"]["Message"] = match dice.below(10) {
            0 => String::from_utf8_lossy(&dice.damaged(&mail.to_string())).into_owned().into(),
            _ => mail.to_string().into(),
        };
        let event: SnsEvent = serde_json::from_value(event).expect("an event");
        let answer = mailto::handle(event, stand.mailto.clone()).await.expect("nothing that comes again");
        answer["unsubscribed"] == 1
    });
}

#[test]
fn ten_thousand_events_of_ses() {
    let whole = EVENTS.map(|event| {
        let mut told: Value = serde_json::from_str(event).expect("an event");
        if told["subscription"].is_object() {
            told["subscription"]["contactList"] = "people".into();
        }
        told
    });
    let event: Value = serde_json::from_str(SQS).expect("an event");
    make(async |stand: &Stand, dice: &mut Dice| {
        let told = dice.pick(&whole).clone();
        let (good, body) = match dice.below(8) {
            0 => (true, told.to_string()),
            1 => (false, String::from_utf8_lossy(&dice.damaged(&told.to_string())).into_owned()),
            _ => (false, dice.mutated(told).to_string()),
        };
        let mut event = event.clone();
        event["Records"][0]["body"] = body.into();
        event["Records"][0]["messageId"] = "1".into();
        let event: SqsEvent = serde_json::from_value(event).expect("an event");
        let answer = mail_events::handle(event, stand.mail_events.clone()).await.expect("an answer");
        let again = answer.batch_item_failures;
        assert!(!good || again.is_empty(), "what is whole is taken");
        assert!(again.iter().all(|one| one.item_identifier == "1"), "{again:?}");
        again.is_empty()
    });
}
