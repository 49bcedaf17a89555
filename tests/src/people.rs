//! What a stage keeps about a person, shown and erased by the real program (R104).

use std::fs::File;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sesv2::types::{SubscriptionStatus, TopicPreference};
use serde_json::{Value, json};

use crate::project::{Project, Ran, Running, binary};

const ANN: &str = "ann.secretive@example.com";
const BOB: &str = "bob.talkative@example.com";

/// `dn person sandbox …` with the address at standard input.
fn person(project: &Project, address: &str, args: &[&str]) -> Ran {
    project.write("address", &format!("{address}\n"));
    let mut command = project.command(binary(), &[&["--width", "100", "person", "sandbox"], args].concat());
    command.stdin(File::open(project.path("address")).expect("a file"));
    let ran = Running::of(command).finish();
    std::fs::remove_file(project.path("address")).expect("removed");
    ran
}

fn told(ran: &Ran) -> Value {
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    serde_json::from_str(&ran.text).unwrap_or_else(|error| panic!("{error}: {}", ran.text))
}

fn value(value: &Value) -> AttributeValue {
    match value {
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::Object(members) => {
            AttributeValue::M(members.iter().map(|(name, of)| (name.clone(), value_of(of))).collect())
        }
        other => panic!("{other}"),
    }
}

