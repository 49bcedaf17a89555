//! Variables of a mail, made safe before a template or Mailgun sees them (R23).

use serde_json::{Map, Value};
use support::Failed;

/// Levels of a template variable.
const DEEPEST: usize = 8;
const LONGEST_NAME: usize = 64;

/// Names that Mailgun's webhooks have at their top: a variable of this name would stand in their place.
const RESERVED: &[&str] =
    &["event", "event-data", "message-headers", "message-id", "recipient", "signature", "timestamp", "token"];

/// Characters that begin or end markup, and others that look like them and are none. A template's `{{x}}`
/// escapes what it shows, so that escapes here would be seen; `{{{x}}}` does not.
const LOOK_ALIKES: &[(char, char)] =
    &[('<', '\u{2039}'), ('>', '\u{203a}'), ('"', '\u{201d}'), ('\'', '\u{2019}'), ('`', '\u{2018}')];

/// A value for a template: without markup, without links that run scripts.
pub(crate) fn template(value: &Value) -> Result<Value, Failed> {
    cleaned(value, DEEPEST)
}

fn cleaned(value: &Value, levels: usize) -> Result<Value, Failed> {
    let Some(levels) = levels.checked_sub(1) else {
        return Err(Failed::invalid(format!("templateVariables: at most {DEEPEST} levels deep")));
    };
    Ok(match value {
        Value::String(text) => harmless(text).into(),
        Value::Array(values) => {
            values.iter().map(|value| cleaned(value, levels)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Value::Object(members) => {
            let mut kept = Map::new();
            for (name, value) in members {
                kept.insert(harmless(name), cleaned(value, levels)?);
            }
            kept.into()
        }
        other => other.clone(),
    })
}

fn harmless(text: &str) -> String {
    let look_alike =
        |one: char| LOOK_ALIKES.iter().find(|(of, _)| *of == one).map_or(one, |(_, other)| *other);
    let text: String = plain(text).chars().map(look_alike).collect();
    let scheme: String = text.chars().filter(|one| !one.is_whitespace()).take(16).collect();
    let scheme = scheme.to_ascii_lowercase();
    // What a link would run; as a text it stays readable.
    let runs = ["javascript:", "vbscript:", "data:"].iter().any(|one| scheme.starts_with(one));
    if runs { text.replacen(':', "\u{2236}", 1) } else { text }
}

/// Without control characters but line ends and tabs, and without Mailgun's own variables, which would be
/// filled in.
fn plain(text: &str) -> String {
    let kept: String = text.chars().filter(|one| !one.is_control() || matches!(one, '\n' | '\t')).collect();
    kept.replace("%recipient", "% recipient").replace("%unsubscribe_", "% unsubscribe_")
}

/// The name of a custom variable.
pub(crate) fn check_name(name: &str) -> Result<(), Failed> {
    let allowed = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == '-';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(allowed) {
        let rule = format!("1 to {LONGEST_NAME} letters, digits, - and _");
        return Err(Failed::invalid(format!("customVariables: a name has {rule}")));
    }
    if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(Failed::invalid(format!("customVariables: {name} is a name of Mailgun's")));
    }
    Ok(())
}

/// The value of a custom variable: one line.
pub(crate) fn custom(value: &str) -> String {
    plain(value).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn markup_and_scripts_lose_their_meaning_and_words_keep_theirs() {
        for (text, want) in [
            ("O'Brien & Söhne", "O\u{2019}Brien & Söhne"),
            ("<script>alert(1)</script>", "\u{2039}script\u{203a}alert(1)\u{2039}/script\u{203a}"),
            ("\" onload=\"x", "\u{201d} onload=\u{201d}x"),
            ("https://a.example/?b=1&c=2", "https://a.example/?b=1&c=2"),
            (" Java\nScript:alert(1)", " Java\nScript\u{2236}alert(1)"),
            ("%recipient.unsubscribe_url%", "% recipient.unsubscribe_url%"),
            ("a\u{0}b\r\nc", "ab\nc"),
        ] {
            assert_eq!(template(&json!({ "a": [text] })).expect("clean"), json!({ "a": [want] }));
        }
        assert_eq!(template(&json!([1, true, null])).expect("clean"), json!([1, true, null]));
        let deep = (0..9).fold(json!(1), |inside, _| json!([inside]));
        assert!(template(&deep).is_err());
    }

    #[test]
    fn names_of_variables_cannot_take_the_place_of_others() {
        for name in ["campaignId", "a_b-C9"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a\r\nh:Bcc", "ä", "token", "Recipient", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert_eq!(custom("a\r\nBcc: b"), "a Bcc: b");
    }

    proptest! {
        #[test]
        fn no_text_leaves_markup(text in ".{0,200}") {
            let clean = harmless(&text);
            prop_assert!(!clean.contains(['<', '>', '"', '\'', '`', '\r', '\0']));
        }
    }
}
