//! Sending, with the refusals of SES. What is sent is kept for whoever wants to read it.

use std::collections::{BTreeMap, BTreeSet};

use aws_smithy_types::base64;
use serde_json::{Value, json};

use super::{account, bad, contacts, identities, mime::Message, sets};
use crate::services::{Refusal, World, text};

/// Sent messages by id, in the order of sending.
pub(crate) const SENT: &str = "ses/sent";

const RECIPIENTS_MAX: usize = 50;
const HEADERS_MAX: usize = 15;
const HEADER_NAME_MAX: usize = 126;
const HEADER_VALUE_MAX: usize = 995;
const TAG_MAX: usize = 256;

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn addresses(value: &Value) -> Vec<String> {
    items(value).filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The address in `Name <address>`.
fn bare(address: &str) -> &str {
    let inside = address.rsplit_once('<').map_or(address, |(_, inside)| inside);
    inside.trim_end_matches('>').trim()
}

/// What a message holds, whichever way it was given.
struct Content {
    subject: String,
    text: Option<String>,
    html: Option<String>,
    headers: Vec<(String, String)>,
}

fn content(given: &Value) -> Result<Content, Refusal> {
    if let Some(simple) = given.get("Simple").filter(|simple| simple.is_object()) {
        let data = |part: &Value| part["Data"].as_str().map(str::to_owned);
        let (text, html) = (data(&simple["Body"]["Text"]), data(&simple["Body"]["Html"]));
        let Some(subject) = data(&simple["Subject"]) else { return Err(bad("Missing required subject.")) };
        if text.is_none() && html.is_none() {
            return Err(bad("Missing required body."));
        }
        return Ok(Content { subject, text, html, headers: headers(&simple["Headers"])? });
    }
    if let Some(raw) = given["Raw"]["Data"].as_str() {
        let bytes = base64::decode(raw).map_err(|_| bad("The raw message is not base64."))?;
        let message = Message::parse(&String::from_utf8_lossy(&bytes));
        let subject = message.header("subject").to_owned();
        return Ok(Content { subject, text: message.text, html: message.html, headers: message.headers });
    }
    Err(bad("The embedded account sends simple and raw messages."))
}

/// Custom headers of a simple message.
fn headers(given: &Value) -> Result<Vec<(String, String)>, Refusal> {
    let printable = |text: &str| text.bytes().all(|byte| (32..127).contains(&byte));
    let (mut headers, mut names) = (Vec::new(), BTreeSet::new());
    for header in items(given) {
        let (name, value) = (text(header, "Name"), text(header, "Value"));
        let fits =
            (1..=HEADER_NAME_MAX).contains(&name.len()) && !name.contains([':', ' ']) && printable(name);
        if !fits {
            return Err(bad(format!("Invalid header name <{name}>.")));
        }
        if value.is_empty() || value.len() > HEADER_VALUE_MAX || !printable(value) {
            return Err(bad(format!("Invalid value of the header <{name}>.")));
        }
        if !names.insert(name.to_ascii_lowercase()) {
            return Err(bad(format!("Duplicate header <{name}>.")));
        }
        headers.push((name.to_owned(), value.to_owned()));
    }
    if headers.len() > HEADERS_MAX {
        return Err(bad(format!("A message can have at most {HEADERS_MAX} headers.")));
    }
    Ok(headers)
}

fn email_tags(given: &Value) -> Result<BTreeMap<String, String>, Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut tags = BTreeMap::new();
    for tag in items(given) {
        for (what, part) in [("name", text(tag, "Name")), ("value", text(tag, "Value"))] {
            if !(1..=TAG_MAX).contains(&part.len()) || !part.chars().all(allowed) {
                return Err(bad(format!(
                    "Invalid tag {what} <{part}>: only alphanumeric ASCII characters, '_', and '-' are allowed."
                )));
            }
        }
        tags.insert(text(tag, "Name").to_owned(), text(tag, "Value").to_owned());
    }
    Ok(tags)
}

/// The set that a message is sent with: its own, or the default of the sender's identity.
fn set_of(input: &Value, from: &str, world: &World<'_>) -> Result<Option<String>, Refusal> {
    let own = text(input, "ConfigurationSetName");
    if !own.is_empty() {
        sets::existing(own, world)?;
        return Ok(Some(own.to_owned()));
    }
    let default = identities::settings_of(from, world).map(|identity| text(identity, "set"));
    let Some(default) = default.filter(|set| !set.is_empty()) else { return Ok(None) };
    // A default that was deleted since is the sender's mistake, not something that is not found.
    sets::existing(default, world).map_err(|refusal| bad(refusal.message))?;
    Ok(Some(default.to_owned()))
}

