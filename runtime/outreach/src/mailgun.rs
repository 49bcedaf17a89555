//! Mailgun's API: one call for a mail to all its recipients, none of whom sees another.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{outreach::MailgunSecret, reply::Code};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use subscription::{Links, Recipient, Token, notice::URL_VARIABLE};
use support::{
    Failed,
    http::{Answer, Call, Lost},
};

use crate::mail::{Content, Mail};

/// Tags of one message; the rest is only in our own rows (A34).
const MOST_TAGS: usize = 3;
const LONGEST_TAG: usize = 128;

/// What Mailgun said of a mail that it took.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Taken {
    /// Without angle brackets.
    pub(crate) id: String,
    pub(crate) message: String,
}

/// A mail that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// Nothing was sent.
    Refused(Failed),
    /// Nobody knows whether it was.
    Unknown(Failed),
}

/// Who sends.
pub(crate) struct Sender<'a> {
    pub(crate) url: &'a str,
    pub(crate) domain: &'a str,
    pub(crate) from: &'a str,
    pub(crate) postal_address: &'a str,
    pub(crate) secret: &'a MailgunSecret,
}

impl Sender<'_> {
    /// The call that sends a mail to those who have a token; their links are in it where the mail tells how
    /// to leave.
    pub(crate) fn call(
        &self,
        mail: &Mail,
        tokens: &BTreeMap<Recipient, Option<Token>>,
        links: &Links,
    ) -> Result<Call, Failed> {
        let body = self.form(mail, tokens, links);
        let mut call = Call::form(format!("{}/v3/{}/messages", self.url, self.domain), body);
        let credentials = format!("Basic {}", STANDARD.encode(format!("api:{}", self.secret.api_key)));
        let mut credentials =
            HeaderValue::try_from(credentials).map_err(|_| Failed::internal("Mailgun's key is no header"))?;
        credentials.set_sensitive(true);
        call.headers.insert(header::AUTHORIZATION, credentials);
        Ok(call)
    }

    fn form(&self, mail: &Mail, tokens: &BTreeMap<Recipient, Option<Token>>, links: &Links) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let mut add = |name: &str, value: &str| {
            form.append_pair(name, value);
        };
        add("from", mail.from.as_deref().unwrap_or(self.from));
        for who in tokens.keys() {
            add("to", who.address());
        }
        // Even without a variable: its presence is what keeps recipients from seeing each other.
        add("recipient-variables", &recipient_variables(tokens, links));
        if let Some(subject) = &mail.subject {
            add("subject", subject);
        }
        let notice = mail.tells_how_to_leave().then(|| links.batch(|name| format!("%recipient.{name}%")));
        match (&mail.content, &notice) {
            (Content::Written { html, text }, notice) => {
                let notice = notice.as_ref();
                if let Some(html) = html {
                    add("html", &notice.map_or(html.clone(), |notice| notice.in_html(html)));
                }
                if let Some(text) = text {
                    add("text", &notice.map_or(text.clone(), |notice| notice.in_text(text)));
                }
            }
            (Content::Template { name, variables }, notice) => {
                add("template", name);
                let mut variables = variables.clone();
                if notice.is_some() {
                    variables.insert(URL_VARIABLE.to_owned(), format!("%recipient.{URL_VARIABLE}%").into());
                }
                variables.insert("postal_address".to_owned(), self.postal_address.into());
                add("t:variables", &Value::Object(variables).to_string());
            }
        }
        for (name, value) in notice.iter().flat_map(|notice| &notice.headers) {
            add(&format!("h:{name}"), value);
        }
        if let Some(reply_to) = &mail.reply_to {
            add("h:Reply-To", reply_to);
        }
        let takes = |tag: &&String| tag.is_ascii() && tag.len() <= LONGEST_TAG;
        for tag in mail.tags.iter().filter(takes).take(MOST_TAGS) {
            add("o:tag", tag);
        }
        let switch = |on: bool| if on { "yes" } else { "no" };
        for (name, on) in
            [("o:tracking-opens", mail.tracking.opens), ("o:tracking-clicks", mail.tracking.clicks)]
        {
            if let Some(on) = on {
                add(name, switch(on));
            }
        }
        for (name, value) in &mail.variables {
            add(&format!("v:{name}"), value);
        }
        form.finish()
    }
}

fn recipient_variables(tokens: &BTreeMap<Recipient, Option<Token>>, links: &Links) -> String {
    let of = |token: &Option<Token>| -> Value {
        let variables = token.iter().flat_map(|token| links.variables(token));
        variables.map(|(name, value)| (name.to_owned(), value.into())).collect::<Map<_, _>>().into()
    };
    let all = tokens.iter().map(|(who, token)| (who.address().to_owned(), of(token)));
    Value::Object(all.collect()).to_string()
}

/// What became of a mail. Mailgun's words on a refusal are not kept: they may quote an address.
pub(crate) fn outcome(answer: Result<Answer, Lost>) -> Result<Taken, NotTaken> {
    let refused = |failed: Failed| Err(NotTaken::Refused(failed));
    let answer = match answer {
        Ok(answer) => answer,
        Err(Lost::Malformed) => return refused(Failed::internal("Mailgun: the URL is malformed")),
        Err(lost) => return Err(NotTaken::Unknown(Failed::internal(format!("Mailgun: {lost}")))),
    };
    let cause = format!("Mailgun: status {}", answer.status.as_u16());
    match answer.status {
        status if status.is_success() => match serde_json::from_slice::<Taken>(&answer.body) {
            Ok(taken) => {
                let id = taken.id.trim_matches(['<', '>', ' ']).to_owned();
                Ok(Taken { id, ..taken })
            }
            Err(_) => Err(NotTaken::Unknown(Failed::internal("Mailgun: an answer of another form"))),
        },
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            refused(Failed::unavailable(cause).retry_after(10))
        }
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::PAYLOAD_TOO_LARGE => {
            refused(Failed::new(Code::InvalidRequest, "The mail provider refused the message").because(cause))
        }
        status if status.is_server_error() => Err(NotTaken::Unknown(Failed::internal(cause))),
        _ => refused(Failed::internal(cause)),
    }
}
