//! What every mail says about leaving: both list headers, and a footer in HTML and text (R64, R68, R69, A1).

use askama::Template;
use contract::{
    setting::{PostalAddress, UnsubscribeMailbox},
    stream::Stream,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Token;

pub const LIST_UNSUBSCRIBE: &str = "List-Unsubscribe";
pub const LIST_UNSUBSCRIBE_POST: &str = "List-Unsubscribe-Post";

/// The only value that RFC 8058 knows.
pub const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// The longest value of a header that SES takes (standards 2.2).
pub const HEADER_LONGEST: usize = 995;

/// What SES replaces with a link of its own, in HTML and in text.
const SES_LINK: &str = "{{amazonSESUnsubscribeUrl}}";

/// What a `mailto:` link writes as it is (RFC 6068), less what would end the brackets of the header.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'@');

/// Who keeps the list headers of mail that SES sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// We do: own headers and token links, on every path.
    Own,
    /// SES does, of this contact list: it writes its own headers over ours, and links its own page.
    Ses { list: String },
}

/// What leads to our unsubscribe endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    stream: Stream,
    base_url: String,
    mailbox: Option<String>,
    postal_address: String,
    keeper: Keeper,
}

/// What one mail says about leaving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Header names and values, each name once, in the order that AWS advises.
    pub headers: Vec<(&'static str, String)>,
    /// For `ListManagementOptions`: contact list and topic, when SES keeps the headers.
    pub list_management: Option<(String, &'static str)>,
    pub html: String,
    pub text: String,
}

/// The names of the variables that a batch has for each recipient.
pub const URL_VARIABLE: &str = "unsubscribe_url";
pub const HEADER_VARIABLE: &str = "list_unsubscribe";

#[derive(Template)]
#[template(path = "footer.html")]
struct Footer<'a> {
    title: &'a str,
    url: &'a str,
    postal_address: &'a str,
}

impl Links {
    /// Links to the endpoint of a stream. Nothing of `base_url` but the token differs between mails.
    #[must_use]
    pub fn new(
        stream: Stream,
        base_url: &str,
        mailbox: &UnsubscribeMailbox,
        postal_address: &PostalAddress,
    ) -> Self {
        Self {
            stream,
            base_url: base_url.to_owned(),
            mailbox: mailbox.0.clone(),
            postal_address: postal_address.0.clone(),
            keeper: Keeper::Own,
        }
    }

    #[must_use]
    pub fn kept_by(self, keeper: Keeper) -> Self {
        Self { keeper, ..self }
    }

    /// The link of a token: the page for people, and the endpoint for one click.
    #[must_use]
    pub fn url(&self, token: &Token) -> String {
        format!("{}?data={}", self.base_url, token.text())
    }

    /// The value of `List-Unsubscribe`. The token is in both links where both fit; where they do not, the
    /// mailto link is without it, and the sender is told by the verdicts of SES; where that does not fit
    /// either, it is left out.
    #[must_use]
    pub fn header(&self, token: &Token) -> String {
        let url = self.url(token);
        let topic = self.stream.topic();
        let mailto = |subject: String| {
            let mailbox = utf8_percent_encode(self.mailbox.as_deref()?, &PLAIN).to_string();
            let subject = utf8_percent_encode(&subject, &PLAIN).to_string();
            Some(format!("<{url}>, <mailto:{mailbox}?subject={subject}>"))
        };
        let bound = mailto(format!("unsubscribe {topic} {}", token.text()));
        let unbound = || mailto(format!("unsubscribe {topic}"));
        let fits = |value: &String| value.len() <= HEADER_LONGEST;
        bound.filter(fits).or_else(|| unbound().filter(fits)).unwrap_or_else(|| format!("<{url}>"))
    }

    /// For a mail to one recipient.
    #[must_use]
    pub fn notice(&self, token: &Token) -> Notice {
        self.of(&self.url(token), self.header(token))
    }

    /// For one mail to many: links and headers are variables of each recipient, which the provider fills in
    /// from [`variables`](Self::variables). `named` writes a variable as the provider does: `%recipient.x%`
    /// at Mailgun.
    #[must_use]
    pub fn batch(&self, named: impl Fn(&str) -> String) -> Notice {
        self.of(&named(URL_VARIABLE), named(HEADER_VARIABLE))
    }

