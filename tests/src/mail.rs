//! Mail through the embedded account: what SES refuses to send, and what is kept of what it sends.

use aws_sdk_sesv2::{
    Client,
    operation::send_email::builders::SendEmailFluentBuilder,
    primitives::Blob,
    types::{
        Body, Content, Destination, EmailContent, ListManagementOptions, Message, MessageHeader, MessageTag,
        RawMessage, SubscriptionStatus, SuppressionListReason, Topic, TopicPreference,
    },
};
use sandbox::{Account, Clock};

use crate::laws::{ACCOUNT, REGION, log_group::code_of};

fn content(text: &str) -> Content {
    Content::builder().data(text).build().expect("data is given")
}

fn header(name: &str, value: &str) -> MessageHeader {
    MessageHeader::builder().name(name).value(value).build().expect("both are given")
}

fn tag(name: &str, value: &str) -> MessageTag {
    MessageTag::builder().name(name).value(value).build().expect("both are given")
}

fn simple(headers: &[(&str, &str)]) -> EmailContent {
    let body = Body::builder().text(content("hello")).html(content("<b>hello</b>")).build();
    let message = Message::builder().subject(content("Hi")).body(body);
    let headers = headers.iter().map(|(name, value)| header(name, value)).collect();
    EmailContent::builder().simple(message.set_headers(Some(headers)).build()).build()
}

struct Mail {
    account: Account,
    ses: Client,
}

impl Mail {
    /// An account that may send from example.com.
    async fn verified() -> Self {
        let account = Account::in_memory(ACCOUNT, REGION, Clock::simulated());
        let ses = Client::new(&account.sdk_config());
        account.publish_dns("example.com").expect("an account in memory");
        ses.create_email_identity().email_identity("example.com").send().await.expect("an identity");
        Self { account, ses }
    }

    fn from(&self, from: &str, to: &str) -> SendEmailFluentBuilder {
        let destination = Destination::builder().to_addresses(to).build();
        self.ses.send_email().from_email_address(from).destination(destination).content(simple(&[]))
    }
}

