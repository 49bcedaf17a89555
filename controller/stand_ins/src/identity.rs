//! Tokens as Firebase signs them, of users who do not exist.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize, PublicKeyComponents},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Firebase's tokens are good for an hour.
const LIFE_S: u64 = 60 * 60;
const KEY_ID: &str = "stand-in";

/// A user who does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub email: String,
    /// Whether Firebase has verified the address.
    pub verified: bool,
    /// Whether the user has the role of finance.
    pub finance: bool,
}

/// Who signs: a key that lives as long as the process.
pub struct Issuer {
    key: KeyPair,
    project: String,
}

impl Issuer {
    /// Makes the key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new(project: &str) -> Result<Self, String> {
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(|error| error.to_string())?;
        Ok(Self { key, project: project.to_owned() })
    }

    /// The public half, as Google publishes its keys.
    #[must_use]
    pub fn key_set(&self) -> Value {
        let public = PublicKeyComponents::<Vec<u8>>::from(self.key.public_key());
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID,
            "n": text(&public.n), "e": text(&public.e),
        }] })
    }

    /// A token of this user from now on, for an hour.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn token(&self, user: &User, now_ms: u64) -> Result<String, String> {
        let now_s = now_ms / 1000;
        let claims = json!({
            "iss": format!("https://securetoken.google.com/{}", self.project),
            "aud": self.project,
            "sub": uid(&user.email),
            "iat": now_s,
            "auth_time": now_s,
            "exp": now_s + LIFE_S,
            "email": user.email,
            "email_verified": user.verified,
            "role": if user.finance { "finance" } else { "staff" },
        });
        let header = json!({ "alg": "RS256", "kid": KEY_ID, "typ": "JWT" });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| "the token cannot be signed".to_owned())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The same for the same address, and no address itself.
fn uid(email: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, email.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..21])
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

    use super::*;

    #[test]
    fn the_published_key_verifies_a_token() {
        let issuer = Issuer::new("dn").expect("a key");
        let user = User { email: "ada@example.com".into(), verified: true, finance: true };
        let token = issuer.token(&user, 1_700_000_000_000).expect("a token");
        let parts: Vec<&str> = token.split('.').collect();
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64");
        let claims: Value = serde_json::from_slice(&bytes(parts[1])).expect("JSON");
        assert_eq!(claims["exp"], 1_700_003_600);
        assert_eq!((&claims["role"], &claims["email_verified"]), (&json!("finance"), &json!(true)));
        let key = &issuer.key_set()["keys"][0];
        let part = |name: &str| bytes(key[name].as_str().expect("a text"));
        let public = RsaPublicKeyComponents { n: part("n"), e: part("e") };
        let signed = format!("{}.{}", parts[0], parts[1]);
        let verify = |signed: &str| {
            public.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &bytes(parts[2])).is_ok()
        };
        assert!(verify(&signed));
        assert!(!verify(&format!("{signed}x")));
    }
}
