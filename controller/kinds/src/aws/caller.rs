//! Who is calling: the first question of every run.

use model::{Address, Fault};

use crate::{Reader, aws::reads};

reads!(aws_sdk_sts: get_caller_identity GetCallerIdentityFluentBuilder);

/// Whom the credentials belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: String,
    pub arn: String,
}

impl Reader {
    /// Asks STS whose credentials these are.
    ///
    /// # Errors
    /// When there are no credentials, they are expired, or STS cannot be reached.
    pub async fn caller(&self) -> Result<Caller, Fault> {
        let at = Address::new("account", "credentials", "caller").expect("a constant address");
        let answer =
            self.read(&at, "sts", "GetCallerIdentity", || self.sts().get_caller_identity().send()).await?;
        Ok(Caller { account: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() })
    }
}