fn check_sender(from: &str, recipients: &[&str], world: &World<'_>) -> Result<(), Refusal> {
    let kept = account::settings(world);
    if kept["sending"] != true {
        let message = "Email sending is disabled for this account.";
        return Err(Refusal::new("SendingPausedException", message));
    }
    // In SES's own sandbox, recipients must be verified too.
    let sandboxed = kept["production"] != true;
    let checked = std::iter::once(from).chain(recipients.iter().copied().filter(|_| sandboxed));
    let failed: Vec<&str> = checked.filter(|address| !identities::is_verified(address, world)).collect();
    if !failed.is_empty() {
        let message = format!(
            "Email address is not verified. The following identities failed the check in region {}: {}",
            world.region.to_ascii_uppercase(),
            failed.join(", ")
        );
        return Err(Refusal::new("MessageRejected", message));
    }
    let refuses = |identity| identities::refuses_for_mail_from(identity, world);
    if identities::settings_of(from, world).is_some_and(refuses) {
        let message = "Custom MAIL FROM domain is not verified.";
        return Err(Refusal::new("MailFromDomainNotVerifiedException", message));
    }
    Ok(())
}

pub(super) fn send(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let content = content(&input["Content"])?;
    let header = |name: &str| {
        let found = content.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let list = |line: String| -> Vec<String> {
        line.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
    };
    let from = match text(input, "FromEmailAddress") {
        "" => header("from"),
        given => given.to_owned(),
    };
    let given = &input["Destination"];
    let (mut to, mut cc, bcc) = (
        addresses(&given["ToAddresses"]),
        addresses(&given["CcAddresses"]),
        addresses(&given["BccAddresses"]),
    );
    if to.is_empty() && cc.is_empty() && bcc.is_empty() {
        (to, cc) = (list(header("to")), list(header("cc")));
    }
    let recipients: Vec<&str> = to.iter().chain(&cc).chain(&bcc).map(|address| bare(address)).collect();
    if from.is_empty() || recipients.is_empty() {
        return Err(bad("A sender and at least one recipient must be given."));
    }
    if recipients.len() > RECIPIENTS_MAX {
        return Err(bad(format!("Recipient count exceeds {RECIPIENTS_MAX}.")));
    }
    if let Some(wrong) = recipients.iter().find(|one| !one.contains('@') || !one.is_ascii()) {
        return Err(bad(format!("Illegal address: {wrong}")));
    }
    let tags = email_tags(&input["EmailTags"])?;
    let set = set_of(input, bare(&from), world)?;
    check_sender(bare(&from), &recipients, world)?;
    let of_set = set.as_deref().and_then(|set| world.get(sets::SETS, set)).cloned().unwrap_or_default();
    if of_set["SendingOptions"]["SendingEnabled"] == false {
        let message = format!("Sending is paused for configuration set {}", set.unwrap_or_default());
        return Err(Refusal::new("SendingPausedException", message));
    }
    let reasons = match &of_set["SuppressionOptions"]["SuppressedReasons"] {
        own @ Value::Array(_) => own.clone(),
        _ => account::settings(world)["reasons"].clone(),
    };
    let mut withheld: Vec<String> = recipients
        .iter()
        .filter(|address| account::reason_against(address, world).is_some_and(|why| lists(&reasons, &why)))
        .map(|address| (*address).to_owned())
        .collect();
    let management = &input["ListManagementOptions"];
    if management.is_object() {
        let recipients: Vec<String> = recipients.iter().map(|one| (*one).to_owned()).collect();
        withheld.extend(contacts::unwilling(management, &recipients, world)?);
    }
    let id = format!("{:016x}-{}-000000", world.next_number(), world.next_uuid());
    let sent = json!({
        "message_id": id, "from": from, "to": to, "cc": cc, "bcc": bcc,
        "reply_to": addresses(&input["ReplyToAddresses"]),
        "headers": content.headers, "subject": content.subject, "text": content.text, "html": content.html,
        "tags": tags, "configuration_set": set, "withheld": withheld, "at_ms": world.now_ms,
    });
    world.put(SENT, &id, sent);
    Ok(json!({ "MessageId": id }))
}

fn lists(reasons: &Value, reason: &str) -> bool {
    items(reasons).any(|one| one == reason)
}
