//! Examples of the contact list.

use std::collections::BTreeMap;

use aws_sdk_sesv2::{
    Client,
    types::{ListContactsFilter, SubscriptionStatus, TopicFilter, TopicPreference},
};
use kinds::kinds::contact_list::{ContactList, Subscription, Topic};
use model::{Fault, Holds, Impact, MayFind};
use sandbox::{Account, Weather};

use super::{Example, apply, differences, fresh, hold, log_group::code_of, look, subject, world_of, writer};

const NAME: &str = "dn-test-subject";

fn topic(display_name: &str, default: Subscription) -> Topic {
    Topic { display_name: display_name.to_owned(), description: None, default }
}

pub(crate) fn examples() -> [Example<ContactList>; 2] {
    [
        Example {
            name: "minimal",
            declare: |_| ContactList { name: NAME.to_owned(), description: None, topics: BTreeMap::new() },
            mutations: &[
                ("name", |list| list.name = "other".to_owned()),
                ("description", |list| list.description = Some("Everybody".to_owned())),
                ("topic", |list| {
                    list.topics.insert("news".to_owned(), topic("News", Subscription::OptIn));
                }),
            ],
        },
        Example {
            name: "everything",
            declare: |_| ContactList {
                name: NAME.to_owned(),
                description: Some("Everybody".to_owned()),
                topics: BTreeMap::from([
                    ("news".to_owned(), topic("News", Subscription::OptOut)),
                    (
                        "offers".to_owned(),
                        Topic {
                            description: Some("Once a month".to_owned()),
                            ..topic("Offers", Subscription::OptIn)
                        },
                    ),
                ]),
            },
            mutations: &[
                ("description", |list| list.description = None),
                ("topic", |list| drop(list.topics.remove("news"))),
                ("topic", |list| list.topics.clear()),
                ("topic", |list| of(list, "offers").description = None),
                ("topic", |list| of(list, "offers").display_name = "Deals".to_owned()),
                ("topic", |list| of(list, "offers").default = Subscription::OptOut),
            ],
        },
    ]
}

fn of<'a>(list: &'a mut ContactList, topic: &str) -> &'a mut Topic {
    list.topics.get_mut(topic).expect("a topic")
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_contact_list() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn a_contact_list_is_born_and_changed_at_one_call_a_second() {
    for example in &examples() {
        let account = fresh();
        account.set_weather(Weather::realistic());
        apply(&world_of(example, |_| {}), &account).await.expect("a birth");
        for (field, mutate) in example.mutations.iter().filter(|(field, _)| *field != "name") {
            let changed = world_of(example, mutate);
            apply(&changed, &account).await.expect(field);
            assert_eq!(differences(&changed, &account).await, [], "{field}");
        }
    }
}

async fn add(account: &Account, list: &str, emails: impl IntoIterator<Item = String>) {
    let ses = Client::new(&account.sdk_config());
    for email in emails {
        ses.create_contact().contact_list_name(list).email_address(email).send().await.expect("a contact");
    }
}

#[tokio::test(start_paused = true)]
async fn contacts_are_data() {
    let account = fresh();
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect("a birth");
    assert_eq!(look(&world, &account).await.1.expect("it exists").holds, Holds::Nothing);
    add(&account, NAME, ["a@example.com".to_owned(), "b@example.com".to_owned()]).await;
    account.forget_served();
    let found = look(&world, &account).await.1.expect("it exists");
    assert_eq!(found.holds, Holds::Data("contacts".to_owned()));
    let mut calls: Vec<_> = account.served().into_iter().map(|call| call.operation).collect();
    calls.sort();
    assert_eq!(calls, ["GetContactList", "ListContactLists", "ListContacts"], "SES allows one call a second");
}

#[tokio::test(start_paused = true)]
async fn a_list_of_another_name_is_found_counted_and_left_alone() {
    let account = fresh();
    let ses = Client::new(&account.sdk_config());
    ses.create_contact_list().contact_list_name("legacy").send().await.expect("a list by hand");
    add(&account, "legacy", (0..1_200).map(|number| format!("c{number}@example.com"))).await;

    let world = world_of(&examples()[1], |_| {});
    let found = look(&world, &account).await.1.expect("the account's list");
    assert_eq!(found.holds, Holds::Data("1200 contacts".to_owned()));
    let text = "the contact list of this account is legacy, without an owner's tags: another name would \
        destroy 1200 contacts";
    assert_eq!(found.findings, [text]);
    let changes = differences(&world, &account).await;
    let name = changes.iter().find(|change| change.field == "name").expect("another name");
    assert_eq!((&name.live, &name.want, name.impact), (&"legacy".into(), &NAME.into(), Impact::Blocked));

    let fault = apply(&world, &account).await.expect_err("it would destroy contacts");
    assert!(matches!(fault, Fault::Refused(_)) && fault.to_string().contains("destroy"), "{fault}");
    subject(&world.manage(&writer(&account)))
        .delete(MayFind::Anything, model::Data::Lose)
        .await
        .expect("ours is not there");
    ses.get_contact_list().contact_list_name("legacy").send().await.expect("still there");
}

