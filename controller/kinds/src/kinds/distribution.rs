//! A distribution of CloudFront. Outputs: `id`, `arn`, `domain` (`d….cloudfront.net`).
//!
//! Surprises (aws-semantics 8.1): an update sends the whole configuration, so ours is merged into the live one, and
//! what is not modelled here (origin groups, origin headers, functions at the edge, field-level encryption, real-time
//! logs, staging) stays as it is. A change is accepted at once and on its way for minutes: that is a finding, not a
//! wait. Deleting needs the distribution to be disabled, and that to have reached every edge. It has no name: its tags
//! and the mark in its comment find it; the environment may name an existing one by its id. Without a domain of its
//! own it uses CloudFront's certificate, and with that the oldest TLS is 1.0, whatever one asks for.

use std::collections::{BTreeMap, BTreeSet};

use model::{Address, Fault, Fields, Outputs, Ref, Tags, Text};
use serde::{Deserialize, Serialize};

use super::{
    key_group::KeyGroup, origin_access_control::OriginAccessControl,
    response_headers_policy::ResponseHeadersPolicy,
};
use crate::{Live, Place, Reader, Resource, Scope, Writer};

mod behavior;
mod domain;
pub(super) mod find;
pub(super) mod mark;
mod merge;
pub(super) mod version;
mod write;

/// One place from which viewers get what origins hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    pub comment: String,
    pub enabled: bool,
    /// By the id that behaviours name.
    pub origins: BTreeMap<String, Origin>,
    /// For every path that no other behaviour matches.
    pub default_behavior: Behavior,
    /// In order: the first one that matches is taken.
    pub behaviors: Vec<PathBehavior>,
    /// `None` for the `cloudfront.net` domain alone.
    pub custom_domain: Option<CustomDomain>,
    pub price_class: PriceClass,
    pub http_version: HttpVersion,
    pub ipv6: bool,
    pub access_logs: Option<AccessLogs>,
    /// What `/` gives, without a slash.
    pub default_root_object: Option<String>,
    pub countries: Option<Countries>,
    /// By the code that the origin answers with (`404`).
    pub error_responses: BTreeMap<String, ErrorResponse>,
    /// The ARN of a global web ACL.
    pub web_acl: Option<Text>,
}

/// Where content comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// A host name; a bucket's is `NAME.s3.REGION.amazonaws.com`.
    pub domain: Text,
    /// Put before every path: empty, or beginning with a slash.
    pub path: String,
    /// `None` for a bucket.
    pub server: Option<Server>,
    /// Signs requests to a private origin.
    pub access_control: Option<Ref<OriginAccessControl>>,
    pub attempts: u32,
    /// How long one attempt to connect may take, in seconds.
    pub connect_timeout_s: u32,
    /// The Region whose cache stands before the origin.
    pub shield: Option<String>,
}

/// How a web server is spoken to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Server {
    pub protocol: OriginProtocol,
    pub http_port: u16,
    pub https_port: u16,
    /// `TLSv1.2` and older ones.
    pub tls: BTreeSet<String>,
    pub read_timeout_s: u32,
    pub keep_alive_s: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OriginProtocol {
    HttpsOnly,
    HttpOnly,
    MatchViewer,
}

/// What is done with requests for some paths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Behavior {
    /// The id of an origin, or of an origin group.
    pub origin: String,
    pub viewers: Viewers,
    pub methods: Methods,
    /// Whether answers to OPTIONS are cached too.
    pub caches_options: bool,
    pub compresses: bool,
    /// By id.
    pub cache_policy: Text,
    /// By id.
    pub origin_request_policy: Option<Text>,
    /// By id.
    pub response_headers_policy: Option<Ref<ResponseHeadersPolicy>>,
    /// By id. When there is one, only signed links and cookies are served.
    pub key_groups: BTreeSet<Ref<KeyGroup>>,
    /// Accounts whose own key pairs may sign too, the older way.
    pub signers: BTreeSet<String>,
}

/// A behaviour for the paths that a pattern matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathBehavior {
    /// Such as `reports/*.pdf`.
    pub path: String,
    pub behavior: Behavior,
}

