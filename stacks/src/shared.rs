//! What may exist only once: one contact list an account and Region (A12), one key, one audit table, and what SES
//! tells and receives.

use contract::{
    resource::{LogHashes, Named},
    stream::Stream,
    table,
};
use kinds::{
    World,
    bound::{DeclareError, Handle},
    kinds::{
        configuration_set::{self, ConfigurationSet, EventDestination},
        contact_list::{self, ContactList},
        identity::{Identity, MailFrom, WithoutMx},
        key::Key,
        mail_account::MailAccount,
        receipt_rule::{Action, MailEncoding, ReceiptRule},
        secret::Secret,
        subscription::Subscription,
        topic::{Signature, Topic},
    },
};
use model::{
    Address, Text,
    policy::{Policy, Statement},
};

use crate::{Environment, operations::Operations, queues, tables};

const STACK: &str = "shared";

/// Declares the stack.
///
/// # Errors
/// When an address is taken.
pub fn declare(
    world: &mut World,
    environment: &Environment,
    operations: &Operations,
) -> Result<(), DeclareError> {
    world.add(STACK, "contacts", contact_list())?;
    world.add(STACK, "unsubscribe", unsubscribe_key(environment))?;
    tables::add(world, STACK, &table::AUDIT, environment)?;
    world.add(STACK, "firebase", Secret::described("Firebase service account: who may use the CRM."))?;

    world.add(
        STACK,
        LogHashes::SECRET.name,
        Secret::born_with_key("Key of the hashes that stand for addresses in logs."),
    )?;

    let told = |name: &str| publishable_by_ses(environment, name);
    let events = world.add(STACK, "ses-events", told("ses-events")?)?;
    let inbound = world.add(STACK, "inbound-mail", told("inbound-mail")?)?;
    let mailbox = environment.mail.unsubscribe_mailbox.as_str();
    let hand_over = Action::Publish { topic: inbound.arn(), encoding: MailEncoding::Base64 };
    world.add(STACK, "unsubscribe", ReceiptRule::of([mailbox], [hand_over]))?;
    let topic = events.arn().text().to_string();
    let queue = queues::add(world, STACK, "ses-events", environment, operations, |work| {
        let itself = Address::new(STACK, "queue", "ses-events").map(|at| Text::of(&at, "arn").to_string());
        let deliver = Statement::allow(["sqs:SendMessage"], itself)
            .sid("ses-events")
            .to_service("sns.amazonaws.com")
            .when("ArnEquals", "aws:SourceArn", topic.as_str());
        kinds::kinds::queue::Queue { policy: Some(Policy::new([deliver])), ..work }
    })?;
    let counted = EventDestination::all_to(events.arn());
    let sending = ConfigurationSet {
        tls: configuration_set::Tls::Require,
        suppression: None,
        events: [("events".to_owned(), counted)].into(),
        ..ConfigurationSet::counting()
    };
    let sending = world.add(STACK, "sending", sending)?;
    world.add(STACK, "sender", sender(environment, &sending))?;
    world.add(STACK, "mail", MailAccount::usual())?;
    let raw = Subscription { raw: true, ..Subscription::to_queue(events.arn(), &queue.arn()) };
    world.add(STACK, "ses-events", raw)?;
    Ok(())
}

/// One topic for each stream of mail, so that people can leave one and stay in the other.
fn contact_list() -> ContactList {
    let topic = |stream: Stream| contact_list::Topic {
        display_name: stream.title().to_owned(),
        description: Some(stream.description().to_owned()),
        default: contact_list::Subscription::OptIn,
    };
    ContactList {
        name: model::Address::new(STACK, "contact list", "contacts")
            .map(|at| Text::of(&at, "name").to_string())
            .unwrap_or_default(),
        description: Some("Everyone who gets mail from the CRM.".to_owned()),
        topics: Stream::ALL.into_iter().map(|stream| (stream.topic().to_owned(), topic(stream))).collect(),
    }
}

/// The domain that mail is sent for (I22). SES signs for it as soon as its records are published.
fn sender(environment: &Environment, sending: &Handle<ConfigurationSet>) -> Identity {
    let bounces = MailFrom { domain: environment.mail.mail_from.clone(), without_mx: WithoutMx::UseAmazons };
    Identity {
        mail_from: Some(bounces),
        configuration_set: Some(sending.by("name")),
        ..Identity::domain(&environment.mail.domain)
    }
}

/// The key that seals unsubscribe tokens (R60, I21).
fn unsubscribe_key(environment: &Environment) -> Key {
    let policy = Policy::new([Key::owner(environment.account.as_str())]);
    Key { description: "Seals the tokens of unsubscribe links.".to_owned(), ..Key::symmetric(policy) }
}

/// A topic that SES of this account may publish to (I25).
fn publishable_by_ses(environment: &Environment, name: &str) -> Result<Topic, DeclareError> {
    let itself = Text::of(&Address::new(STACK, "topic", name)?, "arn");
    let (account, region) = (environment.account.as_str(), environment.region.as_str());
    let publish = Statement::allow(["sns:Publish"], [itself.to_string()])
        .sid("ses")
        .to_service("ses.amazonaws.com")
        .when("StringEquals", "aws:SourceAccount", account)
        .when("ArnLike", "aws:SourceArn", format!("arn:aws:ses:{region}:{account}:*"));
    Ok(Topic { policy: Some(Policy::new([publish])), signature: Signature::Sha256, ..Topic::standard() })
}
