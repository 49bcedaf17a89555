use contract::{
    function::{SendEmail, SendTemplateEmail},
    reply::Code,
};
use serde_json::{Value, json};
use support::table::{number, text};

use crate::{
    send,
    trial::{NOW, Trial, body, post, post_once, token_with, told},
};

fn mail(to: &[&str]) -> Value {
    json!({
        "to": to, "subject": "Welcome", "html": "<body><h1>Hi</h1></body>", "text": "Hi",
        "replyTo": "r@b.example",
        "tags": ["welcome", "b", "c", "d"], "customVariables": { "plan": "a\r\nb" },
        "trackingSettings": { "opens": true, "clicks": false, "unsubscribes": true },
    })
}

fn values<'f>(form: &'f [(String, String)], name: &str) -> Vec<&'f str> {
    form.iter().filter(|(one, _)| one == name).map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn a_mail_goes_to_everybody_by_one_call_and_each_sees_only_himself() {
    let trial = Trial::begin().await;
    let call = trial.call::<SendEmail>(NOW);
    let reply = send::email(post("u1", &mail(&["a@b.example", "C@b.example"])), call).await.expect("sent");
    assert_eq!(
        body(&reply),
        json!({
            "success": true, "message": "Email sent successfully", "messageId": "m1@mg.example",
            "data": { "id": "m1@mg.example", "message": "Queued. Thank you." },
            "timestamp": "2023-10-24T14:00:45.123Z", "version": "1.0.0",
        })
    );
    let [form] = &trial.mailed()[..] else { panic!("one call") };
    assert_eq!(values(form, "to"), ["a@b.example", "c@b.example"]);
    assert_eq!(values(form, "from"), ["News <news@mg.example>"]);
    assert_eq!(values(form, "h:Reply-To"), ["r@b.example"]);
    assert_eq!(values(form, "o:tag"), ["welcome", "b", "c"], "what Mailgun takes");
    assert_eq!(
        (values(form, "o:tracking-opens"), values(form, "o:tracking-clicks")),
        (vec!["yes"], vec!["no"])
    );
    assert_eq!(values(form, "v:plan"), ["a b"]);
    assert_eq!(values(form, "h:List-Unsubscribe"), ["%recipient.list_unsubscribe%"]);
    assert_eq!(values(form, "h:List-Unsubscribe-Post"), ["List-Unsubscribe=One-Click"]);
    assert!(
        values(form, "html")[0].contains("%recipient.unsubscribe_url%")
            && values(form, "html")[0].ends_with("</body>")
    );
    assert!(values(form, "text")[0].contains("1 Main Street"));
    let variables: Value = serde_json::from_str(values(form, "recipient-variables")[0]).expect("JSON");
    let url = |address: &str| variables[address]["unsubscribe_url"].as_str().expect("a link").to_owned();
    assert!(url("a@b.example").starts_with("https://api.example/dev/outreach/unsubscribe?data="));
    assert_ne!(url("a@b.example"), url("c@b.example"));
    let header = variables["a@b.example"]["list_unsubscribe"].as_str().expect("a header");
    assert!(header.contains(&url("a@b.example")) && header.contains("mailto:leave@mg.example"), "{header}");
    let asked = trial.other.asked();
    let sent = asked.last().expect("a call");
    assert_eq!(sent.url, "https://mailgun.example/v3/mg.example/messages");
    assert_eq!(sent.authorization, "Basic YXBpOmFwaS1rZXk=");
    let [row] = &trial.rows("messages").await[..] else { panic!("one row") };
    for (name, want) in [
        ("messageId", json!("m1@mg.example")),
        ("campaignId", json!("welcome")),
        ("day", json!("2023-10-24")),
        ("sentAt", json!(NOW)),
        ("sent", json!(2)),
        ("tags", json!(["welcome", "b", "c", "d"])),
        ("sender", json!("u1")),
        ("expirationTime", json!(NOW / 1000 + 90 * 86_400)),
    ] {
        assert_eq!(row[name], want, "{name}");
    }
}

