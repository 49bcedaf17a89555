//! The messages of Mailgun and of SES, for people: pages that load nothing from elsewhere. A mail's HTML is shown
//! in a frame that may do nothing.

use askama::Template;
use jiff::Timestamp;
use sandbox::mail::SentMail;

use crate::{outbox::Message, webhook::EVENTS};

/// One line of the list.
struct Line {
    link: String,
    at: String,
    by: &'static str,
    recipient: String,
    subject: String,
    told: String,
}

#[derive(Template)]
#[template(path = "list.html")]
struct List {
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Shown<'a> {
    by: &'static str,
    subject: &'a str,
    headers: Vec<(String, String)>,
    text: Option<&'a str>,
    html: Option<&'a str>,
    /// Name and variables of a template, which is Mailgun's to fill.
    template: Option<(String, String)>,
    told: &'a [(String, String)],
    /// What can be told of it, and where to.
    events: &'static [&'static str],
    number: u64,
}

fn time(at_ms: u64) -> String {
    let at = i64::try_from(at_ms).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    at.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default()
}

fn rendered(page: &impl Template) -> String {
    page.render().unwrap_or_else(|error| format!("the page cannot be made: {error}"))
}

/// Everything that was sent, the newest first.
#[must_use]
pub fn list(mailgun: &[Message], ses: &[SentMail]) -> String {
    let told = |message: &Message| {
        message
            .told
            .iter()
            .map(|(event, outcome)| format!("{event}: {outcome}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let of_mailgun = mailgun.iter().map(|message| {
        let line = Line {
            link: format!("/mailgun/{}", message.number),
            at: time(message.at_ms),
            by: "Mailgun",
            recipient: message.recipient.clone(),
            subject: message.subject.clone(),
            told: told(message),
        };
        (message.at_ms, line)
    });
    let of_ses = ses.iter().map(|mail| {
        let line = Line {
            link: format!("/ses/{}", mail.message_id),
            at: time(mail.at_ms),
            by: "SES",
            recipient: mail
                .to
                .iter()
                .chain(&mail.cc)
                .chain(&mail.bcc)
                .cloned()
                .collect::<Vec<_>>()
                .join(", "),
            subject: mail.subject.clone(),
            told: if mail.withheld.is_empty() { String::new() } else { "withheld".to_owned() },
        };
        (mail.at_ms, line)
    });
    let mut lines: Vec<(u64, Line)> = of_mailgun.chain(of_ses).collect();
    lines.sort_by_key(|(at_ms, _)| std::cmp::Reverse(*at_ms));
    rendered(&List { lines: lines.into_iter().map(|(_, line)| line).collect() })
}

/// A message that Mailgun took.
#[must_use]
pub fn of_mailgun(message: &Message) -> String {
    let mut headers = vec![
        ("Date".to_owned(), time(message.at_ms)),
        ("From".to_owned(), message.from.clone()),
        ("To".to_owned(), message.to.join(", ")),
        ("Subject".to_owned(), message.subject.clone()),
        ("Message-Id".to_owned(), format!("<{}>", message.id)),
    ];
    headers.extend(message.headers.iter().cloned());
    headers.extend(message.tags.iter().map(|tag| ("X-Mailgun-Tag".to_owned(), tag.clone())));
    let options = message.options.iter().map(|(name, value)| (format!("o:{name}"), value.clone()));
    headers.extend(options);
    let variables = message.variables.iter().map(|(name, value)| (format!("v:{name}"), value.clone()));
    headers.extend(variables);
    let template = message
        .template
        .as_ref()
        .map(|(name, variables)| (name.clone(), serde_json::to_string_pretty(variables).unwrap_or_default()));
    rendered(&Shown {
        by: "Mailgun",
        subject: &message.subject,
        headers,
        text: message.text.as_deref(),
        html: message.html.as_deref(),
        template,
        told: &message.told,
        events: &EVENTS,
        number: message.number,
    })
}

/// A message that SES took.
#[must_use]
pub fn of_ses(mail: &SentMail) -> String {
    let mut headers = vec![
        ("Date".to_owned(), time(mail.at_ms)),
        ("From".to_owned(), mail.from.clone()),
        ("To".to_owned(), mail.to.join(", ")),
        ("Subject".to_owned(), mail.subject.clone()),
    ];
    let lists = [("Cc", &mail.cc), ("Bcc", &mail.bcc), ("Reply-To", &mail.reply_to)];
    let lists = lists.iter().filter(|(_, list)| !list.is_empty());
    headers.extend(lists.map(|(name, list)| ((*name).to_owned(), list.join(", "))));
    headers.extend(mail.headers.iter().cloned());
    headers.extend(mail.tags.iter().map(|(name, value)| (format!("tag {name}"), value.clone())));
    headers.extend(mail.configuration_set.iter().map(|set| ("configuration set".to_owned(), set.clone())));
    let withheld = mail.withheld.iter().map(|who| ("withheld from".to_owned(), who.clone()));
    headers.extend(withheld);
    rendered(&Shown {
        by: "SES",
        subject: &mail.subject,
        headers,
        text: mail.text.as_deref(),
        html: mail.html.as_deref(),
        template: None,
        told: &[],
        events: &[],
        number: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_shown_as_text_and_never_run() {
        let message = Message {
            number: 7,
            subject: "<script>alert(1)</script>".into(),
            html: Some("<p onclick=\"x()\">Hello</p>".into()),
            headers: vec![("List-Unsubscribe".into(), "<https://u/a>".into())],
            ..Message::default()
        };
        let page = of_mailgun(&message);
        assert!(!page.contains("<script>") && !page.contains("<p onclick"), "{page}");
        assert!(page.contains("sandbox=\"\"") && page.contains("&#60;https://u/a&#62;"), "{page}");
        assert!(page.contains("/mailgun/7/events"), "{page}");
        let page = list(&[message], &[]);
        assert!(page.contains("/mailgun/7") && !page.contains("<script>"), "{page}");
    }
}
