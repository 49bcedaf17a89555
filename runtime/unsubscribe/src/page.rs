//! The preference page: self-contained HTML without scripts, for who has no page of the CRM (R72).

use std::sync::LazyLock;

use askama::Template;
use base64::{Engine, engine::general_purpose::STANDARD};
use contract::stream::Stream;
use http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};
use subscription::{Preferences, Recipient};
use support::Reply;

const STYLE: &str = include_str!("../templates/page.css");

/// Only this style, and forms that come back here.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("base64 in a header")
});

struct Choice {
    topic: &'static str,
    title: &'static str,
    description: &'static str,
    kept: bool,
    /// May be changed with this token.
    open: bool,
}

enum Content<'a> {
    Choices { address: &'a str, choices: Vec<Choice>, saved: Option<&'static str>, action: String },
    Leave { title: &'static str, action: String },
    Left { title: &'static str },
    Failed { message: &'a str },
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    title: &'static str,
    style: &'static str,
    content: Content<'a>,
}

/// What the owner of a token of this stream gets, with a choice for each stream. The token opens its own
/// stream both ways; others it can only close (A7).
pub(crate) fn choices(
    who: &Recipient,
    stream: Stream,
    preferences: &Preferences,
    token: &str,
    saved: Option<&'static str>,
) -> Reply {
    let choice = |one: Stream| {
        let kept = preferences.wants(one);
        Choice {
            topic: one.topic(),
            title: one.title(),
            description: one.description(),
            kept,
            open: kept || one == stream,
        }
    };
    let choices = Stream::ALL.into_iter().map(choice).collect();
    let content = Content::Choices { address: who.address(), choices, saved, action: action(token) };
    page(200, "Your mail from Distro Nation", content)
}

/// An old token: it unsubscribes, and shows nothing.
pub(crate) fn leave(stream: Stream, token: &str) -> Reply {
    page(200, "Unsubscribe", Content::Leave { title: stream.title(), action: action(token) })
}

/// Done with an old token.
pub(crate) fn left(stream: Stream) -> Reply {
    page(200, "Unsubscribed", Content::Left { title: stream.title() })
}

pub(crate) fn failed(status: u16, message: &str) -> Reply {
    page(status, "This did not work", Content::Failed { message })
}

/// Where the form goes: this address, whatever the gateway calls it.
fn action(token: &str) -> String {
    format!("?data={token}")
}

fn page(status: u16, title: &'static str, content: Content<'_>) -> Reply {
    // Writing into a string cannot fail.
    let body = Page { title, style: STYLE, content }.render().unwrap_or_default();
    Reply { status, headers: HeaderMap::new(), body, metrics: Vec::new() }
        .with(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
        .with(header::CONTENT_SECURITY_POLICY, POLICY.clone())
}

#[cfg(test)]
mod tests {
    use subscription::Wish;

    use super::*;

    #[test]
    fn a_token_opens_its_own_stream_only() {
        let who = Recipient::parse("o'ann&<b>@example.com").expect("an address");
        let nothing = Preferences::default().with(&Wish::leave_everything(), 1);
        let body = choices(&who, Stream::Outreach, &nothing, "abc", None).body;
        let field = |topic: &str| {
            let start = body.find(&format!("id=\"keep-{topic}\"")).expect("a field");
            body[start..].split('>').next().unwrap_or_default().to_owned()
        };
        assert!(!field("outreach").contains("disabled") && !field("outreach").contains("checked"));
        assert!(field("financial").contains("disabled"));
        assert!(body.contains("action=\"?data=abc\""));
        assert!(!body.contains("<b>@") && body.contains("&#60;b&#62;@example.com"), "{body}");
    }

    #[test]
    fn the_policy_allows_the_style_and_nothing_else() {
        let reply = failed(400, "<script>alert(1)</script>");
        let style = reply.body.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next());
        let hash = STANDARD.encode(Sha256::digest(style.expect("a style")));
        let policy = reply.headers["content-security-policy"].to_str().expect("ASCII").to_owned();
        assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
        assert!(
            !reply.body.contains("<script")
                && !reply.body.contains("src=")
                && !reply.body.contains("style=\"")
        );
    }
}
