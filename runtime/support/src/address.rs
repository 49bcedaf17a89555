//! Addresses that mail can be sent to.

use email_address::{EmailAddress, Options};

/// The longest address that a mail server takes (RFC 5321, 4.5.3.1.3 less the brackets).
const LONGEST: usize = 254;

/// Whether a text is an address as RFC 5322 writes it. What is legal and only ever a mistake or an attack is refused:
/// quoted names, comments, domain literals; letters beyond ASCII, which the providers do not take.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let odd = |byte: u8| byte <= b' ' || byte >= 0x7f || b"\"(),:;<>[]\\".contains(&byte);
    let options = Options::default().without_display_text().without_domain_literal();
    let label = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    text.len() <= LONGEST
        && !text.bytes().any(odd)
        && text
            .rsplit_once('@')
            .is_some_and(|(_, domain)| domain.split('.').all(label) && domain.bytes().all(named))
        && EmailAddress::parse_with_options(text, options).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_cases_of_isemail_are_told_as_they_say() {
        let cases = include_str!("../tests/vectors/isemail.json");
        let cases: Vec<serde_json::Value> = serde_json::from_str(cases).expect("JSON");
        assert_eq!(cases.len(), 164);
        for case in cases {
            let address = case["address"].as_str().expect("a text");
            match case["verdict"].as_str().expect("a text") {
                "accept" => assert!(is_address(address), "{address}"),
                "reject" => assert!(!is_address(address), "{address}"),
                _ => {
                    is_address(address);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in ".{0,300}") {
            is_address(&text);
        }

        #[test]
        fn what_is_accepted_breaks_out_of_nothing(
            text in "[a-z]{0,3}[a-z<>,\"\r\n ]{0,2}@[a-z]{1,3}[.<>, ]?[a-z]{1,3}",
        ) {
            let breaks = text.contains(['<', '>', ',', '"', '\r', '\n', ' ']);
            prop_assert!(!(breaks && is_address(&text)));
        }
    }
}
