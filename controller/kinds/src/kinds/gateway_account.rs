//! What API Gateway keeps once for an account and Region: the role that writes the logs of its APIs.
//!
//! Outputs: `log_role` (its ARN), `rate_limit` and `burst_limit`, the throttle that all APIs of the account
//! share (calls a second, and at once).
//!
//! Surprises (aws-semantics 9, 1.3): it cannot be tagged, and every API of the account writes its logs by it,
//! so only one stage of an account should declare it; a role that was just made is refused with
//! `BadRequestException` for some seconds; `UpdateAccount` may be called once in 20 seconds. Without a role
//! it counts as not there.

use std::sync::Arc;

use aws_sdk_apigateway::{operation::get_account::GetAccountOutput, types::ThrottleSettings};
use model::{Address, Fault, Fields, Outputs, Ref};
use serde::{Deserialize, Serialize};

use super::{rest_api::patch::Patch, role::Role};
use crate::{Live, Place, Reader, Resource, Scope, Writer, aws::reads};

reads!(aws_sdk_apigateway: get_account GetAccountFluentBuilder);

const ROLE: &str = "/cloudwatchRoleArn";

/// The settings of API Gateway itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatewayAccount {
    /// ARN of a role that `apigateway.amazonaws.com` may assume and that may write logs.
    pub log_role: Ref<Role>,
}

impl Resource for GatewayAccount {
    const KIND: &'static str = "gateway account";
    const TAGGED: bool = false;

    /// There is one; its name is the Region.
    fn physical(scope: &Scope, _: &Address) -> String {
        scope.region.clone()
    }

    fn known(_: &Scope, _: &str) -> Outputs {
        Outputs::new()
    }

    fn physical_of_arn(_: &str) -> Option<String> {
        None
    }

    fn list(&self, to: &mut Fields) {
        let Self { log_role } = self;
        to.field("log_role", log_role);
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let found = settings(&at.address, aws).await?;
        let Some(role) = role_of(&found) else { return Ok(None) };
        let outputs = outputs(role, found.throttle_settings());
        Ok(Some(Live::new(Self { log_role: Ref::live(role) }, outputs, None)))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        if let Some(live) = live.filter(|live| live.actual == *self) {
            return Ok(live.outputs);
        }
        set_role(at, self.log_role.text().as_str(), aws).await
    }

    /// The logs of every API of the account stop.
    async fn delete(at: &Place, _: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        set_role(at, "", aws).await.map(drop)
    }
}

/// An empty ARN takes the role away.
async fn set_role(at: &Place, role: &str, aws: &Writer) -> Result<Outputs, Fault> {
    let mut patch = Patch::default();
    patch.replace(ROLE, role);
    let operations = patch.operations();
    let answer = aws
        .write(at, "apigateway", "UpdateAccount", || {
            aws.apigateway().update_account().set_patch_operations(operations.clone()).send()
        })
        .await
        .map_err(|error| {
            let refused = error.message().contains("required permissions");
            let fault = Fault::from(error);
            if !refused {
                return fault;
            }
            fault.hint("the role must trust apigateway.amazonaws.com and be allowed to write logs")
        })?;
    Ok(outputs(role, answer.throttle_settings()))
}

/// What the account has, read once for all who ask.
pub(crate) async fn settings(at: &Address, aws: &Reader) -> Result<Arc<GetAccountOutput>, Fault> {
    let ask = async {
        let found = aws.read(at, "apigateway", "GetAccount", || aws.apigateway().get_account().send());
        Ok(found.await?)
    };
    aws.once("apigateway:GetAccount", ask).await
}

/// The ARN of the role that writes the logs.
pub(crate) fn role_of(account: &GetAccountOutput) -> Option<&str> {
    account.cloudwatch_role_arn().filter(|role| !role.is_empty())
}

fn outputs(role: &str, throttle: Option<&ThrottleSettings>) -> Outputs {
    let limits = throttle.map(|throttle| {
        [
            ("rate_limit".to_owned(), throttle.rate_limit().to_string()),
            ("burst_limit".to_owned(), throttle.burst_limit().to_string()),
        ]
    });
    limits.into_iter().flatten().chain([("log_role".to_owned(), role.to_owned())]).collect()
}