#[tokio::test]
async fn one_mail_costs_seven_calls_and_one_webhook_two() {
    use contract::function::Webhook;

    use crate::trial::{event, webhook};

    let trial = Trial::begin().await;
    let (email, told) = (trial.call::<SendEmail>(NOW), trial.call::<Webhook>(NOW));
    for number in 0..2 {
        trial.asked();
        send::email(post("u1", &mail(&["a@b.example"])), email.clone()).await.expect("sent");
        let mut asked = trial.asked();
        asked.sort();
        // Three limits and the row of the message; suppression and contact; the token.
        let updates = ["UpdateItem"; 4];
        let warm = [&["BatchGetItem", "BatchGetItem", "Encrypt"][..], &updates].concat();
        // Once a process: the secret; once a contact: its row.
        let cold = [&["BatchGetItem", "BatchGetItem", "Encrypt", "GetSecretValue", "PutItem"][..], &updates]
            .concat();
        assert_eq!(asked, if number == 0 { cold } else { warm });
        let delivered = event(&format!("e{number}"), "delivered", &format!("a{number}@b.example"), 0.0);
        crate::webhook::handle(webhook(&delivered), told.clone()).await.expect("taken");
    }
    let asked = trial.asked();
    // What Mailgun's token was used for; the event, the count of its recipient, and the sum of the message.
    assert_eq!(asked, ["PutItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn a_send_costs_a_few_calls_whatever_the_number_of_recipients() {
    let trial = Trial::begin().await;
    let addresses: Vec<String> = (0..150).map(|number| format!("a{number}@b.example")).collect();
    let to: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let call = trial.call::<SendEmail>(NOW);
    send::email(post("u1", &mail(&to)), call.clone()).await.expect("sent");
    trial.asked();
    send::email(post("u1", &mail(&to)), call).await.expect("sent");
    let mut asked = trial.asked();
    asked.sort();
    let count = |name: &str| asked.iter().filter(|one| *one == name).count();
    // Three limits, the row; suppression and contacts 100 at a time; one token each.
    assert_eq!((count("UpdateItem"), count("BatchGetItem"), count("Encrypt"), asked.len()), (4, 4, 150, 158));
}

#[tokio::test]
async fn templates_get_clean_variables_and_the_link() {
    let trial = Trial::begin().await;
    let call = trial.call::<SendTemplateEmail>(NOW);
    let asked = json!({
        "to": "a@b.example", "template": "welcome-template",
        "templateVariables": { "name": "<script>x</script>", "n": { "list": [1, "javascript:x"] } },
    });
    let reply = send::template_email(post("u1", &asked), call).await.expect("sent");
    assert_eq!(body(&reply)["message"], "Template email sent successfully");
    assert!(
        reply.metrics.iter().any(|metric| metric.by == Some(("template", "welcome-template".to_owned())))
    );
    let [form] = &trial.mailed()[..] else { panic!("one call") };
    assert_eq!((values(form, "template"), values(form, "subject").len()), (vec!["welcome-template"], 0));
    let variables: Value = serde_json::from_str(values(form, "t:variables")[0]).expect("JSON");
    assert_eq!(variables["unsubscribe_url"], "%recipient.unsubscribe_url%");
    assert_eq!(variables["postal_address"], "1 Main Street");
    assert!(!variables.to_string().contains(['<', '>']) && !variables.to_string().contains("javascript:"));
    assert_eq!(values(form, "h:List-Unsubscribe-Post").len(), 1);
    assert_eq!(trial.rows("messages").await[0]["campaignId"], "welcome-template");
}

#[tokio::test]
async fn who_left_bounced_or_complained_gets_no_mail() {
    use contract::function::Webhook;

    use crate::trial::{event, webhook};

    let trial = Trial::begin().await;
    for (id, kind, who) in
        [("e1", "unsubscribed", "left"), ("e2", "bounced", "gone"), ("e3", "complained", "angry")]
    {
        let told = webhook(&event(id, kind, &format!("{who}@b.example"), -60.0));
        crate::webhook::handle(told, trial.call::<Webhook>(NOW)).await.expect("taken");
    }
    let all = ["Left@b.example", "gone@b.example", "angry@b.example", "a@b.example"];
    let call = trial.call::<SendEmail>(NOW);
    let reply = send::email(post("u1", &mail(&all)), call.clone()).await.expect("sent");
    assert_eq!(body(&reply)["data"]["skipped"], 3);
    assert_eq!(values(&trial.mailed()[0], "to"), ["a@b.example"]);
    let failed = send::email(post("u1", &mail(&all[..3])), call).await.expect_err("nobody is left");
    assert_eq!((failed.code, trial.mailed().len()), (Code::InvalidRequest, 1));
    assert!(all.iter().all(|address| !failed.message.contains(address)));
    // A bounce ends, a complaint and an opt-out do not.
    let later = trial.call::<SendEmail>(NOW + 20 * 86_400_000);
    let later_still = trial.call::<SendEmail>(NOW + 181 * 86_400_000);
    for (call, code) in [(later, Err(Code::InvalidRequest)), (later_still, Ok(()))] {
        let ended = send::email(post("u1", &mail(&["gone@b.example"])), call).await;
        assert_eq!(ended.map(|_| ()).map_err(|failed| failed.code), code);
    }
    let ended =
        send::email(post("u1", &mail(&["angry@b.example"])), trial.call::<SendEmail>(NOW + 181 * 86_400_000))
            .await;
    assert_eq!(ended.expect_err("for ever").code, Code::InvalidRequest);
    let rows = trial.rows("suppression").await;
    let expiry = |who: &str| {
        rows.iter()
            .find(|row| row["email"] == format!("{who}@b.example"))
            .expect("a row")
            .get("expirationTime")
            .cloned()
    };
    assert_eq!(expiry("gone"), Some(json!((NOW - 60_000) / 1000 + 180 * 86_400)));
    assert_eq!(expiry("angry"), None);
}

#[tokio::test]
async fn only_verified_callers_with_a_good_token_and_a_good_mail_send() {
    let trial = Trial::begin().await;
    let call = trial.call::<SendEmail>(NOW);
    let refused = async |request| {
        let failed = send::email(request, call.clone()).await.expect_err("refused");
        told(&failed)
    };
    let mut request = post("u1", &mail(&["a@b.example"]));
    request.headers.remove("authorization");
    assert_eq!(refused(request.clone()).await, (401, "Authorization token is required".to_owned()));
    for (token, want) in [
        ("x".to_owned(), (401, "Invalid or expired authentication token")),
        (token_with(json!({ "exp": NOW / 1000 })), (401, "Invalid or expired authentication token")),
        (
            token_with(json!({ "email_verified": false })),
            (403, "Email verification required for outreach operations"),
        ),
    ] {
        let header = format!("Bearer {token}").parse().expect("a header");
        request.headers.insert("authorization", header);
        assert_eq!(refused(request.clone()).await, (want.0, want.1.to_owned()));
    }
    let mut empty = mail(&["a@b.example"]);
    empty["html"] = Value::Null;
    empty["text"] = Value::Null;
    assert_eq!(
        refused(post("u1", &empty)).await,
        (400, "Either text or html content is required".to_owned())
    );
    assert_eq!(trial.mailed().len(), 0);
}

/// A10: days are counted too, of one user and of all.
#[tokio::test]
async fn a_user_has_2500_requests_a_day_and_all_have_10000() {
    let day = NOW / 1000 / 86_400;
    for (subject, count, why) in [
        (format!("user#u1#of#outreach#{day}"), 2_500, Some("Too many requests from this user today")),
        (format!("all#outreach#{day}"), 10_000, Some("Too many requests today")),
        (format!("user#u1#of#outreach#{day}"), 2_499, None),
        (format!("user#u1#of#outreach#{}", day - 1), 2_500, None),
        (format!("user#u2#of#outreach#{day}"), 2_500, None),
        (format!("all#financial#{day}"), 10_000, None),
    ] {
        let trial = Trial::begin().await;
        let client = aws_sdk_dynamodb::Client::new(trial.aws().config());
        let put = client.put_item().table_name("rate-limits").item("subject", text(subject.as_str()));
        put.item("count", number(count)).send().await.expect("a counter");
        let outcome = send::email(post("u1", &mail(&["a@b.example"])), trial.call::<SendEmail>(NOW)).await;
        let told = outcome.err().map(|failed| (told(&failed), failed.retry_after_s));
        // The clock says 14:00:45.
        let want = why.map(|why| ((429, why.to_owned()), Some(9 * 3600 + 59 * 60 + 15)));
        assert_eq!(told, want, "{subject}: {count}");
        assert_eq!(trial.mailed().len(), usize::from(why.is_none()), "{subject}: {count}");
    }
}

#[tokio::test]
async fn a_user_has_25_requests_a_minute() {
    let trial = Trial::begin().await;
    let call = trial.call::<SendEmail>(NOW);
    for _ in 0..25 {
        send::email(post("u1", &mail(&["a@b.example"])), call.clone()).await.expect("sent");
    }
    let failed = send::email(post("u1", &mail(&["a@b.example"])), call.clone()).await.expect_err("too many");
    assert_eq!(told(&failed), (429, "Too many requests from this user".to_owned()));
    assert_eq!(failed.retry_after_s, Some(15), "the clock says 14:00:45");
    send::email(post("u2", &mail(&["a@b.example"])), call).await.expect("another user");
    let next = trial.call::<SendEmail>(NOW + 15_000);
    send::email(post("u1", &mail(&["a@b.example"])), next).await.expect("the next minute");
}

#[tokio::test]
async fn a_request_with_a_name_is_sent_once() {
    let trial = Trial::begin().await;
    let call = trial.call::<SendEmail>(NOW);
    let one = mail(&["a@b.example"]);
    let first = send::email(post_once("u1", "k", &one), call.clone()).await.expect("sent");
    let later = trial.call::<SendEmail>(NOW + 5000);
    let again = send::email(post_once("u1", "k", &one), later.clone()).await.expect("the same answer");
    assert_eq!((body(&first), trial.mailed().len()), (body(&again), 1));
    let failed = send::email(post_once("u1", "k", &mail(&["c@b.example"])), later.clone()).await;
    assert_eq!(failed.expect_err("another body").code, Code::InvalidRequest);
    send::email(post_once("u2", "k", &one), later.clone()).await.expect("another user");
    assert_eq!(trial.mailed().len(), 2);
    // What Mailgun refused may be sent again under the same name.
    trial.mailgun_answers(Some((400, "{\"message\":\"to a@b.example\"}")));
    let failed = send::email(post_once("u1", "l", &one), later.clone()).await.expect_err("refused");
    assert_eq!(told(&failed), (400, "The mail provider refused the message".to_owned()));
    assert!(!failed.cause.unwrap_or_default().contains('@'));
    trial.mailgun_answers(Some((200, "{\"id\":\"<m2@mg.example>\",\"message\":\"Queued. Thank you.\"}")));
    send::email(post_once("u1", "l", &one), later.clone()).await.expect("sent now");
    // What may have been sent may not.
    trial.mailgun_answers(None);
    let before = trial.mailed().len();
    let failed = send::email(post_once("u1", "m", &one), later.clone()).await.expect_err("lost");
    assert_eq!(told(&failed), (500, "Internal server error".to_owned()));
    let failed = send::email(post_once("u1", "m", &one), later).await.expect_err("nobody knows");
    assert_eq!((failed.code, trial.mailed().len()), (Code::Unavailable, before + 1));
}

#[tokio::test(start_paused = true)]
async fn failures_of_mailgun_are_told_apart() {
    let trial = Trial::begin().await;
    for (answer, status) in [
        (Some((429, "")), 503),
        (Some((503, "")), 503),
        (Some((401, "")), 500),
        (Some((500, "")), 500),
        (Some((200, "no json")), 500),
        (Some((413, "")), 400),
    ] {
        trial.mailgun_answers(answer);
        let call = trial.call::<SendEmail>(NOW);
        let failed = send::email(post("u1", &mail(&["a@b.example"])), call).await.expect_err("failed");
        assert_eq!(told(&failed).0, status, "{answer:?}");
    }
    assert!(trial.rows("messages").await.is_empty());
}
