//! Values of variables that follow from the environment and name no resource.

use crate::variable::{Meaning, Variable, required};

/// Which value a variable has. A stack must say where each comes from: its match over this has no default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    Stage,
    Version,
    CorsAllowedOrigins,
    FirebaseProject,
    FirebaseKeysUrl,
    MailgunUrl,
    MailgunDomain,
    DefaultSender,
    PostalAddress,
    OutreachUnsubscribeUrl,
    ConfirmationUrl,
    TokenMaxAge,
    TrackingDays,
}

/// Prints nothing of the value on failure.
fn parsed<T: std::str::FromStr>(text: Option<String>, what: &str) -> Result<T, String> {
    required(text)?.trim().parse().map_err(|_| format!("is no {what}"))
}

macro_rules! settings {
    ($($(#[$doc:meta])* $type:ident($inner:ty) = $setting:ident by $parse:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $type(pub $inner);

        impl Variable for $type {
            const MEANING: Meaning = Meaning::Setting(Setting::$setting);

            fn parse(text: Option<String>) -> Result<Self, String> {
                let parse: fn(Option<String>) -> Result<$inner, String> = $parse;
                parse(text).map(Self)
            }
        }
    )+};
}

fn url(text: Option<String>) -> Result<String, String> {
    let text = required(text)?;
    let web = text.starts_with("https://") || text.starts_with("http://");
    if web { Ok(text.trim_end_matches('/').to_owned()) } else { Err("is no URL".to_owned()) }
}

settings! {
    /// The name of the stage, for logs and metrics.
    Stage(String) = Stage by required;
    /// The version that answers carry (R2).
    Version(String) = Version by required;
    /// Origins that browsers may call from, exactly as they send them (I2).
    CorsAllowedOrigins(Vec<String>) = CorsAllowedOrigins by |text| {
        Ok(required(text)?.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect())
    };
    /// The Firebase project whose tokens are accepted: issuer and audience.
    FirebaseProject(String) = FirebaseProject by required;
    /// Where the keys of Firebase tokens are published.
    FirebaseKeysUrl(String) = FirebaseKeysUrl by url;
    /// Base URL of Mailgun's API; the EU has a host of its own.
    MailgunUrl(String) = MailgunUrl by url;
    /// The domain that Mailgun sends for.
    MailgunDomain(String) = MailgunDomain by required;
    /// From whom mail is that does not say.
    DefaultSender(String) = DefaultSender by required;
    /// The postal address that every footer shows (standards 2.1).
    PostalAddress(String) = PostalAddress by required;
    /// The public URL of the unsubscribe endpoint that outreach mail links to (R64, A32).
    OutreachUnsubscribeUrl(String) = OutreachUnsubscribeUrl by url;
    /// The CRM's page that an unsubscribe link leads to; the function serves one of its own without it.
    ConfirmationUrl(Option<String>) = ConfirmationUrl by |text| match text {
        Some(text) if !text.trim().is_empty() => url(Some(text)).map(Some),
        _ => Ok(None),
    };
    /// Days for which an unsubscribe token shows data and resubscribes (A25).
    TokenMaxAge(u32) = TokenMaxAge by |text| parsed(text, "number of days");
    /// Days for which rows of messages and events are kept.
    TrackingDays(u32) = TrackingDays by |text| parsed(text, "number of days");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_value_is_named_and_not_shown() {
        let why = TokenMaxAge::parse(Some("thirty-secret".to_owned())).unwrap_err();
        assert_eq!(why, "is no number of days");
        assert_eq!(MailgunUrl::parse(Some("api.mailgun.net".to_owned())).unwrap_err(), "is no URL");
        assert_eq!(ConfirmationUrl::parse(None), Ok(ConfirmationUrl(None)));
        let origins = CorsAllowedOrigins::parse(Some("https://a.example, https://b.example,".to_owned()));
        assert_eq!(origins.unwrap().0, ["https://a.example", "https://b.example"]);
    }
}
