//! Links to reports: what those who sign them and the controller that rotates their keys must agree on.
//!
//! A rotation may take a key away only when no link of it can be alive any more. How long that takes follows from the
//! constants here, which the signer enforces: a link that would outlive [`LINK_LIFE_MAX_S`] is refused, and so is one
//! that would be signed with a key that was read longer than [`SIGNER_CACHE_S`] ago.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::resource::Secret;

/// Seconds that a link works at most (R47).
pub const LINK_LIFE_MAX_S: i64 = 25 * 24 * 60 * 60;

/// Seconds for which a signer uses the document that it has read; then it reads again, or signs nothing.
pub const SIGNER_CACHE_S: i64 = 5 * 60;

/// Seconds by which the clock of a signer, of a controller or of an edge may be wrong. AWS refuses what is signed by a
/// clock that is further off, so such a signer reads no key, and such a controller decides nothing.
pub const CLOCK_SKEW_S: i64 = 5 * 60;

/// Where the document is kept.
pub const SECRET: Secret = Secret { stack: "reports", name: "signing-key" };

/// The stack and name of the key group that the distribution of reports trusts.
pub const KEY_GROUP: (&str, &str) = ("reports", "links");

/// What the secret holds: private key and key id in one document, so that nobody ever signs with one of each.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SigningKey {
    /// CloudFront's id of the public half, which is the `Key-Pair-Id` of every link.
    pub key_id: String,
    /// PEM: PKCS#8, PKCS#1 or SEC1.
    pub private_key: String,
}

impl SigningKey {
    /// What stands in the secret before there is a key. Secrets Manager makes the first version of a secret the current
    /// one, whatever was asked for: the first key must not be that, since no edge knows it yet.
    #[must_use]
    pub fn none() -> Self {
        Self { key_id: String::new(), private_key: String::new() }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, …)", self.key_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_one_json_object_and_never_shown() {
        let key = SigningKey { key_id: "K1".to_owned(), private_key: "private".to_owned() };
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(text, r#"{"keyId":"K1","privateKey":"private"}"#);
        assert_eq!(serde_json::from_str::<SigningKey>(&text).unwrap(), key);
        assert!(!format!("{key:?} {key:#?}").contains("private"));
    }
}
