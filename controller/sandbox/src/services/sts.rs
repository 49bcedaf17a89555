//! STS: who is calling.

use serde_json::json;

use super::{Refusal, Service, World};
use crate::wire::{Protocol, Reply, Request};

pub(crate) const SERVICE: Service = Service {
    signing: "sts",
    protocol: Protocol::Query { namespace: "https://sts.amazonaws.com/doc/2011-06-15/" },
    handle,
    tagged: |_| Vec::new(),
};

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    match request.operation.as_str() {
        "GetCallerIdentity" => Ok(Reply::value(json!({
            "UserId": "AIDASANDBOX",
            "Account": world.account,
            "Arn": format!("arn:aws:iam::{}:user/sandbox", world.account),
        }))),
        other => Err(request.unknown(other)),
    }
}
