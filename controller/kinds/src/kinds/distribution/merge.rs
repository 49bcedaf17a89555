//! A distribution merged into the live configuration, and read out of it.

use std::collections::BTreeMap;

use aws_sdk_cloudfront::{
    error::BuildError,
    types::{
        CacheBehaviors, CustomOriginConfig, DistributionConfig, Origin as SdkOrigin, OriginShield,
        OriginSslProtocols, Origins, S3OriginConfig, SslProtocol,
    },
};
use model::{Fault, Ref, Text};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Distribution, HttpVersion, Origin, OriginProtocol, PriceClass, Server,
    behavior::{merge_default, merge_path, read_default, read_path},
    domain, mark,
};
use crate::{Place, Scope};

/// A length as CloudFront counts.
pub(super) fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

fn signed(given: u32) -> i32 {
    i32::try_from(given).unwrap_or(i32::MAX)
}

fn unsigned(given: Option<i32>) -> u32 {
    given.and_then(|given| u32::try_from(given).ok()).unwrap_or_default()
}

/// The word that serde knows a variant by.
fn word(variant: impl Serialize) -> String {
    let value = serde_json::to_value(variant).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn variant<T: DeserializeOwned>(at: &Place, what: &str, word: Option<&str>, default: T) -> Result<T, Fault> {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(default) };
    serde_json::from_value(word.into())
        .map_err(|_| Fault::refused(&at.address, format!("its {what} {word} is not known")))
}

/// A configuration that asks for nothing yet.
pub(super) fn blank(reference: &str) -> Result<DistributionConfig, BuildError> {
    DistributionConfig::builder().caller_reference(reference).comment("").enabled(true).build()
}

impl Distribution {
    /// Writes what is modelled over `to` and keeps the rest.
    pub(super) fn merge(
        &self,
        mut to: DistributionConfig,
        comment: String,
    ) -> Result<DistributionConfig, BuildError> {
        let old = to.origins.as_ref().map(Origins::items).unwrap_or_default();
        let origins = self
            .origins
            .iter()
            .map(|(id, origin)| origin.merge(id, old.iter().find(|one| one.id() == id)))
            .collect::<Result<Vec<_>, _>>()?;
        to.origins =
            Some(Origins::builder().quantity(count(origins.len())).set_items(Some(origins)).build()?);
        let default = merge_default(&self.default_behavior, to.default_cache_behavior.as_ref())?;
        to.default_cache_behavior = Some(default);
        let old = to.cache_behaviors.as_ref().map(CacheBehaviors::items).unwrap_or_default();
        let behaviors = self
            .behaviors
            .iter()
            .map(|want| merge_path(want, old.iter().find(|one| one.path_pattern() == want.path)))
            .collect::<Result<Vec<_>, _>>()?;
        let all = CacheBehaviors::builder().quantity(count(behaviors.len()));
        to.cache_behaviors = Some(all.set_items((!behaviors.is_empty()).then_some(behaviors)).build()?);
        to.comment = comment;
        to.enabled = self.enabled;
        to.aliases = Some(domain::aliases(self.custom_domain.as_ref())?);
        if to.viewer_certificate.is_none() || domain::read_domain(&to) != self.custom_domain {
            to.viewer_certificate = Some(domain::certificate(self.custom_domain.as_ref()));
        }
        to.price_class = Some(word(self.price_class).as_str().into());
        to.http_version = Some(word(self.http_version).as_str().into());
        to.is_ipv6_enabled = Some(self.ipv6);
        to.logging = Some(domain::logging(self.access_logs.as_ref()));
        to.default_root_object = Some(self.default_root_object.clone().unwrap_or_default());
        to.restrictions = Some(domain::restrictions(self.countries.as_ref())?);
        to.custom_error_responses = Some(domain::errors(&self.error_responses)?);
        to.web_acl_id = Some(self.web_acl.as_ref().map(Text::to_string).unwrap_or_default());
        Ok(to)
    }

    pub(super) fn read(at: &Place, scope: &Scope, config: &DistributionConfig) -> Result<Self, Fault> {
        let origins = config.origins().map(Origins::items).unwrap_or_default();
        let Some(default) = config.default_cache_behavior() else {
            return Err(Fault::refused(&at.address, "CloudFront does not tell its default behaviour"));
        };
        let text = |given: Option<&str>| given.filter(|given| !given.is_empty()).map(str::to_owned);
        let behaviors = config.cache_behaviors().map(CacheBehaviors::items).unwrap_or_default();
        let price = config.price_class().map(|class| class.as_str());
        let http = config.http_version().map(|version| version.as_str());
        Ok(Self {
            comment: mark::words(scope, &at.address, config.comment()),
            enabled: config.enabled(),
            origins: origins
                .iter()
                .map(|one| Ok((one.id().to_owned(), Origin::read(at, one)?)))
                .collect::<Result<BTreeMap<_, _>, Fault>>()?,
            default_behavior: read_default(default),
            behaviors: behaviors.iter().map(read_path).collect(),
            custom_domain: domain::read_domain(config),
            price_class: variant(at, "price class", price, PriceClass::All)?,
            http_version: variant(at, "HTTP version", http, HttpVersion::Http2)?,
            ipv6: config.is_ipv6_enabled().unwrap_or_default(),
            access_logs: domain::read_logging(config),
            default_root_object: text(config.default_root_object()),
            countries: domain::read_countries(config),
            error_responses: domain::read_errors(config),
            web_acl: text(config.web_acl_id()).map(Text::from),
        })
    }
}

