//! Google's public keys, kept as long as Google says.

use std::{collections::HashMap, time::Duration};

use http::{HeaderMap, header};
use jsonwebtoken::{DecodingKey, jwk::JwkSet};
use tokio::{sync::Mutex, time::timeout};

use crate::{
    Clock, Failed,
    http::{Call, Http},
};

/// Milliseconds between two fetches that an unknown key id or an outage asks for.
const AGAIN_MS: i64 = 60 * 1000;
/// The last part of their life in which keys are fetched anew: a sixth. Until its end an outage of Google
/// is not felt.
const EARLY: i64 = 6;
/// For how long one request waits for them, and those behind it: a caller gets our 503, not the gateway's 504.
const PATIENCE: Duration = Duration::from_secs(4);
/// For how long keys are kept that come without a word on that.
const DEFAULT_S: i64 = 5 * 60;
const LONGEST_S: i64 = 24 * 60 * 60;

/// The keys of a process.
#[derive(Default)]
pub struct Keys(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    keys: HashMap<String, DecodingKey>,
    /// From then on new ones are asked for.
    aged_ms: i64,
    until_ms: i64,
    /// When they were last asked for, in vain or not.
    asked_ms: Option<i64>,
}

impl Keys {
    /// The key of this id; `None` when Google has none.
    ///
    /// # Errors
    /// When there are no current keys and none can be fetched: then nobody's token can be verified.
    pub(super) async fn get(
        &self,
        kid: &str,
        url: &str,
        http: &Http,
        clock: Clock,
    ) -> Result<Option<DecodingKey>, Failed> {
        let mut kept = self.0.lock().await;
        let now_ms = clock.now_ms();
        let current = kept.until_ms > now_ms;
        let known = current && kept.keys.contains_key(kid);
        let rested = kept.asked_ms.is_none_or(|asked| now_ms - asked >= AGAIN_MS);
        let wanted = !known || now_ms >= kept.aged_ms;
        if wanted && (rested || kept.keys.is_empty()) {
            kept.asked_ms = Some(now_ms);
            match fetch(url, http).await {
                Ok((keys, life_ms)) => {
                    kept.keys = keys;
                    kept.aged_ms = now_ms + life_ms - life_ms / EARLY;
                    kept.until_ms = now_ms + life_ms;
                }
                // Those at hand are good until their end.
                Err(_) if current => {}
                Err(why) => return Err(Failed::unavailable(format!("the keys of tokens: {why}"))),
            }
        }
        if kept.until_ms <= now_ms {
            return Err(Failed::unavailable("the keys of tokens have expired"));
        }
        Ok(kept.keys.get(kid).cloned())
    }
}

async fn fetch(url: &str, http: &Http) -> Result<(HashMap<String, DecodingKey>, i64), String> {
    let answer = timeout(PATIENCE, http.repeat(&Call::get(url))).await.map_err(|_| "timed out".to_owned())?;
    let answer = answer.map_err(|lost| lost.to_string())?;
    if !answer.status.is_success() {
        return Err(format!("status {}", answer.status.as_u16()));
    }
    let keys = parse(&answer.body).filter(|keys| !keys.is_empty()).ok_or("no keys in the answer")?;
    Ok((keys, life_s(&answer.headers) * 1000))
}

/// Both forms that Google publishes: a set of JSON web keys, and certificates by key id.
fn parse(body: &[u8]) -> Option<HashMap<String, DecodingKey>> {
    if let Ok(set) = serde_json::from_slice::<JwkSet>(body) {
        let key = |jwk: &jsonwebtoken::jwk::Jwk| {
            Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?))
        };
        return Some(set.keys.iter().filter_map(key).collect());
    }
    let certificates: HashMap<String, String> = serde_json::from_slice(body).ok()?;
    let key = |(kid, pem): (String, String)| Some((kid, DecodingKey::from_rsa_pem(pem.as_bytes()).ok()?));
    Some(certificates.into_iter().filter_map(key).collect())
}

fn life_s(headers: &HeaderMap) -> i64 {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let max_age = text(header::CACHE_CONTROL).and_then(|control| {
        let parts = control.split(',').map(str::trim);
        parts.filter_map(|part| part.strip_prefix("max-age=")).find_map(|life| life.parse::<i64>().ok())
    });
    let age = text(header::AGE).and_then(|age| age.trim().parse::<i64>().ok()).unwrap_or(0);
    max_age.map_or(DEFAULT_S, |life| life - age.max(0)).clamp(1, LONGEST_S)
}
