//! A domain of one's own in front of REST APIs.
//!
//! Outputs: `name`, `arn`, and what DNS must lead to: `target`, and `zone`, the hosted zone of an alias in Route 53.
//!
//! Surprises (API Gateway developer guide, "Custom domain names"; API reference, `DomainName`): the certificate is one
//! of ACM, in the Region of a regional domain and in us-east-1 for one at the edge; a change takes minutes, in which
//! the next one is refused; the target is invented once, so a domain that is deleted comes back with another, and its
//! DNS record must be changed; deleting takes the mappings with it; API Gateway never looks at DNS, so whether anybody
//! gets there is asked of DNS itself, and is a finding and not a wait.

use aws_sdk_apigateway::{
    operation::get_domain_name::GetDomainNameOutput,
    types::{
        DomainNameStatus, EndpointConfiguration, IpAddressType, MutualTlsAuthenticationInput, RoutingMode,
        SecurityPolicy,
    },
};
use model::{Address, Fault, Fields, Outputs, Text};
use serde::{Deserialize, Serialize};

use super::rest_api::{
    Endpoint,
    identity::{self, ABSENT},
    patch::Patch,
};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, Waiting, names::Leads, reads},
};

reads!(aws_sdk_apigateway: get_domain_name GetDomainNameFluentBuilder);

const COLLECTION: &str = "domainnames";

/// Where certificates of domains at the edge are.
const GLOBAL: &str = "us-east-1";

/// A host name that leads to APIs; which, is said by base path mappings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainName {
    /// `api.example.com`.
    pub name: String,
    pub endpoint: Endpoint,
    /// The ARN of an ACM certificate for the name.
    pub certificate: Text,
    /// The oldest TLS that callers may speak.
    pub tls: Tls,
    /// Callers must show a certificate that somebody in this file has signed.
    pub truststore: Option<Truststore>,
    /// Whether it has addresses of IP version 6, too.
    pub dual_stack: bool,
    /// What picks the API of a request.
    pub routing: Routing,
}

/// Versions and ciphers together, as API Gateway names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tls {
    Tls10,
    Tls12,
    /// Another policy. It cannot be declared.
    Other(String),
}

/// Certificate authorities in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truststore {
    /// `s3://bucket/key`.
    pub uri: String,
    /// Of the object, where the bucket keeps versions.
    pub version: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Routing {
    BasePaths,
    Rules,
    RulesThenBasePaths,
}

impl Tls {
    fn word(&self) -> SecurityPolicy {
        match self {
            Self::Tls10 => SecurityPolicy::Tls10,
            Self::Tls12 => SecurityPolicy::Tls12,
            Self::Other(word) => word.as_str().into(),
        }
    }

    fn read(found: Option<&SecurityPolicy>) -> Self {
        match found {
            // Domains from before the choice.
            None | Some(SecurityPolicy::Tls10) => Self::Tls10,
            Some(SecurityPolicy::Tls12) => Self::Tls12,
            Some(other) => Self::Other(other.as_str().to_owned()),
        }
    }
}

impl Routing {
    fn word(self) -> RoutingMode {
        match self {
            Self::BasePaths => RoutingMode::BasePathMappingOnly,
            Self::Rules => RoutingMode::RoutingRuleOnly,
            Self::RulesThenBasePaths => RoutingMode::RoutingRuleThenBasePathMapping,
        }
    }

    fn read(found: Option<&RoutingMode>) -> Self {
        match found {
            Some(RoutingMode::RoutingRuleOnly) => Self::Rules,
            Some(RoutingMode::RoutingRuleThenBasePathMapping) => Self::RulesThenBasePaths,
            _ => Self::BasePaths,
        }
    }
}

impl DomainName {
    /// A domain in the Region of the stage that speaks TLS 1.2 and newer.
    #[must_use]
    pub fn regional(name: &str, certificate: impl Into<Text>) -> Self {
        Self {
            name: name.to_owned(),
            endpoint: Endpoint::Regional,
            certificate: certificate.into(),
            tls: Tls::Tls12,
            truststore: None,
            dual_stack: false,
            routing: Routing::BasePaths,
        }
    }

    fn read(name: &str, found: &GetDomainNameOutput) -> Self {
        let configuration = found.endpoint_configuration();
        let endpoint = configuration.and_then(|one| one.types().first()).map(Endpoint::read);
        let endpoint = endpoint.unwrap_or(Endpoint::Edge);
        let certificate = match endpoint {
            Endpoint::Regional => found.regional_certificate_arn(),
            Endpoint::Edge | Endpoint::Private => found.certificate_arn(),
        };
        let truststore = found.mutual_tls_authentication().and_then(|tls| {
            let uri = tls.truststore_uri().filter(|uri| !uri.is_empty())?.to_owned();
            let version = tls.truststore_version().filter(|version| !version.is_empty());
            Some(Truststore { uri, version: version.map(str::to_owned) })
        });
        Self {
            name: name.to_owned(),
            endpoint,
            certificate: certificate.unwrap_or_default().into(),
            tls: Tls::read(found.security_policy()),
            truststore,
            dual_stack: configuration.and_then(|one| one.ip_address_type())
                == Some(&IpAddressType::Dualstack),
            routing: Routing::read(found.routing_mode()),
        }
    }

