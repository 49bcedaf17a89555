//! The two checklists of the CRM's documents, item by item, against the real functions behind the gateway,
//! and every status that the published document promises for an endpoint (R7, R9).
//!
//! | item of the first list | test |
//! | --- | --- |
//! | valid tokens are accepted | [`authentication_accepts_valid_tokens`] |
//! | invalid tokens are refused | [`authentication_refuses_invalid_tokens`] |
//! | CORS headers in all responses | [`cors_headers_are_in_all_responses`] |
//! | rate limits | [`rate_limits_are_enforced_for_each_endpoint`] |
//! | input validation of all endpoints | [`input_is_validated_by_all_endpoints`] |
//! | errors of one format | [`errors_have_one_format_also_those_of_the_gateway`] |
//! | webhook signatures | [`webhook_signatures_are_verified`] |
//! | delivery confirmed through Mailgun | [`delivery_is_confirmed_through_mailgun`] |
//!
//! | item of the second list | test |
//! | --- | --- |
//! | 200 for valid requests everywhere | [`all_endpoints_answer_200_to_valid_requests`] |
//! | invalid JWTs are refused | [`authentication_refuses_invalid_tokens`] |
//! | CORS headers for browsers | [`cors_headers_are_in_all_responses`] |
//! | rate limits per endpoint | [`rate_limits_are_enforced_for_each_endpoint`] |
//! | webhook signatures | [`webhook_signatures_are_verified`] |
//! | mail goes out through Mailgun | [`delivery_is_confirmed_through_mailgun`] |
//! | campaign statistics are right | [`delivery_is_confirmed_through_mailgun`] |
//! | errors are properly formatted | [`errors_have_one_format_also_those_of_the_gateway`] |
//!
//! Elsewhere: the 500 of `send-email`, which is Mailgun's refusal of our key, in `outreach::tests::sending`;
//! all of the statistics in `outreach::tests::reading`; how the gateway throttles in `serve::gateway::tests`.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use contract::{
    api::{Api, Auth, Endpoint},
    stream::Stream,
};
use serde_json::{Value, json};

use super::{
    Served,
    http::{Answer, ask},
    served,
};

const ORIGIN: &str = "https://crm.distro-nation.com";

/// The endpoints that staff uses, each with a good request.
fn of_staff() -> [(&'static str, &'static str, Value); 4] {
    let to = "list@example.com";
    [
        ("POST", "/outreach/send-email", json!({ "to": to, "subject": "s", "text": "t" })),
        ("POST", "/outreach/send-template-email", json!({ "to": [to], "template": "welcome-template" })),
        ("GET", "/outreach/campaign-stats", Value::Null),
        ("GET", "/outreach/tracking-data", Value::Null),
    ]
}

fn endpoints() -> &'static [Endpoint] {
    Api::named("outreach").expect("an API").endpoints
}

/// The one shape of failures (R3); returns the text for people.
fn failure(answer: &Answer) -> String {
    let body = answer.json();
    let mut members: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    // For programs, beside the four that are documented (A5).
    members.retain(|name| *name != "code");
    members.sort_unstable();
    assert_eq!(members, ["error", "success", "timestamp", "version"], "{}", answer.body);
    assert_eq!((&body["success"], &body["version"]), (&json!(false), &json!("1.0.0")));
    let texts = ["error", "timestamp"].map(|name| body[name].as_str().unwrap_or_default().to_owned());
    assert!(texts.iter().all(|text| !text.is_empty()), "{}", answer.body);
    let [error, _] = texts;
    error
}

#[test]
fn authentication_accepts_valid_tokens() {
    let served = served();
    let token = served.token("valid@example.com", "");
    for (method, path, body) in of_staff() {
        let answer = served.asked_by(&token, method, path, &body);
        assert_eq!(
            (answer.status, &answer.json()["success"]),
            (200, &json!(true)),
            "{path}: {}",
            answer.body
        );
    }
}

