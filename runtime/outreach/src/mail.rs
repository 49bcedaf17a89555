//! A mail as it is asked for, checked.

use std::collections::{BTreeMap, BTreeSet};

use contract::outreach::{Addresses, SendEmailRequest, SendTemplateEmailRequest, TrackingSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use subscription::Recipient;
use support::{Failed, address::is_address};

use crate::clean;

/// Recipients of one call of Mailgun.
const MOST_RECIPIENTS: usize = 1000;
const MOST_TAGS: usize = 10;
const LONGEST_TAG: usize = 128;
const LONGEST_SUBJECT: usize = 998;
const LONGEST_TEMPLATE: usize = 128;
const MOST_VARIABLES: usize = 100;
/// The variable and the tag that mean something to us.
const CAMPAIGN: &str = "campaignId";
const TRANSACTIONAL: &str = "transactional";
/// The campaign of mail that names none.
const NO_CAMPAIGN: &str = "direct";

/// A mail that can be sent. It prints only its campaign: the rest is between sender and recipients.
#[derive(Clone, PartialEq)]
pub(crate) struct Mail {
    pub(crate) to: BTreeSet<Recipient>,
    pub(crate) subject: Option<String>,
    pub(crate) content: Content,
    pub(crate) from: Option<String>,
    pub(crate) reply_to: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) tracking: TrackingSettings,
    pub(crate) campaign: String,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mail({})", self.campaign)
    }
}

/// What a mail says.
#[derive(Clone, PartialEq)]
pub(crate) enum Content {
    Written { html: Option<String>, text: Option<String> },
    Template { name: String, variables: Map<String, Value> },
}

/// Reads a body. The answer names the member that is wrong, and shows nothing of it.
pub(crate) fn body<R: DeserializeOwned>(body: &[u8]) -> Result<R, Failed> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let member = path.split(['.', '[']).next().unwrap_or_default().to_owned();
        // serde says which member is missing, and quotes values when they are of another type.
        let message = error.inner().to_string();
        let missing = message.split_once("missing field `").and_then(|(_, rest)| rest.split('`').next());
        match (missing, member.as_str()) {
            (Some(missing), _) => Failed::invalid(format!("{missing} is required")),
            (None, "" | "?") => Failed::invalid("The body is no JSON object of the documented form"),
            (None, member) => Failed::invalid(format!("{member}: not of the documented type")),
        }
    })?;
    json.end().map_err(|_| Failed::invalid("The body is no JSON object of the documented form"))?;
    Ok(read)
}

impl Mail {
    /// # Errors
    /// What is wrong with the request.
    pub(crate) fn written(asked: SendEmailRequest) -> Result<Self, Failed> {
        let blank = |part: &Option<String>| part.as_deref().is_none_or(|part| part.trim().is_empty());
        if blank(&asked.html) && blank(&asked.text) {
            return Err(Failed::invalid("Either text or html content is required"));
        }
        let tags = tags(asked.tags)?;
        let variables = variables(asked.custom_variables.unwrap_or_default())?;
        let named = variables.get(CAMPAIGN).or(tags.first()).map_or(NO_CAMPAIGN, String::as_str).to_owned();
        Ok(Self {
            to: recipients(asked.to)?,
            subject: Some(subject(asked.subject)?),
            content: Content::Written {
                html: asked.html.filter(|html| !html.trim().is_empty()),
                text: asked.text.filter(|text| !text.trim().is_empty()),
            },
            from: sender(asked.from, "from")?,
            reply_to: sender(asked.reply_to, "replyTo")?,
            campaign: campaign(named)?,
            tags,
            variables,
            tracking: asked.tracking_settings.unwrap_or_default(),
        })
    }

