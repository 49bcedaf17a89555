//! Tokens of unsubscribe links: `{email, topic, timestamp}`, sealed by KMS (R60).
//!
//! The stream is part of what KMS authenticates, so that a token of one stream opens nothing in another, and
//! an altered one opens nothing at all. Whether an address is known plays no part: a token says what it was
//! made for, no more.

use aws_sdk_kms::primitives::Blob;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::{
    resource::{OpeningKey, SealingKey, TOKEN_PURPOSE},
    stream::Stream,
};
use serde::{Deserialize, Serialize};
use support::{Aws, Failed, aws::failed};

use crate::Recipient;

/// The longest ciphertext that KMS opens, in base64url.
const LONGEST: usize = 6144_usize.div_ceil(3) * 4;

/// How far the clock of whoever made a token may be ahead.
const SKEW_MS: i64 = 5 * 60 * 1000;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Serialize, Deserialize)]
struct Claims {
    email: String,
    topic: String,
    /// Milliseconds since 1970.
    timestamp: i64,
}

/// A sealed token in base64url. It does not print itself: whoever has it can unsubscribe its owner.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What may be a token, found out without asking KMS.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plausible = (64..=LONGEST).contains(&text.len()) && URL_SAFE_NO_PAD.decode(text).is_ok();
        plausible.then(|| Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What an authentic token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    pub who: Recipient,
    pub stream: Stream,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: i64,
}

impl Opened {
    /// Whether it is too old to show data and to resubscribe; it unsubscribes for ever (A25).
    #[must_use]
    pub fn expired(&self, now_ms: i64, max_age_days: u32) -> bool {
        now_ms.saturating_sub(self.made_ms) > i64::from(max_age_days) * DAY_MS
    }
}

/// Why a token was not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// It is not one of ours, is altered, or belongs to another stream.
    Invalid,
    /// KMS could not be asked.
    Unasked(Failed),
}

/// Makes tokens, for functions whose variable is the key to seal with:
///
/// ```
/// fn sealer(key: &contract::resource::SealingKey, aws: &support::Aws) -> subscription::token::Sealer {
///     subscription::token::Sealer::new(aws, key)
/// }
/// ```
///
/// Who may only open gets none:
///
/// ```compile_fail,E0308
/// fn sealer(key: &contract::resource::OpeningKey, aws: &support::Aws) -> subscription::token::Sealer {
///     subscription::token::Sealer::new(aws, key)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Sealer {
    kms: aws_sdk_kms::Client,
    key: String,
}

impl Sealer {
    #[must_use]
    pub fn new(aws: &Aws, key: &SealingKey) -> Self {
        Self { kms: aws.kms().clone(), key: key.name().to_owned() }
    }

    /// The token for a link in one mail: one call of KMS.
    ///
    /// # Errors
    /// When KMS does not answer.
    pub async fn seal(&self, who: &Recipient, stream: Stream, now_ms: i64) -> Result<Token, Failed> {
        let claims =
            Claims { email: who.address().to_owned(), topic: stream.topic().to_owned(), timestamp: now_ms };
        let claims = serde_json::to_vec(&claims).map_err(|_| Failed::internal("claims that are no JSON"))?;
        let [purpose, of] = context(stream);
        let sealed = self
            .kms
            .encrypt()
            .key_id(&self.key)
            .encryption_context(purpose.0, purpose.1)
            .encryption_context(of.0, of.1)
            .plaintext(Blob::new(claims))
            .send()
            .await
            .map_err(|error| failed("kms:Encrypt", &error))?;
        let blob = sealed.ciphertext_blob.ok_or_else(|| Failed::internal("kms:Encrypt answered nothing"))?;
        Ok(Token(URL_SAFE_NO_PAD.encode(blob)))
    }
}

/// Opens tokens.
#[derive(Clone, Debug)]
pub struct Opener {
    kms: aws_sdk_kms::Client,
    key: String,
}

impl Opener {
    #[must_use]
    pub fn new(aws: &Aws, key: &OpeningKey) -> Self {
        Self { kms: aws.kms().clone(), key: key.name().to_owned() }
    }

    /// What a token of this stream says.
    ///
    /// # Errors
    /// When it is not authentic, or KMS does not answer.
    pub async fn open(&self, text: &str, stream: Stream, now_ms: i64) -> Result<Opened, Unopened> {
        let token = Token::parse(text).ok_or(Unopened::Invalid)?;
        let blob = URL_SAFE_NO_PAD.decode(token.text()).map_err(|_| Unopened::Invalid)?;
        let [purpose, of] = context(stream);
        let opened = self
            .kms
            .decrypt()
            .key_id(&self.key)
            .encryption_context(purpose.0, purpose.1)
            .encryption_context(of.0, of.1)
            .ciphertext_blob(Blob::new(blob))
            .send()
            .await
            .map_err(|error| match error.as_service_error() {
                Some(of) if of.is_invalid_ciphertext_exception() || of.is_incorrect_key_exception() => {
                    Unopened::Invalid
                }
                _ => Unopened::Unasked(failed("kms:Decrypt", &error)),
            })?;
        let plain = opened.plaintext.map(Blob::into_inner).unwrap_or_default();
        let claims: Claims = serde_json::from_slice(&plain).map_err(|_| Unopened::Invalid)?;
        let fits = claims.topic == stream.topic() && claims.timestamp <= now_ms + SKEW_MS;
        let who = Recipient::parse(&claims.email).filter(|_| fits).ok_or(Unopened::Invalid)?;
        Ok(Opened { who, stream, made_ms: claims.timestamp })
    }
}

/// What KMS authenticates beside the text. It is logged by CloudTrail and holds no address (standards 2.7).
fn context(stream: Stream) -> [(&'static str, &'static str); 2] {
    [TOKEN_PURPOSE, ("stream", stream.topic())]
}
