//! The whole port, over HTTP's types.

use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader};
use base64::{Engine, engine::general_purpose::STANDARD};
use sandbox::Clock;

use super::*;

const SECRET: &str = r#"{"apiKey":"k","webhookSigningKey":"w"}"#;

async fn stand_ins() -> Arc<StandIns> {
    let account = Account::in_memory("000000000000", "us-east-1", Clock::simulated());
    let client = aws_sdk_secretsmanager::Client::new(&account.sdk_config());
    let made = client.create_secret().name("mailgun").secret_string(SECRET).send().await;
    made.expect("a secret");
    let keeper = Keeper::of(&account, "mailgun");
    let options = Options { account, domain: "mg.example".into(), keeper, project: "dn".into() };
    StandIns::new(options).expect("stand-ins")
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Bytes> {
    let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:9099");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Bytes::from(body.to_owned())).expect("a request")
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(answer.body()).into_owned()
}

async fn send(stand_ins: &StandIns, key: &str, domain: &str, body: &str) -> Answer {
    let known = format!("Basic {}", STANDARD.encode(format!("api:{key}")));
    let headers = [("authorization", known.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    stand_ins.answer(request("POST", &format!("/v3/{domain}/messages"), &headers, body)).await
}

#[tokio::test]
async fn a_message_is_taken_and_shown() {
    let stand_ins = stand_ins().await;
    let body = "from=n%40mg.example&to=a%40x.example&subject=Hello&text=Hi&h%3AReply-To=r%40mg.example";
    let refused = send(&stand_ins, "other", "mg.example", body).await;
    assert_eq!((refused.status(), text(&refused).as_str()), (StatusCode::UNAUTHORIZED, "Forbidden"));
    assert_eq!(send(&stand_ins, "k", "other.example", body).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(send(&stand_ins, "k", "mg.example", "to=a").await.status(), StatusCode::BAD_REQUEST);
    let taken = send(&stand_ins, "k", "mg.example", body).await;
    assert_eq!(taken.status(), StatusCode::OK);
    let taken: Value = serde_json::from_slice(taken.body()).expect("JSON");
    assert_eq!(taken["message"], "Queued. Thank you.");
    let list = text(&stand_ins.answer(request("GET", "/", &[], "")).await);
    assert!(list.contains("/mailgun/1") && list.contains("a@x.example"), "{list}");
    let page = text(&stand_ins.answer(request("GET", "/mailgun/1", &[], "")).await);
    assert!(page.contains("r@mg.example") && page.contains("Hi"), "{page}");
}

/// Mail that SES took, with the headers by which people leave.
#[tokio::test]
async fn mail_of_ses_is_on_the_same_page() {
    let stand_ins = stand_ins().await;
    let account = &stand_ins.options.account;
    account.publish_dns("crm.example").expect("an account in memory");
    let client = aws_sdk_sesv2::Client::new(&account.sdk_config());
    client.create_email_identity().email_identity("crm.example").send().await.expect("an identity");
    let text = |data: &str| Content::builder().data(data).build().expect("a text");
    let header =
        |name: &str, value: &str| MessageHeader::builder().name(name).value(value).build().expect("a header");
    let message = Message::builder()
        .subject(text("Your report"))
        .body(Body::builder().text(text("It is here")).build())
        .headers(header("List-Unsubscribe", "<https://u.example/a>"))
        .headers(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
    let ask = client.send_email().from_email_address("n@crm.example");
    let ask = ask.destination(Destination::builder().to_addresses("ann@x.example").build());
    let sent = ask.content(EmailContent::builder().simple(message.build()).build()).send().await;
    let id = sent.expect("taken").message_id.expect("an id");
    let list = self::text(&stand_ins.answer(request("GET", "/", &[], "")).await);
    assert!(list.contains(&format!("/ses/{id}")) && list.contains("Your report"), "{list}");
    let page = self::text(&stand_ins.answer(request("GET", &format!("/ses/{id}"), &[], "")).await);
    let shown =
        ["List-Unsubscribe-Post", "List-Unsubscribe=One-Click", "u.example/a", "It is here", "ann@x.example"];
    for one in shown {
        assert!(page.contains(one), "{one}: {page}");
    }
    let absent = stand_ins.answer(request("GET", "/ses/nobody", &[], "")).await;
    assert_eq!(absent.status(), StatusCode::NOT_FOUND);
}

/// A whole webhook, to a server that keeps what it got.
#[tokio::test]
async fn an_event_is_posted_to_the_webhook() {
    let stand_ins = stand_ins().await;
    send(&stand_ins, "k", "mg.example", "from=n%40mg.example&to=a%40x.example&text=Hi").await;
    let early = stand_ins.answer(request("POST", "/mailgun/1/events", &[], "event=opened")).await;
    assert_eq!(early.status(), StatusCode::CONFLICT);
    let (listener, address) = bind(0).await.expect("a port");
    let (end, ending) = watch::channel(false);
    let got: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let keeping = got.clone();
    let customer =
        tokio::spawn(http_server::listen(listener, ending, 1 << 20, move |request: Request<Bytes>, _| {
            keeping.lock().expect("no panic").push(request.into_body());
            async { Response::new(Bytes::from("{}")) }
        }));
    stand_ins.register_webhook(format!("http://{address}/webhook"));
    let answer = stand_ins.answer(request("POST", "/mailgun/1/events", &[], "event=opened")).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()["location"], "/mailgun/1");
    let unknown = stand_ins.answer(request("POST", "/mailgun/1/events", &[], "event=exploded")).await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
    end.send(true).expect("it listens");
    customer.await.expect("no panic");
    let got = got.lock().expect("no panic").clone();
    assert_eq!(got.len(), 1);
    let body: Value = serde_json::from_slice(&got[0]).expect("JSON");
    assert_eq!(
        (&body["event-data"]["event"], &body["event-data"]["recipient"]),
        (&json!("opened"), &json!("a@x.example"))
    );
    let page = text(&stand_ins.answer(request("GET", "/mailgun/1", &[], "")).await);
    assert!(page.contains("<td>opened</td><td>200</td>"), "{page}");
}

#[tokio::test]
async fn tokens_are_for_whom_one_asks_and_strangers_get_none() {
    let stand_ins = stand_ins().await;
    let claims = async |query: &str| -> Value {
        let token = text(&stand_ins.answer(request("GET", &format!("/token{query}"), &[], "")).await);
        let middle = token.split('.').nth(1).expect("three parts").to_owned();
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(middle).expect("base64");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    assert_eq!(claims("").await["email"], SOMEBODY);
    let other = claims("?email=ada%40example.com&verified=false&finance=no").await;
    assert_eq!(
        (&other["email"], &other["email_verified"], &other["role"]),
        (&json!("ada@example.com"), &json!(false), &json!("staff"))
    );
    let keys = stand_ins.answer(request("GET", "/keys", &[], "")).await;
    assert_eq!(keys.headers()["cache-control"], "public, max-age=3600");
    let mut foreign = request("GET", "/token", &[], "");
    foreign.headers_mut().insert(header::HOST, HeaderValue::from_static("evil.example"));
    assert_eq!(stand_ins.answer(foreign).await.status(), StatusCode::MISDIRECTED_REQUEST);
}
