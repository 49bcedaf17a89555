//! Events brought to functions: schedules that are due, queues that have messages, topics that were published to.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`due`] | whether a schedule is due between two moments |
//! | [`batch`] | messages of a queue as an event, and which of them the answer gives back |
//!
//! A function that fails is not called again for a topic or a schedule, as Lambda would do twice; messages of a queue
//! come back when their visibility timeout ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    deployed::{EventSource, Schedule},
    endpoint,
    http_server::stopped,
    news::News,
    runtime::{driver::Invoke, failure},
    server::{Server, new_id, new_trace},
};

pub mod batch;
pub mod due;

/// How often schedules and queues are looked at when nothing else asks for it.
const LOOK_MS: u64 = 500;

/// Batches of one queue at once: what Lambda begins with.
const BATCHES_MAX: usize = 5;

/// Delivers until `ending` becomes true; then what has begun is finished.
pub(crate) async fn deliver(server: Arc<Server>, mut ending: watch::Receiver<bool>) {
    let origin_ms = server.clock.now_ms();
    let mut looked_ms = origin_ms;
    let mut complained = BTreeSet::new();
    let busy: Busy = Arc::default();
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut ending) => break,
            Some(_) = running.join_next() => {}
            () = server.stirred.notified() => {}
            () = tokio::time::sleep(Duration::from_millis(LOOK_MS)) => {}
        }
        let now_ms = server.clock.now_ms();
        for schedule in server.view.schedules().iter() {
            match due::is_due(schedule, origin_ms, looked_ms, now_ms) {
                Ok(true) => drop(running.spawn(run_schedule(server.clone(), schedule.clone(), now_ms))),
                Ok(false) => {}
                Err(why) => {
                    let text = format!("schedule {} is not run: {why}", schedule.arn);
                    if complained.insert(text.clone()) {
                        (server.news)(News::Trouble(text));
                    }
                }
            }
        }
        looked_ms = now_ms;
        // Kept for tests; a server that runs for days must not.
        server.account.forget_served();
        for notification in server.account.take_notifications() {
            running.spawn(notify(server.clone(), notification));
        }
        for source in server.view.event_sources().iter() {
            while take_turn(&busy, source) {
                match receive(&server, source).await {
                    Some(messages) => {
                        running.spawn(run_batch(server.clone(), source.clone(), messages, busy.clone()));
                    }
                    None => {
                        give_turn(&busy, source);
                        break;
                    }
                }
            }
        }
    }
    while running.join_next().await.is_some() {}
}

/// Batches that run, by queue and function.
type Busy = Arc<Mutex<BTreeMap<(String, String), usize>>>;

fn take_turn(busy: &Busy, source: &EventSource) -> bool {
    let mut busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
    let running = busy.entry((source.queue.clone(), source.function.clone())).or_default();
    let free = *running < BATCHES_MAX;
    *running += usize::from(free);
    free
}

fn give_turn(busy: &Busy, source: &EventSource) {
    let mut busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = busy.get_mut(&(source.queue.clone(), source.function.clone())) {
        *running -= 1;
    }
}

/// The last part of an ARN.
fn last(arn: &str) -> &str {
    arn.rsplit([':', '/']).next().unwrap_or_default()
}

impl Server {
    /// Calls a function with an event and tells how it went: its answer, or `None`.
    async fn bring(&self, from: String, function_arn: &str, event: String) -> Option<Bytes> {
        let Some(function) = self.view.function(function_arn) else {
            let failed = Some(format!("there is no {function_arn}"));
            (self.news)(News::Delivered { from, function: last(function_arn).to_owned(), failed });
            return None;
        };
        let trace = new_trace(self.clock.now_ms());
        let invoke = Invoke { id: new_id(), trace, payload: Bytes::from(event) };
        let (answer, failed) = match self.functions.invoke(&function, invoke).await {
            failure::Outcome::Answer(payload) => (Some(payload), None),
            failure::Outcome::Error(payload) => (None, Some(failure::message(&payload))),
            failure::Outcome::Throttled => (None, Some("its reserved concurrency is used up".to_owned())),
        };
        (self.news)(News::Delivered { from, function: function.name.clone(), failed });
        answer
    }
}

async fn run_schedule(server: Arc<Server>, schedule: Schedule, now_ms: u64) {
    let from = format!("schedule {}", last(&schedule.arn));
    let event = schedule.input.clone().unwrap_or_else(|| {
        let event = due::event(&schedule, server.account.id(), server.account.region(), &new_id(), now_ms);
        event.to_string()
    });
    // Scheduler calls by its own role; other targets than functions have nothing here that would take the event.
    if schedule.target.starts_with("arn:aws:lambda:") {
        server.bring(from, &schedule.target, event).await;
    }
}

async fn notify(server: Arc<Server>, notification: sandbox::Notification) {
    let sandbox::Notification { function_arn, topic_arn, event } = notification;
    let from = format!("topic {}", last(&topic_arn));
    if !server.view.may_invoke(&function_arn, "sns.amazonaws.com", &topic_arn) {
        let failed = Some(format!("the policy of {function_arn} does not let {topic_arn} in"));
        (server.news)(News::Delivered { from, function: last(&function_arn).to_owned(), failed });
        return;
    }
    server.bring(from, &function_arn, event).await;
}

fn queue_url(server: &Server, source: &EventSource) -> String {
    format!(
        "https://sqs.{}.amazonaws.com/{}/{}",
        server.account.region(),
        server.account.id(),
        last(&source.queue)
    )
}

/// Messages that nobody works on, or `None`.
async fn receive(server: &Server, source: &EventSource) -> Option<Vec<Value>> {
    let most = source.batch.clamp(1, 10);
    let input = json!({
        "QueueUrl": queue_url(server, source), "MaxNumberOfMessages": most, "AttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    });
    let answer = endpoint::ask(&server.account, "sqs", "AmazonSQS.ReceiveMessage", &input).await.ok()?;
    answer["Messages"].as_array().filter(|messages| !messages.is_empty()).cloned()
}

async fn run_batch(server: Arc<Server>, source: EventSource, messages: Vec<Value>, busy: Busy) {
    let from = format!("queue {}", last(&source.queue));
    let event = batch::event(&messages, &source.queue, server.account.region());
    let answer = server.bring(from, &source.function, event.to_string()).await;
    let done = match answer {
        Some(payload) => batch::done(&messages, source.partial, &payload),
        None => Vec::new(),
    };
    if !done.is_empty() {
        let entries: Vec<Value> = done
            .iter()
            .enumerate()
            .map(|(index, receipt)| json!({ "Id": index.to_string(), "ReceiptHandle": receipt }))
            .collect();
        let input = json!({ "QueueUrl": queue_url(&server, &source), "Entries": entries });
        if let Err(why) = endpoint::ask(&server.account, "sqs", "AmazonSQS.DeleteMessageBatch", &input).await
        {
            (server.news)(News::Trouble(format!("messages of {} stay: {why}", source.queue)));
        }
    }
    give_turn(&busy, &source);
    server.stirred.notify_one();
}
