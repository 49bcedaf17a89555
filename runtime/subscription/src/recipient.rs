//! Whom mail is sent to: an address in the one spelling that everything is looked up by.

use std::fmt;

use sha2::{Digest, Sha256};
use support::address::is_address;

/// The longest address that a mail server takes (RFC 5321, 4.5.3.1.3 less the brackets).
const LONGEST: usize = 254;

/// An address without surrounding space, in lower case, so that an opt-out holds however a list spells it. It
/// does not print itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient(String);

impl Recipient {
    /// Takes what can be an address at all; whether it is written as RFC 5322 says is for whoever accepts
    /// input.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let address = text.trim().to_lowercase();
        let (name, domain) = address.rsplit_once('@')?;
        let whole = !name.is_empty() && !domain.is_empty() && address.len() <= LONGEST;
        let strange = |one: char| one.is_control() || one.is_whitespace();
        (whole && !address.contains(strange)).then_some(Self(address))
    }

    /// Takes only what SES and RFC 5321 take as an address, for what strangers write: a mail's `From`, a webhook's
    /// recipient. What a row, a token or the contact list says already is [`parse`](Self::parse)d, so that nobody
    /// who was ever written to is unheard.
    #[must_use]
    pub fn of_stranger(text: &str) -> Option<Self> {
        Self::parse(text).filter(|who| is_address(who.address()))
    }

    /// The address itself: for rows, mail and AWS, never for a log.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.0
    }

    /// The value of a message tag that events are matched by: two addresses never share one, and it shows
    /// none (R71, A8).
    #[must_use]
    pub fn tag(&self) -> String {
        let hash = Sha256::digest(self.0.as_bytes());
        let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("recipient_{hex}")
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient(…)")
    }
}

/// A text as SES takes it for the name or value of a message tag: letters, digits, `_` and `-`, at most 256.
#[must_use]
pub fn tag(text: &str) -> String {
    let kept = |one: char| if one.is_ascii_alphanumeric() || one == '-' { one } else { '_' };
    let tag: String = text.chars().take(256).map(kept).collect();
    if tag.is_empty() { "_".to_owned() } else { tag }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_one_recipient() {
        let one = Recipient::parse(" Ann.Lee@Example.COM ").expect("an address");
        assert_eq!(one.address(), "ann.lee@example.com");
        assert_eq!(format!("{one:?}"), "Recipient(…)");
        for text in ["", "ann", "@b", "a@", "a b@c.d", "a\n@c.d", &format!("{}@b.c", "a".repeat(251))] {
            assert_eq!(Recipient::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_strangers_write_must_be_an_address() {
        let ann = Recipient::of_stranger(" Ann.Lee+x@Example.COM").expect("an address");
        assert_eq!(ann.address(), "ann.lee+x@example.com");
        for text in
            ["ann@@b.c", "a@b..c", "\"a\"@b.c", "a@[192.0.2.1]", "ä@b.c", "a@-b.c", ".a@b.c", "<a@b.c>"]
        {
            assert_eq!(Recipient::of_stranger(text), None, "{text}");
        }
        let long = format!("{}@b.c", "a".repeat(65));
        assert_eq!(Recipient::of_stranger(&long), None, "64 before the sign (RFC 5321, 4.5.3.1.1)");
    }

    #[test]
    fn tags_show_no_address_and_are_told_apart() {
        let tag_of = |text| Recipient::parse(text).expect("an address").tag();
        assert_ne!(tag_of("a.b@c.d"), tag_of("a_b@c.d"));
        assert_eq!(tag_of("a.b@c.d"), tag(&tag_of("A.B@c.d")));
        assert_eq!(tag("März 2025: "), "M_rz_2025__");
        assert_eq!((tag(""), tag(&"x".repeat(300)).len()), ("_".to_owned(), 256));
    }
}
