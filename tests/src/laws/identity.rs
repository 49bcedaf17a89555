//! Examples of identities, and what a person is told while DNS records are missing.

use std::time::Duration;

use aws_sdk_sesv2::Client;
use kinds::{
    World,
    kinds::{
        configuration_set::ConfigurationSet,
        identity::{Dkim, DkimKey, Identity, MailFrom, WithoutMx},
    },
};
use model::{Fault, Ref};
use sandbox::{Account, Weather};

use super::{Example, apply, differences, fresh, hold, log_group::code_of, look, world_of};

fn set(world: &mut World, name: &str) -> Ref<ConfigurationSet> {
    world.add("laws", name, ConfigurationSet::counting()).expect("an address").by("name")
}

fn bounces(domain: &str) -> MailFrom {
    MailFrom { domain: domain.to_owned(), without_mx: WithoutMx::Reject }
}

pub(crate) fn examples() -> [Example<Identity>; 3] {
    [
        Example {
            name: "domain",
            declare: |world| {
                set(world, "default");
                Identity::domain("example.com")
            },
            mutations: &[
                ("name", |one| one.name = "example.org".to_owned()),
                ("dkim", |one| one.dkim = Some(Dkim { signing: false, key: DkimKey::Rsa2048 })),
                ("dkim", |one| one.dkim = Some(Dkim { signing: true, key: DkimKey::Rsa1024 })),
                ("mail_from", |one| one.mail_from = Some(bounces("bounces.example.com"))),
                ("configuration_set", |one| one.configuration_set = Some(Ref::live("dn-test-default"))),
                ("feedback_forwarding", |one| one.feedback_forwarding = false),
            ],
        },
        Example {
            name: "everything",
            declare: |world| {
                set(world, "other");
                let configuration_set = Some(set(world, "default"));
                Identity {
                    dkim: Some(Dkim { signing: false, key: DkimKey::Rsa1024 }),
                    mail_from: Some(bounces("bounces.mail.example.com")),
                    configuration_set,
                    feedback_forwarding: false,
                    ..Identity::domain("mail.example.com")
                }
            },
            mutations: &[
                ("mail_from", |one| one.mail_from = None),
                ("mail_from", |one| one.mail_from = Some(bounces("b.mail.example.com"))),
                ("mail_from", |one| {
                    let from = one.mail_from.as_mut().expect("a domain");
                    from.without_mx = WithoutMx::UseAmazons;
                }),
                ("configuration_set", |one| one.configuration_set = None),
                ("configuration_set", |one| one.configuration_set = Some(Ref::live("dn-test-other"))),
                ("feedback_forwarding", |one| one.feedback_forwarding = true),
            ],
        },
        Example {
            name: "address",
            declare: |_| Identity::address("crm+test@example.com"),
            mutations: &[
                ("mail_from", |one| one.mail_from = Some(bounces("bounces.example.com"))),
                ("feedback_forwarding", |one| one.feedback_forwarding = false),
            ],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_identity() {
    hold(&examples()).await;
}

async fn findings(account: &Account) -> Vec<String> {
    look(&world_of(&examples()[1], |_| {}), account).await.1.expect("it exists").findings
}

#[tokio::test(start_paused = true)]
async fn missing_dns_is_told_with_the_records_and_never_waited_for() {
    let account = fresh();
    let world = world_of(&examples()[1], |_| {});
    apply(&world, &account).await.expect("a birth that does not wait");
    assert_eq!(differences(&world, &account).await, [], "waiting for DNS is no difference");

    let told = findings(&account).await;
    assert_eq!(told.len(), 3, "{told:?}");
    let dkim = told[0].strip_prefix("waiting for DNS (DKIM): publish ").expect("the records");
    let records: Vec<&str> = dkim.split(", ").collect();
    assert_eq!(records.len(), 3, "{dkim}");
    for record in records {
        let (token, rest) = record.split_once("._domainkey.mail.example.com CNAME ").expect("a record");
        assert_eq!(rest, format!("{token}.dkim.amazonses.com"));
    }
    assert_eq!(
        told[1],
        "a DMARC record is advised, such as _dmarc.mail.example.com TXT \"v=DMARC1; p=none;\""
    );
    assert_eq!(
        told[2],
        "waiting for DNS (MAIL FROM): publish bounces.mail.example.com MX 10 \
         feedback-smtp.us-east-1.amazonses.com, bounces.mail.example.com TXT \"v=spf1 include:amazonses.com \
         ~all\""
    );
    let records = look(&world, &account).await.1.expect("it exists").outputs["records"].clone();
    assert_eq!(records.split(" | ").count(), 6, "{records}");
    assert!(dkim.split(", ").all(|record| records.contains(record)), "{records}");

    account.publish_dns("mail.example.com").expect("an account in memory");
    assert_eq!(findings(&account).await, [told[2].clone()], "the keys are found");
    account.publish_dns("bounces.mail.example.com").expect("an account in memory");
    assert_eq!(findings(&account).await, Vec::<String>::new());
    let found = look(&world, &account).await.1.expect("it exists");
    assert_eq!(found.outputs["records"], records, "the records stay needed");
}

#[tokio::test(start_paused = true)]
async fn ses_gives_up_after_three_days() {
    let account = fresh();
    apply(&world_of(&examples()[1], |_| {}), &account).await.expect("a birth");
    tokio::time::advance(Duration::from_secs(73 * 3_600)).await;
    let told = findings(&account).await;
    assert!(told[0].starts_with("SES gave up looking for the DNS records of DKIM: publish "), "{told:?}");
    assert!(told[2].starts_with("SES gave up looking for the DNS records of MAIL FROM"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_identity_is_verified_a_while_after_its_records_are_published() {
    let account = fresh();
    account.set_weather(Weather { propagation: Duration::from_secs(8), ..Weather::default() });
    apply(&world_of(&examples()[1], |_| {}), &account).await.expect("a birth");
    account.publish_dns("mail.example.com").expect("an account in memory");
    assert_eq!(findings(&account).await.len(), 3, "not found yet");
    tokio::time::advance(Duration::from_secs(9)).await;
    assert_eq!(findings(&account).await.len(), 1, "only MAIL FROM is missing");
}

#[tokio::test(start_paused = true)]
async fn an_address_waits_for_its_owner_unless_its_domain_is_verified() {
    let account = fresh();
    let world = world_of(&examples()[2], |_| {});
    apply(&world, &account).await.expect("a birth");
    let told = look(&world, &account).await.1.expect("it exists").findings;
    assert_eq!(told, ["waiting for crm+test@example.com to open the link that SES sent"]);
    account.publish_dns("crm+test@example.com").expect("an account in memory");
    assert!(look(&world, &account).await.1.expect("it exists").findings.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_identity_that_cannot_be_is_refused_before_any_call() {
    for (example, change) in [
        (&examples()[0], (|one| one.dkim = None) as fn(&mut Identity)),
        (&examples()[0], |one| one.dkim = Some(Dkim { signing: true, key: DkimKey::Foreign })),
        (&examples()[2], |one| one.dkim = Some(Dkim { signing: true, key: DkimKey::Rsa2048 })),
    ] {
        let account = fresh();
        let fault = apply(&world_of(example, change), &account).await.expect_err("it cannot be");
        let told = fault.to_string();
        assert!(matches!(fault, Fault::Refused(_)), "{told}");
        assert!(told.contains("dkim") || told.contains("key of one's own"), "{told}");
        assert!(!account.served().iter().any(|call| call.operation == "CreateEmailIdentity"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_ses_refuses_of_identities_is_refused() {
    let account = fresh();
    apply(&world_of(&examples()[0], |_| {}), &account).await.expect("a birth");
    let ses = Client::new(&account.sdk_config());
    let name = "example.com";
    let twice = ses.create_email_identity().email_identity(name).send().await;
    assert_eq!(code_of(twice), "AlreadyExistsException");
    for wrong in ["nowhere", "a@b@example.com", "@example.com"] {
        let answer = ses.create_email_identity().email_identity(wrong).send().await;
        assert_eq!(code_of(answer), "BadRequestException", "{wrong}");
    }
    let unset =
        ses.create_email_identity().email_identity("a.org").configuration_set_name("absent").send().await;
    assert_eq!(code_of(unset), "NotFoundException");
    let unmade = ses.get_email_identity().email_identity("a.org").send().await;
    assert_eq!(code_of(unmade), "NotFoundException", "nothing was made");
    let outside = ses.put_email_identity_mail_from_attributes().email_identity(name);
    let outside = outside.mail_from_domain("bounces.example.org").send().await;
    assert_eq!(code_of(outside), "BadRequestException");
    let absent = ses.put_email_identity_mail_from_attributes().email_identity("absent.org").send().await;
    assert_eq!(code_of(absent), "BadRequestException");
    let set = ses.put_email_identity_configuration_set_attributes().email_identity(name);
    assert_eq!(code_of(set.configuration_set_name("absent").send().await), "NotFoundException");
}

#[tokio::test(start_paused = true)]
async fn an_identity_is_born_and_changed_in_slow_weather() {
    for example in &examples() {
        let account = fresh();
        account.set_weather(Weather::realistic());
        apply(&world_of(example, |_| {}), &account).await.expect("a birth");
        for (field, mutate) in example.mutations.iter().filter(|(field, _)| *field != "name") {
            let changed = world_of(example, mutate);
            apply(&changed, &account).await.expect(field);
            assert_eq!(differences(&changed, &account).await, [], "{}.{field}", example.name);
        }
    }
}
