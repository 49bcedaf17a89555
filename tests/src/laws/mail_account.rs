//! Examples of the mail account, which is always there: its laws leave out what supposes that it was made.

use aws_sdk_sesv2::Client;
use kinds::kinds::{
    configuration_set::{Suppression, Vdm},
    mail_account::MailAccount,
};
use model::MayFind;
use sandbox::{Account, Weather};

use super::{
    Example, a_killed_birth_is_completed, a_second_apply_writes_nothing, apply, differences,
    every_field_converges, every_field_has_a_mutation, fresh, look, subject, world_of, writer,
};

pub(crate) fn examples() -> [Example<MailAccount>; 2] {
    [
        Example {
            name: "quiet",
            declare: |_| MailAccount { suppression: [].into(), vdm: None },
            mutations: &[
                ("suppression", |account| account.suppression = [Suppression::Bounce].into()),
                ("vdm", |account| account.vdm = Some(Vdm { engagement: false, shared_delivery: false })),
            ],
        },
        Example {
            name: "everything",
            declare: |_| MailAccount {
                vdm: Some(Vdm { engagement: true, shared_delivery: true }),
                ..MailAccount::usual()
            },
            mutations: &[
                ("suppression", |account| account.suppression = [Suppression::Complaint].into()),
                ("vdm", |account| account.vdm = None),
                ("vdm", |account| account.vdm = Some(Vdm { engagement: false, shared_delivery: true })),
            ],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_mail_account() {
    for example in &examples() {
        let account = fresh();
        let world = world_of(example, |_| {});
        assert!(!differences(&world, &account).await.is_empty(), "{}: it starts otherwise", example.name);
        apply(&world, &account).await.expect("a change");
        assert_eq!(differences(&world, &account).await, [], "{}", example.name);
        a_second_apply_writes_nothing(example, &account).await;
        every_field_converges(example).await;
        a_killed_birth_is_completed(example).await;
    }
    every_field_has_a_mutation(&examples());
}

#[tokio::test(start_paused = true)]
async fn deleting_it_writes_what_aws_starts_with() {
    let account = fresh();
    let usual = Example::<MailAccount> { name: "usual", declare: |_| MailAccount::usual(), mutations: &[] };
    assert_eq!(differences(&world_of(&usual, |_| {}), &account).await, [], "before anybody changed it");
    let world = world_of(&examples()[1], |account| {
        account.suppression.pop_first();
    });
    apply(&world, &account).await.expect("a change");
    for writes in [2, 0] {
        account.forget_served();
        let managed = world.manage(&writer(&account));
        subject(&managed).delete(MayFind::Anything, model::Data::Keep).await.expect("a delete");
        assert_eq!(account.served().iter().filter(|call| call.writes).count(), writes);
        assert_eq!(differences(&world_of(&usual, |_| {}), &account).await, []);
    }
}

async fn found(account: &Account) -> model::Found {
    look(&world_of(&examples()[1], |_| {}), account).await.1.expect("it is always there")
}

#[tokio::test(start_paused = true)]
async fn the_sandbox_of_ses_and_a_pause_are_told() {
    let account = fresh();
    account.set_weather(Weather::realistic());
    let quiet = found(&account).await;
    assert_eq!(quiet.findings, Vec::<String>::new());
    let outputs = [("max_24_hour_send", "50000"), ("max_send_rate", "14"), ("production", "true")];
    for (name, value) in outputs {
        assert_eq!(quiet.outputs[name], value);
    }
    account.set_mail_production(false).expect("an account in memory");
    account.set_weather(Weather::default());
    let ses = Client::new(&account.sdk_config());
    ses.put_account_sending_attributes().sending_enabled(false).send().await.expect("a pause");
    let told = found(&account).await;
    assert!(told.findings[0].starts_with("the account is in the SES sandbox"), "{:?}", told.findings);
    assert!(told.findings[1].contains("paused sending"), "{:?}", told.findings);
    let outputs = [("max_24_hour_send", "200"), ("max_send_rate", "1"), ("sending", "false")];
    for (name, value) in outputs {
        assert_eq!(told.outputs[name], value);
    }
}