/// How viewers may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Viewers {
    HttpsOnly,
    RedirectToHttps,
    AllowAll,
}

/// What is let through to the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Methods {
    /// GET and HEAD.
    Read,
    /// Those and OPTIONS, which CORS needs.
    ReadAndOptions,
    All,
}

/// Names of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomDomain {
    pub aliases: BTreeSet<String>,
    /// The ARN of a certificate in us-east-1.
    pub certificate: Text,
    /// The oldest TLS that viewers may speak.
    pub tls: Tls,
}

/// CloudFront's security policies, by their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tls {
    #[serde(rename = "TLSv1.2_2021")]
    Tls12Of2021,
    #[serde(rename = "TLSv1.2_2025")]
    Tls12Of2025,
    #[serde(rename = "TLSv1.3_2025")]
    Tls13Of2025,
    /// Only ever found, never set.
    #[serde(untagged)]
    Older(String),
}

/// Where in the world it is served from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PriceClass {
    /// North America, Europe, Israel.
    #[serde(rename = "PriceClass_100")]
    Least,
    #[serde(rename = "PriceClass_200")]
    Most,
    #[serde(rename = "PriceClass_All")]
    All,
}

/// The newest HTTP that viewers may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpVersion {
    #[serde(rename = "http1.1")]
    Http1,
    #[serde(rename = "http2")]
    Http2,
    #[serde(rename = "http3")]
    Http3,
    #[serde(rename = "http2and3")]
    Http2And3,
}

/// A line for each request, some minutes later, in a bucket that must take ACLs (`BucketOwnerPreferred`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessLogs {
    /// The bucket's host name, its output `domain`.
    pub bucket: Text,
    pub prefix: String,
    pub cookies: bool,
}

/// From where viewers may come, as two-letter codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Countries {
    Only(BTreeSet<String>),
    Not(BTreeSet<String>),
}

/// What viewers get instead of an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorResponse {
    pub page: Option<ErrorPage>,
    /// How long the error is cached, in seconds.
    pub cache_s: u32,
}

/// A page, and the code it is sent with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorPage {
    pub path: String,
    pub code: u16,
}

/// AWS's own cache policies, which every account has.
pub mod cache_policy {
    /// Long, by path alone, compressed.
    pub const OPTIMIZED: &str = "658327ea-f89d-4fab-a63d-7e88639e58f6";
    /// Not at all.
    pub const DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
}

/// AWS's own origin request policies, which every account has.
pub mod origin_request_policy {
    /// Everything but the host, which servers of AWS check.
    pub const ALL_VIEWER_EXCEPT_HOST: &str = "b689b0a8-53d0-40ab-baf2-68738e2966ac";
    /// The headers of CORS, for buckets.
    pub const CORS_S3: &str = "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf";
}

impl Distribution {
    /// One origin, and HTTPS for everybody who may see it.
    #[must_use]
    pub fn of(id: &str, origin: Origin) -> Self {
        Self {
            comment: String::new(),
            enabled: true,
            origins: BTreeMap::from([(id.to_owned(), origin)]),
            default_behavior: Behavior::read(id),
            behaviors: Vec::new(),
            custom_domain: None,
            price_class: PriceClass::All,
            http_version: HttpVersion::Http2,
            ipv6: true,
            access_logs: None,
            default_root_object: None,
            countries: None,
            error_responses: BTreeMap::new(),
            web_acl: None,
        }
    }
}

impl Origin {
    /// A private bucket, by its host name.
    #[must_use]
    pub fn bucket(domain: impl Into<Text>, access_control: Ref<OriginAccessControl>) -> Self {
        Self {
            domain: domain.into(),
            path: String::new(),
            server: None,
            access_control: Some(access_control),
            attempts: 3,
            connect_timeout_s: 10,
            shield: None,
        }
    }

