//! Mail that SES received, and who sent it for certain (standards 2.3).

use base64::{Engine, engine::general_purpose::STANDARD};
use mail_parser::{Message, MessageParser};
use serde::Deserialize;
use subscription::Recipient;

/// What SES tells of a mail. Fields that are not here are passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Received {
    pub(crate) notification_type: String,
    pub(crate) receipt: Receipt,
    pub(crate) mail: Mail,
    /// The mail itself, as it is or in base64, as the receipt rule says.
    #[serde(default)]
    content: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    #[serde(default)]
    spam_verdict: Verdict,
    #[serde(default)]
    virus_verdict: Verdict,
    #[serde(default)]
    spf_verdict: Verdict,
    #[serde(default)]
    dkim_verdict: Verdict,
    #[serde(default)]
    dmarc_verdict: Verdict,
}

#[derive(Debug, Default, Deserialize)]
struct Verdict {
    #[serde(default)]
    status: String,
}

impl Verdict {
    fn passes(&self) -> bool {
        self.status == "PASS"
    }

    fn fails(&self) -> bool {
        self.status == "FAIL"
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mail {
    pub(crate) message_id: String,
    /// ISO 8601.
    pub(crate) timestamp: String,
    /// The sender of the envelope.
    #[serde(default)]
    source: String,
    #[serde(default)]
    headers: Vec<Header>,
    #[serde(default)]
    common_headers: CommonHeaders,
}

#[derive(Debug, Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommonHeaders {
    #[serde(default)]
    from: Vec<String>,
    #[serde(default)]
    subject: String,
}

impl Received {
    pub(crate) fn subject(&self) -> &str {
        &self.mail.common_headers.subject
    }

    fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let of = move |header: &&Header| header.name.eq_ignore_ascii_case(name);
        self.mail.headers.iter().filter(of).map(|header| header.value.trim())
    }

    /// The text that the sender wrote; empty when SES did not pass it on.
    pub(crate) fn text(&self) -> String {
        let Some(content) = &self.content else { return String::new() };
        // A mail begins with a header, and no base64 has a colon.
        let encoded = !content.lines().next().unwrap_or_default().contains(':');
        let packed: String = content.chars().filter(|one| !one.is_whitespace()).collect();
        let bytes = match STANDARD.decode(packed) {
            Ok(bytes) if encoded => bytes,
            _ => content.clone().into_bytes(),
        };
        let message = MessageParser::default().parse(&bytes);
        message.and_then(|mail| mail.body_text(0).map(|text| text.into_owned())).unwrap_or_default()
    }

    /// Why it is not a person's mail, if it is not.
    pub(crate) fn refused(&self) -> Option<&'static str> {
        let has = |name: &str, value: &dyn Fn(&str) -> bool| self.headers(name).any(value);
        let lower = |text: &str| text.to_ascii_lowercase();
        if self.receipt.spam_verdict.fails() || self.receipt.virus_verdict.fails() {
            return Some("spam or virus");
        }
        let empty = |text: &str| text.trim_matches(['<', '>', ' ']).is_empty();
        let source = lower(&self.mail.source);
        let robot = ["mailer-daemon@", "postmaster@"].iter().any(|name| source.starts_with(name));
        if empty(&source) || robot || has("Return-Path", &empty) {
            return Some("a bounce");
        }
        if has("Content-Type", &|text| lower(text).starts_with("multipart/report")) {
            return Some("a report");
        }
        let answers = |text: &str| !lower(text).starts_with("no");
        let bulk = |text: &str| ["bulk", "junk", "list", "auto_reply"].contains(&lower(text).as_str());
        let automatic = has("Auto-Submitted", &answers)
            || has("Precedence", &bulk)
            || has("X-Autoreply", &|_| true)
            || has("X-Autorespond", &|_| true);
        automatic.then_some("sent automatically")
    }

    /// The one address of `From`.
    pub(crate) fn from(&self) -> Option<Recipient> {
        let [from] = &self.mail.common_headers.from[..] else { return None };
        let header = format!("From: {}\r\n\r\n", from.replace(['\r', '\n'], " "));
        let message: Message<'_> = MessageParser::default().parse(header.as_bytes())?;
        let addresses: Vec<&str> = message.from()?.iter().filter_map(|one| one.address()).collect();
        let [address] = addresses[..] else { return None };
        Recipient::of_stranger(address)
    }

    /// How SES knows that the domain of `From` sent it: by DMARC, or by a signature or server of that domain.
    pub(crate) fn proof(&self, from: &Recipient) -> Option<&'static str> {
        if self.receipt.dmarc_verdict.passes() {
            return Some("dmarc");
        }
        let (_, domain) = from.address().rsplit_once('@')?;
        if self.receipt.dmarc_verdict.fails() {
            return None;
        }
        // SES does not say which signature was good: all must be of the domain.
        let signers: Vec<String> = self.headers("DKIM-Signature").filter_map(signer).collect();
        let signed = !signers.is_empty() && signers.iter().all(|one| covers(one, domain));
        if self.receipt.dkim_verdict.passes() && signed {
            return Some("dkim");
        }
        let server = self.mail.source.rsplit_once('@').map(|(_, of)| of.to_ascii_lowercase());
        let sent = server.is_some_and(|of| of == domain);
        (self.receipt.spf_verdict.passes() && sent).then_some("spf")
    }
}

/// The domain that a signature is of.
fn signer(signature: &str) -> Option<String> {
    let tags = signature.split(';').filter_map(|tag| tag.split_once('='));
    let domain = tags.map(|(name, value)| (name.trim(), value.trim())).find(|(name, _)| *name == "d");
    domain.map(|(_, value)| value.to_ascii_lowercase())
}

/// Whether a signature of one domain speaks for another: itself, or a domain below it.
fn covers(signer: &str, domain: &str) -> bool {
    let below = domain.strip_suffix(signer).is_some_and(|rest| rest.ends_with('.'));
    signer == domain || (signer.contains('.') && below)
}