    /// What the variables of a batch are for one recipient.
    #[must_use]
    pub fn variables(&self, token: &Token) -> [(&'static str, String); 2] {
        [(URL_VARIABLE, self.url(token)), (HEADER_VARIABLE, self.header(token))]
    }

    fn of(&self, url: &str, header: String) -> Notice {
        let (url, list_management) = match &self.keeper {
            Keeper::Own => (url, None),
            Keeper::Ses { list } => (SES_LINK, Some((list.clone(), self.stream.topic()))),
        };
        let title = self.stream.title();
        let footer = Footer { title, url, postal_address: &self.postal_address };
        Notice {
            headers: vec![(LIST_UNSUBSCRIBE, header), (LIST_UNSUBSCRIBE_POST, ONE_CLICK.to_owned())],
            list_management,
            // Writing into a string cannot fail.
            html: footer.render().unwrap_or_default(),
            text: format!(
                "\n\n-- \nYou get this mail because you are on our list for \"{title}\".\nUnsubscribe or \
                 choose what you get: {url}\n\n{}\n",
                self.postal_address
            ),
        }
    }
}

impl Notice {
    /// An HTML body with the footer at its end.
    #[must_use]
    pub fn in_html(&self, body: &str) -> String {
        let end =
            ["</body", "</html"].iter().find_map(|tag| last_in_any_case(body, tag)).unwrap_or(body.len());
        format!("{}{}{}", &body[..end], self.html, &body[end..])
    }

    /// A text body with the footer at its end.
    #[must_use]
    pub fn in_text(&self, body: &str) -> String {
        format!("{}{}", body.trim_end(), self.text)
    }
}

fn last_in_any_case(text: &str, tag: &str) -> Option<usize> {
    // ASCII letters only change: offsets stay.
    text.to_ascii_lowercase().rfind(tag)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn links(mailbox: Option<&str>) -> Links {
        Links::new(
            Stream::Outreach,
            "https://api.example.com/prod/outreach/unsubscribe",
            &UnsubscribeMailbox(mailbox.map(str::to_owned)),
            &PostalAddress("1 <Main> Street".to_owned()),
        )
    }

    fn token(length: usize) -> Token {
        // Any multiple of four is whole base64.
        Token::parse(&"Aa0_".repeat(length / 4)).expect("a token")
    }

    #[test]
    fn both_links_carry_the_token_while_they_fit() {
        let links = links(Some("unsubscribe@example.com"));
        let token = token(320);
        let text = token.text();
        let want = format!(
            "<https://api.example.com/prod/outreach/unsubscribe?data={text}>, \
             <mailto:unsubscribe@example.com?subject=unsubscribe%20outreach%20{text}>"
        );
        assert_eq!(
            links.notice(&token).headers,
            [("List-Unsubscribe", want), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned())]
        );
        assert!(links.header(&self::token(640)).ends_with("?subject=unsubscribe%20outreach>"));
        assert!(!links.header(&self::token(900)).contains("mailto"));
        assert!(!self::links(None).header(&token).contains("mailto"));
    }

    proptest! {
        #[test]
        fn headers_are_printable_and_fit(length in 16_usize..230, name in "[a-zA-Z0-9.+<>,? -]{1,40}") {
            let header = links(Some(&format!("{name}@example.com"))).header(&token(length * 4));
            prop_assert!(header.len() <= HEADER_LONGEST);
            prop_assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert!(header.starts_with("<https://") && header.ends_with('>'));
            prop_assert!((1..=2).contains(&header.matches('<').count()));
        }
    }

    #[test]
    fn the_footer_ends_the_body() {
        let notice = links(None).notice(&token(64));
        let url = format!("https://api.example.com/prod/outreach/unsubscribe?data={}", token(64).text());
        let body = notice.in_html("<html><body>Grüße İ<p>Hi</BODY></html>");
        assert!(body.starts_with("<html><body>Grüße İ<p>Hi<div"), "{body}");
        assert!(body.ends_with("</div></BODY></html>"), "{body}");
        assert!(
            body.contains(&format!("href=\"{url}\"")) && body.contains("1 &#60;Main&#62; Street"),
            "{body}"
        );
        assert!(notice.in_html("Hi").starts_with("Hi<div"));
        let text = notice.in_text("Hi\n\n\n");
        assert!(text.starts_with("Hi\n\n-- \n") && text.contains(&url) && text.contains("1 <Main> Street"));
    }

    #[test]
    fn a_batch_leaves_links_to_the_provider() {
        let links = links(Some("unsubscribe@example.com"));
        let notice = links.batch(|name| format!("%recipient.{name}%"));
        assert_eq!(notice.headers[0].1, "%recipient.list_unsubscribe%");
        assert!(notice.html.contains("href=\"%recipient.unsubscribe_url%\""), "{}", notice.html);
        assert!(notice.text.contains(": %recipient.unsubscribe_url%\n"));
        let token = token(64);
        assert_eq!(
            links.variables(&token),
            [("unsubscribe_url", links.url(&token)), ("list_unsubscribe", links.header(&token))]
        );
    }

    #[test]
    fn ses_may_keep_the_headers() {
        let notice = links(None).kept_by(Keeper::Ses { list: "people".to_owned() }).notice(&token(64));
        assert_eq!(notice.list_management, Some(("people".to_owned(), "outreach")));
        assert!(notice.html.contains("href=\"{{amazonSESUnsubscribeUrl}}\""), "{}", notice.html);
        // SES replaces it at most twice in a mail.
        assert_eq!((notice.html.matches(SES_LINK).count(), notice.text.matches(SES_LINK).count()), (1, 1));
        assert_eq!(notice.headers.len(), 2, "the seed's wording asks for headers and option together");
    }
}
