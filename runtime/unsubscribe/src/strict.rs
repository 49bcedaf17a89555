//! Headers of everything that an unsubscribe link is answered with: nothing is kept, nothing leaks to where a
//! page leads, nothing foreign is loaded, and no other site shows it (R63, A6).

use http::{HeaderName, HeaderValue, header};
use support::{Clock, Failed, Reply, Request};

use crate::page;

const STRICT: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000"),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
];

/// What an answer without a page may load.
const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// With the strict headers.
pub(crate) fn strict(mut reply: Reply) -> Reply {
    for (name, value) in STRICT {
        reply = reply.with(name, HeaderValue::from_static(value));
    }
    if reply.headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        return reply;
    }
    reply.with(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING))
}

/// Whether a person's browser asks.
pub(crate) fn wants_page(request: &Request) -> bool {
    request.header("accept").is_some_and(|accept| accept.contains("text/html"))
}

/// Whether a program asks for data.
pub(crate) fn wants_data(request: &Request) -> bool {
    request.header("accept").is_some_and(|accept| accept.contains("application/json")) && !wants_page(request)
}

/// A failure, as a page to people.
pub(crate) fn failure(request: &Request, failed: &Failed, clock: Clock) -> Reply {
    if let Some(cause) = &failed.cause {
        tracing::warn!(request = request.id, code = ?failed.code, cause, "failed");
    }
    let plain = failed.reply(clock);
    if !wants_page(request) {
        return strict(plain);
    }
    let page = page::failed(plain.status, &failed.message);
    let retry = plain.headers.get(header::RETRY_AFTER).cloned();
    strict(match retry {
        Some(seconds) => page.with(header::RETRY_AFTER, seconds),
        None => page,
    })
}
