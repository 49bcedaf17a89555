//! A domain of our own in front of the APIs, each below a path of its own.

use contract::api::Api;
use kinds::{
    World,
    bound::{DeclareError, Handle},
    kinds::{base_path_mapping::BasePathMapping, domain_name::DomainName, rest_api::RestApi},
};
use model::{Address, Text};

use crate::Environment;

pub(crate) const STACK: &str = "shared";

/// The domain.
pub(crate) const NAME: &str = "apis";

/// Declares the domain, where the environment has one.
pub(crate) fn declare(
    world: &mut World,
    environment: &Environment,
) -> Result<Option<Handle<DomainName>>, DeclareError> {
    let Some(domain) = &environment.web.domain else { return Ok(None) };
    let declared = DomainName::regional(domain.name.as_str(), domain.certificate.as_str());
    world.add(STACK, NAME, declared).map(Some)
}

/// Lets the domain lead to an API.
pub(crate) fn lead(
    world: &mut World,
    environment: &Environment,
    domain: &Handle<DomainName>,
    api: &Api,
    gateway: &Handle<RestApi>,
) -> Result<(), DeclareError> {
    let path = environment.web.domain.as_ref().map(|domain| domain.path_of(api.name).to_owned());
    let stage = environment.web.path_of(api.name).into();
    let mapping = BasePathMapping { domain: domain.by("name"), path, api: gateway.by("id"), stage };
    world.add(api.stack, api.name, mapping).map(|_| ())
}

/// What an API is called at. Below a domain of our own it is known beforehand and stays; else it has the id of the API,
/// which AWS invents, so that whoever wants it waits for the API.
pub(crate) fn url_of(environment: &Environment, stack: &str, api: &str) -> Result<Text, DeclareError> {
    match &environment.web.domain {
        Some(domain) => Ok(domain.url_of(api).into()),
        None => Ok(Text::of(&Address::new(stack, "rest api", api)?, "url")),
    }
}
