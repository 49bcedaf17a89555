//! Policy documents: checked when written, URL-encoded when read.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::principals::{members, unseen_principal};
use crate::services::{Refusal, World};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

/// Characters that count for quotas: all but white space.
pub(super) fn size(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::new("MalformedPolicyDocument", message)
}

pub(super) fn statements(document: &Value) -> Vec<&Value> {
    match &document["Statement"] {
        Value::Array(all) => all.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn parse(document: &str) -> Result<Value, Refusal> {
    let parsed: Value =
        serde_json::from_str(document).map_err(|_| malformed("This policy contains invalid Json"))?;
    let whole = !statements(&parsed).is_empty()
        && statements(&parsed).iter().all(|one| {
            let has = |name: &str| one.get(name).is_some();
            (one["Effect"] == "Allow" || one["Effect"] == "Deny") && (has("Action") || has("NotAction"))
        });
    if whole { Ok(parsed) } else { Err(malformed("Syntax errors in policy.")) }
}

/// A trust policy: every statement has principals that exist, and no resource.
pub(super) fn check_trust(document: &str, world: &World<'_>) -> Result<(), Refusal> {
    let parsed = parse(document)?;
    for statement in statements(&parsed) {
        if statement.get("Resource").is_some() || statement.get("NotResource").is_some() {
            return Err(malformed("Has prohibited field Resource"));
        }
        if members(statement).next().is_none() && statement.get("NotPrincipal").is_none() {
            return Err(malformed("AssumeRole policy must contain at least one principal."));
        }
    }
    match unseen_principal(&parsed, world) {
        Some(principal) => Err(malformed(format!("Invalid principal in policy: \"AWS\":\"{principal}\""))),
        None => Ok(()),
    }
}

/// A policy of an identity: every statement has resources, and no principal.
pub(super) fn check_inline(document: &str) -> Result<(), Refusal> {
    let parsed = parse(document)?;
    for statement in statements(&parsed) {
        if statement.get("Principal").is_some() || statement.get("NotPrincipal").is_some() {
            return Err(malformed("Policy document should not specify a principal."));
        }
        if statement.get("Resource").is_none() && statement.get("NotResource").is_none() {
            return Err(malformed("Policy statement must contain resources."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_encoded_by_rfc_3986_and_counted_without_white_space() {
        assert_eq!(encoded("{\"a\": \"b+c~d\"}"), "%7B%22a%22%3A%20%22b%2Bc~d%22%7D");
        assert_eq!(size("{ \"a\" :\n 1 }"), 7);
    }

    #[test]
    fn a_policy_of_an_identity_names_resources_and_no_principal() {
        let code = |statement: &str| {
            check_inline(&format!("{{\"Statement\":{statement}}}")).map_err(|refusal| refusal.message).err()
        };
        assert_eq!(code(r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#), None);
        assert!(code(r#"{"Effect":"Allow","Action":"s3:*"}"#).unwrap().contains("resources"));
        let principal = r#"[{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}]"#;
        assert!(code(principal).unwrap().contains("principal"));
        assert!(code("[]").unwrap().contains("Syntax"));
    }
}
