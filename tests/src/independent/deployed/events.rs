//! What is no request: a message of a topic, one of a queue, and the event of a schedule.

use contract::stream::Stream;

use super::{
    DEV, Deployed,
    collection::listed,
    rows::{text, wants},
    until,
};
use crate::{
    laws::REGION,
    served::collection::{inbound_mail, vector},
};

const WRITER: &str = "writer@example.com";

/// Topic and queue are the emulator's, and so is the way from them to the functions.
pub(super) async fn they_do_their_work(stage: &Deployed) {
    let topic = format!("arn:aws:sns:{REGION}:{DEV}:dn-dev-inbound-mail");
    let topics = aws_sdk_sns::Client::new(&stage.owner);
    topics.publish().topic_arn(topic).message(inbound_mail(WRITER)).send().await.expect("published");
    let row = until("the writer has left", async || {
        let rows = stage.rows.with("contacts", "email", WRITER).await;
        rows.into_iter().find(|row| text(row, "pending").is_empty())
    });
    let row = row.await;
    assert_eq!(wants(&row, "outreach"), "OPT_OUT");
    let left = listed(stage, WRITER, Stream::Outreach).await.expect("a contact");
    assert_eq!(left.as_str(), "OPT_OUT");

    let bounce = vector("event-bounce-record.json");
    let bounced = bounce["bounce"]["bouncedRecipients"][0]["emailAddress"].as_str().expect("an address");
    let queues = aws_sdk_sqs::Client::new(&stage.owner);
    let url = queues.get_queue_url().queue_name("dn-dev-ses-events").send().await.expect("the queue");
    let url = url.queue_url().expect("its URL");
    queues.send_message().queue_url(url).message_body(bounce.to_string()).send().await.expect("sent");
    let row = until("the address is suppressed", async || {
        stage.rows.with("suppression", "email", bounced).await.into_iter().next()
    });
    assert_eq!(text(&row.await, "reason"), "bounce");

    // Of whom the list was not told yet: see `guard`.
    let who = "choice@example.com";
    assert_eq!(listed(stage, who, Stream::Outreach).await, None);
    let run = stage.hand("reconcile-contacts").await.expect("an answer");
    assert!(run["told"].as_u64().is_some_and(|told| told > 0), "{run}");
    let told = listed(stage, who, Stream::Outreach).await.expect("a contact");
    assert_eq!(told.as_str(), "OPT_OUT");
}
