//! Changes that meet: the same end whatever the order, and no lost opt-out.

use contract::{function::OutreachUnsubscribe, stream::Stream};
use futures::future::join_all;
use sandbox::{Trouble, What, When};
use subscription::{Action, Event, Gate, Recipient, Registry, Source, Wish};

use crate::trial::{NOW, Row, Trial};

const ANN: &str = "ann@example.com";

fn registry(trial: &Trial, now_ms: i64) -> Registry {
    let call = trial.call::<OutreachUnsubscribe>(now_ms);
    let variables = &call.variables;
    Registry::of(&variables.contacts, &variables.audit, &variables.list, &call.aws, call.clock)
}

/// Wishes in the order of their times; the last two are of the same moment.
fn wishes() -> [Wish; 5] {
    [
        Wish::leave(Stream::Financial),
        Wish::leave_everything(),
        Wish::join(Stream::Outreach),
        Wish::leave(Stream::Outreach),
        Wish::join(Stream::Outreach),
    ]
}

async fn apply(trial: &Trial, number: usize) {
    let at_ms = NOW + i64::try_from(number.min(3)).expect("small");
    let ann = Recipient::parse(ANN).expect("an address");
    let event = Event::new(format!("event-{number}"), Action::Update, Source::OneClick);
    registry(trial, NOW).apply(&ann, &wishes()[number], at_ms, &event).await.expect("applied");
}

/// Every row that is left, and what the contact list says.
async fn end(trial: &Trial) -> (Vec<Row>, Option<Vec<String>>, usize) {
    (trial.settled().await, trial.listed(ANN).await, trial.rows("audit").await.len())
}

#[tokio::test(start_paused = true)]
async fn every_order_ends_the_same() {
    let mut ends = Vec::new();
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 3, 1], [1, 3, 0, 2, 4]] {
        let trial = Trial::begin().await;
        for number in order {
            apply(&trial, number).await;
            apply(&trial, number).await;
        }
        ends.push(end(&trial).await);
    }
    let all_at_once = Trial::begin().await;
    join_all((0..5).chain(0..5).map(|number| apply(&all_at_once, number))).await;
    ends.push(end(&all_at_once).await);
    assert_eq!(ends[0].1, Some(vec!["financial".to_owned(), "outreach".to_owned()]));
    assert_eq!(ends[0].2, 5, "each event is recorded once");
    ends.dedup();
    assert_eq!(ends.len(), 1, "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn no_mail_is_started_after_an_opt_out_is_confirmed() {
    let trial = Trial::begin().await;
    let call = trial.call::<OutreachUnsubscribe>(NOW);
    let ann = [Recipient::parse(ANN).expect("an address")];
    let gate = Gate::of(&call.variables.contacts, &call.aws, call.clock);
    let verdicts = gate.ensure_recipient_subscription(Stream::Outreach, &ann).await.expect("verdicts");
    assert!(verdicts[&ann[0]].sends());
    // Also when the contact list is not to be had.
    let when = When::Operation { service: "ses".to_owned(), operation: "UpdateContact".to_owned() };
    trial.account.plan_trouble(Trouble { when, what: What::Unreachable });
    apply(&trial, 3).await;
    let verdicts = gate.ensure_recipient_subscription(Stream::Outreach, &ann).await.expect("verdicts");
    assert!(!verdicts[&ann[0]].sends());
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_is_not_done_twice() {
    let trial = Trial::begin().await;
    let when = When::Operation { service: "dynamodb".to_owned(), operation: "TransactWriteItems".to_owned() };
    trial.account.plan_trouble(Trouble { when, what: What::LoseAnswer });
    apply(&trial, 3).await;
    apply(&trial, 3).await;
    assert_eq!(trial.audited("result").await, ["done"]);
    let row = &trial.rows("contacts").await[0];
    assert_eq!(row["version"], "1");
}
