//! A key, and links made with it.

use std::fmt;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeyPair as Rsa,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use contract::signing::{LINK_LIFE_MAX_S, SigningKey};

use crate::{
    Algorithm, Url,
    policy::{self, Custom},
};

/// CloudFront takes no other length.
const MODULUS_BYTES: usize = 256;
const KEY_ID_MAX: usize = 64;

/// Why a document is no key to sign with. Says nothing of what the document holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableKey {
    #[error("there is no key yet: `dn rotate STAGE signing-key` makes one")]
    None,
    #[error("the document is not of the form {{\"keyId\": …, \"privateKey\": …}}")]
    Document,
    #[error("its key id is none of CloudFront's")]
    KeyId,
    #[error("its private key is not PEM of an RSA or ECDSA key, unencrypted")]
    Pem,
    #[error("its key is neither RSA of 2048 bits nor ECDSA on P-256, and CloudFront takes no other")]
    Sort,
    #[error("no random numbers were to be had")]
    Random,
}

/// Why a link is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the link would be expired already")]
    Expired,
    #[error("the link would live longer than {} days", LINK_LIFE_MAX_S / 86_400)]
    TooLong,
    #[error("the link would begin after it ended")]
    BeginsLate,
    #[error("the key was read too long ago: it may have been rotated since")]
    StaleKey,
    #[error("the key did not sign")]
    Key,
}

enum Key {
    Rsa(Box<Rsa>),
    Ecdsa(Box<EcdsaKeyPair>),
}

/// Signs links with one key.
pub struct Signer {
    key_id: String,
    key: Key,
    random: SystemRandom,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, …)", self.key_id)
    }
}

impl Signer {
    /// From the text of the secret.
    ///
    /// # Errors
    /// When it holds no key that CloudFront would take.
    pub fn from_secret(text: &str) -> Result<Self, UnusableKey> {
        let document: SigningKey = serde_json::from_str(text).map_err(|_| UnusableKey::Document)?;
        Self::new(&document)
    }

    /// # Errors
    /// When it holds no key that CloudFront would take.
    pub fn new(document: &SigningKey) -> Result<Self, UnusableKey> {
        if *document == SigningKey::none() {
            return Err(UnusableKey::None);
        }
        let id = &document.key_id;
        let fits = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if id.is_empty() || id.len() > KEY_ID_MAX || !id.bytes().all(fits) {
            return Err(UnusableKey::KeyId);
        }
        let key = read(&document.private_key)?;
        Ok(Self { key_id: id.clone(), key, random: SystemRandom::new() })
    }

    /// The `Key-Pair-Id` of its links.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.key {
            Key::Rsa(_) => Algorithm::Rsa,
            Key::Ecdsa(_) => Algorithm::Ecdsa,
        }
    }

    /// A link to one address until `until_s`, in seconds since 1970.
    ///
    /// # Errors
    /// When it would live for no time, or for too long.
    pub fn link(&self, url: &Url, until_s: i64, now_s: i64) -> Result<String, Refused> {
        check_life(until_s, now_s)?;
        let signature = self.sign(&policy::canned(url, until_s))?;
        let glue = url.glue();
        Ok(format!("{url}{glue}Expires={until_s}{}", self.proof(&signature)))
    }

    /// A link to `url` under a policy of its own, whose resource matches it.
    ///
    /// # Errors
    /// When it would live for no time, or for too long.
    pub fn link_under(&self, policy: &Custom, url: &Url, now_s: i64) -> Result<String, Refused> {
        check_life(policy.until_s, now_s)?;
        if policy.from_s.is_some_and(|from| from >= policy.until_s) {
            return Err(Refused::BeginsLate);
        }
        let document = policy.document();
        let signature = self.sign(&document)?;
        let (glue, document) = (url.glue(), url_safe(document.as_bytes()));
        Ok(format!("{url}{glue}Policy={document}{}", self.proof(&signature)))
    }

    fn proof(&self, signature: &str) -> String {
        format!("&Signature={signature}&Key-Pair-Id={}&Hash-Algorithm=SHA256", self.key_id)
    }

    fn sign(&self, policy: &str) -> Result<String, Refused> {
        let policy = policy.as_bytes();
        match &self.key {
            Key::Rsa(key) => {
                let mut signature = [0; MODULUS_BYTES];
                key.sign(&RSA_PKCS1_SHA256, &self.random, policy, &mut signature)
                    .map_err(|_| Refused::Key)?;
                Ok(url_safe(&signature))
            }
            Key::Ecdsa(key) => {
                let signature = key.sign(&self.random, policy).map_err(|_| Refused::Key)?;
                Ok(url_safe(signature.as_ref()))
            }
        }
    }
}

fn check_life(until_s: i64, now_s: i64) -> Result<(), Refused> {
    if until_s <= now_s {
        return Err(Refused::Expired);
    }
    match until_s.checked_sub(now_s) {
        Some(life) if life <= LINK_LIFE_MAX_S => Ok(()),
        _ => Err(Refused::TooLong),
    }
}

/// CloudFront's base64: `+`, `=` and `/` are `-`, `_` and `~`.
fn url_safe(bytes: &[u8]) -> String {
    let swap = |c| match c {
        '+' => '-',
        '=' => '_',
        '/' => '~',
        other => other,
    };
    STANDARD.encode(bytes).chars().map(swap).collect()
}

/// The key inside PEM: PKCS#8, PKCS#1 of RSA, or SEC1 of ECDSA. Blocks of parameters before it are passed over.
fn read(pem: &str) -> Result<Key, UnusableKey> {
    let found = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]
        .into_iter()
        .find_map(|label| block(pem, label).map(|der| (label, der)));
    let Some((label, der)) = found else { return Err(UnusableKey::Pem) };
    let ecdsa = match label {
        "RSA PRIVATE KEY" => None,
        "EC PRIVATE KEY" => EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &der).ok(),
        _ => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der).ok(),
    };
    if let Some(key) = ecdsa {
        return Ok(Key::Ecdsa(Box::new(key)));
    }
    let rsa = match label {
        "EC PRIVATE KEY" => None,
        "RSA PRIVATE KEY" => Rsa::from_der(&der).ok(),
        _ => Rsa::from_pkcs8(&der).ok(),
    };
    match rsa.filter(|key| key.public_modulus_len() == MODULUS_BYTES) {
        Some(key) => Ok(Key::Rsa(Box::new(key))),
        None => Err(UnusableKey::Sort),
    }
}

fn block(pem: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
mod tests;