    /// Refuses what API Gateway could not serve.
    fn check(&self, at: &Place, scope: &Scope) -> Result<(), Fault> {
        let region = if self.endpoint == Endpoint::Edge { GLOBAL } else { &scope.region };
        let wanted = format!("arn:aws:acm:{region}:{}:certificate/", scope.account);
        let (text, hint) = if !self.certificate.as_str().starts_with(&wanted) {
            let text = format!("its certificate is {}, and must be one of {wanted}…", self.certificate);
            (text, "issue one for the name there (AWS Certificate Manager), and name that")
        } else if self.endpoint == Endpoint::Private {
            ("private domains are none of the internet's".to_owned(), "declare a regional one")
        } else if matches!(self.tls, Tls::Other(_)) {
            ("this security policy cannot be declared".to_owned(), "declare TLS 1.2")
        } else if self.truststore.is_some() && self.endpoint != Endpoint::Regional {
            ("only regional domains ask callers for certificates".to_owned(), "declare a regional one")
        } else {
            return Ok(());
        };
        Err(Fault::refused(&at.address, text).hint(hint))
    }

    fn patch(&self, live: &Self) -> Patch {
        let mut to = Patch::default();
        if self.certificate != live.certificate {
            let regional = self.endpoint == Endpoint::Regional;
            let path = if regional { "/regionalCertificateArn" } else { "/certificateArn" };
            to.replace(path, &self.certificate);
        }
        if self.tls != live.tls {
            to.replace("/securityPolicy", self.tls.word().as_str());
        }
        if self.truststore != live.truststore {
            let (uri, version) = match &self.truststore {
                Some(Truststore { uri, version }) => (uri.as_str(), version.as_deref().unwrap_or_default()),
                // Without an address nobody is asked.
                None => ("", ""),
            };
            to.replace("/mutualTlsAuthentication/truststoreUri", uri);
            if !uri.is_empty() {
                to.replace("/mutualTlsAuthentication/truststoreVersion", version);
            }
        }
        if self.dual_stack != live.dual_stack {
            let kind = if self.dual_stack { IpAddressType::Dualstack } else { IpAddressType::Ipv4 };
            to.replace("/endpointConfiguration/ipAddressType", kind.as_str());
        }
        if self.routing != live.routing {
            to.replace("/routingMode", self.routing.word().as_str());
        }
        to
    }
}

impl Resource for DomainName {
    const KIND: &'static str = "domain name";
    const IRREVERSIBLE: Option<&'static str> =
        Some("its target never comes back, so the DNS record must be changed");

