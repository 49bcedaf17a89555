//! The gate before every send.

use contract::{function::OutreachUnsubscribe, stream::Stream};
use subscription::{Action, Event, Gate, Recipient, Registry, Source, Verdict, Wish};
use support::Call;

use crate::trial::{NOW, Trial};

fn recipient(address: &str) -> Recipient {
    Recipient::parse(address).expect("an address")
}

fn registry(call: &Call<OutreachUnsubscribe>) -> Registry {
    let variables = &call.variables;
    Registry::of(&variables.contacts, &variables.audit, &variables.list, &call.aws, call.clock)
}

#[tokio::test(start_paused = true)]
async fn who_left_is_skipped_and_who_is_new_is_made() {
    let trial = Trial::begin().await;
    let call = trial.call::<OutreachUnsubscribe>(NOW);
    let event = |id: &str| Event::new(id, Action::Unsubscribe, Source::OneClick);
    let registry = registry(&call);
    registry
        .apply(&recipient("one@x.org"), &Wish::leave(Stream::Outreach), NOW, &event("1"))
        .await
        .expect("done");
    registry.apply(&recipient("all@x.org"), &Wish::leave_everything(), NOW, &event("2")).await.expect("done");
    trial.asked();

    let gate = Gate::of(&call.variables.contacts, &call.aws, call.clock);
    let all = ["one@x.org", "ALL@x.org", "new@x.org", "New@X.org"].map(recipient);
    let verdicts = gate.ensure_recipient_subscription(Stream::Outreach, &all).await.expect("verdicts");
    let of = |address: &str| verdicts[&recipient(address)];
    assert_eq!(of("one@x.org"), Verdict::LeftStream);
    assert_eq!(of("all@x.org"), Verdict::LeftEverything);
    assert_eq!(of("new@x.org"), Verdict::Send);
    assert_eq!(verdicts.len(), 3);
    assert_eq!(trial.asked(), ["BatchGetItem", "PutItem"], "no call of SES in the path of a send");
    let rows = trial.rows("contacts").await;
    let new = rows.iter().find(|row| row["email"] == "new@x.org").expect("a contact");
    assert_eq!(new["pending"], "new");
    trial.asked();

    let verdicts = gate.ensure_recipient_subscription(Stream::Financial, &all).await.expect("verdicts");
    assert_eq!(verdicts[&recipient("one@x.org")], Verdict::Send);
    assert_eq!(trial.asked(), ["BatchGetItem"]);
}

#[tokio::test(start_paused = true)]
async fn recipients_are_read_a_hundred_at_a_time() {
    let trial = Trial::begin().await;
    let call = trial.call::<OutreachUnsubscribe>(NOW);
    let gate = Gate::of(&call.variables.contacts, &call.aws, call.clock);
    let all: Vec<Recipient> = (0..250).map(|number| recipient(&format!("r{number}@x.org"))).collect();
    let verdicts = gate.ensure_recipient_subscription(Stream::Outreach, &all).await.expect("verdicts");
    assert!(verdicts.len() == 250 && verdicts.values().all(|verdict| verdict.sends()));
    trial.asked();
    gate.ensure_recipient_subscription(Stream::Outreach, &all).await.expect("verdicts");
    assert_eq!(trial.asked(), ["BatchGetItem"; 3]);
    let none = gate.ensure_recipient_subscription(Stream::Outreach, &[]).await.expect("verdicts");
    assert!(none.is_empty() && trial.asked().is_empty());
}