#[tokio::test(start_paused = true)]
async fn a_simple_message_is_kept_whole() {
    let mail = Mail::verified().await;
    let set = mail.ses.create_configuration_set().configuration_set_name("crm");
    set.send().await.expect("a set");
    let unsubscribe = "<mailto:u@example.com>, <https://example.com/u>";
    let ask = mail.from("Crew <crew@news.example.com>", "Ann <ann@example.org>");
    let ask = ask.content(simple(&[("List-Unsubscribe", unsubscribe)])).configuration_set_name("crm");
    let answer = ask.email_tags(tag("campaign", "c1")).send().await.expect("it is sent");
    let sent = mail.account.sent_mail();
    let [one] = sent.as_slice() else { panic!("one message, not {}", sent.len()) };
    assert_eq!(Some(one.message_id.as_str()), answer.message_id());
    assert_eq!((one.from.as_str(), one.subject.as_str()), ("Crew <crew@news.example.com>", "Hi"));
    assert_eq!(one.to, ["Ann <ann@example.org>"]);
    assert_eq!(one.headers, [("List-Unsubscribe".to_owned(), unsubscribe.to_owned())]);
    assert_eq!((one.text.as_deref(), one.html.as_deref()), (Some("hello"), Some("<b>hello</b>")));
    assert_eq!(one.tags["campaign"], "c1");
    assert_eq!(one.configuration_set.as_deref(), Some("crm"));
    assert_eq!(one.at_ms, mail.account.clock().now_ms());
    assert!(one.withheld.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_raw_message_names_its_own_recipients() {
    let mail = Mail::verified().await;
    let raw =
        "From: crew@example.com\r\nTo: ann@example.org, bob@example.org\r\nSubject: Raw\r\n\r\nhello\r\n";
    let raw = RawMessage::builder().data(Blob::new(raw)).build().expect("data is given");
    let content = EmailContent::builder().raw(raw).build();
    mail.ses.send_email().content(content).send().await.expect("it is sent");
    let sent = mail.account.sent_mail();
    assert_eq!(sent[0].to, ["ann@example.org", "bob@example.org"]);
    assert_eq!((sent[0].subject.as_str(), sent[0].text.as_deref()), ("Raw", Some("hello\n")));
}

#[tokio::test(start_paused = true)]
async fn what_ses_does_not_send_is_refused() {
    let mail = Mail::verified().await;
    let stranger = mail.from("a@example.org", "ann@example.org").send().await;
    assert_eq!(code_of(stranger), "MessageRejected");
    let set = mail.from("a@example.com", "ann@example.org").configuration_set_name("absent");
    assert_eq!(code_of(set.send().await), "NotFoundException");
    let wrong = mail.from("a@example.com", "ann@example.org").email_tags(tag("a b", "c"));
    assert_eq!(code_of(wrong.send().await), "BadRequestException");
    let twice = simple(&[("X-A", "1"), ("x-a", "2")]);
    let twice = mail.from("a@example.com", "ann@example.org").content(twice);
    assert_eq!(code_of(twice.send().await), "BadRequestException");
    let long = "x".repeat(996);
    let long = mail.from("a@example.com", "ann@example.org").content(simple(&[("X-A", long.as_str())]));
    assert_eq!(code_of(long.send().await), "BadRequestException");
    let many = Destination::builder().set_to_addresses(Some(vec!["ann@example.org".to_owned(); 51])).build();
    let many = mail.from("a@example.com", "ann@example.org").destination(many);
    assert_eq!(code_of(many.send().await), "BadRequestException");

    let set = mail.ses.create_configuration_set().configuration_set_name("paused");
    set.send().await.expect("a set");
    let pause = mail.ses.put_configuration_set_sending_options().configuration_set_name("paused");
    pause.sending_enabled(false).send().await.expect("a pause");
    let paused = mail.from("a@example.com", "ann@example.org").configuration_set_name("paused");
    assert_eq!(code_of(paused.send().await), "SendingPausedException");

    let from = mail.ses.put_email_identity_mail_from_attributes().email_identity("example.com");
    let reject = aws_sdk_sesv2::types::BehaviorOnMxFailure::RejectMessage;
    let from = from.mail_from_domain("b.example.com").behavior_on_mx_failure(reject);
    from.send().await.expect("a MAIL FROM domain");
    let unready = mail.from("a@example.com", "ann@example.org").send().await;
    assert_eq!(code_of(unready), "MailFromDomainNotVerifiedException");
    mail.account.publish_dns("b.example.com").expect("an account in memory");
    mail.from("a@example.com", "ann@example.org").send().await.expect("it is ready");
    assert_eq!(mail.account.sent_mail().len(), 1, "nothing that was refused is kept");
}

#[tokio::test(start_paused = true)]
async fn in_the_sandbox_of_ses_recipients_must_be_verified() {
    let mail = Mail::verified().await;
    mail.account.set_mail_production(false).expect("an account in memory");
    let stranger = mail.from("a@example.com", "ann@example.org").send().await;
    assert_eq!(code_of(stranger), "MessageRejected");
    mail.from("a@example.com", "b@example.com").send().await.expect("it is verified");
}

#[tokio::test(start_paused = true)]
async fn a_default_configuration_set_counts_until_it_is_deleted() {
    let mail = Mail::verified().await;
    mail.ses.create_configuration_set().configuration_set_name("crm").send().await.expect("a set");
    let default = mail.ses.put_email_identity_configuration_set_attributes().email_identity("example.com");
    default.configuration_set_name("crm").send().await.expect("a default");
    mail.from("a@example.com", "ann@example.org").send().await.expect("it is sent");
    assert_eq!(mail.account.sent_mail()[0].configuration_set.as_deref(), Some("crm"));
    mail.ses.delete_configuration_set().configuration_set_name("crm").send().await.expect("gone");
    let stale = mail.from("a@example.com", "ann@example.org").send().await;
    assert_eq!(code_of(stale), "BadRequestException");
}

#[tokio::test(start_paused = true)]
async fn suppressed_and_unwilling_recipients_are_accepted_and_not_written_to() {
    let mail = Mail::verified().await;
    let suppress = mail.ses.put_suppressed_destination().email_address("Ann@example.org");
    suppress.reason(SuppressionListReason::Bounce).send().await.expect("suppressed");
    mail.from("a@example.com", "ann@example.org").send().await.expect("it is accepted");
    assert_eq!(mail.account.sent_mail()[0].withheld, ["ann@example.org"]);

    let topic = Topic::builder().topic_name("news").display_name("News");
    let topic = topic.default_subscription_status(SubscriptionStatus::OptIn).build().expect("a topic");
    let list = mail.ses.create_contact_list().contact_list_name("crm").topics(topic);
    list.send().await.expect("a list");
    let out = TopicPreference::builder().topic_name("news").subscription_status(SubscriptionStatus::OptOut);
    let contact = mail.ses.create_contact().contact_list_name("crm").email_address("bob@example.org");
    contact.topic_preferences(out.build().expect("a preference")).send().await.expect("a contact");
    let management = |topic: &str| {
        let options = ListManagementOptions::builder().contact_list_name("crm").topic_name(topic);
        options.build().expect("the list is given")
    };
    let to = |address: &str| mail.from("a@example.com", address).list_management_options(management("news"));
    to("bob@example.org").send().await.expect("it is accepted");
    to("cleo@example.org").send().await.expect("it is sent");
    let sent = mail.account.sent_mail();
    assert_eq!(sent[1].withheld, ["bob@example.org"]);
    assert!(sent[2].withheld.is_empty());
    let cleo = mail.ses.get_contact().contact_list_name("crm").email_address("cleo@example.org");
    cleo.send().await.expect("who was not on the list is there now");
    let other = mail.from("a@example.com", "a@example.org").list_management_options(management("absent"));
    assert_eq!(code_of(other.send().await), "BadRequestException");
}
