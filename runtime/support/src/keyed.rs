//! Signatures and keyed hashes: HMAC-SHA256.

use std::time::Duration;

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use contract::{
    resource::{LogHashes, LogKey},
    variable::SecretName,
};

use crate::entry::Tools;

/// How long a line waits for the key of its hash: the work is done by then, and somebody waits for the answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// What stands for an address in the lines of this stage; nothing when the key cannot be had soon. A line without it is
/// worth more than an answer that comes late.
pub async fn hashed(tools: &Tools, name: &SecretName<LogHashes>, address: &str) -> Option<String> {
    let asked = tools.secrets.lasting::<_, LogKey>(name, &tools.aws, tools.clock);
    let key = tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()?;
    Some(shown(&key.key, address))
}

/// In hexadecimal.
#[must_use]
pub fn sign(key: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    hex(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// Whether a signature in hexadecimal is that of the text; takes as long whatever part of it is wrong.
#[must_use]
pub fn is_signed(key: &str, text: &str, signature: &str) -> bool {
    let want = sign(key, text);
    verify_slices_are_equal(want.as_bytes(), signature.to_ascii_lowercase().as_bytes()).is_ok()
}

/// What stands for an address in a log (A33): who does not have the key cannot find out whose it is by
/// trying.
#[must_use]
fn shown(key: &str, address: &str) -> String {
    let mut hash = sign(key, &format!("log:{}", address.to_lowercase()));
    hash.truncate(16);
    hash
}

/// What tells two bodies apart.
#[must_use]
pub fn digest(text: &[u8]) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        let want = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(is_signed("Jefe", "what do ya want for nothing?", want));
        assert!(is_signed("Jefe", "what do ya want for nothing?", &want.to_uppercase()));
        for wrong in ["", &want[1..], &want.replace('5', "6"), &format!("{want}0")] {
            assert!(!is_signed("Jefe", "what do ya want for nothing?", wrong), "{wrong}");
        }
        assert_eq!(shown("k", "Ann@Example.com"), shown("k", "ann@example.com"));
        assert_ne!(shown("k", "ann@example.com"), shown("l", "ann@example.com"));
    }
}
