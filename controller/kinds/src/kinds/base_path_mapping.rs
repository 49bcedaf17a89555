//! A base path of a domain, and the stage of an API that it leads to.
//!
//! Outputs: `url`, without a slash at the end.
//!
//! Surprises (API Gateway API reference, `BasePathMapping`): it has neither a name nor tags: domain and base path are
//! its key; an empty base path is written `(none)`, and leaves no room for another; an API that a domain leads to
//! cannot be deleted; what callers send after the base path begins without the name of the stage.

use std::sync::Arc;

use aws_sdk_apigateway::types::BasePathMapping as Found;
use model::{Address, Fault, Fields, Outputs, Ref, Text};
use serde::{Deserialize, Serialize};

use super::{
    domain_name::DomainName,
    rest_api::{
        RestApi,
        identity::{ABSENT, PAGE},
        pages,
        patch::Patch,
    },
};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads},
};

reads!(aws_sdk_apigateway: get_base_path_mappings GetBasePathMappingsFluentBuilder);

/// An empty base path, as API Gateway writes it.
const NONE: &str = "(none)";

/// What stands between a domain and an API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BasePathMapping {
    /// By `name`.
    pub domain: Ref<DomainName>,
    /// One segment, without slashes; `None` is the whole domain.
    pub path: Option<String>,
    /// By `id`.
    pub api: Ref<RestApi>,
    pub stage: Text,
}

/// The two parts of a physical name.
fn key(physical: &str) -> Option<(&str, &str)> {
    physical.split_once('/').filter(|(domain, _)| !domain.is_empty())
}

fn of_word(word: &str) -> Option<String> {
    Some(word).filter(|word| !word.is_empty() && *word != NONE).map(str::to_owned)
}

impl BasePathMapping {
    fn word(&self) -> &str {
        self.path.as_deref().unwrap_or(NONE)
    }

    fn check(&self, at: &Place) -> Result<(), Fault> {
        let fits = |sign: char| sign.is_ascii_alphanumeric() || "$-_.+!*'()".contains(sign);
        let good = self.path.as_ref().is_none_or(|path| !path.is_empty() && path.chars().all(fits));
        if good {
            return Ok(());
        }
        Err(Fault::refused(&at.address, format!("`{}` is no base path", self.word()))
            .hint("use letters, digits and $-_.+!*'(), without a slash"))
    }

    fn patch(&self, live: &Self) -> Patch {
        let mut to = Patch::default();
        if self.api != live.api {
            to.replace("/restapiId", self.api.text());
        }
        if self.stage != live.stage {
            to.replace("/stage", &self.stage);
        }
        to
    }
}

impl Resource for BasePathMapping {
    const KIND: &'static str = "base path mapping";
    const TAGGED: bool = false;

    fn physical_of(&self, _: &Scope, _: &Address) -> String {
        format!("{}/{}", self.domain.text(), self.word())
    }

    fn known(_: &Scope, physical: &str) -> Outputs {
        let Some((domain, path)) = key(physical) else { return Outputs::new() };
        let path = of_word(path).map(|path| format!("/{path}")).unwrap_or_default();
        Outputs::from([("url".to_owned(), format!("https://{domain}{path}"))])
    }

    fn physical_of_arn(_: &str) -> Option<String> {
        None
    }

    fn list(&self, to: &mut Fields) {
        let Self { domain, path, api, stage } = self;
        to.fixed("domain", domain);
        to.fixed("path", path);
        to.field("api", api);
        to.field("stage", stage);
    }

    /// Whatever else the stage's own domains lead to.
    async fn unmanaged(aws: &Reader) -> Result<Vec<String>, Fault> {
        let mut all = Vec::new();
        for (address, domain) in DomainName::owned(aws).await? {
            let found = list(&address, &domain, aws).await?;
            let paths = found.iter().map(|one| one.base_path().unwrap_or(NONE));
            all.extend(paths.map(|path| format!("{domain}/{path}")));
        }
        Ok(all)
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        if model::text::references(at.name()).next().is_some() {
            // The domain is not there yet.
            return Ok(None);
        }
        let Some((domain, path)) = key(at.name()) else { return Ok(None) };
        let all = list(&at.address, domain, aws).await?;
        let found = all.iter().find(|one| one.base_path().unwrap_or(NONE) == path);
        Ok(found.map(|found| {
            let actual = Self {
                domain: Ref::live(domain),
                path: of_word(path),
                api: Ref::live(found.rest_api_id().unwrap_or_default()),
                stage: found.stage().unwrap_or_default().into(),
            };
            Live::new(actual, Self::known(aws.scope(), at.name()), None)
        }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        self.check(at)?;
        let domain = self.domain.text().as_str();
        match live {
            None => {
                aws.write(at, "apigateway", "CreateBasePathMapping", || {
                    let ask = aws.apigateway().create_base_path_mapping().domain_name(domain);
                    ask.base_path(self.word())
                        .rest_api_id(self.api.text().as_str())
                        .stage(self.stage.as_str())
                        .send()
                })
                .await?;
            }
            Some(live) => {
                if let Some(operations) = self.patch(&live.actual).operations() {
                    aws.write(at, "apigateway", "UpdateBasePathMapping", || {
                        let ask = aws.apigateway().update_base_path_mapping().domain_name(domain);
                        ask.base_path(self.word()).set_patch_operations(Some(operations.clone())).send()
                    })
                    .await?;
                }
            }
        }
        Ok(Self::known(aws.scope(), at.name()))
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        aws.write(at, "apigateway", "DeleteBasePathMapping", || {
            let ask = aws.apigateway().delete_base_path_mapping();
            ask.domain_name(live.actual.domain.text().as_str()).base_path(live.actual.word()).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

/// All mappings of a domain, none where it is not there.
async fn list(at: &Address, domain: &str, aws: &Reader) -> Result<Arc<Vec<Found>>, Fault> {
    aws.once(&format!("apigateway:GetBasePathMappings:{domain}"), async {
        let ask = || aws.apigateway().get_base_path_mappings().domain_name(domain);
        Ok(pages!(at, aws, "GetBasePathMappings", ABSENT, ask()).unwrap_or_default())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_url_is_domain_and_base_path() {
        let scope = Scope {
            project: "dn".to_owned(),
            stage: "test".to_owned(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            names: Default::default(),
            tags: Default::default(),
        };
        let url = |physical: &str| BasePathMapping::known(&scope, physical).remove("url");
        assert_eq!(url("api.example.com/outreach").as_deref(), Some("https://api.example.com/outreach"));
        assert_eq!(url("api.example.com/(none)").as_deref(), Some("https://api.example.com"));
    }
}
