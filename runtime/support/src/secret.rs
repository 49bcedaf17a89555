//! Secrets, fetched once and kept for a while.

use std::{collections::HashMap, sync::Mutex};

use contract::{resource::Named, variable::SecretName};
use serde::de::DeserializeOwned;

use crate::{
    Clock, Failed,
    aws::{Aws, failed},
};

/// Milliseconds after which a secret is looked at again.
const FRESH_MS: i64 = 5 * 60 * 1000;
/// Milliseconds for which it is used when it cannot be looked at.
const STALE_MS: i64 = 60 * 60 * 1000;
/// Milliseconds between two looks that a wrong signature asks for.
const AGAIN_MS: i64 = 60 * 1000;

/// The secrets of a process, by name.
#[derive(Default)]
pub struct Secrets(Mutex<HashMap<String, Kept>>);

#[derive(Clone)]
struct Kept {
    value: String,
    at_ms: i64,
}

impl Secrets {
    /// The value of a secret, as JSON.
    ///
    /// # Errors
    /// When it cannot be had, or is no `R`.
    pub async fn get<S: Named, R: DeserializeOwned>(
        &self,
        name: &SecretName<S>,
        aws: &Aws,
        clock: Clock,
    ) -> Result<R, Failed> {
        self.younger_than(FRESH_MS, name, aws, clock).await
    }

    /// The value as it is now, for who finds that the one kept does not fit: it may have been rotated.
    /// Looked up at most once a minute.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn again<S: Named, R: DeserializeOwned>(
        &self,
        name: &SecretName<S>,
        aws: &Aws,
        clock: Clock,
    ) -> Result<R, Failed> {
        self.younger_than(AGAIN_MS, name, aws, clock).await
    }

    /// The value as it was when it was looked at first, for one that does not change.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn lasting<S: Named, R: DeserializeOwned>(
        &self,
        name: &SecretName<S>,
        aws: &Aws,
        clock: Clock,
    ) -> Result<R, Failed> {
        self.younger_than(i64::MAX, name, aws, clock).await
    }

    async fn younger_than<S: Named, R: DeserializeOwned>(
        &self,
        age_ms: i64,
        name: &SecretName<S>,
        aws: &Aws,
        clock: Clock,
    ) -> Result<R, Failed> {
        let now_ms = clock.now_ms();
        let kept = self.lock().get(name.name()).cloned();
        let value = match &kept {
            Some(kept) if now_ms - kept.at_ms < age_ms => kept.value.clone(),
            _ => match fetch(name.name(), aws).await {
                Ok(value) => {
                    self.lock().insert(name.name().to_owned(), Kept { value: value.clone(), at_ms: now_ms });
                    value
                }
                Err(failed) => match kept {
                    Some(kept) if now_ms - kept.at_ms < STALE_MS => kept.value,
                    _ => return Err(failed),
                },
            },
        };
        // The message of serde may quote the value.
        serde_json::from_str(&value)
            .map_err(|_| Failed::internal(format!("the secret {} has another shape", name.name())))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Kept>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn fetch(name: &str, aws: &Aws) -> Result<String, Failed> {
    let answer = aws.secrets().get_secret_value().secret_id(name).send().await;
    let answer = answer.map_err(|error| failed("GetSecretValue", &error))?;
    answer.secret_string.ok_or_else(|| Failed::internal(format!("the secret {name} is no text")))
}

#[cfg(test)]
mod tests {
    use contract::{resource::Mailgun, variable::Variable};
    use sandbox::Account;

    use super::*;

    #[tokio::test]
    async fn a_secret_is_fetched_once_and_outlives_an_outage() {
        let account = Account::in_memory("000000000000", "us-east-1", sandbox::Clock::Wall);
        let aws = Aws::of(account.sdk_config());
        let put = aws.secrets().create_secret().name("s").secret_string("[1]");
        put.send().await.expect("a secret");
        account.forget_served();
        let name = SecretName::<Mailgun>::parse(Some("s".to_owned())).expect("a name");
        let (secrets, at) = (Secrets::default(), |minutes: i64| Clock::Fixed(minutes * 60_000));
        for (minute, calls) in [(0, 1), (1, 1), (4, 1), (6, 2), (7, 2)] {
            let value: Vec<u8> = secrets.get(&name, &aws, at(minute)).await.expect("a value");
            assert_eq!((value, account.served().len()), (vec![1], calls), "minute {minute}");
        }
        let value = aws.secrets().put_secret_value().secret_id("s").secret_string("[2]");
        value.send().await.expect("another value");
        let value: Vec<u8> = secrets.again(&name, &aws, at(8)).await.expect("a value");
        assert_eq!(value, [2]);
        let gone = aws.secrets().delete_secret().secret_id("s").send();
        gone.await.expect("deleted");
        let value: Vec<u8> = secrets.get(&name, &aws, at(30)).await.expect("the value of minute 8");
        assert_eq!(value, [2]);
        let failed = secrets.get::<_, Vec<u8>>(&name, &aws, at(69)).await.expect_err("too old");
        assert_eq!(failed.code, contract::reply::Code::Internal);
    }
}