#[tokio::test(start_paused = true)]
async fn the_declared_name_is_the_one_of_the_environment() {
    let world = world_of(&examples()[0], |list| list.name = "crm".to_owned());
    let fault = apply(&world, &fresh()).await.expect_err("two names");
    assert!(fault.to_string().contains("declares the name crm"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn what_ses_refuses_is_refused() {
    let account = fresh();
    apply(&world_of(&examples()[1], |_| {}), &account).await.expect("a birth");
    let ses = Client::new(&account.sdk_config());
    let second = ses.create_contact_list().contact_list_name("second").send().await;
    assert_eq!(code_of(second), "BadRequestException", "one list in an account");
    let crowded = (0..21).map(|number| {
        let topic = aws_sdk_sesv2::types::Topic::builder().topic_name(format!("t{number}"));
        let status = SubscriptionStatus::OptIn;
        topic.display_name("T").default_subscription_status(status).build().expect("a topic")
    });
    let update = ses.update_contact_list().contact_list_name(NAME).set_topics(Some(crowded.collect()));
    assert_eq!(code_of(update.send().await), "BadRequestException", "21 topics");
    let missing = ses.get_contact_list().contact_list_name("none").send().await;
    assert_eq!(code_of(missing), "NotFoundException");

    let contact = || ses.create_contact().contact_list_name(NAME);
    contact().email_address("a@example.com").send().await.expect("a contact");
    let twice = contact().email_address("a@example.com").send().await;
    assert_eq!(code_of(twice), "AlreadyExistsException");
    assert_eq!(code_of(contact().email_address("nobody").send().await), "BadRequestException");
    let odd = contact().email_address("b@example.com").topic_preferences(preference("none", true));
    assert_eq!(code_of(odd.send().await), "BadRequestException", "a topic that there is not");
    let gone = ses.delete_contact().contact_list_name(NAME).email_address("b@example.com").send().await;
    assert_eq!(code_of(gone), "NotFoundException");
}

fn preference(topic: &str, wanted: bool) -> TopicPreference {
    let status = if wanted { SubscriptionStatus::OptIn } else { SubscriptionStatus::OptOut };
    TopicPreference::builder().topic_name(topic).subscription_status(status).build().expect("a preference")
}

#[tokio::test(start_paused = true)]
async fn contacts_are_listed_by_what_they_want() {
    let account = fresh();
    apply(&world_of(&examples()[1], |_| {}), &account).await.expect("a birth");
    let ses = Client::new(&account.sdk_config());
    let contact = |email: &str| ses.create_contact().contact_list_name(NAME).email_address(email);
    contact("a@example.com").topic_preferences(preference("news", true)).send().await.expect("wants news");
    contact("b@example.com").topic_preferences(preference("offers", false)).send().await.expect("no offers");
    contact("c@example.com").send().await.expect("has said nothing");
    contact("d@example.com").unsubscribe_all(true).send().await.expect("wants nothing");

    let list = async |topic: Option<&str>, status: SubscriptionStatus, by_default: bool| {
        let topic = topic.map(|topic| {
            TopicFilter::builder().topic_name(topic).use_default_if_preference_unavailable(by_default).build()
        });
        let filter = ListContactsFilter::builder().filtered_status(status).set_topic_filter(topic).build();
        let mut pages = ses.list_contacts().contact_list_name(NAME).filter(filter).page_size(1);
        let mut found = String::new();
        loop {
            let page = pages.clone().send().await.expect("a page");
            found.extend(page.contacts().iter().filter_map(|one| one.email_address()?.chars().next()));
            let Some(token) = page.next_token else { return found };
            pages = pages.next_token(token);
        }
    };
    let (opt_in, opt_out) = (SubscriptionStatus::OptIn, SubscriptionStatus::OptOut);
    assert_eq!(list(Some("news"), opt_in.clone(), false).await, "a");
    assert_eq!(list(Some("offers"), opt_in.clone(), false).await, "");
    assert_eq!(list(Some("offers"), opt_in.clone(), true).await, "ac");
    assert_eq!(list(Some("offers"), opt_out.clone(), true).await, "bd");
    assert_eq!(list(None, opt_out, false).await, "d");
    assert_eq!(list(None, opt_in, false).await, "abc");

    let update = ses.update_contact().contact_list_name(NAME).email_address("a@example.com");
    update.topic_preferences(preference("offers", false)).send().await.expect("an update");
    let found = ses.get_contact().contact_list_name(NAME).email_address("a@example.com").send().await;
    let found = found.expect("a contact");
    assert_eq!(found.topic_preferences().len(), 2, "preferences are merged");
    assert!(found.topic_default_preferences().is_empty(), "both topics have a preference");

    let fewer = world_of(&examples()[1], |list| drop(list.topics.remove("offers")));
    apply(&fewer, &account).await.expect("a topic less");
    let found = ses.get_contact().contact_list_name(NAME).email_address("a@example.com").send().await;
    assert_eq!(found.expect("a contact").topic_preferences().len(), 1, "the preference went with the topic");
}
