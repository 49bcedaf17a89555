//! Where the value of each variable of a function comes from.

use contract::{
    operations::{ALARMS, CONTROL},
    reply::VERSION,
    resource::{CONTACT_LIST, UNSUBSCRIBE_KEY},
    setting::Setting,
    signing::SECRET,
    variable::Meaning,
};
use kinds::bound::DeclareError;
use model::{Address, Text};

use crate::{Environment, domains};

/// The address of what a variable names.
pub(crate) fn address(meaning: Meaning) -> Result<Option<Address>, DeclareError> {
    let (stack, kind, name) = match meaning {
        Meaning::Setting(_) => return Ok(None),
        Meaning::Table(table, _) => (table.stack, "table", table.name),
        Meaning::Secret(secret) => (secret.stack, "secret", secret.name),
        Meaning::Key(_) => (UNSUBSCRIBE_KEY.0, "key", UNSUBSCRIBE_KEY.1),
        Meaning::ContactList(_) => (CONTACT_LIST.0, "contact list", CONTACT_LIST.1),
        Meaning::RotatedKey => (SECRET.stack, "secret", SECRET.name),
        Meaning::Control | Meaning::RotationControl => (CONTROL.0, "bucket", CONTROL.1),
        Meaning::AlarmTopic => (ALARMS.0, "topic", ALARMS.1),
    };
    Ok(Some(Address::new(stack, kind, name)?))
}

/// The text that a variable is set to; `None` leaves it unset.
pub(crate) fn value(meaning: Meaning, environment: &Environment) -> Result<Option<Text>, DeclareError> {
    if let Meaning::Setting(setting) = meaning {
        return self::setting(setting, environment);
    }
    let attribute = match meaning {
        Meaning::Key(_) => "alias",
        Meaning::AlarmTopic => "arn",
        _ => "name",
    };
    Ok(address(meaning)?.map(|at| Text::of(&at, attribute)))
}

fn setting(setting: Setting, environment: &Environment) -> Result<Option<Text>, DeclareError> {
    let Environment { web, firebase, mail, unsubscribe, .. } = environment;
    Ok(Some(match setting {
        Setting::Stage => web.path.as_str().into(),
        Setting::Version => VERSION.into(),
        Setting::CorsAllowedOrigins => web.origins.join(",").into(),
        Setting::FirebaseProject => firebase.project.as_str().into(),
        Setting::FirebaseKeysUrl => firebase.keys_url.as_str().into(),
        Setting::MailgunUrl => mail.mailgun.url.as_str().into(),
        Setting::MailgunDomain => mail.mailgun.domain.as_str().into(),
        Setting::DefaultSender => mail.sender.as_str().into(),
        Setting::PostalAddress => mail.postal_address.as_str().into(),
        Setting::OutreachUnsubscribeUrl => match &unsubscribe.outreach_url {
            Some(url) => url.as_str().into(),
            None => domains::url_of(environment, "outreach", "outreach")?.then("/outreach/unsubscribe"),
        },
        Setting::FinancialUnsubscribeUrl => match &unsubscribe.financial_url {
            Some(url) => url.as_str().into(),
            None => domains::url_of(environment, "financial", "financial")?.then("/financial/unsubscribe"),
        },
        Setting::UnsubscribeMailbox => mail.unsubscribe_mailbox.as_str().into(),
        Setting::ConfirmationUrl => return Ok(unsubscribe.confirmation_url.as_deref().map(Text::from)),
        Setting::TokenMaxAge => unsubscribe.token_days.to_string().into(),
        Setting::TrackingDays => mail.tracking_days.to_string().into(),
        Setting::SuppressionDays => mail.suppression_days.to_string().into(),
    }))
}