fn value_of(of: &Value) -> AttributeValue {
    value(of)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Every table that knows people, with rows of this one.
fn rows(who: &str, status: &str) -> Vec<(&'static str, Value)> {
    let number: u64 = who.bytes().map(u64::from).sum();
    let mut rows = vec![
        (
            "contacts",
            json!({ "email": who, "version": 1, "createdAt": 1,
                    "topics": { "outreach": { "status": status, "at": 1 } } }),
        ),
        ("suppression", json!({ "email": who, "reason": "bounce", "timestamp": 1 })),
        ("equity-recipients", json!({ "email": who, "name": "A person" })),
        ("recipients", json!({ "campaignId": "c1", "recipient": who })),
        ("tracking", json!({ "campaignId": "c1", "timestamp": number, "email": who, "recipient": who })),
        ("messages", json!({ "messageId": "m1", "campaignId": "c1", "sentAt": 1, "opened": 2 })),
        ("events", json!({ "messageId": "m1", "event": format!("counted#opened#{who}") })),
    ];
    // More than a page of a query holds.
    for number in 0..30 {
        let (id, event) = ("m1", format!("id#{who}-{number}"));
        let long = "x".repeat(50_000);
        rows.push((
            "events",
            json!({ "messageId": id, "event": event, "recipient": who, "timestamp": number, "tags": long }),
        ));
        let at = format!("2026-01-01T00:00:{number:02}.000Z#r");
        let said = json!({ "subject": "unsubscribe" });
        rows.push((
            "audit",
            json!({ "contact": who, "at": at, "day": "2026-01-01", "ip": "192.0.2.1", "detection": said }),
        ));
    }
    rows
}

/// A stage that knows Ann, who left, and Bob, who did not.
fn project() -> Project {
    let project = Project::applied();
    let account = project.account();
    runtime().block_on(async {
        let tables = aws_sdk_dynamodb::Client::new(&account.sdk_config());
        let ses = aws_sdk_sesv2::Client::new(&account.sdk_config());
        for (who, status) in [(ANN, "OPT_OUT"), (BOB, "OPT_IN")] {
            for (table, row) in rows(who, status) {
                let members = row.as_object().expect("a row").iter();
                let item = members.map(|(name, of)| (name.clone(), value(of))).collect();
                let put = tables.put_item().table_name(format!("dn-sandbox-{table}")).set_item(Some(item));
                put.send().await.unwrap_or_else(|error| panic!("{table}: {error:?}"));
            }
            let status = SubscriptionStatus::from(status);
            let topic = TopicPreference::builder().topic_name("outreach").subscription_status(status);
            let contact = ses.create_contact().contact_list_name("dn-sandbox-contacts").email_address(who);
            contact.topic_preferences(topic.build().expect("a topic")).send().await.expect("a contact");
        }
    });
    project
}

/// How many rows of each place are shown.
fn shown(project: &Project, who: &str) -> Value {
    let told = told(&person(project, who, &["show", "--json"]));
    let places = told["kept"].as_object().expect("places").iter();
    places.map(|(at, rows)| (at.clone(), Value::from(rows.as_array().expect("rows").len()))).collect()
}

#[test]
fn a_person_is_shown_everything_and_erased_but_for_the_opt_out() {
    let project = project();
    let everything = json!({
        "outreach/table/contacts": 1, "financial/table/suppression": 1, "outreach/table/equity-recipients": 1,
        "outreach/table/recipients": 1, "financial/table/tracking": 1, "outreach/table/events": 30,
        "shared/table/audit": 30, "shared/contact list/contacts": 1,
    });
    assert_eq!(shown(&project, ANN), everything);
    let words = person(&project, &ANN.to_uppercase(), &["show"]).text;
    assert!(words.contains("shared/table/audit: 30 rows") && words.contains("192.0.2.1"), "{words}");

    let refused = person(&project, BOB, &["erase"]);
    assert_eq!(refused.code, Some(4), "nobody confirmed: {}", refused.text);
    assert_eq!(shown(&project, BOB), everything);

    // Cut off, and gone on with.
    let died = person(&project, BOB, &["erase", "--yes", "--trouble", "die-after=40"]);
    assert_eq!(died.code, Some(137), "{}", died.text);
    let left = shown(&project, BOB);
    assert!(left != everything && left["outreach/table/contacts"] == 1, "{left}");
    let unlock = project.dn(&["unlock", "sandbox", "--owner", "ada@desk as user/sandbox"]);
    assert_eq!(unlock.code, Some(0), "{}", unlock.text);
    let mut codes = Vec::new();
    for who in [BOB, ANN] {
        let ran = person(&project, who, &["erase", "--yes", "--json"]);
        assert!(!ran.text.contains(who) && !ran.text.contains("192.0.2.1"), "{}", ran.text);
        codes.push(told(&ran));
    }
    assert!(codes[0]["erased"]["outreach/table/contacts"] == 1, "{:#}", codes[0]);
    assert!(codes[1]["erased"].get("outreach/table/contacts").is_none(), "{:#}", codes[1]);
    assert_eq!(shown(&project, BOB), json!({ "financial/table/suppression": 1, "shared/table/audit": 30 }));
    let ann = json!({
        "outreach/table/contacts": 1, "financial/table/suppression": 1, "shared/table/audit": 30,
        "shared/contact list/contacts": 1,
    });
    assert_eq!(shown(&project, ANN), ann);
    let text = person(&project, ANN, &["show", "--json"]).text;
    assert!(text.contains("OPT_OUT") && !text.contains("192.0.2.1") && !text.contains("detection"), "{text}");

    // Not a row of anybody is left that only its key names.
    let account = project.account();
    let markers = runtime().block_on(async {
        let tables = aws_sdk_dynamodb::Client::new(&account.sdk_config());
        tables.scan().table_name("dn-sandbox-events").send().await.expect("rows").count()
    });
    assert_eq!(markers, 0);

    // Again: nothing is left to erase, and nothing changes.
    let again = told(&person(&project, ANN, &["erase", "--yes", "--json"]));
    assert_eq!(again["erased"], json!({}));
    let kept: Vec<&str> =
        again["kept"].as_array().expect("a list").iter().filter_map(|one| one["where"].as_str()).collect();
    assert_eq!(kept.len(), 4, "{kept:?}");
    assert!(
        again["kept"]
            .as_array()
            .expect("a list")
            .iter()
            .all(|one| one["why"].as_str().is_some_and(|why| why.contains("Art. ")))
    );
    assert_eq!(shown(&project, ANN), ann);
    let journal = project.read(".dn/sandbox/journal.jsonl");
    assert!(
        journal.contains("person erase") && journal.contains("DeleteItem"),
        "it tells that somebody was erased"
    );
    assert!(!journal.contains("secretive") && !journal.contains("talkative"), "and not who");
}

#[test]
fn an_opt_out_is_kept_wherever_it_is_said() {
    let project = Project::applied();
    let account = project.account();
    let out = json!({ "status": "OPT_OUT", "at": 1 });
    let back = json!({ "status": "OPT_IN", "at": 2 });
    // What the mirror says of a topic and of everything, what the list says, and whether somebody is kept.
    let cases = [
        ("topic", json!({ "outreach": out }), Value::Null, false, true),
        ("everything", json!({}), out, false, true),
        ("list", json!({}), Value::Null, true, true),
        ("nobody", json!({ "outreach": back }), back, false, false),
    ];
    runtime().block_on(async {
        let tables = aws_sdk_dynamodb::Client::new(&account.sdk_config());
        let ses = aws_sdk_sesv2::Client::new(&account.sdk_config());
        for (name, topics, everything, listed_out, _) in &cases {
            let who = format!("{name}@example.com");
            let mut row = json!({ "email": who, "version": 3, "createdAt": 1, "topics": topics });
            row["listedAs"] = format!("{name}@Example.com").into();
            if everything.is_object() {
                row["everything"] = everything.clone();
            }
            let members = row.as_object().expect("a row").iter();
            let item = members.map(|(name, of)| (name.clone(), value(of))).collect();
            let put = tables.put_item().table_name("dn-sandbox-contacts").set_item(Some(item));
            put.send().await.expect("a row");
            let contact = ses.create_contact().contact_list_name("dn-sandbox-contacts");
            let contact = contact.email_address(format!("{name}@Example.com")).unsubscribe_all(*listed_out);
            contact.send().await.expect("a contact");
        }
    });
    for (name, .., stays) in cases {
        let who = format!("{name}@example.com");
        told(&person(&project, &who, &["erase", "--yes", "--json"]));
        let kept = json!({ "outreach/table/contacts": 1, "shared/contact list/contacts": 1 });
        assert_eq!(shown(&project, &who), if stays { kept } else { json!({}) }, "{name}");
    }
}

#[test]
fn what_is_no_address_is_refused_without_being_repeated() {
    let project = Project::applied();
    for text in ["", "ann", "@b.c", "a b@c.d", "one@x.org\ntwo@x.org"] {
        let ran = person(&project, text, &["erase", "--yes"]);
        assert_eq!(ran.code, Some(1), "{}", ran.text);
        assert!(ran.text.contains("that is no address") && ran.text.contains("hint: "), "{}", ran.text);
        assert!(!ran.text.contains("x.org"), "{}", ran.text);
    }
    let nobody = person(&project, "nobody@example.com", &["show"]);
    assert_eq!((nobody.code, nobody.text.as_str()), (Some(0), "nothing is kept about this person\n"));
}