impl Origin {
    fn merge(&self, id: &str, live: Option<&SdkOrigin>) -> Result<SdkOrigin, BuildError> {
        let mut to = match live {
            Some(live) => live.clone(),
            None => SdkOrigin::builder().id(id).domain_name(self.domain.as_str()).build()?,
        };
        to.domain_name = self.domain.to_string();
        to.origin_path = Some(self.path.clone());
        let control = self.access_control.as_ref().map(|control| control.text().to_string());
        to.origin_access_control_id = Some(control.unwrap_or_default());
        to.connection_attempts = Some(signed(self.attempts));
        to.connection_timeout = Some(signed(self.connect_timeout_s));
        let shield = OriginShield::builder().enabled(self.shield.is_some());
        to.origin_shield = Some(shield.set_origin_shield_region(self.shield.clone()).build()?);
        match &self.server {
            None => {
                to.custom_origin_config = None;
                let mut bucket = to.s3_origin_config.unwrap_or_else(|| S3OriginConfig::builder().build());
                // With an access control the older identity must be empty, and without one it is not ours to keep.
                bucket.origin_access_identity = String::new();
                to.s3_origin_config = Some(bucket);
            }
            Some(server) => {
                to.s3_origin_config = None;
                to.custom_origin_config = Some(server.merge(to.custom_origin_config)?);
            }
        }
        Ok(to)
    }

    fn read(at: &Place, live: &SdkOrigin) -> Result<Self, Fault> {
        let control = live.origin_access_control_id().filter(|id| !id.is_empty());
        // The older identity reads as an access control that is not wanted, so that it is seen.
        let identity = live.s3_origin_config().map(S3OriginConfig::origin_access_identity);
        let identity = identity.filter(|identity| !identity.is_empty());
        let shield = live.origin_shield().filter(|shield| shield.enabled());
        Ok(Self {
            domain: Text::from(live.domain_name()),
            path: live.origin_path().unwrap_or_default().to_owned(),
            server: live.custom_origin_config().map(|server| Server::read(at, server)).transpose()?,
            access_control: control.or(identity).map(Ref::live),
            attempts: unsigned(live.connection_attempts()),
            connect_timeout_s: unsigned(live.connection_timeout()),
            shield: shield.and_then(|shield| shield.origin_shield_region()).map(str::to_owned),
        })
    }
}

impl Server {
    fn merge(&self, live: Option<CustomOriginConfig>) -> Result<CustomOriginConfig, BuildError> {
        let (http, https) = (i32::from(self.http_port), i32::from(self.https_port));
        let protocol = word(self.protocol);
        let mut to = match live {
            Some(live) => live,
            None => CustomOriginConfig::builder()
                .http_port(http)
                .https_port(https)
                .origin_protocol_policy(protocol.as_str().into())
                .build()?,
        };
        let tls: Vec<SslProtocol> = self.tls.iter().map(|one| SslProtocol::from(one.as_str())).collect();
        to.origin_ssl_protocols =
            Some(OriginSslProtocols::builder().quantity(count(tls.len())).set_items(Some(tls)).build()?);
        to.http_port = http;
        to.https_port = https;
        to.origin_protocol_policy = protocol.as_str().into();
        to.origin_read_timeout = Some(signed(self.read_timeout_s));
        to.origin_keepalive_timeout = Some(signed(self.keep_alive_s));
        Ok(to)
    }

    fn read(at: &Place, live: &CustomOriginConfig) -> Result<Self, Fault> {
        let port = |port: i32| u16::try_from(port).unwrap_or_default();
        let tls = live.origin_ssl_protocols().map(OriginSslProtocols::items).unwrap_or_default();
        let protocol = Some(live.origin_protocol_policy().as_str());
        Ok(Self {
            protocol: variant(at, "origin protocol", protocol, OriginProtocol::HttpsOnly)?,
            http_port: port(live.http_port()),
            https_port: port(live.https_port()),
            tls: tls.iter().map(|one| one.as_str().to_owned()).collect(),
            read_timeout_s: unsigned(live.origin_read_timeout()),
            keep_alive_s: unsigned(live.origin_keepalive_timeout()),
        })
    }
}