    /// The host is what API Gateway calls it by.
    fn physical_of(&self, _: &Scope, _: &Address) -> String {
        self.name.clone()
    }

    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), format!("arn:aws:apigateway:{}::/{COLLECTION}/{physical}", scope.region)),
            ("name".to_owned(), physical.to_owned()),
        ])
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        identity::id_of_arn(arn, COLLECTION).map(str::to_owned)
    }

    fn list(&self, to: &mut Fields) {
        let Self { name, endpoint, certificate, tls, truststore, dual_stack, routing } = self;
        to.fixed("name", name);
        // Another endpoint is another target: nobody would get there until DNS is changed.
        to.blocked("endpoint", endpoint);
        to.field("certificate", certificate);
        to.field("tls", tls);
        to.field("truststore", truststore);
        to.field("dual_stack", dual_stack);
        to.field("routing", routing);
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let Some(found) = look(at, aws).await? else { return Ok(None) };
        let actual = Self::read(at.name(), &found);
        let mut outputs = Self::known(aws.scope(), at.name());
        let (target, zone) = target_of(&actual, &found);
        outputs.extend(target.map(|target| ("target".to_owned(), target)));
        outputs.extend(zone.map(|zone| ("zone".to_owned(), zone)));
        let mut findings = Vec::new();
        findings.extend(unfinished(&found));
        if aws.looks_inside() {
            findings.extend(unpublished(at.name(), &outputs, aws).await);
        }
        let tags = found.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()));
        Ok(Some(Live { findings, ..Live::new(actual, outputs, Some(tags.collect())) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        self.check(at, aws.scope())?;
        let Some(live) = live else { return self.create(at, aws).await };
        if let Some(operations) = self.patch(&live.actual).operations() {
            aws.until(at, Waiting::up_to(900, "the last change of the domain"), || async {
                let found = look(at, aws.reader()).await?;
                let busy =
                    found.is_some_and(|one| one.domain_name_status() == Some(&DomainNameStatus::Updating));
                Ok(Some(()).filter(|()| !busy))
            })
            .await?;
            aws.write(at, "apigateway", "UpdateDomainName", || {
                let ask = aws.apigateway().update_domain_name().domain_name(at.name());
                ask.set_patch_operations(Some(operations.clone())).send()
            })
            .await?;
        }
        identity::sync_tags(at, &live.outputs["arn"], &live.tags.unwrap_or_default(), aws).await?;
        Ok(live.outputs)
    }

    async fn delete(at: &Place, _: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        aws.write(at, "apigateway", "DeleteDomainName", || {
            aws.apigateway().delete_domain_name().domain_name(at.name()).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

impl DomainName {
    /// Born with everything in one call.
    async fn create(&self, at: &Place, aws: &Writer) -> Result<Outputs, Fault> {
        let made = aws
            .write(at, "apigateway", "CreateDomainName", || {
                let kind = if self.dual_stack { IpAddressType::Dualstack } else { IpAddressType::Ipv4 };
                let endpoint = EndpointConfiguration::builder().types(self.endpoint.word());
                let ask = aws.apigateway().create_domain_name().domain_name(at.name());
                let ask = match self.endpoint {
                    Endpoint::Regional => ask.regional_certificate_arn(self.certificate.as_str()),
                    Endpoint::Edge | Endpoint::Private => ask.certificate_arn(self.certificate.as_str()),
                };
                let truststore = self.truststore.as_ref().map(|one| {
                    MutualTlsAuthenticationInput::builder()
                        .truststore_uri(&one.uri)
                        .set_truststore_version(one.version.clone())
                        .build()
                });
                ask.endpoint_configuration(endpoint.ip_address_type(kind).build())
                    .security_policy(self.tls.word())
                    .set_mutual_tls_authentication(truststore)
                    .routing_mode(self.routing.word())
                    .set_tags(Some(at.tags.clone().into_iter().collect()))
                    .send()
            })
            .await?;
        let mut outputs = Self::known(aws.scope(), at.name());
        let (target, zone) = match self.endpoint {
            Endpoint::Regional => (made.regional_domain_name, made.regional_hosted_zone_id),
            Endpoint::Edge | Endpoint::Private => {
                (made.distribution_domain_name, made.distribution_hosted_zone_id)
            }
        };
        outputs.extend(target.map(|target| ("target".to_owned(), target)));
        outputs.extend(zone.map(|zone| ("zone".to_owned(), zone)));
        Ok(outputs)
    }
}

async fn look(at: &Place, aws: &Reader) -> Result<Option<GetDomainNameOutput>, Fault> {
    aws.read(&at.address, "apigateway", "GetDomainName", || {
        aws.apigateway().get_domain_name().domain_name(at.name()).send()
    })
    .await
    .absent_on(ABSENT)
}

fn target_of(actual: &DomainName, found: &GetDomainNameOutput) -> (Option<String>, Option<String>) {
    let (target, zone) = match actual.endpoint {
        Endpoint::Regional => (found.regional_domain_name(), found.regional_hosted_zone_id()),
        Endpoint::Edge | Endpoint::Private => {
            (found.distribution_domain_name(), found.distribution_hosted_zone_id())
        }
    };
    (target.map(str::to_owned), zone.map(str::to_owned))
}

/// What a person must know while API Gateway does not serve it as declared.
fn unfinished(found: &GetDomainNameOutput) -> Option<String> {
    let status = found.domain_name_status()?;
    let text = match status {
        DomainNameStatus::Available => return None,
        DomainNameStatus::Updating => "is being changed: callers still meet what was there before",
        DomainNameStatus::Pending => "is not served yet",
        DomainNameStatus::PendingCertificateReimport => "waits for its certificate to be imported again",
        DomainNameStatus::PendingOwnershipVerification => "waits for a certificate that proves whose it is",
        _ => "is not served",
    };
    let why = found.domain_name_status_message().filter(|why| !why.is_empty());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    Some(format!("{text} ({}){why}", status.as_str()))
}

/// The DNS record that somebody must publish, unless it is known that somebody did.
async fn unpublished(name: &str, outputs: &Outputs, aws: &Reader) -> Option<String> {
    let target = outputs.get("target")?;
    let zone = outputs.get("zone").map(|zone| format!(" (in Route 53: an alias to it in zone {zone})"));
    let record = format!("publish {name} CNAME {target}{}", zone.unwrap_or_default());
    match aws.leads(name, target).await {
        Leads::There => None,
        Leads::NotThere => Some(format!("waiting for DNS: {record}")),
        Leads::Unknown => Some(format!("DNS was not asked whether it leads here: {record}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_served_yet_says_why() {
        let of = |status: DomainNameStatus| {
            unfinished(&GetDomainNameOutput::builder().domain_name_status(status).build())
        };
        assert_eq!(of(DomainNameStatus::Available), None);
        assert_eq!(of(DomainNameStatus::Pending).as_deref(), Some("is not served yet (PENDING)"));
        let failed = GetDomainNameOutput::builder().domain_name_status(DomainNameStatus::Failed);
        let failed = failed.domain_name_status_message("no such certificate").build();
        assert_eq!(unfinished(&failed).as_deref(), Some("is not served (FAILED): no such certificate"));
    }
}