#[test]
fn authentication_refuses_invalid_tokens() {
    let served = served();
    let valid = served.token("invalid@example.com", "");
    let unverified = served.token("unverified@example.com", "&verified=no");
    for (method, path, body) in of_staff() {
        for token in ["x", &valid[1..], &valid[..valid.len() - 4], &format!("{valid}x")] {
            let answer = served.asked_by(token, method, path, &body);
            let said = failure(&answer);
            assert_eq!(
                (answer.status, said.as_str()),
                (401, "Invalid or expired authentication token"),
                "{path}"
            );
        }
        let answer = ask(method, &format!("{}{path}", served.outreach), &[], &body.to_string());
        assert_eq!(
            (answer.status, failure(&answer).as_str()),
            (401, "Authorization token is required"),
            "{path}"
        );
        let answer = served.asked_by(&unverified, method, path, &body);
        let said = failure(&answer);
        assert_eq!(
            (answer.status, said.as_str()),
            (403, "Email verification required for outreach operations"),
            "{path}"
        );
    }
    let staff = endpoints().iter().filter(|endpoint| endpoint.auth == Auth::Firebase).count();
    assert_eq!(staff, of_staff().len(), "every endpoint with a login is here");
}

#[test]
fn cors_headers_are_in_all_responses() {
    let served = served();
    let token = format!("Bearer {}", served.token("cors@example.com", ""));
    let allowed = |answer: &Answer| answer.header("access-control-allow-origin").map(str::to_owned);
    for endpoint in endpoints().iter().filter(|endpoint| endpoint.browser) {
        let url = format!("{}{}", served.outreach, endpoint.path);
        let method = endpoint.method.name();
        let asks = [("origin", ORIGIN), ("access-control-request-method", method)];
        let preflight = ask("OPTIONS", &url, &asks, "");
        assert_eq!((preflight.status, allowed(&preflight).as_deref()), (204, Some(ORIGIN)), "{url}");
        let methods = preflight.header("access-control-allow-methods").unwrap_or_default();
        assert!(methods.split(',').any(|one| one == method), "{url}: {methods}");
        // Whatever comes of it, with a login and without.
        for headers in [vec![("origin", ORIGIN)], vec![("origin", ORIGIN), ("authorization", token.as_str())]]
        {
            let answer = ask(method, &url, &headers, "{}");
            assert_eq!(allowed(&answer).as_deref(), Some(ORIGIN), "{url}: {}", answer.status);
            assert_eq!(answer.header("access-control-allow-credentials"), Some("true"), "{url}");
            assert!(answer.headers.iter().any(|(name, value)| name == "vary" && value == "Origin"), "{url}");
        }
        for origin in ["https://evil.example", "null", "https://crm.distro-nation.com.evil.example"] {
            assert_eq!(allowed(&ask(method, &url, &[("origin", origin)], "{}")), None, "{url} for {origin}");
        }
    }
    // What the gateway answers by itself names an origin of the CRM.
    let absent = ask("GET", &format!("{}/outreach/absent", served.outreach), &[("origin", ORIGIN)], "");
    assert!(absent.status == 404 && allowed(&absent).is_some());
    let webhook = ask("POST", &format!("{}/outreach/webhook", served.outreach), &[("origin", ORIGIN)], "{}");
    assert_eq!(allowed(&webhook), None, "servers only (R31)");
}

#[test]
fn rate_limits_are_enforced_for_each_endpoint() {
    // Of its own: it uses up what the gateway lets through for everybody.
    let served = Served::start();
    let token = served.token("eager@example.com", "");
    for (method, path, body) in of_staff() {
        let endpoint = endpoints().iter().find(|endpoint| endpoint.path == path).expect("an endpoint");
        let rate = endpoint.user_rate.expect("a rate");
        // A minute may end meanwhile, and another begins.
        let answers = (0..=2 * rate).map(|_| served.asked_by(&token, method, path, &body));
        let (mut before, mut refused) = (0, None);
        for answer in answers {
            if answer.status == 429 {
                refused = Some(answer);
                break;
            }
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            before += 1;
        }
        let refused = refused.unwrap_or_else(|| panic!("{path}: nobody is refused"));
        assert!(before >= rate, "{path}: {before}");
        assert_eq!(failure(&refused), "Too many requests from this user");
        assert!(
            refused.header("retry-after").and_then(|after| after.parse().ok()).is_some_and(|s: u32| s <= 60)
        );
        let other = served.token("patient@example.com", "");
        assert_eq!(served.asked_by(&other, method, path, &body).status, 200, "{path}: another user");
    }
}