    /// A web server by HTTPS.
    #[must_use]
    pub fn server(domain: impl Into<Text>) -> Self {
        let server = Server {
            protocol: OriginProtocol::HttpsOnly,
            http_port: 80,
            https_port: 443,
            tls: BTreeSet::from(["TLSv1.2".to_owned()]),
            read_timeout_s: 30,
            keep_alive_s: 5,
        };
        Self {
            domain: domain.into(),
            path: String::new(),
            server: Some(server),
            access_control: None,
            attempts: 3,
            connect_timeout_s: 10,
            shield: None,
        }
    }
}

impl Behavior {
    /// GET and HEAD by HTTPS, cached for long and compressed.
    #[must_use]
    pub fn read(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            viewers: Viewers::HttpsOnly,
            methods: Methods::Read,
            caches_options: false,
            compresses: true,
            cache_policy: Text::from(cache_policy::OPTIMIZED),
            origin_request_policy: None,
            response_headers_policy: None,
            key_groups: BTreeSet::new(),
            signers: BTreeSet::new(),
        }
    }
}

fn arn(scope: &Scope, id: &str) -> String {
    format!("arn:aws:cloudfront::{}:distribution/{id}", scope.account)
}

impl Resource for Distribution {
    const KIND: &'static str = "distribution";
    const IRREVERSIBLE: Option<&'static str> =
        Some("its cloudfront.net domain never comes back, and every link to it dies");

    /// AWS invents everything, unless the environment names an existing one by its id.
    fn known(scope: &Scope, physical: &str) -> Outputs {
        match find::is_id(physical) {
            true => Outputs::from([
                ("id".to_owned(), physical.to_owned()),
                ("arn".to_owned(), arn(scope, physical)),
            ]),
            false => Outputs::new(),
        }
    }

    /// Its id: an ARN tells nothing else.
    fn physical_of_arn(arn: &str) -> Option<String> {
        arn.strip_prefix("arn:aws:cloudfront::")?.split_once(":distribution/").map(|(_, id)| id.to_owned())
    }

    fn list(&self, to: &mut Fields) {
        let Self {
            comment,
            enabled,
            origins,
            default_behavior,
            behaviors,
            custom_domain,
            price_class,
            http_version,
            ipv6,
            access_logs,
            default_root_object,
            countries,
            error_responses,
            web_acl,
        } = self;
        to.field("comment", comment);
        to.field("enabled", enabled);
        to.each("origins", origins);
        to.field("default_behavior", default_behavior);
        to.field("behaviors", behaviors);
        to.field("custom_domain", custom_domain);
        to.field("price_class", price_class);
        to.field("http_version", http_version);
        to.field("ipv6", ipv6);
        to.field("access_logs", access_logs);
        to.field("default_root_object", default_root_object);
        to.field("countries", countries);
        to.each("error_responses", error_responses);
        to.field("web_acl", web_acl);
    }

    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        find::owned(aws).await
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let Some(id) = find::id_of(at, aws).await? else { return Ok(None) };
        let Some(found) = find::get(&at.address, &id, aws).await? else { return Ok(None) };
        let arn = arn(aws.scope(), &id);
        let tags = aws.tags_of(at, &arn, find::tags(&at.address, &arn, aws)).await?;
        let actual = Self::read(at, aws.scope(), &found.config)?;
        let outputs = Outputs::from([
            ("id".to_owned(), id),
            ("arn".to_owned(), arn),
            ("domain".to_owned(), found.domain.clone()),
        ]);
        let findings = match found.deployed {
            true => Vec::new(),
            false => vec!["its last change is on its way to the edges: visible in minutes".to_owned()],
        };
        // No token: AWS's version moves on with changes that are none of ours (aws-semantics 1.1).
        Ok(Some(Live { findings, ..Live::new(actual, outputs, Some(tags)) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        self.check(at)?;
        let live = match live {
            Some(live) => live,
            None => match self.bear(at, aws).await? {
                version::Born::Made(outputs) => return Ok(outputs),
                version::Born::Before(live) => live,
            },
        };
        if *self != live.actual {
            self.update(at, &live, aws).await?;
        }
        write::sync_tags(at, &live.outputs["arn"], live.tags.as_ref().unwrap_or(&Tags::new()), aws).await?;
        Ok(live.outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        write::delete(at, &live.outputs["id"], aws).await
    }
}
