//! A new key, made in this process: its public half is for CloudFront, the other one for the secret alone.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use contract::signing::SigningKey;

use crate::UnusableKey;

/// How links are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256: shorter links, signed faster.
    Ecdsa,
    /// RSA of 2048 bits.
    Rsa,
}

/// Both halves of a new key.
pub struct Pair {
    public: Vec<u8>,
    private: Vec<u8>,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pair(…)")
    }
}

impl Pair {
    /// Makes one that nobody has seen.
    ///
    /// # Errors
    /// When no random numbers are to be had.
    pub fn generate(algorithm: Algorithm) -> Result<Self, UnusableKey> {
        let failed = |_| UnusableKey::Random;
        match algorithm {
            Algorithm::Ecdsa => {
                let curve = &ECDSA_P256_SHA256_ASN1_SIGNING;
                let private = EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).map_err(failed)?;
                let pair =
                    EcdsaKeyPair::from_pkcs8(curve, private.as_ref()).map_err(|_| UnusableKey::Random)?;
                let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
                Ok(Self { public: public.as_ref().to_vec(), private: private.as_ref().to_vec() })
            }
            Algorithm::Rsa => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                let private: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
                Ok(Self { public: public.as_ref().to_vec(), private: private.as_ref().to_vec() })
            }
        }
    }

    /// The half for CloudFront, as PEM.
    #[must_use]
    pub fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.public)
    }

    /// The other half, as the document of the secret. `key_id` is what CloudFront calls the public one.
    #[must_use]
    pub fn document(&self, key_id: &str) -> SigningKey {
        SigningKey { key_id: key_id.to_owned(), private_key: pem("PRIVATE KEY", &self.private) }
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}
