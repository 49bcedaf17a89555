//! A key that callers of an API send in `x-api-key`.
//!
//! Outputs: `id`, `name`, `arn`. The value is made by AWS and never read by this program: `dn` has no way to
//! print it.
//!
//! Surprises (aws-semantics 10): names are not unique, so the tag `dn:address` tells which key is meant and
//! `CreateApiKey` is called only after all were listed; the value can never be changed, so rotation is a
//! second key; a key does nothing unless a method asks for one.

use std::sync::Arc;

use aws_sdk_apigateway::types::ApiKey as Found;
use model::{Address, Fault, Fields, Outputs};
use serde::{Deserialize, Serialize};

use super::rest_api::{
    identity::{self, ABSENT, Listed, PAGE},
    pages,
    patch::Patch,
};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads, whole_account},
};

reads!(aws_sdk_apigateway: get_api_keys GetApiKeysFluentBuilder);

const COLLECTION: &str = "apikeys";

/// Who is calling, for throttles and quotas; no proof of identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    pub description: String,
    /// Calls with a disabled key are refused with 403.
    pub enabled: bool,
}

impl ApiKey {
    #[must_use]
    pub fn enabled(description: &str) -> Self {
        Self { description: description.to_owned(), enabled: true }
    }

    fn read(found: &Found) -> Self {
        Self { description: found.description().unwrap_or_default().to_owned(), enabled: found.enabled() }
    }
}

impl Resource for ApiKey {
    const KIND: &'static str = "api key";
    const IRREVERSIBLE: Option<&'static str> =
        Some("whoever has its value is locked out, and it never comes back");

    fn known(_: &Scope, physical: &str) -> Outputs {
        match identity::by_id(physical) {
            Some(id) => Outputs::from([("id".to_owned(), id.to_owned())]),
            None => Outputs::from([("name".to_owned(), physical.to_owned())]),
        }
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        identity::id_of_arn(arn, COLLECTION).map(|id| format!("id:{id}"))
    }

    fn list(&self, to: &mut Fields) {
        let Self { description, enabled } = self;
        to.field("description", description);
        to.field("enabled", enabled);
    }

    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        identity::owned(aws, COLLECTION, Self::KIND).await
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let all = list(aws).await?;
        let Some(found) = identity::pick(at, &all, aws)? else { return Ok(None) };
        let outputs = outputs(Listed::id(found), Listed::name(found), aws);
        Ok(Some(Live::new(Self::read(found), outputs, Some(identity::tags(found)))))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let Some(live) = live else {
            return self.create(at, aws).await;
        };
        let id = live.outputs["id"].as_str();
        let mut patch = Patch::default();
        if self.description != live.actual.description {
            patch.replace("/description", &self.description);
        }
        if self.enabled != live.actual.enabled {
            patch.replace("/enabled", self.enabled);
        }
        if let Some(operations) = patch.operations() {
            aws.write(at, "apigateway", "UpdateApiKey", || {
                let ask = aws.apigateway().update_api_key().api_key(id);
                ask.set_patch_operations(Some(operations.clone())).send()
            })
            .await?;
        }
        let arn = identity::arn(aws, COLLECTION, id);
        identity::sync_tags(at, &arn, &live.tags.unwrap_or_default(), aws).await?;
        Ok(live.outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let id = &live.outputs["id"];
        aws.write(at, "apigateway", "DeleteApiKey", || aws.apigateway().delete_api_key().api_key(id).send())
            .await
            .absent_on(ABSENT)?;
        Ok(())
    }
}

impl ApiKey {
    /// The answer holds the value; only the id is taken from it.
    async fn create(&self, at: &Place, aws: &Writer) -> Result<Outputs, Fault> {
        let created = aws
            .write(at, "apigateway", "CreateApiKey", || {
                let ask = aws.apigateway().create_api_key().name(at.name()).enabled(self.enabled);
                ask.description(&self.description)
                    .set_tags(Some(at.tags.clone().into_iter().collect()))
                    .send()
            })
            .await?;
        let id = created
            .id
            .ok_or_else(|| Fault::refused(&at.address, "API Gateway made a key and did not say which"))?;
        Ok(outputs(&id, at.name(), aws))
    }
}

fn outputs(id: &str, name: &str, aws: &Reader) -> Outputs {
    Outputs::from([
        ("id".to_owned(), id.to_owned()),
        ("name".to_owned(), name.to_owned()),
        ("arn".to_owned(), identity::arn(aws, COLLECTION, id)),
    ])
}

/// All keys of the account, tags included and values not.
async fn list(aws: &Reader) -> Result<Arc<Vec<Found>>, Fault> {
    aws.once("apigateway:GetApiKeys", async {
        let at = whole_account("api-keys");
        let ask = || aws.apigateway().get_api_keys().include_values(false);
        Ok(pages!(&at, aws, "GetApiKeys", &[], ask()).unwrap_or_default())
    })
    .await
}