    /// # Errors
    /// What is wrong with the request.
    pub(crate) fn from_template(asked: SendTemplateEmailRequest) -> Result<Self, Failed> {
        let name = asked.template;
        let plain = |one: char| one.is_alphanumeric() || " ._-".contains(one);
        if name.trim().is_empty() || name.chars().count() > LONGEST_TEMPLATE || !name.chars().all(plain) {
            let rule = format!("1 to {LONGEST_TEMPLATE} letters, digits, spaces, ., - and _");
            return Err(Failed::invalid(format!("template: {rule}")));
        }
        let given = asked.template_variables.unwrap_or_default();
        if given.len() > MOST_VARIABLES {
            return Err(Failed::invalid(format!("templateVariables: at most {MOST_VARIABLES}")));
        }
        let cleaned = clean::template(&Value::Object(given.into_iter().collect()))?;
        let Value::Object(variables) = cleaned else { return Err(Failed::internal("an object stays one")) };
        let tags = tags(asked.tags)?;
        Ok(Self {
            to: recipients(asked.to)?,
            subject: asked.subject.map(subject).transpose()?,
            from: sender(asked.from, "from")?,
            reply_to: sender(asked.reply_to, "replyTo")?,
            campaign: campaign(tags.first().unwrap_or(&name).clone())?,
            content: Content::Template { name, variables },
            tags,
            variables: BTreeMap::new(),
            tracking: asked.tracking_settings.unwrap_or_default(),
        })
    }

    /// Whether it says how to unsubscribe: always, but for transactional mail that asks not to (A20).
    pub(crate) fn tells_how_to_leave(&self) -> bool {
        let transactional = self.tags.iter().any(|tag| tag.eq_ignore_ascii_case(TRANSACTIONAL));
        !(transactional && self.tracking.unsubscribes == Some(false))
    }
}

fn recipients(asked: Addresses) -> Result<BTreeSet<Recipient>, Failed> {
    let asked = match asked {
        Addresses::One(address) => vec![address],
        Addresses::Many(addresses) => addresses,
    };
    if asked.is_empty() || asked.len() > MOST_RECIPIENTS {
        return Err(Failed::invalid(format!("to: 1 to {MOST_RECIPIENTS} recipients")));
    }
    let parsed = asked.iter().enumerate().map(|(index, address)| {
        let valid = Some(address.trim()).filter(|address| is_address(address)).and_then(Recipient::parse);
        valid.ok_or_else(|| Failed::invalid(format!("to: address {} is not valid", index + 1)))
    });
    parsed.collect()
}

fn sender(address: Option<String>, member: &str) -> Result<Option<String>, Failed> {
    let Some(address) = address else { return Ok(None) };
    let address = address.trim();
    if is_address(address) {
        return Ok(Some(address.to_owned()));
    }
    Err(Failed::invalid(format!("{member}: the address is not valid")))
}

fn subject(subject: String) -> Result<String, Failed> {
    if subject.trim().is_empty() {
        return Err(Failed::invalid("subject is required"));
    }
    if subject.chars().count() > LONGEST_SUBJECT {
        return Err(Failed::invalid(format!("subject: at most {LONGEST_SUBJECT} characters")));
    }
    if subject.chars().any(char::is_control) {
        return Err(Failed::invalid("subject: one line without control characters"));
    }
    Ok(subject)
}

fn tags(tags: Option<Vec<String>>) -> Result<Vec<String>, Failed> {
    let tags = tags.unwrap_or_default();
    let valid = |tag: &String| {
        (1..=LONGEST_TAG).contains(&tag.chars().count())
            && !tag.trim().is_empty()
            && !tag.chars().any(char::is_control)
    };
    if tags.len() > MOST_TAGS || !tags.iter().all(valid) {
        return Err(Failed::invalid(format!("tags: at most {MOST_TAGS} of 1 to {LONGEST_TAG} characters")));
    }
    Ok(tags)
}

