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
    FinancialUnsubscribeUrl,
    UnsubscribeMailbox,
    ConfirmationUrl,
    TokenMaxAge,
    TrackingDays,
    SuppressionDays,
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
    match host_of(&text) {
        Some(host) if !host.is_empty() => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err("is no URL".to_owned()),
    }
}

/// Host and port of a web address in printable ASCII.
fn host_of(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let plain = rest.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then(|| rest.split(['/', '?', '#']).next().unwrap_or_default())
}

/// Origins as browsers send them: scheme and host, and nothing behind.
fn origins(text: Option<String>) -> Result<Vec<String>, String> {
    let text = required(text)?;
    let all = text.split(',').map(str::trim).filter(|one| !one.is_empty());
    let all: Vec<String> = all.map(str::to_owned).collect();
    let origin = |one: &String| host_of(one).is_some_and(|host| !host.is_empty() && one.ends_with(host));
    match !all.is_empty() && all.iter().all(origin) {
        true => Ok(all),
        false => Err("is no list of origins, such as https://crm.example.com".to_owned()),
    }
}

fn domain(text: Option<String>) -> Result<String, String> {
    let text = required(text)?;
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if text.contains('.') && text.split('.').all(part) { Ok(text) } else { Err("is no domain".to_owned()) }
}

/// An address, alone or in angle brackets after a name.
fn sender(text: Option<String>) -> Result<String, String> {
    let text = required(text)?;
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
        None => &text,
    };
    let plain = !text.chars().any(char::is_control) && !address.contains(char::is_whitespace);
    let parts = address.rsplit_once('@').filter(|(local, host)| !local.is_empty() && !host.is_empty());
    if plain && parts.is_some() { Ok(text) } else { Err("is no sender".to_owned()) }
}

settings! {
    /// The name of the stage, for logs and metrics.
    Stage(String) = Stage by required;
    /// The version that answers carry (R2).
    Version(String) = Version by required;
    /// Origins that browsers may call from, exactly as they send them (I2).
    CorsAllowedOrigins(Vec<String>) = CorsAllowedOrigins by origins;
    /// The Firebase project whose tokens are accepted: issuer and audience.
    FirebaseProject(String) = FirebaseProject by required;
    /// Where the keys of Firebase tokens are published.
    FirebaseKeysUrl(String) = FirebaseKeysUrl by url;
    /// Base URL of Mailgun's API; the EU has a host of its own.
    MailgunUrl(String) = MailgunUrl by url;
    /// The domain that Mailgun sends for.
    MailgunDomain(String) = MailgunDomain by domain;
    /// From whom mail is that does not say.
    DefaultSender(String) = DefaultSender by sender;
    /// The postal address that every footer shows (standards 2.1).
    PostalAddress(String) = PostalAddress by required;
    /// The public URL of the unsubscribe endpoint that outreach mail links to (R64, A32).
    OutreachUnsubscribeUrl(String) = OutreachUnsubscribeUrl by url;
    /// The same for financial mail.
    FinancialUnsubscribeUrl(String) = FinancialUnsubscribeUrl by url;
    /// The address that mail to unsubscribe goes to (R66, R68); list headers have no mailto link without it.
    UnsubscribeMailbox(Option<String>) = UnsubscribeMailbox by |text| match text {
        Some(text) if text.trim().is_empty() => Ok(None),
        Some(text) if text.contains('@') && text.is_ascii() => Ok(Some(text.trim().to_owned())),
        Some(_) => Err("is no address".to_owned()),
        None => Ok(None),
    };
    /// The CRM's page that an unsubscribe link leads to; the function serves one of its own without it.
    ConfirmationUrl(Option<String>) = ConfirmationUrl by |text| match text {
        Some(text) if !text.trim().is_empty() => url(Some(text)).map(Some),
        _ => Ok(None),
    };
    /// Days for which an unsubscribe token shows data and resubscribes (A25).
    TokenMaxAge(u32) = TokenMaxAge by |text| parsed(text, "number of days");
    /// Days for which rows of messages and events are kept.
    TrackingDays(u32) = TrackingDays by |text| parsed(text, "number of days");
    /// Days for which an address that bounced for good is not sent to (A24).
    SuppressionDays(u32) = SuppressionDays by |text| parsed(text, "number of days");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_value_is_named_and_not_shown() {
        let why = TokenMaxAge::parse(Some("thirty-secret".to_owned())).unwrap_err();
        assert_eq!(why, "is no number of days");
        assert_eq!(MailgunUrl::parse(Some("api.mailgun.net".to_owned())).unwrap_err(), "is no URL");
        for wrong in
            ["https://", "https:///path", "https://a.example/\u{7}", "https://a example", "ftp://a.example"]
        {
            assert_eq!(ConfirmationUrl::parse(Some(wrong.to_owned())).unwrap_err(), "is no URL", "{wrong}");
        }
        for wrong in ["mg", "mg..example", "mg.example/v3", ".example"] {
            assert_eq!(MailgunDomain::parse(Some(wrong.to_owned())).unwrap_err(), "is no domain", "{wrong}");
        }
        for wrong in ["news", "News <news>", "News <a@b", "a@", "a@b\r\nBcc: c@d"] {
            assert_eq!(
                DefaultSender::parse(Some(wrong.to_owned())).unwrap_err(),
                "is no sender",
                "{wrong:?}"
            );
        }
        for right in ["news@a.example", "Distro Nation <news@a.example>"] {
            assert_eq!(DefaultSender::parse(Some(right.to_owned())).unwrap().0, right);
        }
        for wrong in [",", "https://a.example/", "a.example", "https://a.example, https://"] {
            let why = CorsAllowedOrigins::parse(Some(wrong.to_owned())).unwrap_err();
            assert!(why.starts_with("is no list of origins"), "{wrong}");
        }
        assert_eq!(ConfirmationUrl::parse(None), Ok(ConfirmationUrl(None)));
        let origins = CorsAllowedOrigins::parse(Some("https://a.example, https://b.example,".to_owned()));
        assert_eq!(origins.unwrap().0, ["https://a.example", "https://b.example"]);
    }
}
