//! What is signed: the address as it travels.
//!
//! CloudFront compares the signature with the request line, so each part of a path is percent-encoded before it is
//! signed (aws/aws-sdk-js-v3#7571, #8033, #8277 are what happens otherwise). A text that is an address already is taken
//! as it is, and refused when it could not travel so: nothing is encoded twice, and nothing can break out of the JSON
//! of a policy.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but what RFC 3986 calls unreserved.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Parameters that CloudFront reads itself: in an address that is signed, they would be those of somebody else.
const RESERVED: &[&str] = &["expires", "policy", "signature", "key-pair-id", "hash-algorithm"];

/// Why something is no address that can be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    #[error("it does not begin with https://")]
    NotHttps,
    #[error("it names no host")]
    NoHost,
    #[error("it holds a character that must be percent-encoded")]
    Character,
    #[error("a part of its path is empty, `.` or `..`")]
    Segment,
    #[error("it has a parameter that CloudFront reads itself")]
    Reserved,
}

/// An HTTPS address, percent-encoded, without a fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    /// The address of an object: its key, part by part, as it is called in the bucket.
    ///
    /// # Errors
    /// When the domain is none, or a part cannot be asked for: CloudFront tidies `.` and `..` away.
    pub fn of<'a>(domain: &str, parts: impl IntoIterator<Item = &'a str>) -> Result<Self, BadUrl> {
        if domain.is_empty() || !domain.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'.') {
            return Err(BadUrl::NoHost);
        }
        let mut text = format!("https://{domain}");
        for part in parts {
            if matches!(part, "" | "." | "..") {
                return Err(BadUrl::Segment);
            }
            text.push('/');
            text.extend(utf8_percent_encode(part, SEGMENT));
        }
        Ok(Self(text))
    }

    /// An address that is percent-encoded already. `*` stands for any characters where it is the resource of a custom
    /// policy.
    ///
    /// # Errors
    /// When it could not travel as it is.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        let rest = text.strip_prefix("https://").ok_or(BadUrl::NotHttps)?;
        if rest.is_empty() || rest.starts_with(['/', '?']) {
            return Err(BadUrl::NoHost);
        }
        if !travels(rest.as_bytes()) {
            return Err(BadUrl::Character);
        }
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        let mut names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
        if names.any(|name| RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved))) {
            return Err(BadUrl::Reserved);
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands between this and the first of CloudFront's parameters.
    pub(crate) fn glue(&self) -> char {
        if self.0.contains('?') { '&' } else { '?' }
    }
}

/// Whether all characters are of those that RFC 3986 has in an authority, path or query, each `%` before two digits.
fn travels(text: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&character) = text.get(at) {
        let fits = match character {
            b'%' => text.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)),
            c => c.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=".contains(&c),
        };
        if !fits {
            return false;
        }
        at += 1;
    }
    true
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address of a report tells whose it is, and logs do not show it.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Url(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_encoded_as_they_travel() {
        for (part, encoded) in [
            ("Ärger & Söhne.csv", "%C3%84rger%20%26%20S%C3%B6hne.csv"),
            ("a+b,c=d", "a%2Bb%2Cc%3Dd"),
            ("50%#?", "50%25%23%3F"),
            ("it's \"it\"\\", "it%27s%20%22it%22%5C"),
            ("2025-10_x~y.z", "2025-10_x~y.z"),
            ("a*", "a%2A"),
        ] {
            let url = Url::of("d1.cloudfront.net", ["finance", part]).unwrap();
            assert_eq!(url.as_str(), format!("https://d1.cloudfront.net/finance/{encoded}"));
        }
    }

    #[test]
    fn what_cannot_travel_is_refused() {
        for (text, why) in [
            ("http://d1.cloudfront.net/a", BadUrl::NotHttps),
            ("https:///a", BadUrl::NoHost),
            ("https://", BadUrl::NoHost),
            ("https://d1/a b", BadUrl::Character),
            ("https://d1/a\"b", BadUrl::Character),
            ("https://d1/a\\b", BadUrl::Character),
            ("https://d1/ä", BadUrl::Character),
            ("https://d1/a\n", BadUrl::Character),
            ("https://d1/50%", BadUrl::Character),
            ("https://d1/50%2", BadUrl::Character),
            ("https://d1/50%zz", BadUrl::Character),
            ("https://d1/a#b", BadUrl::Character),
            ("https://d1/a?Policy=x", BadUrl::Reserved),
            ("https://d1/a?x=1&signature", BadUrl::Reserved),
        ] {
            assert_eq!(Url::parse(text).unwrap_err(), why, "{text}");
        }
        for parts in [vec!["a", ""], vec![".."], vec!["a", ".", "b"]] {
            assert_eq!(Url::of("d1", parts.iter().copied()).unwrap_err(), BadUrl::Segment);
        }
        for domain in ["", "a/b", "a\"", "a b"] {
            assert_eq!(Url::of(domain, ["a"]).unwrap_err(), BadUrl::NoHost);
        }
    }

    proptest! {
        #[test]
        fn whatever_an_object_is_called_its_address_travels(parts in proptest::collection::vec(".{1,12}", 1..4)) {
            prop_assume!(parts.iter().all(|part| part != "." && part != ".."));
            let url = Url::of("d1.cloudfront.net", parts.iter().map(String::as_str)).unwrap();
            prop_assert_eq!(Url::parse(url.as_str()).unwrap(), url.clone());
            let path = url.as_str().strip_prefix("https://d1.cloudfront.net/").unwrap();
            let back: Vec<String> = path
                .split('/')
                .map(|part| percent_encoding::percent_decode_str(part).decode_utf8().unwrap().into_owned())
                .collect();
            prop_assert_eq!(back, parts);
        }
    }
}