fn variables(given: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Failed> {
    if given.len() > MOST_VARIABLES {
        return Err(Failed::invalid(format!("customVariables: at most {MOST_VARIABLES}")));
    }
    given
        .into_iter()
        .map(|(name, value)| {
            clean::check_name(&name)?;
            Ok((name, clean::custom(&value)))
        })
        .collect()
}

/// A campaign is the key of an index: neither empty nor long.
fn campaign(name: String) -> Result<String, Failed> {
    if (1..=LONGEST_TAG).contains(&name.chars().count()) {
        return Ok(name);
    }
    Err(Failed::invalid(format!("customVariables.{CAMPAIGN}: 1 to {LONGEST_TAG} characters")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn written(value: Value) -> Result<Mail, Failed> {
        body(value.to_string().as_bytes()).and_then(Mail::written)
    }

    fn mail() -> Value {
        json!({ "to": "A@b.example", "subject": "s", "text": "t" })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut mail = mail();
        mail[name] = value;
        mail
    }

    #[test]
    fn a_mail_is_read() {
        let mail = written(json!({
            "to": ["b@b.example", "a@b.example", "B@b.example"], "subject": "s", "html": " ", "text": "t",
            "replyTo": "r@b.example", "tags": ["x"], "customVariables": { "campaignId": "c" }, "other": 1,
            "trackingSettings": { "opens": true }, "from": null,
        }))
        .expect("a mail");
        let to: Vec<&str> = mail.to.iter().map(Recipient::address).collect();
        assert_eq!((to, mail.campaign.as_str()), (vec!["a@b.example", "b@b.example"], "c"));
        assert!(mail.content == Content::Written { html: None, text: Some("t".to_owned()) });
        assert_eq!(mail.tracking, TrackingSettings { opens: Some(true), clicks: None, unsubscribes: None });
        assert_eq!(written(with("tags", json!(["x", "y"]))).expect("a mail").campaign, "x");
        assert_eq!(written(super::tests::mail()).expect("a mail").campaign, "direct");
    }

    #[test]
    fn what_is_wrong_is_named_and_not_shown() {
        let both = "Either text or html content is required";
        for (value, want) in [
            (with("text", Value::Null), both),
            (with("text", json!(" ")), both),
            (with("to", json!([])), "to: 1 to 1000 recipients"),
            (with("to", json!(vec!["a@b.example"; 1001])), "to: 1 to 1000 recipients"),
            (with("to", json!(["a@b.example", "secret"])), "to: address 2 is not valid"),
            (with("to", json!(7)), "to: not of the documented type"),
            (with("subject", json!("")), "subject is required"),
            (with("subject", json!("s".repeat(999))), "subject: at most 998 characters"),
            (with("subject", json!("a\r\nBcc: x")), "subject: one line without control characters"),
            (with("subject", json!(["secret@b.example"])), "subject: not of the documented type"),
            (with("from", json!("Secret <a@b.example>")), "from: the address is not valid"),
            (with("replyTo", json!("secret")), "replyTo: the address is not valid"),
            (with("tags", json!(["x".repeat(129)])), "tags: at most 10 of 1 to 128 characters"),
            (with("tags", json!(vec!["x"; 11])), "tags: at most 10 of 1 to 128 characters"),
            (with("customVariables", json!({ "a": 1 })), "customVariables: not of the documented type"),
            (
                with("customVariables", json!({ "campaignId": "" })),
                "customVariables.campaignId: 1 to 128 characters",
            ),
            (
                with("trackingSettings", json!({ "opens": "x" })),
                "trackingSettings: not of the documented type",
            ),
            (json!({ "to": "a@b.example", "text": "t" }), "subject is required"),
            (json!([]), "The body is no JSON object of the documented form"),
        ] {
            assert_eq!(written(value.clone()).expect_err("refused").message, want, "{value}");
        }
        for text in ["", "{", "{} {}", "\u{feff}{}", "nul"] {
            assert!(body::<SendEmailRequest>(text.as_bytes()).is_err(), "{text}");
        }
        let template = |name: &str| {
            body(json!({ "to": "a@b.example", "template": name }).to_string().as_bytes())
                .and_then(Mail::from_template)
        };
        assert!(template("welcome-template").is_ok_and(|mail| mail.campaign == "welcome-template"));
        for name in ["", "../x", "a\nb", &"x".repeat(129)] {
            assert!(template(name).is_err(), "{name}");
        }
    }

    #[test]
    fn only_transactional_mail_may_be_silent_about_leaving() {
        let mail = |tags: Value, said: Value| {
            let mut mail = with("tags", tags);
            mail["trackingSettings"] = json!({ "unsubscribes": said });
            written(mail).expect("a mail").tells_how_to_leave()
        };
        assert!(mail(json!(["welcome"]), json!(false)) && mail(json!(["transactional"]), Value::Null));
        assert!(!mail(json!(["x", "Transactional"]), json!(false)));
    }

    proptest! {
        #[test]
        fn no_body_is_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = body::<SendEmailRequest>(&bytes).and_then(Mail::written);
            let _ = body::<SendTemplateEmailRequest>(&bytes).and_then(Mail::from_template);
        }
    }
}
