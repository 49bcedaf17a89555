//! Who changed what: the event history of the embedded account, and what is made of it.

use std::time::Duration;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_cloudtrail::{
    Client,
    types::{LookupAttribute, LookupAttributeKey},
};
use aws_sdk_sqs::types::QueueAttributeName;
use kinds::{Clients, Reader};
use model::{
    Address,
    drift::{Suspect, cause},
};
use sandbox::{Account, Clock, Trouble, Weather, What, When};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::laws::{ACCOUNT, PlainGate, REGION, log_group::code_of, scope};

/// A queue that Ann changed so often.
async fn changed(times: usize) -> Account {
    let account = Account::in_memory(ACCOUNT, REGION, Clock::simulated());
    let keys = SharedCredentialsProvider::new(Credentials::new("ann", "secret", None, None, "a test"));
    let config = account.sdk_config().into_builder().credentials_provider(keys).build();
    let sqs = aws_sdk_sqs::Client::new(&config);
    let url = sqs.create_queue().queue_name("work").send().await.expect("a queue").queue_url;
    for time in 1..=times {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let ask = sqs.set_queue_attributes().set_queue_url(url.clone());
        let ask = ask.attributes(QueueAttributeName::VisibilityTimeout, time.to_string());
        ask.send().await.expect("a change");
        let ask = sqs.send_message().set_queue_url(url.clone()).message_body("data is no setting");
        ask.send().await.expect("a message");
        sqs.get_queue_attributes().set_queue_url(url.clone()).send().await.expect("a look");
    }
    account
}

fn named(name: &str) -> LookupAttribute {
    let attribute = LookupAttribute::builder().attribute_key(LookupAttributeKey::ResourceName);
    attribute.attribute_value(name).build().expect("an attribute")
}

fn work() -> Address {
    "financial/queue/work".parse().expect("an address")
}

fn reader(account: &Account) -> Reader {
    Reader::new(Clients::new(&account.sdk_config()), scope(), Arc::new(PlainGate::PATIENT))
}

#[tokio::test(start_paused = true)]
async fn events_come_newest_first_and_in_pages() {
    let client = Client::new(&changed(6).await.sdk_config());
    let (mut seen, mut pages, mut token) = (Vec::new(), 0, None);
    loop {
        let ask = client.lookup_events().lookup_attributes(named("work")).max_results(3);
        let page = ask.set_next_token(token).send().await.expect("a page");
        pages += 1;
        seen.extend(page.events().iter().cloned());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    let names: Vec<&str> = seen.iter().filter_map(|event| event.event_name()).collect();
    let sets = ["SetQueueAttributes"; 6];
    assert_eq!((names.as_slice(), pages), ([&sets[..], &["CreateQueue"]].concat().as_slice(), 3));
    let first = &seen[0];
    assert!(seen.windows(2).all(|pair| pair[0].event_time() >= pair[1].event_time()));
    assert_eq!((first.username(), first.read_only()), (Some("ann"), Some("false")));
    assert_eq!(first.event_source(), Some("sqs.amazonaws.com"));
    assert!(first.cloud_trail_event().is_some_and(|text| text.contains("\"userName\":\"ann\"")));
    let other = client.lookup_events().lookup_attributes(named("other")).send().await.expect("a page");
    assert_eq!(other.events(), []);
}

#[tokio::test(start_paused = true)]
async fn what_cloudtrail_refuses() {
    let account = changed(1).await;
    let client = Client::new(&account.sdk_config());
    let two = client.lookup_events().lookup_attributes(named("a")).lookup_attributes(named("b"));
    assert_eq!(code_of(two.send().await), "InvalidLookupAttributesException");
    assert_eq!(code_of(client.lookup_events().max_results(51).send().await), "InvalidMaxResultsException");
    account.set_weather(Weather { rates: true, ..Weather::default() });
    let once = aws_config::retry::RetryConfig::disabled();
    let client = Client::new(&account.sdk_config().into_builder().retry_config(once).build());
    for _ in 0..2 {
        client.lookup_events().send().await.expect("two a second");
    }
    assert_eq!(code_of(client.lookup_events().send().await), "ThrottlingException");
}

fn suspect(address: Address, name: &str, fields: &[(&str, Value)]) -> Suspect {
    let fields = fields.iter().map(|(field, live)| ((*field).to_owned(), live.clone())).collect();
    Suspect { address, name: name.to_owned(), fields }
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_and_a_refusal_is_no_failure() {
    let account = changed(3).await;
    let none = "financial/queue/none".parse().expect("an address");
    let of = [suspect(work(), "work", &[]), suspect(none, "none", &[])];
    let told = reader(&account).changes_of(&of).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let doing = &told[&work()][0].doing;
    assert_eq!((doing.who.as_str(), doing.call.as_str()), ("ann", "SetQueueAttributes"));
    assert_eq!(doing.at_ms / 1000, account.clock().now_ms() / 1000);
    let what = What::Fail {
        code: "AccessDeniedException".to_owned(),
        message: "not authorized to perform: cloudtrail:LookupEvents".to_owned(),
        status: 400,
        times: 9,
    };
    let (service, operation) = ("cloudtrail".to_owned(), "LookupEvents".to_owned());
    account.plan_trouble(Trouble { when: When::Operation { service, operation }, what });
    assert!(reader(&account).changes_of(&of).await.is_empty());
}

/// Two people change two fields of one queue: each field has its own cause.
#[tokio::test(start_paused = true)]
async fn each_field_has_its_own_cause() {
    let account = changed(3).await;
    let sqs = aws_sdk_sqs::Client::new(&account.sdk_config());
    let url = sqs.get_queue_url().queue_name("work").send().await.expect("it is there").queue_url;
    let ask = sqs.set_queue_attributes().set_queue_url(url);
    ask.attributes(QueueAttributeName::DelaySeconds, "9").send().await.expect("a change");
    let fields = [("visibility_s", json!(3)), ("delay_s", json!(9)), ("retention_s", json!(345_600))];
    let suspects = [suspect(work(), "work", &fields)];
    let calls = reader(&account).changes_of(&suspects).await;
    let who = |field: &str, live: &Value| {
        cause::of_field(field, live, &calls[&work()]).map(|doing| doing.who.clone())
    };
    let told: Vec<Option<String>> = fields.iter().map(|(field, live)| who(field, live)).collect();
    assert_eq!(told, [Some("ann".to_owned()), Some("sandbox".to_owned()), None]);
}

/// What the history shows of a call is nobody's secret.
#[tokio::test(start_paused = true)]
async fn the_history_holds_no_secret() {
    let account = Account::in_memory(ACCOUNT, REGION, Clock::simulated());
    let secrets = aws_sdk_secretsmanager::Client::new(&account.sdk_config());
    let ask = secrets.create_secret().name("mailgun").secret_string("hunter2");
    ask.send().await.expect("a secret");
    let client = Client::new(&account.sdk_config());
    let page = client.lookup_events().lookup_attributes(named("mailgun")).send().await.expect("a page");
    let [event] = page.events() else { panic!("one event: {page:?}") };
    let whole = event.cloud_trail_event().expect("the whole event");
    assert!(whole.contains("\"name\":\"mailgun\"") && !whole.contains("hunter2"), "{whole}");
}
