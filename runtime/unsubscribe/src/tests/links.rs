//! Links: what GET shows and POST does.

use contract::{
    function::{FinancialUnsubscribe, OutreachUnsubscribe},
    stream::Stream,
};
use sandbox::{Trouble, What, When};
use serde_json::Value;
use support::{Reply, Request};

use crate::{
    link,
    trial::{DAY, NOW, Trial, request},
};

const ANN: &str = "ann@example.com";

async fn asked(trial: &Trial, request: Request) -> Reply {
    let call = trial.call::<OutreachUnsubscribe>(NOW);
    link::handle(Stream::Outreach, request, call).await.expect("an answer")
}

fn by_browser(mut request: Request) -> Request {
    request.headers.insert("accept", "text/html,application/xhtml+xml,*/*;q=0.8".parse().expect("a header"));
    request
}

fn form(token: &str, body: &str) -> Request {
    by_browser(Request { body: body.as_bytes().to_vec(), ..request("POST", token) })
}

fn json(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).expect("JSON")
}

#[tokio::test(start_paused = true)]
async fn one_click_leaves_the_stream_of_the_token() {
    let trial = Trial::begin().await;
    let token = trial.token("Ann@Example.com", Stream::Outreach, NOW - DAY).await;
    trial.asked();
    let reply = asked(&trial, Trial::one_click(&token)).await;
    assert_eq!((reply.status, json(&reply)["success"].as_bool()), (200, Some(true)));
    assert!(!reply.headers.contains_key("location") && !reply.headers.contains_key("set-cookie"));
    for (name, part) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert!(reply.headers[name].to_str().expect("ASCII").contains(part), "{name}");
    }
    let calls = ["Decrypt", "GetItem", "TransactWriteItems", "UpdateContact", "CreateContact", "UpdateItem"];
    assert_eq!(trial.asked(), calls, "what one opt-out costs, of who was never on the list");
    assert_eq!(trial.listed(ANN).await, Some(vec!["outreach".to_owned()]));
    let contact = &trial.rows("contacts").await[0];
    assert_eq!((contact["email"].as_str(), contact.get("pending")), (ANN, None));
    let record = &trial.rows("audit").await[0];
    for (name, value) in [
        ("contact", ANN),
        ("day", "2025-11-22"),
        ("action", "unsubscribe"),
        ("source", "one-click"),
        ("result", "done"),
        ("requestId", "request-1"),
        ("ip", "192.0.2.1"),
        ("tokenTimestamp", "2025-11-21T00:00:00.000Z"),
        ("at", "2025-11-22T00:00:00.000Z#request-1"),
    ] {
        assert_eq!(record[name], value, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn again_changes_nothing_and_is_recorded() {
    let trial = Trial::begin().await;
    let token = trial.token(ANN, Stream::Outreach, NOW).await;
    for id in ["request-1", "request-1", "request-2"] {
        let request = Request { id: id.to_owned(), ..Trial::one_click(&token) };
        assert_eq!(asked(&trial, request).await.status, 200);
    }
    assert_eq!(trial.audited("result").await, ["done", "unchanged"]);
    assert_eq!(trial.asked().iter().filter(|name| *name == "UpdateContact").count(), 1);
    asked(&trial, Request { id: "request-3".to_owned(), ..Trial::one_click(&token) }).await;
    assert_eq!(trial.asked(), ["Decrypt", "GetItem", "PutItem"], "what it costs again");
    asked(&trial, request("GET", &token)).await;
    assert_eq!(trial.asked(), ["Decrypt", "GetItem"], "what the page costs");
}

#[tokio::test(start_paused = true)]
async fn following_a_link_changes_nothing() {
    let trial = Trial::begin().await;
    let token = trial.token(ANN, Stream::Outreach, NOW).await;
    let before = trial.account.documents();
    for method in ["GET", "HEAD"] {
        for request in [request(method, &token), by_browser(request(method, &token))] {
            let reply = asked(&trial, request).await;
            assert!(reply.status < 300, "{method}");
            assert_eq!(reply.body.is_empty(), method != "GET");
        }
    }
    let call = trial.call_with::<OutreachUnsubscribe>(
        NOW,
        &[("UNSUBSCRIBE_CONFIRMATION_URL", "https://crm.example.com/u")],
    );
    link::handle(Stream::Outreach, request("GET", &token), call).await.expect("an answer");
    assert_eq!(trial.account.documents(), before);
}

#[tokio::test(start_paused = true)]
async fn a_link_leads_to_the_page_of_the_crm() {
    let trial = Trial::begin().await;
    let set = [("UNSUBSCRIBE_CONFIRMATION_URL", "https://crm.example.com/unsubscribe")];
    let call = || trial.call_with::<OutreachUnsubscribe>(NOW, &set);
    let token = trial.token("ann+x@example.com", Stream::Outreach, NOW - 30 * DAY).await;
    trial.asked();
    let reply = link::handle(Stream::Outreach, request("GET", &token), call()).await.expect("an answer");
    let location = reply.headers["location"].to_str().expect("ASCII").to_owned();
    let start =
        "https://crm.example.com/unsubscribe?email=ann%2Bx%40example.com&topic=outreach&status=pending&data=";
    assert_eq!((reply.status, location), (302, format!("{start}{token}")));
    assert_eq!(reply.headers["referrer-policy"], "no-referrer");
    assert_eq!(trial.asked(), ["Decrypt"]);

    let old = trial.token(ANN, Stream::Outreach, NOW - 30 * DAY - 1).await;
    let reply = link::handle(Stream::Outreach, request("GET", &old), call()).await.expect("an answer");
    let location = reply.headers["location"].to_str().expect("ASCII").to_owned();
    let start = "https://crm.example.com/unsubscribe?topic=outreach&status=expired&data=";
    assert_eq!(location, format!("{start}{old}"), "an old token shows no address");
}

#[tokio::test(start_paused = true)]
async fn an_old_token_shows_nothing_and_still_unsubscribes() {
    let trial = Trial::begin().await;
    let old = trial.token(ANN, Stream::Outreach, NOW - 400 * DAY).await;
    let page = asked(&trial, by_browser(request("GET", &old))).await;
    assert!(page.status == 200 && !page.body.contains(ANN) && page.body.contains("value=\"leave\""));
    let mut data = request("GET", &old);
    data.headers.insert("accept", "application/json".parse().expect("a header"));
    let state = json(&asked(&trial, data).await);
    assert_eq!(state["data"], serde_json::json!({ "topic": "outreach", "expired": true }));
    assert_eq!(asked(&trial, form(&old, "preferences=save&keep=outreach")).await.status, 400);
    let left = asked(&trial, form(&old, "preferences=leave")).await;
    assert!(left.status == 200 && !left.body.contains(ANN));
    assert_eq!(trial.listed(ANN).await, Some(vec!["outreach".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn the_page_leaves_and_joins() {
    let trial = Trial::begin().await;
    let token = trial.token(ANN, Stream::Outreach, NOW).await;
    let at = |trial: &Trial, ms: i64, request: Request| {
        let call = trial.call::<OutreachUnsubscribe>(NOW + ms);
        let request = Request { id: format!("request-{ms}"), ..request };
        async move { link::handle(Stream::Outreach, request, call).await.expect("an answer") }
    };
    let page = at(&trial, 0, by_browser(request("GET", &token))).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(page.body.contains(ANN) && page.body.matches(" checked").count() == 2);
    let page = at(&trial, 1, form(&token, "preferences=nothing")).await;
    assert!(page.body.contains("role=\"status\"") && page.body.matches(" checked").count() == 0);
    assert_eq!(trial.listed(ANN).await.expect("a contact"), ["financial", "outreach", "ALL"]);
    // The token joins its own stream and no other.
    let page = at(&trial, 2, form(&token, "preferences=save&keep=outreach&keep=financial")).await;
    assert_eq!(page.body.matches(" checked").count(), 1);
    assert_eq!(trial.listed(ANN).await.expect("a contact"), ["financial"]);
    assert_eq!(trial.audited("action").await, ["unsubscribe", "subscribe"]);
    let mut data = request("GET", &token);
    data.headers.insert("accept", "application/json".parse().expect("a header"));
    let state = json(&at(&trial, 3, data).await);
    let want = serde_json::json!({
        "topic": "outreach", "expired": false, "email": ANN, "preferences": {
            "topicPreferences": { "outreach": "OPT_IN", "financial": "OPT_OUT" }, "unsubscribeAll": false,
        },
    });
    assert_eq!(state["data"], want);
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_stream_or_altered_or_made_up_does_nothing() {
    let trial = Trial::begin().await;
    let token = trial.token(ANN, Stream::Outreach, NOW).await;
    let other = trial.token(ANN, Stream::Financial, NOW).await;
    let ahead = trial.token(ANN, Stream::Outreach, NOW + DAY).await;
    let altered = format!("{}A", &token[..token.len() - 1]);
    let cut = &token[..token.len() - 4];
    let contacts = trial.rows("contacts").await;
    let mut answers = Vec::new();
    for text in [&other, &altered, cut, &ahead, "", "abc", &"A".repeat(300), "../../x", &"A".repeat(9000)] {
        for request in [request("GET", text), Trial::one_click(text)] {
            let reply = asked(&trial, request).await;
            assert_eq!(
                (reply.status, json(&reply)["code"].as_str()),
                (400, Some("InvalidRequest")),
                "{text}"
            );
            assert_eq!(reply.headers["cache-control"], "no-store");
            answers.push(reply.body);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "all refusals are the same");
    assert_eq!(trial.rows("contacts").await, contacts);
    assert!(trial.audited("result").await.iter().all(|result| result == "failed"));
    assert!(trial.audited("contact").await.iter().all(|contact| contact == "unknown"));
    let call = trial.call::<FinancialUnsubscribe>(NOW);
    let reply = link::handle(Stream::Financial, Trial::one_click(&token), call).await.expect("an answer");
    assert_eq!(reply.status, 400);
    let page = asked(&trial, by_browser(request("GET", "abc"))).await;
    assert!(page.status == 400 && page.body.contains("role=\"alert\""));
}

#[tokio::test(start_paused = true)]
async fn whether_an_address_is_known_does_not_show() {
    let trial = Trial::begin().await;
    let known = trial.token(ANN, Stream::Outreach, NOW).await;
    asked(&trial, form(&known, "preferences=save&keep=outreach&keep=financial")).await;
    let unknown = trial.token("bob@example.com", Stream::Outreach, NOW).await;
    let page =
        |reply: Reply, address: &str, token: &str| reply.body.replace(address, "A").replace(token, "T");
    let one = page(asked(&trial, by_browser(request("GET", &known))).await, ANN, &known);
    let two = page(asked(&trial, by_browser(request("GET", &unknown))).await, "bob@example.com", &unknown);
    assert_eq!(one, two);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_one_click_does_nothing() {
    let trial = Trial::begin().await;
    let token = trial.token(ANN, Stream::Outreach, NOW).await;
    for body in ["", "List-Unsubscribe=No", "preferences=other", "x=y"] {
        let reply =
            asked(&trial, Request { body: body.as_bytes().to_vec(), ..request("POST", &token) }).await;
        assert_eq!(reply.status, 400, "{body}");
    }
    assert_eq!(asked(&trial, request("DELETE", &token)).await.status, 404);
    assert!(trial.rows("contacts").await.is_empty());
}

fn failing(service: &str, operation: &str, code: &str, times: usize) -> Trouble {
    let when = When::Operation { service: service.to_owned(), operation: operation.to_owned() };
    Trouble {
        when,
        what: What::Fail { code: code.to_owned(), message: "later".to_owned(), status: 400, times },
    }
}

#[tokio::test(start_paused = true)]
async fn a_contact_list_that_is_busy_does_not_hold_up_an_opt_out() {
    let trial = Trial::begin().await;
    let token = trial.token(ANN, Stream::Outreach, NOW).await;
    trial.account.plan_trouble(failing("ses", "UpdateContact", "TooManyRequestsException", 50));
    assert_eq!(asked(&trial, Trial::one_click(&token)).await.status, 200);
    assert_eq!(trial.rows("contacts").await[0]["pending"], "change");
    assert_eq!(trial.listed(ANN).await, None);
    let mut results = trial.audited("result").await;
    results.sort();
    assert_eq!(results, ["done", "failed"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_kept_is_not_confirmed() {
    for (service, operation, code, status) in [
        ("kms", "Decrypt", "ThrottlingException", 503),
        ("kms", "Decrypt", "DisabledException", 500),
        ("dynamodb", "TransactWriteItems", "ProvisionedThroughputExceededException", 503),
        ("dynamodb", "GetItem", "AccessDeniedException", 500),
    ] {
        let trial = Trial::begin().await;
        let token = trial.token(ANN, Stream::Outreach, NOW).await;
        trial.account.plan_trouble(failing(service, operation, code, 50));
        let reply = asked(&trial, Trial::one_click(&token)).await;
        assert_eq!(reply.status, status, "{operation} {code}");
        assert_eq!(reply.headers.contains_key("retry-after"), status == 503);
        assert!(trial.rows("contacts").await.is_empty());
        assert_eq!(trial.audited("result").await, ["failed"]);
        assert!(!reply.body.contains(ANN) && !reply.body.contains(code));
    }
}