#[test]
fn input_is_validated_by_all_endpoints() {
    let served = served();
    let token = served.token("careless@example.com", "");
    let long = "s".repeat(999);
    let mails = [
        json!({}),
        json!([]),
        json!({ "to": "nobody", "subject": "s", "text": "t", "template": "t" }),
        json!({ "to": [], "subject": "s", "text": "t", "template": "t" }),
        json!({ "to": "a@example.com", "subject": long, "text": "t", "template": "t" }),
        json!({ "to": "a@example.com", "subject": "s", "template": "" }),
        json!({ "to": "a@example.com", "subject": "s", "text": "t", "template": "t", "from": "x" }),
        json!({ "to": "a@example.com", "subject": "s", "text": "t", "template": "t", "tags": "x" }),
    ];
    for body in mails {
        for path in ["/outreach/send-email", "/outreach/send-template-email"] {
            let answer = served.asked_by(&token, "POST", path, &body);
            assert_eq!(answer.status, 400, "{path} {body}: {}", answer.body);
            failure(&answer);
        }
    }
    let neither = json!({ "to": "a@example.com", "subject": "s" });
    let answer = served.asked_by(&token, "POST", "/outreach/send-email", &neither);
    assert_eq!(failure(&answer), "Either text or html content is required");
    for query in ["limit=0", "limit=1001", "limit=x", "offset=-1", "startDate=soon", "endDate=1"] {
        for path in ["/outreach/campaign-stats", "/outreach/tracking-data"] {
            let answer = served.asked_by(&token, "GET", &format!("{path}?{query}"), &Value::Null);
            assert_eq!(answer.status, 400, "{path}?{query}: {}", answer.body);
            failure(&answer);
        }
    }
    for query in ["eventType=vanished", "recipientEmail=nobody"] {
        let path = format!("/outreach/tracking-data?{query}");
        assert_eq!(served.asked_by(&token, "GET", &path, &Value::Null).status, 400, "{path}");
    }
    for body in ["", "[]", "{", "x=y"] {
        let answer = ask("POST", &format!("{}/outreach/webhook", served.outreach), &[], body);
        assert!(failure(&answer).starts_with("Invalid webhook payload"), "{body}");
        assert_eq!(answer.status, 400, "{body}");
    }
    for base in [&served.outreach, &served.financial] {
        let stream = if *base == served.outreach { "outreach" } else { "financial" };
        for method in ["GET", "POST"] {
            let answer = ask(method, &format!("{base}/{stream}/unsubscribe?data=x"), &[], "");
            assert_eq!(answer.status, 400, "{stream} {method}");
            failure(&answer);
        }
    }
    let url = format!("{}/financial/add-contact", served.financial);
    let bearer = format!("Bearer {token}");
    let answer = ask("POST", &url, &[("authorization", bearer.as_str())], r#"{"email":"nobody"}"#);
    assert_eq!((answer.status, failure(&answer).as_str()), (400, "email is not valid"));
}

#[test]
fn errors_have_one_format_also_those_of_the_gateway() {
    let served = served();
    // No route, no such method, and more than a gateway takes.
    let send = format!("{}/outreach/send-email", served.outreach);
    for (method, url, status) in [
        ("GET", format!("{}/outreach/absent", served.outreach), 404),
        ("GET", send.clone(), 404),
        ("DELETE", format!("{}/outreach/unsubscribe", served.outreach), 404),
        ("GET", format!("{}/financial/absent", served.financial), 404),
    ] {
        let answer = ask(method, &url, &[], "");
        assert_eq!(answer.status, status, "{method} {url}");
        assert_eq!(failure(&answer), "No such method or path", "{method} {url}");
        assert!(answer.body.contains("\"code\":\"NotFound\""), "{}", answer.body);
    }
    let answer =
        ask("POST", &send, &[("content-type", "application/json")], &"x".repeat(10 * 1024 * 1024 + 1));
    assert_eq!(answer.status, 413);
    failure(&answer);
    // What the functions answer, one of each sort.
    let unverified = served.token("formats@example.com", "&verified=no");
    let token = served.token("formats@example.com", "");
    let webhook = format!("{}/outreach/webhook", served.outreach);
    let forged = json!({
        "signature": { "timestamp": "1", "token": "t", "signature": "s" },
        "event-data": { "event": "opened", "id": "e", "timestamp": 1.0, "recipient": "a@example.com" },
    });
    for (answer, status) in [
        (served.asked_by(&token, "POST", "/outreach/send-email", &json!({})), 400),
        (served.asked_by("x", "GET", "/outreach/tracking-data", &Value::Null), 401),
        (served.asked_by(&unverified, "GET", "/outreach/campaign-stats", &Value::Null), 403),
        (ask("POST", &webhook, &[("content-type", "application/json")], &forged.to_string()), 401),
        (ask("GET", &format!("{}/outreach/unsubscribe?data=x", served.outreach), &[], ""), 400),
        (ask("POST", &format!("{}/financial/add-contact", served.financial), &[], "{}"), 401),
    ] {
        assert_eq!(answer.status, status, "{}", answer.body);
        failure(&answer);
        let at = answer.json()["timestamp"].as_str().unwrap_or_default().to_owned();
        assert!(at.len() == 24 && at.ends_with('Z') && !answer.body.contains('@'), "{}", answer.body);
    }
}

#[test]
fn webhook_signatures_are_verified() {
    let served = served();
    let mail = served.sent_to("signed@example.com");
    assert!(served.told(&mail, "opened").starts_with("200"), "signed by Mailgun");
    let url = format!("{}/outreach/webhook", served.outreach);
    // Of now: an old one would be refused for that.
    let at = (served.account().clock().now_ms() / 1000).to_string();
    let event = json!({
        "event": "unsubscribed", "id": "forged", "timestamp": 1.0, "recipient": "signed@example.com",
    });
    for signature in [
        json!({ "timestamp": at, "token": "t".repeat(50), "signature": "0".repeat(64) }),
        json!({ "timestamp": at, "token": "t" }),
        Value::Null,
    ] {
        let body = json!({ "signature": signature, "event-data": event }).to_string();
        let answer = ask("POST", &url, &[("content-type", "application/json")], &body);
        assert_eq!((answer.status, failure(&answer).as_str()), (401, "Invalid webhook signature"));
    }
    served.sent_to("signed@example.com");
}

/// Beside the lists: whoever was told that an opt-out is done gets no mail that was asked for after that.
#[test]
fn an_opt_out_wins_against_every_send_that_starts_after_it() {
    let served = &*served();
    let to = "racer@example.com";
    let link = served.old_link(to, Stream::Outreach, 0);
    let mail = json!({ "to": to, "subject": "s", "text": "t" });
    let users: Vec<String> =
        (0..6).map(|number| served.token(&format!("racer-{number}@example.com"), "")).collect();
    served.state(&link);
    let is_done = AtomicBool::new(false);
    let (sends, done) = std::thread::scope(|scope| {
        // Until the opt-out is answered, and some more; a user has 25 a minute.
        let send = |token: &str| {
            let mut sends = Vec::new();
            let mut more = 3;
            while more > 0 && sends.len() < 25 {
                more -= usize::from(is_done.load(Ordering::SeqCst) || sends.len() > 20);
                let begun = Instant::now();
                sends.push((begun, served.asked_by(token, "POST", "/outreach/send-email", &mail)));
            }
            sends
        };
        let senders: Vec<_> = users.iter().map(|token| scope.spawn(move || send(token))).collect();
        // The others are on their way.
        assert_eq!(served.asked_by(&users[0], "GET", "/outreach/tracking-data", &Value::Null).status, 200);
        assert_eq!(Served::one_click(&link).status, 200);
        let done = Instant::now();
        is_done.store(true, Ordering::SeqCst);
        let sends = senders.into_iter().flat_map(|sender| sender.join().expect("answers"));
        (sends.collect::<Vec<_>>(), done)
    });
    let patient = served.token("racer-late@example.com", "");
    let last = (Instant::now(), served.asked_by(&patient, "POST", "/outreach/send-email", &mail));
    for (_, answer) in sends.iter().chain([&last]).filter(|(begun, _)| *begun >= done) {
        assert_eq!((answer.status, failure(answer).starts_with("No recipient may be sent to")), (400, true));
    }
}

#[test]
fn delivery_is_confirmed_through_mailgun() {
    let served = served();
    let token = served.token("careful@example.com", "");
    let mail = json!({
        "to": ["one@example.com", "two@example.com"], "subject": "s", "text": "t", "tags": ["confirmed"],
    });
    let sent = served.asked_by(&token, "POST", "/outreach/send-email", &mail);
    let id = sent.json()["messageId"].as_str().expect("an id").to_owned();
    let one = served.newest_mail("one@example.com");
    assert_eq!((&one["id"], &one["to"]), (&json!(id), &json!(["one@example.com"])), "nobody sees another");
    for (address, event) in [("one", "delivered"), ("one", "opened"), ("one", "clicked"), ("two", "bounced")]
    {
        let told = served.told(&served.newest_mail(&format!("{address}@example.com")), event);
        assert!(told.starts_with("200"), "{event}: {told}");
    }
    let path = format!("/outreach/tracking-data?messageId={id}");
    let events = served.asked_by(&token, "GET", &path, &Value::Null).json()["data"]["events"].clone();
    let mut events: Vec<String> = events
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| format!("{} {}", event["event"], event["recipient"]).replace('"', ""))
        .collect();
    events.sort();
    let one = ["clicked", "delivered", "opened"].map(|event| format!("{event} one@example.com"));
    assert_eq!(events, [&["bounced two@example.com".to_owned()], &one[..]].concat());
    let path = "/outreach/campaign-stats?campaignId=confirmed";
    let stats = served.asked_by(&token, "GET", path, &Value::Null).json()["data"].clone();
    for (name, want) in [
        ("totalSent", json!(2)),
        ("delivered", json!(1)),
        ("opens", json!(1)),
        ("clicks", json!(1)),
        ("bounces", json!(1)),
        ("deliveryRate", json!(50.0)),
        ("openRate", json!(100.0)),
        ("clickRate", json!(100.0)),
    ] {
        assert_eq!(stats[name], want, "{name}: {stats}");
    }
    // Who bounced gets no more.
    let again = served.asked_by(&token, "POST", "/outreach/send-email", &mail).json();
    assert_eq!(again["data"]["skipped"], 1);
}

