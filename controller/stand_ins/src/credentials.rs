//! What Mailgun and its customer share: the secret that functions read, so that both sides have the same.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_sdk_secretsmanager::{Client, error::SdkError, operation::get_secret_value::GetSecretValueError};
use contract::outreach::MailgunSecret;
use sandbox::Account;

/// Where they are kept.
#[derive(Clone)]
pub struct Keeper {
    client: Client,
    /// Of the secret, in the account.
    name: String,
}

/// What was found when a stand-in began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    Had,
    /// The secret was empty, and has a value that only this sandbox knows.
    Filled,
    /// There is no such secret: the stage is not applied yet.
    Absent,
}

impl Keeper {
    #[must_use]
    pub fn of(account: &Account, name: &str) -> Self {
        Self { client: Client::new(&account.sdk_config()), name: name.to_owned() }
    }

    /// As they are now; `None` while the secret has no value or one of another form.
    pub async fn read(&self) -> Option<MailgunSecret> {
        let found = self.client.get_secret_value().secret_id(&self.name).send().await.ok()?;
        serde_json::from_str(found.secret_string()?).ok()
    }

    /// Gives an empty secret a value. A value that is there stays.
    ///
    /// # Errors
    /// When the account refuses.
    pub async fn begin(&self) -> Result<Begun, String> {
        match self.client.get_secret_value().secret_id(&self.name).send().await {
            Ok(_) => return Ok(Begun::Had),
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), GetSecretValueError::ResourceNotFoundException(_)) => {}
            Err(error) => return Err(format!("the secret {}: {error}", self.name)),
        }
        // The same answer for a secret without a value and for none at all.
        if self.client.describe_secret().secret_id(&self.name).send().await.is_err() {
            return Ok(Begun::Absent);
        }
        let made = MailgunSecret { api_key: random()?, webhook_signing_key: random()? };
        let text = serde_json::to_string(&made).map_err(|error| error.to_string())?;
        let put = self.client.put_secret_value().secret_id(&self.name).secret_string(text);
        put.send().await.map_err(|error| format!("the secret {}: {error}", self.name))?;
        Ok(Begun::Filled)
    }
}

fn random() -> Result<String, String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "no randomness".to_owned())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use sandbox::Clock;

    use super::*;

    #[tokio::test]
    async fn an_empty_secret_is_filled_once() {
        let account = Account::in_memory("000000000000", "us-east-1", Clock::simulated());
        let keeper = Keeper::of(&account, "mailgun");
        assert_eq!(keeper.begin().await, Ok(Begun::Absent));
        keeper.client.create_secret().name("mailgun").send().await.expect("a secret");
        assert_eq!(keeper.begin().await, Ok(Begun::Filled));
        let filled = keeper.read().await.expect("a value");
        assert_eq!(filled.api_key.len(), 32);
        assert_eq!(keeper.begin().await, Ok(Begun::Had));
        let kept = keeper.read().await.expect("a value");
        assert_eq!(kept.api_key, filled.api_key);
        assert_eq!(kept.webhook_signing_key, filled.webhook_signing_key);
    }
}