#[test]
fn all_endpoints_answer_200_to_valid_requests() {
    let served = served();
    let token = served.token("everywhere@example.com", "");
    let mut answered = Vec::new();
    let mut good = |path: &str, method: &str, answer: &Answer| {
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body);
        answered.push(format!("{method} {path}"));
    };
    for (method, path, body) in of_staff() {
        good(path, method, &served.asked_by(&token, method, path, &body));
    }
    for (base, path) in [(&served.outreach, "/outreach/health"), (&served.financial, "/financial/health")] {
        good(path, "GET", &ask("GET", &format!("{base}{path}"), &[], ""));
    }
    assert!(served.told(&served.sent_to("everyone@example.com"), "delivered").starts_with("200"));
    answered.push("POST /outreach/webhook".to_owned());
    for stream in Stream::ALL {
        let link = served.old_link("everyone@example.com", stream, 0);
        let path = format!("/{}/unsubscribe", stream.topic());
        served.state(&link);
        answered.push(format!("GET {path}"));
        assert_eq!(Served::one_click(&link).status, 200);
        answered.push(format!("POST {path}"));
    }
    let url = format!("{}/financial/add-contact", served.financial);
    let bearer = format!("Bearer {token}");
    let answer =
        ask("POST", &url, &[("authorization", bearer.as_str())], r#"{"email":"everyone@example.com"}"#);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answered.push("POST /financial/add-contact".to_owned());
    for api in ["outreach", "financial"] {
        for endpoint in Api::named(api).expect("an API").endpoints {
            let name = format!("{} {}", endpoint.method.name(), endpoint.path);
            assert!(answered.contains(&name), "{name} was not asked");
        }
    }
}
